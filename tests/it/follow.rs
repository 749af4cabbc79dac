//! Followers: nothing is skipped and nothing is there twice, whoever is killed, fenced, refused or
//! cut off when.

mod backups;
mod clocks;
mod outages;
mod parts;
mod recovery;
mod repeats;
mod retention;
mod trimmed;

use icecore::backup::{self, BackupReport};
use icecore::follow::{FollowError, FollowNews, FollowOptions, FollowReport, follow};
use icecore::selection::StreamSelection;
use icecore::source::{
    EventReader, Reading, Source, SourceEnd, SourceError, SourceErrorKind, SourceRequest,
    UnparsedBatch,
};
use icecore::tail::OpenError;
use icecore::{Monitor, Repository};
use icecore_format::ledger::EntryBody;
use icecore_sources::events::ndjson::NdjsonSource;
use icecore_store::testing::{CrashingStore, Effect, FaultyStore, Interrupted, Matcher};
use icecore_store::{MemoryStore, Operation, Store, StoreErrorKind};
use icecore_tests::tail::tail_events;
use icecore_tests::{Host, assert_clean, lines, ndjson_source};
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A file of events that grows, and a repository.
struct World {
    host: Host,
    store: MemoryStore,
    repository: Repository,
    path: PathBuf,
}

impl World {
    async fn new() -> Self {
        let host = Host::new();
        let (store, repository) = host.init_small().await;
        let path = host.write("events.ndjson", lines(0..20));
        Self { host, store, repository, path }
    }

    fn append(&self, range: Range<u64>) {
        append(&self.path, range);
    }

    /// Follows until so many events were flushed; nothing else stops it.
    async fn follow_until(&self, events: u64) -> Result<FollowReport, FollowError> {
        follow_until(&self.host, &self.repository, &self.path, events, |_| ()).await
    }

    /// The events of the tail, as `lines` numbers them.
    async fn captured(&self) -> Vec<(String, u64)> {
        tail_events(&self.store, &self.repository).await
    }

    async fn assert_clean(&self) {
        assert_clean(&self.host.check(&self.repository).await);
    }
}

fn append(path: &Path, range: Range<u64>) {
    let mut file = File::options().append(true).open(path).unwrap();
    file.write_all(lines(range).as_bytes()).unwrap();
}

/// The streams and versions of the events that `lines` makes.
fn expected(range: Range<u64>) -> Vec<(String, u64)> {
    let streams = icecore_tests::lines::STREAMS;
    range.map(|number| (format!("order-{}", number % streams), number / streams + 1)).collect()
}

fn options(host: &Host) -> FollowOptions {
    let mut backup = host.backup_options();
    backup.name = Some("shop".to_owned());
    FollowOptions { backup, flush_interval: Duration::from_millis(1), ..FollowOptions::default() }
}

