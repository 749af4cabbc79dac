//! What an entry says: one struct per kind.
//!
//! Format: docs/format.md, "Entry kinds".

use crate::id::{KeyId, PackId, RunId, SessionId, SnapshotId};
use crate::keys::Role;
use crate::keys::signing::VerifyingKey;
use crate::record::{DecodeError, Record};
use crate::snapshot::Snapshot;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Consecutive packs, or consecutive index runs, of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionRange {
    /// The session.
    pub session: SessionId,
    /// The first number.
    pub first: u32,
    /// The number after the last.
    pub end: u32,
}

impl SessionRange {
    /// The packs of this range.
    pub fn packs(self) -> impl Iterator<Item = PackId> {
        (self.first..self.end).map(move |number| PackId { session: self.session, number })
    }

    /// The index runs of this range.
    pub fn runs(self) -> impl Iterator<Item = RunId> {
        (self.first..self.end).map(move |number| RunId { session: self.session, number })
    }
}

/// A new snapshot, and the objects that it makes usable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The session that commits; it ends.
    pub session: SessionId,
    /// Sessions that never ended by themselves and whose objects this commit takes over; they end.
    pub adopted: Vec<SessionId>,
    /// New packs, all of `session` or `adopted`.
    pub packs: Vec<SessionRange>,
    /// New index runs, likewise.
    pub runs: Vec<SessionRange>,
    /// Packs that were usable before and that this snapshot needs, beside what its bases need.
    pub leans: Vec<SessionRange>,
    /// Snapshots whose nodes or chunks were taken over without a look at their packs.
    pub bases: Vec<SnapshotId>,
    /// The snapshot.
    pub snapshot: Snapshot,
}

/// Hides snapshots; they keep what they need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forget {
    /// The snapshots.
    pub snapshots: Vec<SnapshotId>,
}

/// Shows forgotten snapshots again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unforget {
    /// The snapshots.
    pub snapshots: Vec<SnapshotId>,
}

/// Lets go of what forgotten snapshots need. Final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The snapshots.
    pub snapshots: Vec<SnapshotId>,
}

/// Keeps snapshots from being forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protect {
    /// The snapshots.
    pub snapshots: Vec<SnapshotId>,
}

/// Lets protected snapshots be forgotten again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unprotect {
    /// The snapshots.
    pub snapshots: Vec<SnapshotId>,
}

/// Makes packs that nothing needs unusable. Final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemn {
    /// The plan that this belongs to: one plan's entries do not disturb each other.
    pub plan: [u8; 16],
    /// The number up to which the plan had read the ledger when it marked what is needed.
    pub marked_at: u64,
    /// The packs.
    pub packs: Vec<SessionRange>,
}

/// Condemns packs, and names new ones with copies of what was still needed of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repack {
    /// What is condemned.
    pub condemn: Condemn,
    /// The session that made the copies; it ends.
    pub session: SessionId,
    /// The new packs.
    pub packs: Vec<SessionRange>,
    /// The new index runs.
    pub runs: Vec<SessionRange>,
}

/// Replaces index runs by others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reindex {
    /// The session that made the new runs; it ends.
    pub session: SessionId,
    /// The runs that are no longer used.
    pub old: Vec<SessionRange>,
    /// The runs that are used instead.
    pub new: Vec<SessionRange>,
}

/// Ends sessions without a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// The sessions. Nothing says whose a session is, so a writer may end any that it names; that
    /// costs its owner another upload.
    pub sessions: Vec<SessionId>,
    /// Every session that began below this number ends too. Only an admin may raise it.
    pub floor: u64,
}

/// A new key slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyAdded {
    /// Verifies what the slot signs; the slot's id follows from it.
    pub key: VerifyingKey,
    /// What the slot may do.
    pub role: Role,
}

/// A key slot that counts no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRemoved {
    /// The slot.
    pub key: KeyId,
}

/// A source that is followed: the snapshots of it are of this name, kind and choice of streams.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FollowedSource {
    /// Its name.
    pub name: String,
    /// What it is: `ndjson`, `sqlite`.
    pub kind: String,
    /// What chose the streams; none if everything is followed.
    pub selection: Vec<String>,
}

/// Opens an epoch of a source's tail, and ends the one before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The source.
    pub source: FollowedSource,
    /// The host that follows it.
    pub host: String,
    /// What the epoch's objects are called by. It commits nothing.
    pub session: SessionId,
    /// The header of the epoch's pack.
    pub header: Vec<u8>,
    /// What its events come after.
    pub start: TailStart,
    /// The source's epoch before, and how many objects of it count: those that were put before its
    /// terminator.
    pub ends: Option<TailMark>,
}

/// What the events of an epoch come after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TailStart {
    /// Those of a snapshot.
    Snapshot(SnapshotId),
    /// Those of the epoch that it ends.
    Before,
}

/// A place in a tail: before an object of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TailMark {
    /// The epoch's session.
    pub session: SessionId,
    /// Objects before it.
    pub objects: u64,
}

