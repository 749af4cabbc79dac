//! Building a segment: its chunks, and the directory of the streams in them.

use super::chunk::ReadyChunk;
use crate::session::NewChunk;
use hashbrown::HashTable;
use icecore_format::event_log::{
    PageRef, Segment, SegmentChunk, Span, StreamEntry, StreamPage, Subtree,
};
use icecore_format::keys::KeySet;
use icecore_format::record::Record;
use icecore_format::{ChunkId, ChunkKind};

/// Chunks of a closed segment, at least, before its end is looked for.
const CHUNKS_MIN: u64 = 256;
/// One in so many chunks may end a segment.
const CHUNKS_PER_END: u16 = 1024;
/// Chunks of a segment, at most.
const CHUNKS_MAX: u64 = 8192;
/// Streams of each chunk, added up, at most: bounds what a segment's directory takes in memory.
const STREAMS_OF_CHUNKS_MAX: u64 = 1 << 19;
/// About how long a page of the directory is, in bytes: what is read to find one stream.
const PAGE_BYTES: usize = 32 << 10;

/// Whether a segment that spans this much is closed after a chunk with this id. That follows from
/// the events alone, so the same events make the same closed segments again.
pub(super) fn is_closed_after(span: &Span, chunk: ChunkId) -> bool {
    let [low, high, ..] = chunk.0;
    span.chunks >= CHUNKS_MAX
        || span.streams_of_chunks >= STREAMS_OF_CHUNKS_MAX
        || (span.chunks >= CHUNKS_MIN
            && u16::from_le_bytes([low, high]).is_multiple_of(CHUNKS_PER_END))
}

/// A segment that is being filled.
#[derive(Debug, Default)]
pub(super) struct SegmentBuilder {
    chunks: Vec<SegmentChunk>,
    span: Span,
    streams: HashTable<OpenEntry>,
}

/// What the segment has of one stream so far.
#[derive(Debug)]
struct OpenEntry {
    hash: u64,
    stream: Box<str>,
    events: u64,
    first_version: u64,
    last_version: u64,
    /// Indices into the segment's chunks, rising.
    chunks: Vec<u32>,
}

/// A segment that is complete, as it is stored and as it is kept to be merged.
#[derive(Clone, Debug)]
pub(super) struct ReadySegment {
    pub(super) subtree: Subtree,
    /// The segment.
    pub(super) segment: NewChunk,
    /// The pages of its directory.
    pub(super) pages: Vec<NewChunk>,
}

impl SegmentBuilder {
    /// What it spans.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Adds a chunk.
    pub(super) fn add(&mut self, chunk: &ReadyChunk) {
        let index = self.chunks.len() as u32;
        self.chunks.push(chunk.entry);
        self.span.add(&chunk.span);
        for (stream, run) in chunk.streams.iter() {
            let entry = self.entry(run.hash, stream, (run.lowest, run.highest));
            entry.events += run.events;
            entry.chunks.push(index);
        }
    }

    /// Adds all of a segment that precedes everything added before. `hash` is the one that chunks
    /// have their streams under.
    pub(super) fn prepend(
        &mut self,
        span: &Span,
        segment: &Segment,
        entries: impl IntoIterator<Item = StreamEntry>,
        hash: impl Fn(&str) -> u64,
    ) {
        let shift = segment.chunks.len() as u32;
        self.chunks.splice(0..0, segment.chunks.iter().copied());
        self.span.add(&Span { segments: 0, ..*span });
        for entry in &mut self.streams {
            entry.chunks.iter_mut().for_each(|chunk| *chunk += shift);
        }
        for earlier in entries {
            let versions = (earlier.first_version, earlier.last_version);
            let entry = self.entry(hash(&earlier.stream), &earlier.stream, versions);
            entry.events += earlier.events;
            entry.chunks.splice(0..0, earlier.chunk_indices().map(|chunk| chunk as u32));
        }
    }

    /// The entry of a stream, with `versions`, lowest and highest, among its own.
    fn entry(&mut self, hash: u64, stream: &str, versions: (u64, u64)) -> &mut OpenEntry {
        let is_same = |entry: &OpenEntry| entry.hash == hash && *entry.stream == *stream;
        let entry =
            self.streams.entry(hash, is_same, |entry| entry.hash).or_insert_with(|| OpenEntry {
                hash,
                stream: stream.into(),
                events: 0,
                first_version: versions.0,
                last_version: versions.1,
                chunks: Vec::new(),
            });
        let entry = entry.into_mut();
        entry.first_version = entry.first_version.min(versions.0);
        entry.last_version = entry.last_version.max(versions.1);
        entry
    }

    /// Completes the segment and its directory: CPU work for the pool.
    pub(super) fn finish(self, keys: &KeySet) -> ReadySegment {
        let mut streams: Vec<OpenEntry> = self.streams.into_iter().collect();
        streams.sort_unstable_by(|a, b| a.stream.cmp(&b.stream));
        let mut segment = Segment { chunks: self.chunks, directory: Vec::new() };
        let (mut pages, mut page, mut bytes) = (Vec::new(), StreamPage::default(), 0);
        let mut streams = streams.into_iter().peekable();
        while let Some(entry) = streams.next() {
            bytes += entry.stream.len() + 2 * entry.chunks.len() + 12;
            page.streams.push(entry.into());
            if bytes >= PAGE_BYTES || streams.peek().is_none() {
                let first = page.streams.first().map(|entry| entry.stream.clone());
                let chunk = new_chunk(keys, ChunkKind::StreamPage, page.encode());
                let first_stream = first.unwrap_or_default();
                segment.directory.push(PageRef { first_stream, page: chunk.id });
                pages.push(chunk);
                (page, bytes) = (StreamPage::default(), 0);
            }
        }
        let segment = record_chunk(keys, ChunkKind::Segment, &segment);
        let span = Span { segments: 1, ..self.span };
        ReadySegment { subtree: Subtree { height: 0, id: segment.id, span }, segment, pages }
    }
}

impl From<OpenEntry> for StreamEntry {
    fn from(entry: OpenEntry) -> Self {
        let mut last = 0;
        let steps =
            entry.chunks.into_iter().map(|chunk| chunk - std::mem::replace(&mut last, chunk));
        Self {
            stream: entry.stream.into(),
            events: entry.events,
            first_version: entry.first_version,
            last_version: entry.last_version,
            chunks: steps.collect(),
        }
    }
}

/// A record, as a chunk of its own.
pub(super) fn record_chunk<R: Record>(keys: &KeySet, kind: ChunkKind, record: &R) -> NewChunk {
    new_chunk(keys, kind, record.encode())
}

fn new_chunk(keys: &KeySet, kind: ChunkKind, plaintext: Vec<u8>) -> NewChunk {
    NewChunk { kind, id: keys.chunk_id(kind, &plaintext), plaintext }
}
