//! From PostgreSQL to other kinds of stores, and back.

use super::support::Place;
use icecore::restore::RestoreOptions;
use icecore_sources::events::ndjson::NdjsonTarget;
use icecore_sources::events::sqlite::{SqliteSource, SqliteTarget};
use icecore_tests::error_chain::chain;
use icecore_tests::ndjson_source;

/// The events alone.
const EVENTS: [&str; 3] = ["--data-only", "--column-inserts", "--table=eventcore_events"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_to_ndjson_and_back() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.migrated("back", "eventcore-delivery");
    let snapshot = place.back_up_database("shop").await;
    let path = place.host.new_path("lines");
    let options = RestoreOptions::default();
    let restored = place.restore(&snapshot, &NdjsonTarget::new(path.clone()), &options).await;
    restored.map_err(|error| chain(&error)).unwrap();

    let snapshot = place.back_up(&ndjson_source(&path)).await;
    place.restore_whole(&snapshot, "back").await;
    assert_eq!(place.rows("back", &EVENTS), place.rows("shop", &EVENTS));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_to_sqlite_and_back() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.migrated("back", "eventcore");
    let snapshot = place.back_up_database("shop").await;
    let path = place.host.new_path("store");
    let options = RestoreOptions::default();
    let restored = place.restore(&snapshot, &SqliteTarget::new(&path), &options).await;
    let report = restored.map_err(|error| chain(&error)).unwrap();
    assert!(report.written.verified.is_some());

    let notes = &report.written.notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("eventcore_command_state_snapshots.copy"), "{notes:?}");

    let snapshot = place.back_up(&SqliteSource::new(&path)).await;
    let notes = place.restore_whole(&snapshot, "back").await;
    assert_eq!(notes, [""; 0]);
    for table in ["--table=eventcore_events", "--table=eventcore_subscription_versions"] {
        let options = ["--data-only", "--column-inserts", table];
        assert_eq!(place.rows("back", &options), place.rows("shop", &options));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_become_a_store_that_is_there() {
    let place = Place::new().await;
    place.migrated("store", "eventcore");
    place.cluster.create_database("empty");
    let line = |id: &str, data: &str| {
        format!(
            "{{\"stream_id\":\"a\",\"version\":1,\"event_id\":\"{id}\",\"type\":\"T\",\
             \"recorded_at\":\"2026-11-21T05:30:00.5Z\",\"data\":{data}}}\n"
        )
    };
    let (id, data) = ("019a0000-0000-7000-8000-00000000000A", "{\"b\":1e2,\"a\":[ \"\\u0041\" ]}");
    let path = place.host.write("lines", line(id, data));
    let snapshot = place.back_up(&ndjson_source(&path)).await;
    let message = place.refused(&snapshot, &place.target("empty"), "empty").await;
    assert!(message.contains("make an empty one first"), "{message}");
    place.restore_whole(&snapshot, "store").await;
    let found = place.ask("store", "SELECT event_data, metadata, created_at FROM eventcore_events");
    assert_eq!(found, "{\"a\": [\"A\"], \"b\": 100}|{}|2026-11-21 05:30:00.5+00");

    place.migrated("second", "eventcore");
    for (id, data, reason) in
        [("not-a-uuid", "{}", "its id is no UUID"), (id, "\"\\u0000\"", "zero character")]
    {
        let path = place.host.write("lines", line(id, data));
        let snapshot = place.back_up(&ndjson_source(&path)).await;
        let message = place.refused(&snapshot, &place.target("second"), "second").await;
        assert!(message.contains(reason), "{message}");
    }
}
