//! Which runs and packs count, by the ledger and by what a session has of its own.

use crate::ledger::has;
use icecore_format::checkpoint::LedgerState;
use icecore_format::ledger::body::SessionRange;
use icecore_format::{PackId, RunId, SessionId};
use std::collections::BTreeSet;

/// What an index is of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) runs: BTreeSet<SessionRange>,
    pub(super) packs: BTreeSet<SessionRange>,
    pub(super) ended: BTreeSet<SessionId>,
    pub(super) floor: u64,
}

impl Scope {
    /// What the ledger names.
    pub(super) fn of(state: &LedgerState) -> Self {
        Self {
            runs: state.runs.clone(),
            packs: state.packs.clone(),
            ended: state.ended.clone(),
            floor: state.floor,
        }
    }

    /// Whether it is that of `state`.
    pub(super) fn is_of(&self, state: &LedgerState) -> bool {
        self.runs == state.runs
            && self.packs == state.packs
            && self.ended == state.ended
            && self.floor == state.floor
    }

    /// Whether a run counts.
    pub(super) fn has_run(&self, run: RunId) -> bool {
        has(&self.runs, run.session, run.number)
    }

    /// Whether a pack may be read and leaned on.
    pub(super) fn has_pack(&self, pack: PackId) -> bool {
        has(&self.packs, pack.session, pack.number)
    }

    /// Whether a run will never count again: it does not now, and its session has ended.
    pub(super) fn is_gone(&self, run: RunId) -> bool {
        let has_ended = run.session.head < self.floor || self.ended.contains(&run.session);
        has_ended && !self.has_run(run)
    }
}
