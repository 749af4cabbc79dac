//! Snapshots that are not of an EventCore store, or pretend to be of one.

use super::drive::{Restore, Snapshot, back_up, refused, restore, told};
use super::store::{open, shop, stream};
use eventcore_types::{EventStore, collect_events};
use icecore::target::TargetErrorKind::{Differs, Unsuitable, Unwritable};
use icecore::target::Verification;
use icecore_format::Timestamp;
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use rusqlite::Connection;
use tempfile::tempdir;

fn event(version: u64) -> Event<'static> {
    Event {
        stream: "order-1",
        version,
        event_type: "OrderPlaced",
        id: EventId::Uuid([version as u8; 16]),
        time: EventTime::At(Timestamp(1_795_239_000_123_000_000)),
        metadata: None,
        members: Members::default(),
        payload: Payload::Inline(br#"{"order":"order-1","note":"one"}"#),
    }
}

#[tokio::test]
async fn events_of_another_source_become_a_store_that_eventcore_reads() {
    let directory = tempdir().unwrap();
    let restored = directory.path().join("new.db");
    let at = |nanoseconds: i64| EventTime::At(Timestamp(1_795_239_000_000_000_000 + nanoseconds));
    let events = [
        event(1),
        Event { time: at(0), metadata: Some(b" {\"by\":1}"), ..event(2) },
        Event { time: at(123_456_000), ..event(3) },
        Event { time: at(1), id: EventId::Text("own id"), ..event(4) },
        Event { time: EventTime::Text("yesterday"), ..event(5) },
    ];
    let mut snapshot = Snapshot::of(&events, vec![Some(7); 5]);
    snapshot.end.epilogue = b"\n\n".to_vec();
    let written = restore(&snapshot, &restored).await.unwrap();
    assert_eq!(
        (written.events, written.verified, written.notes.len()),
        (5, Some(Verification::ReadBack), 2)
    );

    let store = open(&restored).await;
    let read = collect_events(store.read_stream(stream("order-1")).await.unwrap()).await;
    let read: Vec<super::store::OrderPlaced> = read.unwrap();
    assert_eq!(read.len(), 5);
    let connection = Connection::open(&restored).unwrap();
    let mut rows = connection
        .prepare("SELECT event_id || ' ' || metadata || ' ' || created_at FROM eventcore_events")
        .unwrap();
    let rows: Vec<String> =
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        rows,
        [
            "01010101-0101-0101-0101-010101010101 {} 2026-11-21T05:30:00.123Z",
            "02020202-0202-0202-0202-020202020202  {\"by\":1} 2026-11-21T05:30:00.000Z",
            "03030303-0303-0303-0303-030303030303 {} 2026-11-21T05:30:00.123456Z",
            "own id {} 2026-11-21T05:30:00.000000001Z",
            "05050505-0505-0505-0505-050505050505 {} yesterday",
        ]
    );
}

#[tokio::test]
async fn what_a_row_needs_or_cannot_hold_is_named_with_the_event() {
    let mut members = Vec::new();
    Members::put(&mut members, "tenant", b"1");
    Members::put(&mut members, "region", b"2");
    for (event, message) in [
        (Event { id: EventId::None, ..event(2) }, "event 2 of stream 'order-1' has no id"),
        (Event { time: EventTime::None, ..event(2) }, "has no recorded time"),
        (Event { payload: Payload::Inline(b"\xff"), ..event(2) }, "has a payload that is no JSON"),
        (Event { metadata: Some(b""), ..event(2) }, "has metadata that is no JSON"),
        (Event { version: 1 << 63, ..event(2) }, "has a version beyond those of SQLite"),
        (
            Event { members: Members::new(&members), ..event(2) },
            "has members that EventCore has no column for: tenant, region",
        ),
        (event(1), "the store cannot hold event 1 of stream 'order-1'"),
        (
            Event { id: EventId::Uuid([1; 16]), ..event(2) },
            "event 2 of stream 'order-1': UNIQUE constraint failed: eventcore_events.event_id",
        ),
        (
            Event { id: EventId::Text("another"), ..event(1) },
            "stream 'order-1' has two events of version 1",
        ),
    ] {
        let snapshot = Snapshot::of(&[self::event(1), event], Vec::new());
        refused(&snapshot, &Restore::default(), Unsuitable, message).await;
    }
}

