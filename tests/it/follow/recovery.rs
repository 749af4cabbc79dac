//! Recovery from a tail: to any point of it, and not across a gap.

use super::*;
use icecore::recover::{
    PointError, RecoverError, RecoverReport, RecoverRequest, RecoveryPoint, Ties, recover, states,
    with_tails,
};
use icecore::restore::RestoreOptions;
use icecore::source::SourceFile;
use icecore_format::Timestamp;
use icecore_sources::events::ndjson::NdjsonTarget;

/// What is recovered of the source to a point, as lines, and how.
pub(super) async fn recovered(
    world: &World,
    repository: &Repository,
    point: RecoveryPoint,
) -> Result<(String, RecoverReport), RecoverError> {
    let ledger = repository.state().await;
    let states = with_tails(repository, states(&ledger, "shop", None).unwrap()).await.unwrap();
    let (streams, ties) = (StreamSelection::default(), |_: &str, _: &[SourceFile]| Ties::default());
    let request = RecoverRequest { states, point, streams, ties };
    let path = world.host.new_path("recovered");
    let (target, options) = (NdjsonTarget::new(path.clone()), RestoreOptions::default());
    let monitor = Monitor::default();
    let report = recover(repository, &request, &target, &options, &monitor).await?;
    Ok((std::fs::read_to_string(path).unwrap(), report))
}

/// The time of an event that `lines` makes.
fn recorded(number: u64) -> Timestamp {
    // 2026-11-21T05:00:00Z
    Timestamp((1_795_237_200 + number as i64) * 1_000_000_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn any_point_in_the_tail_is_recovered_byte_for_byte() {
    let world = World::new().await;
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    for _ in 0..2 {
        follow_until(&world.host, &world.repository, &world.path, 20, |news| {
            if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
                append_next(&path, &next);
            }
        })
        .await
        .unwrap();
        follow_to_end(&world.repository, &world.path, &options(&world.host)).await.unwrap();
    }
    let written = next.load(Ordering::Relaxed);
    assert!(written > 60, "{written}");
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(latest.0, lines(0..written));
    assert_eq!(latest.1.restored.streams_restored, icecore_tests::lines::STREAMS);
    for number in [0, 19, 20, 21, 24, 25, 39, 40, 55] {
        let streams = icecore_tests::lines::STREAMS;
        for point in [
            RecoveryPoint::Time(recorded(number)),
            RecoveryPoint::Position(number),
            RecoveryPoint::Version {
                stream: format!("order-{}", number % streams),
                version: number / streams + 1,
            },
        ] {
            let found = recovered(&world, &world.repository, point.clone()).await.unwrap();
            assert_eq!(found.0, lines(0..number + 1), "{point:?}");
            assert_eq!(found.1.plan.state.has_tail(), number >= 20, "{point:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_backup_the_tail_is_recovered_from_where_the_backup_ended() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    world.append(20..40);
    world.follow_until(20).await.unwrap();
    back_up(&world, &world.repository).await;
    world.append(40..60);
    world.follow_until(20).await.unwrap();
    let (found, report) =
        recovered(&world, &world.repository, RecoveryPoint::Position(50)).await.unwrap();
    assert_eq!(found, lines(0..51));
    assert!(report.plan.state.has_tail());
    let before = report.plan.before.unwrap();
    assert_eq!((before.snapshot.counts.events, before.has_tail()), (40, false));
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(latest.0, lines(0..60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_tail_is_not_crossed_and_what_is_before_it_can_be_had() {
    let world = World::new().await;
    // After the events were recorded.
    world.host.clock.advance_seconds(6 * 3600);
    world.follow_until(0).await.unwrap();
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    follow_until(&world.host, &world.repository, &world.path, 30, |news| {
        world.host.clock.advance_seconds(60);
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            append_next(&path, &next);
        }
    })
    .await
    .unwrap();
    let tail = world.store.list("tail/").await.unwrap();
    let flushes: Vec<_> = tail.iter().filter(|it| it.bytes > 200).map(|it| &it.name).collect();
    world.store.delete(flushes[2]).await.unwrap();
    let (found, report) =
        recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(found, lines(0..30));
    let gap = report.plan.state.gap().unwrap().clone();
    assert_eq!((gap.object.as_str(), gap.after.is_some()), (flushes[2].as_str(), true));
    assert!(gap.before < gap.after);

    let beyond = RecoveryPoint::Time(gap.after.unwrap());
    let refused = recovered(&world, &world.repository, beyond.clone()).await;
    let Err(RecoverError::Point(PointError::Gap { gap: told, .. })) = refused else {
        panic!("it crossed a gap: {refused:?}");
    };
    assert_eq!(*told, gap);
    // A backup has what the source has; the gap is behind it then.
    world.host.clock.advance_seconds(60);
    back_up(&world, &world.repository).await;
    recovered(&world, &world.repository, beyond).await.unwrap();
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
    assert_eq!(latest.0, lines(0..next.load(Ordering::Relaxed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_captured_before_the_source_lost_its_events_can_be_had() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    let (path, next) = (world.path.clone(), AtomicU64::new(20));
    follow_until(&world.host, &world.repository, &world.path, 20, |news| {
        if matches!(news, FollowNews::Begun { .. } | FollowNews::Flushed(_)) {
            append_next(&path, &next);
        }
    })
    .await
    .unwrap();
    // Twice, so that a tail that is lost comes after another.
    for round in [1, 2] {
        let invoices = |range| icecore_tests::lines::lines_of(&format!("invoice-{round}"), range);
        std::fs::write(&world.path, invoices(0..30)).unwrap();
        let path = world.path.clone();
        follow_until(&world.host, &world.repository, &world.path, 5, |news| {
            if matches!(news, FollowNews::BackedUp(_)) {
                let mut file = File::options().append(true).open(&path).unwrap();
                file.write_all(invoices(30..35).as_bytes()).unwrap();
            }
        })
        .await
        .unwrap();
        let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap();
        assert_eq!(latest.0, invoices(0..35));
        for number in [19, 20, 33, 39] {
            let streams = icecore_tests::lines::STREAMS;
            let (stream, version) = (format!("order-{}", number % streams), number / streams + 1);
            for point in [
                RecoveryPoint::Version { stream, version },
                RecoveryPoint::Time(recorded(number)),
                RecoveryPoint::Position(number),
            ] {
                let found = recovered(&world, &world.repository, point.clone()).await.unwrap();
                assert_eq!(found.0, lines(0..number + 1), "{point:?}");
                assert_eq!(found.1.plan.state.has_tail(), number >= 20, "{point:?}");
                assert!(found.1.plan.is_superseded() && !found.1.plan.is_rewritten(), "{point:?}");
            }
        }
    }
    // An object of the first of these tails that is lost is missed.
    world.assert_clean().await;
    let tail = world.store.list("tail/").await.unwrap();
    let state = world.repository.state().await;
    let epoch = state.tails[0].epochs[1].session.to_string();
    let flushes: Vec<_> = tail.iter().filter(|it| it.name.as_str().contains(&epoch)).collect();
    world.store.delete(&flushes[1].name).await.unwrap();
    let found = world.host.check(&world.repository).await.findings;
    assert!(found.iter().any(|it| it.subject == flushes[1].name.to_string()), "{found:?}");
}
