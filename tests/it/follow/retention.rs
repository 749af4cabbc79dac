//! Retention beside tails: what a recovery window promises is there afterwards, byte for byte.

use super::recovery::recovered;
use super::*;
use icecore::forget::{self, Asked, ForgetError, Named, forget};
use icecore::recover::RecoveryPoint;
use icecore::retention::{Count, Policy, Reason};
use icecore::snapshots;
use icecore_format::{SnapshotId, Timestamp};
use jiff::ToSpan as _;

/// One event an hour, by the clock of the source and by that of the machine.
fn hourly(hours: Range<i64>) -> String {
    let event = |hour: i64| {
        let time = jiff::Timestamp::from_second(1_795_219_200 + hour * 3600).unwrap();
        format!(
            "{{\"stream_id\":\"meter-{}\",\"version\":{},\"type\":\"Read\",\"data\":{{\"at\":{hour}}},\
             \"recorded_at\":\"{time}\"}}\n",
            hour % 3,
            hour / 3 + 1
        )
    };
    hours.map(event).collect()
}

fn at(hour: i64) -> Timestamp {
    Timestamp((1_795_219_200 + hour * 3600) * 1_000_000_000)
}

/// A source with an event an hour, which is followed all the time and backed up every six hours for five
/// days, each second time on a machine that does not know of the tail.
struct Days {
    world: World,
    hours: i64,
}

impl Days {
    async fn new() -> Self {
        let host = Host::new();
        let (store, repository) = host.init_small().await;
        let path = host.write("events.ndjson", hourly(0..1));
        let mut days = Self { world: World { host, store, repository, path }, hours: 1 };
        days.world.follow_until(0).await.unwrap();
        for round in 0..20 {
            days.pass(6).await;
            days.back_up(round % 2 == 0).await;
        }
        days.pass(3).await;
        days
    }

    /// Hours go by, and the follower sees their events.
    async fn pass(&mut self, hours: i64) {
        let new = hourly(self.hours..self.hours + hours);
        let mut file = File::options().append(true).open(&self.world.path).unwrap();
        file.write_all(new.as_bytes()).unwrap();
        self.hours += hours;
        self.world.host.clock.advance_seconds(hours * 3600);
        self.world.follow_until(hours.unsigned_abs()).await.unwrap();
    }

    async fn back_up(&self, knows_tail: bool) {
        let world = &self.world;
        let mut options = world.host.backup_options();
        options.name = Some("shop".to_owned());
        options.full = !knows_tail;
        let source = ndjson_source(&world.path);
        let monitor = Monitor::default();
        backup::backup(&world.repository, &source, &options, &monitor).await.unwrap();
    }

    /// What is recovered to each of these moments.
    async fn moments(&self, hours: Range<i64>) -> Vec<(String, SnapshotId, bool)> {
        let mut found = Vec::new();
        for hour in hours {
            let point = RecoveryPoint::Time(at(hour));
            let (text, report) =
                recovered(&self.world, &self.world.repository, point).await.unwrap();
            let state = &report.plan.state;
            found.push((text, state.snapshot.id, state.has_tail()));
        }
        found
    }

    async fn live(&self) -> usize {
        snapshots::live(&self.world.repository.state().await).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_moment_of_the_window_is_recovered_after_all_else_was_forgotten() {
    let days = Days::new().await;
    let repository = &days.world.repository;
    let window = days.hours - 48..days.hours;
    let before = days.moments(window.clone()).await;
    for ((text, ..), hour) in before.iter().zip(window.clone()) {
        assert_eq!(*text, hourly(0..hour + 1), "{hour}");
    }
    let policy = Policy { recovery_window: Some(48.hours()), ..Policy::default() };
    let asked = Asked::ByPolicy(Box::new(policy));
    let plan = forget::plan(repository, &asked).await.unwrap();
    let windows = forget::windows(repository, &plan).await.unwrap();
    forget(repository, &asked, &plan).await.unwrap();
    assert_eq!(days.live().await, 21 - plan.removed().len());
    assert!(plan.removed().len() >= 10, "{plan:?}");
    assert_eq!(days.moments(window).await, before);
    // What was told of the windows is so: the oldest is another one, and the tail still ends as it did.
    let [change] = &windows[..] else { panic!("{windows:?}") };
    let (told_before, told_after) = (change.before.unwrap(), change.after.unwrap());
    assert_eq!(told_before.until, told_after.until);
    assert!(told_before.from < told_after.from);
    let state = repository.state().await;
    let oldest = snapshots::live(&state)[0].snapshot.started;
    assert_eq!(told_after.from, oldest);
    assert!(told_after.until >= at(days.hours - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_snapshot_that_the_newest_tail_goes_on_from_stays_until_another_takes_its_place() {
    let world = World::new().await;
    world.follow_until(0).await.unwrap();
    world.append(20..40);
    world.follow_until(20).await.unwrap();
    // Another machine backs up, and knows nothing of the tail.
    let mut options = world.host.backup_options();
    (options.name, options.full) = (Some("shop".to_owned()), true);
    options.host = "host-0".to_owned();
    for number in 11..14 {
        world.host.clock.advance_seconds(3600);
        let stranger = world.host.stranger(number);
        let repository = stranger.open(Arc::new(world.store.clone())).await.unwrap();
        let source = ndjson_source(&world.path);
        let monitor = Monitor::default();
        backup::backup(&repository, &source, &options, &monitor).await.unwrap();
    }
    world.repository.refresh().await.unwrap();
    world.append(40..60);
    world.follow_until(20).await.unwrap();
    let latest = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap().0;
    let last = Policy { last: Some(Count::Of(1)), ..Policy::default() };
    let asked = Asked::ByPolicy(Box::new(last));
    let plan = forget::plan(&world.repository, &asked).await.unwrap();
    let is_of_tail = |(_, reasons): &&(_, Vec<Reason>)| reasons.contains(&Reason::Tail);
    let base = plan.groups[0].kept.iter().find(is_of_tail).unwrap().0.id;
    let by_name = Asked::ByName(Named { snapshots: [base].into(), ..Named::default() });
    let refused = forget::plan(&world.repository, &by_name).await;
    assert!(matches!(refused, Err(ForgetError::Tail { .. })), "{refused:?}");
    forget(&world.repository, &asked, &plan).await.unwrap();
    let after = recovered(&world, &world.repository, RecoveryPoint::Latest).await.unwrap().0;
    assert_eq!((after.as_str(), latest.as_str()), (lines(0..60).as_str(), lines(0..60).as_str()));
    world.assert_clean().await;
}
