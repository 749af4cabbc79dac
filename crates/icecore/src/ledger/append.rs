//! Appending: an entry goes to the first free number, built by whoever has applied all before it.
//!
//! Specification: docs/concurrency.md, rule 1.

use super::forward::Found;
use super::{Alarm, Ledger, LoggedContent, checkpoint};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::local::SeenHead;
use crate::storage::{self, Put};
use icecore_format::KeyId;
use icecore_format::checkpoint::LedgerState;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::ledger::{Entry, EntryBody, LedgerObject, SignedEntry};
use icecore_format::limits::LEDGER_OBJECT_BYTES_MAX;
use icecore_format::random::random_bytes;
use icecore_format::record::Record as _;
use icecore_store::{Content, StoreError};

/// The ledger with everything before a number applied, which was free when it was last looked at: the
/// only thing that can append. What is decided on it is decided on exactly the entries before the new one.
pub struct Prefix<'a>(&'a mut Ledger);

/// How an attempt to append ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The entry stands at this number and counts.
    At(u64),
    /// Another entry took the number: decide again.
    Lost,
}

/// An entry that was not appended, or of which it is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The ledger could not be read to its end.
    #[error("cannot read the ledger to its end")]
    Read(#[from] ReadError),
    /// The ledger is not what it should be.
    #[error("the ledger is not what it should be, so nothing is added to it")]
    Alarm(#[source] Alarm),
    /// A newer program wrote here.
    #[error("ledger entry {number} was written by a newer program, so this one adds nothing")]
    Newer {
        /// The entry's number.
        number: u64,
    },
    /// The key counts for nothing, so what it signs would change nothing.
    #[error("key {id} {is}, so what it adds counts for nothing")]
    KeyDoesNotCount {
        /// The key.
        id: KeyId,
        /// Why not.
        is: &'static str,
    },
    /// Nobody would read it.
    #[error("the ledger entry has {bytes} bytes, which is more than anyone reads")]
    TooLarge {
        /// Its sealed length, in bytes.
        bytes: u64,
    },
    /// The storage did not take the entry.
    #[error("cannot write the ledger entry")]
    Write(#[source] StoreError),
    /// Storage gave no answer, so the entry may stand.
    #[error("storage gave no answer, so it is not known whether ledger entry {number} was written")]
    Unknown {
        /// The entry's number.
        number: u64,
        /// The last answer.
        source: StoreError,
    },
    /// The entry was written and does not count.
    #[error("ledger entry {number} was written and is void: {reason}")]
    Void {
        /// The entry's number.
        number: u64,
        /// Why it does not count.
        reason: &'static str,
    },
}

impl Ledger {
    /// Reads to the end, for something to be appended there.
    pub(crate) async fn prefix(
        &mut self,
        seen: Option<SeenHead>,
    ) -> Result<Prefix<'_>, AppendError> {
        self.read_forward(seen).await?;
        self.prefix_so_far()
    }

    /// What was read of it, for something to be appended there. If there is more by now, that is lost to
    /// what is there.
    pub(crate) fn prefix_so_far(&mut self) -> Result<Prefix<'_>, AppendError> {
        if let Some(alarm) = self.alarms.first() {
            return Err(AppendError::Alarm(alarm.clone()));
        }
        if let Some(number) = self.state.unknown {
            return Err(AppendError::Newer { number });
        }
        let id = self.own_id();
        let is = match self.state.keys.get(&id) {
            None => Some("is not known to the ledger"),
            Some(key) if key.removed => Some("was removed"),
            Some(_) => None,
        };
        if let Some(is) = is {
            return Err(AppendError::KeyDoesNotCount { id, is });
        }
        Ok(Prefix(self))
    }
}

impl Prefix<'_> {
    /// What the entries before the new one yield.
    pub fn state(&self) -> &LedgerState {
        &self.0.state
    }

    /// Appends an entry at the number that this prefix ends before.
    ///
    /// Not cancel safe: a future that is dropped may have written the entry.
    pub(crate) async fn append(self, body: EntryBody) -> Result<Appended, AppendError> {
        let ledger = self.0;
        let number = ledger.state.next;
        let content = Content::from(seal_entry(ledger, body));
        if content.len() > LEDGER_OBJECT_BYTES_MAX as u64 {
            return Err(AppendError::TooLarge { bytes: content.len() });
        }
        let name = ObjectRole::Ledger(number).object_name();
        let store = ledger.context.store.clone();
        let put = storage::put(&*store, &name, &content).await.map_err(|source| {
            if source.outcome_unknown() {
                AppendError::Unknown { number, source }
            } else {
                AppendError::Write(source)
            }
        })?;
        match put {
            Put::Done => {}
            Put::Taken(bytes) => {
                let found = match bytes {
                    Some(bytes) => Found::Object(bytes),
                    None => ledger.fetch(number).await?,
                };
                ledger.apply(found).await?;
                return Ok(Appended::Lost);
            }
        }
        ledger.apply(Found::Object(content.to_bytes())).await?;
        if let Some(LoggedContent::Void { reason, .. }) =
            ledger.log.last().map(|logged| &logged.content)
        {
            return Err(AppendError::Void { number, reason });
        }
        ledger.witness_and_checkpoint(number).await;
        Ok(Appended::At(number))
    }
}

fn seal_entry(ledger: &Ledger, body: EntryBody) -> Vec<u8> {
    let context = &ledger.context;
    let entry = Entry {
        number: ledger.state.next,
        previous: ledger.state.head,
        author: ledger.own_id(),
        nonce: random_bytes(&*context.random),
        time: context.clock.now(),
        body,
    };
    let signed = SignedEntry::sign(&context.keys.repository, entry, &context.keys.signing);
    let object = LedgerObject { items: vec![signed.to_bytes()] };
    let name = ObjectRole::Ledger(ledger.state.next).object_name();
    envelope::seal(
        EnvelopeKind::Ledger,
        context.cipher,
        &context.keys.ledger_key,
        name.as_str(),
        &object.encode(),
        &*context.random,
    )
}

impl Ledger {
    /// Writes what is derived from the entry that was just appended. The entry stands already, so
    /// a failure here is told to the log and harms nothing.
    async fn witness_and_checkpoint(&mut self, number: u64) {
        if let Err(error) = self.write_witness(number).await {
            tracing::warn!(%error, "the witness of entry {number} was not written");
        }
        if checkpoint::is_due(&self.since_checkpoint)
            && let Err(error) = self.write_checkpoint().await
        {
            tracing::warn!(%error, "no checkpoint was written after entry {number}");
        }
    }
}
