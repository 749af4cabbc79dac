//! Tails that a prune has trimmed: what snapshots have goes, what they lack stays, and followers go on.

use super::recovery::recovered;
use super::*;
use icecore::prune::{PruneOptions, PruneReport};
use icecore::recover::RecoveryPoint;
use icecore_format::SnapshotId;
use icecore_format::ledger::body::Unforget;
use icecore_tests::entry::append_entry;
use icecore_tests::random::SeededRandom;

/// The objects of tails that are stored.
async fn stored(store: &MemoryStore) -> usize {
    store.list("tail/").await.unwrap().len()
}

fn at_once() -> PruneOptions {
    let now = Duration::ZERO;
    PruneOptions { release_after: now, grace: now, ..PruneOptions::default() }
}

async fn prune(world: &World) -> PruneReport {
    world.host.prune(&world.repository, &at_once()).await.unwrap()
}

/// A source that is followed for forty events, five a flush, with a backup beside the follower after the
/// fourth flush; the backup's snapshot.
async fn followed() -> (World, SnapshotId) {
    let world = World::new().await;
    let (path, next, flushes) = (world.path.clone(), AtomicU64::new(20), AtomicU64::new(0));
    let snapshot = std::sync::Mutex::new(None);
    follow_until(&world.host, &world.repository, &world.path, 40, |news| {
        if !matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            return;
        }
        let from = next.fetch_add(5, Ordering::Relaxed);
        append(&path, from..from + 5);
        if flushes.fetch_add(1, Ordering::Relaxed) == 4 {
            let beside = async {
                let repository = world.host.open(Arc::new(world.store.clone())).await.unwrap();
                let report = back_up(&world, &repository).await;
                assert_eq!(report.events_captured, 20);
                *snapshot.lock().unwrap() = Some(report.snapshot.id);
            };
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(beside));
        }
    })
    .await
    .unwrap();
    world.repository.refresh().await.unwrap();
    let snapshot = snapshot.into_inner().unwrap().unwrap();
    (world, snapshot)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_of_a_tail_that_no_snapshot_has() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    for round in 0..3 {
        world.append(20 + 10 * round..30 + 10 * round);
        world.follow_until(10).await.unwrap();
    }
    let before = stored(&world.store).await;
    let report = prune(&world).await;
    assert_eq!((report.trimmed, report.deleted.objects), (0, 0));
    assert_eq!(stored(&world.store).await, before);
    assert_eq!(world.captured().await, expected(20..50));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_snapshot_has_of_a_tail_goes_and_all_else_is_as_before() {
    let (world, snapshot) = followed().await;
    let written = std::fs::read_to_string(&world.path).unwrap();
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap().0;
    let before = stored(&world.store).await;
    let report = prune(&world).await;
    // The last that the snapshot has says where the source was gone on from.
    assert_eq!(report.trimmed, 3);
    assert_eq!(report.deleted.objects, 3);
    assert_eq!(stored(&world.store).await, before - 3);
    world.assert_clean().await;
    let again = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap().0;
    assert_eq!(again, latest);
    let id = snapshot.to_string();
    let restored = world.host.restore(&world.repository, &id).await.unwrap();
    assert_eq!(restored, lines(0..40).as_bytes());
    let report = prune(&world).await;
    assert_eq!((report.trimmed, report.deleted.objects), (0, 0));

    // The next follower goes on from the tail, and the next backup takes it.
    let first = (written.lines().count()) as u64;
    append(&world.path, first..first + 10);
    world.follow_until(1).await.unwrap();
    let report = back_up(&world, &world.repository).await;
    assert!(report.events_captured >= 20, "{}", report.events_captured);
    let all = world.host.restore(&world.repository, "latest").await.unwrap();
    assert_eq!(all, lines(0..first + 10).as_bytes());
    assert!(prune(&world).await.trimmed > 0);
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_knows_nothing_finds_the_end_of_a_trimmed_tail() {
    let (world, _) = followed().await;
    prune(&world).await;
    let other = world.host.stranger(5);
    let repository = other.open(Arc::new(world.store.clone())).await.unwrap();
    let first = std::fs::read_to_string(&world.path).unwrap().lines().count() as u64;
    append(&world.path, first..first + 5);
    let options = FollowOptions { take_over: true, ..options(&other) };
    follow_source(&repository, &ndjson_source(&world.path), &options, 1, |_| ()).await.unwrap();
    let state = repository.state().await;
    let epochs = &state.tails[0].epochs;
    assert_eq!(epochs[0].trimmed, 3);
    assert!(epochs[0].end >= Some(8), "{:?}", epochs[0].end);
    assert_clean(&other.check(&repository).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_has_part_of_a_tail_may_be_hidden_and_shown_again() {
    let (world, snapshot) = followed().await;
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap().0;
    prune(&world).await;
    world.host.forget(&world.repository, &world.store, [snapshot]).await;
    // What is left is the first snapshot; between it and the rest of the tail there is nothing.
    let (alone, _) = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(alone, lines(0..20));
    world.assert_clean().await;
    // A backup does not go on from that tail.
    let other = World {
        host: world.host.duplicate(7),
        store: world.store.snapshot(),
        repository: world.host.open(Arc::new(world.store.snapshot())).await.unwrap(),
        path: world.path.clone(),
    };
    let report = back_up(&other, &other.repository).await;
    assert_eq!(report.events_captured, 0);
    let restored = other.host.restore(&other.repository, "latest").await.unwrap();
    assert_eq!(restored, std::fs::read(&other.path).unwrap());

    let shown = Unforget { snapshots: vec![snapshot] }.into();
    append_entry(&world.repository, &world.store, &SeededRandom::new(3), shown).await;
    world.repository.refresh().await.unwrap();
    let (again, _) = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(again, latest);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_were_let_go_of_stay_until_the_grace_is_over() {
    let (world, _) = followed().await;
    let before = stored(&world.store).await;
    let options = PruneOptions { grace: Duration::from_hours(1), ..at_once() };
    let report = world.host.prune(&world.repository, &options).await.unwrap();
    assert_eq!((report.trimmed, report.waiting.objects, report.deleted.objects), (3, 3, 0));
    assert_eq!(stored(&world.store).await, before);
    world.host.clock.advance_seconds(3600);
    let report = world.host.prune(&world.repository, &options).await.unwrap();
    assert_eq!((report.trimmed, report.waiting.objects, report.deleted.objects), (0, 0, 3));
}

/// The follower lives on, whoever trims its epoch and dies at it.
#[tokio::test(flavor = "multi_thread")]
async fn a_prune_may_die_at_any_moment_of_trimming() {
    let (world, _) = followed().await;
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap().0;
    let counting = Arc::new(CrashingStore::counting(world.store.snapshot()));
    let admin = world.host.duplicate(10);
    let repository = admin.open(counting.clone()).await.unwrap();
    admin.prune(&repository, &at_once()).await.unwrap();
    assert!(counting.writes() > 4);
    for write in 1..=counting.writes() {
        for how in [Interrupted::Landed, Interrupted::Vanished] {
            let crashing = Arc::new(CrashingStore::new(world.store.snapshot(), write, how));
            let dying = world.host.duplicate(11);
            let repository = dying.open(crashing.clone()).await.unwrap();
            let _outcome = dying.prune(&repository, &at_once()).await;
            assert!(crashing.crashed());
            let (host, store) = (world.host.duplicate(12), crashing.survivors());
            let repository = host.open(Arc::new(store.clone())).await.unwrap();
            let left = World { path: world.path.clone(), host, store, repository };
            left.assert_clean().await;
            let found = recovered(&left, &left.repository, RecoveryPoint::Latest).await.unwrap().0;
            assert_eq!(found, latest, "after write {write} {how:?}");
            prune(&left).await;
            left.assert_clean().await;
            let found = recovered(&left, &left.repository, RecoveryPoint::Latest).await.unwrap().0;
            assert_eq!(found, latest, "after write {write} {how:?}, and another prune");
        }
    }
}

/// Each snapshot of a tail that was gone on from all the while has what came after it there.
#[tokio::test(flavor = "multi_thread")]
async fn prunes_beside_a_follower_and_its_backups_take_nothing_that_is_needed() {
    let world = World::new().await;
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    let newest = std::sync::Mutex::new(None);
    follow_until(&world.host, &world.repository, &world.path, 60, |news| {
        if !matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            return;
        }
        let from = next.fetch_add(5, Ordering::Relaxed);
        append(&path, from..from + 5);
        let beside = async {
            let repository = world.host.open(Arc::new(world.store.clone())).await.unwrap();
            let snapshot = back_up(&world, &repository).await.snapshot;
            world.host.prune(&repository, &at_once()).await.unwrap();
            *newest.lock().unwrap() = Some(snapshot);
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(beside));
    })
    .await
    .unwrap();
    world.repository.refresh().await.unwrap();
    let snapshot = newest.into_inner().unwrap().unwrap();
    let restored = world.host.restore(&world.repository, &snapshot.id.to_string()).await.unwrap();
    let events = snapshot.counts.events;
    assert_eq!(restored, lines(0..events).as_bytes());
    let state = world.repository.state().await;
    assert!(state.tails[0].epochs.iter().any(|epoch| epoch.trimmed > 3));
    let (latest, _) = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert!(latest.len() as u64 >= restored.len() as u64);
    assert!(lines(0..200).starts_with(&latest));
    world.assert_clean().await;
}
