//! Checkpoints: the ledger's state at one entry, so that opening takes few requests.
//!
//! A checkpoint is derived and can be lost without harm. It is signed, and counts only if an
//! admin signed it, or whoever reads it.
//!
//! Format: docs/format.md, "Checkpoints".

use crate::id::{Hash, KeyId, RepositoryId, SessionId, SnapshotId};
use crate::keys::Role;
use crate::keys::signing::{SIGNATURE_BYTES, SigningKey, VerifyingKey};
use crate::ledger::body::{FollowedSource, SessionRange, TailStart};
use crate::record::{DecodeError, Reader, Record};
use crate::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that replaying the ledger up to one entry yields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerState {
    /// The number of the next entry.
    pub next: u64,
    /// The chain's hash over everything before it.
    pub head: Hash,
    /// The key slots that ever counted.
    pub keys: BTreeMap<KeyId, KeyState>,
    /// The snapshots.
    pub snapshots: BTreeMap<SnapshotId, SnapshotState>,
    /// Those of them that may not be forgotten.
    pub protected: BTreeSet<SnapshotId>,
    /// The packs that may be read and leaned on.
    pub packs: BTreeSet<SessionRange>,
    /// The index runs that say where chunks are.
    pub runs: BTreeSet<SessionRange>,
    /// Sessions that ended, beside those that began below [`Self::floor`].
    pub ended: BTreeSet<SessionId>,
    /// Every session that began below this number has ended.
    pub floor: u64,
    /// The tails, one for each source that was ever followed.
    pub tails: Vec<TailState>,
    /// What the newest entries leaned on or collected: decides whether a plan is still good.
    pub recent: Vec<RecentEntry>,
    /// The number of the first entry of a kind unknown to the program that replayed it.
    pub unknown: Option<u64>,
}

/// A key slot, as the ledger knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    /// Verifies what the slot signs.
    pub key: VerifyingKey,
    /// What it may do.
    pub role: Role,
    /// Whether it was removed: what it signed before counts, what it signs later does not.
    pub removed: bool,
}

/// How far a snapshot is on the way to deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotStatus {
    /// Shown, and kept.
    Live,
    /// Hidden, and kept.
    Forgotten,
    /// Hidden, and no longer kept.
    Released,
}

/// A snapshot, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotState {
    /// The number of its commit.
    pub number: u64,
    /// Who committed it.
    pub author: KeyId,
    /// Whether it is kept.
    pub status: SnapshotStatus,
    /// The snapshot.
    pub snapshot: Snapshot,
}

/// The tail of a source, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailState {
    /// The source.
    pub source: FollowedSource,
    /// Its epochs, oldest first.
    pub epochs: Vec<EpochState>,
}

/// An epoch of a tail, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochState {
    /// The number of the entry that opened it.
    pub number: u64,
    /// Who opened it.
    pub author: KeyId,
    /// The host that followed.
    pub host: String,
    /// What its objects are called by.
    pub session: SessionId,
    /// The header of its pack.
    pub header: Vec<u8>,
    /// What its events come after.
    pub start: TailStart,
    /// How many objects of it count, if it was ended.
    pub end: Option<u64>,
    /// How many of its first objects are needed no more, and may be gone.
    pub trimmed: u64,
}

/// What one of the newest entries leaned on or collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentEntry {
    /// The entry's number.
    pub number: u64,
    /// The plan, if it collected.
    pub plan: Option<[u8; 16]>,
    /// The packs that it leaned on, if it was a commit.
    pub leans: Vec<SessionRange>,
}

impl Record for LedgerState {
    const NAME: &'static str = "the checkpoint";
    const VERSION: u8 = 2;
}

/// Signs `state`, for `repository`.
pub fn sign(repository: &RepositoryId, state: &LedgerState, key: &SigningKey) -> Vec<u8> {
    let body = state.encode();
    let signature = key.sign(&message(repository, &body));
    [signature.as_slice(), &key.verifying_key().id().0, &body].concat()
}

/// Decodes a signed state, if `trusted` has the key of who signed it.
pub fn open(
    repository: &RepositoryId,
    trusted: impl Fn(&KeyId) -> Option<VerifyingKey>,
    bytes: &[u8],
) -> Result<LedgerState, DecodeError> {
    let mut reader = Reader::new(LedgerState::NAME, bytes);
    let signature: [u8; SIGNATURE_BYTES] = reader.array()?;
    let author = KeyId(reader.array()?);
    let body = reader.rest();
    let unauthentic = DecodeError::Unauthentic { record: LedgerState::NAME };
    let key = trusted(&author).ok_or_else(|| unauthentic.clone())?;
    if !key.verifies(&message(repository, body), &signature) {
        return Err(unauthentic);
    }
    LedgerState::decode(body)
}

fn message(repository: &RepositoryId, body: &[u8]) -> Vec<u8> {
    [b"icecore checkpoint".as_slice(), &repository.0, body].concat()
}
