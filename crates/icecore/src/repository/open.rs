//! Open: config, key slot, ledger.

use super::{Repository, SharedLedger, ledger_context};
use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::{Index, RunReader};
use crate::layout::ObjectRole;
use crate::ledger::{Foresight, Ledger};
use crate::storage;
use bytes::Bytes;
use futures::lock::Mutex;
use futures::stream::{self, StreamExt as _};
use futures::try_join;
use icecore_format::config::Config;
use icecore_format::keys::KeySet;
use icecore_format::keys::slot::KeySlot;
use icecore_format::limits::{CONFIG_BYTES_MAX, KEY_SLOT_BYTES_MAX};
use icecore_format::{DecodeError, KeyId};
use icecore_store::{ObjectName, Store, StoreErrorKind};
use std::sync::Arc;

/// Most key slots that a password is tried on: each costs an Argon2id.
const SLOTS_MAX: usize = 64;
/// Key slots that are read at once.
const SLOTS_AHEAD: usize = 16;

/// A repository that was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is none.
    #[error("there is no repository at {place}")]
    NoRepository {
        /// Where.
        place: String,
    },
    /// The password opens no key slot.
    #[error("no key slot accepts this password")]
    WrongPassword,
    /// The config is not the one that the key slot was made for.
    #[error("the config of this repository was replaced or damaged")]
    ConfigReplaced,
    /// No key slot can be read.
    #[error("no key slot of this repository can be read")]
    NoKeySlot {
        /// What is wrong with one of them, if there is any.
        source: Option<ReadError>,
    },
    /// Something could not be read.
    #[error("cannot open the repository")]
    Read(#[from] ReadError),
}

impl Repository {
    /// Opens a repository with a password. Writes nothing to storage.
    pub async fn open(
        store: Arc<dyn Store>,
        environment: Environment,
        password: &[u8],
    ) -> Result<Self, OpenError> {
        // All that can be asked for without a key is, at the same time.
        let config_and_keys = async {
            let slots = async { Ok(list_slots(&*store).await) };
            let known = async { Ok(open_known_slot(&*store, &environment, password).await) };
            let (config, slots, known) = try_join!(read_config(&*store), slots, known)?;
            let slots = slots?;
            let is_there = |known: &KnownSlot| known.is_there(&config, &slots);
            let keys = if let Some(KnownSlot { keys, .. }) = known.filter(is_there) {
                keys
            } else {
                let slots = read_slots(&*store, slots).await;
                let (keys, slot) = find_keys(slots, &environment, &config, password).await?;
                let (local, place) = (environment.local.clone(), store.place());
                environment.compute(move || local.keep_slot_at(&place, &slot)).await;
                keys
            };
            if keys.config != config.hash() {
                return Err(OpenError::ConfigReplaced);
            }
            Ok((config, keys))
        };
        let foresight = async { Ok(Foresight::look(&*store).await) };
        let ((config, keys), foresight) = try_join!(config_and_keys, foresight)?;
        let foresight = foresight.map_err(ReadError::from)?;
        Self::open_with_keys(store, environment, config, Arc::new(keys), foresight).await
    }

    /// Opens a repository with keys from a slot of it.
    pub(super) async fn open_with_keys(
        store: Arc<dyn Store>,
        environment: Environment,
        config: Config,
        keys: Arc<KeySet>,
        foresight: Foresight,
    ) -> Result<Self, OpenError> {
        let local = environment.local.of(config.repository);
        let context = ledger_context(&store, &environment, &keys, &config);
        let ledger = Ledger::open(context, foresight).await?;
        let ledger = SharedLedger::new(ledger, &environment, &local);
        let reader = RunReader {
            store: store.clone(),
            keys: keys.clone(),
            environment: environment.clone(),
            local: local.clone(),
        };
        let index = Mutex::new(Arc::new(Index::new(reader)));
        let repository = Self { store, environment, config, keys, local, ledger, index };
        repository.refresh().await?;
        Ok(repository)
    }
}

async fn read_config(store: &dyn Store) -> Result<Config, OpenError> {
    let name = ObjectRole::Config.object_name();
    match storage::get(store, &name, CONFIG_BYTES_MAX as u64).await {
        Ok(bytes) => Ok(Config::from_object(&bytes).map_err(ReadError::damaged(name))?),
        Err(error) if error.kind() == StoreErrorKind::NotFound => {
            Err(OpenError::NoRepository { place: store.place() })
        }
        Err(error) => Err(ReadError::from(error).into()),
    }
}

