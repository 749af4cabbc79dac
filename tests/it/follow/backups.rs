//! Backups of a source that is followed: what was captured is taken, and nothing is there twice.

use super::*;
use icecore::source::Reading;
use icecore_format::ledger::body::TailStart;
use icecore_format::snapshot::Snapshot;
use icecore_tests::hooked_source::HookedSource;
use icecore_tests::tail::tail_events_after;

/// The streams and versions of the events of a snapshot, in order.
async fn events_of(
    host: &Host,
    repository: &Repository,
    snapshot: &Snapshot,
) -> Vec<(String, u64)> {
    let restored = host.restore(repository, &snapshot.id.to_string()).await.unwrap();
    let lines = String::from_utf8(restored).unwrap();
    let events = lines.lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        (event["stream_id"].as_str().unwrap().to_owned(), event["version"].as_u64().unwrap())
    });
    events.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_takes_what_was_captured_from_the_tail_and_the_next_follower_goes_on_from_it() {
    let world = World::new().await;
    world.append(20..60);
    world.follow_until(0).await.unwrap();
    world.append(60..90);
    world.follow_until(30).await.unwrap();
    // Nobody captured these.
    world.append(90..100);
    let report = back_up(&world, &world.repository).await;
    assert_eq!((report.events_new, report.events_captured), (40, 30));
    assert!(matches!(report.reading, Reading::Further(_)), "{:?}", report.reading);
    let events = events_of(&world.host, &world.repository, &report.snapshot).await;
    assert_eq!(events, expected(0..100));

    world.append(100..110);
    world.follow_until(10).await.unwrap();
    let state = world.repository.state().await;
    let newest = state.tails[0].epochs.last().unwrap();
    assert_eq!(newest.start, TailStart::Snapshot(report.snapshot.id));
    assert_eq!(world.captured().await, expected(100..110));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_beside_a_follower_has_what_was_captured_and_what_comes_is_there_once() {
    let world = World::new().await;
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    let snapshots = std::sync::Mutex::new(Vec::new());
    follow_until(&world.host, &world.repository, &world.path, 60, |news| {
        match news {
            FollowNews::Begun { .. } => append_next(&path, &next),
            FollowNews::Flushed(_) => {
                // Some of it is new to the backup, and in no flush yet.
                append_next(&path, &next);
                let beside = async {
                    let repository = world.host.open(Arc::new(world.store.clone())).await.unwrap();
                    let report = back_up(&world, &repository).await;
                    snapshots.lock().unwrap().push((report.snapshot, report.events_captured));
                };
                tokio::task::block_in_place(|| {
                    tokio::runtime::Handle::current().block_on(beside);
                });
            }
            _ => {}
        }
    })
    .await
    .unwrap();
    world.repository.refresh().await.unwrap();
    let snapshots = snapshots.into_inner().unwrap();
    assert_eq!(snapshots.len(), 12);
    let all = expected(0..80);
    for (snapshot, captured) in snapshots {
        let events = events_of(&world.host, &world.repository, &snapshot).await;
        assert_eq!((captured, events.as_slice()), (5, &all[..events.len()]));
        assert_eq!(events.len() as u64, snapshot.counts.events);
        let after = tail_events_after(&world.store, &world.repository, snapshot.tail).await;
        assert_eq!([events, after].concat(), all, "{}", snapshot.counts.events);
    }
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_comes_during_a_backup_captures_what_the_backup_has_beyond_the_tail() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    world.append(20..30);
    world.follow_until(10).await.unwrap();
    world.append(30..40);
    let (host, store, path) = (world.host.duplicate(3), world.store.clone(), world.path.clone());
    let options_of_host = options(&world.host);
    let follow_options = options_of_host.clone();
    let source = HookedSource::new(ndjson_source(&world.path), move || {
        Box::pin(async move {
            let repository = host.open(Arc::new(store)).await.unwrap();
            follow_to_end(&repository, &path, &follow_options).await.unwrap();
            Ok(())
        })
    });
    let backup_options = options_of_host.backup;
    let report = backup::backup(&world.repository, &source, &backup_options, &Monitor::default())
        .await
        .unwrap();
    assert_eq!((report.snapshot.counts.events, report.snapshot.tail), (40, None));
    assert_eq!(world.captured().await, expected(20..40));
    // It stands beside the tail, which goes on as it was.
    world.append(40..50);
    world.follow_until(10).await.unwrap();
    assert_eq!(world.captured().await, expected(20..50));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_key_opens_nothing_takes_its_own_tail_and_no_other() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    host.add_writer(&store, &founder).await;
    let writer = host.open_as_writer(Arc::new(store.clone())).await;
    let path = host.write("events.ndjson", lines(0..20));
    let world = World { host, store, repository: writer, path };
    world.follow_until(0).await.unwrap();
    world.append(20..40);
    world.follow_until(20).await.unwrap();
    let elsewhere = world.host.duplicate(4);
    let report = back_up(&world, &world.repository).await;
    assert_eq!(report.events_captured, 20);
    founder.refresh().await.unwrap();
    assert_eq!(events_of(&world.host, &founder, &report.snapshot).await, expected(0..40));

    world.append(40..50);
    world.follow_until(10).await.unwrap();
    elsewhere.lose_cache();
    let stranger = elsewhere.open_as_writer(Arc::new(world.store.clone())).await;
    let report = back_up(&world, &stranger).await;
    assert_eq!((report.events_captured, report.snapshot.counts.events), (0, 50));
    founder.refresh().await.unwrap();
    assert_eq!(events_of(&world.host, &founder, &report.snapshot).await, expected(0..50));
}
