//! Recovery to a point, from snapshots, over a store in memory: against an oracle that knows all events.

use icecore::recover::{
    PointError, RecoverError, RecoverPlan, RecoverRequest, RecoveryPoint, State, StatesError, Ties,
    plan, states,
};
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;
use icecore::{Monitor, Repository};
use icecore_format::Timestamp;
use icecore_tests::Host;
use icecore_tests::random::Dice;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Nanoseconds from 1970 to 2026-11-21T00:00:00Z.
const MIDNIGHT: i64 = 1_795_219_200_000_000_000;

#[derive(Clone, Debug)]
struct Sample {
    stream: String,
    version: u64,
    /// Seconds after midnight.
    time: Option<i64>,
    position: Option<u64>,
    id: String,
}

impl Sample {
    fn line(&self) -> String {
        let Self { stream, version, time, position, id } = self;
        let mut line =
            format!("{{\"stream_id\":\"{stream}\",\"version\":{version},\"type\":\"Happened\"");
        if let Some(position) = position {
            write!(line, ",\"position\":{position}").unwrap();
        }
        if let Some(time) = time {
            let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
            write!(line, ",\"recorded_at\":\"2026-11-21T{hour:02}:{minute:02}:{second:02}Z\"")
                .unwrap();
        }
        writeln!(line, ",\"event_id\":\"{id}\",\"data\":{{\"text\":\"{id}{id}{id}\"}}}}").unwrap();
        line
    }
}

fn lines(samples: &[Sample]) -> String {
    samples.iter().map(Sample::line).collect()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(MIDNIGHT + seconds * 1_000_000_000)
}

/// Events whose times and positions mostly grow, with versions that are out of order here and there.
fn samples(dice: &mut Dice, events: u64, has_positions: bool) -> Vec<Sample> {
    let mut versions = BTreeMap::<u64, u64>::new();
    let jitter = 1 + dice.below(40);
    let mut samples: Vec<Sample> = (0..events)
        .map(|number| {
            let stream = dice.below(12) * dice.below(3);
            let version = versions.entry(stream).or_default();
            *version += 1 + u64::from(dice.below(20) == 0);
            let shifted = 1 + number + dice.below(jitter);
            Sample {
                stream: format!("order-{stream}"),
                version: *version,
                time: Some(10 * (1 + number + dice.below(jitter)) as i64),
                position: has_positions.then_some(shifted),
                id: format!("{:08x}-0000-7000-8000-{number:012x}", dice.below(1 << 32)),
            }
        })
        .collect();
    for _ in 0..dice.below(10) {
        let (one, other) = (dice.below(events), dice.below(events));
        samples.swap(one as usize, other as usize);
    }
    samples
}

/// What a cut leaves in: all that is not beyond, but for what follows in its stream what is.
fn expected(samples: &[Sample], is_in: impl Fn(usize, &Sample) -> bool) -> Vec<Sample> {
    let mut first_out = BTreeMap::<&str, u64>::new();
    for (number, sample) in samples.iter().enumerate() {
        if !is_in(number, sample) {
            let first = first_out.entry(&sample.stream).or_insert(u64::MAX);
            *first = sample.version.min(*first);
        }
    }
    let within = samples.iter().enumerate().filter(|(number, sample)| {
        let first_out = first_out.get(sample.stream.as_str());
        is_in(*number, sample) && first_out.is_none_or(|first| sample.version <= *first)
    });
    within.map(|(_, sample)| sample.clone()).collect()
}

async fn request(repository: &Repository, point: RecoveryPoint) -> RecoverRequest {
    let states = states(&repository.state().await, "source", None).unwrap();
    let streams = StreamSelection::default();
    RecoverRequest { states, point, streams, ties: |_, _| Ties::default() }
}

/// Recovers to NDJSON.
async fn recovered(
    host: &Host,
    repository: &Repository,
    request: &RecoverRequest,
) -> Result<(String, RecoverPlan), RecoverError> {
    let plan = plan(repository, request, &Monitor::default()).await?;
    let options = plan.restore_options(request, &RestoreOptions::default());
    let snapshot = &plan.state.snapshot;
    let (bytes, report) = host.restore_with(repository, snapshot, &options).await?;
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(report.events_restored, text.lines().count() as u64);
    Ok((text, plan))
}

