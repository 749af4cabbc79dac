//! Where a tail stands: what counts of it, and where its source can be gone on from.

use super::reader::{EpochReader, Found};
use crate::error::ReadError;
use crate::repository::Repository;
use icecore_format::SnapshotId;
use icecore_format::checkpoint::{EpochState, LedgerState, TailState};
use icecore_format::event_log::Span;
use icecore_format::ledger::body::{FollowedSource, TailStart};
use icecore_format::tail::Flush;

/// Where a tail stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// The snapshot that it goes on from.
    pub(crate) base: SnapshotId,
    /// What was captured since.
    pub(crate) total: Span,
    /// Where the source can be gone on from, and what else is needed for that; nothing if nothing
    /// was captured since the snapshot.
    pub(crate) resume: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The tail of a source.
pub(crate) fn find<'a>(state: &'a LedgerState, source: &FollowedSource) -> Option<&'a TailState> {
    state.tails.iter().find(|tail| tail.source == *source)
}

/// The epochs of a tail since the newest snapshot that one of them starts at, and that snapshot.
pub(crate) fn chain(tail: &TailState) -> Option<(SnapshotId, &[EpochState])> {
    let (first, base) =
        tail.epochs.iter().enumerate().rev().find_map(|(number, epoch)| match epoch.start {
            TailStart::Snapshot(base) => Some((number, base)),
            TailStart::Before => None,
        })?;
    Some((base, &tail.epochs[first..]))
}

impl Standing {
    /// Where the tail stands, if `end` objects of its newest epoch count.
    pub(crate) async fn of(
        repository: &Repository,
        tail: &TailState,
        end: u64,
    ) -> Result<Option<Self>, ReadError> {
        let Some((base, epochs)) = chain(tail) else { return Ok(None) };
        let newest = epochs.last().map(|epoch| epoch.session);
        for epoch in epochs.iter().rev() {
            let is_newest = Some(epoch.session) == newest;
            let objects = if is_newest { end } else { epoch.end.unwrap_or(0) };
            let reader = EpochReader::new(repository, epoch);
            if let Some(number) = objects.checked_sub(1) {
                let Flush { total, resume, kept, .. } = *reader.flush(number).await?.flush;
                let resume = resume.map(|resume| (resume, kept));
                return Ok(Some(Self { base, total, resume }));
            }
        }
        Ok(Some(Self { base, total: Span::default(), resume: None }))
    }
}

/// How many of an epoch's first `objects` objects count: the source can be gone on from after the
/// last of them. A follower that ended in the middle of what the source gave at once left more.
pub(crate) async fn complete(reader: &EpochReader, objects: u64) -> Result<u64, ReadError> {
    let mut count = objects;
    while let Some(last) = count.checked_sub(1) {
        match reader.read(last).await? {
            Found::Flush(found) if found.flush.resume.is_some() => break,
            Found::Flush(_) | Found::Terminator => count = last,
            // Nobody knows what it was: it is not passed over.
            Found::Missing | Found::Damaged(_) => break,
        }
    }
    Ok(count)
}
