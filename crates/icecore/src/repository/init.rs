//! Init: a new repository, with one admin's key.

use super::{OpenError, Repository};
use crate::environment::Environment;
use crate::layout::ObjectRole;
use crate::ledger::Foresight;
use crate::storage::{self, Put};
use icecore_format::cipher::Cipher;
use icecore_format::config::Config;
use icecore_format::keys::KeySet;
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::random::random_bytes;
use icecore_format::{DecodeError, RepositoryId};
use icecore_store::{
    Content, NotExclusive, Store, StoreError, StoreErrorKind, prove_exclusive_by_race,
};
use std::sync::Arc;

/// What a new repository is to be like.
#[derive(Clone, Copy, Debug)]
pub struct InitOptions {
    /// The cipher.
    pub cipher: Cipher,
    /// What guessing the password costs.
    pub password_cost: PasswordCost,
}

impl Default for InitOptions {
    fn default() -> Self {
        Self { cipher: preferred_cipher(), password_cost: PasswordCost::default() }
    }
}

/// The cipher that is fastest on this machine: AES where the processor has instructions for it.
fn preferred_cipher() -> Cipher {
    #[cfg(target_arch = "x86_64")]
    let has_aes = std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    let has_aes = std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let has_aes = false;
    if has_aes { Cipher::Aes256Gcm } else { Cipher::ChaCha20Poly1305 }
}

/// A repository that was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// There is one.
    #[error("there is a repository at {place} already")]
    Exists {
        /// Where.
        place: String,
    },
    /// The storage lets two writers both believe that they won.
    #[error("the storage at {place} cannot keep writers apart")]
    NotExclusive {
        /// Where.
        place: String,
        /// What was seen.
        source: NotExclusive,
    },
    /// The key could not be made from the password.
    #[error("cannot make a key from the password")]
    Password(#[source] DecodeError),
    /// The storage did not take an object.
    #[error("cannot write the new repository")]
    Write(#[from] StoreError),
    /// It was made, and cannot be opened.
    #[error("cannot open the new repository")]
    Open(#[from] OpenError),
}

impl Repository {
    /// Makes a new repository in an empty place, and opens it.
    pub async fn init(
        store: Arc<dyn Store>,
        environment: Environment,
        password: &[u8],
        options: &InitOptions,
    ) -> Result<Self, InitError> {
        let place = store.place();
        let config_name = ObjectRole::Config.object_name();
        match storage::get(&*store, &config_name, 0).await {
            Err(error) if error.kind() == StoreErrorKind::NotFound => {}
            // It is there, empty or longer than the nothing that was asked for.
            Ok(_) => return Err(InitError::Exists { place }),
            Err(error) if error.kind() == StoreErrorKind::TooLarge => {
                return Err(InitError::Exists { place });
            }
            Err(error) => return Err(error.into()),
        }

        let random = &*environment.random;
        let probe = ObjectRole::Probe(u64::from_le_bytes(random_bytes(random))).object_name();
        prove_exclusive_by_race(&*store, &probe)
            .await
            .map_err(|source| InitError::NotExclusive { place: place.clone(), source })?;

        let config = Config::new(RepositoryId(random_bytes(random)), options.cipher);
        let keys = KeySet::found(config.repository, config.hash(), random);
        let slot = {
            let (keys, password) = (keys.clone(), zeroize::Zeroizing::new(password.to_vec()));
            let (cost, random) = (options.password_cost, environment.random.clone());
            environment
                .compute(move || KeySlot::seal(&keys, &password, cost, &*random))
                .await
                .map_err(InitError::Password)?
        };

        // 1. The key slot, 2. the config. The config makes the repository: a crash between the two
        //    leaves a slot that belongs to none, and init can be run again.
        let slot_name = ObjectRole::KeySlot(keys.signing.verifying_key().id()).object_name();
        for (name, bytes) in [(slot_name, slot), (config_name, config.to_object())] {
            if let Put::Taken(_) = storage::put(&*store, &name, &Content::from(bytes)).await? {
                return Err(InitError::Exists { place });
            }
        }
        // Nothing is there yet.
        let foresight = Foresight::default();
        Ok(Self::open_with_keys(store, environment, config, Arc::new(keys), foresight).await?)
    }
}
