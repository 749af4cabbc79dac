//! Checkpoints: written now and then, so that opening does not read every entry there ever was.

use super::{Growth, Ledger, LedgerContext};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::storage;
use icecore_format::checkpoint;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::limits::CHECKPOINT_BYTES_MAX;
use icecore_store::{Content, StoreError};

/// Entries between two checkpoints, at least.
const ENTRIES_MIN: u64 = 64;

/// Whether enough was appended: at least [`ENTRIES_MIN`] entries, and a quarter of the bytes of
/// the last checkpoint, so that checkpoints of a large state together stay within a small
/// multiple of the ledger.
pub(super) fn is_due(growth: &Growth) -> bool {
    growth.entries >= ENTRIES_MIN && growth.bytes >= growth.checkpoint_bytes / 4
}

impl Ledger {
    /// Opens the ledger at its newest checkpoint that can be trusted and read, or at its beginning.
    ///
    /// A checkpoint counts if the founder signed it, or the key that reads it: a stolen writer's
    /// key could sign one that says anything. Others are not even read.
    pub(crate) async fn open(context: LedgerContext) -> Result<Self, ReadError> {
        Self::open_before(context, u64::MAX).await
    }

    /// Opens the ledger at a checkpoint of entry `next_max` or one before it, or at its beginning.
    pub(super) async fn open_before(
        context: LedgerContext,
        next_max: u64,
    ) -> Result<Self, ReadError> {
        let prefix = ObjectRole::CHECKPOINT_PREFIX;
        let listed = storage::list(&*context.store, prefix).await?;
        let trusted = [context.keys.founder.id(), context.keys.signing.verifying_key().id()];
        for object in listed.iter().rev() {
            let Some(role @ ObjectRole::Checkpoint(number, author)) = ObjectRole::of(&object.name)
            else {
                continue;
            };
            if number > next_max || !trusted.contains(&author) {
                continue;
            }
            match read(&context, role).await {
                Ok((state, bytes)) if state.next == number => {
                    let growth = Growth { checkpoint_bytes: bytes, ..Growth::default() };
                    return Ok(Self::at(context, state, growth));
                }
                Ok(_) => tracing::warn!(object = %object.name, "a checkpoint of another entry"),
                Err(error) => {
                    tracing::warn!(%error, object = %object.name, "a checkpoint is not used");
                }
            }
        }
        Ok(Self::new(context))
    }

    /// Opens the ledger at its beginning, whatever checkpoints there are.
    pub(crate) fn open_at_beginning(context: LedgerContext) -> Self {
        Self::new(context)
    }

    pub(super) async fn write_checkpoint(&mut self) -> Result<(), StoreError> {
        let context = &self.context;
        let keys = &context.keys;
        let name = ObjectRole::Checkpoint(self.state.next, self.own_id()).object_name();
        let sealed = envelope::seal(
            EnvelopeKind::Checkpoint,
            context.cipher,
            &keys.ledger_key,
            name.as_str(),
            &checkpoint::sign(&keys.repository, &self.state, &keys.signing),
            &*context.random,
        );
        let checkpoint_bytes = sealed.len() as u64;
        if sealed.len() <= CHECKPOINT_BYTES_MAX {
            storage::put(&*context.store, &name, &Content::from(sealed)).await?;
        } else {
            tracing::warn!("the ledger's state has outgrown checkpoints");
        }
        self.since_checkpoint = Growth { checkpoint_bytes, ..Growth::default() };
        Ok(())
    }
}

/// Reads and opens a checkpoint; also its length in bytes.
pub(crate) async fn read(
    context: &LedgerContext,
    role: ObjectRole,
) -> Result<(checkpoint::LedgerState, u64), ReadError> {
    let name = role.object_name();
    let bytes = storage::get(&*context.store, &name, CHECKPOINT_BYTES_MAX as u64).await?;
    let keys = &context.keys;
    let own = keys.signing.verifying_key();
    let state = envelope::open(EnvelopeKind::Checkpoint, &keys.ledger_key, name.as_str(), &bytes)
        .and_then(|plaintext| {
            let trusted = |id: &_| [keys.founder, own].into_iter().find(|key| key.id() == *id);
            checkpoint::open(&keys.repository, trusted, &plaintext)
        })
        .map_err(ReadError::damaged(name))?;
    Ok((state, bytes.len() as u64))
}
