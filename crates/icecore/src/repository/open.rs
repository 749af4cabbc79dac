//! Open: config, key slot, ledger.

use super::{Repository, ledger_context};
use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::{Index, RunReader};
use crate::layout::ObjectRole;
use crate::ledger::{Foresight, Ledger};
use crate::storage;
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
            let slots = async { Ok(read_slots(&*store).await) };
            let (config, slots) = try_join!(read_config(&*store), slots)?;
            let keys = find_keys(slots?, &environment, &config, password).await?;
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
        let ledger = Mutex::new(Ledger::open(context, foresight).await?);
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

/// A key slot by the name that it has.
type NamedSlot = (ObjectName, KeyId, Result<KeySlot, ReadError>);

async fn read_slots(store: &dyn Store) -> Result<Vec<NamedSlot>, ReadError> {
    let listed = storage::list(store, ObjectRole::KEYS_PREFIX).await?;
    let slots = listed.into_iter().filter_map(|object| match ObjectRole::of(&object.name) {
        Some(ObjectRole::KeySlot(id)) => Some((object.name, id)),
        _ => None,
    });
    let reads = slots.map(|(name, id)| async move {
        let slot = match storage::get(store, &name, KEY_SLOT_BYTES_MAX as u64).await {
            Ok(bytes) => KeySlot::decode(&bytes).map_err(ReadError::damaged(name.clone())),
            Err(error) => Err(error.into()),
        };
        (name, id, slot)
    });
    Ok(stream::iter(reads).buffered(SLOTS_AHEAD).collect().await)
}

async fn find_keys(
    slots: Vec<NamedSlot>,
    environment: &Environment,
    config: &Config,
    password: &[u8],
) -> Result<KeySet, OpenError> {
    let (mut readable, mut problem) = (0, None);
    for (name, id, slot) in slots {
        let slot = match slot {
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
            Ok(Some(keys)) => return Ok(keys),
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
