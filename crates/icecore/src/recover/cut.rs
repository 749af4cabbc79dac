//! Cutting a log: which of its events are in, found with as little reading as the log allows.
//!
//! What a part of the log spans tells whether it is before the point, beyond it, or both. Of parts
//! that are on one side, the directory of their streams is enough to find streams that have to be cut
//! short; events are looked at one by one where a part is on both sides, where a stream has to be cut
//! short, and everywhere if events are tied to others. Memory grows with the number of streams.

use super::extents::{Extent, Extents};
use super::filter::{ChunkFilter, Filter, StreamKey, Ties};
use super::limit::{Limit, Rank, Side};
use super::look::{Look, Looker, Tally};
use super::mark::EventMark;
use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::event_log::{LogReader, PlacedChunk, PlacedPart};
use crate::monitor::{Monitor, Stopped};
use crate::pipeline::Pipeline;
use crate::read_ahead::each_read_ahead;
use crate::repository::Repository;
use crate::selection::StreamSelection;
use futures::stream::TryStreamExt as _;
use icecore_format::event_log::{EventLogRoot, SegmentChunk, StreamEntry};
use icecore_format::{ChunkId, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// Chunks that are looked at at once, for each job that the pool runs at once.
const LOOKS_PER_JOB: usize = 8;

/// Which events of a log are in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cut {
    filter: Arc<Filter>,
    parts: Vec<PartCut>,
    /// Events that are in.
    pub events: u64,
    /// Streams that they belong to. In a log with ties, those that are not chosen count, too.
    pub streams: u64,
    /// The length of the chunks that have them, in bytes.
    pub record_bytes: u64,
    /// Events that are out.
    pub left_out: u64,
    /// Events that are not beyond the point and are out, since others are that they follow in their
    /// stream or were one transaction with.
    pub moved: u64,
    /// The earliest time of one of these.
    pub first_moved: Option<Timestamp>,
    /// The last event that is in, in the order that the log was cut by.
    pub newest: Option<EventMark>,
    /// The first event that is out, in that order.
    pub first_out: Option<EventMark>,
    /// Whether the event that was asked for is in, if one was.
    pub(crate) has_asked: bool,
}

/// What is in of a part.
#[derive(Clone, Debug)]
enum PartCut {
    Whole,
    Out,
    /// For each of its chunks.
    Chunks(Vec<ChunkCut>),
}

/// What is in of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkCut {
    Whole,
    Out,
    /// The filter says which events are.
    Some,
}

impl Cut {
    /// What is in of a chunk.
    pub(crate) fn of_chunk(&self, part: usize, chunk: usize) -> ChunkCut {
        match self.parts.get(part) {
            Some(PartCut::Whole) => ChunkCut::Whole,
            Some(PartCut::Chunks(chunks)) => chunks.get(chunk).copied().unwrap_or(ChunkCut::Out),
            Some(PartCut::Out) | None => ChunkCut::Out,
        }
    }

    /// Whether all of a part is in.
    pub(crate) fn is_whole(&self, part: usize) -> bool {
        matches!(self.parts.get(part), Some(PartCut::Whole))
    }

    /// What decides of the events of a chunk that some are in of.
    pub(crate) fn filter(&self, chunk: &PlacedChunk) -> ChunkFilter {
        ChunkFilter::new(Arc::clone(&self.filter), chunk.first_ordinal)
    }
}

/// Why a log was not cut.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CutError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A log that is being cut.
pub(crate) struct Cutter<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) chunks: &'a ChunkReader,
    pub(crate) root: &'a EventLogRoot,
    pub(crate) streams: &'a StreamSelection,
    pub(crate) monitor: &'a Monitor,
}

/// What one pass over the log found.
#[derive(Default)]
struct Pass {
    parts: Vec<PartCut>,
    extents: Extents,
    transactions_out: HashSet<u128>,
    tally: Tally,
    record_bytes: u64,
    /// The parts that are in or out as a whole, but for streams that are cut short: from where to
    /// where they reach.
    unseen: Vec<Unseen>,
}

/// A part of which not all events were looked at.
struct Unseen {
    segment: ChunkId,
    /// How many events are before it.
    start: u64,
    is_in: bool,
    first: Rank,
    last: Rank,
}

