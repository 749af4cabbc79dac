//! What snapshots have in common that are decided about together: only these push each other out.

use super::Candidate;
use icecore_format::KeyId;
use icecore_format::ledger::body::FollowedSource;
use icecore_format::snapshot::Tag;

/// By what snapshots are told apart.
#[allow(clippy::struct_excessive_bools, reason = "any of them go together")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupBy {
    /// What was backed up: the source's name and kind, and the choice of streams.
    pub source: bool,
    /// The host, as the snapshot says.
    pub host: bool,
    /// The key that committed it, which nobody can claim without having it.
    pub key: bool,
    /// All of its labels.
    pub tags: bool,
}

/// What the snapshots of a group have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// What they are of.
    pub source: Option<FollowedSource>,
    /// The host.
    pub host: Option<String>,
    /// The key.
    pub key: Option<KeyId>,
    /// Their labels.
    pub tags: Option<Vec<Tag>>,
}

impl Default for GroupBy {
    /// A stolen key pushes out no snapshot of another: names can be claimed, keys cannot.
    fn default() -> Self {
        Self { source: true, host: true, key: true, tags: false }
    }
}

impl Group {
    pub(super) fn of(candidate: &Candidate, by: GroupBy) -> Self {
        let sorted = || {
            let mut tags = candidate.tags.clone();
            tags.sort_unstable();
            tags.dedup();
            tags
        };
        Self {
            source: by.source.then(|| candidate.source.clone()),
            host: by.host.then(|| candidate.host.clone()),
            key: by.key.then_some(candidate.author),
            tags: by.tags.then(sorted),
        }
    }
}