/// A repository of one source that was backed up as it grew, in chunks of few events.
async fn grown(host: &Host, dice: &mut Dice, samples: &[Sample]) -> Repository {
    let (_, repository) = host.init_small().await;
    let backups = 1 + dice.below(9) as usize;
    for backup in 1..=backups {
        let known = &samples[..samples.len() * backup / backups];
        host.back_up(&repository, lines(known)).await.unwrap();
    }
    repository
}

/// What says whether an event, by its number, is not beyond a point.
type IsIn = Box<dyn Fn(usize, &Sample) -> bool>;

/// A point within these events.
fn point(dice: &mut Dice, samples: &[Sample]) -> (RecoveryPoint, IsIn) {
    let last = dice.below(samples.len() as u64) as usize;
    let chosen = samples[last].clone();
    let kind = dice.below(4);
    if kind == 0
        && let Some(position) = chosen.position
    {
        let is_in = move |_: usize, sample: &Sample| sample.position <= Some(position);
        return (RecoveryPoint::Position(position), Box::new(is_in));
    }
    if kind < 2 {
        let first = samples.iter().filter_map(|sample| sample.time).min().unwrap();
        let time = (chosen.time.unwrap() + dice.below(20) as i64 - 10).max(first);
        let is_in = move |_: usize, sample: &Sample| sample.time <= Some(time);
        return (RecoveryPoint::Time(at(time)), Box::new(is_in));
    }
    let point = if kind == 2 {
        RecoveryPoint::Event(chosen.id.clone())
    } else {
        RecoveryPoint::Version { stream: chosen.stream.clone(), version: chosen.version }
    };
    let is_in = move |number: usize, sample: &Sample| {
        let is_before = match chosen.position {
            Some(last) => sample.position <= Some(last),
            None => number <= last,
        };
        is_before || (sample.stream == chosen.stream && sample.version <= chosen.version)
    };
    (point, Box::new(is_in))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cut_is_what_the_oracle_says() {
    let host = Host::new();
    for seed in 0..16 {
        let dice = &mut Dice::new(seed);
        let has_positions = dice.below(2) == 0;
        let samples = samples(dice, 900, has_positions);
        let repository = grown(&host, dice, &samples).await;
        for _ in 0..6 {
            let (point, is_in) = point(dice, &samples);
            // The newest state alone, so that all of the log is there to be cut.
            let mut request = request(&repository, point).await;
            request.states.drain(..request.states.len() - 1);
            let expected = expected(&samples, &is_in);
            let got = recovered(&host, &repository, &request).await;
            if expected.is_empty() {
                assert!(matches!(got, Err(RecoverError::Point(PointError::Nothing))));
                continue;
            }
            let (got, plan) = got.unwrap();
            assert!(got == lines(&expected), "seed {seed}, {:?}", request.point);
            let cut = plan.cut.as_ref().unwrap();
            assert_eq!(cut.events, expected.len() as u64);
            assert_eq!(cut.left_out, (samples.len() - expected.len()) as u64);
            let before = samples.iter().enumerate().filter(|(number, it)| is_in(*number, it));
            assert_eq!(cut.moved, (before.count() - expected.len()) as u64);
            assert_marks(&request, cut, &samples, &expected);

            // Some streams of it are the same cut.
            request.streams = StreamSelection::new(vec!["order-[124]".to_owned()]).unwrap();
            let some: Vec<Sample> = expected
                .into_iter()
                .filter(|sample| request.streams.includes(&sample.stream))
                .collect();
            match recovered(&host, &repository, &request).await {
                Ok((got, _)) => assert!(got == lines(&some), "seed {seed}, {:?}", request.point),
                Err(error) => assert!(some.is_empty(), "seed {seed}: {error}"),
            }
        }
    }
}

/// The newest event that is in and the first that is out are those of the whole log.
fn assert_marks(
    request: &RecoverRequest,
    cut: &icecore::recover::Cut,
    samples: &[Sample],
    expected: &[Sample],
) {
    type Rank = (i64, u64, usize);
    let has_positions = samples[0].position.is_some();
    let rank = |id: &str| -> Rank {
        let number = samples.iter().position(|sample| sample.id == id).unwrap();
        let sample = &samples[number];
        match request.point {
            RecoveryPoint::Time(_) => (sample.time.unwrap(), 0, number),
            _ if has_positions => (0, sample.position.unwrap(), number),
            _ => (0, 0, number),
        }
    };
    let is_in = |sample: &Sample| expected.iter().any(|it| it.id == sample.id);
    let out = samples.iter().filter(|sample| !is_in(sample));
    let of = |mark: &Option<icecore::recover::EventMark>| {
        mark.as_ref().and_then(|mark| mark.id.as_deref()).map(rank)
    };
    assert_eq!(of(&cut.newest), expected.iter().map(|sample| rank(&sample.id)).max());
    assert_eq!(of(&cut.first_out), out.map(|sample| rank(&sample.id)).min());
    let streams: std::collections::BTreeSet<_> = expected.iter().map(|it| &it.stream).collect();
    assert_eq!(cut.streams, streams.len() as u64);
}

/// Three snapshots, of the events up to 10:00, 11:00 and 12:00.
async fn hours(host: &Host) -> (Repository, Vec<Sample>, Vec<State>) {
    let (_, repository) = host.init_small().await;
    let samples: Vec<Sample> = (0..30u64)
        .map(|number| Sample {
            stream: format!("order-{}", number % 3),
            version: number / 3 + 1,
            time: Some(9 * 3600 + 360 * (number as i64 + 1)),
            position: Some(number + 1),
            id: format!("e-{number}"),
        })
        .collect();
    for known in [10, 20, 30] {
        host.clock.advance_seconds(if known == 10 { 10 * 3600 } else { 3600 });
        host.back_up(&repository, lines(&samples[..known])).await.unwrap();
    }
    let states = states(&repository.state().await, "source", None).unwrap();
    (repository, samples, states)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_cut_from_the_earliest_state_that_has_it() {
    let host = Host::new();
    let (repository, _, states) = hours(&host).await;
    let version =
        |stream: &str, version| RecoveryPoint::Version { stream: stream.to_owned(), version };
    for (point, number, events, is_exact) in [
        (RecoveryPoint::Position(1), 0, 1, false),
        (RecoveryPoint::Position(10), 0, 10, true),
        (RecoveryPoint::Position(11), 1, 11, false),
        (RecoveryPoint::Position(30), 2, 30, true),
        (RecoveryPoint::Event("e-9".to_owned()), 0, 10, true),
        (RecoveryPoint::Event("e-10".to_owned()), 1, 11, false),
        (RecoveryPoint::Event("e-28".to_owned()), 2, 29, false),
        (version("order-0", 4), 0, 10, true),
        (version("order-1", 4), 1, 11, false),
        (RecoveryPoint::Latest, 2, 30, true),
        (RecoveryPoint::Time(at(9 * 3600 + 360)), 0, 1, false),
        (RecoveryPoint::Time(at(10 * 3600 - 1)), 0, 9, false),
        (RecoveryPoint::Time(at(10 * 3600)), 0, 10, false),
        (RecoveryPoint::Time(at(10 * 3600 + 1)), 1, 10, false),
        (RecoveryPoint::Time(at(11 * 3600 + 1800)), 2, 25, false),
    ] {
        let request = request(&repository, point.clone()).await;
        let (got, plan) = recovered(&host, &repository, &request).await.unwrap();
        assert_eq!(got.lines().count(), events, "{point:?}");
        assert_eq!((&plan.state, plan.is_exact), (&states[number], is_exact), "{point:?}");
        assert_eq!(plan.before.as_ref(), number.checked_sub(1).map(|before| &states[before]));
        assert!(!plan.is_rewritten() && !plan.is_superseded());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_that_cannot_be_had_is_refused_with_the_nearest_ones() {
    let host = Host::new();
    let (repository, _, _) = hours(&host).await;
    let text = str::to_owned;
    let version = |stream: &str, version| RecoveryPoint::Version { stream: text(stream), version };
    for (point, error) in [
        (RecoveryPoint::CommitTime(at(36_000)), PointError::NoCommitTimes),
        (RecoveryPoint::Time(at(0)), PointError::TimeTooEarly { first: at(9 * 3600 + 360) }),
        (RecoveryPoint::Time(at(12 * 3600 + 1)), PointError::TimeTooLate { newest: at(12 * 3600) }),
        (RecoveryPoint::Position(0), PointError::PositionTooLow { asked: 0, first: 1 }),
        (RecoveryPoint::Position(31), PointError::PositionTooHigh { asked: 31, newest: 30 }),
        (RecoveryPoint::Event(text("e-30")), PointError::NoEvent { id: text("e-30") }),
        (version("order-3", 1), PointError::NoStream { stream: text("order-3") }),
        (
            version("order-2", 11),
            PointError::NoVersion {
                stream: text("order-2"),
                version: 11,
                below: Some(10),
                above: None,
            },
        ),
        (
            version("order-2", 0),
            PointError::NoVersion {
                stream: text("order-2"),
                version: 0,
                below: None,
                above: Some(1),
            },
        ),
    ] {
        let request = request(&repository, point).await;
        match recovered(&host, &repository, &request).await {
            Err(RecoverError::Point(found)) => assert_eq!(found, error),
            other => panic!("{:?}: {other:?}", request.point),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_rewritten_history_is_told() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let sample = |number: u64| Sample {
        stream: "order".to_owned(),
        version: number,
        time: Some(3600 * number as i64),
        position: Some(number),
        id: format!("e-{number}"),
    };
    let all: Vec<Sample> = (1..=4).map(sample).collect();
    host.clock.advance_seconds(2 * 3600);
    host.back_up(&repository, lines(&all[..2])).await.unwrap();
    host.clock.advance_seconds(2 * 3600);
    // The first event is gone.
    host.back_up(&repository, lines(&all[1..])).await.unwrap();
    let plan_of = async |point| {
        let request = request(&repository, point).await;
        recovered(&host, &repository, &request).await.unwrap()
    };
    let (got, plan) = plan_of(RecoveryPoint::Time(at(2 * 3600))).await;
    assert_eq!(got, lines(&all[..2]));
    assert!(plan.is_superseded() && !plan.is_rewritten());
    let (got, plan) = plan_of(RecoveryPoint::Time(at(3 * 3600))).await;
    assert_eq!(got, lines(&all[1..3]));
    assert!(plan.is_rewritten() && !plan.is_superseded() && !plan.is_exact);
    // What only the older history has is found there.
    let (got, plan) = plan_of(RecoveryPoint::Event("e-1".to_owned())).await;
    assert_eq!((got, plan.state.epoch()), (lines(&all[..1]), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_of_several_hosts_or_of_chosen_streams_are_not_mixed() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let text = icecore_tests::lines(0..20);
    host.back_up(&repository, &text).await.unwrap();
    let other = host.stranger(1);
    let elsewhere = other.open(std::sync::Arc::new(store)).await.unwrap();
    other.back_up(&elsewhere, &text).await.unwrap();
    let ledger = elsewhere.state().await;
    let failed = states(&ledger, "source", None).unwrap_err();
    let StatesError::SeveralHosts { hosts, .. } = failed else { panic!("{failed}") };
    assert_eq!(hosts.len(), 2);
    for host in &hosts {
        let [state] = states(&ledger, "source", Some(host)).unwrap().try_into().unwrap();
        assert_eq!(state.snapshot.host, *host);
    }
    let unknown = states(&ledger, "source", Some("nowhere")).unwrap_err();
    assert!(matches!(unknown, StatesError::Unknown { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_is_stopped_leaves_the_target_as_it_was() {
    let host = Host::new();
    let (repository, _, _) = hours(&host).await;
    let path = host.new_path("target");
    std::fs::write(&path, "precious\n").unwrap();
    let target = icecore_sources::events::ndjson::NdjsonTarget::new(path.clone());
    let options = RestoreOptions { overwrite: true, ..RestoreOptions::default() };
    let request = request(&repository, RecoveryPoint::Position(17)).await;
    let monitor = Monitor::default();
    monitor.request_stop();
    let stopped = icecore::recover::recover(&repository, &request, &target, &options, &monitor);
    assert!(matches!(stopped.await, Err(RecoverError::Stopped(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious\n");
    let monitor = Monitor::default();
    let recovering = icecore::recover::recover(&repository, &request, &target, &options, &monitor);
    assert_eq!(recovering.await.unwrap().restored.events_restored, 17);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_neither_order_goes_with_its_stream() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let line = |stream: &str, version: u64, time: Option<i64>| Sample {
        stream: stream.to_owned(),
        version,
        time,
        position: None,
        id: format!("{stream}-{version}"),
    };
    let all = [
        line("a", 1, Some(10)),
        line("a", 2, None),
        line("a", 3, Some(30)),
        line("a", 4, None),
        line("b", 1, None),
    ];
    host.back_up(&repository, lines(&all)).await.unwrap();
    let request = request(&repository, RecoveryPoint::Time(at(20))).await;
    let (got, _) = recovered(&host, &repository, &request).await.unwrap();
    let [one, two, _, _, other] = all;
    assert_eq!(got, lines(&[one, two, other]));
}
