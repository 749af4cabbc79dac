//! Prunes beside running backups, and beside each other: none fails because of another.

use super::crash::{Start, everything};
use super::{at_once, fine_grained_host, stored};
use futures::future::{BoxFuture, join_all};
use icecore::backup::{BackupError, BackupOptions, BackupReport};
use icecore::session::SessionError;
use icecore::source::SourceError;
use icecore::{Monitor, Repository};
use icecore_sources::events::ndjson::NdjsonSource;
use icecore_store::{LocalStore, MemoryStore, Store};
use icecore_tests::hooked_source::HookedSource;
use icecore_tests::lines::lines_of;
use icecore_tests::{Expected, Host, lines, ndjson_source};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

async fn back_up_with_hook(
    host: &Host,
    repository: &Repository,
    source: NdjsonSource,
    hook: impl FnOnce() -> BoxFuture<'static, Result<(), SourceError>> + Send + 'static,
) -> Result<BackupReport, BackupError> {
    let options = BackupOptions { name: Some("source".to_owned()), ..host.backup_options() };
    let source = HookedSource::new(source, hook);
    icecore::backup::backup(repository, &source, &options, &Monitor::default()).await
}

/// Something that happens while a source is read.
fn forget_and_prune(
    host: Host,
    store: MemoryStore,
) -> impl FnOnce() -> BoxFuture<'static, Result<(), SourceError>> + Send + 'static {
    move || {
        Box::pin(async move {
            let repository = host.open(Arc::new(store.clone())).await.unwrap();
            // A newer one, so that the one that is leaned on is not the newest of its source.
            host.back_up(&repository, lines_of("newer", 0..20)).await.unwrap();
            let state = repository.state().await;
            let newest = state.snapshots.values().max_by_key(|found| found.number).unwrap();
            let newest = newest.snapshot.id;
            let others: Vec<_> =
                state.snapshots.keys().copied().filter(|id| *id != newest).collect();
            host.forget(&repository, &store, others).await;
            let report = host.prune(&repository, &everything()).await.unwrap();
            assert!(report.condemned.objects > 0);
            assert!(report.deleted.objects >= report.condemned.objects);
            Ok(())
        })
    }
}

/// PBS PSA-2025-00019: a backup reuses chunks of a snapshot that is collected before the backup commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_leans_on_what_is_collected_meanwhile_stores_it_again() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    host.back_up(&repository, lines(0..300)).await.unwrap();
    // A machine that remembers nothing leans on packs; the first one goes on from its own snapshot.
    for backing_up in [host.stranger(1), host.duplicate(2)] {
        let store = store.snapshot();
        let repository = backing_up.open(Arc::new(store.clone())).await.unwrap();
        let source = ndjson_source(&backing_up.write("hooked", lines(0..310)));
        let hook = forget_and_prune(host.stranger(3), store.clone());
        let report = back_up_with_hook(&backing_up, &repository, source, hook).await.unwrap();
        let state = repository.state().await;
        assert!(state.snapshots.contains_key(&report.snapshot.id));
        let restored = host.stranger(4);
        let opened = restored.open(Arc::new(store.clone())).await.unwrap();
        icecore_tests::assert_clean(&restored.check(&opened).await);
        let id = report.snapshot.id.to_string();
        assert_eq!(restored.restore(&opened, &id).await.unwrap(), lines(0..310).as_bytes());
    }
}

/// Whoever has a stolen writer's key can say that they hold what others stored, and has nothing removed by
/// that: which copy is a true one is not known.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_machines_stored_at_the_same_time_is_kept_in_both_packs() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let (other, others) = (host.stranger(1), store.clone());
    let source = ndjson_source(&host.write("hooked", lines(0..300)));
    let hook = move || -> BoxFuture<'static, Result<(), SourceError>> {
        Box::pin(async move {
            let repository = other.open(Arc::new(others)).await.unwrap();
            other.back_up_as(&repository, "other", lines(0..300)).await.unwrap();
            Ok(())
        })
    };
    let report = back_up_with_hook(&host, &repository, source, hook).await.unwrap();
    let state = repository.state().await;
    let other = state.snapshots.keys().copied().find(|id| *id != report.snapshot.id).unwrap();
    // Of the source of that name there is a newer one.
    let newer = host.stranger(2);
    newer.back_up_as(&repository, "other", lines_of("x", 0..10)).await.unwrap();
    host.forget(&repository, &store, [other]).await;
    let pruned = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(pruned.released, [other]);
    assert_eq!(pruned.condemned.objects, 0);
    icecore_tests::assert_clean(&host.check(&repository).await);
}

/// A pipe that was read gives nothing any more: that is not backed up as if it were all.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_whose_events_were_collected_meanwhile_fails_and_commits_nothing() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    host.back_up(&repository, lines(0..300)).await.unwrap();
    let piped = host.stranger(1);
    let path = piped.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let writing = path.clone();
    let writer = std::thread::spawn(move || std::fs::write(writing, lines(0..310)));
    let repository = piped.open(Arc::new(store.clone())).await.unwrap();
    let hook = forget_and_prune(host.stranger(3), store.clone());
    let outcome = back_up_with_hook(&piped, &repository, ndjson_source(&path), hook).await;
    writer.join().unwrap().unwrap();
    let error = outcome.unwrap_err();
    assert!(matches!(error, BackupError::Session(SessionError::Overtaken)), "{error}");
    repository.refresh().await.unwrap();
    assert_eq!(repository.state().await.snapshots.len(), 2);
}

