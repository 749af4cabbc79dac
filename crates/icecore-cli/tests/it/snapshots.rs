//! `icecore snapshots`, `show` and `streams`.

use crate::support::{FILTERS, Sandbox};

#[test]
fn snapshots_are_listed_oldest_first() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    let arguments = [
        "backup", "events", &source, "--name", "shop", "--host", "h", "--tag", "a=1", "--tag", "b",
    ];
    sandbox.run(arguments).expect(0);
    let listed = sandbox.json(["snapshots"]);
    assert_eq!(listed.len(), 2);
    for snapshot in &listed {
        assert_eq!(snapshot["message_type"], "snapshot");
        for field in ["snapshot_id", "source", "host", "tags", "time", "events_total"] {
            assert!(!snapshot[field].is_null(), "{field} in {snapshot}");
        }
    }
    assert_eq!(listed[1]["tags"], serde_json::json!(["a=1", "b"]));

    let table = sandbox.run(["snapshots", "--tag", "b"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(table, @"
        snapshot  time                  source  host  events  stored  tags
        [SHORT]  [TIME]  shop    h          6     0 B  a=1, b
        ");
    });
}

#[test]
fn snapshots_can_be_asked_for_by_source_label_time_and_stream() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    sandbox.run(["backup", "events", &source, "--name", "other", "--tag", "env=prod"]).expect(0);
    for (arguments, expected) in [
        (&["--source", "shop"][..], 1),
        (&["--source", "nobody"], 0),
        (&["--tag", "env"], 1),
        (&["--tag", "env=prod"], 1),
        (&["--tag", "env=test"], 0),
        (&["--since", "1h"], 2),
        (&["--since", "2026-01-01"], 2),
        (&["--since", "2260-01-01T00:00:00+02:00"], 0),
        (&["--stream", "order-*"], 2),
        (&["--stream", "customer-*"], 0),
    ] {
        let found = sandbox.json([&["snapshots"], arguments].concat());
        assert_eq!(found.len(), expected, "{arguments:?}");
    }
}

#[test]
fn a_snapshot_is_found_by_latest_and_by_the_beginning_of_its_id() {
    let sandbox = Sandbox::with_snapshot();
    let listed = &sandbox.json(["snapshots"])[0];
    let id = listed["snapshot_id"].as_str().unwrap();
    for name in ["latest", id, &id[..8], &id[..4]] {
        assert_eq!(sandbox.json(["show", name]), std::slice::from_ref(listed), "{name}");
    }
    assert_eq!(sandbox.json(["show", "latest", "--source", "shop"]), std::slice::from_ref(listed));
    for name in [&id[..3], "ffff0000", "", "LATEST"] {
        sandbox.run(["show", name]).expect(1);
    }
    sandbox.run(["show", "latest", "--source", "nobody"]).expect(1);
}

#[test]
fn latest_without_snapshots_is_an_error() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(["show", "latest"]).expect(1);
    insta::assert_snapshot!(outcome.stderr, @"
    error: there are no snapshots
    hint: `icecore backup` makes the first
    ");
    let outcome = sandbox.run(["snapshots"]).expect(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", "no snapshots\n"));
}

#[test]
fn show_tells_all_that_is_recorded() {
    let sandbox = Sandbox::with_snapshot();
    let host = sandbox.json(["show", "latest"])[0]["host"].as_str().unwrap().to_owned();
    let shown = sandbox.run(["show", "latest"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(shown.replace(&host, "this-host"), @"
        snapshot      [ID]
        source        shop
        kind          ndjson
        host          this-host
        time          [TIME]
        finished      [TIME]
        events        6
        streams       3
        recorded      [TIME] to [TIME]
        read          678 B
        stored        [SIZE]
        program       icecore 0.1.0
        ledger entry  0
        ");
    });
}

#[test]
fn streams_are_listed_by_name() {
    let sandbox = Sandbox::with_snapshot();
    let listed = sandbox.run(["streams", "latest"]).expect(0).stdout;
    insta::assert_snapshot!(listed, @"
    stream   events  versions
    order-1       2  1 to 2
    order-2       2  1 to 2
    order-3       2  1 to 2
    ");
    let found = sandbox.json(["streams", "latest", "order-[23]"]);
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0],
        serde_json::json!({
            "message_type": "stream",
            "stream_id": "order-2",
            "events": 2,
            "first_version": 1,
            "last_version": 2,
        })
    );
    assert!(sandbox.json(["streams", "latest", "order-9"]).is_empty());
    sandbox.run(["streams", "latest", "order-["]).expect(2);
}
