//! A clock that is set forward or back while a source is followed: nothing of what is captured, and
//! nothing of what is recovered, depends on what it says.

use super::recovery::recovered;
use super::*;
use async_trait::async_trait;
use icecore::follow::Way;
use icecore::recover::RecoveryPoint;
use icecore::source::Follow;

const DAY: i64 = 24 * 3600;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_neither_loses_nor_doubles_nor_reorders_events() {
    let world = World::new().await;
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    let jumps = AtomicU64::new(0);
    for _ in 0..2 {
        follow_until(&world.host, &world.repository, &world.path, 40, |news| {
            if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
                let number = jumps.fetch_add(1, Ordering::Relaxed);
                world.host.clock.jump_seconds([40 * DAY, -70 * DAY, 3, -1][number as usize % 4]);
                append_next(&path, &next);
            }
        })
        .await
        .unwrap();
        follow_to_end(&world.repository, &world.path, &options(&world.host)).await.unwrap();
    }
    let written = next.into_inner();
    assert_eq!(world.captured().await, expected(20..written));
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(latest.0, lines(0..written));
    world.assert_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_seems_older_than_the_one_before_is_the_newer_one() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    for round in 0..3 {
        world.host.clock.jump_seconds(-30 * DAY);
        let from = 20 + 10 * round;
        world.append(from..from + 5);
        world.follow_until(5).await.unwrap();
        world.append(from + 5..from + 10);
        back_up(&world, &world.repository).await;
        let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
        assert_eq!(latest.0, lines(0..from + 10));
    }
    world.append(50..55);
    world.follow_until(5).await.unwrap();
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(latest.0, lines(0..55));
    let middle = recovered(&world, &world.repository, RecoveryPoint::Position(41)).await.unwrap();
    assert_eq!(middle.0, lines(0..42));
    world.assert_clean().await;
}

/// A source that says of itself what it could do better, otherwise each time.
struct Doubtful(NdjsonSource, AtomicU64);

#[async_trait]
impl Source for Doubtful {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn default_name(&self) -> String {
        self.0.default_name()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        self.0.open(request).await
    }

    async fn follow(&self, _request: &SourceRequest) -> Result<Follow, SourceError> {
        let asked = self.1.fetch_add(1, Ordering::Relaxed);
        Ok(Follow::ByOpening(Some(format!("it was asked {asked} times before"))))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_has_a_better_way_is_asked_for_it_again() {
    let world = World::new().await;
    let source = Doubtful(ndjson_source(&world.path), AtomicU64::new(0));
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    let ways = std::sync::Mutex::new(Vec::new());
    let options = options(&world.host);
    let report = follow_source(&world.repository, &source, &options, 40, |news| match news {
        FollowNews::Begun { .. } => append_next(&path, &next),
        FollowNews::Flushed(_) => {
            // A clock that is set tells nothing of how long that was.
            world.host.clock.jump_seconds(DAY);
            world.host.clock.advance_seconds(200);
            append_next(&path, &next);
        }
        FollowNews::Way(way) => ways.lock().unwrap().push((*way).clone()),
        _ => {}
    });
    assert_eq!(report.await.unwrap().events, 40);
    let said = |times| Way::Opening(Some(format!("it was asked {times} times before")));
    assert_eq!(ways.into_inner().unwrap(), [said(0), said(1), said(2)]);
    assert_eq!(world.captured().await, expected(20..60));
}

/// A source that is opened while the clock is set forward by a day.
struct JumpingSource(NdjsonSource, Host);

#[async_trait]
impl Source for JumpingSource {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn default_name(&self) -> String {
        self.0.default_name()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        self.1.clock.jump_seconds(DAY);
        self.0.open(request).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_during_which_the_clock_is_set_does_not_make_the_next_one_wait() {
    let world = World::new().await;
    let source = JumpingSource(ndjson_source(&world.path), world.host.duplicate(5));
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    let repository = source.1.open(Arc::new(world.store.clone())).await.unwrap();
    // If a look took a day, the next one would be nine days later.
    let options = options(&source.1);
    let report = follow_source(&repository, &source, &options, 15, |news| {
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            append_next(&path, &next);
        }
    });
    assert_eq!(report.await.unwrap().events, 15);
}