/// Everybody at once: some back up, some forget and prune; each snapshot that was acknowledged and not
/// forgotten comes back.
async fn crowd(store: Arc<dyn Store>, rounds: u64) {
    let first = Arc::new(fine_grained_host());
    first.init_with_chunks(store.clone(), icecore_tests::host::SMALL_CHUNKS).await;
    let running = Arc::new(AtomicUsize::new(3));
    let backups = (0..3).map(|number| {
        let (host, store, running) = (first.stranger(number + 1), store.clone(), running.clone());
        tokio::spawn(async move {
            let mut expected = Expected::default();
            for round in 0..rounds {
                // They share much, lean on each other, and let go of what they had.
                let input = lines(round * 10..round * 10 + 60)
                    + &lines_of(&number.to_string(), round * 5..round * 5 + 30);
                let repository = host.open(store.clone()).await.unwrap();
                let name = format!("source-{number}");
                let report = host.back_up_as(&repository, &name, &input).await.unwrap();
                // Only the newest of each is kept by those who forget.
                expected = Expected::default().and(&report, &input);
            }
            running.fetch_sub(1, Ordering::Relaxed);
            expected
        })
    });
    let backups: Vec<_> = backups.collect();
    let prunes = (0..2).map(|number| {
        let (host, store, running) = (first.stranger(number + 10), store.clone(), running.clone());
        tokio::spawn(async move {
            let (mut condemned, mut prunes) = (0, 0);
            while running.load(Ordering::Relaxed) > 0 || prunes < 3 {
                let repository = host.open(store.clone()).await.unwrap();
                forget_all_but_newest(&host, &repository, &*store).await;
                let report = host.prune(&repository, &at_once()).await.unwrap();
                condemned += report.condemned.objects;
                prunes += 1;
            }
            condemned
        })
    });
    let prunes: Vec<_> = prunes.collect();
    let mut newest = Vec::new();
    for expected in join_all(backups).await {
        newest.push(expected.unwrap());
    }
    let mut condemned = 0;
    for count in join_all(prunes).await {
        condemned += count.unwrap();
    }
    assert!(condemned > 0, "nothing was collected");
    let host = first.stranger(100);
    let repository = host.open(store.clone()).await.unwrap();
    icecore_tests::assert_clean(&host.check(&repository).await);
    for expected in &newest {
        for (id, bytes) in expected.iter() {
            let restored = host.restore(&repository, &id.to_string()).await.unwrap();
            assert!(&restored == bytes, "snapshot {id} came back as other bytes");
        }
    }
}

/// Hides all snapshots but the newest of each source, if nobody else appends meanwhile.
async fn forget_all_but_newest(host: &Host, repository: &Repository, store: &dyn Store) {
    repository.refresh().await.unwrap();
    let state = repository.state().await;
    let live = icecore::snapshots::live(&state);
    let mut newest = std::collections::BTreeMap::new();
    for found in &live {
        newest.insert(found.snapshot.source.clone(), found.snapshot.id);
    }
    let old: Vec<_> = live
        .iter()
        .map(|found| (found.snapshot.source.clone(), found.snapshot.id))
        .filter(|(source, id)| newest[source] != *id)
        .map(|(_, id)| id)
        .collect();
    if !old.is_empty() {
        drop(host.try_to_forget(repository, store, old).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_backups_and_two_prunes_at_once_do_each_other_no_harm_in_memory() {
    crowd(Arc::new(MemoryStore::new()), 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_backups_and_two_prunes_at_once_do_each_other_no_harm_on_a_disk() {
    let directory = TempDir::new().unwrap();
    crowd(Arc::new(LocalStore::create(directory.path()).unwrap()), 6).await;
}

/// kopia #1087: two collections at once, each of which keeps the copies that the other gives up.
#[tokio::test(flavor = "multi_thread")]
async fn many_prunes_at_once_delete_what_one_would_have() {
    let Start { store, host, expected } = Start::new().await;
    let alone = store.snapshot();
    let repository = host.duplicate(1).open(Arc::new(alone.clone())).await.unwrap();
    host.prune(&repository, &everything()).await.unwrap();
    let prunes = (0..6).map(|number| {
        let (host, store) = (host.stranger(number + 1), store.clone());
        tokio::spawn(async move {
            let repository = host.open(Arc::new(store)).await.unwrap();
            host.prune(&repository, &everything()).await
        })
    });
    for outcome in join_all(prunes).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(stored(&store, "packs/").await.0, stored(&alone, "packs/").await.0);
    expected.assert_is_all(&host, Arc::new(store)).await;
}

/// Rule 10: what is read is looked up again where it was moved or collected.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_misses_a_pack_of_a_released_snapshot_says_that_it_is_gone() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..300)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..300)).await.unwrap();
    let reader = host.stranger(1).open(Arc::new(store.clone())).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    host.prune(&repository, &at_once()).await.unwrap();
    let error = host.restore(&reader, &gone.snapshot.id.to_string()).await.unwrap_err();
    assert!(icecore_tests::error_chain::chain(&error).contains("is in no pack"), "{error:?}");
    // A check that began before says nothing of what was collected since.
    icecore_tests::assert_clean(&host.check(&reader).await);
}