#[tokio::test]
async fn a_hostile_schema_is_refused_whole() {
    let directory = tempdir().unwrap();
    let (path, stolen) = (directory.path().join("shop.db"), directory.path().join("stolen"));
    drop(shop(&path).await);
    let mut snapshot = back_up(&path).await.unwrap();
    let schema = snapshot.file("schema.sql").unwrap();
    let attach = format!("ATTACH '{}' AS x; CREATE TABLE x.y (a);", stolen.display());
    for hostile in [
        attach.as_str(),
        "CREATE TRIGGER t AFTER INSERT ON eventcore_events BEGIN SELECT 1; END",
        "DROP TABLE eventcore_events",
    ] {
        snapshot.set_file("schema.sql", &format!("{schema}{hostile}"));
        refused(&snapshot, &Restore::default(), Unsuitable, "'schema.sql' is not executed").await;
    }
    assert!(!stolen.exists());
    for (schema, message) in [
        ("", "there is no table eventcore_events"),
        ("CREATE TABLE eventcore_events (a)", "eventcore_events has no column event_id"),
        (
            &format!("{schema}CREATE INDEX i ON eventcore_events (nothing)"),
            "cannot make the indexes",
        ),
    ] {
        snapshot.set_file("schema.sql", schema);
        let kind = if message.starts_with("cannot") { Unwritable } else { Unsuitable };
        refused(&snapshot, &Restore::default(), kind, message).await;
    }
}

#[tokio::test]
async fn a_store_that_would_change_a_value_is_found_by_reading_it_back() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let mut snapshot = back_up(&path).await.unwrap();
    let schema = snapshot.file("schema.sql").unwrap();
    snapshot.chunks =
        Snapshot::of(&[Event { payload: Payload::Inline(b"1"), ..event(1) }], Vec::new()).chunks;
    let changed = schema.replace("event_data TEXT", "event_data REAL");
    snapshot.set_file("schema.sql", &changed);
    refused(&snapshot, &Restore::default(), Differs, "is not what was written").await;
    let changed = schema.replace("last_position TEXT", "last_position TEXT COLLATE NOCASE");
    snapshot.set_file("schema.sql", &changed);
    restore(&snapshot, &directory.path().join("same.db")).await.unwrap();
}

#[tokio::test]
async fn files_that_are_not_what_their_names_say_are_refused_and_others_are_noted() {
    let directory = tempdir().unwrap();
    let mut snapshot = Snapshot::of(&[event(1)], Vec::new());
    for (name, content, message) in [
        ("pragmas.json", "{\"journal_mode\":1}", "no object of numbers"),
        ("pragmas.json", "{\"user_version\":\"1; ATTACH 'x' AS x\"}", "no object of numbers"),
        ("subscription_versions.ndjson", "{}\n", "line 1 of 'subscription_versions.ndjson'"),
        (
            "command_state_snapshots.ndjson",
            "{\"snapshot_id\":\"a\",\"snapshot_data\":\"\",\"updated_at\":\"\",\"more\":\"\"}\n",
            "is no row of eventcore_command_state_snapshots",
        ),
    ] {
        snapshot.set_file(name, content);
        refused(&snapshot, &Restore::default(), Unsuitable, message).await;
        snapshot.end.files.clear();
    }
    snapshot.set_file("sequences.json", "{}");
    let error = restore(&snapshot, &directory.path().join("missing/new.db")).await.unwrap_err();
    assert!(told(&error).contains("cannot create '"), "{}", told(&error));
    let written = restore(&snapshot, &directory.path().join("new.db")).await.unwrap();
    assert_eq!(
        written.notes,
        ["'sequences.json' was left out: an EventCore store has no place for it"]
    );
}
