//! Cuts against an oracle: what is left in is the greatest set that may be.

use super::extents::{Extent, Extents};
use super::filter::{Filter, Ties, Verdict};
use super::limit::{Limit, Side};
use icecore_format::Timestamp;
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::event_log::Span;
use proptest::prelude::*;
use std::collections::HashSet;

/// An event: a stream, a version, a time, a position, a transaction, and a lifetime of its stream.
#[derive(Clone, Debug)]
struct Sample {
    stream: u8,
    version: u64,
    time: i64,
    position: u64,
    transaction: Option<u8>,
    lifetime: bool,
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (0u8..4, 0u64..8, 0i64..12, 0u64..20, prop::option::of(0u8..6), any::<bool>());
    let sample = sample.prop_map(|(stream, version, time, position, transaction, lifetime)| {
        Sample { stream, version, time, position, transaction, lifetime }
    });
    prop::collection::vec(sample, 1..40)
}

fn with_event<T>(sample: &Sample, look: impl FnOnce(&Event<'_>) -> T) -> T {
    let (stream, mut members) = (sample.stream.to_string(), Vec::new());
    if let Some(transaction) = sample.transaction {
        Members::put(&mut members, "transaction_id", transaction.to_string().as_bytes());
    }
    Members::put(&mut members, "is_archived", sample.lifetime.to_string().as_bytes());
    look(&Event {
        stream: &stream,
        version: sample.version,
        event_type: "",
        id: EventId::None,
        time: EventTime::At(Timestamp(sample.time)),
        metadata: None,
        members: Members::new(&members),
        payload: Payload::Inline(b""),
    })
}

/// Tightens a filter until it stays as it is, looking at each event each time.
fn tightened(samples: &[Sample], mut filter: Filter) -> Filter {
    loop {
        let (mut extents, mut transactions) = (Extents::default(), HashSet::new());
        for (ordinal, sample) in samples.iter().enumerate() {
            with_event(sample, |event| {
                let position = Some(sample.position);
                let verdict = filter.verdict(event, position, ordinal as u64, None);
                let is_in = verdict == Verdict::In;
                extents.add(filter.key(event), Extent::of(event.version, is_in));
                if !is_in {
                    transactions.extend(filter.transaction(event));
                }
            });
        }
        if !filter.tighten(&extents, transactions) {
            return filter;
        }
    }
}

fn included(samples: &[Sample], filter: &Filter) -> Vec<bool> {
    let verdicts = samples.iter().enumerate().map(|(ordinal, sample)| {
        with_event(sample, |event| {
            filter.verdict(event, Some(sample.position), ordinal as u64, None) == Verdict::In
        })
    });
    verdicts.collect()
}

/// The greatest set without what is beyond the point that is whole in its streams and transactions:
/// one event after the other is taken out, until none has to be.
fn oracle(samples: &[Sample], limit: Limit, asked: Option<(u8, u64)>, are_tied: bool) -> Vec<bool> {
    let mut is_in: Vec<bool> = samples
        .iter()
        .enumerate()
        .map(|(ordinal, sample)| {
            let is_before = match limit {
                Limit::Time(last) => sample.time <= last.0,
                Limit::Position(last) => sample.position <= last,
                Limit::Ordinal(last) => ordinal as u64 <= last,
            };
            is_before || asked.is_some_and(|(of, to)| sample.stream == of && sample.version <= to)
        })
        .collect();
    loop {
        let has_to_go = |index: usize| {
            let sample = &samples[index];
            samples.iter().zip(&is_in).any(|(other, other_is_in)| {
                let is_same_stream = other.stream == sample.stream
                    && (!are_tied || other.lifetime == sample.lifetime);
                let follows = is_same_stream && other.version < sample.version;
                let is_tied = are_tied
                    && sample.transaction.is_some()
                    && other.transaction == sample.transaction;
                !other_is_in && (follows || is_tied)
            })
        };
        let Some(index) = (0..samples.len()).find(|index| is_in[*index] && has_to_go(*index))
        else {
            return is_in;
        };
        is_in[index] = false;
    }
}

fn limits() -> impl Strategy<Value = Limit> {
    prop_oneof![
        (-1i64..13).prop_map(|time| Limit::Time(Timestamp(time))),
        (0u64..21).prop_map(Limit::Position),
        (0u64..41).prop_map(Limit::Ordinal),
    ]
}

proptest! {
    #[test]
    fn what_is_in_is_the_greatest_set_of_whole_prefixes_and_transactions(
        samples in samples(),
        limit in limits(),
        asked in prop::option::of((0u8..4, 0u64..8)),
        are_tied: bool,
    ) {
        let ties = if are_tied {
            Ties {
                transaction: Some("transaction_id".to_owned()),
                lifetime: Some("is_archived".to_owned()),
            }
        } else {
            Ties::default()
        };
        let of_stream = asked.map(|(stream, version)| (stream.to_string(), version));
        let filter = tightened(&samples, Filter::new(limit, of_stream, ties));
        prop_assert_eq!(included(&samples, &filter), oracle(&samples, limit, asked, are_tied));
    }

    #[test]
    fn a_part_is_on_one_side_only_if_all_of_it_is(
        samples in samples(),
        limit in limits(),
        first in 0u64..30,
    ) {
        let times = samples.iter().map(|sample| Timestamp(sample.time));
        let positions = samples.iter().map(|sample| sample.position);
        let span = Span {
            first_time: times.clone().min(),
            last_time: times.max(),
            first_position: positions.clone().min(),
            last_position: positions.max(),
            ..Span::default()
        };
        let are_in: Vec<bool> = samples
            .iter()
            .enumerate()
            .map(|(number, sample)| {
                let time = EventTime::At(Timestamp(sample.time));
                limit.includes(time, Some(sample.position), first + number as u64)
            })
            .collect();
        let expected = match (are_in.contains(&true), are_in.contains(&false)) {
            (true, false) => Side::In,
            (false, true) => Side::Out,
            _ => Side::Both,
        };
        prop_assert_eq!(limit.side(&span, first, samples.len() as u64), expected);
        let (earliest, latest) = limit.ranks(&span, first, samples.len() as u64).unwrap();
        for (number, sample) in samples.iter().enumerate() {
            let (time, position) = (Timestamp(sample.time), sample.position);
            let rank = limit.rank(Some(time), Some(position), first + number as u64).unwrap();
            prop_assert!(earliest.0 <= rank.0 && rank.0 <= latest.0);
        }
    }
}

#[test]
fn an_event_that_comes_again_with_its_version_does_not_cut_its_stream_short_before_it() {
    let sample = |version, time| Sample {
        stream: 0,
        version,
        time,
        position: 0,
        transaction: None,
        lifetime: false,
    };
    let samples = [sample(1, 1), sample(2, 2), sample(2, 9), sample(3, 3)];
    let filter = Filter::new(Limit::Time(Timestamp(5)), None, Ties::default());
    let filter = tightened(&samples, filter);
    assert_eq!(included(&samples, &filter), [true, true, false, false]);
}
