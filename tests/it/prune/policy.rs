//! What is let go of, and when.

use super::{HOUR, at_once, fine_grained_host, stored};
use icecore::backup::{BackupOptions, backup};
use icecore::environment::Clock as _;
use icecore::prune::{PruneError, PruneOptions, PruneReport, plan};
use icecore::{Monitor, snapshots};
use icecore_format::{Role, Timestamp};
use icecore_store::testing::RecordingStore;
use icecore_store::{Operation, Store};
use icecore_tests::lines::lines_of;
use icecore_tests::{Expected, Host, lines, ndjson_source};
use std::sync::Arc;
use std::time::Duration;

const DAY_SECONDS: i64 = 24 * 3600;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_repository_is_no_error() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report, PruneReport::default());
    let planned = plan(&repository, &at_once(), &Monitor::default()).await.unwrap();
    assert_eq!(planned, PruneReport::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_what_live_snapshots_need_goes() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let mut expected = Expected::default();
    for events in [100, 200, 350] {
        let report = host.back_up(&repository, lines(0..events)).await.unwrap();
        expected.add(&report, lines(0..events));
    }
    host.clock.advance_seconds(100 * DAY_SECONDS);
    let before = stored(&store, "packs/").await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.condemned.objects, 0);
    assert!(report.usable.objects > 10);
    assert_eq!(stored(&store, "packs/").await, before);
    expected.assert_is_all(&host, Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_forgotten_snapshot_needed_goes_and_the_rest_stays() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..300)).await.unwrap();
    let kept = host.back_up(&repository, lines_of("new", 0..300)).await.unwrap();
    let packs = stored(&store, "packs/").await;
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.released, [gone.snapshot.id]);
    assert!(report.condemned.objects > 5);
    let left = stored(&store, "packs/").await;
    assert_eq!(left.0, packs.0 - report.condemned.objects);
    assert!(report.deleted.bytes > packs.1 - left.1, "and what listed them");
    assert!(left.1 < packs.1 * 2 / 3, "{} of {} bytes are left", left.1, packs.1);
    let expected = Expected::default().and(&kept, lines_of("new", 0..300));
    expected.assert_is_all(&host.stranger(1), Arc::new(store.clone())).await;
    // There is nothing more to do.
    let again = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!((again.condemned.objects, again.deleted.objects), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_snapshot_is_kept_until_it_has_been_so_for_long_enough() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let week = PruneOptions { grace: Duration::ZERO, ..PruneOptions::default() };
    host.clock.advance_seconds(6 * DAY_SECONDS);
    let early = host.prune(&repository, &week).await.unwrap();
    assert!(early.released.is_empty());
    assert_eq!(early.condemned.objects, 0);
    host.clock.advance_seconds(2 * DAY_SECONDS);
    let late = host.prune(&repository, &week).await.unwrap();
    assert_eq!(late.released, [gone.snapshot.id]);
    assert!(late.condemned.objects > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_snapshot_of_a_source_is_not_released_though_it_was_forgotten() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let old = host.back_up_as(&repository, "one", lines_of("one", 0..100)).await.unwrap();
    let newest = host.back_up_as(&repository, "one", lines_of("two", 0..100)).await.unwrap();
    let other = host.back_up_as(&repository, "another", lines_of("three", 0..100)).await.unwrap();
    let all = [old.snapshot.id, newest.snapshot.id, other.snapshot.id];
    host.forget(&repository, &store, all).await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.released, [old.snapshot.id]);
    let state = repository.state().await;
    let kept: Vec<_> = snapshots::kept(&state).iter().map(|found| found.snapshot.id).collect();
    assert_eq!(kept, [newest.snapshot.id, other.snapshot.id]);
    icecore_tests::assert_clean(&host.check(&repository).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_is_to_be_kept_until_a_time_is_not_released_before() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let until = Timestamp(host.clock.now().0 + 3600 * 1_000_000_000);
    let options = BackupOptions { retain_until: Some(until), ..host.backup_options() };
    let source = ndjson_source(&host.write("source", lines_of("old", 0..50)));
    let kept = backup(&repository, &source, &options, &Monitor::default()).await.unwrap();
    host.write("source", lines_of("new", 0..50));
    let next = backup(&repository, &source, &host.backup_options(), &Monitor::default()).await;
    next.unwrap();
    host.forget(&repository, &store, [kept.snapshot.id]).await;
    let early = host.prune(&repository, &at_once()).await.unwrap();
    assert!(early.released.is_empty());
    host.clock.advance_seconds(3600);
    let late = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(late.released, [kept.snapshot.id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_source_goes_if_that_is_asked_for() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up_as(&repository, "gone", lines_of("one", 0..100)).await.unwrap();
    let kept = host.back_up_as(&repository, "kept", lines_of("two", 0..100)).await.unwrap();
    let options = PruneOptions { release_newest: true, ..at_once() };
    host.prune(&repository, &options).await.unwrap();
    assert_eq!(repository.state().await.snapshots.len(), 2);
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let report = host.prune(&repository, &options).await.unwrap();
    assert_eq!(report.released, [gone.snapshot.id]);
    let expected = Expected::default().and(&kept, lines_of("two", 0..100));
    expected.assert_is_all(&host, Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_needed_before_is_deleted_only_after_the_grace_by_a_later_prune() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..300)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..300)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let patient = PruneOptions { grace: 24 * HOUR, ..at_once() };
    let packs = stored(&store, "packs/").await;
    let first = host.prune(&repository, &patient).await.unwrap();
    assert!(first.condemned.objects > 0);
    assert_eq!(first.deleted.objects, 0);
    assert!(first.waiting.objects >= first.condemned.objects + first.repacked.objects);
    let retired = first.condemned.objects + first.repacked.objects;
    let copies = stored(&store, "packs/").await.0 - packs.0;
    let until = first.waiting_until.unwrap();

    // Another machine, which knows of it by the ledger alone.
    let other = host.stranger(1);
    other.clock.advance_seconds(23 * 3600);
    let repository = other.open(Arc::new(store.clone())).await.unwrap();
    let second = other.prune(&repository, &patient).await.unwrap();
    assert_eq!(second.deleted.objects, 0);
    assert_eq!((second.waiting, second.waiting_until), (first.waiting, Some(until)));
    other.clock.advance_seconds(3600);
    let third = other.prune(&repository, &patient).await.unwrap();
    assert_eq!(third.deleted, first.waiting);
    assert_eq!(third.waiting.objects, 0);
    assert_eq!(stored(&store, "packs/").await.0, packs.0 - retired + copies);
    icecore_tests::assert_clean(&other.check(&repository).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_a_prune_then_does_and_writes_nothing() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..300)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..300)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    for grace in [Duration::ZERO, 24 * HOUR] {
        let options = PruneOptions { grace, ..at_once() };
        let copy = store.snapshot();
        let recording = RecordingStore::new(Arc::new(copy.clone()));
        let copied = host.stranger(3).open(recording.clone()).await.unwrap();
        let planned = plan(&copied, &options, &Monitor::default()).await.unwrap();
        for write in [Operation::PutNew, Operation::Delete] {
            assert_eq!(recording.count_in(write, ""), 0, "{write:?}");
        }
        let mut done = host.stranger(3).prune(&copied, &options).await.unwrap();
        // Clocks go on.
        assert_eq!(planned.waiting_until.is_some(), done.waiting_until.is_some());
        done.waiting_until = planned.waiting_until;
        assert_eq!(planned, done);
        assert!(done.condemned.objects > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_and_a_reader_may_not_prune() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    host.add_writer(&store, &repository).await;
    host.add_key(&store, &repository, Role::Reader, b"reader").await;
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let writer = host.open_as_writer(shared.clone()).await;
    let reader = icecore::Repository::open(shared, host.environment(), b"reader").await.unwrap();
    let before = store.names();
    for (repository, expected) in [(writer, Role::Writer), (reader, Role::Reader)] {
        for outcome in [
            host.prune(&repository, &at_once()).await,
            plan(&repository, &at_once(), &Monitor::default()).await,
        ] {
            assert!(matches!(outcome, Err(PruneError::NotAllowed(role)) if role == expected));
        }
    }
    assert_eq!(store.names(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_ahead_releases_too_early_but_nothing_live() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..100)).await.unwrap();
    let kept = host.back_up(&repository, lines_of("new", 0..100)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let ahead = host.stranger(1);
    ahead.clock.jump_seconds(1000 * DAY_SECONDS);
    let repository = ahead.open(Arc::new(store.clone())).await.unwrap();
    ahead.prune(&repository, &PruneOptions::default()).await.unwrap();
    let expected = Expected::default().and(&kept, lines_of("new", 0..100));
    expected.assert_is_all(&host, Arc::new(store)).await;
}
