//! The open region of a log: the segments that hold the chunks since the last closed one.
//!
//! Each backup adds a segment of its own, merged with those before it that are not much larger, so
//! there are few of them and none is written often. When the region is as long as a closed segment,
//! all of them become that.

use super::chunk::ReadyChunk;
use super::kept::KeptSegment;
use super::segment::{ReadySegment, SegmentBuilder, is_closed_after};
use crate::environment::Environment;
use crate::error::ReadError;
use icecore_format::event::Boundary;
use icecore_format::event_log::{Span, Subtree};
use icecore_format::keys::KeySet;
use std::sync::Arc;

/// How much larger an open segment is than the next, at least.
const GROWTH: u64 = 4;

/// The open segments, and the one that is being filled.
#[derive(Debug, Default)]
pub(super) struct OpenRegion {
    segments: Vec<KeptSegment>,
    filling: SegmentBuilder,
    /// What all of them span.
    span: Span,
}

impl OpenRegion {
    pub(super) fn new(segments: Vec<KeptSegment>) -> Self {
        let mut span = Span::default();
        for segment in &segments {
            span.add(segment.span());
        }
        Self { segments, filling: SegmentBuilder::default(), span }
    }

    /// Adds a chunk; whether the region is to be closed after it.
    pub(super) fn add(&mut self, chunk: &ReadyChunk) -> bool {
        self.filling.add(chunk);
        self.span.add(&chunk.span);
        is_closed_after(&self.span, chunk.entry.records)
    }

    /// Makes a closed segment of all of it.
    pub(super) async fn close(
        &mut self,
        environment: &Environment,
        keys: &Arc<KeySet>,
        boundary: Boundary,
    ) -> Result<ReadySegment, ReadError> {
        self.span = Span::default();
        let merged = std::mem::take(&mut self.segments);
        self.merge(merged, environment, keys, boundary).await
    }

    /// Completes the segment that was being filled, if it has anything, together with those before
    /// it that are not much larger.
    pub(super) async fn finish(
        &mut self,
        environment: &Environment,
        keys: &Arc<KeySet>,
        boundary: Boundary,
    ) -> Result<Option<ReadySegment>, ReadError> {
        if self.filling.span().chunks == 0 {
            return Ok(None);
        }
        let mut size = self.filling.span().streams_of_chunks;
        let mut first = self.segments.len();
        while let Some(before) = first.checked_sub(1).and_then(|index| self.segments.get(index))
            && before.span().streams_of_chunks < GROWTH * size
        {
            size += before.span().streams_of_chunks;
            first -= 1;
        }
        let merged = self.segments.split_off(first);
        let ready = self.merge(merged, environment, keys, boundary).await?;
        self.segments.push(KeptSegment::new(&ready));
        Ok(Some(ready))
    }

    /// The open segments.
    pub(super) fn subtrees(&self) -> Vec<Subtree> {
        self.segments.iter().map(|segment| segment.subtree).collect()
    }

    pub(super) fn into_kept(self) -> Vec<KeptSegment> {
        self.segments
    }

    /// One segment of `merged` and the one that was being filled.
    async fn merge(
        &mut self,
        merged: Vec<KeptSegment>,
        environment: &Environment,
        keys: &Arc<KeySet>,
        boundary: Boundary,
    ) -> Result<ReadySegment, ReadError> {
        let (mut builder, keys) = (std::mem::take(&mut self.filling), keys.clone());
        let built = environment.compute(move || {
            let hash = |stream: &str| boundary.hash(stream.as_bytes());
            for kept in merged.iter().rev() {
                let (segment, entries) = kept
                    .decode()
                    .map_err(|source| ReadError::ChunkMalformed { id: kept.subtree.id, source })?;
                builder.prepend(kept.span(), &segment, entries, hash);
            }
            Ok(builder.finish(&keys))
        });
        built.await
    }
}
