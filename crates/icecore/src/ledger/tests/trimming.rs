//! Trim: only what an unreleased snapshot has of a tail is let go of, or what belongs to released ones.

use super::replay::{apply, at, begun, followed, mark, world};
use super::{FOUNDER, RANDOM, WRITER, added, snapshot_id};
use crate::ledger::trims;
use icecore_format::checkpoint::LedgerState;
use icecore_format::keys::Role;
use icecore_format::ledger::body::{Commit, Follow, Forget, Release, TailMark, TailStart, Trim};

/// The source of snapshot 1 is followed from there: epoch 20 with 7 objects, epoch 21, epoch 22.
fn tail() -> LedgerState {
    let mut state = world();
    apply(&mut state, &WRITER, followed(20)).unwrap();
    let next = Follow { start: TailStart::Before, ends: Some(mark(20, 7)), ..followed(21) };
    apply(&mut state, &WRITER, next).unwrap();
    let next = Follow { start: TailStart::Before, ends: Some(mark(21, 100)), ..followed(22) };
    apply(&mut state, &WRITER, next).unwrap();
    state
}

/// A snapshot that has the tail up to a place.
fn absorbing(tag: u64, tail: TailMark) -> Commit {
    let mut commit = begun(tag);
    commit.snapshot.tail = Some(tail);
    commit
}

fn trim(below: impl Into<Vec<TailMark>>) -> Trim {
    Trim { source: followed(20).source, below: below.into() }
}

/// How many objects of each epoch are needed no more.
fn trimmed(state: &LedgerState) -> Vec<u64> {
    state.tails[0].epochs.iter().map(|epoch| epoch.trimmed).collect()
}

fn limits(state: &LedgerState) -> Vec<u64> {
    trims::limits(state, 0).iter().map(|mark| mark.objects).collect()
}

fn assert_void(state: &LedgerState, trim: &Trim) {
    let (mut after, before) = (state.clone(), state.clone());
    assert!(apply(&mut after, &FOUNDER, trim.clone()).is_err(), "{trim:?}");
    assert_eq!(LedgerState { next: before.next, ..after }, before);
}

#[test]
fn what_no_snapshot_has_is_not_trimmed() {
    let state = tail();
    assert_eq!(limits(&state), [0, 0, 0]);
    assert_void(&state, &trim([mark(20, 1)]));
}

#[test]
fn what_a_snapshot_has_is_trimmed_but_for_the_last_object_of_each_epoch() {
    let mut state = tail();
    apply(&mut state, &WRITER, absorbing(30, mark(21, 40))).unwrap();
    assert_eq!(limits(&state), [6, 39, 0]);
    for void in [
        trim([mark(20, 7)]),
        trim([mark(21, 40)]),
        trim([mark(22, 1)]),
        trim([mark(20, 6), mark(21, 40)]),
        trim([mark(20, 6), mark(20, 5)]),
        trim([mark(20, 0)]),
        trim([mark(99, 1)]),
        trim([]),
        Trim {
            source: {
                let mut it = followed(20).source;
                it.name.push('x');
                it
            },
            below: vec![mark(20, 1)],
        },
    ] {
        assert_void(&state, &void);
    }
    assert!(apply(&mut state, &WRITER, trim([mark(20, 6)])).is_err(), "a writer may not");
    apply(&mut state, &FOUNDER, trim([mark(20, 6), mark(21, 10)])).unwrap();
    assert_eq!(trimmed(&state), [6, 10, 0]);
    // It never grows less, and may grow.
    assert_void(&state, &trim([mark(21, 10)]));
    assert_void(&state, &trim([mark(21, 9)]));
    apply(&mut state, &FOUNDER, trim([mark(21, 39)])).unwrap();
    assert_eq!(trimmed(&state), [6, 39, 0]);
}

#[test]
fn what_a_snapshot_says_it_has_beyond_the_end_of_an_epoch_is_not_trimmed() {
    let mut state = tail();
    apply(&mut state, &WRITER, absorbing(30, mark(21, 5_000))).unwrap();
    assert_eq!(limits(&state), [6, 99, 0]);
}

