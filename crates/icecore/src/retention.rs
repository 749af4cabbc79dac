//! Retention: which snapshots a policy keeps, and why; the others are to be forgotten.
//!
//! Everything here is a function of its arguments: what is known of snapshots, a policy, and the time that
//! is now. What always holds:
//! - Whatever a rule keeps, it keeps among any other rules: more rules never keep fewer snapshots.
//! - Snapshots are newest in the order of the ledger. A clock that disagrees with it decides nothing: its
//!   snapshot is kept and flagged, and takes no place from another ([`Disagreement`]).
//! - The newest snapshot of a group is kept, and what is protected, retained, or what the newest tail goes on from.
//!
//! Specification: docs/retention.md.

mod clock;
mod group;
mod period;
mod policy;
mod refusal;
#[cfg(test)]
mod tests;
mod window;

pub use clock::{CLOCK_TOLERANCE_SECONDS, Disagreement};
pub use group::{Group, GroupBy};
pub use period::Period;
pub use policy::{Count, Policy, Scope};
pub use refusal::PolicyRefused;

use icecore_format::checkpoint::{LedgerState, SnapshotState};
use icecore_format::ledger::body::FollowedSource;
use icecore_format::snapshot::Tag;
use icecore_format::{KeyId, SnapshotId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a snapshot, as far as retention depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: SnapshotId,
    /// The number of its commit: what is newer than what.
    pub number: u64,
    /// Who committed it.
    pub author: KeyId,
    /// What it is of.
    pub source: FollowedSource,
    /// The host that it says that it was made on.
    pub host: String,
    /// Its labels.
    pub tags: Vec<Tag>,
    /// When it was finished, by its author's clock. Rules go by this time.
    pub time: Timestamp,
    /// Until when it surely has what was recorded, by its author's clock and the source's.
    pub moment: Timestamp,
    /// Whether an entry protects it.
    pub is_protected: bool,
    /// Until when it is to be kept at least.
    pub retain_until: Option<Timestamp>,
    /// Where tails go on from it.
    pub tail: Option<TailBase>,
}

/// The part of a tail that is read from a snapshot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailBase {
    /// The source's newest tail: what it captured may be nowhere else.
    Newest,
    /// One that the source could not be gone on from. Its moments are before that of this snapshot's.
    EndedBefore(Timestamp),
}

/// What a policy does to snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The groups, in the order of what they have in common.
    pub groups: Vec<GroupPlan>,
}

/// What a policy does to snapshots that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// What they have in common.
    pub group: Group,
    /// Those that are kept, oldest first, each with all reasons.
    pub kept: Vec<(Candidate, Vec<Reason>)>,
    /// Those that are to be forgotten, oldest first.
    pub removed: Vec<Candidate>,
}

/// Why a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is the newest of its group.
    Newest,
    /// It is among the last ones.
    Last,
    /// It is the newest of one of the last hours, days, weeks, months or years that have one.
    Of(Period),
    /// A rule of periods is not used up, and nothing is older.
    Oldest(Period),
    /// It is not much older than the newest of its group.
    Within,
    /// It is not much older, and the newest of its hour, day, week, month or year.
    WithinOf(Period),
    /// It has the label.
    Tag(Tag),
    /// A moment of the window is recovered from it.
    RecoveryWindow,
    /// An entry protects it.
    Protected,
    /// Its time is not up.
    RetainedUntil(Timestamp),
    /// It is not among those that were to be decided about.
    OutOfScope,
    /// The newest tail of its source goes on from it.
    Tail,
    /// Its clock disagrees.
    Clock(Disagreement),
}

impl Plan {
    /// The snapshots that are to be forgotten, in the order of the ledger.
    pub fn removed(&self) -> Vec<SnapshotId> {
        let mut removed: Vec<_> = self.groups.iter().flat_map(|group| &group.removed).collect();
        removed.sort_unstable_by_key(|candidate| candidate.number);
        removed.into_iter().map(|candidate| candidate.id).collect()
    }

    /// The snapshots whose clocks disagree, in the order of the ledger.
    pub fn disagreeing(&self) -> Vec<(&Candidate, Disagreement)> {
        let kept = self.groups.iter().flat_map(|group| &group.kept);
        let mut found: Vec<_> = kept
            .filter_map(|(candidate, reasons)| {
                let clock = reasons.iter().find_map(|reason| match reason {
                    Reason::Clock(disagreement) => Some(*disagreement),
                    _ => None,
                });
                Some((candidate, clock?))
            })
            .collect();
        found.sort_unstable_by_key(|(candidate, _)| candidate.number);
        found
    }
}

