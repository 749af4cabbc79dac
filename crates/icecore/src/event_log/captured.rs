//! Events that were captured by a follower, as the chunks of a flush: cut as all others are, but
//! for the last, which ends where the flush does.

use super::chunk;
use super::cut::{CuttableBatch, Cutter};
use super::rest::captured_batch;
use super::writer::from_source;
use crate::session::NewChunk;
use crate::source::{EventBatch, SourceError, UnparsedBatch};
use bytes::Bytes;
use icecore_format::ChunkKind;
use icecore_format::config::Config;
use icecore_format::event::Boundary;
use icecore_format::event_log::{SegmentChunk, Span};
use icecore_format::keys::KeySet;
use icecore_format::record::DecodeError;
use std::collections::HashMap;

/// The chunks of a flush.
#[derive(Clone, Debug, Default)]
pub(crate) struct CapturedChunks {
    /// How a log lists them.
    pub(crate) entries: Vec<SegmentChunk>,
    /// What they span; no segments.
    pub(crate) span: Span,
    /// The chunks themselves.
    pub(crate) chunks: Vec<NewChunk>,
    /// What of the source they stand for, in bytes.
    pub(crate) source_bytes: u64,
}

impl CapturedChunks {
    /// Parses and cuts what a source gave: CPU work for the pool.
    pub(crate) fn of(
        batches: Vec<UnparsedBatch>,
        keys: &KeySet,
        config: &Config,
    ) -> Result<Self, SourceError> {
        Self::cut(batches.into_iter().map(UnparsedBatch::parse), keys, config)
    }

    /// The events of consecutive flushes as those of one: fewer chunks, as each of these ends where its
    /// flush does. CPU work for the pool.
    pub(crate) fn together<'a>(
        flushes: impl Iterator<Item = &'a Self>,
        keys: &KeySet,
        config: &Config,
    ) -> Result<Self, SourceError> {
        let batches = flushes.flat_map(|flush| {
            let batch_of = |entry: &SegmentChunk| flush.batch(entry).map_err(from_source);
            flush.entries.iter().map(batch_of)
        });
        Self::cut(batches, keys, config)
    }

    fn cut(
        batches: impl Iterator<Item = Result<EventBatch, SourceError>>,
        keys: &KeySet,
        config: &Config,
    ) -> Result<Self, SourceError> {
        let boundary = Boundary::new(&keys.boundary_key(), config.events);
        let mut cutter = Cutter::new(config.events);
        let (mut cuts, mut source_bytes) = (Vec::new(), 0);
        for batch in batches {
            let mut batch = batch?;
            if let Some(stream) = batch.defects.pop() {
                // To go on without it would be to skip it.
                return Err(stream.defect);
            }
            source_bytes += batch.source_bytes;
            cuts.extend(cutter.add(CuttableBatch::new(batch, &boundary).map_err(from_source)?));
        }
        cuts.extend(cutter.finish());
        let mut captured = Self { source_bytes, ..Self::default() };
        for cut in cuts {
            let ready = chunk::build(&cut, keys, &boundary, config.data).map_err(from_source)?;
            captured.entries.push(ready.entry);
            captured.span.add(&ready.span);
            captured.chunks.extend(ready.chunks);
        }
        Ok(captured)
    }

    /// The events of one of its chunks.
    fn batch(&self, entry: &SegmentChunk) -> Result<EventBatch, DecodeError> {
        let find = |kind, id| {
            let mut chunks = self.chunks.iter();
            chunks.find(|chunk| chunk.kind == kind && chunk.id == id).map(|it| &it.plaintext[..])
        };
        let records = find(ChunkKind::Events, entry.records).unwrap_or_default();
        let beside = entry.beside.and_then(|id| find(ChunkKind::Beside, id));
        let mut payloads = HashMap::new();
        if entry.payload_bytes > 0 {
            let large = self.chunks.iter().filter(|chunk| chunk.kind == ChunkKind::Data);
            payloads.extend(large.map(|it| (it.id, Bytes::copy_from_slice(&it.plaintext))));
        }
        captured_batch(*entry, records, beside, &payloads)
    }

    /// The chunks themselves, in bytes.
    pub(crate) fn plaintext_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.plaintext.len()).sum()
    }
}
