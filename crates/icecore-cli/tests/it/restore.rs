//! `icecore restore`.

use crate::support::{FILTERS, Sandbox, shop};
use std::fs;

#[test]
fn a_restored_file_is_the_file_that_was_backed_up() {
    let sandbox = Sandbox::with_snapshot();
    let target = format!("ndjson:{}", sandbox.text("restored.ndjson"));
    let outcome = sandbox.run(["restore", "latest", "--target", &target]).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"
        restored snapshot [SHORT] to ndjson:[DIRECTORY]/restored.ndjson
          6 events in 3 streams, 678 B written, [DURATION]
          verified: the target was read back and is what the snapshot holds
        ");
    });
    assert_eq!(fs::read_to_string(sandbox.path("restored.ndjson")).unwrap(), shop(3));
}

#[test]
fn the_summary_has_all_that_scripts_rely_on() {
    let sandbox = Sandbox::with_snapshot();
    let target = format!("ndjson:{}", sandbox.text("restored.ndjson"));
    let messages = sandbox.json(["restore", "latest", "--target", &target]);
    let [summary] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(summary["message_type"], "summary");
    assert_eq!(summary["target"], target.as_str());
    assert_eq!(summary["events_restored"], 6);
    assert_eq!(summary["streams_restored"], 3);
    assert_eq!(summary["bytes_written"], shop(3).len());
    assert_eq!(summary["verified"], true);
    assert_eq!(summary["notes"], serde_json::json!([]));
    assert!(summary["duration_s"].as_f64().unwrap() > 0.0);
    assert_eq!(summary["snapshot_id"].as_str().unwrap().len(), 32);
}

#[test]
fn standard_output_gets_the_events_and_nothing_else() {
    let sandbox = Sandbox::with_snapshot();
    for arguments in [
        &["restore", "latest", "--target", "-"][..],
        &["restore", "latest", "--target", "ndjson:-"],
        &["restore", "latest", "--target", "-", "--json"],
    ] {
        let outcome = sandbox.run(arguments).expect(0);
        assert_eq!(outcome.stdout, shop(3));
        assert!(outcome.stderr.contains("restored"), "{}", outcome.stderr);
    }
}

#[test]
fn streams_can_be_chosen_and_one_can_be_renamed() {
    let sandbox = Sandbox::with_snapshot();
    let restored = |arguments: &[&str]| {
        let outcome = sandbox.run([&["restore", "latest", "--target", "-"], arguments].concat());
        outcome.expect(0).stdout
    };
    let events = shop(3);
    let order_2 = events.split_inclusive('\n').filter(|line| line.contains("order-2"));
    let order_2: String = order_2.collect();
    assert_eq!(restored(&["--stream", "order-2"]), order_2);
    assert_eq!(restored(&["--stream", "*-[12]"]).lines().count(), 4);
    let renamed = restored(&["--stream", "order-2", "--as", "order-9"]);
    assert_eq!(renamed, order_2.replace("order-2", "order-9"));

    let refused = |arguments: &[&str], code| {
        let arguments = [&["restore", "latest", "--target", "-"], arguments].concat();
        let outcome = sandbox.run(arguments).expect(code);
        assert_eq!(outcome.stdout, "");
    };
    refused(&["--as", "order-9"], 1);
    refused(&["--stream", "order-*", "--as", "order-9"], 1);
    refused(&["--stream", "order-2", "--as", ""], 2);
    refused(&["--stream", "customer-1"], 1);
    refused(&["--stream", "["], 2);
}

#[test]
fn a_target_that_is_not_empty_is_left_alone_unless_told_otherwise() {
    let sandbox = Sandbox::with_snapshot();
    fs::write(sandbox.path("mine.ndjson"), "precious\n").unwrap();
    let target = format!("ndjson:{}", sandbox.text("mine.ndjson"));
    let outcome = sandbox.run(["restore", "latest", "--target", &target]).expect(1);
    assert!(outcome.stderr.contains("--overwrite"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(sandbox.path("mine.ndjson")).unwrap(), "precious\n");
    sandbox.run(["restore", "latest", "--target", &target, "--overwrite"]).expect(0);
    assert_eq!(fs::read_to_string(sandbox.path("mine.ndjson")).unwrap(), shop(3));
}

#[test]
fn a_dry_run_writes_nothing() {
    let sandbox = Sandbox::with_snapshot();
    let target = format!("ndjson:{}", sandbox.text("restored.ndjson"));
    let arguments = ["restore", "latest", "--target", &target, "--dry-run", "--stream", "order-2"];
    let outcome = sandbox.run(arguments).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"would restore 2 events of 1 stream from snapshot [SHORT] to ndjson:[DIRECTORY]/restored.ndjson, reading 259 B");
    });
    let plan = &sandbox.json(arguments)[0];
    assert_eq!((&plan["dry_run"], &plan["events"]), (&true.into(), &2.into()));
    assert!(!fs::exists(sandbox.path("restored.ndjson")).unwrap());
}

#[cfg(feature = "sqlite")]
#[test]
fn a_kind_of_store_that_cannot_take_it_is_not_touched() {
    let sandbox = Sandbox::with_snapshot();
    let target = format!("sqlite:{}", sandbox.text("shop.db"));
    let outcome = sandbox.run(["restore", "latest", "--target", &target]).expect(1);
    assert!(outcome.stderr.contains("was not touched"), "{}", outcome.stderr);
    assert!(!fs::exists(sandbox.path("shop.db")).unwrap());
}

#[test]
fn how_chosen_streams_ended_is_told_one_by_one() {
    let sandbox = Sandbox::with_snapshot();
    let target = |name: &str| format!("ndjson:{}", sandbox.text(name));
    let (one, some) = (target("one.ndjson"), target("some.ndjson"));
    let restore = ["restore", "latest", "--target"];
    let arguments = [&restore[..], &[&one, "--stream", "order-2", "--as", "order-9"]].concat();
    let outcome = sandbox.run(arguments).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"
        restored snapshot [SHORT] to ndjson:[DIRECTORY]/one.ndjson
          2 events in 1 stream, 226 B written, [DURATION]
          order-2 as order-9: restored, 2 events
          verified: the target was read back and is what the snapshot holds
        ");
    });
    let arguments = [&restore[..], &[&some, "--stream", "*-[12]"]].concat();
    let messages = sandbox.json(arguments);
    let [first, second, summary] = messages.as_slice() else { panic!("{messages:?}") };
    for (stream, id) in [(first, "order-1"), (second, "order-2")] {
        let expected = serde_json::json!({
            "message_type": "stream",
            "stream_id": id,
            "target_stream_id": id,
            "events": 2,
            "outcome": "restored",
        });
        assert_eq!(*stream, expected);
    }
    assert_eq!(summary["streams_restored"], 2);
}

#[test]
fn streams_go_beside_others_in_postgresql_alone() {
    let sandbox = Sandbox::with_snapshot();
    let target = format!("ndjson:{}", sandbox.text("restored.ndjson"));
    let restore = ["restore", "latest", "--target", &target, "--on-conflict"];
    let outcome = sandbox.run([&restore[..], &["skip"]].concat()).expect(1);
    assert!(outcome.stderr.contains("ndjson is written whole"), "{}", outcome.stderr);
    sandbox.run([&restore[..], &["skip", "--overwrite"]].concat()).expect(2);
    sandbox.run([&restore[..], &["perhaps"]].concat()).expect(2);
    assert!(!fs::exists(sandbox.path("restored.ndjson")).unwrap());
}