/// The live snapshots, in the order of the ledger.
pub fn candidates(state: &LedgerState) -> Vec<Candidate> {
    let tails = window::tail_bases(state);
    crate::snapshots::live(state)
        .into_iter()
        .map(|found| candidate(state, found, tails.get(&found.snapshot.id).copied()))
        .collect()
}

fn candidate(state: &LedgerState, found: &SnapshotState, tail: Option<TailBase>) -> Candidate {
    let snapshot = &found.snapshot;
    Candidate {
        id: snapshot.id,
        number: found.number,
        author: found.author,
        source: snapshot.followed(),
        host: snapshot.host.clone(),
        tags: snapshot.tags.clone(),
        time: snapshot.finished,
        moment: window::moment(snapshot),
        is_protected: state.protected.contains(&snapshot.id),
        retain_until: snapshot.retain_until,
        tail,
    }
}

/// What `policy` does to the snapshots of `all` that it is about.
///
/// Clocks are compared within a group, among all of it: only there do snapshots push each other out, and the
/// clocks of two hosts may differ by hours for years.
pub fn plan(all: &[Candidate], policy: &Policy, now: Timestamp) -> Result<Plan, PolicyRefused> {
    let considered: Vec<&Candidate> = all.iter().filter(|it| policy.considers(it)).collect();
    refusal::check(&considered, policy)?;
    let mut groups: BTreeMap<Group, Vec<&Candidate>> = BTreeMap::new();
    for candidate in all {
        groups.entry(Group::of(candidate, policy.group_by)).or_default().push(candidate);
    }
    let decided = groups.into_iter().filter_map(|(group, mut members)| {
        let disagreements = clock::disagreements(&members, now);
        members.retain(|candidate| policy.considers(candidate));
        (!members.is_empty()).then(|| decide(group, members, policy, &disagreements, now))
    });
    Ok(Plan { groups: decided.collect() })
}

fn decide(
    group: Group,
    mut members: Vec<&Candidate>,
    policy: &Policy,
    disagreements: &BTreeMap<SnapshotId, Disagreement>,
    now: Timestamp,
) -> GroupPlan {
    members.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.number));
    // Only those whose clocks agree with the ledger take places, newest first.
    let agreeing: Vec<&Candidate> =
        members.iter().copied().filter(|it| !disagreements.contains_key(&it.id)).collect();
    let mut reasons: BTreeMap<SnapshotId, Vec<Reason>> = BTreeMap::new();
    let mut keep = |candidate: &Candidate, reason| {
        reasons.entry(candidate.id).or_default().push(reason);
    };
    if let Some(newest) = agreeing.first().filter(|_| !policy.may_remove_all) {
        keep(newest, Reason::Newest);
    }
    policy.apply(&agreeing, &mut keep);
    let in_window =
        policy.recovery_window.map(|window| window::needed(&members, &agreeing, window));
    for candidate in &members {
        if in_window.as_ref().is_some_and(|needed: &BTreeSet<_>| needed.contains(&candidate.id)) {
            keep(candidate, Reason::RecoveryWindow);
        }
        if let Some(disagreement) = disagreements.get(&candidate.id) {
            keep(candidate, Reason::Clock(*disagreement));
        }
        if candidate.is_protected {
            keep(candidate, Reason::Protected);
        }
        if let Some(until) = candidate.retain_until.filter(|until| *until > now) {
            keep(candidate, Reason::RetainedUntil(until));
        }
        if candidate.tail == Some(TailBase::Newest) && !policy.may_remove_all {
            keep(candidate, Reason::Tail);
        }
        if policy.scope == Scope::Expired && candidate.retain_until.is_none() {
            keep(candidate, Reason::OutOfScope);
        }
    }
    members.reverse();
    let mut plan = GroupPlan { group, kept: Vec::new(), removed: Vec::new() };
    for candidate in members {
        match reasons.remove(&candidate.id) {
            Some(reasons) => plan.kept.push((candidate.clone(), reasons)),
            None => plan.removed.push(candidate.clone()),
        }
    }
    plan
}
