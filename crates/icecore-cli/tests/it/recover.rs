//! `icecore recover`.

use crate::support::{FILTERS, Outcome, Sandbox, outcome_of};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

/// A sandbox with a shop of two orders, one event an hour from 10:01 on, and one that was recorded
/// after its successor.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("shop.ndjson"), shop()).unwrap();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson", "--name", "shop"]).expect(0);
    sandbox
}

fn shop() -> String {
    let events = [
        ("order-1", 1, "10:01"),
        ("order-2", 1, "11:01"),
        ("order-1", 2, "12:01"),
        ("order-2", 2, "14:01"),
        ("order-2", 3, "13:01"),
        ("order-1", 3, "15:01"),
    ];
    let mut lines = String::new();
    for (position, (stream, version, time)) in (1..).zip(events) {
        writeln!(
            lines,
            "{{\"stream_id\":\"{stream}\",\"version\":{version},\"type\":\"Happened\",\
             \"position\":{position},\"event_id\":\"019a0000-0000-7000-8000-{position:012}\",\
             \"recorded_at\":\"2026-11-20T{time}:00Z\",\"data\":{{}}}}"
        )
        .unwrap();
    }
    lines
}

fn head(events: usize) -> String {
    shop().split_inclusive('\n').take(events).collect()
}

fn recover(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    sandbox.run([&["recover", "shop", "--target", "-"], arguments].concat())
}

#[test]
fn a_person_is_told_what_is_in_and_what_is_not() {
    let sandbox = sandbox();
    let recover = ["recover", "shop", "--to-time", "2026-11-20 13:30"];
    let planned = [&recover[..], &["--target", "ndjson:a.ndjson", "--dry-run"]].concat();
    let planned = sandbox.run(planned).expect(0).stdout;
    assert!(!fs::exists(sandbox.path("a.ndjson")).unwrap());
    let done = [&recover[..], &["--target", "ndjson:a.ndjson", "--rto", "1h", "--rpo", "15m"]];
    let done = sandbox.run(done.concat()).expect(0).stdout;
    assert_eq!(fs::read_to_string(sandbox.path("a.ndjson")).unwrap(), head(3));
    let latest = ["recover", "shop", "--latest", "--target", "ndjson:b.ndjson"];
    let latest = sandbox.run(latest).expect(0).stdout;
    assert_eq!(fs::read_to_string(sandbox.path("b.ndjson")).unwrap(), shop());
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!([planned, done, latest].join("\n"), @"
        would recover shop to [TIME] (taken for UTC) in ndjson:a.ndjson: 3 events of 2 streams, reading 283 B
          newest event: version 2 of order-1, at [TIME], position 3
          left out: 3 events, the first is version 3 of order-2, at [TIME], position 5
          of these, 1 event is not beyond the point: it follows what is left out of its stream, or was one transaction with it
          derived: cut from snapshot [SHORT] of [TIME]; what was deleted or changed since the point is not there, or not as it was

        recovered shop to [TIME] (taken for UTC) in ndjson:a.ndjson
          3 events in 2 streams, 492 B written, [DURATION] (finding the point [DURATION], copying [DURATION], completing [DURATION])
          newest event: version 2 of order-1, at [TIME], position 3
          left out: 3 events, the first is version 3 of order-2, at [TIME], position 5
          of these, 1 event is not beyond the point: it follows what is left out of its stream, or was one transaction with it
          derived: cut from snapshot [SHORT] of [TIME]; what was deleted or changed since the point is not there, or not as it was
          --rpo not met: what may be missing is of 29 min 0 s, and 15 min 0 s are allowed
          --rto met: it took [DURATION], and 1 h 0 min are allowed
          verified: the target was read back and is what the snapshot holds

        recovered shop to the latest in ndjson:b.ndjson
          6 events in 2 streams, 984 B written, [DURATION] (finding the point [DURATION], copying [DURATION], completing [DURATION])
          exact: from snapshot [SHORT] of [TIME], all of it
          verified: the target was read back and is what the snapshot holds
        ");
    });
}

