//! Witnesses: what was written after an entry, compared with the chain.
//!
//! Reading the ledger asks for a witness only where an object makes no sense. All of them are
//! compared by `check`, which so finds a newest entry that is gone, and a ledger that was rewritten.

use super::{Ledger, LedgerContext};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::storage;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use icecore_format::Hash;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::ledger::Witness;
use icecore_format::limits::WITNESS_BYTES_MAX;
use icecore_format::record::Record as _;
use icecore_store::{StoreError, StoreErrorKind};

/// Witnesses that are read at once.
const READS_MAX: usize = 32;

/// What is wrong with a witness, or with the entry that it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessFinding {
    /// The entry was acknowledged, and the ledger ends before it.
    #[error("ledger entry {number} is missing: its witness is there")]
    BeyondEnd {
        /// The entry's number.
        number: u64,
    },
    /// The chain up to this entry is not the one that its author wrote.
    #[error("ledger entry {number}, or one before it, is not the one that its witness is of")]
    Differs {
        /// The entry's number.
        number: u64,
    },
    /// The witness makes no sense. By itself that harms nothing.
    #[error("the witness of ledger entry {number} is damaged")]
    Unreadable {
        /// The entry's number.
        number: u64,
    },
}

/// What is stored as a witness.
pub(super) enum WitnessRead {
    Absent,
    Unreadable,
    /// The chain's hash after the entry.
    Of(Hash),
}

impl Ledger {
    /// Compares every witness with the chain, as far as it was read entry by entry: all of them, if
    /// the ledger was opened at its beginning. Sorted by number within each kind of finding.
    pub(crate) async fn verify_witnesses(&mut self) -> Result<Vec<WitnessFinding>, ReadError> {
        // Listed first: an entry whose witness is listed was there before the ledger is read.
        let listed = storage::list(&*self.context.store, ObjectRole::WITNESS_PREFIX).await?;
        self.read_forward(None).await?;
        let numbers = listed.iter().filter_map(|object| match ObjectRole::of(&object.name) {
            Some(ObjectRole::Witness(number)) if number >= self.began.next => Some(number),
            _ => None,
        });
        // Collected, since the future could not be sent with what is lazy in it.
        let numbers: Vec<u64> = numbers.collect();
        let (context, ledger) = (&self.context, &*self);
        let findings = stream::iter(numbers)
            .map(|number| async move {
                let read = read_witness(context, number).await?;
                Ok::<_, ReadError>(ledger.judge(number, &read))
            })
            .buffer_unordered(READS_MAX)
            .try_filter_map(|finding| async move { Ok(finding) });
        let mut findings: Vec<_> = findings.try_collect().await?;
        findings.sort_unstable();
        Ok(findings)
    }

    fn judge(&self, number: u64, read: &WitnessRead) -> Option<WitnessFinding> {
        match read {
            WitnessRead::Absent => None,
            WitnessRead::Unreadable => Some(WitnessFinding::Unreadable { number }),
            WitnessRead::Of(head) => match self.head_before(number.saturating_add(1)) {
                None => Some(WitnessFinding::BeyondEnd { number }),
                Some(found) if found != *head => Some(WitnessFinding::Differs { number }),
                Some(_) => None,
            },
        }
    }

    /// Writes the witness of the newest entry.
    pub(super) async fn write_witness(&self, number: u64) -> Result<(), StoreError> {
        let context = &self.context;
        let witness = Witness { number, head: self.state.head };
        let name = ObjectRole::Witness(number).object_name();
        let sealed = envelope::seal(
            EnvelopeKind::Witness,
            context.cipher,
            &context.keys.ledger_key,
            name.as_str(),
            &witness.encode(),
            &*context.random,
        );
        context.store.put_new(&name, sealed.into()).await
    }
}

/// Reads a witness. Whatever anyone put there, it is no reason to stop.
pub(super) async fn read_witness(
    context: &LedgerContext,
    number: u64,
) -> Result<WitnessRead, ReadError> {
    let name = ObjectRole::Witness(number).object_name();
    let bytes = match storage::get(&*context.store, &name, WITNESS_BYTES_MAX as u64).await {
        Ok(bytes) => bytes,
        Err(error) => {
            return match error.kind() {
                StoreErrorKind::NotFound => Ok(WitnessRead::Absent),
                StoreErrorKind::TooLarge => Ok(WitnessRead::Unreadable),
                _ => Err(error.into()),
            };
        }
    };
    let key = &context.keys.ledger_key;
    let witness = envelope::open(EnvelopeKind::Witness, key, name.as_str(), &bytes)
        .and_then(|plaintext| Witness::decode(&plaintext));
    Ok(match witness {
        Ok(witness) if witness.number == number => WitnessRead::Of(witness.head),
        _ => WitnessRead::Unreadable,
    })
}
