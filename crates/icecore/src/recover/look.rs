//! A look at the events of one chunk: what a filter leaves in, and what it shows of streams. All of it
//! is CPU work for the pool.

use super::extents::Extent;
use super::filter::{Filter, StreamKey, Verdict};
use super::mark::{Extreme, Furthest};
use crate::chunks::ChunkReader;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::event_log::PlacedChunk;
use crate::selection::StreamSelection;
use bytes::Bytes;
use icecore_format::ChunkKind;
use icecore_format::Timestamp;
use icecore_format::event::{Beside, Event, EventForm, records};
use icecore_format::record::DecodeError;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;

/// What was seen of events, one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Events that are in.
    pub(crate) events: u64,
    /// Events that are not beyond the point and have to be out.
    pub(crate) moved: u64,
    /// Events of the chosen streams.
    pub(crate) seen: u64,
    /// The earliest time of an event that was moved.
    pub(crate) first_moved: Option<Timestamp>,
    pub(crate) newest: Extreme,
    pub(crate) first_out: Extreme,
    /// Whether the event that was asked for is in.
    pub(crate) has_asked: bool,
}

impl Tally {
    /// Counts an event, but for where it is in the order.
    fn see(&mut self, verdict: Verdict, event: &Event<'_>) {
        self.seen += 1;
        match verdict {
            Verdict::In => self.events += 1,
            Verdict::Beyond => {}
            Verdict::Moved => {
                self.moved += 1;
                let time = event.time.timestamp();
                self.first_moved = self.first_moved.into_iter().chain(time).min();
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.moved += other.moved;
        self.seen += other.seen;
        self.first_moved = self.first_moved.into_iter().chain(other.first_moved).min();
        self.newest.merge(true, other.newest);
        self.first_out.merge(false, other.first_out);
        self.has_asked |= other.has_asked;
    }
}

/// What was seen of a chunk.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) tally: Tally,
    pub(crate) extents: Vec<(StreamKey, Extent)>,
    /// Transactions of which something is out.
    pub(crate) transactions_out: HashSet<u128>,
}

/// What looks at chunks; clones share it.
#[derive(Clone)]
pub(crate) struct Looker {
    pub(crate) environment: Environment,
    pub(crate) chunks: ChunkReader,
    pub(crate) filter: Arc<Filter>,
    /// The streams whose events are counted. Others are looked at only for what they are tied to.
    pub(crate) streams: StreamSelection,
}

impl Looker {
    /// Reads a chunk and looks at its events of the chosen streams.
    pub(crate) fn look(
        &self,
        placed: PlacedChunk,
    ) -> impl Future<Output = Result<Look, ReadError>> + Send + use<> {
        let looker = self.clone();
        async move {
            let (records, beside) = read(&looker.chunks, placed, false).await?;
            let Self { environment, filter, streams, .. } = looker;
            let seen = environment
                .compute(move || look(&records, beside.as_ref(), placed, &filter, &streams))
                .await;
            let id = placed.chunk.records;
            seen.map_err(|source| ReadError::ChunkMalformed { id, source })
        }
    }
}

/// The records of a chunk, and what stands beside them, if that is wanted or they have positions.
pub(crate) async fn read(
    chunks: &ChunkReader,
    placed: PlacedChunk,
    with_beside: bool,
) -> Result<(Bytes, Option<Beside>), ReadError> {
    let chunk = placed.chunk;
    let read_beside = async {
        match chunk.beside {
            // Positions stand there.
            Some(id) if with_beside || chunk.position.is_some() => {
                let bytes = chunks.read(ChunkKind::Beside, id).await?;
                let beside = Beside::decode(&bytes, chunk.events);
                beside.map(Some).map_err(|source| ReadError::ChunkMalformed { id, source })
            }
            _ => Ok(None),
        }
    };
    futures::try_join!(chunks.read(ChunkKind::Events, chunk.records), read_beside)
}

/// Calls `visit` for each event of a chunk with what stands beside it and its ordinal, as long as it
/// is told to go on.
pub(crate) fn visit<'a>(
    bytes: &'a [u8],
    beside: Option<&Beside>,
    placed: PlacedChunk,
    mut visit: impl FnMut(&Event<'a>, &EventForm<'_>, u64) -> bool,
) -> Result<(), DecodeError> {
    let empty = Beside::default();
    let (mut forms, _) = beside.unwrap_or(&empty).forms(placed.chunk.position);
    for (ordinal, body) in (placed.first_ordinal..).zip(records(bytes)?) {
        let event = Event::decode_body(body?)?;
        if !visit(&event, &forms.next_form(), ordinal) {
            break;
        }
    }
    Ok(())
}

fn look(
    bytes: &[u8],
    beside: Option<&Beside>,
    placed: PlacedChunk,
    filter: &Filter,
    streams: &StreamSelection,
) -> Result<Look, DecodeError> {
    let mut look = Look::default();
    // A chunk has several events of most of its streams: a key is computed once for all.
    let mut extents = HashMap::<(&str, u32), (StreamKey, Extent)>::new();
    let (mut newest, mut first_out) = (Furthest::default(), Furthest::default());
    let are_tied = filter.ties.are_known();
    visit(bytes, beside, placed, |event, form, ordinal| {
        let position = form.position;
        let is_chosen = streams.includes(event.stream);
        if !is_chosen && !are_tied {
            return true;
        }
        let lifetime = filter.lifetime(event);
        let (key, extent) = extents
            .entry((event.stream, lifetime))
            .or_insert_with(|| (StreamKey::of(event.stream, lifetime), Extent::default()));
        let verdict = filter.verdict(event, position, ordinal, Some(*key));
        let is_in = verdict == Verdict::In;
        extent.add(Extent::of(event.version, is_in));
        let tally = &mut look.tally;
        if is_in {
            let is_asked =
                |asked: &(String, u64)| (event.stream, event.version) == (&asked.0, asked.1);
            tally.has_asked |= filter.asked.as_ref().is_some_and(is_asked);
        } else {
            look.transactions_out.extend(filter.transaction(event));
        }
        if is_chosen {
            tally.see(verdict, event);
            let rank = filter.limit.rank(event.time.timestamp(), position, ordinal);
            let furthest = if is_in { &mut newest } else { &mut first_out };
            furthest.see(is_in, rank, event, position);
        }
        true
    })?;
    look.tally.newest = newest.into_extreme();
    look.tally.first_out = first_out.into_extreme();
    look.extents = extents.into_values().collect();
    Ok(look)
}
