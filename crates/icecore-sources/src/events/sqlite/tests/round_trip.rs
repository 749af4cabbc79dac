//! What a store is restored from its snapshot as.

use super::drive::{Restore, Snapshot, back_up, back_up_as, drain, files, restore, restore_as};
use super::store::{all, append, contents, events_of, open, shop, stream};
use crate::events::sqlite::{SqliteSource, SqliteTarget};
use eventcore_types::{CheckpointStore, CommandStateSnapshotId, EventStore};
use icecore::selection::StreamSelection;
use icecore::source::{Source, SourceRequest};
use icecore::target::{Target, TargetRequest, Verification};
use rusqlite::Connection;
use tempfile::tempdir;

#[tokio::test]
async fn eventcore_finds_the_same_in_a_restored_store_and_goes_on() {
    let directory = tempdir().unwrap();
    let (path, restored_path) = (directory.path().join("shop.db"), directory.path().join("new.db"));
    let store = shop(&path).await;
    let written = restore(&back_up(&path).await.unwrap(), &restored_path).await.unwrap();
    assert_eq!(
        (written.events, written.verified, written.notes),
        (4, Some(Verification::ReadBack), vec![])
    );

    let restored = open(&restored_path).await;
    assert_eq!(events_of(&restored, "order-1").await, events_of(&store, "order-1").await);
    assert_eq!(all(&restored).await, all(&store).await);
    let checkpoint = "reports \"daily\"\n";
    assert!(restored.load(checkpoint).await.unwrap().is_some());
    assert_eq!(restored.load(checkpoint).await.unwrap(), store.load(checkpoint).await.unwrap());
    let id = CommandStateSnapshotId::try_new("orders".to_owned()).unwrap();
    let state = restored.load_command_state_snapshot(id).await.unwrap().unwrap();
    assert_eq!(state.state, serde_json::json!({ "placed": 4 }));
    // The version check of the crate accepts exactly the next version.
    append(&restored, "order-1", 3, &["five"]).await;
    assert_eq!(events_of(&restored, "order-1").await.len(), 4);
}

#[tokio::test]
async fn every_value_and_the_schema_come_back_as_they_were() {
    let directory = tempdir().unwrap();
    let (path, restored) = (directory.path().join("shop.db"), directory.path().join("new.db"));
    drop(shop(&path).await);
    restore(&back_up(&path).await.unwrap(), &restored).await.unwrap();
    assert_eq!(contents(&restored), contents(&path));
}

#[tokio::test]
async fn indexes_and_computed_columns_that_a_user_added_are_kept_and_other_things_are_not() {
    let directory = tempdir().unwrap();
    let (path, restored) = (directory.path().join("shop.db"), directory.path().join("new.db"));
    drop(shop(&path).await);
    let own = "CREATE INDEX own ON eventcore_events (json_extract(event_data, '$.note')) -- mine";
    Connection::open(&path)
        .unwrap()
        .execute_batch(&format!(
            "ALTER TABLE eventcore_events ADD COLUMN note AS (json_extract(event_data, '$.note'));
             {own}
             ;
             PRAGMA user_version = 7;
             PRAGMA application_id = -2;"
        ))
        .unwrap();
    let expected = contents(&path);
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE read_model (a);
             CREATE TRIGGER t AFTER INSERT ON eventcore_events BEGIN SELECT 1; END;",
        )
        .unwrap();
    let snapshot = back_up(&path).await.unwrap();
    assert_eq!(
        snapshot.file("pragmas.json").unwrap(),
        "{\"application_id\":-2,\"user_version\":7}\n"
    );
    restore(&snapshot, &restored).await.unwrap();
    assert_eq!(contents(&restored), expected);
    let connection = Connection::open(&restored).unwrap();
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    assert_eq!((pragma("user_version"), pragma("application_id")), (Ok(7), Ok(-2)));
}

#[tokio::test]
async fn a_restored_store_is_one_file_in_the_mode_that_eventcore_uses() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let snapshot = back_up(&path).await.unwrap();
    let target = tempdir().unwrap();
    let restored = target.path().join("new.db");
    let written = restore(&snapshot, &restored).await.unwrap();
    assert_eq!(files(target.path()), ["new.db"]);
    assert_eq!(written.bytes, std::fs::metadata(&restored).unwrap().len());
    // <https://www.sqlite.org/fileformat2.html#file_format_version_numbers>: 2 is WAL.
    assert_eq!(std::fs::read(&restored).unwrap()[18..20], [2, 2]);
}

