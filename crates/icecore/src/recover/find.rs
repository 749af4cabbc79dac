//! Finding an event in the states of a source: the earliest that has it.
//!
//! Within one history a state has all that the ones before had. So the newest of each history tells
//! whether any has an event, and the earliest is found by halves. Chunks that were searched are not
//! searched again: states share most of them.

use super::cut::CutError;
use super::look::{read, visit};
use super::mark::is_id;
use super::state::State;
use crate::chunks::ChunkReader;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::event_log::{LogReader, PlacedChunk};
use crate::monitor::Monitor;
use crate::pipeline::Pipeline;
use crate::read_ahead::each_read_ahead;
use crate::selection::StreamSelection;
use futures::stream::TryStreamExt as _;
use icecore_format::event::{Event, EventForm};
use icecore_format::{ChunkId, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// Chunks that are searched at once, for each job that the pool runs at once.
const SEARCHES_PER_JOB: usize = 4;

/// The event that is looked for.
#[derive(Clone, Debug)]
pub(super) enum Sought {
    Id(String),
    Version(String, u64),
    /// The first whose transaction was committed later.
    CommittedAfter(Timestamp),
}

impl Sought {
    fn is(&self, event: &Event<'_>, form: &EventForm<'_>) -> bool {
        match self {
            Self::CommittedAfter(time) => form.commit.is_some_and(|commit| commit.time > *time),
            Self::Id(id) => is_id(event.id, id),
            Self::Version(stream, version) => event.version == *version && event.stream == stream,
        }
    }

    /// Whether what stands beside events tells more of it than their positions.
    fn needs_beside(&self) -> bool {
        matches!(self, Self::CommittedAfter(_))
    }

    /// The streams that it may be in.
    fn streams(&self) -> StreamSelection {
        match self {
            Self::Id(_) | Self::CommittedAfter(_) => StreamSelection::default(),
            Self::Version(stream, _) => StreamSelection::of_ids([stream.clone()].into()),
        }
    }
}

/// Where an event was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) stream: String,
    pub(super) version: u64,
    pub(super) position: Option<u64>,
    pub(super) ordinal: u64,
}

/// Looks for an event.
pub(super) struct Finder<'a> {
    pub(super) environment: &'a Environment,
    /// A reader for each state.
    pub(super) chunks: Vec<ChunkReader>,
    pub(super) monitor: &'a Monitor,
    pub(super) sought: Sought,
    /// Chunks that do not have it.
    pub(super) without: HashSet<ChunkId>,
}

impl Finder<'_> {
    /// The first of the states that has it, and where.
    pub(super) async fn first(
        &mut self,
        states: &[State],
    ) -> Result<Option<(usize, Found)>, CutError> {
        let mut start = 0;
        for history in states.chunk_by(|one, next| one.epoch() == next.epoch()) {
            let newest = start + history.len() - 1;
            if let Some(found) = self.find(states, newest).await? {
                let mut best = (newest, found);
                let mut lowest = start;
                while lowest < best.0 {
                    let middle = lowest.midpoint(best.0);
                    match self.find(states, middle).await? {
                        Some(found) => best = (middle, found),
                        None => lowest = middle + 1,
                    }
                }
                return Ok(Some(best));
            }
            start += history.len();
        }
        Ok(None)
    }

    /// Where a state has it.
    pub(super) async fn find(
        &mut self,
        states: &[State],
        number: usize,
    ) -> Result<Option<Found>, CutError> {
        let state = states.get(number).zip(self.chunks.get(number).cloned());
        let Some((state, reader)) = state else { return Ok(None) };
        let streams = self.sought.streams();
        let mut parts = std::pin::pin!(LogReader::new(reader.clone()).placed_parts(&state.log()));
        while let Some(part) = parts.try_next().await? {
            self.monitor.stop_point()?;
            let mut chunks = part.chunks_of(&streams).await?;
            chunks.retain(|placed| !self.without.contains(&placed.chunk.records));
            if let Some(found) = self.search(&reader, &chunks).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn search(
        &mut self,
        reader: &ChunkReader,
        chunks: &[PlacedChunk],
    ) -> Result<Option<Found>, CutError> {
        let parallelism = self.environment.executor.parallelism();
        let mut searching = Pipeline::new(SEARCHES_PER_JOB * parallelism + 1);
        let mut waiting = std::pin::pin!(each_read_ahead(reader.clone(), chunks));
        let mut searched = chunks.iter();
        loop {
            while !searching.is_full()
                && let Ok(Some(placed)) = waiting.try_next().await
            {
                let bytes = u64::from(placed.chunk.record_bytes);
                searching.begin(bytes, self.search_one(reader, placed));
            }
            let (Some(found), Some(placed)) = (searching.next().await, searched.next()) else {
                return Ok(None);
            };
            self.monitor.stop_point()?;
            if let Some(found) = found? {
                return Ok(Some(found));
            }
            self.without.insert(placed.chunk.records);
        }
    }

    fn search_one(
        &self,
        reader: &ChunkReader,
        placed: PlacedChunk,
    ) -> impl Future<Output = Result<Option<Found>, ReadError>> + Send + use<> {
        let (chunks, environment) = (reader.clone(), self.environment.clone());
        let sought = Arc::new(self.sought.clone());
        async move {
            let (records, beside) = read(&chunks, placed, sought.needs_beside()).await?;
            let searched = environment.compute(move || {
                let mut found = None;
                visit(&records, beside.as_ref(), placed, |event, form, ordinal| {
                    if sought.is(event, form) {
                        let (stream, version) = (event.stream.to_owned(), event.version);
                        let position = form.position;
                        found = Some(Found { stream, version, position, ordinal });
                    }
                    found.is_none()
                })?;
                Ok(found)
            });
            let id = placed.chunk.records;
            searched.await.map_err(|source| ReadError::ChunkMalformed { id, source })
        }
    }
}