/// Lets go of the first objects of epochs, whose events an unreleased snapshot has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trim {
    /// The source.
    pub source: FollowedSource,
    /// For each epoch, the place before which nothing is needed.
    pub below: Vec<TailMark>,
}

/// A drill: a source was recovered only to prove that it can be.
///
/// Every role reads it, so nothing of the events is in it, not even the id of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drilled {
    /// The source's name.
    pub source: String,
    /// What the source is: `ndjson`, `sqlite`.
    pub source_kind: String,
    /// The host that recovered it.
    pub host: String,
    /// What it was recovered into: `ndjson`, `sqlite`, `postgres`.
    pub target_kind: String,
    /// When the drill began.
    pub started: Timestamp,
    /// The point that was asked for.
    pub point: DrillPoint,
    /// The latest recorded time that was reached.
    pub reached_time: Option<Timestamp>,
    /// The largest global position that was reached.
    pub reached_position: Option<u64>,
    /// The snapshot that was cut; none if the point could not be had.
    pub snapshot: Option<SnapshotId>,
    /// Whether events of the tail after it were in what was cut.
    pub has_tail: bool,
    /// Events that were recovered.
    pub events: u64,
    /// Streams that they belong to.
    pub streams: u64,
    /// What was checked, and whether it was so.
    pub checks: Vec<DrillCheck>,
    /// How long it took until the target could be used, in nanoseconds.
    pub nanoseconds_taken: u64,
    /// How far what was reached is from what was asked for, in nanoseconds.
    pub nanoseconds_distance: u64,
}

/// A point that a drill asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrillPoint {
    /// Everything.
    Latest,
    /// What was recorded then or before.
    Time(Timestamp),
    /// What was committed then or before.
    CommitTime(Timestamp),
    /// What is up to a global position.
    Position(u64),
    /// An event; which one is not said.
    Event,
    /// A version of a stream; which one is not said.
    Version,
}

/// Something that a drill checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillCheck {
    /// What: `recovery`, `streams`, `live`, `sql`, `command`.
    pub name: String,
    /// Whether it was so.
    pub passed: bool,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $kind:literal $name:ident $label:literal,)*) => {
        /// What an entry says.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum EntryBody {
            $($(#[$doc])* $name(Box<$name>),)*
            /// A kind, or a version of one, that this program does not know: it may read the
            /// repository, and not add to it.
            Unknown {
                /// The kind's number.
                kind: u8,
                /// Its bytes.
                bytes: Vec<u8>,
            },
        }

        $(impl Record for $name {
            const NAME: &'static str = concat!("the ", $label, " entry");
            const VERSION: u8 = 1;
        }

        impl From<$name> for EntryBody {
            fn from(body: $name) -> Self {
                Self::$name(Box::new(body))
            }
        })*

        impl EntryBody {
            /// What people call the kinds that this program knows.
            pub const LABELS: &[&str] = &[$($label,)*];

            /// The kind's number.
            pub fn kind(&self) -> u8 {
                match self {
                    $(Self::$name(_) => $kind,)*
                    Self::Unknown { kind, .. } => *kind,
                }
            }

            /// What people call the kind.
            pub fn label(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $label,)*
                    Self::Unknown { .. } => "unknown",
                }
            }

            /// The body's bytes.
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$name(body) => body.encode(),)*
                    Self::Unknown { bytes, .. } => bytes.clone(),
                }
            }

            /// Decodes the body of an entry of this kind.
            pub fn decode(kind: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
                let decoded = match kind {
                    $($kind => $name::decode(bytes).map(Self::from),)*
                    _ => return Ok(Self::Unknown { kind, bytes: bytes.to_vec() }),
                };
                match decoded {
                    // Were it an error, the entry would be void for older programs alone, and they
                    // would add to a ledger that newer ones read otherwise.
                    Err(DecodeError::Version { .. }) => {
                        Ok(Self::Unknown { kind, bytes: bytes.to_vec() })
                    }
                    decoded => decoded,
                }
            }
        }
    };
}

bodies! {
    /// A new snapshot.
    1 Commit "commit",
    /// Snapshots hidden.
    2 Forget "forget",
    /// Snapshots shown again.
    3 Unforget "unforget",
    /// Snapshots let go.
    4 Release "release",
    /// Packs made unusable.
    5 Condemn "condemn",
    /// Packs replaced.
    6 Repack "repack",
    /// Index runs replaced.
    7 Reindex "reindex",
    /// Sessions ended.
    8 Abort "abort",
    /// A key slot added.
    9 KeyAdded "key-added",
    /// A key slot removed.
    10 KeyRemoved "key-removed",
    /// An epoch of a tail opened.
    11 Follow "follow",
    /// A drill.
    12 Drilled "drilled",
    /// Objects of a tail let go.
    13 Trim "trim",
    /// Snapshots kept from being forgotten.
    21 Protect "protect",
    /// Snapshots that may be forgotten again.
    22 Unprotect "unprotect",
}
