//! Backups of some streams: what became of each that was chosen by its id.

use crate::support::{FILTERS, Sandbox, outcome_of};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::process::Stdio;

/// The messages of a run of this type.
fn of_type<'a>(messages: &'a [Value], message_type: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["message_type"] == message_type).collect()
}

#[test]
fn a_list_of_streams_is_backed_up_and_a_later_backup_goes_on() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(4));
    fs::write(sandbox.path("list"), "\u{feff}order-3\r\n\r\norder-1\r\norder-3\n").unwrap();
    let back_up = ["backup", "events", &source, "--name", "shop", "--streams-from", "list"];
    let outcome = sandbox.run(back_up).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"
        snapshot [SHORT] of shop
          4 events in 2 streams, 4 new
          904 B read, [SIZE] stored, [DURATION]
          order-1: 2 events, versions 1 to 2
          order-3: 2 events, versions 1 to 2
        ");
    });
    assert_eq!(outcome.stderr, "");
    sandbox.write_shop(6);
    let messages = sandbox.json(back_up);
    let streams = of_type(&messages, "stream");
    let expected = |stream: &str| {
        json!({
            "message_type": "stream", "stream_id": stream, "outcome": "backed_up", "events": 2,
            "first_version": 1, "last_version": 2, "reason": null,
        })
    };
    assert_eq!(streams, [&expected("order-1"), &expected("order-3")]);
    // Nothing is new of them, and that is known without reading what was read before.
    let summary = messages.last().unwrap();
    assert_eq!((&summary["reading"], &summary["events_new"]), (&json!("further"), &json!(0)));
    assert_eq!(summary["events_total"], 4);
    let shown = &sandbox.json(["show", "latest"])[0];
    assert_eq!(shown["selection"], json!(["order-1", "order-3"]));
}

#[test]
fn a_long_list_is_recorded_by_its_hash_and_gone_on_from_in_any_order() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(1500));
    let mut ids: Vec<String> = (1..=1200).map(|number| format!("order-{number}")).collect();
    fs::write(sandbox.path("list"), ids.join("\n")).unwrap();
    let back_up = ["backup", "events", &source, "--streams-from", "list"];
    let outcome = sandbox.run(back_up).expect(0);
    let told = "of 1,200 streams that were chosen by their ids it has 1,200";
    assert!(outcome.stdout.contains(told), "{}", outcome.stdout);
    ids.reverse();
    fs::write(sandbox.path("list"), ids.join("\n")).unwrap();
    let messages = sandbox.json(back_up);
    assert_eq!(of_type(&messages, "stream").len(), 1200);
    assert_eq!(messages.last().unwrap()["reading"], "further");
    let selection = sandbox.json(["show", "latest"])[0]["selection"].clone();
    assert!(selection[0].as_str().unwrap().starts_with("[1200 ids, BLAKE3 "), "{selection}");
    // Other streams are another matter.
    fs::write(sandbox.path("list"), ids[1..].join("\n")).unwrap();
    assert_eq!(sandbox.json(back_up).last().unwrap()["reading_reason"], "first");
}

#[test]
fn streams_that_are_missing_are_named_and_the_others_are_backed_up() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    fs::write(sandbox.path("list"), "order-1\norder-*\nnobody").unwrap();
    let back_up = ["backup", "events", &source, "--streams-from", "list", "--stream", "order-9"];
    let outcome = sandbox.run(back_up).expect(3);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout, @"
        snapshot [SHORT] of ndjson:[DIRECTORY]/shop.ndjson
          2 events in 1 stream, 2 new
          678 B read, [SIZE] stored, [DURATION]
          order-1: 2 events, versions 1 to 2
        ");
        insta::assert_snapshot!(outcome.stderr, @"
        warning: the source has no stream 'nobody'
        warning: the source has no stream 'order-*'
        warning: the source has no stream 'order-9'
        error: the snapshot lacks part of its source: 3 problems
        hint: the snapshot is committed, and has all that was not warned of
        ");
    });
    let outcome = outcome_of(sandbox.command(back_up).arg("--json")).expect(3);
    let messages = outcome.messages();
    let outcomes: Vec<_> = of_type(&messages, "stream")
        .iter()
        .map(|stream| (stream["stream_id"].as_str().unwrap(), stream["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("nobody", "missing"),
            ("order-*", "missing"),
            ("order-1", "backed_up"),
            ("order-9", "missing")
        ]
    );
    assert_eq!(messages.last().unwrap()["message_type"], "summary");
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn if_no_chosen_stream_is_there_nothing_is_committed() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    let one = sandbox.run(["backup", "events", &source, "--stream", "nobody"]).expect(1);
    insta::assert_snapshot!(one.stderr, @"
    error: the source has no stream 'nobody'
    hint: nothing was committed; ids are as the store has them, or in parts joined by / (docs/event-stores.md)
    ");
    let two = ["--stream", "nobody", "--stream", "no-one"];
    let two = sandbox.run([&["backup", "events", &source][..], &two].concat()).expect(1);
    assert!(two.stderr.contains("the source has none of the 2 streams, such as 'no-one'"));
    assert!(sandbox.json(["snapshots"]).is_empty());
    // What a pattern matches may be nothing.
    sandbox.run(["backup", "events", &source, "--stream", "user-*"]).expect(0);
}

#[test]
fn what_is_no_list_is_refused_before_anything_is_read() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    fs::write(sandbox.path("torn"), b"order-1\n\xff\n").unwrap();
    fs::write(sandbox.path("empty"), "\n\r\n").unwrap();
    for (list, code, message) in [
        ("torn", 2, "line 2 of the list of streams torn is no stream id: it is no UTF-8"),
        ("empty", 2, "the list of streams empty has no stream ids"),
        ("nowhere", 1, "cannot read the list of streams nowhere"),
    ] {
        let outcome = sandbox.run(["backup", "events", &source, "--streams-from", list]);
        let outcome = outcome.expect(code);
        assert!(outcome.stderr.contains(message), "{}", outcome.stderr);
    }
    let both = sandbox.run(["backup", "events", "-", "--streams-from", "-"]).expect(2);
    assert!(both.stderr.contains("--streams-from needs a file"), "{}", both.stderr);
    assert!(sandbox.json(["snapshots"]).is_empty());
}

