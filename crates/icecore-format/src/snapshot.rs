//! Snapshots: what a commit records of one source at one moment.
//!
//! Every field is readable by every role: snapshots are listed without reading a pack.
//!
//! Format: docs/format.md, "Snapshots".

use crate::event_log::EventLogRoot;
use crate::id::{ChunkId, Hash, RepositoryId, SnapshotId};
use crate::ledger::body::{FollowedSource, TailMark};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of one source at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The snapshot's id.
    pub id: SnapshotId,
    /// The source's name.
    pub source: String,
    /// What the source is: `ndjson`, `sqlite`.
    pub source_kind: String,
    /// The host that made the backup.
    pub host: String,
    /// The program and version that made it.
    pub program: String,
    /// Counts the histories of the source: a snapshot whose source no longer had all events of the
    /// one before, unchanged and first, begins another.
    pub epoch: u64,
    /// When the backup began.
    pub started: Timestamp,
    /// When all of it was stored.
    pub finished: Timestamp,
    /// Labels.
    pub tags: Vec<Tag>,
    /// What its maker wants to say about it.
    pub description: Option<String>,
    /// Until when it is to be kept at least.
    pub retain_until: Option<Timestamp>,
    /// What chose the streams that were backed up: patterns, and ids or the hash of many; none if
    /// everything was.
    pub selection: Vec<String>,
    /// What it holds.
    pub counts: Counts,
    /// Bytes read from the source, in bytes.
    pub bytes_read: u64,
    /// Bytes that this backup added to storage in packs and index runs, in bytes.
    pub bytes_stored: u64,
    /// Where the source's next backup can go on; its meaning is the source's own.
    pub resume: Vec<u8>,
    /// The commit that this one copies, if it came from another repository.
    pub origin: Option<Origin>,
    /// The events, if the source has any.
    pub event_log: Option<EventLogRoot>,
    /// The place in the source's tail up to which it has everything.
    pub tail: Option<TailMark>,
    /// The root of a tree of files: what belongs to the source and is no event.
    pub tree: Option<ChunkId>,
}

impl Snapshot {
    /// What is followed, if it is the source of this snapshot.
    pub fn followed(&self) -> FollowedSource {
        FollowedSource {
            name: self.source.clone(),
            kind: self.source_kind.clone(),
            selection: self.selection.clone(),
        }
    }
}

/// A label: a key, and maybe a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Option<String>,
}

impl std::fmt::Display for Tag {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.value {
            None => formatter.write_str(&self.key),
            Some(value) => write!(formatter, "{}={value}", self.key),
        }
    }
}

/// What a snapshot of events holds, and what is odd about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: u64,
    /// The smallest global position, where the source has them.
    pub first_position: Option<u64>,
    /// The largest global position.
    pub last_position: Option<u64>,
    /// The earliest recorded time.
    pub first_time: Option<Timestamp>,
    /// The latest recorded time.
    pub last_time: Option<Timestamp>,
    /// Places where versions of a stream are missing between two that are there.
    pub version_holes: u64,
    /// Events whose version their stream has already.
    pub version_repeats: u64,
    /// Events recorded before the event that precedes them in their stream.
    pub times_backwards: u64,
}

/// Where a copied commit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The repository.
    pub repository: RepositoryId,
    /// The entry's number there.
    pub number: u64,
    /// The chain's hash after it, there.
    pub head: Hash,
}
