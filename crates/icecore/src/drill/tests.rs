//! Tallies and comparisons, in memory.

use super::compare::{Sample, compare};
use super::tally::{Tally, add};
use super::{Comparison, Difference};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use std::collections::HashSet;

/// Tallies events: stream, version and payload of each.
fn tally(events: &[(&str, u64, &str)]) -> Tally {
    let mut tally = Tally::new();
    for (stream, version, payload) in events {
        let event = Event {
            stream,
            version: *version,
            event_type: "Happened",
            id: EventId::None,
            time: EventTime::None,
            metadata: None,
            members: Members::default(),
            payload: Payload::Inline(payload.as_bytes()),
        };
        let mut record = Vec::new();
        event.encode_into(&mut record);
        add(&mut tally, &event, &record);
    }
    tally
}

const RECOVERED: [(&str, u64, &str); 5] =
    [("a", 1, "one"), ("b", 1, "one"), ("a", 2, "two"), ("b", 2, "two"), ("a", 3, "three")];

fn compared(live: &[(&str, u64, &str)]) -> Comparison {
    let live = tally(live);
    let known: HashSet<String> = live.keys().cloned().collect();
    compare(&tally(&RECOVERED), &live, &known, 0)
}

#[test]
fn the_order_of_events_is_none_of_a_tally() {
    let mut reversed = RECOVERED;
    reversed.reverse();
    assert_eq!(tally(&RECOVERED), tally(&reversed));
    let same = compared(&reversed);
    assert_eq!((same.streams, same.events, same.streams_differing), (2, 5, 0));
}

#[test]
fn what_is_gone_missing_or_changed_is_told_of_its_stream() {
    let a = |difference| vec![("a".to_owned(), difference)];
    let others = [RECOVERED[1], RECOVERED[3]];
    assert_eq!(compared(&others).differences, a(Difference::Gone));
    let two = [&others[..], &[RECOVERED[0], RECOVERED[4]]].concat();
    assert_eq!(compared(&two).differences, a(Difference::Counts { recovered: 3, live: 2 }));
    let again = [&RECOVERED[..], &[RECOVERED[0]]].concat();
    assert_eq!(compared(&again).differences, a(Difference::Counts { recovered: 3, live: 4 }));
    for changed in [("a", 2, "to"), ("a", 1, "two")] {
        let mut live = RECOVERED;
        live[2] = changed;
        assert_eq!(compared(&live).differences, a(Difference::Changed));
    }
    // What two events say is exchanged: the versions belong to the records.
    let mut live = RECOVERED;
    (live[0].2, live[2].2) = (live[2].2, live[0].2);
    assert_eq!(compared(&live).differences, a(Difference::Changed));
}

#[test]
fn a_stream_has_a_hole_where_a_version_is_missing() {
    let has_hole = |versions: &[u64]| {
        let events: Vec<_> = versions.iter().map(|version| ("a", *version, "")).collect();
        tally(&events)["a"].has_hole()
    };
    assert!(!has_hole(&[0, 1, 2]) && !has_hole(&[7]) && !has_hole(&[3, 2]));
    assert!(has_hole(&[0, 2]) && has_hole(&[5, 1, 2, 3]));
}

#[test]
fn a_seed_always_chooses_the_same_streams() {
    let ids: Vec<String> = (0..100).map(|number| format!("order-{number}")).collect();
    let all: Vec<_> = ids.iter().map(|id| (id.as_str(), 1, "")).collect();
    let all = tally(&all);
    let of = |streams, seed| Sample { streams, seed }.of(&all);
    assert_eq!(of(10, 1), of(10, 1));
    assert_eq!((of(10, 1).len(), of(1000, 1).len()), (10, 100));
    assert_ne!(of(10, 1), of(10, 2));
}
