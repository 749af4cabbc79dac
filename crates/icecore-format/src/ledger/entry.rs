//! One entry: a number, the hash of all before it, an author, what it says, and a signature.
//!
//! Format: docs/format.md, "Entries".

use super::body::EntryBody;
use crate::id::{Hash, KeyId, RepositoryId};
use crate::keys::signing::{SIGNATURE_BYTES, SigningKey, VerifyingKey};
use crate::record::{DecodeError, Reader, Record};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

const RECORD: &str = "the ledger entry";

/// What its author says, before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 0, without gaps.
    pub number: u64,
    /// The chain's hash over everything before it.
    pub previous: Hash,
    /// The key slot that signed it.
    pub author: KeyId,
    /// Random bytes: two attempts at the same thing stay apart.
    pub nonce: [u8; 16],
    /// When its author's clock says it was written. Information; no rule depends on it.
    pub time: Timestamp,
    /// What it says.
    pub body: EntryBody,
}

/// An entry as it is stored: the signed bytes, the signature over them, and what they decode to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEntry {
    entry: Entry,
    bytes: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
}

impl SignedEntry {
    /// Signs `entry` for `repository`.
    pub fn sign(repository: &RepositoryId, entry: Entry, key: &SigningKey) -> Self {
        let bytes = EntryRecord {
            number: entry.number,
            previous: entry.previous,
            author: entry.author,
            nonce: entry.nonce,
            time: entry.time,
            kind: entry.body.kind(),
            body: entry.body.encode(),
        }
        .encode();
        let signature = key.sign(&message(repository, &bytes));
        Self { entry, bytes, signature }
    }

    /// What the entry says. Nothing in it counts before [`Self::is_signed_by`] said so.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Whether the signature is `key`'s, and `key` is the author's.
    pub fn is_signed_by(&self, repository: &RepositoryId, key: &VerifyingKey) -> bool {
        key.id() == self.entry.author
            && key.verifies(&message(repository, &self.bytes), &self.signature)
    }

    /// The stored bytes: the signature, then what is signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.signature.as_slice(), &self.bytes].concat()
    }

    /// Decodes exactly `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        let signature = reader.array()?;
        let bytes = reader.rest().to_vec();
        let record = EntryRecord::decode(&bytes)?;
        let entry = Entry {
            number: record.number,
            previous: record.previous,
            author: record.author,
            nonce: record.nonce,
            time: record.time,
            body: EntryBody::decode(record.kind, &record.body)?,
        };
        Ok(Self { entry, bytes, signature })
    }
}

/// What is signed: a signature made for one repository says nothing in another.
fn message(repository: &RepositoryId, bytes: &[u8]) -> Vec<u8> {
    [b"icecore ledger entry".as_slice(), &repository.0, bytes].concat()
}

#[derive(Serialize, Deserialize)]
struct EntryRecord {
    number: u64,
    previous: Hash,
    author: KeyId,
    nonce: [u8; 16],
    time: Timestamp,
    kind: u8,
    body: Vec<u8>,
}

impl Record for EntryRecord {
    const NAME: &'static str = RECORD;
    const VERSION: u8 = 1;
}
