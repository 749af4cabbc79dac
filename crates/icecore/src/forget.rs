//! Forget: snapshots are hidden, by a policy or by name; shown again; protected, or not any more.
//!
//! A plan is made first, and reads only. What was planned is decided once more on exactly the entries before
//! the one that does it: nothing is forgotten that the policy keeps by then. Only an admin can forget, and
//! whoever cannot is told so before anything is written.
//!
//! Specification: docs/retention.md; docs/concurrency.md, "Entries".

mod bytes;
mod windows;

pub use bytes::{BytesError, freed_bytes};
pub use windows::{Window, WindowChange, windows};

use crate::ledger::AppendError;
use crate::repository::{ExclusiveError, Repository};
use crate::retention::{self, Candidate, GroupPlan, Plan, Policy, PolicyRefused, Reason, TailBase};
use icecore_format::checkpoint::{LedgerState, SnapshotStatus};
use icecore_format::ledger::EntryBody;
use icecore_format::ledger::body::{Forget, Protect, Unforget, Unprotect};
use icecore_format::{Role, SnapshotId, Timestamp};
use std::collections::BTreeSet;

/// What is to be forgotten.
#[derive(Clone, Debug)]
pub enum Asked {
    /// What a policy does not keep.
    ByPolicy(Box<Policy>),
    /// These.
    ByName(Named),
}

/// Snapshots that somebody named.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// Their ids.
    pub snapshots: BTreeSet<SnapshotId>,
    /// Whether nothing may be left of a source, or its newest tail may go with them.
    pub may_remove_all: bool,
    /// Whether it does not matter until when they were to be kept.
    pub despite_retention: bool,
}

