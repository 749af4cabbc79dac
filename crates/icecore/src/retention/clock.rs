//! Clocks that disagree with the ledger.
//!
//! Whoever may back up says when a backup was made, and may say anything. The ledger's order cannot be
//! argued with: what has the smaller number was there first. So of two snapshots of which the later one
//! claims a time before the earlier one's, one has a wrong time. Nobody can tell which, and counting
//! heads would let whoever makes many snapshots win; so both are flagged, and neither takes a place.
//!
//! A single wrong clock shall not flag everything: of those that a snapshot contradicts by claiming an
//! earlier time, only the first is flagged. The others have that one as a witness before them.
//!
//! Snapshots of other groups are no witnesses: a clock that is always some hours ahead is right about
//! everything that it decides.

use super::Candidate;
use icecore_format::{SnapshotId, Timestamp};
use std::collections::BTreeMap;

/// By how much times may disagree. Backups that run at the same time are committed in any order, and
/// clocks differ by seconds; an hour moves a snapshot by one place of the finest rule.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 3600;

const TOLERANCE_NANOSECONDS: i64 = CLOCK_TOLERANCE_SECONDS * 1_000_000_000;

/// How the time of a snapshot disagrees with what is known better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disagreement {
    /// It is later than the clock of this machine says.
    AfterNow,
    /// It is before that of a snapshot that stood in the ledger already.
    BeforeEarlier(SnapshotId),
    /// It is after that of a snapshot that came later.
    AfterLater(SnapshotId),
}

/// Which snapshots of a group have times that disagree, and with what.
pub(super) fn disagreements(
    members: &[&Candidate],
    now: Timestamp,
) -> BTreeMap<SnapshotId, Disagreement> {
    let mut ordered = members.to_vec();
    ordered.sort_unstable_by_key(|candidate| candidate.number);
    let mut found = BTreeMap::new();
    // Those that claimed the latest time when they were committed, with the times that they claimed.
    let mut latest: Vec<(Timestamp, SnapshotId)> = Vec::new();
    for candidate in ordered {
        if is_after(candidate.time, now) {
            found.insert(candidate.id, Disagreement::AfterNow);
            continue;
        }
        if let Some((time, id)) = latest.last()
            && is_after(*time, candidate.time)
        {
            found.insert(candidate.id, Disagreement::BeforeEarlier(*id));
            let first = latest.partition_point(|(time, _)| !is_after(*time, candidate.time));
            if let Some((_, contradicted)) = latest.get(first) {
                found.entry(*contradicted).or_insert(Disagreement::AfterLater(candidate.id));
            }
        } else if latest.last().is_none_or(|(time, _)| *time <= candidate.time) {
            latest.push((candidate.time, candidate.id));
        }
    }
    found
}

fn is_after(time: Timestamp, other: Timestamp) -> bool {
    time.0 > other.0.saturating_add(TOLERANCE_NANOSECONDS)
}
