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
use std::ops::Range;

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

/// A segment that is being filled. It may have as many streams as there are streams of chunks, so
/// nothing is allocated for one of them alone.
#[derive(Debug, Default)]
pub(super) struct SegmentBuilder {
    chunks: Vec<SegmentChunk>,
    span: Span,
    /// The streams' ids, one after the other.
    ids: String,
    streams: Vec<OpenEntry>,
    /// Indices into `streams`, by the hash of an id.
    by_id: HashTable<u32>,
    /// Which stream is in which chunk: indices into `streams` and `chunks`.
    places: Vec<(u32, u32)>,
}

/// What the segment has of one stream so far.
#[derive(Debug)]
struct OpenEntry {
    hash: u64,
    /// Where its id is in `ids`.
    id: Range<usize>,
    events: u64,
    first_version: u64,
    last_version: u64,
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
            let number = self.entry(run.hash, stream, run.events, (run.lowest, run.highest));
            self.places.push((number, index));
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
        for (_, chunk) in &mut self.places {
            *chunk += shift;
        }
        for earlier in entries {
            let (hash, versions) =
                (hash(&earlier.stream), (earlier.first_version, earlier.last_version));
            let number = self.entry(hash, &earlier.stream, earlier.events, versions);
            self.places.extend(earlier.chunk_indices().map(|chunk| (number, chunk as u32)));
        }
    }

    /// Counts so many events with these versions, lowest and highest, to a stream. Returns the
    /// stream's number.
    fn entry(&mut self, hash: u64, stream: &str, events: u64, versions: (u64, u64)) -> u32 {
        let Self { ids, streams, by_id, .. } = self;
        let is_same = |number: &u32| {
            let entry = streams.get(*number as usize);
            entry.is_some_and(|it| it.hash == hash && ids.get(it.id.clone()) == Some(stream))
        };
        if let Some(number) = by_id.find(hash, is_same).copied() {
            if let Some(entry) = streams.get_mut(number as usize) {
                entry.events += events;
                entry.first_version = entry.first_version.min(versions.0);
                entry.last_version = entry.last_version.max(versions.1);
            }
            return number;
        }
        let (number, start) = (streams.len() as u32, ids.len());
        ids.push_str(stream);
        let (id, (first_version, last_version)) = (start..ids.len(), versions);
        streams.push(OpenEntry { hash, id, events, first_version, last_version });
        by_id.insert_unique(hash, number, |number| {
            streams.get(*number as usize).map_or(0, |entry| entry.hash)
        });
        number
    }

    /// Completes the segment and its directory: CPU work for the pool.
    pub(super) fn finish(self, keys: &KeySet) -> ReadySegment {
        let Self { chunks, span, ids, streams, mut places, .. } = self;
        places.sort_unstable();
        let id = |entry: &OpenEntry| ids.get(entry.id.clone()).unwrap_or_default();
        let mut numbered: Vec<(u32, &OpenEntry)> = (0..).zip(&streams).collect();
        numbered.sort_unstable_by(|(_, a), (_, b)| id(a).cmp(id(b)));
        let mut segment = Segment { chunks, directory: Vec::new() };
        let (mut pages, mut page, mut bytes) = (Vec::new(), StreamPage::default(), 0);
        let mut numbered = numbered.into_iter().peekable();
        while let Some((number, entry)) = numbered.next() {
            let first = places.partition_point(|place| place.0 < number);
            let of_stream = places.get(first..).unwrap_or_default().iter();
            let of_stream = of_stream.take_while(|place| place.0 == number).map(|place| place.1);
            let entry = stream_entry(id(entry), entry, of_stream);
            bytes += entry.stream.len() + 2 * entry.chunks.len() + 12;
            page.streams.push(entry);
            if bytes >= PAGE_BYTES || numbered.peek().is_none() {
                let first = page.streams.first().map(|entry| entry.stream.clone());
                let chunk = new_chunk(keys, ChunkKind::StreamPage, page.encode());
                let first_stream = first.unwrap_or_default();
                segment.directory.push(PageRef { first_stream, page: chunk.id });
                pages.push(chunk);
                (page, bytes) = (StreamPage::default(), 0);
            }
        }
        let segment = record_chunk(keys, ChunkKind::Segment, &segment);
        let span = Span { segments: 1, ..span };
        ReadySegment { subtree: Subtree { height: 0, id: segment.id, span }, segment, pages }
    }
}

/// A stream's entry in the directory. Its chunks rise.
fn stream_entry(id: &str, entry: &OpenEntry, chunks: impl Iterator<Item = u32>) -> StreamEntry {
    let mut last = 0;
    let steps = chunks.map(|chunk| chunk - std::mem::replace(&mut last, chunk));
    StreamEntry {
        stream: id.to_owned(),
        events: entry.events,
        first_version: entry.first_version,
        last_version: entry.last_version,
        chunks: steps.collect(),
    }
}

/// A record, as a chunk of its own.
pub(super) fn record_chunk<R: Record>(keys: &KeySet, kind: ChunkKind, record: &R) -> NewChunk {
    new_chunk(keys, kind, record.encode())
}

fn new_chunk(keys: &KeySet, kind: ChunkKind, plaintext: Vec<u8>) -> NewChunk {
    NewChunk { kind, id: keys.chunk_id(kind, &plaintext), plaintext }
}
