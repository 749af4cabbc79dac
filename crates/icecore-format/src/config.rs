//! The config: what never changes about a repository, and is known before any key.
//!
//! It is put once, at init, and never again; every key slot holds its hash.
//!
//! Format: docs/format.md, "Config".

use crate::cipher::Cipher;
use crate::hash::hash_parts;
use crate::id::{Hash, RepositoryId};
use crate::record::{DecodeError, Record};
use serde::{Deserialize, Serialize};

/// First bytes of every config: readable, so that whoever finds one knows what it is.
pub const MAGIC: &[u8] = b"icecore repository\n";

/// How bytes are cut into chunks: minimum, average and maximum, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkBytes {
    /// No boundary comes before this many bytes.
    pub min: u32,
    /// A boundary comes after about this many bytes.
    pub average: u32,
    /// A boundary comes at the latest after this many bytes.
    pub max: u32,
}

impl ChunkBytes {
    fn is_sane(self) -> bool {
        0 < self.min && self.min < self.average && self.average < self.max && self.max <= 1 << 24
    }
}

/// What never changes about a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The repository's id.
    pub repository: RepositoryId,
    /// The cipher of everything but key slots.
    pub cipher: Cipher,
    /// How event records are grouped into chunks; boundaries are between records.
    pub events: ChunkBytes,
    /// How bytes of files, dumps and large payloads are cut.
    pub data: ChunkBytes,
}

impl Config {
    /// A config with the chunk sizes that `docs/decisions/` gives the reasons for.
    pub fn new(repository: RepositoryId, cipher: Cipher) -> Self {
        Self {
            repository,
            cipher,
            events: ChunkBytes { min: 32 << 10, average: 128 << 10, max: 512 << 10 },
            data: ChunkBytes { min: 16 << 10, average: 64 << 10, max: 256 << 10 },
        }
    }

    /// The bytes of the object `config`.
    pub fn to_object(&self) -> Vec<u8> {
        [MAGIC, &self.encode()].concat()
    }

    /// Decodes exactly the bytes of the object `config`.
    pub fn from_object(bytes: &[u8]) -> Result<Self, DecodeError> {
        let body = bytes.strip_prefix(MAGIC).ok_or(DecodeError::Malformed {
            record: Self::NAME,
            what: "it does not begin as a config does",
        })?;
        Self::decode(body)
    }

    /// The hash that key slots hold, and that the ledger's chain begins with.
    pub fn hash(&self) -> Hash {
        hash_parts("icecore 2026 config", &[&self.to_object()])
    }
}

impl Record for Config {
    const NAME: &'static str = "the config";
    const VERSION: u8 = 1;

    fn check(&self) -> Result<(), &'static str> {
        if self.events.is_sane() && self.data.is_sane() {
            Ok(())
        } else {
            Err("its chunk sizes make no sense")
        }
    }
}
