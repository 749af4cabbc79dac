//! Checkpoints: written now and then, so that opening does not read every entry there ever was.

use super::{Foresight, Growth, Ledger, LedgerContext};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::storage;
use bytes::Bytes;
use icecore_format::checkpoint;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::limits::CHECKPOINT_BYTES_MAX;
use icecore_store::{Content, ObjectInfo, ObjectName, StoreError};

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
    /// key could sign one that says anything. Others are not used, even where one was read before
    /// anybody knew whose it is.
    pub(crate) async fn open(
        context: LedgerContext,
        foresight: Foresight,
    ) -> Result<Self, ReadError> {
        let Foresight { checkpoints, newest, entries } = foresight;
        let mut ledger = Self::open_among(context, u64::MAX, checkpoints, newest).await?;
        ledger.foreseen = entries;
        Ok(ledger)
    }

    /// Opens the ledger at a checkpoint of entry `next_max` or one before it, or at its beginning.
    pub(super) async fn open_before(
        context: LedgerContext,
        next_max: u64,
    ) -> Result<Self, ReadError> {
        let prefix = ObjectRole::CHECKPOINT_PREFIX;
        let listed = storage::list(&*context.store, prefix).await?;
        Self::open_among(context, next_max, listed, None).await
    }

    /// The same, where these checkpoints are, and one of them was read already.
    async fn open_among(
        context: LedgerContext,
        next_max: u64,
        listed: Vec<ObjectInfo>,
        mut read_before: Option<(ObjectName, Result<Bytes, StoreError>)>,
    ) -> Result<Self, ReadError> {
        let trusted = [context.keys.founder.id(), context.keys.signing.verifying_key().id()];
        for object in listed.iter().rev() {
            let Some(role @ ObjectRole::Checkpoint(number, author)) = ObjectRole::of(&object.name)
            else {
                continue;
            };
            if number > next_max || !trusted.contains(&author) {
                continue;
            }
            let bytes = match read_before.take_if(|(name, _)| *name == object.name) {
                Some((_, bytes)) => bytes,
                None => fetch(&context, &object.name).await,
            };
            match decode(&context, role, bytes) {
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
    let bytes = fetch(context, &role.object_name()).await;
    decode(context, role, bytes)
}

async fn fetch(context: &LedgerContext, name: &ObjectName) -> Result<Bytes, StoreError> {
    storage::get(&*context.store, name, CHECKPOINT_BYTES_MAX as u64).await
}

fn decode(
    context: &LedgerContext,
    role: ObjectRole,
    bytes: Result<Bytes, StoreError>,
) -> Result<(checkpoint::LedgerState, u64), ReadError> {
    let (name, bytes) = (role.object_name(), bytes?);
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
