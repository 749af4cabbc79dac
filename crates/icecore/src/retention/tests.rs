//! What policies keep.

mod clocks;
mod groups;
mod laws;
mod mistakes;
mod rules;
mod windows;

use super::{Candidate, Plan, Policy, plan};
use icecore_format::ledger::body::FollowedSource;
use icecore_format::snapshot::Tag;
use icecore_format::{KeyId, SnapshotId, Timestamp};

/// Later than all times in tests that name none.
const NOW: &str = "2026-11-22T06:00:00Z";

fn at(time: &str) -> Timestamp {
    let moment: jiff::Timestamp = time.parse().unwrap();
    Timestamp(i64::try_from(moment.as_nanosecond()).unwrap())
}

fn id(number: u64) -> SnapshotId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    SnapshotId(id)
}

fn source(name: &str) -> FollowedSource {
    FollowedSource { name: name.to_owned(), kind: "sqlite".to_owned(), selection: Vec::new() }
}

fn tag(key: &str) -> Tag {
    Tag { key: key.to_owned(), value: None }
}

fn snapshot_at(number: u64, time: Timestamp) -> Candidate {
    Candidate {
        id: id(number),
        number,
        author: KeyId([1; 16]),
        source: source("shop"),
        host: "host".to_owned(),
        tags: Vec::new(),
        time,
        moment: time,
        is_protected: false,
        retain_until: None,
        tail: None,
    }
}

/// One snapshot for each of these times, in the order in which they were committed.
fn snapshots(times: &[&str]) -> Vec<Candidate> {
    (1..).zip(times).map(|(number, time)| snapshot_at(number, at(time))).collect()
}

/// The numbers of what a policy keeps, in the order of the ledger.
fn kept(all: &[Candidate], policy: &Policy) -> Vec<u64> {
    kept_of(&plan(all, policy, at(NOW)).unwrap())
}

fn kept_of(plan: &Plan) -> Vec<u64> {
    let mut kept: Vec<_> =
        plan.groups.iter().flat_map(|group| &group.kept).map(|(it, _)| it.number).collect();
    kept.sort_unstable();
    kept
}
