//! Envelopes: small objects sealed whole, under the ledger key that every role holds.
//!
//! Each envelope has a random salt and so a key of its own. It authenticates what it is and the
//! name it was stored under, so no object can stand in for another.
//!
//! Format: docs/format.md, "Envelopes".

use crate::cipher::{Cipher, SealingKey};
use crate::hash::derive_committed_key;
use crate::random::{Random, random_bytes};
use crate::record::{DecodeError, Reader};

/// First bytes of every envelope.
pub const MAGIC: [u8; 4] = *b"ICEE";
const VERSION: u8 = 1;
const KEY_CONTEXT: &str = "icecore 2026 envelope key";

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EnvelopeKind {
    /// `ledger/<number>`
    Ledger = 1,
    /// `witness/<number>`
    Witness = 2,
    /// `checkpoint/<number>`
    Checkpoint = 3,
    /// `index/<session>-<n>`
    IndexRun = 4,
    /// What a machine keeps for itself, outside of the repository.
    Local = 5,
    /// The record of `tail/<session>/<n>`
    Tail = 6,
}

impl EnvelopeKind {
    /// How messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "the ledger object",
            Self::Witness => "the witness",
            Self::Checkpoint => "the checkpoint",
            Self::IndexRun => "the index run",
            Self::Local => "what this machine kept",
            Self::Tail => "the tail's record",
        }
    }
}

/// Seals `plaintext` to be stored as `name`.
pub fn seal(
    kind: EnvelopeKind,
    cipher: Cipher,
    key: &[u8; 32],
    name: &str,
    plaintext: &[u8],
    random: &dyn Random,
) -> Vec<u8> {
    let salt: [u8; 32] = random_bytes(random);
    let (key, commitment) = derive_committed_key(KEY_CONTEXT, &[key, &salt, &[kind as u8]]);
    let mut bytes = Vec::with_capacity(71 + plaintext.len() + 16);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[VERSION, kind as u8, cipher as u8]);
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(&commitment);
    let associated = [&bytes, name.as_bytes()].concat();
    let start = bytes.len();
    bytes.extend_from_slice(plaintext);
    SealingKey::new(cipher, &key).seal(0, &associated, &mut bytes, start);
    bytes
}

/// Opens what [`seal`] made, for the same kind and name.
pub fn open(
    kind: EnvelopeKind,
    key: &[u8; 32],
    name: &str,
    bytes: &[u8],
) -> Result<Vec<u8>, DecodeError> {
    let record = kind.name();
    let mut reader = Reader::new(record, bytes);
    if reader.array()? != MAGIC {
        return Err(reader.malformed("it does not begin as an envelope does"));
    }
    let version = reader.byte()?;
    if version != VERSION {
        return Err(DecodeError::Version { record, version });
    }
    if reader.byte()? != kind as u8 {
        return Err(reader.malformed("it is an envelope of another kind"));
    }
    let cipher =
        Cipher::from_byte(reader.byte()?).ok_or_else(|| reader.malformed("an unknown cipher"))?;
    let salt: [u8; 32] = reader.array()?;
    let found: [u8; 32] = reader.array()?;
    let (key, commitment) = derive_committed_key(KEY_CONTEXT, &[key, &salt, &[kind as u8]]);
    if found != commitment {
        return Err(DecodeError::Unauthentic { record });
    }
    let sealed = reader.rest();
    let header = bytes.get(..bytes.len() - sealed.len()).unwrap_or_default();
    let associated = [header, name.as_bytes()].concat();
    let mut plaintext = sealed.to_vec();
    let length = SealingKey::new(cipher, &key).open(record, 0, &associated, &mut plaintext)?.len();
    plaintext.truncate(length);
    Ok(plaintext)
}