impl Cutter<'_> {
    /// Cuts it: at `limit`, and with the version of the stream that was asked for, if one was.
    pub(crate) async fn cut(
        &self,
        limit: Limit,
        asked: Option<(String, u64)>,
        ties: Ties,
    ) -> Result<Cut, CutError> {
        let mut filter = Filter::new(limit, asked, ties);
        let (pass, filter) = loop {
            let looker = self.looker(&Arc::new(filter.clone()));
            let mut pass = self.pass(&looker).await?;
            let transactions_out = std::mem::take(&mut pass.transactions_out);
            if !filter.tighten(&pass.extents, transactions_out) {
                break (pass, looker.filter);
            }
        };
        let included = pass
            .extents
            .included()
            .filter(|(stream, first)| filter.last_of(*stream).is_none_or(|last| *first <= last));
        let streams = if filter.ties.are_known() {
            // One may have lived more than once.
            included.map(|(stream, _)| stream.stream).collect::<HashSet<u128>>().len()
        } else {
            included.count()
        };
        let mut tally = pass.tally;
        self.look_for_extremes(&filter, pass.unseen, &mut tally).await?;
        Ok(Cut {
            filter,
            parts: pass.parts,
            events: tally.events,
            streams: streams as u64,
            record_bytes: pass.record_bytes,
            left_out: tally.seen - tally.events,
            moved: tally.moved,
            first_moved: tally.first_moved,
            newest: tally.newest.into_mark(),
            first_out: tally.first_out.into_mark(),
            has_asked: tally.has_asked,
        })
    }

    fn looker(&self, filter: &Arc<Filter>) -> Looker {
        Looker {
            environment: self.repository.environment.clone(),
            chunks: self.chunks.clone(),
            filter: Arc::clone(filter),
            streams: self.streams.clone(),
        }
    }

    /// Goes through the log with a filter.
    async fn pass(&self, looker: &Looker) -> Result<Pass, CutError> {
        let filter = &looker.filter;
        let mut pass = Pass::default();
        let mut parts = std::pin::pin!(LogReader::new(self.chunks.clone()).placed_parts(self.root));
        while let Some(part) = parts.try_next().await? {
            self.monitor.stop_point()?;
            let side = filter.limit.side(&part.span, part.first_ordinal, part.events);
            let segment = part.segment().filter(|_| side != Side::Both && !filter.ties.are_known());
            let Some(segment) = segment else {
                // What events are tied to may be in streams that are not chosen.
                let all = StreamSelection::default();
                let streams = if filter.ties.are_known() { &all } else { self.streams };
                let chunks = part.chunks_of(streams).await?;
                let cut = self.look_at(looker, &part, &chunks, ChunkCut::Out, &mut pass).await?;
                pass.parts.push(PartCut::Chunks(cut));
                continue;
            };
            let entries = part.part.streams(self.streams).await?;
            let events: u64 = entries.iter().map(|entry| entry.events).sum();
            let is_in = side == Side::In;
            let must_look: Vec<&StreamEntry> =
                entries.iter().filter(|entry| has_exceptions(filter, entry, is_in)).collect();
            let is_looked_at = part.part.are_of(must_look.iter().copied())?;
            for entry in &entries {
                let extent = if is_in {
                    Extent::within(entry.first_version, entry.last_version)
                } else if is_asked(filter, entry) {
                    // What was asked for is in; the chunks say what else there is.
                    continue;
                } else {
                    Extent::without(entry.first_version)
                };
                pass.extents.add(StreamKey::of(&entry.stream, 0), extent);
            }
            let (start, length) = (part.first_ordinal, part.events);
            if let Some((first, last)) = filter.limit.ranks(&part.span, start, length)
                && !entries.is_empty()
            {
                pass.unseen.push(Unseen { segment, start, is_in, first, last });
            }
            let rest = if is_in { ChunkCut::Whole } else { ChunkCut::Out };
            let mut cut = vec![rest; is_looked_at.len()];
            let mut exceptions = Pass::default();
            if is_looked_at.contains(&true) {
                let chunks = part.chunks_that(&is_looked_at);
                cut = self.look_at(looker, &part, &chunks, rest, &mut exceptions).await?;
            }
            // What was not looked at is in, or out, as a whole.
            let unseen = events.saturating_sub(exceptions.tally.seen);
            pass.tally.seen += unseen;
            if is_in {
                pass.tally.events += unseen;
                let wanted = part.chunks_of(self.streams).await?;
                let whole = wanted.iter().filter(|chunk| cut.get(chunk.number) == Some(&rest));
                pass.record_bytes += record_bytes(whole.map(|placed| &placed.chunk));
            }
            pass.take(exceptions);
            pass.parts.push(match (must_look.is_empty(), is_in) {
                (false, _) => PartCut::Chunks(cut),
                (true, true) => PartCut::Whole,
                (true, false) => PartCut::Out,
            });
        }
        Ok(pass)
    }

    /// Looks at chunks of a part. Returns what is in of each of its chunks; of those that are not
    /// looked at, `rest`.
    async fn look_at(
        &self,
        looker: &Looker,
        part: &PlacedPart,
        chunks: &[PlacedChunk],
        rest: ChunkCut,
        pass: &mut Pass,
    ) -> Result<Vec<ChunkCut>, CutError> {
        let mut cut = vec![rest; part.part.chunks().len()];
        let parallelism = self.repository.environment.executor.parallelism();
        let mut looking = Pipeline::new(LOOKS_PER_JOB * parallelism + 1);
        let mut waiting = std::pin::pin!(each_read_ahead(looker.chunks.clone(), chunks));
        let mut begun = chunks.iter();
        loop {
            while !looking.is_full()
                && let Ok(Some(placed)) = waiting.try_next().await
            {
                looking.begin(u64::from(placed.chunk.record_bytes), looker.look(placed));
            }
            let (Some(look), Some(placed)) = (looking.next().await, begun.next()) else { break };
            self.monitor.stop_point()?;
            let look = look?;
            let of_chunk = match (look.tally.events, u64::from(placed.chunk.events)) {
                (0, _) => ChunkCut::Out,
                // Streams that are not chosen are not seen.
                (events, _) if events == look.tally.seen => ChunkCut::Whole,
                _ => ChunkCut::Some,
            };
            if of_chunk != ChunkCut::Out {
                pass.record_bytes += record_bytes([&placed.chunk]);
            }
            if let Some(place) = cut.get_mut(placed.number) {
                *place = of_chunk;
            }
            pass.add(look);
        }
        Ok(cut)
    }

    /// Finds the newest event that is in and the first that is out, where these may be in parts that
    /// were not looked at: the most promising first.
    async fn look_for_extremes(
        &self,
        filter: &Arc<Filter>,
        unseen: Vec<Unseen>,
        tally: &mut Tally,
    ) -> Result<(), CutError> {
        let (mut within, mut without): (Vec<_>, Vec<_>) =
            unseen.into_iter().partition(|part| part.is_in);
        within.sort_by_key(|part| std::cmp::Reverse(part.last));
        without.sort_by_key(|part| part.first);
        for part in within {
            if tally.newest.rank().is_some_and(|known| known >= part.last) {
                break;
            }
            let seen = self.look_again(filter, &part).await?;
            tally.newest.merge(true, seen.newest);
        }
        for part in without {
            if tally.first_out.rank().is_some_and(|known| known <= part.first) {
                break;
            }
            let seen = self.look_again(filter, &part).await?;
            tally.first_out.merge(false, seen.first_out);
        }
        Ok(())
    }

    /// Looks at all of a part.
    async fn look_again(&self, filter: &Arc<Filter>, unseen: &Unseen) -> Result<Tally, CutError> {
        let part = LogReader::new(self.chunks.clone()).segment(unseen.segment).await?;
        let part = PlacedPart::alone(part, unseen.start);
        let chunks = part.chunks_of(self.streams).await?;
        let mut pass = Pass::default();
        self.look_at(&self.looker(filter), &part, &chunks, ChunkCut::Out, &mut pass).await?;
        Ok(pass.tally)
    }
}

