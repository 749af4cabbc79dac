//! What it takes to recover any moment of a window, tails included.
//!
//! Recovery takes the earliest state that reaches a moment, and cuts it. So of all that reach into the
//! window none may go; besides, the newest before it stays, for what was there when the window began.

use super::policy::before;
use super::{Candidate, TailBase};
use crate::tail;
use icecore_format::checkpoint::{LedgerState, SnapshotState, SnapshotStatus, TailState};
use icecore_format::{SnapshotId, Timestamp};
use jiff::Span;
use std::collections::{BTreeMap, BTreeSet};

pub(super) use crate::recover::moment_of as moment;

/// Of the snapshots of a group, those that are needed for a window that ends with the newest. Both lists
/// are newest first; the second has those whose clocks agree.
pub(super) fn needed(
    members: &[&Candidate],
    agreeing: &[&Candidate],
    window: Span,
) -> BTreeSet<SnapshotId> {
    let start = agreeing.iter().map(|candidate| candidate.time).max();
    let start = start.map_or(Timestamp(i64::MIN), |newest| before(newest, window));
    let reach = |candidate: &Candidate| candidate.time.max(candidate.moment);
    let base = agreeing.iter().find(|candidate| reach(candidate) <= start);
    let first = base.map_or(0, |base| base.number);
    let is_needed = |candidate: &&&Candidate| {
        let in_tail = matches!(candidate.tail, Some(TailBase::EndedBefore(end)) if end >= start);
        candidate.number >= first || reach(candidate) >= start || in_tail
    };
    members.iter().filter(is_needed).map(|candidate| candidate.id).collect()
}

/// The live snapshots that tails are read from.
pub(super) fn tail_bases(state: &LedgerState) -> BTreeMap<SnapshotId, TailBase> {
    let mut bases = BTreeMap::new();
    for tail in &state.tails {
        let chains = tail::needed(state, tail);
        for (number, (start, epochs)) in chains.iter().enumerate() {
            let marks = |it: &SnapshotState| {
                let mark = it.snapshot.tail;
                mark.is_some_and(|mark| epochs.iter().any(|epoch| epoch.session == mark.session))
            };
            let base = newest_live(state, tail, marks)
                .or_else(|| newest_live(state, tail, |it| it.snapshot.id == *start));
            let next = chains.get(number + 1).map(|(next, _)| {
                let next = state.snapshots.get(next);
                next.map_or(Timestamp(i64::MAX), |next| next.snapshot.finished)
            });
            let found = next.map_or(TailBase::Newest, TailBase::EndedBefore);
            if let Some(base) = base {
                bases.insert(base, found);
            }
        }
    }
    bases
}

/// The newest live snapshot of a tail's source that is as asked for.
fn newest_live(
    state: &LedgerState,
    tail: &TailState,
    is_wanted: impl Fn(&SnapshotState) -> bool,
) -> Option<SnapshotId> {
    let is_live = |it: &&SnapshotState| it.status == SnapshotStatus::Live;
    let of_source = |it: &&SnapshotState| it.snapshot.followed() == tail.source;
    let live = state.snapshots.values().filter(is_live).filter(of_source);
    let newest = live.filter(|it| is_wanted(it)).max_by_key(|it| it.number)?;
    Some(newest.snapshot.id)
}
