//! Key slots: who may open a repository and do what in it; added, removed, given another password.
//!
//! What always holds: a key counts from its entry on and until its removal's, and what it signs between is
//! valid. A slot is stored before its entry, and its entry says that it is gone before it is deleted. An admin
//! is left whose slot is there. Whatever a crash leaves in between, doing the same again completes.
//!
//! What a removed key can still do is said in docs/keys.md: whoever has its slot and password had the keys.
//!
//! Format: docs/format.md, "Key slots".

use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::ledger::AppendError;
use crate::repository::{ExclusiveError, Repository};
use crate::storage::{self, Put};
use icecore_format::checkpoint::{KeyState, LedgerState};
use icecore_format::keys::KeySet;
use icecore_format::keys::paper;
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::ledger::body::{KeyAdded, KeyRemoved};
use icecore_format::limits::KEY_SLOT_BYTES_MAX;
use icecore_format::{DecodeError, KeyId, Role};
use icecore_store::{Content, ObjectName, StoreError, StoreErrorKind};
use std::collections::{BTreeMap, BTreeSet};
use zeroize::Zeroizing;

/// A key slot, as `key list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyListed {
    /// Its id.
    pub id: KeyId,
    /// What the ledger says about it; none if it knows nothing of it.
    pub known: Option<KeyKnown>,
    /// Whether it is the first admin's.
    pub is_founder: bool,
    /// Whether the repository was opened with it.
    pub is_own: bool,
    /// The objects that a password of it opens.
    pub slots: BTreeSet<ObjectName>,
}

/// What the ledger says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyKnown {
    /// What it may do.
    pub role: Role,
    /// Whether it counts no more.
    pub is_removed: bool,
}

/// What removing a key, or changing its password, has left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotsLeft {
    /// The number of the entry, if there was one to write.
    pub entry: Option<u64>,
    /// Objects that an old password still opens, since the storage did not delete them, and why.
    pub left: Vec<(ObjectName, String)>,
}

