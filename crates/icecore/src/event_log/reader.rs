//! Reading an event log: its parts in order, and which chunks of one hold the wanted streams.

use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::selection::StreamSelection;
use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use icecore_format::event::{Event, records};
use icecore_format::event_log::{
    EventLogRoot, LogNode, PageRef, Segment, SegmentChunk, Span, StreamEntry, StreamPage, Subtree,
};
use icecore_format::record::DecodeError;
use icecore_format::{ChunkId, ChunkKind};
use std::collections::BTreeMap;
use std::future::Future;

/// Segments, or pages of one, that are read at the same time: each is a request where storage is far
/// away, and work for another core where it is not.
const READS_AHEAD: usize = 8;

/// Reads an event log.
#[derive(Clone)]
pub(crate) struct LogReader {
    chunks: ChunkReader,
}

/// Reads one part of a log: a segment, or the rest, which has no directory.
#[derive(Clone)]
pub(crate) struct PartReader {
    chunks: ChunkReader,
    part: Part,
}

/// A part, and where it is in its log.
#[derive(Clone)]
pub(crate) struct PlacedPart {
    /// How many parts are before it.
    pub(crate) number: usize,
    /// How many events are before it.
    pub(crate) first_ordinal: u64,
    /// Its events.
    pub(crate) events: u64,
    /// What it spans.
    pub(crate) span: Span,
    /// The part.
    pub(crate) part: PartReader,
}

/// A chunk, and where it is in its log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedChunk {
    /// How many chunks of its part are before it.
    pub(crate) number: usize,
    /// How many events of its log are before it.
    pub(crate) first_ordinal: u64,
    /// The chunk.
    pub(crate) chunk: SegmentChunk,
}

#[derive(Clone)]
enum Part {
    Segment(ChunkId, Segment),
    Rest(Vec<SegmentChunk>),
}

impl LogReader {
    pub(crate) fn new(chunks: ChunkReader) -> Self {
        Self { chunks }
    }

    /// The parts of a log from left to right.
    pub(crate) fn parts(
        &self,
        root: &EventLogRoot,
    ) -> impl Stream<Item = Result<PartReader, ReadError>> + Send + use<> {
        self.placed_parts(root).map_ok(|placed| placed.part)
    }

    /// The parts of a log from left to right, each with its place and what it spans.
    pub(crate) fn placed_parts(
        &self,
        root: &EventLogRoot,
    ) -> impl Stream<Item = Result<PlacedPart, ReadError>> + Send + use<> {
        let mut next = (0, 0);
        self.spanned_parts(root).map_ok(move |(span, part)| {
            let (number, first_ordinal) = next;
            let placed = PlacedPart { number, span, ..PlacedPart::alone(part, first_ordinal) };
            next = (number + 1, first_ordinal + placed.events);
            placed
        })
    }

    /// What is found in each part of a log, from left to right; several are looked into at the same time.
    pub(crate) fn found_in_parts<T, F, L>(
        &self,
        root: &EventLogRoot,
        look: L,
    ) -> impl Stream<Item = Result<T, ReadError>> + Send + use<T, F, L>
    where
        T: Send,
        F: Future<Output = Result<T, ReadError>> + Send,
        L: FnMut(PlacedPart) -> F + Send,
    {
        self.placed_parts(root).map_ok(look).try_buffered(READS_AHEAD)
    }

    fn spanned_parts(
        &self,
        root: &EventLogRoot,
    ) -> impl Stream<Item = Result<(Span, PartReader), ReadError>> + Send + use<> {
        // What is still to be gone through, the next at the end.
        let pending: Vec<Subtree> = root.peaks.iter().chain(&root.open).rev().copied().collect();
        let (above, reader) = (self.clone(), self.clone());
        let leaves = stream::try_unfold(pending, move |mut pending| {
            let reader = above.clone();
            async move {
                while let Some(subtree) = pending.pop() {
                    if subtree.height == 0 {
                        return Ok(Some((subtree, pending)));
                    }
                    pending.extend(reader.children(&subtree).await?.into_iter().rev());
                }
                Ok(None)
            }
        });
        let segments = leaves.map_ok(move |leaf| {
            let reader = reader.clone();
            async move { Ok((leaf.span, reader.segment(leaf.id).await?)) }
        });
        let segments = segments.try_buffered(READS_AHEAD);
        let rest = (!root.rest.is_empty()).then(|| Ok((root.rest_span, self.rest(root))));
        segments.chain(stream::iter(rest))
    }

