//! Futures that are dropped wherever they happen to be: what a caller gets who races them against a
//! clock, or closes a connection. The same repository is used on.

use icecore::backup::backup;
use icecore::follow::{FollowNews, FollowOptions, follow};
use icecore::restore::{RestoreOptions, restore};
use icecore::{Monitor, snapshots};
use icecore_sources::events::ndjson::NdjsonTarget;
use icecore_tests::tail::tail_events;
use icecore_tests::{Host, assert_clean, lines, ndjson_source};
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::Write as _;
use std::task::Poll;
use std::time::Duration;

const EVENTS: u64 = 3_000;

/// Polls a future so often and then drops it; its output if it had ended by then.
async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let (mut future, mut polls) = (std::pin::pin!(future), 0);
    poll_fn(|context| {
        if polls == times {
            return Poll::Ready(None);
        }
        polls += 1;
        let poll = future.as_mut().poll(context).map(Some);
        if polls == times {
            // Nobody else may wake this.
            context.waker().wake_by_ref();
        }
        poll
    })
    .await
}

/// More and more polls, in steps that grow.
fn more_and_more() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(1usize), |polls| Some(polls + 1 + polls / 4))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_committed_or_not_and_the_repository_goes_on() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let path = host.write("events.ndjson", lines(0..EVENTS));
    let (source, options) = (ndjson_source(&path), host.backup_options());
    let mut dropped = 0;
    for polls in more_and_more() {
        let monitor = Monitor::default();
        let backup = Box::pin(backup(&repository, &source, &options, &monitor));
        let ended = polled(polls, backup).await;
        assert_clean(&host.check(&repository).await);
        if let Some(report) = ended {
            assert_eq!(report.unwrap().snapshot.counts.events, EVENTS);
            break;
        }
        dropped += 1;
    }
    assert!(dropped > 5, "it was dropped {dropped} times");
    let restored = host.restore(&repository, "latest").await.unwrap();
    assert!(restored == lines(0..EVENTS).into_bytes(), "it came back otherwise");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_leaves_nothing_or_everything() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    host.back_up(&repository, lines(0..EVENTS)).await.unwrap();
    let state = repository.state().await;
    let snapshot = &snapshots::find(&state, "latest", None).unwrap().snapshot;
    let directory = host.path("restored");
    std::fs::create_dir(&directory).unwrap();
    let path = directory.join("events.ndjson");
    let mut dropped = 0;
    for polls in more_and_more() {
        let (target, options) = (NdjsonTarget::new(&path), RestoreOptions::default());
        let monitor = Monitor::default();
        let restoring = restore(&repository, snapshot, &target, &options, &monitor);
        if let Some(report) = polled(polls, restoring).await {
            report.unwrap();
            break;
        }
        // Work that had begun on another thread ends there.
        while std::fs::read_dir(&directory).unwrap().count() > usize::from(path.exists()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if path.exists() {
            assert!(std::fs::read(&path).unwrap() == lines(0..EVENTS).into_bytes());
            std::fs::remove_file(&path).unwrap();
        }
        dropped += 1;
    }
    assert!(dropped > 5, "it was dropped {dropped} times");
    assert!(std::fs::read(&path).unwrap() == lines(0..EVENTS).into_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_skips_nothing_and_doubles_nothing() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let path = host.write("events.ndjson", lines(0..20));
    let source = ndjson_source(&path);
    let options = FollowOptions {
        backup: host.backup_options(),
        flush_interval: Duration::from_millis(1),
        ..FollowOptions::default()
    };
    let (mut events, mut dropped) = (20, 0);
    for polls in more_and_more().take_while(|polls| *polls < 300) {
        let monitor = Monitor::default();
        let following = Box::pin(follow(&repository, &source, &options, &monitor, &|_| ()));
        assert!(polled(polls, following).await.is_none(), "nobody asked it to stop");
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(lines(events..events + 3).as_bytes()).unwrap();
        events += 3;
        dropped += 1;
    }
    assert!(dropped > 5, "it was dropped {dropped} times");
    let monitor = Monitor::default();
    let tell = |news: FollowNews<'_>| {
        if matches!(news, FollowNews::UpToDate { .. }) {
            monitor.request_stop();
        }
    };
    follow(&repository, &source, &options, &monitor, &tell).await.unwrap();
    assert_clean(&host.check(&repository).await);
    let base =
        repository.state().await.snapshots.values().map(|it| it.snapshot.counts.events).max();
    let captured = tail_events(&store, &repository).await;
    assert_eq!(base.unwrap() + captured.len() as u64, events);
    // And a backup agrees with what was captured.
    let monitor = Monitor::default();
    let report = backup(&repository, &source, &options.backup, &monitor).await.unwrap();
    assert_eq!(report.snapshot.counts.events, events);
    let restored = host.restore(&repository, "latest").await.unwrap();
    assert!(restored == std::fs::read(&path).unwrap(), "it came back otherwise");
}