/// A key slot that was not added, removed or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key's role may not do it.
    #[error("a {} key cannot {what}", role.name())]
    NotAllowed {
        /// The role.
        role: Role,
        /// What an admin can.
        what: &'static str,
    },
    /// There is no such key.
    #[error("no key has an id that begins with {name}")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Several keys are called so.
    #[error("the ids of {} begin with {name}", candidates.iter().map(KeyId::to_string).collect::<Vec<_>>().join(" and of "))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The keys that begin so.
        candidates: Vec<KeyId>,
    },
    /// Nobody could administer the repository any more.
    #[error("key {id} is the last admin's")]
    LastAdmin {
        /// The key.
        id: KeyId,
    },
    /// It was removed before, and nothing is left of it.
    #[error("key {id} was removed before")]
    Removed {
        /// The key.
        id: KeyId,
    },
    /// The password opens another key, and only one of both would ever be opened by it.
    #[error("the password is that of key {id}")]
    PasswordTaken {
        /// The key.
        id: KeyId,
    },
    /// The key could not be made from the password.
    #[error("cannot make a key from the password")]
    Password(#[source] DecodeError),
    /// The new slot is not what was written, so the old one is left.
    #[error("the new key slot cannot be opened")]
    NotOpened(#[source] Option<ReadError>),
    /// Slots could not be listed.
    #[error("cannot list the key slots")]
    Read(#[from] ReadError),
    /// The storage is not to be written to.
    #[error(transparent)]
    Exclusive(#[from] ExclusiveError),
    /// The storage did not take a slot.
    #[error("cannot write the key slot")]
    Write(#[from] StoreError),
    /// The ledger did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Every key that the ledger or the storage knows, by id.
pub async fn list(repository: &Repository) -> Result<Vec<KeyListed>, KeyError> {
    let state = repository.state().await;
    let mut slots = slots(repository).await?;
    let (founder, own) = (repository.keys.founder.id(), own_id(repository));
    let ids: BTreeSet<KeyId> = state.keys.keys().chain(slots.keys()).copied().collect();
    let listed = ids.into_iter().map(|id| {
        let known = state.keys.get(&id);
        KeyListed {
            id,
            known: known.map(|key| KeyKnown { role: key.role, is_removed: key.removed }),
            is_founder: id == founder,
            is_own: id == own,
            slots: slots.remove(&id).unwrap_or_default(),
        }
    });
    Ok(listed.collect())
}

/// The key that the beginning of an id means.
pub async fn find(repository: &Repository, name: &str) -> Result<KeyId, KeyError> {
    let found = list(repository).await?.into_iter().map(|key| key.id);
    let candidates: Vec<KeyId> =
        found.filter(|id| !name.is_empty() && id.to_string().starts_with(name)).collect();
    match candidates.as_slice() {
        [id] => Ok(*id),
        [] => Err(KeyError::Unknown { name: name.to_owned() }),
        _ => Err(KeyError::Ambiguous { name: name.to_owned(), candidates }),
    }
}

/// Fails unless the key is an admin's.
pub fn require_admin(repository: &Repository, what: &'static str) -> Result<(), KeyError> {
    match repository.keys.role {
        Role::Admin => Ok(()),
        role => Err(KeyError::NotAllowed { role, what }),
    }
}

/// Adds a key of this role, which the password opens; its id.
pub async fn add(
    repository: &Repository,
    role: Role,
    password: &[u8],
    cost: PasswordCost,
) -> Result<KeyId, KeyError> {
    require_admin(repository, "add keys")?;
    refuse_taken(repository, password, None).await?;
    repository.prove_exclusive().await?;
    let keys = repository.keys.for_role(role, &*repository.environment.random);
    let key = keys.signing.verifying_key();
    // 1. The slot, 2. the entry. A crash between the two leaves a slot whose key counts for nothing, and which
    //    `remove` deletes.
    put_slot(repository, &keys, password, cost, ObjectRole::KeySlot(key.id())).await?;
    repository.append::<KeyError>(|_| Ok(Some(KeyAdded { key, role }.into()))).await?;
    Ok(key.id())
}

/// Removes a key. What it signed before counts, what it signs later does not.
pub async fn remove(repository: &Repository, id: KeyId) -> Result<SlotsLeft, KeyError> {
    require_admin(repository, "remove keys")?;
    let stored = slots(repository).await?;
    let check = |state: &LedgerState| {
        let is_other_admin = |(other, key): (&KeyId, &KeyState)| {
            *other != id && key.role == Role::Admin && !key.removed && stored.contains_key(other)
        };
        if state.keys.iter().any(is_other_admin) { Ok(()) } else { Err(KeyError::LastAdmin { id }) }
    };
    let state = repository.state().await;
    let counts = state.keys.get(&id).is_some_and(|key| !key.removed);
    if counts {
        check(&state)?;
    } else if !stored.contains_key(&id) {
        return Err(KeyError::Removed { id });
    }
    repository.prove_exclusive().await?;
    // 1. The entry, 2. the slot. A crash between the two leaves a slot whose key counts for nothing.
    let entry = if counts {
        let body = |state: &LedgerState| {
            check(state)?;
            Ok::<_, KeyError>(Some(KeyRemoved { key: id }.into()))
        };
        repository.append(body).await?
    } else {
        None
    };
    let left = delete(repository, stored.get(&id).into_iter().flatten()).await;
    Ok(SlotsLeft { entry, left })
}

/// Gives the key that the repository was opened with another password. Its id and its role stay.
pub async fn change_password(
    repository: &Repository,
    password: &[u8],
    cost: PasswordCost,
) -> Result<SlotsLeft, KeyError> {
    let id = own_id(repository);
    refuse_taken(repository, password, Some(id)).await?;
    repository.prove_exclusive().await?;
    let old = slots(repository).await?.remove(&id).unwrap_or_default();
    // 1. The new slot, 2. is it there and does it open, 3. the old slots. A crash leaves both passwords.
    let bytes = seal(repository, &repository.keys, password, cost).await?;
    let name = ObjectRole::renewed_slot(id, &bytes).object_name();
    put(repository, &name, bytes).await?;
    open_again(repository, &name, password).await?;
    let left = delete(repository, old.iter().filter(|it| **it != name)).await;
    Ok(SlotsLeft { entry: None, left })
}

/// Fails if the password opens a slot of another key than this one. A slot that cannot be read opens nothing.
async fn refuse_taken(
    repository: &Repository,
    password: &[u8],
    but: Option<KeyId>,
) -> Result<(), KeyError> {
    for (id, names) in slots(repository).await? {
        for name in names.iter().filter(|_| but != Some(id)) {
            let read = storage::get(&*repository.store, name, KEY_SLOT_BYTES_MAX as u64).await;
            let Some(slot) = read.ok().and_then(|bytes| KeySlot::decode(&bytes).ok()) else {
                continue;
            };
            let password = Zeroizing::new(password.to_vec());
            let opened = repository.environment.compute(move || slot.open(&password)).await;
            if matches!(opened, Ok(Some(_))) {
                return Err(KeyError::PasswordTaken { id });
            }
        }
    }
    Ok(())
}

fn own_id(repository: &Repository) -> KeyId {
    repository.keys.signing.verifying_key().id()
}

/// The objects of key slots, by the keys that they say they are of.
async fn slots(
    repository: &Repository,
) -> Result<BTreeMap<KeyId, BTreeSet<ObjectName>>, ReadError> {
    let listed = storage::list(&*repository.store, ObjectRole::KEYS_PREFIX).await?;
    let mut slots: BTreeMap<KeyId, BTreeSet<ObjectName>> = BTreeMap::new();
    for object in listed {
        if let Some(id) = ObjectRole::of(&object.name).and_then(|role| role.key_of_slot()) {
            slots.entry(id).or_default().insert(object.name);
        }
    }
    Ok(slots)
}

async fn seal(
    repository: &Repository,
    keys: &KeySet,
    password: &[u8],
    cost: PasswordCost,
) -> Result<Vec<u8>, KeyError> {
    let (keys, password) = (keys.clone(), Zeroizing::new(password.to_vec()));
    let random = repository.environment.random.clone();
    let sealed =
        repository.environment.compute(move || KeySlot::seal(&keys, &password, cost, &*random));
    sealed.await.map_err(KeyError::Password)
}

async fn put_slot(
    repository: &Repository,
    keys: &KeySet,
    password: &[u8],
    cost: PasswordCost,
    role: ObjectRole,
) -> Result<(), KeyError> {
    let bytes = seal(repository, keys, password, cost).await?;
    put(repository, &role.object_name(), bytes).await
}

async fn put(repository: &Repository, name: &ObjectName, bytes: Vec<u8>) -> Result<(), KeyError> {
    match storage::put(&*repository.store, name, &Content::from(bytes)).await? {
        Put::Done => Ok(()),
        // The name is random, so nobody honest has it.
        Put::Taken(_) => Err(KeyError::NotOpened(None)),
    }
}

/// Opens a slot as whoever comes next will, before another goes for it.
async fn open_again(
    repository: &Repository,
    name: &ObjectName,
    password: &[u8],
) -> Result<(), KeyError> {
    let bytes = storage::get(&*repository.store, name, KEY_SLOT_BYTES_MAX as u64)
        .await
        .map_err(|error| KeyError::NotOpened(Some(error.into())))?;
    let damaged = |source| KeyError::NotOpened(Some(ReadError::damaged(name.clone())(source)));
    let slot = KeySlot::decode(&bytes).map_err(damaged)?;
    let password = Zeroizing::new(password.to_vec());
    let opened = repository.environment.compute(move || slot.open(&password)).await;
    match opened.map_err(damaged)? {
        Some(_) => Ok(()),
        None => Err(KeyError::NotOpened(None)),
    }
}

/// Deletes slots; those that the storage did not delete, and why.
async fn delete(
    repository: &Repository,
    names: impl Iterator<Item = &ObjectName>,
) -> Vec<(ObjectName, String)> {
    let mut left = Vec::new();
    for name in names {
        match repository.store.delete(name).await {
            Ok(()) => {}
            Err(error) if error.kind() == StoreErrorKind::NotFound => {}
            Err(error) => left.push((name.clone(), error.to_string())),
        }
    }
    left
}

/// A new recovery key: a password that is made to be written on paper.
pub fn recovery_key(repository: &Repository) -> Zeroizing<String> {
    paper::generate(&*repository.environment.random)
}
