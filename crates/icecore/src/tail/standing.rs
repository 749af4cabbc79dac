//! Where a tail stands: what counts of it, and where its source can be gone on from.

use super::reader::{EpochReader, Found};
use crate::error::ReadError;
use crate::repository::Repository;
use icecore_format::SnapshotId;
use icecore_format::checkpoint::{
    EpochState, LedgerState, SnapshotState, SnapshotStatus, TailState,
};
use icecore_format::event_log::Span;
use icecore_format::ledger::body::{FollowedSource, TailMark, TailStart};
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

/// Epochs of a tail from one that starts at a snapshot to before the next that does, and that snapshot.
pub(crate) type Chain<'a> = (SnapshotId, &'a [EpochState]);

/// The chains of a tail, oldest first.
pub(crate) fn chains(tail: &TailState) -> impl DoubleEndedIterator<Item = Chain<'_>> {
    let chains = tail.epochs.chunk_by(|_, next| next.start == TailStart::Before);
    chains.filter_map(|epochs| match epochs.first()?.start {
        TailStart::Snapshot(base) => Some((base, epochs)),
        TailStart::Before => None,
    })
}

/// The newest chain of a tail.
pub(crate) fn chain(tail: &TailState) -> Option<Chain<'_>> {
    chains(tail).next_back()
}

/// The chains of a tail with events that may be in no snapshot, oldest first: the newest, and those that
/// the source could not be gone on from, so that what came next began with another backup.
pub(crate) fn needed<'a>(state: &LedgerState, tail: &'a TailState) -> Vec<Chain<'a>> {
    let chains: Vec<_> = chains(tail).collect();
    let is_needed = |number: usize, (base, epochs): Chain<'_>| {
        let is_there = |it: &SnapshotState| it.status != SnapshotStatus::Released;
        let Some((next, _)) = chains.get(number + 1) else { return true };
        let absorbed = state.snapshots.get(next).and_then(|it| it.snapshot.tail);
        state.snapshots.get(&base).is_some_and(is_there)
            && epochs.iter().any(|epoch| epoch.end != Some(0))
            && !absorbed.is_some_and(|mark| epochs.iter().any(|it| it.session == mark.session))
    };
    let numbered = chains.iter().copied().enumerate();
    numbered.filter(|(number, chain)| is_needed(*number, *chain)).map(|(_, chain)| chain).collect()
}

/// Whether objects of these epochs are gone from a place in them on, or from their start.
pub(crate) fn is_trimmed_after(epochs: &[EpochState], from: Option<TailMark>) -> bool {
    let first = from.and_then(|from| epochs.iter().position(|it| it.session == from.session));
    let after = epochs.get(first.unwrap_or(0)..).unwrap_or_default();
    after.iter().any(|epoch| {
        let own = from.filter(|from| from.session == epoch.session);
        epoch.trimmed > own.map_or(0, |from| from.objects)
    })
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
