//! A snapshot and the tail after it, as one event log: the chunks of the tail follow the snapshot's.

use super::chunks::TailChunks;
use super::keys;
use super::reader::{EpochReader, FoundFlush};
use super::scan::{Scanned, scan_events};
use super::standing::complete;
use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::repository::Repository;
use bytes::Bytes;
use futures::stream::StreamExt as _;
use icecore_format::checkpoint::EpochState;
use icecore_format::event_log::{EventLogRoot, SegmentChunk, Span};
use icecore_format::ledger::body::TailMark;
use icecore_format::snapshot::Snapshot;
use icecore_format::tail::Flush;
use icecore_format::{ChunkId, ChunkKind, PackClass, Timestamp};
use std::sync::Arc;

/// What a tail has, object by object, as far as nothing is missing.
pub(crate) struct TailLog {
    /// What was captured since.
    pub(crate) total: Span,
    /// Where the source can be gone on from after it, and what that needs; `None` if there is
    /// nothing in it.
    pub(crate) resume: Option<(Vec<u8>, Option<Vec<u8>>)>,
    /// When the last flush was sealed.
    pub(crate) last_flush: Option<Timestamp>,
    /// Where it ends before its end.
    pub(crate) gap: Option<TailGap>,
    flushes: Vec<SegmentChunk>,
    chunks: Arc<TailChunks>,
}

/// An object of a tail that is missing or damaged: nothing after it follows what is before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TailGap {
    /// The object.
    pub object: String,
    /// What is wrong with it.
    pub reason: String,
    /// The newest time at which an event before it was recorded.
    pub last_time: Option<Timestamp>,
    /// When the last object before it was sealed.
    pub before: Option<Timestamp>,
    /// When the next object after it that can be read was sealed.
    pub after: Option<Timestamp>,
}

impl TailLog {
    /// Reads what counts of a chain of epochs, from a place in it, or from its start, up to a place in
    /// its newest epoch, or to its end.
    pub(crate) async fn read(
        repository: &Repository,
        epochs: &[EpochState],
        from: Option<TailMark>,
        end: Option<TailMark>,
    ) -> Result<Self, ReadError> {
        let mut log = Self {
            total: Span::default(),
            resume: None,
            last_flush: None,
            gap: None,
            flushes: Vec::new(),
            chunks: Arc::new(TailChunks::new(
                repository.environment.clone(),
                repository.keys.clone(),
            )),
        };
        let mut is_reached = from.is_none();
        for epoch in epochs {
            let is_first = from.is_some_and(|mark| mark.session == epoch.session);
            is_reached |= is_first;
            if log.gap.is_some() || !is_reached {
                continue;
            }
            let first = from.filter(|_| is_first).map_or(0, |mark| mark.objects);
            let known = end.filter(|mark| mark.session == epoch.session);
            let objects = known.map(|mark| mark.objects).or(epoch.end);
            log.add(repository, epoch, first, objects).await?;
        }
        Ok(log)
    }

    /// Adds the flushes of an epoch from `first` on, of which `objects` count, if that is known.
    async fn add(
        &mut self,
        repository: &Repository,
        epoch: &EpochState,
        first: u64,
        objects: Option<u64>,
    ) -> Result<(), ReadError> {
        let reader = EpochReader::new(repository, epoch);
        let objects = match objects {
            Some(objects) => objects,
            None => complete(&reader, reader.objects_remembered().await?).await?,
        };
        if objects <= first {
            return Ok(());
        }
        let key = keys::open(repository, epoch).await?;
        let chunks = Arc::get_mut(&mut self.chunks).expect("nobody reads it yet");
        let place = chunks.add_epoch(reader.clone(), key);
        let mut scanned = std::pin::pin!(scan_events(&reader, first..objects));
        while let Some(found) = scanned.next().await {
            match (found?, &mut self.gap) {
                ((number, Scanned::Flush(found)), None) => {
                    let (chunks, span) = (found.flush.chunks.clone(), found.flush.span);
                    self.take(place, number, found, &chunks, &span);
                }
                ((number, Scanned::Repeat(found, repeat)), None) => {
                    self.take(place, number, found, &repeat.chunks, &repeat.span);
                }
                ((_, Scanned::Flush(found) | Scanned::Repeat(found, _)), Some(gap)) => {
                    // Only to say what is beyond the gap.
                    gap.after = Some(found.flush.time);
                    break;
                }
                ((number, Scanned::Gap(reason)), gap @ None) => {
                    *gap = Some(TailGap {
                        object: reader.name(number).to_string(),
                        reason,
                        last_time: self.total.last_time,
                        before: self.last_flush,
                        after: None,
                    });
                }
                ((_, Scanned::Gap(_)), Some(_)) => {}
            }
        }
        Ok(())
    }

    /// Adds chunks of an object, which span `span`.
    fn take(
        &mut self,
        place: usize,
        number: u64,
        found: FoundFlush,
        chunks: &[SegmentChunk],
        span: &Span,
    ) {
        self.total.add(span);
        let Flush { resume, kept, .. } = &*found.flush;
        self.resume = resume.clone().map(|resume| (resume, kept.clone())).or(self.resume.take());
        self.last_flush = Some(found.flush.time);
        self.flushes.extend(chunks);
        let chunks = Arc::get_mut(&mut self.chunks).expect("nobody reads it yet");
        chunks.add_flush(place, number, found);
    }

    /// How a log lists its chunks of events, in order.
    pub(crate) fn chunks(&self) -> &[SegmentChunk] {
        &self.flushes
    }

    /// A chunk of it.
    pub(super) async fn read_chunk(
        &self,
        kind: ChunkKind,
        id: ChunkId,
    ) -> Result<Bytes, ReadError> {
        debug_assert_eq!(kind.class(), PackClass::Data);
        self.chunks.read(id).await?.ok_or(ReadError::ChunkMissing { id })
    }

    /// The log of the snapshot that it goes on from, and all of the tail.
    pub(crate) fn after(&self, base: &Snapshot) -> EventLogRoot {
        let mut root = base.event_log.clone().unwrap_or_default();
        root.rest.extend(&self.flushes);
        root.rest_span.add(&self.total);
        root
    }

    /// A reader of chunks that finds those of the tail, too.
    pub(crate) fn reader(&self, chunks: ChunkReader) -> ChunkReader {
        chunks.with_tail(self.chunks.clone())
    }
}

impl std::fmt::Debug for TailLog {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TailLog({} events)", self.total.events)
    }
}
