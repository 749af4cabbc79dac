//! What will be asked for when a ledger is opened, asked before the keys are known: where storage is far
//! away, what can be asked for at the same time is.
//!
//! Nothing is decided here. What was not foreseen is asked for later, and what was foreseen in vain is
//! thrown away.

use super::forward::{Found, fetch};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::storage;
use bytes::Bytes;
use futures::future::join;
use futures::stream::{self, StreamExt as _};
use icecore_format::limits::CHECKPOINT_BYTES_MAX;
use icecore_store::{ObjectInfo, ObjectName, Store, StoreError};
use std::collections::BTreeMap;

/// Entries after the newest checkpoint that are asked for.
const ENTRIES: u64 = 8;
/// How long a checkpoint may be to be asked for before it is known whether anybody trusts it, in bytes.
const CHECKPOINT_BYTES: u64 = 4 << 20;

/// What was asked for.
#[derive(Default)]
pub(crate) struct Foresight {
    /// The listing of checkpoints.
    pub(super) checkpoints: Vec<ObjectInfo>,
    /// The newest of them.
    pub(super) newest: Option<(ObjectName, Result<Bytes, StoreError>)>,
    /// What is stored under the numbers after it.
    pub(super) entries: BTreeMap<u64, Result<Found, ReadError>>,
}

impl Foresight {
    /// Asks, in two round trips. Of what is beyond the end of the ledger, no more is waited for than tells
    /// that it is the end.
    pub(crate) async fn look(store: &dyn Store) -> Result<Self, StoreError> {
        let checkpoints = storage::list(store, ObjectRole::CHECKPOINT_PREFIX).await?;
        let newest =
            checkpoints.iter().rev().find_map(|object| match ObjectRole::of(&object.name) {
                Some(ObjectRole::Checkpoint(next, _)) => {
                    Some((object.name.clone(), next, object.bytes))
                }
                _ => None,
            });
        let first = newest.as_ref().map_or(0, |(_, next, _)| *next);
        let numbers = first..first.saturating_add(ENTRIES);
        let entries = async {
            let fetches = numbers.map(|number| async move { (number, fetch(store, number).await) });
            let mut fetches = stream::iter(fetches).buffered(ENTRIES as usize);
            let (mut entries, mut is_beyond_end) = (BTreeMap::new(), false);
            while let Some((number, found)) = fetches.next().await {
                let is_free = matches!(found, Ok(Found::Free));
                entries.insert(number, found);
                if std::mem::replace(&mut is_beyond_end, is_free) {
                    break;
                }
            }
            entries
        };
        let checkpoint = async {
            let (name, _, _) = newest.filter(|(_, _, bytes)| *bytes <= CHECKPOINT_BYTES)?;
            let read = storage::get(store, &name, CHECKPOINT_BYTES_MAX as u64).await;
            Some((name, read))
        };
        let (newest, entries) = join(checkpoint, entries).await;
        Ok(Self { checkpoints, newest, entries })
    }
}