#[test]
fn what_a_released_snapshot_had_is_not_trimmed() {
    let mut state = tail();
    apply(&mut state, &WRITER, absorbing(30, mark(21, 40))).unwrap();
    apply(&mut state, &FOUNDER, Forget { snapshots: vec![snapshot_id(30)] }).unwrap();
    assert_eq!(limits(&state), [6, 39, 0], "it is kept");
    apply(&mut state, &FOUNDER, Release { snapshots: vec![snapshot_id(30)] }).unwrap();
    assert_eq!(limits(&state), [0, 0, 0]);
    assert_void(&state, &trim([mark(20, 1)]));
}

#[test]
fn a_snapshot_of_another_source_has_nothing_of_the_tail() {
    let mut state = tail();
    let mut other = absorbing(30, mark(21, 40));
    other.snapshot.source.push('x');
    apply(&mut state, &WRITER, other).unwrap();
    assert_eq!(limits(&state), [0, 0, 0]);
}

/// A stolen key of another host must not be able to have a tail removed.
#[test]
fn another_writers_word_on_what_a_snapshot_has_counts_for_nothing() {
    let mut state = tail();
    let other = FOUNDER.for_role(Role::Writer, &*RANDOM);
    apply(&mut state, &FOUNDER, added(&other)).unwrap();
    apply(&mut state, &other, absorbing(30, mark(22, 1_000_000))).unwrap();
    assert_eq!(limits(&state), [0, 0, 0]);
    assert_void(&state, &trim([mark(20, 1)]));
    // Nor does an epoch that it opens make those before it its own.
    let take_over = Follow { start: TailStart::Before, ends: Some(mark(22, 9)), ..followed(23) };
    apply(&mut state, &other, take_over).unwrap();
    apply(&mut state, &other, absorbing(31, mark(23, 50))).unwrap();
    assert_eq!(limits(&state), [0, 0, 0, 49]);
    apply(&mut state, &FOUNDER, absorbing(32, mark(21, 40))).unwrap();
    assert_eq!(limits(&state), [6, 39, 0, 49], "an admin is believed");
}

#[test]
fn a_tail_that_was_begun_anew_goes_with_the_snapshots_that_it_went_on_from() {
    let mut state = tail();
    apply(&mut state, &WRITER, absorbing(30, mark(21, 40))).unwrap();
    let start = TailStart::Snapshot(snapshot_id(2));
    let anew = Follow { start, ends: Some(mark(22, 5)), ..followed(23) };
    apply(&mut state, &WRITER, anew).unwrap();
    assert_eq!(limits(&state), [6, 39, 0, 0]);
    let forget = Forget { snapshots: vec![snapshot_id(1), snapshot_id(30)] };
    apply(&mut state, &FOUNDER, forget).unwrap();
    apply(&mut state, &FOUNDER, Release { snapshots: vec![snapshot_id(1)] }).unwrap();
    // The other has part of it, and what came after that.
    assert_eq!(limits(&state), [6, 39, 0, 0]);
    apply(&mut state, &FOUNDER, Release { snapshots: vec![snapshot_id(30)] }).unwrap();
    assert_eq!(limits(&state), [7, 100, 5, 0]);
    apply(&mut state, &FOUNDER, trim([mark(20, 7), mark(21, 100), mark(22, 5)])).unwrap();
    assert_eq!(trimmed(&state), [7, 100, 5, 0]);
}

/// Whoever takes over by an old state finds names free that were deleted, and ends the epoch there.
#[test]
fn an_epoch_is_not_ended_before_a_place_up_to_which_it_was_trimmed() {
    let mut state = tail();
    apply(&mut state, &WRITER, absorbing(30, mark(22, 40))).unwrap();
    apply(&mut state, &FOUNDER, trim([mark(22, 39)])).unwrap();
    let ending = |objects| Follow {
        start: TailStart::Before,
        ends: Some(TailMark { session: at(22), objects }),
        ..followed(23)
    };
    for objects in [0, 20, 38] {
        assert!(apply(&mut state, &WRITER, ending(objects)).is_err(), "{objects}");
    }
    apply(&mut state, &WRITER, ending(40)).unwrap();
}