#[tokio::test]
async fn a_snapshot_shows_the_moment_at_which_reading_began() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let store = shop(&path).await;
    let reader = SqliteSource::new(&path).open(&SourceRequest::default()).await.unwrap();
    append(&store, "order-1", 3, &["later"]).await;
    store.save("late consumer", all(&store).await[0].1).await.unwrap();
    let snapshot = drain(reader).await.unwrap();
    assert_eq!(snapshot.events(), 4);
    let checkpoints = snapshot.file("subscription_versions.ndjson").unwrap();
    assert!(!checkpoints.contains("late consumer"), "{checkpoints}");
    assert_eq!(back_up(&path).await.unwrap().events(), 5);
}

#[tokio::test]
async fn saved_states_come_only_if_they_are_asked_for() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let names = |snapshot: Snapshot| {
        snapshot.end.files.into_iter().map(|file| file.name).collect::<Vec<_>>()
    };
    let without = back_up_as(&path, &SourceRequest::default()).await.unwrap();
    assert_eq!(names(without), ["schema.sql", "subscription_versions.ndjson"]);
    let with = back_up(&path).await.unwrap();
    assert_eq!(
        names(with),
        ["schema.sql", "subscription_versions.ndjson", "command_state_snapshots.ndjson"]
    );
}

#[tokio::test]
async fn streams_may_be_chosen_in_a_backup_and_in_a_restore() {
    let directory = tempdir().unwrap();
    let (path, restored) = (directory.path().join("shop.db"), directory.path().join("new.db"));
    drop(shop(&path).await);
    let chosen = StreamSelection::new(vec!["*-2".to_owned()]).unwrap();
    let request = SourceRequest { streams: chosen.clone(), ..SourceRequest::default() };
    let snapshot = back_up_as(&path, &request).await.unwrap();
    assert_eq!(snapshot.events(), 1);
    assert!(snapshot.file("subscription_versions.ndjson").is_some());
    // The consumer has seen an event of the other stream.
    let written = restore(&snapshot, &restored).await.unwrap();
    assert_eq!(
        written.notes,
        ["the checkpoint of 'reports \"daily\"\n' lies beyond the last event"]
    );

    let whole = back_up(&path).await.unwrap();
    let how = Restore { streams: chosen, overwrite: true, ..Restore::default() };
    let written = restore_as(&whole, &restored, &how).await.unwrap();
    assert_eq!(written.events, 1);
    assert_eq!(
        written.notes,
        [
            "'subscription_versions.ndjson' was left out: it is of the whole store",
            "'command_state_snapshots.ndjson' was left out: it is of the whole store",
        ]
    );
    let store = open(&restored).await;
    assert_eq!(store.load("reports \"daily\"\n").await.unwrap(), None);
}

#[tokio::test]
async fn a_renamed_stream_has_its_events_under_the_new_id() {
    let directory = tempdir().unwrap();
    let (path, restored) = (directory.path().join("shop.db"), directory.path().join("new.db"));
    let store = shop(&path).await;
    let how = Restore {
        streams: StreamSelection::new(vec!["order-1".to_owned()]).unwrap(),
        rename: Some("order-9".to_owned()),
        overwrite: false,
    };
    let written = restore_as(&back_up(&path).await.unwrap(), &restored, &how).await.unwrap();
    let note = "renamed events keep their ids, and whatever else names the old stream";
    assert_eq!(written.notes[0], note);
    let restored = open(&restored).await;
    // The payload has the id too, and is not ours to change.
    assert_eq!(events_of(&restored, "order-9").await, events_of(&store, "order-1").await);
    assert_eq!(events_of(&restored, "order-9").await[0].order, stream("order-1"));
}

#[tokio::test]
async fn a_store_without_events_or_of_eventcore_1_comes_back() {
    let directory = tempdir().unwrap();
    let (path, restored) = (directory.path().join("shop.db"), directory.path().join("new.db"));
    drop(open(&path).await);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("DROP TABLE eventcore_command_state_snapshots").unwrap();
    let snapshot = back_up(&path).await.unwrap();
    assert_eq!((snapshot.events(), snapshot.bytes_expected), (0, Some(0)));
    let written = restore(&snapshot, &restored).await.unwrap();
    assert_eq!((written.events, written.verified), (0, Some(Verification::ReadBack)));
    assert_eq!(snapshot.file("schema.sql"), back_up(&restored).await.unwrap().file("schema.sql"));
}

#[tokio::test]
async fn a_reader_or_writer_that_is_dropped_leaves_nothing() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let store = shop(&path).await;
    let mut reader = SqliteSource::new(&path).open(&SourceRequest::default()).await.unwrap();
    reader.next().await.unwrap();
    drop(reader);
    drop(store);
    assert_eq!(files(directory.path()), ["shop.db"]);

    let target = SqliteTarget::new(directory.path().join("new.db"));
    let writer = target.open(&TargetRequest::default()).await.unwrap();
    assert_eq!(files(directory.path()).len(), 2);
    drop(writer);
    assert_eq!(files(directory.path()), ["shop.db"]);
}
