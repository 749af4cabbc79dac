//! A follower that has to begin anew while source or storage are gone waits for them.

use super::*;
use async_trait::async_trait;
use icecore::backup::BackupError;

/// A source that lost its history, and then cannot be read so many times.
struct LostThenGone {
    inner: NdjsonSource,
    failures: AtomicU64,
    kind: SourceErrorKind,
}

#[async_trait]
impl Source for LostThenGone {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn default_name(&self) -> String {
        self.inner.default_name()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let is_backup = request.everything || !request.trust_append;
        if is_backup && self.failures.load(Ordering::Relaxed) > 0 {
            self.failures.fetch_sub(1, Ordering::Relaxed);
            return Err(SourceError::new(self.kind, "the database is not what it was"));
        }
        self.inner.open(request).await
    }
}

/// A world whose source is another one than what was followed.
async fn lost(failures: u64, kind: SourceErrorKind) -> (World, LostThenGone) {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    std::fs::write(&world.path, icecore_tests::lines::lines_of("invoice", 0..30)).unwrap();
    let (inner, failures) = (ndjson_source(&world.path), AtomicU64::new(failures));
    (world, LostThenGone { inner, failures, kind })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_to_be_backed_up_anew_and_is_gone_is_waited_for() {
    let (world, source) = lost(1, SourceErrorKind::Unreadable).await;
    let (path, failures) = (world.path.clone(), AtomicU64::new(0));
    let options = options(&world.host);
    let report = follow_source(&world.repository, &source, &options, 5, |news| match news {
        FollowNews::Failed { .. } => _ = failures.fetch_add(1, Ordering::Relaxed),
        FollowNews::BackedUp(_) => {
            let more = icecore_tests::lines::lines_of("invoice", 30..35);
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(more.as_bytes()).unwrap();
        }
        _ => {}
    });
    assert_eq!(report.await.unwrap().events, 5);
    assert_eq!(failures.into_inner(), 1);
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storage_that_is_gone_when_an_epoch_ends_is_waited_for() {
    let (world, source) = lost(0, SourceErrorKind::Unreadable).await;
    let faulty = FaultyStore::new(Arc::new(world.store.clone()));
    let repository = world.host.open(faulty.clone()).await.unwrap();
    let (path, failures) = (world.path.clone(), AtomicU64::new(0));
    let options = options(&world.host);
    let report = follow_source(&repository, &source, &options, 5, |news| match news {
        FollowNews::Lost(_) => {
            faulty.add(Matcher::first(Operation::PutNew, "ledger/"), Effect::FullDisk);
        }
        FollowNews::Failed { .. } => {
            failures.fetch_add(1, Ordering::Relaxed);
            faulty.make_room();
        }
        FollowNews::Begun { .. } if failures.load(Ordering::Relaxed) > 0 => {
            let more = icecore_tests::lines::lines_of("invoice", 30..35);
            let mut file = File::options().append(true).open(&path).unwrap();
            file.write_all(more.as_bytes()).unwrap();
        }
        _ => {}
    });
    assert_eq!(report.await.unwrap().events, 5);
    assert_eq!(failures.into_inner(), 1);
    world.repository.refresh().await.unwrap();
    assert_eq!(world.captured().await.len(), 5);
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_holds_something_else_than_events_is_not_waited_for() {
    let (world, source) = lost(1, SourceErrorKind::Invalid).await;
    let ended = follow_source(&world.repository, &source, &options(&world.host), 5, |_| ()).await;
    assert!(matches!(ended, Err(FollowError::Backup(BackupError::Source(_)))), "{ended:?}");
}
