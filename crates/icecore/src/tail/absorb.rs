//! What a backup takes from its source's tail, instead of reading it again.

use super::log::TailLog;
use super::open::{end, is_alive};
use super::reader::EpochReader;
use super::standing::{chain, complete, find, is_trimmed_after};
use crate::error::ReadError;
use crate::event_log::{captured_batch, payloads_of};
use crate::repository::Repository;
use crate::selection::StreamSelection;
use crate::source::{EventReader, Proof, Reading, SourceEnd, SourceError, UnparsedBatch};
use async_trait::async_trait;
use icecore_format::event_log::SegmentChunk;
use icecore_format::ledger::body::TailMark;
use icecore_format::random::random_bytes;
use icecore_format::snapshot::Snapshot;
use icecore_format::{ChunkKind, SessionId};
use std::collections::HashMap;

/// The tail after a snapshot, as a backup of the same source, host and streams finds it.
pub(crate) struct Absorbable {
    /// What was captured since the snapshot.
    pub(crate) log: TailLog,
    /// The place that it ends at.
    pub(crate) mark: TailMark,
    /// Whether its follower may put more. If not, none can: the epoch has a terminator.
    pub(crate) is_alive: bool,
}

/// The tail after `base`, if it goes on from there, was captured on this host, and all of it can be
/// read here.
pub(crate) async fn absorbable(
    repository: &Repository,
    base: &Snapshot,
) -> Result<Option<Absorbable>, ReadError> {
    let state = repository.state().await;
    let Some(tail) = find(&state, &base.followed()) else { return Ok(None) };
    let Some((start, epochs)) = chain(tail) else { return Ok(None) };
    let is_in_chain = |mark: TailMark| epochs.iter().any(|epoch| epoch.session == mark.session);
    let from = base.tail.filter(|mark| is_in_chain(*mark));
    // What is not there any more, a newer snapshot has, and this one is not it.
    if (from.is_none() && start != base.id) || is_trimmed_after(epochs, from) {
        return Ok(None);
    }
    let Some(newest) = epochs.last().filter(|epoch| epoch.host == base.host) else {
        return Ok(None);
    };
    let alive = is_alive(repository, newest).await != Some(false);
    let objects = if alive {
        let reader = EpochReader::new(repository, newest);
        complete(&reader, reader.objects().await?).await?
    } else {
        let random = random_bytes(&*repository.environment.random);
        let nobody = SessionId { head: state.next, random };
        match end(repository, newest, nobody).await {
            Ok(mark) => mark.objects,
            Err(error) => {
                tracing::warn!(%error, "the tail is not used");
                return Ok(None);
            }
        }
    };
    let mark = TailMark { session: newest.session, objects };
    let log = match TailLog::read(repository, epochs, from, Some(mark)).await {
        Ok(log) if log.gap.is_none() => log,
        Ok(_) => return Ok(None),
        Err(error @ ReadError::NotAllowed { .. }) => {
            tracing::info!(%error, "the tail was captured elsewhere, and is not used");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    Ok(Some(Absorbable { log, mark, is_alive: alive }))
}

impl Absorbable {
    /// Gives the events of the tail as a source would.
    pub(crate) fn reader(&self) -> CapturedReader<'_> {
        CapturedReader {
            log: &self.log,
            next: 0,
            reading: Reading::Further(Proof::Identified { events: self.log.total.events }),
        }
    }
}

/// Reads the events of a tail.
pub(crate) struct CapturedReader<'a> {
    log: &'a TailLog,
    next: usize,
    reading: Reading,
}

#[async_trait]
impl EventReader for CapturedReader<'_> {
    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn bytes_expected(&self) -> Option<u64> {
        Some(self.log.total.record_bytes)
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        let Some(entry) = self.log.chunks().get(self.next).copied() else { return Ok(None) };
        self.next += 1;
        let captured = self.log.captured(&entry).await.map_err(unreadable)?;
        let bytes = u64::from(entry.record_bytes) + entry.payload_bytes;
        Ok(Some(UnparsedBatch::new(bytes, move || {
            let Captured { records, beside, payloads } = captured;
            captured_batch(entry, &records, beside.as_deref(), &payloads).map_err(unreadable)
        })))
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        Ok(SourceEnd::default())
    }
}

/// The chunks of consecutive events.
pub(super) struct Captured {
    records: bytes::Bytes,
    beside: Option<bytes::Bytes>,
    payloads: HashMap<icecore_format::ChunkId, bytes::Bytes>,
}

impl TailLog {
    /// The chunks that an entry names.
    async fn captured(&self, entry: &SegmentChunk) -> Result<Captured, ReadError> {
        let records = self.read_chunk(ChunkKind::Events, entry.records).await?;
        let beside = match entry.beside {
            Some(id) => Some(self.read_chunk(ChunkKind::Beside, id).await?),
            None => None,
        };
        let mut payloads = HashMap::new();
        if entry.payload_bytes > 0 {
            let malformed = |source| ReadError::ChunkMalformed { id: entry.records, source };
            for id in payloads_of(&records, &StreamSelection::default()).map_err(malformed)? {
                payloads.insert(id, self.read_chunk(ChunkKind::Data, id).await?);
            }
        }
        Ok(Captured { records, beside, payloads })
    }
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    let kind = crate::source::SourceErrorKind::Unreadable;
    SourceError::new(kind, "cannot read the source's tail in the repository").because(error)
}
