//! Streams go into stores that have others, and what becomes of those that are there already.

use super::support::{Place, some};
use icecore::restore::{RestoreOptions, RestoreReport, RestoreStep};
use icecore::target::{OnConflict, StreamEnd, TargetErrorKind};
use icecore_sources::events::ndjson::NdjsonTarget;
use icecore_sources::events::sqlite::SqliteTarget;

/// How each stream ended.
fn ends(report: &RestoreReport) -> Vec<(&str, u64, StreamEnd)> {
    let ends = report.streams.iter().map(|it| (it.stream.as_str(), it.events, it.end));
    ends.collect()
}

/// A store that has some streams of another, in other versions.
const OTHERS: &str = "
    INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES
        ('019b0000-0000-7000-8000-000000000001', 'account-alice', 'Other', '1');
    INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES
        ('019b0000-0000-7000-8000-000000000002', 'other', 'Other', '2');
    INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES
        ('019b0000-0000-7000-8000-000000000003', 'account-alice', 'Other', '3')";

/// Streams, versions, types and positions, as projections see them.
const DELIVERED: &str = "SELECT stream_id, stream_version, event_type, delivery_position \
    FROM eventcore_events JOIN eventcore_projection_delivery USING (event_id) \
    ORDER BY delivery_position";

async fn place_with_others() -> (Place, icecore_format::snapshot::Snapshot) {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.migrated("staging", "eventcore-delivery");
    place.ask("staging", OTHERS);
    let snapshot = place.back_up_database("shop").await;
    (place, snapshot)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_there_refuses_the_restore_unless_it_is_skipped_or_replaced() {
    let (place, snapshot) = place_with_others().await;
    let (target, before) = (place.target("staging"), place.everything("staging"));
    for on_conflict in [None, Some(OnConflict::Fail)] {
        let options = some(&["account-*"], on_conflict);
        let failed = place.restore(&snapshot, &target, &options).await.unwrap_err();
        let RestoreStep::Target(error) = failed.step() else { panic!("{failed}") };
        assert_eq!(error.kind, TargetErrorKind::Conflict);
        assert!(error.to_string().contains("the stream 'account-alice' is there"), "{error}");
        assert_eq!(place.everything("staging"), before);
    }

    let options = some(&["account-*"], Some(OnConflict::Skip));
    let report = place.restore(&snapshot, &target, &options).await.unwrap();
    assert_eq!(
        ends(&report),
        [("account-alice", 3, StreamEnd::Skipped), ("account-bob", 4, StreamEnd::Restored)]
    );
    assert_eq!((report.events_restored, report.streams_restored), (4, 1));
    let delivered = place.ask("staging", DELIVERED);
    let (there, restored) = delivered.split_at(delivered.find("account-bob").unwrap());
    assert_eq!(there, "account-alice|1|Other|1\nother|1|Other|2\naccount-alice|2|Other|3\n");
    let places: Vec<&str> = restored.lines().map(|line| line.rsplit_once('|').unwrap().1).collect();
    assert_eq!(places, ["4", "5", "6", "7"]);

    let options = some(&["account-*"], Some(OnConflict::Replace));
    let report = place.restore(&snapshot, &target, &options).await.unwrap();
    assert_eq!(
        ends(&report),
        [("account-alice", 3, StreamEnd::Replaced), ("account-bob", 4, StreamEnd::Replaced)]
    );
    let accounts = "SELECT stream_id, stream_version, event_id, event_type, event_data, metadata, \
        created_at FROM eventcore_events WHERE stream_id LIKE 'account-%' ORDER BY 1, 2";
    assert_eq!(place.ask("staging", accounts), place.ask("shop", accounts));
    let positions = "SELECT array_agg(delivery_position ORDER BY delivery_position), \
        (SELECT last_position FROM eventcore_projection_delivery_frontier) \
        FROM eventcore_projection_delivery";
    assert_eq!(place.ask("staging", positions), "{2,8,9,10,11,12,13,14}|14");
    assert!(report.written.notes.iter().any(|note| note.contains("not dealt again")));
    // What is appended after follows, and the versions go on.
    place.ask(
        "staging",
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES
            ('019b0000-0000-7000-8000-000000000004', 'account-alice', 'After', '1')",
    );
    assert!(place.ask("staging", DELIVERED).ends_with("account-alice|4|After|15"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_snapshot_goes_beside_others_when_it_may() {
    let (place, snapshot) = place_with_others().await;
    let options = some(&[], Some(OnConflict::Skip));
    let report = place.restore(&snapshot, &place.target("staging"), &options).await.unwrap();
    assert_eq!(report.events_restored, snapshot.counts.events - 3);
    let skipped: Vec<&str> = report
        .streams
        .iter()
        .filter(|stream| stream.end == StreamEnd::Skipped)
        .map(|stream| stream.stream.as_str())
        .collect();
    assert_eq!(skipped, ["account-alice"]);
    assert_eq!(report.streams.len() as u64, snapshot.counts.streams);
    let checkpoints = "SELECT count(*) FROM eventcore_subscription_versions";
    assert_eq!(place.ask("staging", checkpoints), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_beside_its_original_is_refused_since_its_events_are_there() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    let snapshot = place.back_up_database("shop").await;
    let before = place.everything("shop");
    let options =
        RestoreOptions { rename: Some("copy".to_owned()), ..some(&["account-alice"], None) };
    let failed = place.restore(&snapshot, &place.target("shop"), &options).await.unwrap_err();
    let message = icecore_tests::error_chain::chain(&failed);
    assert!(message.contains("is there already, in stream 'account-alice'"), "{message}");
    assert_eq!(place.everything("shop"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_stores_in_postgresql_know_conflicts() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    let snapshot = place.back_up_database("shop").await;
    let directory = tempfile::tempdir().unwrap();
    let options = some(&["account-alice"], Some(OnConflict::Skip));
    let path = directory.path().join("events");
    let targets: [&dyn icecore::target::Target; 2] =
        [&NdjsonTarget::new(&path), &SqliteTarget::new(&path)];
    for target in targets {
        let failed = place.restore(&snapshot, target, &options).await.unwrap_err();
        assert!(failed.to_string().contains("is written whole"), "{failed}");
        assert!(!path.exists());
    }
}
