//! Event logs: segments of chunks in source order, each with a stream directory.
//!
//! A log has three parts. *Closed* segments follow from the events alone and never change; they
//! are the leaves of a Merkle mountain range whose peaks stand in the commit: full groups of peaks
//! become the children of a new node. *Open* segments hold the chunks since the last closed one,
//! and are merged as they become many. The *rest* is the events since the last chunk that is cut
//! for good. Who appends needs no node that is older than the open segments, and consecutive
//! snapshots share all but the last few.
//!
//! Format: docs/format.md, "Event logs".

mod page;

pub use page::{StreamEntry, StreamPage};

use crate::event::EventDigest;
use crate::id::ChunkId;
use crate::limits::SEGMENT_CHUNKS_MAX;
use crate::record::Record;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Peaks of one height that become one node of the next.
pub const NODE_CHILDREN: usize = 16;

/// Greatest height of a peak: a node above would have 2^64 segments below it.
pub const HEIGHT_MAX: u8 = 15;

/// What a part of an event log spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Segments.
    pub segments: u64,
    /// Chunks of records.
    pub chunks: u64,
    /// Streams of each chunk, added up over the chunks: bounds the stream directory.
    pub streams_of_chunks: u64,
    /// Events.
    pub events: u64,
    /// The length of their records, in bytes.
    pub record_bytes: u64,
    /// The smallest global position.
    pub first_position: Option<u64>,
    /// The largest global position.
    pub last_position: Option<u64>,
    /// The earliest recorded time.
    pub first_time: Option<Timestamp>,
    /// The latest recorded time.
    pub last_time: Option<Timestamp>,
    /// The earliest time of a commit, where those are known.
    pub first_commit: Option<Timestamp>,
    /// The latest time of a commit.
    pub last_commit: Option<Timestamp>,
    /// Events whose commit is known.
    pub commits_known: u64,
}

impl Span {
    /// Adds what `other` spans. Counts stop at the largest number there is: a node that somebody
    /// forged may claim anything.
    pub fn add(&mut self, other: &Self) {
        fn least<T: Ord + Copy>(a: Option<T>, b: Option<T>) -> Option<T> {
            a.into_iter().chain(b).min()
        }
        self.segments = self.segments.saturating_add(other.segments);
        self.chunks = self.chunks.saturating_add(other.chunks);
        self.streams_of_chunks = self.streams_of_chunks.saturating_add(other.streams_of_chunks);
        self.events = self.events.saturating_add(other.events);
        self.record_bytes = self.record_bytes.saturating_add(other.record_bytes);
        self.first_position = least(self.first_position, other.first_position);
        self.first_time = least(self.first_time, other.first_time);
        self.first_commit = least(self.first_commit, other.first_commit);
        self.last_commit = self.last_commit.max(other.last_commit);
        self.commits_known = self.commits_known.saturating_add(other.commits_known);
        self.last_position = self.last_position.max(other.last_position);
        self.last_time = self.last_time.max(other.last_time);
    }
}

/// A subtree: a segment (height 0) or a node of [`NODE_CHILDREN`] subtrees one lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subtree {
    /// Levels above the segments.
    pub height: u8,
    /// The segment's or node's chunk.
    pub id: ChunkId,
    /// What it spans.
    pub span: Span,
}

/// The root of an event log, kept in the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLogRoot {
    /// The peaks above the closed segments, from left to right; their heights never rise.
    pub peaks: Vec<Subtree>,
    /// The open segments: height 0.
    pub open: Vec<Subtree>,
    /// Chunks of the rest, in no segment and no stream directory.
    pub rest: Vec<SegmentChunk>,
    /// What the rest spans; no segments.
    pub rest_span: Span,
    /// Tells whether other events are the same ones in the same order.
    pub digest: EventDigest,
    /// What follows the last event in the source (white space, for NDJSON): a chunk of kind `Beside`.
    pub epilogue: Option<ChunkId>,
}

impl EventLogRoot {
    /// What the whole log spans.
    pub fn span(&self) -> Span {
        let mut span = self.rest_span;
        for subtree in self.peaks.iter().chain(&self.open) {
            span.add(&subtree.span);
        }
        span
    }

    /// Appends a closed segment. `make_node` stores a node and returns its id; it is called for each node
    /// that the segment completes, lowest first.
    pub fn push(&mut self, segment: Subtree, mut make_node: impl FnMut(LogNode) -> ChunkId) {
        self.peaks.push(segment);
        while let Some(children) = self.complete_group() {
            let height = children.first().map_or(0, |child| child.height) + 1;
            let mut span = Span::default();
            for child in &children {
                span.add(&child.span);
            }
            let id = make_node(LogNode { height, children });
            self.peaks.push(Subtree { height, id, span });
        }
    }

    /// Takes the last [`NODE_CHILDREN`] peaks, if they have one height and may have a node above.
    fn complete_group(&mut self) -> Option<Vec<Subtree>> {
        let start = self.peaks.len().checked_sub(NODE_CHILDREN)?;
        let height = self.peaks.last()?.height;
        if height >= HEIGHT_MAX {
            return None;
        }
        let group = self.peaks.get(start..)?;
        group.iter().all(|peak| peak.height == height).then(|| self.peaks.drain(start..).collect())
    }
}

/// An inner node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogNode {
    /// Levels above the segments, from 1.
    pub height: u8,
    /// The subtrees from left to right, all of height one less.
    pub children: Vec<Subtree>,
}

impl Record for LogNode {
    const NAME: &'static str = "the event log's node";
    const VERSION: u8 = 1;

    fn check(&self) -> Result<(), &'static str> {
        if self.children.len() != NODE_CHILDREN {
            return Err("it has not as many children as a node has");
        }
        let is_lower = |child: &Subtree| child.height.checked_add(1) == Some(self.height);
        if self.height > HEIGHT_MAX || !self.children.iter().all(is_lower) {
            return Err("its children are not one level below it");
        }
        Ok(())
    }
}

/// Consecutive events, as one unit of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The chunks in source order.
    pub chunks: Vec<SegmentChunk>,
    /// The pages of the stream directory, sorted by stream.
    pub directory: Vec<PageRef>,
}

/// One chunk of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentChunk {
    /// The records: a chunk of kind `Events`.
    pub records: ChunkId,
    /// What the source's form had beyond the records: a chunk of kind `Beside`.
    pub beside: Option<ChunkId>,
    /// Events in it.
    pub events: u32,
    /// The length of the records, in bytes.
    pub record_bytes: u32,
    /// The length of the payloads that are chunked by themselves, in bytes.
    pub payload_bytes: u64,
    /// The global position of its first event that has one; the others are counted from it.
    pub position: Option<u64>,
}

/// A page of a stream directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRef {
    /// The first stream of the page.
    pub first_stream: String,
    /// A chunk of kind `StreamPage`.
    pub page: ChunkId,
}

impl Record for Segment {
    const NAME: &'static str = "the segment";
    const VERSION: u8 = 1;

    fn check(&self) -> Result<(), &'static str> {
        if self.chunks.len() > SEGMENT_CHUNKS_MAX {
            return Err("it has more chunks than a segment may have");
        }
        if !self.directory.is_sorted_by(|a, b| a.first_stream < b.first_stream) {
            return Err("its pages are not sorted");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
