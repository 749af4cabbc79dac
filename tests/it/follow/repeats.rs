//! Every sixty-fourth object repeats what those before it have: readers get it alone, and lose nothing
//! where it, or one that it repeats, is lost.

use super::recovery::recovered;
use super::*;
use icecore::layout::ObjectRole;
use icecore::recover::{RecoveryPoint, states};
use icecore::timeline::timeline;
use icecore_format::tail::{OBJECT_BYTES_MAX, TailObject, TailRecord};
use icecore_store::ObjectName;
use icecore_store::testing::RecordingStore;

/// Objects of which one repeats the others.
const REPEATED: usize = 64;

/// Follows until so many events were flushed, each by itself.
async fn flush_each(world: &World, repository: &Repository, next: &AtomicU64, events: u64) {
    let path = &world.path;
    let report = follow_until(&world.host, repository, path, events, |news| {
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            let from = next.fetch_add(1, Ordering::Relaxed);
            append(path, from..from + 1);
        }
    });
    assert_eq!(report.await.unwrap().flushes, events);
}

/// A world whose tail is one epoch of so many flushes, of an event each, and what is in it as lines.
async fn world_of(flushes: u64) -> (World, String) {
    let world = World::new().await;
    let next = AtomicU64::new(20);
    flush_each(&world, &world.repository, &next, flushes).await;
    (world, lines(0..20 + flushes))
}

/// The objects of the tail, in the order of their numbers.
async fn objects(store: &MemoryStore) -> Vec<ObjectName> {
    let listed = store.list("tail/").await.unwrap().into_iter().map(|object| object.name);
    let mut names: Vec<_> = listed.collect();
    names.sort_by_key(ObjectRole::of);
    names
}

/// Which of the objects repeat others.
async fn repeating(world: &World) -> Vec<usize> {
    let mut repeating = Vec::new();
    for (number, name) in objects(&world.store).await.iter().enumerate() {
        let bytes = world.store.get(name, OBJECT_BYTES_MAX).await.unwrap();
        let object = TailObject::open(world.repository.keys(), name.as_str(), &bytes).unwrap();
        if matches!(object.record, TailRecord::Flush(flush) if flush.repeat.is_some()) {
            repeating.push(number);
        }
    }
    repeating
}

async fn latest(world: &World, store: &MemoryStore) -> (String, Option<String>) {
    let repository = world.host.open(Arc::new(store.clone())).await.unwrap();
    let found = recovered(world, &repository, RecoveryPoint::Latest).await.unwrap();
    (found.0, found.1.plan.state.gap().map(|gap| gap.object.clone()))
}

