//! A snapshot and the tail after it, as one event log: the chunks of the tail follow the snapshot's.

use super::chunks::TailChunks;
use super::reader::{EpochReader, FoundFlush};
use super::scan::{Scanned, scan};
use super::standing::{chain, complete};
use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::repository::Repository;
use futures::stream::StreamExt as _;
use icecore_format::checkpoint::{EpochState, TailState};
use icecore_format::event_log::{EventLogRoot, SegmentChunk, Span};
use icecore_format::pack::PackKey;
use icecore_format::record::DecodeError;
use icecore_format::snapshot::Snapshot;
use icecore_format::tail::pack_of;
use icecore_format::{PackClass, SnapshotId, Timestamp};
use std::sync::Arc;

/// What a tail has, object by object, as far as nothing is missing.
pub(crate) struct TailLog {
    /// The snapshot that it goes on from.
    pub(crate) base: SnapshotId,
    /// What was captured since.
    pub(crate) total: Span,
    /// When the last flush was sealed.
    pub(crate) last_flush: Option<Timestamp>,
    /// Where it ends before its end.
    pub(crate) gap: Option<TailGap>,
    flushes: Vec<SegmentChunk>,
    chunks: Arc<TailChunks>,
}

/// An object of a tail that is missing or damaged: nothing after it follows what is before it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Reads all of a tail that counts.
    pub(crate) async fn read(
        repository: &Repository,
        tail: &TailState,
    ) -> Result<Option<Self>, ReadError> {
        let Some((base, epochs)) = chain(tail) else { return Ok(None) };
        let mut log = Self {
            base,
            total: Span::default(),
            last_flush: None,
            gap: None,
            flushes: Vec::new(),
            chunks: Arc::new(TailChunks::new(
                repository.environment.clone(),
                repository.keys.clone(),
            )),
        };
        for epoch in epochs {
            if log.gap.is_none() {
                log.add(repository, epoch).await?;
            }
        }
        Ok(Some(log))
    }

    async fn add(&mut self, repository: &Repository, epoch: &EpochState) -> Result<(), ReadError> {
        let reader = EpochReader::new(repository, epoch);
        let objects = match epoch.end {
            Some(end) => end,
            None => complete(&reader, reader.extent().await?.objects).await?,
        };
        if objects == 0 {
            return Ok(());
        }
        let key = open_key(repository, epoch).await?;
        let chunks = Arc::get_mut(&mut self.chunks).expect("nobody reads it yet");
        let place = chunks.add_epoch(reader.clone(), key);
        let mut scanned = std::pin::pin!(scan(&reader, objects));
        while let Some(found) = scanned.next().await {
            match (found?, &mut self.gap) {
                ((number, Scanned::Flush(found)), None) => self.take(place, number, found),
                ((_, Scanned::Flush(found)), Some(gap)) => {
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

    fn take(&mut self, place: usize, number: u64, found: FoundFlush) {
        self.total.add(&found.flush.span);
        self.last_flush = Some(found.flush.time);
        self.flushes.extend(&found.flush.chunks);
        let chunks = Arc::get_mut(&mut self.chunks).expect("nobody reads it yet");
        chunks.add_flush(place, number, found);
    }

    /// The log of the snapshot that it goes on from, and all of the tail.
    pub(crate) fn after(&self, base: &Snapshot) -> EventLogRoot {
        let mut root = base.event_log.clone().unwrap_or_default();
        root.tail.extend(&self.flushes);
        root.tail_span.add(&self.total);
        root
    }

    /// A reader of chunks that finds those of the tail, too.
    pub(crate) fn reader(&self, chunks: ChunkReader) -> ChunkReader {
        chunks.with_tail(self.chunks.clone())
    }
}

/// The key of an epoch's events, if the role of the repository's keys can have it.
pub(crate) async fn open_key(
    repository: &Repository,
    epoch: &EpochState,
) -> Result<PackKey, ReadError> {
    let class = PackClass::Data;
    let (keys, session, header) = (repository.keys.clone(), epoch.session, epoch.header.clone());
    let role = keys.role;
    let opened = repository.environment.compute(move || {
        let private = keys.private(class)?;
        Some(PackKey::open(&keys.repository, pack_of(session), class, private, &header))
    });
    let opened: Option<Result<PackKey, DecodeError>> = opened.await;
    let object = || ObjectRole::Ledger(epoch.number).object_name();
    opened
        .ok_or(ReadError::NotAllowed { role, class })?
        .map_err(|source| ReadError::Damaged { object: object(), source })
}