    /// The rest of a log.
    pub(crate) fn rest(&self, root: &EventLogRoot) -> PartReader {
        PartReader { chunks: self.chunks.clone(), part: Part::Rest(root.rest.clone()) }
    }

    /// The subtrees below an inner node.
    pub(crate) async fn children(&self, subtree: &Subtree) -> Result<Vec<Subtree>, ReadError> {
        let node: LogNode = self.chunks.read_record(ChunkKind::LogNode, subtree.id).await?;
        let lower = subtree.height.checked_sub(1);
        if node.height == subtree.height
            && node.children.iter().all(|child| Some(child.height) == lower)
        {
            Ok(node.children)
        } else {
            Err(malformed(subtree.id, "its heights do not fit"))
        }
    }

    /// A segment.
    pub(crate) async fn segment(&self, id: ChunkId) -> Result<PartReader, ReadError> {
        let segment = self.chunks.read_record(ChunkKind::Segment, id).await?;
        Ok(PartReader { chunks: self.chunks.clone(), part: Part::Segment(id, segment) })
    }
}

impl PartReader {
    /// Its chunks.
    pub(crate) fn chunks(&self) -> &[SegmentChunk] {
        match &self.part {
            Part::Segment(_, segment) => &segment.chunks,
            Part::Rest(chunks) => chunks,
        }
    }

    /// The pages of its directory.
    pub(crate) fn directory(&self) -> &[PageRef] {
        match &self.part {
            Part::Segment(_, segment) => &segment.directory,
            Part::Rest(_) => &[],
        }
    }

    /// For each of its chunks, whether it may hold events of the wanted streams: exactly those in a
    /// segment, and all of a rest, which is short.
    async fn are_wanted(&self, streams: &StreamSelection) -> Result<Vec<bool>, ReadError> {
        let Part::Segment(_, segment) = &self.part else {
            return Ok(vec![true; self.chunks().len()]);
        };
        if streams.is_all() {
            return Ok(vec![true; segment.chunks.len()]);
        }
        self.are_of(&self.listed(segment, streams).await?)
    }

