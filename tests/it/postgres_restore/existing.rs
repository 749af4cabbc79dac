//! Stores that are there: not empty, or of another version.

use super::support::{Place, ROWS_WITHOUT_LEDGERS};
use icecore::restore::{RestoreOptions, RestoreStep};
use icecore::target::TargetErrorKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_not_empty_is_left_alone_or_replaced() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.filled("other", "eventcore-delivery");
    place.ask(
        "other",
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data)
         VALUES ('019a0000-0009-7000-8000-000000000001', 'other', 'Other', '{}')",
    );
    let snapshot = place.back_up_database("shop").await;
    let (target, before) = (place.target("other"), place.everything("other"));
    let failed = place.restore(&snapshot, &target, &RestoreOptions::default()).await.unwrap_err();
    let RestoreStep::Target(error) = failed.step() else { panic!("{failed}") };
    assert_eq!(error.kind, TargetErrorKind::NotEmpty);
    assert!(error.to_string().contains("\"eventcore_events\" has 11 rows"), "{error}");
    assert_eq!(place.everything("other"), before);

    let options = RestoreOptions { overwrite: true, ..RestoreOptions::default() };
    let report = place.restore(&snapshot, &target, &options).await.unwrap();
    assert!(report.written.verified.is_some());
    let rows = |database: &str| place.rows(database, &ROWS_WITHOUT_LEDGERS);
    assert_eq!(rows("other"), rows("shop"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_alone_makes_a_store_one_that_is_not_empty() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.migrated("other", "eventcore");
    place.ask(
        "other",
        "INSERT INTO eventcore_subscription_versions (subscription_name, last_position)
         VALUES ('a', '019a0000-0009-7000-8000-000000000001')",
    );
    let snapshot = place.back_up_database("shop").await;
    let message = place.refused(&snapshot, &place.target("other"), "other").await;
    assert!(message.contains("\"eventcore_subscription_versions\" has 1 row"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_of_a_newer_store_take_their_defaults() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.migrated("newer", "eventcore");
    place.ask(
        "newer",
        "ALTER TABLE eventcore_events ADD COLUMN region text NOT NULL DEFAULT 'eu',
             ADD COLUMN shouted text GENERATED ALWAYS AS (upper(event_type)) STORED",
    );
    let snapshot = place.back_up_database("shop").await;
    place.restore_whole(&snapshot, "newer").await;
    let sql = "SELECT DISTINCT region FROM eventcore_events WHERE shouted = upper(event_type)";
    assert_eq!(place.ask("newer", sql), "eu");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_has_no_place_for_is_refused_before_anything_is_written() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.migrated("older", "eventcore");
    place.migrated("stricter", "eventcore-delivery");
    place.migrated("narrower", "eventcore-delivery");
    place.cluster.create_database("half");
    place.ask("stricter", "ALTER TABLE eventcore_events ADD COLUMN tenant text NOT NULL");
    place.ask("narrower", "ALTER TABLE eventcore_subscription_versions DROP COLUMN updated_at");
    place.ask("half", "CREATE TABLE eventcore_command_state_snapshots (snapshot_id text)");
    let snapshot = place.back_up_database("shop").await;
    for (database, reason) in [
        ("older", "there is no table \"public\".\"eventcore_projection_delivery_frontier\""),
        ("stricter", "requires a value in its column tenant"),
        ("narrower", "\"eventcore_subscription_versions\" has no column updated_at"),
        ("half", "there is a table \"public\".\"eventcore_command_state_snapshots\""),
    ] {
        let message = place.refused(&snapshot, &place.target(database), database).await;
        assert!(message.contains(reason), "{database}: {message}");
    }
}