/// Follows until so many events were flushed, with something that is done at each piece of news.
async fn follow_until(
    host: &Host,
    repository: &Repository,
    path: &Path,
    events: u64,
    hook: impl Fn(&FollowNews<'_>) + Send + Sync,
) -> Result<FollowReport, FollowError> {
    follow_source(repository, &ndjson_source(path), &options(host), events, hook).await
}

async fn follow_source(
    repository: &Repository,
    source: &dyn Source,
    options: &FollowOptions,
    events: u64,
    hook: impl Fn(&FollowNews<'_>) + Send + Sync,
) -> Result<FollowReport, FollowError> {
    let monitor = Monitor::default();
    let flushed = AtomicU64::new(0);
    let tell = |news: FollowNews<'_>| {
        hook(&news);
        if let FollowNews::Flushed(flush) = &news {
            flushed.fetch_add(flush.events, Ordering::Relaxed);
        }
        let is_begun = !matches!(news, FollowNews::BackedUp(_));
        if is_begun && flushed.load(Ordering::Relaxed) >= events {
            monitor.request_stop();
        }
    };
    Box::pin(follow(repository, source, options, &monitor, &tell)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_after_the_first_backup_is_captured_once_and_in_order() {
    let world = World::new().await;
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    let report = follow_until(&world.host, &world.repository, &world.path, 50, |news| {
        // Each flush is followed by the next five events.
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            let from = next.fetch_add(5, Ordering::Relaxed);
            append(&path, from..from + 5);
        }
    })
    .await
    .unwrap();
    assert_eq!((report.events, report.flushes), (50, 10));
    assert_eq!(world.captured().await, expected(20..70));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_goes_on_where_the_one_before_ended() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    for round in 0..5 {
        world.append(20 + 10 * round..30 + 10 * round);
        let report = world.follow_until(10).await.unwrap();
        assert_eq!(report.events, 10);
    }
    assert_eq!(world.captured().await, expected(20..70));
    let state = world.repository.state().await;
    assert_eq!((state.snapshots.len(), state.tails[0].epochs.len()), (1, 6));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_remembers_nothing_goes_on_as_well() {
    let world = World::new().await;
    world.append(20..40);
    world.follow_until(0).await.unwrap();
    world.append(40..60);
    world.follow_until(20).await.unwrap();
    world.append(60..80);
    let stranger = world.host.stranger(0);
    let repository = stranger.open(Arc::new(world.store.clone())).await.unwrap();
    follow_until(&stranger, &repository, &world.path, 20, |_| ()).await.unwrap();
    assert_eq!(tail_events(&world.store, &repository).await, expected(40..80));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_has_one_follower_unless_another_takes_over_and_then_the_first_stops() {
    let world = World::new().await;
    let other = world.host.stranger(1);
    let repository = other.open(Arc::new(world.store.clone())).await.unwrap();
    world.follow_until(0).await.unwrap();

    let refused = follow_until(&other, &repository, &world.path, 0, |_| ()).await;
    let Err(FollowError::Open(OpenError::Followed { name, host, is_here })) = refused else {
        panic!("two followers: {refused:?}");
    };
    assert_eq!((name.as_str(), host.as_str(), is_here), ("shop", "host-0", false));

    // Taken over in the midst of the first one's run, when it is about to put its second flush.
    world.append(20..30);
    let (path, store) = (world.path.clone(), world.store.clone());
    let taking = std::sync::Mutex::new(Some((other, repository)));
    let first = follow_until(&world.host, &world.repository, &world.path, 1000, |news| {
        if !matches!(news, FollowNews::Flushed(_)) {
            return;
        }
        let Some((other, repository)) = taking.lock().unwrap().take() else { return };
        append(&path, 30..40);
        let taken_over = async {
            let take_over = FollowOptions { take_over: true, ..options(&other) };
            let source = ndjson_source(&path);
            follow_source(&repository, &source, &take_over, 10, |_| ()).await.unwrap();
            assert_eq!(tail_events(&store, &repository).await, expected(20..40));
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(taken_over));
    })
    .await;
    let Err(FollowError::TakenOver { name, host }) = first else { panic!("{first:?}") };
    assert_eq!((name.as_str(), host.as_deref()), ("shop", Some("host-1")));
    world.repository.refresh().await.unwrap();
    assert_eq!(world.captured().await, expected(20..40));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_is_alive_on_this_machine_is_not_taken_for_dead() {
    let world = World::new().await;
    let again = &world;
    world.append(20..21);
    let path = world.path.clone();
    let seen = AtomicU64::new(0);
    follow_until(&world.host, &world.repository, &world.path, 1, |news| {
        if !matches!(news, FollowNews::Begun { .. }) || seen.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        append(&path, 21..22);
        let second = async {
            let repository = again.host.open(Arc::new(again.store.clone())).await.unwrap();
            follow_until(&again.host, &repository, &again.path, 0, |_| ()).await
        };
        let second =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(second));
        let Err(FollowError::Open(OpenError::Followed { is_here: true, .. })) = second else {
            panic!("two followers: {second:?}");
        };
    })
    .await
    .unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_whose_answer_is_lost_or_that_fails_is_put_again_as_it_is() {
    for effect in [
        Effect::LoseAcknowledgement,
        Effect::Fail(StoreErrorKind::Transient),
        Effect::Fail(StoreErrorKind::NoSpace),
        Effect::Fail(StoreErrorKind::Denied),
    ] {
        let world = World::new().await;
        world.follow_until(0).await.unwrap();
        world.append(20..30);
        let faulty = FaultyStore::new(Arc::new(world.store.clone()));
        let repository = world.host.open(faulty.clone()).await.unwrap();
        faulty.add(Matcher::first(Operation::PutNew, "tail/"), effect.clone());
        // The first is the terminator, the second the flush.
        let again = follow_until(&world.host, &repository, &world.path, 10, |_| ()).await;
        if again.is_err() {
            // A terminator that could not be put is an error at the start.
            follow_until(&world.host, &repository, &world.path, 10, |_| ()).await.unwrap();
        }
        faulty.add(Matcher::first(Operation::PutNew, "tail/"), effect);
        world.append(30..35);
        let mut again = follow_until(&world.host, &repository, &world.path, 5, |_| ()).await;
        if again.is_err() {
            again = follow_until(&world.host, &repository, &world.path, 5, |_| ()).await;
        }
        again.unwrap();
        faulty.assert_all_exercised();
        world.repository.refresh().await.unwrap();
        assert_eq!(world.captured().await, expected(20..35));
        world.assert_clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_is_gone_for_a_while_is_waited_for_and_nothing_is_skipped() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    let faulty = FaultyStore::new(Arc::new(world.store.clone()));
    let repository = world.host.open(faulty.clone()).await.unwrap();
    let (path, failures) = (world.path.clone(), AtomicU64::new(0));
    let report = follow_until(&world.host, &repository, &world.path, 30, |news| match news {
        FollowNews::Begun { .. } => {
            append(&path, 20..30);
            faulty.add(Matcher::first(Operation::PutNew, "tail/"), Effect::FullDisk);
        }
        FollowNews::Failed { .. } if failures.fetch_add(1, Ordering::Relaxed) == 1 => {
            append(&path, 30..50);
            faulty.make_room();
        }
        _ => {}
    })
    .await
    .unwrap();
    assert_eq!(failures.load(Ordering::Relaxed), 2);
    assert_eq!((report.events, report.flushes), (30, 2));
    world.repository.refresh().await.unwrap();
    assert_eq!(world.captured().await, expected(20..50));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_in_any_write_loses_nothing_and_doubles_nothing() {
    for interrupted in [Interrupted::Landed, Interrupted::Vanished] {
        for write in 1.. {
            let world = World::new().await;
            let crashing = Arc::new(CrashingStore::new(world.store.clone(), write, interrupted));
            let written = Box::pin(follow_thrice(&world, &crashing)).await;
            // Whoever comes after, on the same host, goes on.
            let host = world.host.duplicate(9);
            let repository = host.open(Arc::new(world.store.clone())).await.unwrap();
            append(&world.path, written..written + 5);
            follow_to_end(&repository, &world.path, &options(&world.host)).await.unwrap();
            let state = repository.state().await;
            let base = state.snapshots.values().map(|it| it.snapshot.counts.events).max();
            let captured = tail_events(&world.store, &repository).await;
            let expected = expected(base.unwrap()..written + 5);
            assert_eq!(captured, expected, "write {write}, {interrupted:?}");
            assert_clean(&host.check(&repository).await);
            if !crashing.crashed() {
                assert!(write > 15, "only {write} writes");
                break;
            }
        }
    }
}

/// Three followers, one after the other, each of whom sees two times five events come; what was
/// written by then. They end early once the storage is gone.
async fn follow_thrice(world: &World, store: &Arc<CrashingStore>) -> u64 {
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    for _ in 0..3 {
        let Ok(repository) = world.host.open(store.clone()).await else { break };
        let (monitor, flushes) = (Monitor::default(), AtomicU64::new(0));
        let tell = |news: FollowNews<'_>| match news {
            FollowNews::Begun { .. } => append_next(&path, &next),
            FollowNews::Flushed(_) if flushes.fetch_add(1, Ordering::Relaxed) == 0 => {
                append_next(&path, &next);
            }
            FollowNews::Flushed(_) | FollowNews::Failed { .. } => monitor.request_stop(),
            _ => {}
        };
        let source = ndjson_source(&path);
        let ended = follow(&repository, &source, &options(&world.host), &monitor, &tell).await;
        if ended.is_err() {
            break;
        }
    }
    next.into_inner()
}

/// Follows until everything is durable.
async fn follow_to_end(
    repository: &Repository,
    path: &Path,
    options: &FollowOptions,
) -> Result<FollowReport, FollowError> {
    let monitor = Monitor::default();
    let tell = |news: FollowNews<'_>| {
        if matches!(news, FollowNews::UpToDate { .. }) {
            monitor.request_stop();
        }
    };
    Box::pin(follow(repository, &ndjson_source(path), options, &monitor, &tell)).await
}

/// Appends the next five events.
fn append_next(path: &Path, next: &AtomicU64) {
    let from = next.fetch_add(5, Ordering::Relaxed);
    append(path, from..from + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_what_it_was_is_backed_up_anew_and_followed_from_there() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    world.append(20..40);
    world.follow_until(20).await.unwrap();
    // Other events under the same name.
    std::fs::write(&world.path, icecore_tests::lines::lines_of("invoice", 0..30)).unwrap();
    let (path, lost, anew) = (world.path.clone(), AtomicU64::new(0), AtomicU64::new(0));
    follow_until(&world.host, &world.repository, &world.path, 5, |news| match news {
        FollowNews::Lost(_) => _ = lost.fetch_add(1, Ordering::Relaxed),
        FollowNews::BackedUp(report) => {
            assert_eq!(report.snapshot.counts.events, 30);
            anew.fetch_add(1, Ordering::Relaxed);
            let more = icecore_tests::lines::lines_of("invoice", 30..35);
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(more.as_bytes()).unwrap();
        }
        _ => {}
    })
    .await
    .unwrap();
    assert_eq!((lost.into_inner(), anew.into_inner()), (1, 1));
    let captured = world.captured().await;
    assert_eq!(captured.len(), 5);
    assert!(captured.iter().all(|(stream, _)| stream.starts_with("invoice")));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flush_is_one_object_and_the_ledger_has_one_entry_for_each_run() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    world.append(20..30);
    world.follow_until(10).await.unwrap();
    let audit = world.repository.audit().await.unwrap();
    let follows = audit.log.iter().filter(|entry| match &entry.content {
        icecore::ledger::LoggedContent::Valid(entry) => matches!(entry.body, EntryBody::Follow(_)),
        icecore::ledger::LoggedContent::Void { .. } => false,
    });
    assert_eq!((audit.log.len(), follows.count()), (3, 2));
    // The terminator of the first run, and the flush of the second.
    assert_eq!(world.store.list("tail/").await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_streams_that_were_not_chosen_make_no_flush() {
    let world = World::new().await;
    let mut chosen = options(&world.host);
    let patterns = vec!["invoice-*".to_owned()];
    chosen.backup.request.streams = StreamSelection::new(patterns).unwrap();
    follow_to_end(&world.repository, &world.path, &chosen).await.unwrap();
    world.append(20..40);
    let report = follow_to_end(&world.repository, &world.path, &chosen).await.unwrap();
    assert_eq!((report.events, report.flushes), (0, 0));
    let invoices = icecore_tests::lines::lines_of("invoice", 0..3);
    let mut file = File::options().append(true).open(&world.path).unwrap();
    file.write_all(invoices.as_bytes()).unwrap();
    let report = follow_to_end(&world.repository, &world.path, &chosen).await.unwrap();
    assert_eq!((report.events, report.flushes), (3, 1));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_or_damaged_object_is_found_by_a_check() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    follow_until(&world.host, &world.repository, &world.path, 5, |news| {
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            let from = next.fetch_add(1, Ordering::Relaxed);
            append(&path, from..from + 1);
        }
    })
    .await
    .unwrap();
    let tail = world.store.list("tail/").await.unwrap();
    let flushes: Vec<_> = tail.iter().filter(|it| it.bytes > 200).map(|it| &it.name).collect();
    assert_eq!(flushes.len(), 5);
    world.assert_clean().await;
    for name in &flushes {
        let damaged = world.store.snapshot();
        let bytes = damaged.get(name, u64::MAX).await.unwrap();
        damaged.delete(name).await.unwrap();
        let is_last = *name == *flushes.last().unwrap();
        let findings = |host: Host, store: MemoryStore| async move {
            let repository = host.open(Arc::new(store)).await.unwrap();
            host.check(&repository).await.findings
        };
        // That a last object was there which nothing follows, only the machine knows that put it.
        let lost = findings(world.host.stranger(7), damaged.snapshot()).await;
        assert_eq!(lost.is_empty(), is_last, "{lost:?}");
        let lost = findings(world.host.duplicate(7), damaged.snapshot()).await;
        assert!(lost.iter().any(|it| it.subject == name.to_string()), "{lost:?}");
        let mut flipped = bytes.to_vec();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        damaged.put_new(name, flipped.into()).await.unwrap();
        let changed = findings(world.host.stranger(7), damaged).await;
        assert!(changed.iter().any(|it| it.subject == name.to_string()), "{changed:?}");
    }
}

/// Backs up what is followed, as the follower's host does.
async fn back_up(world: &World, repository: &Repository) -> BackupReport {
    let options = options(&world.host).backup;
    let source = ndjson_source(&world.path);
    backup::backup(repository, &source, &options, &Monitor::default()).await.unwrap()
}