    /// For each of its chunks, whether it holds events of these streams, which its directory lists.
    pub(crate) fn are_of<'a>(
        &self,
        entries: impl IntoIterator<Item = &'a StreamEntry>,
    ) -> Result<Vec<bool>, ReadError> {
        let mut wanted = vec![false; self.chunks().len()];
        for chunk in entries.into_iter().flat_map(StreamEntry::chunk_indices) {
            let place = usize::try_from(chunk).ok().and_then(|chunk| wanted.get_mut(chunk));
            match (place, &self.part) {
                (Some(is_wanted), _) => *is_wanted = true,
                (None, Part::Segment(id, _)) => {
                    return Err(malformed(*id, "a chunk beyond its segment"));
                }
                (None, Part::Rest(_)) => {}
            }
        }
        Ok(wanted)
    }

    /// What it has of each wanted stream, sorted by stream.
    pub(crate) async fn streams(
        &self,
        wanted: &StreamSelection,
    ) -> Result<Vec<StreamEntry>, ReadError> {
        match &self.part {
            Part::Segment(_, segment) => self.listed(segment, wanted).await,
            Part::Rest(chunks) => self.counted(chunks, wanted).await,
        }
    }

    /// What the directory lists.
    async fn listed(
        &self,
        segment: &Segment,
        wanted: &StreamSelection,
    ) -> Result<Vec<StreamEntry>, ReadError> {
        let mut streams = Vec::new();
        let directory = segment.directory.iter().enumerate();
        let pages = directory.filter(|(index, page)| {
            let next = segment.directory.get(index + 1);
            let range = page.first_stream.as_str()..;
            let is_beyond = |stream: &str| {
                !range.contains(&stream) || next.is_some_and(|next| stream >= &*next.first_stream)
            };
            // A page is skipped where every wanted stream is known by name and lies elsewhere.
            !wanted.exact().is_some_and(|names| names.iter().all(|name| is_beyond(name)))
        });
        let pages: Vec<ChunkId> = pages.map(|(_, page)| page.page).collect();
        let reads = pages.into_iter().map(|id| self.page(id));
        let mut pages = stream::iter(reads).buffered(READS_AHEAD);
        while let Some(page) = pages.try_next().await? {
            streams.extend(page.streams.into_iter().filter(|entry| wanted.includes(&entry.stream)));
        }
        Ok(streams)
    }

    async fn page(&self, id: ChunkId) -> Result<StreamPage, ReadError> {
        let page = self.chunks.read(ChunkKind::StreamPage, id).await?;
        StreamPage::decode(&page).map_err(|source| ReadError::ChunkMalformed { id, source })
    }

    /// What the chunks have.
    async fn counted(
        &self,
        chunks: &[SegmentChunk],
        wanted: &StreamSelection,
    ) -> Result<Vec<StreamEntry>, ReadError> {
        let mut streams = BTreeMap::<String, StreamEntry>::new();
        for (index, chunk) in chunks.iter().enumerate() {
            let id = chunk.records;
            let malformed = |source| ReadError::ChunkMalformed { id, source };
            let bytes = self.chunks.read(ChunkKind::Events, id).await?;
            let mut events = 0;
            for body in records(&bytes).map_err(malformed)? {
                let event = body.and_then(Event::decode_body).map_err(malformed)?;
                events += 1;
                if !wanted.includes(event.stream) {
                    continue;
                }
                let entry = streams.entry(event.stream.to_owned()).or_insert_with_key(|stream| {
                    StreamEntry {
                        stream: stream.clone(),
                        events: 0,
                        first_version: event.version,
                        last_version: event.version,
                        chunks: Vec::new(),
                    }
                });
                entry.events += 1;
                entry.first_version = entry.first_version.min(event.version);
                entry.last_version = entry.last_version.max(event.version);
                let last = entry.chunk_indices().last();
                if last != Some(index as u64) {
                    entry.chunks.push((index as u64 - last.unwrap_or(0)) as u32);
                }
            }
            if events != chunk.events {
                let (record, what) = ("the event log", "a chunk with another number of events");
                return Err(malformed(DecodeError::Malformed { record, what }));
            }
        }
        Ok(streams.into_values().collect())
    }
}

impl PlacedPart {
    /// A part that begins after so many events, without what is known of it from above.
    pub(crate) fn alone(part: PartReader, first_ordinal: u64) -> Self {
        let events = part.chunks().iter().map(|chunk| u64::from(chunk.events)).sum();
        Self { number: 0, first_ordinal, events, span: Span::default(), part }
    }

    /// The segment, whose directory lists its streams; a rest has none, so that its chunks have to be
    /// looked at.
    pub(crate) fn segment(&self) -> Option<ChunkId> {
        match &self.part.part {
            Part::Segment(id, _) => Some(*id),
            Part::Rest(_) => None,
        }
    }

    /// Its chunks that may hold events of the wanted streams, in order.
    pub(crate) async fn chunks_of(
        &self,
        streams: &StreamSelection,
    ) -> Result<Vec<PlacedChunk>, ReadError> {
        Ok(self.chunks_that(&self.part.are_wanted(streams).await?))
    }

    /// Its chunks that are wanted, in order.
    pub(crate) fn chunks_that(&self, are_wanted: &[bool]) -> Vec<PlacedChunk> {
        let mut next = self.first_ordinal;
        let chunks = self.part.chunks().iter().enumerate().map(|(number, chunk)| {
            let first_ordinal = next;
            next += u64::from(chunk.events);
            PlacedChunk { number, first_ordinal, chunk: *chunk }
        });
        let wanted = chunks.zip(are_wanted).filter(|(_, is_wanted)| **is_wanted);
        wanted.map(|(chunk, _)| chunk).collect()
    }
}

fn malformed(id: ChunkId, what: &'static str) -> ReadError {
    let source = DecodeError::Malformed { record: "the event log", what };
    ReadError::ChunkMalformed { id, source }
}
