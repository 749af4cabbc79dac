//! `icecore backup`.

use crate::support::{FILTERS, Sandbox, outcome_of, shop};
use std::fs::{self, File};

#[test]
fn a_backup_tells_what_it_stored() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    let outcome = sandbox.run(["backup", "events", &source, "--name", "shop"]).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"
        snapshot [SHORT] of shop
          6 events in 3 streams, 6 new
          678 B read, [SIZE] stored, [DURATION]
        ");
    });
    assert_eq!(outcome.stderr, "");
}

#[test]
fn the_summary_has_all_that_scripts_rely_on() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    let messages = sandbox.json(["backup", "events", &source, "--name", "shop", "--verify"]);
    let [summary] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(summary["message_type"], "summary");
    assert_eq!(summary["source"], "shop");
    assert_eq!(summary["events_new"], 6);
    assert_eq!(summary["events_total"], 6);
    assert_eq!(summary["streams_total"], 3);
    assert_eq!(summary["bytes_read"], shop(3).len());
    assert_eq!(
        (&summary["reading"], &summary["reading_reason"]),
        (&"whole".into(), &"first".into())
    );
    for field in ["reading_detail", "bytes_compared", "bytes_known"] {
        assert!(summary.as_object().unwrap().contains_key(field), "{field}");
    }
    assert_eq!(summary["verified"], true);
    assert_eq!(summary["version_holes"], 0);
    let put = &summary["requests"]["put"];
    assert!(put["count"].as_u64().unwrap() > 2, "{put}");
    assert!(put["bytes"].as_u64().unwrap() >= summary["bytes_stored"].as_u64().unwrap(), "{put}");
    assert_eq!(summary["requests"]["delete"]["count"], 0);
    assert!(summary["bytes_stored"].as_u64().unwrap() > 0);
    assert!(summary["duration_s"].as_f64().unwrap() > 0.0);
    assert_eq!(summary["snapshot_id"].as_str().unwrap().len(), 32);
}

#[test]
fn a_second_backup_counts_what_is_new() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.write_shop(5));
    let summary = &sandbox.json(["snapshot", "events", &source, "--name", "shop"])[0];
    assert_eq!(summary["events_new"], 4);
    assert_eq!(summary["events_total"], 10);
}

#[test]
fn standard_input_is_a_source() {
    let sandbox = Sandbox::with_snapshot();
    let mut command = sandbox.command(["backup", "events", "-", "--json", "--quiet"]);
    command.stdin(File::open(sandbox.path("shop.ndjson")).unwrap());
    let messages = outcome_of(&mut command).expect(0).messages();
    assert_eq!(messages[0]["source"], "stdin");
    assert_eq!(messages[0]["events_total"], 6);
}

#[test]
fn what_is_said_about_a_snapshot_is_recorded() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    let arguments = [
        "backup",
        "events",
        &source,
        "--tag",
        "env=prod",
        "--tag",
        "nightly",
        "--host",
        "db-1",
        "--description",
        "before the move",
        "--retain",
        "30d",
        "--stream",
        "order-[12]",
        "--compression",
        "high",
    ];
    sandbox.run(arguments).expect(0);
    let snapshot = &sandbox.json(["show", "latest"])[0];
    assert_eq!(snapshot["source"], source.as_str());
    assert_eq!(snapshot["source_kind"], "ndjson");
    assert_eq!(snapshot["host"], "db-1");
    assert_eq!(snapshot["tags"], serde_json::json!(["env=prod", "nightly"]));
    assert_eq!(snapshot["description"], "before the move");
    assert_eq!(snapshot["selection"], serde_json::json!(["order-[12]"]));
    assert_eq!(snapshot["events_total"], 4);
    assert!(snapshot["retain_until"].as_str() > snapshot["time"].as_str());
}

