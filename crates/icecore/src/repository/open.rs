//! Open: config, key slot, ledger.

use super::{Repository, ledger_context};
use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::{Index, RunReader};
use crate::layout::ObjectRole;
use crate::ledger::Ledger;
use crate::storage;
use futures::lock::Mutex;
use icecore_format::DecodeError;
use icecore_format::config::Config;
use icecore_format::keys::KeySet;
use icecore_format::keys::slot::KeySlot;
use icecore_format::limits::{CONFIG_BYTES_MAX, KEY_SLOT_BYTES_MAX};
use icecore_store::{Store, StoreErrorKind};
use std::sync::Arc;

/// Most key slots that a password is tried on: each costs an Argon2id.
const SLOTS_MAX: usize = 64;

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
        let config = read_config(&*store).await?;
        let keys = find_keys(&*store, &environment, &config, password).await?;
        if keys.config != config.hash() {
            return Err(OpenError::ConfigReplaced);
        }
        Self::open_with_keys(store, environment, config, Arc::new(keys)).await
    }

    /// Opens a repository with keys from a slot of it.
    pub(super) async fn open_with_keys(
        store: Arc<dyn Store>,
        environment: Environment,
        config: Config,
        keys: Arc<KeySet>,
    ) -> Result<Self, OpenError> {
        let local = environment.local.of(config.repository);
        let context = ledger_context(&store, &environment, &keys, &config);
        let ledger = Mutex::new(Ledger::open(context).await?);
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

async fn find_keys(
    store: &dyn Store,
    environment: &Environment,
    config: &Config,
    password: &[u8],
) -> Result<KeySet, OpenError> {
    let listed = storage::list(store, ObjectRole::KEYS_PREFIX).await.map_err(ReadError::from)?;
    let (mut readable, mut problem) = (0, None);
    for object in listed {
        let Some(ObjectRole::KeySlot(id)) = ObjectRole::of(&object.name) else { continue };
        let slot = match storage::get(store, &object.name, KEY_SLOT_BYTES_MAX as u64).await {
            Ok(bytes) => KeySlot::decode(&bytes).map_err(ReadError::damaged(object.name.clone())),
            Err(error) => Err(error.into()),
        };
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
            Err(error) => problem = Some(ReadError::damaged(object.name)(error)),
        }
    }
    // A slot that cannot be read may be the one that this password opens.
    match problem {
        None if readable > 0 => Err(OpenError::WrongPassword),
        problem => Err(OpenError::NoKeySlot { source: problem }),
    }
}
