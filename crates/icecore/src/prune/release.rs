//! Which forgotten snapshots are let go of, and which sessions are given up: policy, by the ledger's times.
//!
//! Nothing is lost by what is decided here but the way back from `forget`: both entries only remove needs.

use super::PruneOptions;
use super::history::History;
use crate::ledger::replay::has_ended;
use crate::snapshots;
use icecore_format::checkpoint::{LedgerState, SnapshotState, SnapshotStatus};
use icecore_format::ledger::body::{FollowedSource, TailStart};
use icecore_format::{SessionId, SnapshotId};
use std::collections::BTreeMap;
use std::time::Duration;

/// The snapshots that are let go of, in the order of the ledger: forgotten long enough ago, not to
/// be kept for longer by what was said when they were made, and neither the
/// newest of their source that is kept, unless that is asked for, nor the one that its tail goes on from.
pub(super) fn to_release(
    state: &LedgerState,
    history: &History,
    options: &PruneOptions,
) -> Vec<SnapshotId> {
    let kept = snapshots::kept(state);
    let mut newest: BTreeMap<FollowedSource, SnapshotId> = BTreeMap::new();
    for found in &kept {
        newest.insert(found.snapshot.followed(), found.snapshot.id);
    }
    let is_released = |found: &&&SnapshotState| {
        let id = found.snapshot.id;
        let forgotten_by = history.forgotten_by(&id);
        found.status == SnapshotStatus::Forgotten
            && found.snapshot.retain_until.is_none_or(|until| history.is_past(until))
            && forgotten_by.is_some_and(|number| history.is_older(number, options.release_after))
            && (options.release_newest || newest.get(&found.snapshot.followed()) != Some(&id))
            && !is_tails_start(state, id)
    };
    kept.iter().filter(is_released).map(|found| found.snapshot.id).collect()
}

/// Whether an epoch of a tail that is still needed goes on from a snapshot.
fn is_tails_start(state: &LedgerState, id: SnapshotId) -> bool {
    let newest_starts = state.tails.iter().filter_map(|tail| {
        let mut starts = tail.epochs.iter().rev().map(|epoch| epoch.start);
        starts.find(|start| *start != TailStart::Before)
    });
    newest_starts.into_iter().any(|start| start == TailStart::Snapshot(id))
}

/// The number below which every session that has not ended is given up: those that began before the entry
/// that was the newest so long ago. `None` if that ends none of `seen`.
///
/// A session that began at number n had read up to n, so it began before entry n was written.
pub(super) fn floor(
    state: &LedgerState,
    history: &History,
    abandon_after: Duration,
    seen: impl IntoIterator<Item = SessionId>,
) -> Option<u64> {
    let floor = history.first_younger(abandon_after).min(state.next);
    let is_given_up = |session: SessionId| session.head < floor && !has_ended(state, session);
    seen.into_iter().any(is_given_up).then_some(floor)
}
