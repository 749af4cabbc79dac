//! Committing: the ledger entry that makes a snapshot out of what was stored.

use super::{Session, SessionError};
use crate::ledger::replay::has_ended;
use crate::ledger::{Appended, covers, ranges_of};
use crate::repository::Repository;
use icecore_format::checkpoint::SnapshotStatus;
use icecore_format::ledger::EntryBody;
use icecore_format::ledger::body::{Commit, SessionRange, TailMark};
use icecore_format::snapshot::Snapshot;
use icecore_format::{PackId, SnapshotId};
use std::collections::BTreeSet;

/// A commit that stands.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    /// Its entry's number.
    pub(crate) number: u64,
    /// The snapshot.
    pub(crate) snapshot: Snapshot,
}

impl Session<'_> {
    /// Makes everything durable and commits the snapshot that `describe` makes of the bytes that
    /// were stored.
    pub(crate) async fn commit(
        mut self,
        describe: impl FnOnce(u64) -> Snapshot,
    ) -> Result<Committed, SessionError> {
        self.flush().await?;
        // The last moment at which stopping leaves nothing behind but garbage.
        self.monitor.stop_point()?;
        let snapshot = describe(self.stored_bytes);
        let mut commit = self.describe_commit(snapshot);
        let number = append(self.repository, &mut commit, self.tail_end).await?;

        let ended: Vec<_> = commit.adopted.iter().copied().chain([self.id]).collect();
        let local = self.repository.local.clone();
        let head = self.repository.ledger().await.seen_head();
        self.environment()
            .compute(move || {
                local.forget_sessions(&ended);
                local.remember_head(head);
            })
            .await;
        Ok(Committed { number, snapshot: commit.snapshot })
    }

    fn describe_commit(&self, snapshot: Snapshot) -> Commit {
        let mut packs: BTreeSet<PackId> = (0..self.packer.packs_begun())
            .map(|number| PackId { session: self.id, number })
            .collect();
        let mut runs = Vec::new();
        if self.runs_written > 0 {
            runs.push(SessionRange { session: self.id, first: 0, end: self.runs_written });
        }
        for adopted in &self.adopted {
            packs.extend(&adopted.packs);
            if adopted.runs > 0 {
                runs.push(SessionRange { session: adopted.session, first: 0, end: adopted.runs });
            }
        }
        Commit {
            session: self.id,
            adopted: self.adopted.iter().map(|adopted| adopted.session).collect(),
            packs: ranges_of(&packs),
            runs,
            leans: ranges_of(&self.leans),
            bases: self.bases.iter().copied().collect(),
            snapshot,
        }
    }
}

/// Appends the commit, once what it relies on was found to stand before it.
async fn append(
    repository: &Repository,
    commit: &mut Commit,
    tail_end: Option<TailMark>,
) -> Result<u64, SessionError> {
    let mut ledger = repository.ledger().await;
    // Mostly nothing was appended since the session began; if something was, storage says so.
    let mut prefix = ledger.prefix_so_far()?;
    loop {
        // Rule 4, against exactly the entries before this one.
        let state = prefix.state();
        let sessions = commit.adopted.iter().chain([&commit.session]);
        let is_kept = |base: &SnapshotId| {
            let found = state.snapshots.get(base);
            found.is_some_and(|found| found.status != SnapshotStatus::Released)
        };
        if sessions.into_iter().any(|session| has_ended(state, *session))
            || !commit.bases.iter().all(is_kept)
            || !commit.leans.iter().all(|range| covers(&state.packs, *range))
        {
            return Err(SessionError::Overtaken);
        }
        // A follower that came meanwhile goes on from the tail, and captures again what the snapshot
        // has beyond it.
        let is_newest = |mark: TailMark| {
            let newest = state.tails.iter().filter_map(|tail| tail.epochs.last());
            newest.into_iter().any(|epoch| epoch.session == mark.session)
        };
        if tail_end.is_some_and(|mark| !is_newest(mark)) {
            commit.snapshot.tail = None;
        }
        let body = EntryBody::from(commit.clone());
        if let Appended::At(number) = prefix.append(body).await? {
            return Ok(number);
        }
        prefix = ledger.prefix(None).await?;
    }
}