#[test]
fn a_list_can_come_from_standard_input() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    fs::write(sandbox.path("list"), "order-2").unwrap();
    let mut command = sandbox.command(["backup", "events", &source, "--streams-from", "-"]);
    command.stdin(Stdio::from(File::open(sandbox.path("list")).unwrap()));
    outcome_of(&mut command).expect(0);
    let streams = sandbox.json(["streams", "latest"]);
    assert_eq!(streams.len(), 1);
    assert_eq!(streams[0]["stream_id"], "order-2");
}

#[test]
#[cfg(feature = "sqlite")]
fn a_chosen_stream_with_an_event_that_cannot_be_taken_is_left_out_whole() {
    let sandbox = Sandbox::new();
    let events = crate::support::shop(3);
    let events = events.replace("\"stream_id\"", "\"event_id\":\"ID\",\"stream_id\"");
    let events = events
        .split_inclusive('\n')
        .enumerate()
        .map(|(number, line)| line.replace("ID", &format!("019a0000-0000-7000-8000-{number:012}")));
    fs::write(sandbox.path("shop.ndjson"), events.collect::<String>()).unwrap();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson"]).expect(0);
    sandbox.run(["restore", "latest", "--target", "sqlite:shop.db"]).expect(0);
    let store = rusqlite::Connection::open(sandbox.path("shop.db")).unwrap();
    let set_data = |data: &str| {
        let sql = format!(
            "UPDATE eventcore_events SET event_data = {data} \
             WHERE stream_id = 'order-2' AND stream_version = 2"
        );
        store.execute_batch(&sql).unwrap();
    };
    let chosen = ["backup", "events", "sqlite:shop.db", "--name", "shop"];
    let chosen = [&chosen[..], &["--stream", "order-1", "--stream", "order-2"]].concat();
    sandbox.run(&chosen[..]).expect(0);

    set_data("x'7b7d'");
    let outcome = sandbox.run([&chosen[..], &["--full"]].concat()).expect(3);
    for said in ["warning: the stream 'order-2' was left out: ", "row 4 of eventcore_events: "] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    assert!(outcome.stderr.contains("the snapshot lacks part of its source: 1 problem"));
    let of_it = || {
        let streams = sandbox.json(["streams", "latest", "--source", "shop"]);
        let of = |stream: &Value| (stream["stream_id"].to_string(), stream["events"].as_u64());
        streams.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(of_it(), [("\"order-1\"".to_owned(), Some(2))]);
    // Alone it is nothing.
    let alone = ["backup", "events", "sqlite:shop.db", "--name", "shop", "--stream", "order-2"];
    let alone = sandbox.run(alone).expect(1);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(alone.stderr, @"
        error: the stream 'order-2' cannot be backed up
          because: '[DIRECTORY]/shop.db': row 4 of eventcore_events: event_data is a blob
        hint: nothing was committed
        ");
    });
    // Where streams were not chosen by their ids, a snapshot has all of them or does not exist.
    let all = sandbox.run(["backup", "events", "sqlite:shop.db", "--name", "shop"]).expect(1);
    assert!(all.stderr.contains("row 4 of eventcore_events: event_data is a blob"));
    let wild = ["backup", "events", "sqlite:shop.db", "--name", "shop", "--stream", "order-?"];
    sandbox.run(wild).expect(1);

    // What was left out is not taken for known.
    set_data("'{\"total\":20}'");
    let summary = sandbox.json(&chosen[..]).pop().unwrap();
    assert_eq!((&summary["reading"], &summary["events_total"]), (&json!("whole"), &json!(4)));
    assert_eq!(of_it().len(), 2);
    let summary = sandbox.json(&chosen[..]).pop().unwrap();
    assert_eq!((&summary["reading"], &summary["events_total"]), (&json!("further"), &json!(4)));
    sandbox.run(["check", "--read-data"]).expect(0);
}
