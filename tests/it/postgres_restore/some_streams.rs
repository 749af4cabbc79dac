//! Some streams of a store, or one under another id.

use super::support::Place;
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;

fn one_as(rename: Option<&str>) -> RestoreOptions {
    RestoreOptions {
        streams: StreamSelection::new(vec!["account-alice".to_owned()]).unwrap(),
        rename: rename.map(str::to_owned),
        ..RestoreOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_stream_goes_under_another_id_into_staging() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.cluster.create_database("empty");
    place.migrated("staging", "eventcore");
    let snapshot = place.back_up_database("shop").await;
    for database in ["empty", "staging"] {
        let options = one_as(Some("copy-of-alice"));
        let report = place.restore(&snapshot, &place.target(database), &options).await.unwrap();
        assert_eq!(report.events_restored, 3);
        let notes = &report.written.notes;
        assert!(notes.iter().any(|note| note.contains("eventcore_subscription_versions")));
        assert!(notes.iter().any(|note| note.contains("renamed events keep their ids")));
        let sql = "SELECT stream_id, stream_version, event_type FROM eventcore_events ORDER BY 2";
        assert_eq!(
            place.ask(database, sql),
            "copy-of-alice|1|AccountOpened\ncopy-of-alice|2|MoneyDeposited\n\
             copy-of-alice|3|MoneyWithdrawn"
        );
        let sql = "SELECT count(*) FROM eventcore_subscription_versions";
        assert_eq!(place.ask(database, sql), "0");
        // Migrations are those of the tables that are there.
        assert_eq!(place.ask(database, "SELECT count(*) FROM _sqlx_migrations"), "7");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn some_events_get_delivery_positions_of_their_own() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.cluster.create_database("empty");
    place.migrated("staging", "eventcore-delivery");
    let snapshot = place.back_up_database("shop").await;
    for database in ["empty", "staging"] {
        let report =
            place.restore(&snapshot, &place.target(database), &one_as(None)).await.unwrap();
        let dealt = "SELECT count(delivery_position), last_position, max(delivery_position) \
                     FROM eventcore_projection_delivery_frontier \
                     LEFT JOIN eventcore_projection_delivery ON true GROUP BY 2";
        assert_eq!(place.ask(database, dealt), "3|3|3");
        let notes = &report.written.notes;
        assert!(notes.iter().any(|note| note.contains("follow all that were there")), "{notes:?}");
        let appended = "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
                        VALUES (gen_random_uuid(), 'account-alice', 'Closed', '{}')";
        place.ask(database, appended);
        assert_eq!(place.ask(database, dealt), "4|4|4");
    }
}
