//! Deleting: objects whose session has ended and that are not usable, and those of tails that were let go of.
//! That stays so for ever, whoever knows it and however late, so there is no gap between asking and deleting.
//!
//! What was never usable is deleted at once: nobody read it. What was is kept for as long as readers are
//! given, by the time of the entry that made it unusable.
//!
//! Specification: docs/concurrency.md, rule 9.

use super::history::{History, after};
use super::run::Run;
use super::{PruneError, PruneReport};
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::ledger::replay::{has_ended, may_delete_pack, may_delete_run};
use crate::storage;
use futures::stream::{self, StreamExt as _};
use icecore_format::checkpoint::LedgerState;
use icecore_format::{KeyId, RunId, SessionId};
use icecore_store::StoreErrorKind;
use std::collections::BTreeMap;

/// Checkpoints of each key that are kept: the newest may be damaged, or just being replaced.
const CHECKPOINTS_KEPT: usize = 2;

/// Objects that are deleted at once.
const DELETIONS_MAX: usize = 16;

/// The packs, index runs and objects of tails that are stored, with their lengths in bytes.
pub(super) struct Listed(Vec<(ObjectRole, u64)>);

impl Listed {
    /// The index runs, and their lengths in bytes.
    pub(super) fn runs(&self) -> impl Iterator<Item = (RunId, u64)> {
        self.0.iter().filter_map(|(role, bytes)| match role {
            ObjectRole::IndexRun(id) => Some((*id, *bytes)),
            _ => None,
        })
    }

    /// Whose they are.
    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.0.iter().filter_map(|(role, _)| session_of(role))
    }
}

/// Lists them. A listing may be stale: what it lacks, the next one has.
pub(super) async fn list(run: &Run<'_>) -> Result<Listed, PruneError> {
    let _task = run.monitor.task("listing what is stored");
    let mut listed = Vec::new();
    for prefix in [
        ObjectRole::PACK_PREFIX,
        ObjectRole::INDEX_PREFIX,
        ObjectRole::TAIL_PREFIX,
        ObjectRole::CHECKPOINT_PREFIX,
    ] {
        run.monitor.stop_point()?;
        let objects = storage::list(&*run.repository.store, prefix).await;
        for object in objects.map_err(ReadError::from)? {
            listed.extend(ObjectRole::of(&object.name).map(|role| (role, object.bytes)));
        }
    }
    Ok(Listed(listed))
}

/// What is to become of an object.
enum Fate {
    Stays,
    /// Its session has not ended.
    Open,
    /// It was made unusable by this entry.
    Waits(u64),
    Deleted,
}

/// Deletes what may be deleted.
pub(super) async fn delete(
    run: &Run<'_>,
    listed: &Listed,
    report: &mut PruneReport,
) -> Result<(), PruneError> {
    let (state, history) = run.look().await?;
    let mut deleted = Vec::new();
    let checkpoints = newest_checkpoints(listed, &state);
    for (role, bytes) in &listed.0 {
        if let ObjectRole::Checkpoint(number, author) = role {
            if !checkpoints.get(author).is_some_and(|newest| newest.contains(number)) {
                deleted.push((*role, *bytes));
            }
            continue;
        }
        match fate(role, &state, &history, run) {
            Fate::Stays => {}
            Fate::Open => report.open.add(*bytes),
            Fate::Waits(entry) => {
                report.waiting.add(*bytes);
                let until = history.time(entry).map(|time| after(time, run.options.grace));
                report.waiting_until = report.waiting_until.max(until);
            }
            Fate::Deleted => deleted.push((*role, *bytes)),
        }
    }
    if run.is_plan() {
        for (_, bytes) in deleted {
            report.deleted.add(bytes);
        }
        return Ok(());
    }
    let _task = run.monitor.task("deleting what nobody needs");
    let store = &*run.repository.store;
    let mut deletions = stream::iter(deleted)
        .map(|(role, bytes)| async move {
            run.monitor.stop_point()?;
            match storage::delete(store, &role.object_name()).await {
                Ok(()) => Ok(bytes),
                Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(bytes),
                Err(error) => Err(PruneError::Delete(error)),
            }
        })
        .buffer_unordered(DELETIONS_MAX);
    while let Some(bytes) = deletions.next().await {
        report.deleted.add(bytes?);
    }
    Ok(())
}

/// The checkpoints that stay: some of each key that counts. They are derived, so whoever misses one reads
/// more entries.
fn newest_checkpoints(listed: &Listed, state: &LedgerState) -> BTreeMap<KeyId, Vec<u64>> {
    let mut newest: BTreeMap<KeyId, Vec<u64>> = BTreeMap::new();
    // Names are listed in the order of numbers.
    for (role, _) in listed.0.iter().rev() {
        let ObjectRole::Checkpoint(number, author) = role else { continue };
        let counts = state.keys.get(author).is_some_and(|key| !key.removed);
        let kept = newest.entry(*author).or_default();
        if counts && kept.len() < CHECKPOINTS_KEPT {
            kept.push(*number);
        }
    }
    newest
}

fn fate(role: &ObjectRole, state: &LedgerState, history: &History, run: &Run<'_>) -> Fate {
    let (may_delete, retired_by) = match role {
        ObjectRole::Pack(id) => (may_delete_pack(state, *id), history.pack_retired_by(*id)),
        ObjectRole::IndexRun(id) => (may_delete_run(state, *id), history.run_retired_by(*id)),
        ObjectRole::Tail(epoch, number) => {
            let epochs = state.tails.iter().flat_map(|tail| &tail.epochs);
            let found = epochs.into_iter().find(|it| it.session == *epoch);
            let is_trimmed = found.is_some_and(|found| *number < found.trimmed);
            (is_trimmed, history.trimmed_by(*epoch, *number))
        }
        _ => return Fate::Stays,
    };
    match (may_delete, retired_by) {
        (true, Some(entry)) if !history.is_older(entry, run.options.grace) => Fate::Waits(entry),
        (true, _) => Fate::Deleted,
        (false, _) if session_of(role).is_some_and(|session| !has_ended(state, session)) => {
            Fate::Open
        }
        (false, _) => Fate::Stays,
    }
}

fn session_of(role: &ObjectRole) -> Option<SessionId> {
    match role {
        ObjectRole::Pack(id) => Some(id.session),
        ObjectRole::IndexRun(id) => Some(id.session),
        _ => None,
    }
}