#[test]
fn every_kind_of_point_can_be_asked_for() {
    let sandbox = sandbox();
    for (arguments, events) in [
        (["--to-time", "2026-11-20T12:01:00Z"], 3),
        (["--to-time", "2026-11-20T13:01+01:00"], 3),
        (["--to-time", "2026-11-20 14:01"], 5),
        (["--to-position", "4"], 4),
        (["--to-event", "019A0000-0000-7000-8000-000000000005"], 5),
        (["--to-version", "order-1@2"], 3),
    ] {
        let outcome = recover(&sandbox, &arguments).expect(0);
        assert_eq!(outcome.stdout, head(events), "{arguments:?}");
    }
    assert_eq!(recover(&sandbox, &["--latest"]).expect(0).stdout, shop());
    let one = ["--to-position", "4", "--stream", "order-2", "--as", "order-9"];
    let renamed: String =
        head(4).split_inclusive('\n').filter(|line| line.contains("order-2")).collect();
    assert_eq!(recover(&sandbox, &one).expect(0).stdout, renamed.replace("order-2", "order-9"));
}

#[test]
fn the_source_is_its_name_or_what_was_backed_up() {
    let sandbox = sandbox();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson"]).expect(0);
    let outcome = sandbox.run(["recover", "ndjson:shop.ndjson", "--latest", "--target", "-"]);
    assert_eq!(outcome.expect(0).stdout, shop());
    let unknown = sandbox.run(["recover", "shops", "--latest", "--target", "-"]).expect(1);
    insta::assert_snapshot!(unknown.stderr, @"
    error: there are no snapshots of 'shops'
    hint: `icecore snapshots` lists sources and hosts
    ");
    let nowhere = recover(&sandbox, &["--latest", "--host", "nowhere"]).expect(1);
    insta::assert_snapshot!(nowhere.stderr, @"
    error: there are no snapshots of 'shop' that were made on nowhere
    hint: `icecore snapshots` lists sources and hosts
    ");
}

#[test]
fn snapshots_of_all_streams_come_before_those_of_some() {
    let sandbox = sandbox();
    let some = ["backup", "events", "ndjson:shop.ndjson", "--stream"];
    sandbox.run([&some[..], &["order-1", "--name", "shop"]].concat()).expect(0);
    assert_eq!(recover(&sandbox, &["--latest"]).expect(0).stdout, shop());
    for stream in ["order-1", "order-2"] {
        sandbox.run([&some[..], &[stream, "--name", "orders"]].concat()).expect(0);
    }
    let unclear = sandbox.run(["recover", "orders", "--latest", "--target", "-"]).expect(1);
    insta::assert_snapshot!(unclear.stderr, @"
    error: snapshots of 'orders' are of different streams: order-1; order-2
    hint: choose a snapshot with --from SNAPSHOT; `icecore snapshots` lists them
    ");
    let chosen = ["recover", "orders", "--latest", "--from", "latest", "--target", "-"];
    assert_eq!(sandbox.run(chosen).expect(0).stdout.lines().count(), 3);
}

#[test]
fn the_summary_has_all_that_scripts_rely_on() {
    let sandbox = sandbox();
    let target = ["--target", "ndjson:a.ndjson", "--rto", "2h", "--rpo", "15m"];
    let arguments = [&["recover", "shop", "--to-time", "2026-11-20 13:30"][..], &target].concat();
    let planned = sandbox.json([&arguments[..], &["--dry-run"]].concat());
    let planned = planned.last().unwrap();
    assert_eq!((&planned["dry_run"], &planned["events"]), (&json!(true), &json!(3)));
    assert_eq!((&planned["streams"], &planned["events_moved"]), (&json!(2), &json!(1)));
    let messages = sandbox.json(&arguments[..]);
    let [milestone, summary] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(milestone["message_type"], "milestone");
    assert_eq!(
        (&milestone["milestone"], &milestone["rto_s"]),
        (&json!("on_track"), &json!(7200.0))
    );
    let expected = json!({
        "message_type": "summary",
        "source": "shop",
        "target": "ndjson:a.ndjson",
        "point": { "kind": "time", "time": "2026-11-20T13:30:00Z", "taken_for_utc": true },
        "epoch": 0,
        "exact": false,
        "rewritten_since": null,
        "newest_epoch": 0,
        "events_left_out": 3,
        "events_moved": 1,
        "newest_event": {
            "stream_id": "order-1",
            "version": 2,
            "event_type": "Happened",
            "event_id": "019a0000-0000-7000-8000-000000000003",
            "time": "2026-11-20T12:01:00Z",
            "position": 3,
        },
        "first_left_out": {
            "stream_id": "order-2",
            "version": 3,
            "event_type": "Happened",
            "event_id": "019a0000-0000-7000-8000-000000000005",
            "time": "2026-11-20T13:01:00Z",
            "position": 5,
        },
        "distance_s": 1740.0,
        "rpo_s": 900.0,
        "rpo_met": false,
        "events_restored": 3,
        "streams_restored": 2,
        "bytes_written": head(3).len(),
        "verified": true,
        "rto_s": 7200.0,
        "rto_met": true,
        "notes": [],
    });
    let mut summary = summary.clone();
    let members = summary.as_object_mut().unwrap();
    for name in ["resolve_s", "restore_s", "verify_s", "duration_s"] {
        assert!(members.remove(name).unwrap().is_number(), "{name}");
    }
    for name in ["snapshot_id", "snapshot_time"] {
        assert!(members.remove(name).unwrap().is_string(), "{name}");
    }
    // What the storage was asked.
    assert!(members.remove("requests").unwrap()["get"]["count"].as_u64().unwrap() > 0);
    assert_eq!(summary, expected);
}

#[test]
fn a_recovery_that_takes_too_long_is_told_and_goes_on() {
    let sandbox = sandbox();
    let arguments = ["recover", "shop", "--latest", "--target", "ndjson:a.ndjson", "--rto", "1ns"];
    let messages = sandbox.json(arguments);
    let milestones: Vec<&Value> =
        messages.iter().filter(|it| it["message_type"] == "milestone").collect();
    assert_eq!(milestones.len(), 1);
    assert_eq!(milestones[0]["milestone"], "exceeded");
    assert_eq!(messages.last().unwrap()["rto_met"], false);
    let outcome = sandbox.run([&arguments[..], &["--overwrite"]].concat()).expect(0);
    assert!(outcome.stderr.contains("warning: it takes longer than 0.0 s (--rto)"));
    assert!(outcome.stdout.contains("--rto not met: it took"), "{}", outcome.stdout);
}

#[test]
fn a_point_that_cannot_be_had_is_refused_with_the_way_out() {
    let sandbox = sandbox();
    let mut told = String::new();
    for arguments in [
        &["--to-time", "2026-11-20 10:00"][..],
        &["--to-time", "2199-01-01T00:00:00Z"],
        &["--to-commit-time", "2026-11-20 12:00"],
        &["--to-position", "0"],
        &["--to-position", "7"],
        &["--to-event", "019a0000-0000-7000-8000-000000000007"],
        &["--to-version", "order-1@4"],
        &["--to-version", "order-1@0"],
        &["--to-version", "order-7@1"],
        &["--latest", "--stream", "order-7"],
    ] {
        let outcome = recover(&sandbox, arguments).expect(1);
        assert_eq!(outcome.stdout, "");
        told += &outcome.stderr;
    }
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(told, @"
        error: nothing was recorded at that time or before it
        hint: the first event was recorded at [TIME]
        error: no snapshot is of that time or a later one
        hint: the newest snapshot reaches until [TIME]; --latest has all of it
        error: when transactions were committed is known of none that were captured of this source
        hint: only what `icecore follow` captures of a replication slot has them; --to-time goes by when events were recorded
        error: there is no event at position 0 or before it
        hint: the first event is at position 1
        error: no snapshot has position 7 or a higher one
        hint: the newest is at position 6; --latest has all there is
        error: no snapshot has an event with the id '[SHORT]-0000-7000-8000-000000000007'
        hint: ids are those of the store; not every store has them for its events
        error: no snapshot has version 4 of the stream 'order-1'
        hint: the last version is 3
        error: no snapshot has version 0 of the stream 'order-1'
        hint: the first version is 1
        error: no snapshot has the stream 'order-7'
        hint: `icecore streams SNAPSHOT` lists its streams
        error: the snapshot has no stream that matches
        hint: `icecore streams SNAPSHOT` lists its streams
        ");
    });
    for arguments in [
        &[][..],
        &["--latest", "--to-position", "1"],
        &["--to-time", "2026-11-20"],
        &["--to-time", "yesterday"],
        &["--to-version", "order-1"],
        &["--latest", "--rto", "soon"],
        &["--latest", "--host", "here", "--from", "latest"],
        &["--latest", "--as", ""],
    ] {
        recover(&sandbox, arguments).expect(2);
    }
}

#[test]
fn what_is_at_the_target_is_left_alone_unless_told_otherwise() {
    let sandbox = sandbox();
    fs::write(sandbox.path("mine.ndjson"), "precious\n").unwrap();
    let recover = ["recover", "shop", "--to-position", "2", "--target", "ndjson:mine.ndjson"];
    let outcome = sandbox.run(recover).expect(1);
    assert!(outcome.stderr.contains("--overwrite"), "{}", outcome.stderr);
    assert_eq!(fs::read_to_string(sandbox.path("mine.ndjson")).unwrap(), "precious\n");
    sandbox.run([&recover[..], &["--overwrite"]].concat()).expect(0);
    assert_eq!(fs::read_to_string(sandbox.path("mine.ndjson")).unwrap(), head(2));
}

#[test]
fn a_history_that_was_rewritten_can_be_chosen() {
    let sandbox = sandbox();
    let first = sandbox.json(["snapshots"])[0]["snapshot_id"].as_str().unwrap().to_owned();
    let rest: String = shop().split_inclusive('\n').skip(1).collect();
    fs::write(sandbox.path("shop.ndjson"), &rest).unwrap();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson", "--name", "shop"]).expect(0);
    let earliest = recover(&sandbox, &["--to-position", "3"]).expect(0);
    assert_eq!(earliest.stdout, head(3));
    assert!(earliest.stderr.contains("--from latest cuts"), "{}", earliest.stderr);
    let newest = recover(&sandbox, &["--to-position", "3", "--from", "latest"]).expect(0);
    assert_eq!(newest.stdout, rest.split_inclusive('\n').take(2).collect::<String>());
    let chosen = recover(&sandbox, &["--latest", "--from", &first[..8]]).expect(0);
    assert_eq!(chosen.stdout, shop());
    // The name has to be that of the snapshot.
    let other = ["recover", "other", "--latest", "--from", &first[..8], "--target", "-"];
    sandbox.run(other).expect(2);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_store_in_sqlite_is_cut_at_a_version() {
    let sandbox = sandbox();
    sandbox.run(["restore", "latest", "--target", "sqlite:shop.db"]).expect(0);
    sandbox.run(["backup", "events", "sqlite:shop.db", "--name", "database"]).expect(0);
    let recover = ["recover", "database", "--to-version", "order-2@2", "--target", "sqlite:was.db"];
    sandbox.run(recover).expect(0);
    sandbox.run(["backup", "events", "sqlite:was.db", "--name", "was"]).expect(0);
    let streams = sandbox.json(["streams", "latest", "--source", "was"]);
    let heads: Vec<_> = streams.iter().map(|it| it["last_version"].as_u64().unwrap()).collect();
    assert_eq!(heads, [2, 2]);
}

#[test]
fn the_commands_of_the_guide_work_as_they_are() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("shop.ndjson"), shop().replace("2026-11-20", "2026-11-21")).unwrap();
    let guide = fs::read_to_string("../../docs/guides/recover-to-a-moment.md").unwrap();
    let blocks: Vec<&str> =
        guide.split("```sh\n").skip(1).map(|after| after.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 2);
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_icecore")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", directory.display());
    for block in blocks {
        let like = sandbox.command(["help"]);
        let mut command = Command::new("sh");
        command.args(["-ec", block]).current_dir(like.get_current_dir().unwrap()).env_clear();
        for (name, value) in like.get_envs() {
            command.envs(value.map(|value| (name, value)));
        }
        outcome_of(command.env("PATH", &path)).expect(0);
    }
    let recovered = fs::read_to_string(sandbox.path("shop-at-1430.ndjson")).unwrap();
    assert_eq!(recovered.lines().count(), 5);
}
