//! What can be recovered of each source before snapshots are forgotten, and after.

use crate::error::ReadError;
use crate::recover::State;
use crate::repository::Repository;
use crate::retention::{Plan, TailBase};
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
    let all: Vec<_> = plan.groups.iter().flat_map(|group| &group.removed).chain(kept).collect();
    let tail_bases = all.iter().filter(|it| it.tail == Some(TailBase::Newest));
    let tail_bases: Vec<_> = tail_bases.map(|it| (it.id, it.source.clone())).collect();
    let about: BTreeSet<_> = all.iter().map(|it| (it.source.clone(), it.host.clone())).collect();
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
        let left: Vec<State> = left.cloned().collect();
        // What the tail has is there for as long as the snapshot that it is read from.
        let flushed = timeline(repository, states.clone(), false).await?;
        let flushed = flushed.tail.and_then(|tail| tail.last_flush);
        let is_lost = tail_bases.iter().any(|(id, of)| removed.contains(id) && *of == source);
        let before = window(&states, flushed);
        let after = window(&left, flushed.filter(|_| !is_lost));
        changes.push(WindowChange { source, host, before, after });
    }
    Ok(changes)
}

/// From when to when these are there, and a tail that was flushed last then.
fn window(states: &[State], flushed: Option<Timestamp>) -> Option<Window> {
    let from = states.iter().map(|state| state.snapshot.started).min()?;
    let newest = states.last()?.moment();
    Some(Window { from, until: flushed.map_or(newest, |flushed| newest.max(flushed)) })
}
