//! The key set of a role: everything that whoever opens a key slot gets.
//!
//! Format: docs/format.md, "Key sets".

use super::class::{PrivateKey, PublicKey};
use super::signing::{SigningKey, VerifyingKey};
use crate::hash::derive_key;
use crate::id::{ChunkId, ChunkKind, Hash, PackClass, RepositoryId};
use crate::limits::KEY_SLOT_BYTES_MAX;
use crate::random::{Random, random_bytes};
use crate::record::{DecodeError, Record};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// What a key slot may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Back up, deduplicate, follow, list snapshots; read nothing back.
    Writer,
    /// Restore, mount, check, drill; add nothing.
    Reader,
    /// Everything: keys, forgetting, pruning, repair.
    Admin,
}

impl Role {
    /// The role's name, as commands take and print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Admin => "admin",
        }
    }
}

/// The keys of a role.
#[derive(Clone)]
pub struct KeySet {
    /// What they allow.
    pub role: Role,
    /// The repository that they belong to.
    pub repository: RepositoryId,
    /// The hash of its config: whoever opens a slot knows that the config is the true one.
    pub config: Hash,
    /// The key of the first admin, whose signature every other key goes back to.
    pub founder: VerifyingKey,
    /// Signs ledger entries in this slot's name.
    pub signing: SigningKey,
    /// Opens and makes envelopes: the ledger and the index.
    pub ledger_key: Zeroizing<[u8; 32]>,
    /// Makes packs of metadata.
    pub metadata_public: PublicKey,
    /// Makes packs of data.
    pub data_public: PublicKey,
    /// Opens packs of metadata; readers and admins have it.
    pub metadata_private: Option<PrivateKey>,
    /// Opens packs of data; readers and admins have it.
    pub data_private: Option<PrivateKey>,
    chunk_key: Zeroizing<[u8; 32]>,
    id_keys: [[u8; 32]; ChunkKind::ALL.len()],
}

impl KeySet {
    /// New keys for a new repository, for its first admin.
    pub fn found(repository: RepositoryId, config: Hash, random: &dyn Random) -> Self {
        let signing = SigningKey::generate(random);
        let (metadata, data) = (PrivateKey::generate(random), PrivateKey::generate(random));
        let chunk_key = Zeroizing::new(random_bytes(random));
        Self {
            role: Role::Admin,
            repository,
            config,
            founder: signing.verifying_key(),
            signing,
            ledger_key: Zeroizing::new(random_bytes(random)),
            metadata_public: metadata.public(),
            data_public: data.public(),
            metadata_private: Some(metadata),
            data_private: Some(data),
            id_keys: id_keys(&chunk_key),
            chunk_key,
        }
    }

    /// The keys that a slot of `role` gets: with a signing key of its own, and without the private
    /// keys if it is a writer's.
    #[must_use]
    pub fn for_role(&self, role: Role, random: &dyn Random) -> Self {
        let mut keys = self.clone();
        keys.role = role;
        keys.signing = SigningKey::generate(random);
        if role == Role::Writer {
            keys.metadata_private = None;
            keys.data_private = None;
        }
        keys
    }

    /// The id of a chunk of `kind` with this plaintext.
    pub fn chunk_id(&self, kind: ChunkKind, plaintext: &[u8]) -> ChunkId {
        let key = &self.id_keys[kind as usize - 1];
        ChunkId(*blake3::keyed_hash(key, plaintext).as_bytes())
    }

    /// The key that decides where bytes are cut into chunks.
    pub fn boundary_key(&self) -> [u8; 32] {
        derive_key("icecore 2026 boundary key", self.chunk_key.as_slice())
    }

    /// The key that makes packs of `class`.
    pub fn public(&self, class: PackClass) -> &PublicKey {
        match class {
            PackClass::Data => &self.data_public,
            PackClass::Metadata => &self.metadata_public,
        }
    }

    /// The key that opens packs of `class`, if the role has it.
    pub fn private(&self, class: PackClass) -> Option<&PrivateKey> {
        match class {
            PackClass::Data => self.data_private.as_ref(),
            PackClass::Metadata => self.metadata_private.as_ref(),
        }
    }

    /// The key set's bytes, to be sealed into a slot.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut record = KeySetRecord {
            role: self.role,
            repository: self.repository,
            config: self.config,
            founder: self.founder,
            signing: self.signing.to_bytes(),
            ledger_key: *self.ledger_key,
            chunk_key: *self.chunk_key,
            metadata_public: self.metadata_public.to_bytes(),
            data_public: self.data_public.to_bytes(),
            metadata_private: self.metadata_private.as_ref().map(PrivateKey::to_bytes),
            data_private: self.data_private.as_ref().map(PrivateKey::to_bytes),
        };
        let bytes = Zeroizing::new(record.encode());
        record.zeroize_secrets();
        bytes
    }

    /// Decodes exactly `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut record = KeySetRecord::decode(bytes)?;
        let keys = Self {
            role: record.role,
            repository: record.repository,
            config: record.config,
            founder: record.founder,
            signing: SigningKey::from_bytes(record.signing),
            ledger_key: Zeroizing::new(record.ledger_key),
            metadata_public: PublicKey::from_bytes(&record.metadata_public)?,
            data_public: PublicKey::from_bytes(&record.data_public)?,
            metadata_private: record.metadata_private.map(PrivateKey::from_bytes),
            data_private: record.data_private.map(PrivateKey::from_bytes),
            id_keys: id_keys(&record.chunk_key),
            chunk_key: Zeroizing::new(record.chunk_key),
        };
        record.zeroize_secrets();
        Ok(keys)
    }
}

impl Drop for KeySet {
    fn drop(&mut self) {
        self.id_keys.zeroize();
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "KeySet({} of {})", self.role.name(), self.repository)
    }
}

fn id_keys(chunk_key: &[u8; 32]) -> [[u8; 32]; ChunkKind::ALL.len()] {
    ChunkKind::ALL.map(|kind| {
        *blake3::Hasher::new_derive_key("icecore 2026 chunk id key")
            .update(chunk_key)
            .update(&[kind as u8])
            .finalize()
            .as_bytes()
    })
}

#[derive(Serialize, Deserialize)]
struct KeySetRecord {
    role: Role,
    repository: RepositoryId,
    config: Hash,
    founder: VerifyingKey,
    signing: [u8; 32],
    ledger_key: [u8; 32],
    chunk_key: [u8; 32],
    metadata_public: Vec<u8>,
    data_public: Vec<u8>,
    metadata_private: Option<[u8; 32]>,
    data_private: Option<[u8; 32]>,
}

impl KeySetRecord {
    fn zeroize_secrets(&mut self) {
        self.signing.zeroize();
        self.ledger_key.zeroize();
        self.chunk_key.zeroize();
        self.metadata_private.zeroize();
        self.data_private.zeroize();
    }
}

impl Record for KeySetRecord {
    const NAME: &'static str = "the key set";
    const VERSION: u8 = 1;

    fn encode(&self) -> Vec<u8> {
        // All the room at once: growing would leave copies of the keys behind.
        let mut bytes = Vec::with_capacity(KEY_SLOT_BYTES_MAX);
        bytes.push(Self::VERSION);
        postcard::to_extend(self, bytes).expect("a record serializes into memory")
    }
}
