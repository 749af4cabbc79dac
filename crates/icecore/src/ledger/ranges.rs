//! Sets of packs and of index runs, as ranges of numbers by session.

use icecore_format::ledger::body::SessionRange;
use icecore_format::limits::SESSION_OBJECTS_MAX;
use icecore_format::{PackId, RunId, SessionId};
use std::collections::BTreeSet;

/// Whether `set` has all of `range`.
pub fn covers(set: &BTreeSet<SessionRange>, range: SessionRange) -> bool {
    let mut next = range.first;
    for part in of_session(set, range.session) {
        if part.first <= next && next < part.end {
            next = part.end;
        }
    }
    next >= range.end
}

/// Whether `set` has the object of this number.
pub fn has(set: &BTreeSet<SessionRange>, session: SessionId, number: u32) -> bool {
    of_session(set, session).any(|range| (range.first..range.end).contains(&number))
}

/// Removes `range` from `set`, splitting what it cuts.
pub(crate) fn remove(set: &mut BTreeSet<SessionRange>, range: SessionRange) {
    let touched: Vec<SessionRange> = of_session(set, range.session)
        .filter(|part| part.first < range.end && range.first < part.end)
        .collect();
    for part in touched {
        set.remove(&part);
        for (first, end) in [(part.first, range.first), (range.end, part.end)] {
            if first < end {
                set.insert(SessionRange { session: part.session, first, end });
            }
        }
    }
}

/// Whether two ranges have an object in common.
pub(crate) fn overlap(a: SessionRange, b: SessionRange) -> bool {
    a.session == b.session && a.first < b.end && b.first < a.end
}

/// Whether a range is one: not empty, and of numbers that a session can have.
pub(crate) fn is_proper(range: SessionRange) -> bool {
    range.first < range.end && range.end <= SESSION_OBJECTS_MAX
}

/// The fewest ranges that name these packs.
pub(crate) fn ranges_of(packs: &BTreeSet<PackId>) -> Vec<SessionRange> {
    fewest(packs.iter().map(|pack| (pack.session, pack.number)))
}

/// The fewest ranges that name these index runs.
pub(crate) fn run_ranges_of(runs: &BTreeSet<RunId>) -> Vec<SessionRange> {
    fewest(runs.iter().map(|run| (run.session, run.number)))
}

/// The fewest ranges that name these objects, which come sorted.
fn fewest(objects: impl Iterator<Item = (SessionId, u32)>) -> Vec<SessionRange> {
    let mut ranges: Vec<SessionRange> = Vec::new();
    for (session, number) in objects {
        match ranges.last_mut() {
            Some(last) if last.session == session && last.end == number => last.end += 1,
            _ => ranges.push(SessionRange { session, first: number, end: number + 1 }),
        }
    }
    ranges
}

/// The index runs of a set.
pub(crate) fn runs(set: &BTreeSet<SessionRange>) -> impl Iterator<Item = RunId> {
    set.iter().flat_map(|range| range.runs())
}

fn of_session(
    set: &BTreeSet<SessionRange>,
    session: SessionId,
) -> impl Iterator<Item = SessionRange> {
    let first = SessionRange { session, first: 0, end: 0 };
    set.range(first..).copied().take_while(move |range| range.session == session)
}