/// Snapshots that were not forgotten, shown, protected or unprotected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// The key's role may not do it.
    #[error("a {} key cannot {what}", role.name())]
    NotAllowed {
        /// The role.
        role: Role,
        /// What an admin can.
        what: &'static str,
    },
    /// The policy is likely a mistake.
    #[error(transparent)]
    Policy(#[from] PolicyRefused),
    /// A snapshot is not in the state that it has to be in.
    #[error("snapshot {snapshot} {is}")]
    State {
        /// The snapshot.
        snapshot: SnapshotId,
        /// What it is.
        is: &'static str,
    },
    /// A snapshot is to be kept until later.
    #[error("snapshot {snapshot} is to be kept until its time is up")]
    Retained {
        /// The snapshot.
        snapshot: SnapshotId,
        /// When that is.
        until: Timestamp,
    },
    /// The newest tail of a source would be lost with a snapshot.
    #[error("the newest tail of {source_name} goes on from snapshot {snapshot}")]
    Tail {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The source.
        source_name: String,
    },
    /// Nothing would be left of a source.
    #[error("no snapshot of {source_name} would be left on {host}")]
    RemovesAll {
        /// The source.
        source_name: String,
        /// The host.
        host: String,
    },
    /// What was planned is not what is to be done any more.
    #[error("the repository has changed since the plan was made: {snapshot} is to be kept now")]
    Changed {
        /// A snapshot that is.
        snapshot: SnapshotId,
    },
    /// The storage is not to be written to.
    #[error(transparent)]
    Exclusive(#[from] ExclusiveError),
    /// The ledger did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Fails unless the key is an admin's.
pub fn require_admin(repository: &Repository, what: &'static str) -> Result<(), ForgetError> {
    match repository.keys.role {
        Role::Admin => Ok(()),
        role => Err(ForgetError::NotAllowed { role, what }),
    }
}

/// What would be forgotten, and why all else is kept.
pub async fn plan(repository: &Repository, asked: &Asked) -> Result<Plan, ForgetError> {
    let now = repository.environment.clock.now();
    decide(&repository.state().await, asked, now)
}

/// Forgets what was planned; the number of the entry, if there was anything to do.
pub async fn forget(
    repository: &Repository,
    asked: &Asked,
    planned: &Plan,
) -> Result<Option<u64>, ForgetError> {
    require_admin(repository, "forget snapshots")?;
    let planned = planned.removed();
    if planned.is_empty() {
        return Ok(None);
    }
    let now = repository.environment.clock.now();
    let entry = change(repository, |state| {
        // Since the plan was made others may have forgotten what was a reason not to keep these, or some of
        // these themselves.
        let still: BTreeSet<_> = decide(state, asked, now)?.removed().into_iter().collect();
        let is_live = |id: &SnapshotId| require(state, *id, SnapshotStatus::Live).is_ok();
        let left: Vec<_> = planned.iter().copied().filter(is_live).collect();
        match left.iter().find(|id| !still.contains(*id)) {
            Some(id) => Err(ForgetError::Changed { snapshot: *id }),
            None => Ok(body_about(&left, |snapshots| Forget { snapshots }.into())),
        }
    });
    entry.await
}

/// Shows forgotten snapshots again; the number of the entry, if there was anything to do.
pub async fn unforget(
    repository: &Repository,
    snapshots: &[SnapshotId],
) -> Result<Option<u64>, ForgetError> {
    require_admin(repository, "show forgotten snapshots again")?;
    let entry = change(repository, |state| {
        for id in snapshots {
            require(state, *id, SnapshotStatus::Forgotten)?;
        }
        Ok(body_about(snapshots, |snapshots| Unforget { snapshots }.into()))
    });
    entry.await
}

/// Keeps snapshots from being forgotten; the number of the entry, if there was anything to do. A writer may
/// do so with its own.
pub async fn protect(
    repository: &Repository,
    snapshots: &[SnapshotId],
) -> Result<Option<u64>, ForgetError> {
    let role = repository.keys.role;
    if role == Role::Reader {
        return Err(ForgetError::NotAllowed { role, what: "protect snapshots" });
    }
    let author = repository.keys.signing.verifying_key().id();
    let entry = change(repository, |state| {
        for id in snapshots {
            require(state, *id, SnapshotStatus::Live)?;
            if state.protected.contains(id) {
                return Err(ForgetError::State { snapshot: *id, is: "is protected already" });
            }
            let is_own = state.snapshots.get(id).is_some_and(|found| found.author == author);
            if role != Role::Admin && !is_own {
                let what = "protect what another key has backed up";
                return Err(ForgetError::NotAllowed { role, what });
            }
        }
        Ok(body_about(snapshots, |snapshots| Protect { snapshots }.into()))
    });
    entry.await
}

/// Lets protected snapshots be forgotten again; the number of the entry, if there was anything to do.
pub async fn unprotect(
    repository: &Repository,
    snapshots: &[SnapshotId],
) -> Result<Option<u64>, ForgetError> {
    require_admin(repository, "unprotect snapshots")?;
    let entry = change(repository, |state| {
        match snapshots.iter().find(|id| !state.protected.contains(*id)) {
            Some(id) => Err(ForgetError::State { snapshot: *id, is: "is not protected" }),
            None => Ok(body_about(snapshots, |snapshots| Unprotect { snapshots }.into())),
        }
    });
    entry.await
}

/// What an entry says of these snapshots; nothing if there are none.
fn body_about(
    snapshots: &[SnapshotId],
    body: impl Fn(Vec<SnapshotId>) -> EntryBody,
) -> Option<EntryBody> {
    (!snapshots.is_empty()).then(|| body(snapshots.to_vec()))
}

/// Appends what is decided on the ledger as it is when it is appended, if anything is.
async fn change(
    repository: &Repository,
    decide: impl Fn(&LedgerState) -> Result<Option<EntryBody>, ForgetError>,
) -> Result<Option<u64>, ForgetError> {
    // What cannot be done is told before anything is written.
    if decide(&repository.state().await)?.is_none() {
        return Ok(None);
    }
    repository.prove_exclusive().await?;
    repository.append(decide).await
}

fn require(state: &LedgerState, id: SnapshotId, status: SnapshotStatus) -> Result<(), ForgetError> {
    let found = state.snapshots.get(&id).map(|found| found.status);
    let is = match found {
        Some(found) if found == status => return Ok(()),
        None => "is unknown",
        Some(SnapshotStatus::Live) => "is not forgotten",
        Some(SnapshotStatus::Forgotten) => "is forgotten already",
        Some(SnapshotStatus::Released) => "was released, which is final",
    };
    Err(ForgetError::State { snapshot: id, is })
}

fn decide(state: &LedgerState, asked: &Asked, now: Timestamp) -> Result<Plan, ForgetError> {
    match asked {
        Asked::ByPolicy(policy) => Ok(retention::plan(&retention::candidates(state), policy, now)?),
        Asked::ByName(named) => decide_named(state, named, now),
    }
}

/// All live snapshots, of which the named ones go.
fn decide_named(state: &LedgerState, named: &Named, now: Timestamp) -> Result<Plan, ForgetError> {
    for id in &named.snapshots {
        require(state, *id, SnapshotStatus::Live)?;
    }
    let (removed, kept): (Vec<_>, Vec<_>) = retention::candidates(state)
        .into_iter()
        .partition(|candidate| named.snapshots.contains(&candidate.id));
    for candidate in &removed {
        if candidate.is_protected {
            return Err(ForgetError::State { snapshot: candidate.id, is: "is protected" });
        }
        if let Some(until) = candidate.retain_until.filter(|until| *until > now)
            && !named.despite_retention
        {
            return Err(ForgetError::Retained { snapshot: candidate.id, until });
        }
        if named.may_remove_all {
            continue;
        }
        let source_name = candidate.source.name.clone();
        if candidate.tail == Some(TailBase::Newest) {
            return Err(ForgetError::Tail { snapshot: candidate.id, source_name });
        }
        let is_left = |it: &Candidate| it.source == candidate.source && it.host == candidate.host;
        if !kept.iter().any(is_left) {
            return Err(ForgetError::RemovesAll { source_name, host: candidate.host.clone() });
        }
    }
    let kept = kept.into_iter().map(|candidate| (candidate, vec![Reason::OutOfScope])).collect();
    let group = GroupPlan { group: retention::Group::default(), kept, removed };
    Ok(Plan { groups: vec![group] })
}
