//! What can be recovered of each source before snapshots are forgotten, and after.

use crate::error::ReadError;
use crate::recover::State;
use crate::repository::Repository;
use crate::retention::Plan;
use crate::snapshots;
use crate::timeline::timeline;
use icecore_format::SnapshotId;
use icecore_format::Timestamp;
use icecore_format::ledger::body::FollowedSource;
use std::collections::{BTreeMap, BTreeSet};

/// From when to when a source is there as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When its oldest snapshot was begun. Earlier moments are cut from that one, so what was deleted or
    /// changed before is not there.
    pub from: Timestamp,
    /// Until when everything is there, tails included.
    pub until: Timestamp,
}

/// What a plan changes about what can be recovered of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowChange {
    /// The source.
    pub source: FollowedSource,
    /// The host.
    pub host: String,
    /// What is there now.
    pub before: Option<Window>,
    /// What will be there.
    pub after: Option<Window>,
}

/// What a plan changes about what can be recovered, for each source on each host.
pub async fn windows(repository: &Repository, plan: &Plan) -> Result<Vec<WindowChange>, ReadError> {
    let removed: BTreeSet<SnapshotId> = plan.removed().into_iter().collect();
    let kept = plan.groups.iter().flat_map(|group| group.kept.iter().map(|(kept, _)| kept));
    let all = plan.groups.iter().flat_map(|group| &group.removed).chain(kept);
    let about: BTreeSet<_> = all.map(|it| (it.source.clone(), it.host.clone())).collect();
    let ledger = repository.state().await;
    let mut sources: BTreeMap<_, Vec<State>> = BTreeMap::new();
    for found in snapshots::live(&ledger) {
        let of = (found.snapshot.followed(), found.snapshot.host.clone());
        if about.contains(&of) {
            sources.entry(of).or_default().push(State::of(found.snapshot.clone()));
        }
    }
    let mut changes = Vec::new();
    for ((source, host), states) in sources {
        let left = states.iter().filter(|state| !removed.contains(&state.snapshot.id));
        let left = left.cloned().collect();
        let before = window(repository, states).await?;
        let after = window(repository, left).await?;
        changes.push(WindowChange { source, host, before, after });
    }
    Ok(changes)
}

async fn window(repository: &Repository, states: Vec<State>) -> Result<Option<Window>, ReadError> {
    let Some(from) = states.iter().map(|state| state.snapshot.started).min() else {
        return Ok(None);
    };
    let found = timeline(repository, states, false).await?;
    Ok(found.window().map(|(_, until)| Window { from, until }))
}