/// A key slot by the name that it has: what it says, and its bytes.
type NamedSlot = (ObjectName, KeyId, Result<(KeySlot, Bytes), ReadError>);

/// A key slot that this machine keeps a copy of, opened.
struct KnownSlot {
    slot: KeySlot,
    keys: KeySet,
    /// What it is called if it was given to a key that had another.
    renewed: ObjectName,
}

impl KnownSlot {
    /// Whether it is still among the slots of the repository: its password may have been changed since.
    fn is_there(&self, config: &Config, slots: &[(ObjectName, KeyId)]) -> bool {
        let mut of_key = slots.iter().filter(|(_, id)| *id == self.slot.id);
        let is_named = match of_key.clone().count() {
            // The first slot of a key has a name that does not tell its bytes.
            1 => of_key.all(|(name, id)| {
                *name == self.renewed || *name == ObjectRole::KeySlot(*id).object_name()
            }),
            _ => of_key.any(|(name, _)| *name == self.renewed),
        };
        self.slot.repository == config.repository && is_named
    }
}

/// The keys from the slot that was opened last at this place, if the password opens it still. Deriving a
/// key takes as long as a round trip, and so can be done during one.
async fn open_known_slot(
    store: &dyn Store,
    environment: &Environment,
    password: &[u8],
) -> Option<KnownSlot> {
    let (local, place) = (environment.local.clone(), store.place());
    let password = zeroize::Zeroizing::new(password.to_vec());
    let opened = environment.compute(move || {
        let bytes = local.slot_at(&place)?;
        let slot = KeySlot::decode(&bytes).ok()?;
        let keys = slot.open(&password).ok()??;
        let renewed = ObjectRole::renewed_slot(slot.id, &bytes).object_name();
        Some(KnownSlot { slot, keys, renewed })
    });
    opened.await
}

async fn list_slots(store: &dyn Store) -> Result<Vec<(ObjectName, KeyId)>, ReadError> {
    let listed = storage::list(store, ObjectRole::KEYS_PREFIX).await?;
    let slots = listed.into_iter().filter_map(|object| {
        let id = ObjectRole::of(&object.name)?.key_of_slot()?;
        Some((object.name, id))
    });
    Ok(slots.collect())
}

async fn read_slots(store: &dyn Store, slots: Vec<(ObjectName, KeyId)>) -> Vec<NamedSlot> {
    let reads = slots.into_iter().map(|(name, id)| async move {
        let slot = match storage::get(store, &name, KEY_SLOT_BYTES_MAX as u64).await {
            Ok(bytes) => KeySlot::decode(&bytes)
                .map(|slot| (slot, bytes))
                .map_err(ReadError::damaged(name.clone())),
            Err(error) => Err(error.into()),
        };
        (name, id, slot)
    });
    stream::iter(reads).buffered(SLOTS_AHEAD).collect().await
}

/// The keys from the slot that the password opens, and that slot's bytes.
async fn find_keys(
    slots: Vec<NamedSlot>,
    environment: &Environment,
    config: &Config,
    password: &[u8],
) -> Result<(KeySet, Bytes), OpenError> {
    let (mut readable, mut problem) = (0, None);
    for (name, id, slot) in slots {
        let (slot, bytes) = match slot {
            Ok(slot) => slot,
            Err(error) => {
                problem = Some(error);
                continue;
            }
        };
        // Left by an init that did not finish, or put where it does not belong.
        if slot.repository != config.repository || slot.id != id || readable == SLOTS_MAX {
            continue;
        }
        readable += 1;
        let password = zeroize::Zeroizing::new(password.to_vec());
        let opened: Result<Option<KeySet>, DecodeError> =
            environment.compute(move || slot.open(&password)).await;
        match opened {
            Ok(Some(keys)) => return Ok((keys, bytes)),
            Ok(None) => {}
            Err(error) => problem = Some(ReadError::damaged(name)(error)),
        }
    }
    // A slot that cannot be read may be the one that this password opens.
    match problem {
        None if readable > 0 => Err(OpenError::WrongPassword),
        problem => Err(OpenError::NoKeySlot { source: problem }),
    }
}
