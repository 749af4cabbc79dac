//! `icecore dump`.

use crate::support::{Sandbox, shop};
use serde_json::json;
use std::fs;

/// What a dump writes of a snapshot, as text.
fn dumped(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let outcome = sandbox.run([&["dump"], arguments].concat()).expect(0);
    assert!(outcome.stderr.contains("dumped snapshot"), "{}", outcome.stderr);
    outcome.stdout
}

/// The same as MessagePack.
fn packed(sandbox: &Sandbox, snapshot: &str) -> Vec<u8> {
    let path = sandbox.text("packed");
    let arguments = ["dump", snapshot, "--format", "messagepack", "--output", &path, "--overwrite"];
    sandbox.run(arguments).expect(0);
    fs::read(path).unwrap()
}

#[test]
fn a_dump_goes_to_standard_output_and_has_all_events_or_those_of_chosen_streams() {
    let sandbox = Sandbox::with_snapshot();
    let all = dumped(&sandbox, &["latest"]);
    assert_eq!(all.lines().count(), 6);
    let first: serde_json::Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    assert_eq!(
        first,
        json!({
            "stream_id": "order-1",
            "version": 1,
            "type": "OrderPlaced",
            "recorded_at": "2026-11-21T06:00:00.000000Z",
            "data": { "total": 10 },
        })
    );
    let chosen = dumped(&sandbox, &["latest", "--stream", "order-2", "--stream", "*-3"]);
    let expected: Vec<&str> = all.lines().filter(|line| !line.contains("order-1")).collect();
    assert_eq!(chosen.lines().collect::<Vec<_>>(), expected);
    let none = sandbox.run(["dump", "latest", "--stream", "customer-1"]).expect(1);
    assert_eq!(none.stdout, "");
}

#[test]
fn a_file_is_complete_or_not_there_and_is_not_replaced_unless_asked_for() {
    let sandbox = Sandbox::with_snapshot();
    let path = sandbox.text("shop.dump");
    let messages = sandbox.json(["dump", "latest", "--output", &path]);
    let summary = messages.last().unwrap();
    assert_eq!((&summary["events"], &summary["streams"]), (&json!(6), &json!(3)));
    assert_eq!((&summary["verified"], &summary["notes"]), (&json!(true), &json!([])));
    let bytes = fs::read(&path).unwrap();
    assert_eq!(summary["bytes_written"], bytes.len());
    let refused = sandbox.run(["dump", "latest", "--output", &path]).expect(1);
    assert!(refused.stderr.contains("--overwrite"), "{}", refused.stderr);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_ne!(packed(&sandbox, "latest"), bytes);
}

#[test]
fn what_is_dumped_as_lines_can_be_backed_up_and_is_the_same() {
    let sandbox = Sandbox::new();
    // Spelled as we never would.
    let odd = shop(40).replace("\"version\"", " \"version\" ").replace("{\"total\"", "{ \"total\"");
    fs::write(sandbox.path("odd.ndjson"), &odd).unwrap();
    let source = format!("ndjson:{}", sandbox.text("odd.ndjson"));
    sandbox.run(["backup", "events", &source, "--name", "odd"]).expect(0);
    let path = sandbox.text("plain.ndjson");
    sandbox.run(["dump", "latest", "--output", &path]).expect(0);
    assert_ne!(fs::read_to_string(&path).unwrap(), odd);
    let before = packed(&sandbox, "latest");
    let source = format!("ndjson:{path}");
    sandbox.run(["backup", "events", &source, "--name", "plain"]).expect(0);
    assert!(packed(&sandbox, "latest") == before, "it is not what was dumped");
}

#[cfg(feature = "postgres")]
#[test]
fn a_database_is_dumped_and_the_dump_backed_up_is_the_same() {
    use icecore_test_cluster::Cluster;
    let (cluster, sandbox) = (Cluster::start(), Sandbox::new());
    cluster.create_database("shop");
    let schema = "../icecore-sources/tests/postgres-schemas/eventcore-delivery/schema.sql";
    cluster.psql("shop", &fs::read_to_string(schema).unwrap());
    cluster.psql(
        "shop",
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
         SELECT gen_random_uuid(), 'order-' || n % 7, 'Placed', \
                jsonb_build_object('n', n, 'text', E'two\\nlines \"ä\"') \
         FROM generate_series(1, 300) n",
    );
    let url = cluster.url("shop");
    sandbox.run(["backup", "events", &url, "--name", "shop"]).expect(0);
    let path = sandbox.text("shop.dump");
    let summary = sandbox.json(["dump", "latest", "--output", &path]).pop().unwrap();
    assert_eq!(summary["events"], 300);
    let notes = summary["notes"].to_string();
    assert!(notes.contains("a dump has events only"), "{notes}");
    let before = packed(&sandbox, "latest");
    let source = format!("ndjson:{path}");
    sandbox.run(["backup", "events", &source, "--name", "dumped"]).expect(0);
    assert!(packed(&sandbox, "latest") == before, "it is not what was dumped");
}
