//! The ledger: reading it forward, appending to it, and what replaying it yields.
//!
//! Put-if-absent makes appending race-free: whoever appends entry n has applied everything before
//! it, since only [`Prefix`] can build an entry and only reading forward yields one.
//!
//! Specification: docs/concurrency.md. Format: docs/format.md, "Ledger".

mod append;
pub(crate) mod checkpoint;
mod foresight;
mod forward;
mod ranges;
pub mod replay;
#[cfg(test)]
mod tests;
pub(crate) mod trims;
mod witness;

pub use append::{AppendError, Appended, Prefix};
pub(crate) use foresight::Foresight;
pub use ranges::{covers, has};
pub(crate) use ranges::{overlap, ranges_of, run_ranges_of, runs};
pub(crate) use replay::has_retired;
pub use witness::WitnessFinding;

use crate::error::ReadError;
use forward::Found;
use icecore_format::checkpoint::LedgerState;
use icecore_format::{Hash, KeyId, Random};
use icecore_store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::environment::Clock;
use crate::local::SeenHead;
use icecore_format::cipher::Cipher;
use icecore_format::keys::KeySet;

/// A ledger, read up to some entry.
pub struct Ledger {
    context: LedgerContext,
    /// Where reading began: at a checkpoint, or at the beginning.
    began: SeenHead,
    state: LedgerState,
    log: Vec<LoggedEntry>,
    /// Whether it is known that nothing follows the end: found out once, see `read_to_end`.
    is_end_probed: bool,
    alarms: Vec<Alarm>,
    since_checkpoint: Growth,
    /// What is stored under numbers, as of when the ledger was opened: for the first reading alone.
    foreseen: BTreeMap<u64, Result<Found, ReadError>>,
}

/// What a ledger is read and appended with.
#[derive(Clone)]
pub(crate) struct LedgerContext {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<KeySet>,
    pub(crate) cipher: Cipher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// How much was read or appended since the last checkpoint.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    entries: u64,
    bytes: u64,
    checkpoint_bytes: u64,
}

/// An entry as `log` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoggedEntry {
    /// Its number.
    pub number: u64,
    /// What was found there.
    pub content: LoggedContent,
    /// The chain's hash after it.
    pub head: Hash,
}

/// What was found at a number of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoggedContent {
    /// An entry that counts.
    Valid(Box<icecore_format::ledger::Entry>),
    /// Something that chains and changes nothing.
    Void {
        /// Why it does not count.
        reason: &'static str,
        /// The entry, if it is one.
        entry: Option<Box<icecore_format::ledger::Entry>>,
    },
}

/// A sign that the ledger was damaged, cut back or tampered with. While there is one, nothing is
/// appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alarm {
    /// An entry cannot be read, and there was a true one under its number.
    #[error("ledger entry {number} is damaged")]
    Damaged {
        /// The entry's number.
        number: u64,
    },
    /// There is no entry under a number, and there are entries after it.
    #[error("ledger entry {number} is missing, and there are later ones")]
    Missing {
        /// The entry's number.
        number: u64,
    },
    /// An entry was written by someone for whom the ledger before it was another one.
    #[error("ledger entry {number} follows another entry {} than the one that is stored", number.wrapping_sub(1))]
    Fork {
        /// The entry's number.
        number: u64,
    },
    /// This machine has seen a longer ledger.
    #[error(
        "the ledger ends before entry {found}, and this machine has seen it end before entry {remembered}"
    )]
    RolledBack {
        /// The number of the next entry now.
        found: u64,
        /// What it was when this machine last looked.
        remembered: u64,
    },
    /// This machine has seen another ledger.
    #[error("the ledger before entry {number} is not the one that this machine has seen")]
    Replaced {
        /// The number up to which they were compared.
        number: u64,
    },
}

impl Ledger {
    /// An empty ledger, which begins with the config's hash.
    pub(crate) fn new(context: LedgerContext) -> Self {
        let state = replay::genesis(&context.keys);
        Self::at(context, state, Growth::default())
    }

    /// A ledger that is read from `state` on.
    fn at(context: LedgerContext, state: LedgerState, since_checkpoint: Growth) -> Self {
        Self {
            context,
            began: SeenHead { next: state.next, head: state.head },
            state,
            log: Vec::new(),
            is_end_probed: false,
            alarms: Vec::new(),
            since_checkpoint,
            foreseen: BTreeMap::new(),
        }
    }

    /// What the entries read so far yield.
    pub fn state(&self) -> &LedgerState {
        &self.state
    }

    /// The entries that were read one by one, oldest first. What a checkpoint stood for is not
    /// among them.
    pub fn log(&self) -> &[LoggedEntry] {
        &self.log
    }

    /// Why this ledger must not be trusted or appended to; empty if all is well.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// The end of what was read.
    pub fn seen_head(&self) -> SeenHead {
        SeenHead { next: self.state.next, head: self.state.head }
    }

    /// The chain's hash before an entry, as far as it was read.
    fn head_before(&self, number: u64) -> Option<Hash> {
        match number.checked_sub(self.began.next)? {
            0 => Some(self.began.head),
            count => Some(self.log.get(count as usize - 1)?.head),
        }
    }

    fn alarm(&mut self, alarm: Alarm) {
        if self.alarms.contains(&alarm) {
            return;
        }
        tracing::warn!(%alarm, "the ledger is not what it should be");
        self.alarms.push(alarm);
    }

    fn own_id(&self) -> KeyId {
        self.context.keys.signing.verifying_key().id()
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Ledger(next {}, head {})", self.state.next, self.state.head)
    }
}
