//! Whole stores, into databases that are empty or have an empty store.

use super::support::{FIXTURES, Place, ROWS_WITHOUT_LEDGERS};

/// Appends through the store's own triggers; version and, where there are any, delivery position.
fn append(place: &Place, database: &str, fixture: &str) -> String {
    place.ask(
        database,
        "BEGIN; SELECT set_config('eventcore.expected_versions', '{\"account-bob\": 4}', true) <> '';
         INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES
             ('019a0000-0007-7000-8000-000000000001', 'account-bob', 'Closed', '{}'); COMMIT;",
    );
    let position = match fixture {
        "eventcore" => "NULL",
        _ => {
            "(SELECT delivery_position FROM eventcore_projection_delivery d \
              WHERE d.event_id = e.event_id)"
        }
    };
    place.ask(
        database,
        &format!(
            "SELECT stream_version, {position} FROM eventcore_events e \
             WHERE event_type = 'Closed'"
        ),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_comes_back_into_an_empty_database_with_its_schema() {
    let place = Place::new().await;
    for (fixture, appended) in FIXTURES.into_iter().zip(["5|", "5|11"]) {
        let target = format!("{fixture}-restored");
        place.filled(fixture, fixture);
        place.cluster.create_database(&target);
        let snapshot = place.back_up_database(fixture).await;
        let notes = place.restore_whole(&snapshot, &target).await;
        assert_eq!(notes, [""; 0]);
        assert_eq!(place.everything(&target), place.everything(fixture));
        assert_eq!(append(&place, &target, fixture), appended);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_comes_back_into_one_that_was_just_migrated() {
    let place = Place::new().await;
    for (fixture, appended) in FIXTURES.into_iter().zip(["5|", "5|11"]) {
        let target = format!("{fixture}-restored");
        place.filled(fixture, fixture);
        place.migrated(&target, fixture);
        // One that is off stays off, and one that is always on stays that.
        place.ask(
            &target,
            "ALTER TABLE eventcore_events DISABLE TRIGGER eventcore_prevent_update_trigger;
             ALTER TABLE eventcore_events ENABLE ALWAYS TRIGGER eventcore_prevent_delete_trigger",
        );
        let definitions = place.rows(&target, &["--schema-only"]);
        let snapshot = place.back_up_database(fixture).await;
        let notes = place.restore_whole(&snapshot, &target).await;
        assert_eq!(notes, [""; 0]);
        let rows = |database: &str| place.rows(database, &ROWS_WITHOUT_LEDGERS);
        assert_eq!(rows(&target), rows(fixture));
        assert_eq!(place.rows(&target, &["--schema-only"]), definitions);
        assert_eq!(append(&place, &target, fixture), appended);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_beyond_ours_and_odd_numbers_come_back() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.ask(
        "shop",
        r#"INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, created_at) VALUES
             ('019a0000-0008-7000-8000-000000000001', 'times', 'Ends', '1e30', 'infinity'),
             ('019a0000-0008-7000-8000-000000000002', 'times', 'Began', '[1.50, -0.0]', '-infinity'),
             ('019a0000-0008-7000-8000-000000000003', 'times', 'Late', '{"b": 1, "aa": 2}',
                 '294276-12-31 23:59:59.999999+00'),
             ('019a0000-0008-7000-8000-000000000004', 'times', 'Early', '{}', '4713-01-01 00:00:00+00 BC')"#,
    );
    place.cluster.create_database("restored");
    let snapshot = place.back_up_database("shop").await;
    place.restore_whole(&snapshot, "restored").await;
    assert_eq!(place.everything("restored"), place.everything("shop"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_in_a_namespace_of_its_own_comes_back_there() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.ask("shop", "ALTER SCHEMA public RENAME TO \"Events of Žofie\"");
    place.cluster.create_database("restored");
    // Both have it or both have not.
    place.ask("restored", "DROP SCHEMA public");
    let snapshot = place.back_up_database("shop").await;
    place.restore_whole(&snapshot, "restored").await;
    assert_eq!(
        place.rows("restored", &super::support::ROWS),
        place.rows("shop", &super::support::ROWS)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_beyond_the_restored_head_are_named_with_what_resets_them() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.ask(
        "shop",
        "UPDATE eventcore_subscription_versions SET last_position = \
             '019a0000-ffff-7000-8000-000000000001' WHERE subscription_name = 'balances'; \
         UPDATE eventcore_projection_progress SET last_position = 11 \
             WHERE projector_name = 'inventory-totals-v1'",
    );
    place.cluster.create_database("restored");
    let snapshot = place.back_up_database("shop").await;
    let notes = place.restore_whole(&snapshot, "restored").await;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("'balances'") && notes[1].contains("'inventory-totals-v1'"));
    for note in &notes {
        let (_, reset) = note.rsplit_once(": ").unwrap();
        place.ask("restored", reset);
    }
    let sql = "SELECT last_position FROM eventcore_subscription_versions \
               WHERE subscription_name = 'balances'";
    assert_eq!(place.ask("restored", sql), "019a0000-0006-7000-8000-000000000001");
    let sql = "SELECT projector_name FROM eventcore_projection_progress";
    assert_eq!(place.ask("restored", sql), "lagging-přehled");
}
