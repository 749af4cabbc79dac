//! Events that were captured by a follower, as the chunks of a flush: cut as all others are, but
//! for the last, which ends where the flush does.

use super::chunk;
use super::cut::{CuttableBatch, Cutter};
use super::writer::from_source;
use crate::session::NewChunk;
use crate::source::{SourceError, UnparsedBatch};
use icecore_format::config::Config;
use icecore_format::event::Boundary;
use icecore_format::event_log::{SegmentChunk, Span};
use icecore_format::keys::KeySet;

/// The chunks of a flush.
#[derive(Debug, Default)]
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
        let boundary = Boundary::new(&keys.boundary_key(), config.events);
        let mut cutter = Cutter::new(config.events);
        let (mut cuts, mut source_bytes) = (Vec::new(), 0);
        for batch in batches {
            let mut batch = batch.parse()?;
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
}
