//! What the recovery window keeps.

use super::{at, kept, snapshots};
use crate::retention::{Policy, TailBase};
use jiff::ToSpan as _;

fn window() -> Policy {
    Policy { recovery_window: Some(72.hours()), ..Policy::default() }
}

const TIMES: [&str; 6] = [
    "2026-11-15T12:00:00Z",
    "2026-11-16T12:00:00Z",
    "2026-11-17T12:00:00Z",
    "2026-11-19T12:00:00Z",
    "2026-11-20T12:00:00Z",
    "2026-11-21T00:00:00Z",
];

#[test]
fn all_in_the_window_and_the_newest_before_it_are_kept() {
    // The window begins at midnight of the 18th.
    assert_eq!(kept(&snapshots(&TIMES), &window()), [3, 4, 5, 6]);
}

#[test]
fn without_one_before_the_window_all_are_kept() {
    assert_eq!(kept(&snapshots(&TIMES[3..]), &window()), [1, 2, 3]);
}

/// Recovery takes the first state that reaches a moment, and events say what it reaches.
#[test]
fn a_snapshot_whose_events_reach_into_the_window_is_needed() {
    let mut all = snapshots(&TIMES);
    all[1].moment = at("2026-11-18T06:00:00Z");
    all[2].moment = at("2026-11-18T12:00:00Z");
    assert_eq!(kept(&all, &window()), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_a_tail_is_read_from_is_kept_with_its_moments_and_no_longer() {
    let mut all = snapshots(&TIMES);
    all[0].tail = Some(TailBase::EndedBefore(at("2026-11-19T12:00:00Z")));
    assert_eq!(kept(&all, &window()), [1, 3, 4, 5, 6]);
    all[0].tail = Some(TailBase::EndedBefore(at("2026-11-17T12:00:00Z")));
    assert_eq!(kept(&all, &window()), [3, 4, 5, 6]);
    all[0].tail = Some(TailBase::Newest);
    assert_eq!(kept(&all, &window()), [1, 3, 4, 5, 6]);
}

#[test]
fn a_window_is_not_moved_by_a_clock_that_disagrees() {
    let mut all = snapshots(&TIMES);
    all.extend(snapshots(&["2026-12-24T00:00:00Z"]));
    all[6].number = 7;
    all[6].id = super::id(7);
    assert_eq!(kept(&all, &window()), [3, 4, 5, 6, 7]);
}
