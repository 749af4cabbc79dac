//! Key slots: a role's key set, sealed by a password.
//!
//! A slot begins with a kind, so that keys kept by a command or a KMS can come beside passwords.
//!
//! Format: docs/format.md, "Key slots". Source: Argon2id, RFC 9106.

use super::KeySet;
use crate::cipher::{Cipher, SealingKey};
use crate::hash::{derive_committed_key, hash_parts};
use crate::id::{Hash, KeyId, RepositoryId};
use crate::limits::{
    ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_PASSES_MAX, ARGON2_WORK_KIB_MAX,
    KEY_SLOT_BYTES_MAX,
};
use crate::random::{Random, random_bytes};
use crate::record::{DecodeError, Reader};
use zeroize::Zeroizing;

/// First bytes of every key slot.
pub const MAGIC: [u8; 4] = *b"ICEK";

const VERSION: u8 = 1;
const KIND_PASSWORD: u8 = 0;
const RECORD: &str = "the key slot";
const KEY_CONTEXT: &str = "icecore 2026 key slot key";
const CHECKSUM_BYTES: usize = 32;

/// What Argon2id costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordCost {
    /// 64 MiB, three passes, four lanes: the second recommendation of RFC 9106, section 4.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

impl PasswordCost {
    /// The least that Argon2id can do: only for tests that open thousands of repositories.
    pub const TRIVIAL: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    fn stretch(self, password: &[u8], salt: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, DecodeError> {
        let limited = |what, found: u32, limit: u32| {
            if found > limit {
                let (found, limit) = (u64::from(found), u64::from(limit));
                Err(DecodeError::Limit { record: RECORD, what, found, limit })
            } else {
                Ok(())
            }
        };
        limited("Argon2id's memory in KiB", self.memory_kib, ARGON2_MEMORY_KIB_MAX)?;
        limited("Argon2id's number of passes", self.passes, ARGON2_PASSES_MAX)?;
        limited("Argon2id's number of lanes", self.lanes, ARGON2_LANES_MAX)?;
        let found = u64::from(self.memory_kib) * u64::from(self.passes);
        if found > ARGON2_WORK_KIB_MAX {
            let (what, limit) = ("Argon2id's memory times its passes in KiB", ARGON2_WORK_KIB_MAX);
            return Err(DecodeError::Limit { record: RECORD, what, found, limit });
        }
        let malformed = DecodeError::Malformed {
            record: RECORD,
            what: "Argon2id does not take its parameters",
        };
        let parameters = argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| malformed.clone())?;
        let argon2 =
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into(password, salt, key.as_mut_slice()).map_err(|_| malformed)?;
        Ok(key)
    }
}

/// Tells damage without any key.
fn checksum(bytes: &[u8]) -> Hash {
    hash_parts("icecore 2026 key slot checksum", &[bytes])
}

/// A key slot, its keys still sealed.
#[derive(Clone, Debug)]
pub struct KeySlot {
    /// The repository that it says it belongs to.
    pub repository: RepositoryId,
    /// The slot's id.
    pub id: KeyId,
    cost: PasswordCost,
    salt: [u8; 32],
    commitment: [u8; 32],
    header: Vec<u8>,
    sealed: Vec<u8>,
}

impl KeySlot {
    /// The bytes of a slot that `password` opens.
    pub fn seal(
        keys: &KeySet,
        password: &[u8],
        cost: PasswordCost,
        random: &dyn Random,
    ) -> Result<Vec<u8>, DecodeError> {
        let salt = random_bytes(random);
        let stretched = cost.stretch(password, &salt)?;
        let (key, commitment) = derive_committed_key(KEY_CONTEXT, &[stretched.as_slice()]);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[VERSION, KIND_PASSWORD]);
        bytes.extend_from_slice(&keys.repository.0);
        bytes.extend_from_slice(&keys.signing.verifying_key().id().0);
        for value in [cost.memory_kib, cost.passes, cost.lanes] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&salt);
        bytes.extend_from_slice(&commitment);
        let header = bytes.clone();
        bytes.extend_from_slice(&keys.encode());
        let key = SealingKey::new(Cipher::ChaCha20Poly1305, &key);
        key.seal(0, &header, &mut bytes, header.len());
        let checksum = checksum(&bytes);
        bytes.extend_from_slice(&checksum.0);
        Ok(bytes)
    }

    /// Decodes exactly `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        if bytes.len() > KEY_SLOT_BYTES_MAX {
            return Err(reader.malformed("it is too long"));
        }
        if reader.array()? != MAGIC {
            return Err(reader.malformed("it does not begin as a key slot does"));
        }
        // Without it only the right password could tell damage from a wrong one.
        let (body, found) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(DecodeError::Short { record: RECORD })?;
        if checksum(body).0 != *found {
            return Err(reader.malformed("its bytes are not those that were written"));
        }
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { record: RECORD, version });
        }
        if reader.byte()? != KIND_PASSWORD {
            return Err(reader.malformed("its keys are not sealed by a password"));
        }
        let repository = RepositoryId(reader.array()?);
        let id = KeyId(reader.array()?);
        let cost =
            PasswordCost { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        let (salt, commitment) = (reader.array()?, reader.array()?);
        let Some((sealed, _)) = reader.rest().split_last_chunk::<CHECKSUM_BYTES>() else {
            return Err(DecodeError::Short { record: RECORD });
        };
        let (sealed, header) = (sealed.to_vec(), body.get(..body.len() - sealed.len()));
        let header = header.unwrap_or_default().to_vec();
        Ok(Self { repository, id, cost, salt, commitment, header, sealed })
    }

    /// The keys, if `password` opens the slot; `None` if it is another's.
    pub fn open(&self, password: &[u8]) -> Result<Option<KeySet>, DecodeError> {
        let stretched = self.cost.stretch(password, &self.salt)?;
        let (key, commitment) = derive_committed_key(KEY_CONTEXT, &[stretched.as_slice()]);
        if commitment != self.commitment {
            return Ok(None);
        }
        let mut sealed = Zeroizing::new(self.sealed.clone());
        let key = SealingKey::new(Cipher::ChaCha20Poly1305, &key);
        let keys = KeySet::decode(key.open(RECORD, 0, &self.header, &mut sealed)?)?;
        if keys.repository == self.repository && keys.signing.verifying_key().id() == self.id {
            Ok(Some(keys))
        } else {
            Err(DecodeError::Malformed {
                record: RECORD,
                what: "its keys are not those that it names",
            })
        }
    }
}
