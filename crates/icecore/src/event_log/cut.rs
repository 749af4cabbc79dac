//! Cutting: which consecutive events become one chunk.
//!
//! Where a chunk ends follows from the records alone: after a record that is a boundary once the
//! chunk has its minimum, before one that would make it larger than its maximum, and after one whose
//! payload is chunked by itself, so that nobody holds many of those for one chunk. So what is cut
//! differently once is cut the same again a few chunks later.
//!
//! Format: docs/format.md, "Event chunks".

use crate::source::EventBatch;
use icecore_format::config::ChunkBytes;
use icecore_format::event::{Boundary, Commit, Event, Payload};
use icecore_format::limits::PAYLOAD_INLINE_BYTES_MAX;
use icecore_format::record::{DecodeError, Reader};
use std::ops::Range;
use std::sync::Arc;

/// How errors call a batch.
const BATCH: &str = "the source's batch";

/// A batch, and for each event what cutting needs to know.
#[derive(Debug)]
pub(super) struct CuttableBatch {
    pub(super) batch: EventBatch,
    /// For each event, the length that it counts with, in bytes: without a payload that is chunked
    /// by itself.
    bytes: Vec<u32>,
    /// For each event, where a chunk ends by it.
    ends: Vec<ChunkEnd>,
    /// For each event, the hash of its record.
    pub(super) hashes: Vec<u64>,
    /// For each of the batch's transactions, events up to its last.
    commit_ends: Vec<usize>,
}

/// Whether a chunk ends after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkEnd {
    /// Not because of this event.
    No,
    /// Once it has its minimum: the record is a boundary.
    AtMinimum,
    /// However short it is: the payload is chunked by itself.
    Always,
}

impl CuttableBatch {
    /// Looks at every record: CPU work for the pool.
    pub(super) fn new(batch: EventBatch, boundary: &Boundary) -> Result<Self, DecodeError> {
        let mut bytes = Vec::with_capacity(batch.record_ends.len());
        let mut ends = Vec::with_capacity(batch.record_ends.len());
        let mut hashes = Vec::with_capacity(batch.record_ends.len());
        for index in 0..batch.record_ends.len() {
            let body = record_body(&batch, index)?;
            let counted = counted_bytes(body)?;
            let hash = boundary.hash(body);
            bytes.push(counted);
            hashes.push(hash);
            ends.push(if counted as usize != body.len() {
                ChunkEnd::Always
            } else if boundary.is_after(hash, body.len()) {
                ChunkEnd::AtMinimum
            } else {
                ChunkEnd::No
            });
        }
        let commit_ends = batch.commits.iter().scan(0, |end, commit| {
            *end += commit.events as usize;
            Some(*end)
        });
        let commit_ends: Vec<usize> = commit_ends.collect();
        if commit_ends.last().is_some_and(|end| *end != hashes.len()) {
            let (record, what) = (BATCH, "its transactions do not add up to its events");
            return Err(DecodeError::Malformed { record, what });
        }
        Ok(Self { batch, bytes, ends, hashes, commit_ends })
    }

    /// The transaction that wrote an event, if it is known.
    pub(super) fn commit(&self, index: usize) -> Option<Commit> {
        let commit = self.commit_ends.partition_point(|end| *end <= index);
        self.batch.commits.get(commit).and_then(|run| run.commit)
    }

    /// Whether a chunk must end within it for its size: a payload is chunked by itself.
    pub(super) fn has_large_payload(&self) -> bool {
        self.ends.contains(&ChunkEnd::Always)
    }

    /// The length of its records, in bytes.
    pub(super) fn record_bytes(&self) -> u64 {
        self.batch.records.len() as u64
    }
}

/// The body of a record in a batch.
pub(super) fn record_body(batch: &EventBatch, index: usize) -> Result<&[u8], DecodeError> {
    let record = BATCH;
    let end = batch.record_ends.get(index).copied();
    let first = if index == 0 { Some(0) } else { batch.record_ends.get(index - 1).copied() };
    let bytes = first
        .zip(end)
        .and_then(|(first, end)| batch.records.get(first..end))
        .ok_or(DecodeError::Malformed { record, what: "its records do not fit their ends" })?;
    let mut reader = Reader::new(record, bytes);
    let body = reader.bytes()?;
    reader.finish()?;
    Ok(body)
}

fn counted_bytes(body: &[u8]) -> Result<u32, DecodeError> {
    let mut counted = body.len();
    if counted > PAYLOAD_INLINE_BYTES_MAX
        && let Payload::Inline(payload) = Event::decode_body(body)?.payload
        && payload.len() > PAYLOAD_INLINE_BYTES_MAX
    {
        counted -= payload.len();
    }
    Ok(counted as u32)
}

/// Consecutive events of one batch.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) batch: Arc<CuttableBatch>,
    pub(super) events: Range<usize>,
}

impl Piece {
    /// The length of its records, in bytes.
    pub(super) fn record_bytes(&self) -> u64 {
        let ends = &self.batch.batch.record_ends;
        let end = |events: usize| events.checked_sub(1).map_or(0, |last| ends[last]);
        (end(self.events.end) - end(self.events.start)) as u64
    }
}

/// Consecutive events that become one chunk.
pub(super) type Cut = Vec<Piece>;

/// Cuts batches, in order.
#[derive(Debug)]
pub(super) struct Cutter {
    sizes: ChunkBytes,
    open: Cut,
    open_bytes: u64,
}

impl Cutter {
    pub(super) fn new(sizes: ChunkBytes) -> Self {
        Self { sizes, open: Vec::new(), open_bytes: 0 }
    }

    /// Adds a batch; the chunks that it completes.
    pub(super) fn add(&mut self, batch: CuttableBatch) -> Vec<Cut> {
        let batch = Arc::new(batch);
        let (min, max) = (u64::from(self.sizes.min), u64::from(self.sizes.max));
        let (mut cuts, mut first) = (Vec::new(), 0);
        for index in 0..batch.bytes.len() {
            let bytes = u64::from(batch.bytes[index]);
            if self.open_bytes > 0 && self.open_bytes + bytes > max {
                cuts.extend(self.close(&batch, first..index));
                first = index;
            }
            self.open_bytes += bytes;
            let ends = match batch.ends[index] {
                ChunkEnd::No => false,
                ChunkEnd::AtMinimum => self.open_bytes >= min,
                ChunkEnd::Always => true,
            };
            if ends || self.open_bytes >= max {
                cuts.extend(self.close(&batch, first..index + 1));
                first = index + 1;
            }
        }
        let rest = first..batch.bytes.len();
        if !rest.is_empty() {
            self.open.push(Piece { batch, events: rest });
        }
        cuts
    }

    /// The events after the last cut.
    pub(super) fn finish(self) -> Option<Cut> {
        (!self.open.is_empty()).then_some(self.open)
    }

    fn close(&mut self, batch: &Arc<CuttableBatch>, events: Range<usize>) -> Option<Cut> {
        if !events.is_empty() {
            self.open.push(Piece { batch: batch.clone(), events });
        }
        self.open_bytes = 0;
        let cut = std::mem::take(&mut self.open);
        (!cut.is_empty()).then_some(cut)
    }
}
