//! What a source gives at once and is too much for one object: it counts as soon as all of it is there,
//! and not before.

use super::*;
use async_trait::async_trait;
use icecore_tests::lines::large_line;
use std::sync::Mutex;

/// Appends these versions of a stream, of 900 KiB each: a part is four mebibytes.
fn append_scans(world: &World, versions: Range<u64>) {
    let mut file = File::options().append(true).open(&world.path).unwrap();
    for version in versions {
        file.write_all(large_line("scan", version, 900 << 10).as_bytes()).unwrap();
    }
}

/// These versions, as they are captured.
fn scans(versions: Range<u64>) -> Vec<(String, u64)> {
    versions.map(|version| ("scan".to_owned(), version)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_in_parts_counts_when_all_of_it_is_there() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    append_scans(&world, 1..17);
    let small = FollowOptions { flush_bytes: 1, ..options(&world.host) };
    let source = ndjson_source(&world.path);
    // Stopped while the second of its objects was made: neither counts.
    let (monitor, puts) = (Monitor::default(), AtomicU64::new(0));
    let tell = |news: FollowNews<'_>| {
        if matches!(news, FollowNews::Captured { .. }) && puts.fetch_add(1, Ordering::Relaxed) == 1
        {
            monitor.request_stop();
        }
    };
    let report = follow(&world.repository, &source, &small, &monitor, &tell).await.unwrap();
    assert_eq!((report.events, report.flushes, puts.into_inner()), (0, 0, 2));
    assert_eq!(world.captured().await, []);
    // What ends the run before, and two objects that count for nothing.
    let before = world.store.list("tail/").await.unwrap().len();
    assert_eq!(before, 3);
    let report = follow_to_end(&world.repository, &world.path, &small).await.unwrap();
    assert_eq!((report.events, report.flushes), (16, 1));
    assert!(world.store.list("tail/").await.unwrap().len() > before + 3);
    assert_eq!(world.captured().await, scans(1..17));
    let report = back_up(&world, &world.repository).await;
    assert_eq!((report.events_captured, report.snapshot.counts.events), (16, 36));
    let restored = world.host.restore(&world.repository, "latest").await.unwrap();
    assert!(restored == std::fs::read(&world.path).unwrap(), "it came back otherwise");
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_with_a_part_counts_as_soon_as_it_is_read() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    let mut next = 1;
    // A part is four mebibytes: one of these numbers of lines fills one to its end.
    for lines in 3..=6 {
        append_scans(&world, next..next + lines);
        next += lines;
        let small = FollowOptions { flush_bytes: 1, ..options(&world.host) };
        let report = follow_to_end(&world.repository, &world.path, &small).await.unwrap();
        assert_eq!((report.events, report.flushes), (lines, 1));
        assert_eq!(world.captured().await, scans(1..next));
    }
    world.assert_clean().await;
}

/// A file that cannot be read on after ten parts, and once more after as many.
struct FailsTwice {
    inner: NdjsonSource,
    parts: Arc<AtomicU64>,
}

struct FailsTwiceReader {
    inner: Box<dyn EventReader>,
    parts: Arc<AtomicU64>,
}

#[async_trait]
impl Source for FailsTwice {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn default_name(&self) -> String {
        self.inner.default_name()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let inner = self.inner.open(request).await?;
        Ok(Box::new(FailsTwiceReader { inner, parts: self.parts.clone() }))
    }
}

#[async_trait]
impl EventReader for FailsTwiceReader {
    fn reading(&self) -> &Reading {
        self.inner.reading()
    }

    fn bytes_expected(&self) -> Option<u64> {
        self.inner.bytes_expected()
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        let batch = self.inner.next().await?;
        if batch.is_some() && [10, 20].contains(&self.parts.fetch_add(1, Ordering::Relaxed)) {
            return Err(SourceError::new(SourceErrorKind::Unreadable, "the disk hiccups"));
        }
        Ok(batch)
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        self.inner.finish().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_in_the_midst_of_a_part_is_not_captured_twice() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    append_scans(&world, 1..17);
    let small = FollowOptions { flush_bytes: 1, ..options(&world.host) };
    let parts = Arc::new(AtomicU64::new(0));
    let source = FailsTwice { inner: ndjson_source(&world.path), parts: parts.clone() };
    let (monitor, puts) = (Monitor::default(), AtomicU64::new(0));
    let pauses = Mutex::new(Vec::new());
    let tell = |news: FollowNews<'_>| match news {
        FollowNews::Captured { .. } => _ = puts.fetch_add(1, Ordering::Relaxed),
        FollowNews::Failed { pause, .. } => {
            // Something was put before it failed.
            assert!(puts.swap(0, Ordering::Relaxed) > 0);
            pauses.lock().unwrap().push(pause);
        }
        FollowNews::UpToDate { .. } => monitor.request_stop(),
        _ => {}
    };
    follow(&world.repository, &source, &small, &monitor, &tell).await.unwrap();
    // Each time costs an epoch, so there is less and less of them.
    let pauses = pauses.into_inner().unwrap();
    assert!(pauses.len() == 2 && pauses[0] < pauses[1], "{pauses:?}");
    assert_eq!(world.captured().await, scans(1..17));
    world.assert_clean().await;
}