#[test]
fn other_member_names_can_be_mapped() {
    let sandbox = Sandbox::new();
    let renamed = shop(2).replace("stream_id", "aggregateId");
    fs::write(sandbox.path("other.ndjson"), &renamed).unwrap();
    let source = format!("ndjson:{}", sandbox.text("other.ndjson"));
    sandbox.run(["backup", "events", &source]).expect(1);
    sandbox.run(["backup", "events", &source, "--map", "stream_id=aggregateId"]).expect(0);
    let restored = sandbox.run(["restore", "latest", "--target", "-"]).expect(0);
    assert_eq!(restored.stdout, renamed);
    for pair in ["stream=aggregateId", "stream_id", "=x", "stream_id="] {
        sandbox.run(["backup", "events", &source, "--map", pair]).expect(2);
    }
}

#[test]
fn what_is_no_file_that_is_appended_to_is_not_trusted_to_be_one() {
    let sandbox = Sandbox::new();
    for (source, message) in [
        ("sqlite:shop.db", "--trust-append is for NDJSON: a database says what is new"),
        ("-", "--trust-append is for files: a pipe is read whole"),
    ] {
        let outcome = sandbox.run(["backup", "events", source, "--trust-append"]).expect(2);
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    }
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    sandbox.run(["backup", "events", &source, "--trust-append", "--full"]).expect(2);
    sandbox.run(["backup", "events", &source, "--trust-append"]).expect(0);
    sandbox.run(["backup", "events", &source, "--full"]).expect(0);
}

#[test]
fn odd_versions_and_times_are_counted_and_are_no_error() {
    let sandbox = Sandbox::new();
    let event = |version: u64, day: u64| {
        format!(
            "{{\"stream_id\":\"a\",\"version\":{version},\"type\":\"\",\"data\":null,\
             \"recorded_at\":\"2026-11-0{day}T00:00:00Z\"}}\n"
        )
    };
    let events = [event(5, 3), event(9, 4), event(9, 2)].concat();
    fs::write(sandbox.path("odd.ndjson"), events).unwrap();
    let source = format!("ndjson:{}", sandbox.text("odd.ndjson"));
    let outcome = sandbox.run(["backup", "events", &source, "--name", "odd"]).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"
        snapshot [SHORT] of odd
          3 events in 1 stream, 3 new
          267 B read, [SIZE] stored, [DURATION]
          note: 1 place where versions of a stream are missing
          note: 1 event whose version its stream has already
          note: 1 event recorded before its predecessor in its stream
        ");
    });
    let snapshot = &sandbox.json(["show", "latest"])[0];
    assert_eq!(snapshot["version_holes"], 1);
    assert_eq!(snapshot["version_repeats"], 1);
    assert_eq!(snapshot["times_backwards"], 1);
}

#[test]
fn a_line_that_is_no_event_is_named_and_nothing_is_committed() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("torn.ndjson"), shop(2) + "{\"stream_id\":\"a\"\n").unwrap();
    let source = format!("ndjson:{}", sandbox.text("torn.ndjson"));
    let outcome = sandbox.run(["backup", "events", &source]).expect(1);
    assert!(outcome.stderr.contains("line 5"), "{}", outcome.stderr);
    assert!(sandbox.json(["snapshots"]).is_empty());
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_source_that_lost_events_is_warned_of_and_begins_a_new_epoch() {
    let sandbox = Sandbox::with_snapshot();
    let path = sandbox.path("lost.ndjson");
    fs::write(&path, shop(3).split_once('\n').unwrap().1).unwrap();
    let source = format!("ndjson:{}", sandbox.text("lost.ndjson"));
    let outcome = sandbox.run(["backup", "events", &source, "--name", "shop"]).expect(0);
    let warning = "warning: the source no longer begins with the";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("everything was read, since"), "{}", outcome.stdout);
    let snapshots = sandbox.json(["snapshots"]);
    let epochs: Vec<_> = snapshots.iter().map(|snapshot| &snapshot["epoch"]).collect();
    assert_eq!(epochs, [0, 1]);
    assert!(sandbox.run(["show", "latest"]).expect(0).stdout.contains("epoch"));
}