/// What the timeline says is missing.
async fn gaps(world: &World, store: &MemoryStore, read: bool) -> Vec<String> {
    let repository = world.host.open(Arc::new(store.clone())).await.unwrap();
    let states = states(&repository.state().await, "shop", None).unwrap();
    let tail = timeline(&repository, states, read).await.unwrap().tail.unwrap();
    tail.epochs.into_iter().flat_map(|epoch| epoch.gaps).map(|(object, _)| object).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_gets_one_object_for_sixty_four_flushes() {
    let (world, all) = world_of(2 * REPEATED as u64 + 3).await;
    assert_eq!(repeating(&world).await, [REPEATED - 1, 2 * REPEATED - 1]);
    let recording = RecordingStore::new(Arc::new(world.store.clone()));
    let repository = world.host.open(recording.clone()).await.unwrap();
    let (found, _) = recovered(&world, &repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(found, all);
    // Two that repeat, three that nothing repeats, and what finds out how many there are.
    let requests = recording.count_in(Operation::Get, "tail");
    assert!(requests <= 8, "{requests} requests");
    assert_eq!(world.captured().await, expected(20..20 + 2 * REPEATED as u64 + 3));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_lists_the_objects_that_repeat_others_and_the_last_ones() {
    let (world, _) = world_of(4 * REPEATED as u64 + 3).await;
    let recording = RecordingStore::new(Arc::new(world.store.clone()));
    let repository = world.host.open(recording.clone()).await.unwrap();
    let states = states(&repository.state().await, "shop", None).unwrap();
    let tail = timeline(&repository, states, false).await.unwrap().tail.unwrap();
    assert_eq!(tail.epochs.iter().map(|epoch| epoch.flushes).sum::<u64>(), 4 * 64 + 3);
    let listed = recording.requests().into_iter().filter(|it| it.operation == Operation::List);
    let prefixes: Vec<_> = listed.map(|it| it.name).filter(|it| it.contains("tail")).collect();
    assert!(!prefixes.is_empty());
    for prefix in prefixes {
        let is_of_few = prefix.ends_with("/repeats/") || prefix.contains("/00000000000000000");
        assert!(is_of_few, "{prefix}");
    }
    // A whole group that is gone, a run of the newest, and the one that ends a group.
    let names = objects(&world.store).await;
    for lost in [64..128, 256..258, 191..192] {
        let store = world.store.snapshot();
        for name in &names[lost.clone()] {
            assert!(store.remove(name));
        }
        let expected: Vec<&str> = names[lost].iter().map(ObjectName::as_str).collect();
        assert_eq!(gaps(&world, &store, false).await, expected);
        assert_eq!(gaps(&world, &store, true).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_point_within_what_is_repeated_is_recovered_byte_for_byte() {
    let (world, _) = world_of(REPEATED as u64 + 3).await;
    for number in [20, 21, 50, 82, 83, 84, 85] {
        let streams = icecore_tests::lines::STREAMS;
        for point in [
            RecoveryPoint::Position(number),
            RecoveryPoint::Version {
                stream: format!("order-{}", number % streams),
                version: number / streams + 1,
            },
        ] {
            let found = recovered(&world, &world.repository, point.clone()).await.unwrap();
            assert_eq!(found.0, lines(0..number + 1), "{point:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_repeated_is_not_lost_with_its_own_object() {
    let (world, all) = world_of(2 * REPEATED as u64 + 3).await;
    let names = objects(&world.store).await;
    for number in [0, 1, REPEATED - 2, REPEATED, 2 * REPEATED - 2] {
        let (lost, damaged) = (world.store.snapshot(), world.store.snapshot());
        assert!(lost.remove(&names[number]));
        assert!(damaged.flip_bit(&names[number], 100, 3));
        for store in [lost, damaged] {
            assert_eq!(latest(&world, &store).await, (all.clone(), None), "object {number}");
            for read in [false, true] {
                assert_eq!(gaps(&world, &store, read).await, [""; 0], "object {number}");
            }
            // Another loss could not be made good.
            let repository = world.host.open(Arc::new(store)).await.unwrap();
            let findings = world.host.check(&repository).await.findings;
            let subjects: Vec<_> = findings.iter().map(|it| it.subject.as_str()).collect();
            assert!(subjects.contains(&names[number].as_str()), "{findings:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_object_that_repeats_is_lost_or_damaged_those_before_it_are_read() {
    let (world, all) = world_of(2 * REPEATED as u64 + 3).await;
    let names = objects(&world.store).await;
    for number in [REPEATED - 1, 2 * REPEATED - 1] {
        let length = world.store.content(&names[number]).unwrap().len() as u64;
        let mut stores = vec![world.store.snapshot(), world.store.snapshot()];
        assert!(stores[0].remove(&names[number]));
        assert!(stores[1].truncate(&names[number], length - 1));
        // Its record, what is its own, and what it repeats.
        for byte in [0, 20, length / 2, length - 1] {
            let damaged = world.store.snapshot();
            assert!(damaged.flip_bit(&names[number], byte, 6));
            stores.push(damaged);
        }
        for store in stores {
            let (found, gap) = latest(&world, &store).await;
            // All before it, and not its own.
            assert_eq!(found, lines(0..20 + number as u64));
            assert_eq!(gap.as_deref(), Some(names[number].as_str()));
            assert_eq!(gaps(&world, &store, true).await, [names[number].as_str()]);
        }
    }
    assert_eq!(latest(&world, &world.store).await, (all, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_ends_anywhere_around_a_repeat_leaves_a_tail_that_is_read_whole() {
    for flushes in [62, 63, 64, 65, 127, 128] {
        let world = World::new().await;
        let next = AtomicU64::new(20);
        flush_each(&world, &world.repository, &next, flushes).await;
        // What the first one did not flush, and more.
        let host = world.host.duplicate(5);
        let repository = host.open(Arc::new(world.store.clone())).await.unwrap();
        follow_to_end(&repository, &world.path, &options(&world.host)).await.unwrap();
        flush_each(&world, &repository, &next, 65).await;
        follow_to_end(&repository, &world.path, &options(&world.host)).await.unwrap();
        let written = next.load(Ordering::Relaxed);
        let (found, _) = recovered(&world, &repository, RecoveryPoint::Latest).await.unwrap();
        assert_eq!(found, lines(0..written), "{flushes} flushes");
        world.repository.refresh().await.unwrap();
        assert_eq!(world.captured().await, expected(20..written));
        world.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_the_write_of_a_repeat_loses_nothing_and_doubles_nothing() {
    for interrupted in [Interrupted::Landed, Interrupted::Vanished] {
        for before in [REPEATED - 2, REPEATED - 1, REPEATED] {
            let world = World::new().await;
            world.follow_until(0).await.unwrap();
            // The terminator, the entry of the ledger and its witness, and then the flushes.
            let write = 3 + before as u64 + 1;
            let crashing = Arc::new(CrashingStore::new(world.store.clone(), write, interrupted));
            let (path, next) = (world.path.clone(), AtomicU64::new(20));
            let repository = world.host.open(crashing.clone()).await.unwrap();
            let monitor = Monitor::default();
            let tell = |news: FollowNews<'_>| match news {
                FollowNews::Begun { .. } | FollowNews::Flushed(_) => {
                    let from = next.fetch_add(1, Ordering::Relaxed);
                    append(&path, from..from + 1);
                }
                FollowNews::Failed { .. } => monitor.request_stop(),
                _ => {}
            };
            let source = ndjson_source(&path);
            drop(follow(&repository, &source, &options(&world.host), &monitor, &tell).await);
            assert!(crashing.crashed());
            let flushes = objects(&world.store).await.len();
            assert!(flushes.abs_diff(before) <= 2, "{flushes} objects, not {before}");

            let host = world.host.duplicate(9);
            let repository = host.open(Arc::new(world.store.clone())).await.unwrap();
            follow_to_end(&repository, &world.path, &options(&world.host)).await.unwrap();
            let written = next.load(Ordering::Relaxed);
            let (found, _) = recovered(&world, &repository, RecoveryPoint::Latest).await.unwrap();
            assert_eq!(found, lines(0..written), "{before}, {interrupted:?}");
            assert_eq!(tail_events(&world.store, &repository).await, expected(20..written));
            assert_clean(&host.check(&repository).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_ends_within_what_is_repeated_is_gone_on_from_where_it_ends() {
    let world = World::new().await;
    let (path, next, flushes) = (world.path.clone(), AtomicU64::new(20), AtomicU64::new(0));
    follow_until(&world.host, &world.repository, &world.path, 130, |news| {
        if matches!(news, FollowNews::Flushed(_))
            && [40, 100].contains(&(flushes.fetch_add(1, Ordering::Relaxed) + 1))
        {
            let beside = async {
                let repository = world.host.open(Arc::new(world.store.clone())).await.unwrap();
                back_up(&world, &repository).await
            };
            let report =
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(beside));
            // What came since the one before.
            let captured = if flushes.load(Ordering::Relaxed) == 40 { 40 } else { 60 };
            assert_eq!(report.events_captured, captured);
        }
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            let from = next.fetch_add(1, Ordering::Relaxed);
            append(&path, from..from + 1);
        }
    })
    .await
    .unwrap();
    world.repository.refresh().await.unwrap();
    assert_eq!(latest(&world, &world.store).await, (lines(0..150), None));
    let report = back_up(&world, &world.repository).await;
    // Those that nobody captured, too.
    let written = next.load(Ordering::Relaxed);
    assert_eq!((report.events_captured, report.snapshot.counts.events), (30, written));
    let restored = world.host.restore(&world.repository, "latest").await.unwrap();
    assert_eq!(String::from_utf8(restored).unwrap(), lines(0..written));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_key_opens_nothing_takes_what_is_repeated_of_its_own_tail() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    host.add_writer(&store, &founder).await;
    let writer = host.open_as_writer(Arc::new(store.clone())).await;
    let path = host.write("events.ndjson", lines(0..20));
    let world = World { host, store, repository: writer, path };
    let next = AtomicU64::new(20);
    flush_each(&world, &world.repository, &next, REPEATED as u64 + 6).await;
    let recording = RecordingStore::new(Arc::new(world.store.clone()));
    let repository = world.host.open_as_writer(recording.clone()).await;
    let report = back_up(&world, &repository).await;
    assert_eq!(report.events_captured, REPEATED as u64 + 6);
    let requests = recording.count_in(Operation::Get, "tail");
    assert!(requests <= 12, "{requests} requests");
    founder.refresh().await.unwrap();
    let restored = world.host.restore(&founder, "latest").await.unwrap();
    assert_eq!(restored, std::fs::read(&world.path).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn large_payloads_are_repeated_as_they_are_and_too_much_is_not_repeated() {
    for (bytes, is_repeated) in [(1_200 << 10, true), (5_000 << 10, false)] {
        let world = World::new().await;
        let next = AtomicU64::new(20);
        flush_each(&world, &world.repository, &next, 10).await;
        let mut file = File::options().append(true).open(&world.path).unwrap();
        let large = icecore_tests::lines::large_line("scan", 1, bytes);
        file.write_all(large.as_bytes()).unwrap();
        // In the same epoch, so that it is among what is repeated.
        let (path, flushes) = (world.path.clone(), AtomicU64::new(0));
        let report = follow_until(&world.host, &world.repository, &world.path, 70, |news| {
            if matches!(news, FollowNews::Flushed(_)) {
                flushes.fetch_add(1, Ordering::Relaxed);
                let from = next.fetch_add(1, Ordering::Relaxed);
                append(&path, from..from + 1);
            }
        });
        report.await.unwrap();
        assert_eq!(repeating(&world).await.is_empty(), !is_repeated, "{bytes} bytes");
        follow_to_end(&world.repository, &world.path, &options(&world.host)).await.unwrap();
        let (found, gap) = latest(&world, &world.store).await;
        assert_eq!(gap, None);
        assert!(found.as_bytes() == std::fs::read(&world.path).unwrap(), "it came back otherwise");
        // What was not repeated is needed, each object of it.
        let (lost, name) = (world.store.snapshot(), objects(&world.store).await.swap_remove(30));
        assert!(lost.remove(&name));
        let missing = if is_repeated { vec![] } else { vec![name.to_string()] };
        assert_eq!(gaps(&world, &lost, false).await, missing, "{bytes} bytes");
        let report = back_up(&world, &world.repository).await;
        assert_eq!(report.events_captured, report.snapshot.counts.events - 20);
        let restored = world.host.restore(&world.repository, "latest").await.unwrap();
        assert!(restored == std::fs::read(&world.path).unwrap(), "it came back otherwise");
        world.assert_clean().await;
    }
}