impl Pass {
    fn add(&mut self, look: Look) {
        self.tally.merge(look.tally);
        for (stream, extent) in look.extents {
            self.extents.add(stream, extent);
        }
        self.transactions_out.extend(look.transactions_out);
    }

    /// Adds what was found in a part.
    fn take(&mut self, part: Self) {
        self.tally.merge(part.tally);
        self.record_bytes += part.record_bytes;
        self.extents.extend(part.extents);
        self.transactions_out.extend(part.transactions_out);
    }
}

/// Whether a part that is in, or out, has events of a stream that are not.
fn has_exceptions(filter: &Filter, entry: &StreamEntry, is_in: bool) -> bool {
    if is_in {
        let last = filter.last_of(StreamKey::of(&entry.stream, 0));
        last.is_some_and(|last| entry.last_version > last)
    } else {
        is_asked(filter, entry)
    }
}

/// Whether a part has versions of the stream that was asked for that have to be in.
fn is_asked(filter: &Filter, entry: &StreamEntry) -> bool {
    let asked = filter.asked.as_ref();
    asked.is_some_and(|(stream, last)| entry.stream == *stream && entry.first_version <= *last)
}

fn record_bytes<'a>(chunks: impl IntoIterator<Item = &'a SegmentChunk>) -> u64 {
    chunks.into_iter().map(|chunk| u64::from(chunk.record_bytes)).sum()
}
