//! Looking into a snapshot: its streams, and their events.

use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::event_log::{LogReader, PlacedChunk, PlacedPart};
use crate::pipeline;
use crate::read_ahead::read_ahead;
use crate::repository::Repository;
use crate::restore::event_chunk;
use crate::selection::StreamSelection;
use crate::target::EventChunk;
use futures::stream::{self, Stream, TryStreamExt as _};
use icecore_format::snapshot::Snapshot;
use std::collections::BTreeMap;

/// Chunks of events that are read ahead of whoever takes them.
const CHUNKS_AHEAD: usize = 16;

/// What a snapshot has of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamSummary {
    /// The stream's id.
    pub stream: String,
    /// Its events.
    pub events: u64,
    /// The smallest version among them.
    pub first_version: u64,
    /// The largest version among them.
    pub last_version: u64,
}

/// The streams of a snapshot that `selection` includes, sorted by id.
pub async fn streams(
    repository: &Repository,
    snapshot: &Snapshot,
    selection: &StreamSelection,
) -> Result<Vec<StreamSummary>, ReadError> {
    streams_in(&repository.chunks().await?, snapshot, selection).await
}

/// The events of these streams, in the order of the snapshot: chunks, one after the other, of which each
/// gives its own with [`EventChunk::visit`].
///
/// Some chunks are read ahead, of about 256 KiB each, and the blocks of more; fewer where payloads are
/// large. Dropping what is returned ends the reading.
pub async fn events(
    repository: &Repository,
    snapshot: &Snapshot,
    selection: &StreamSelection,
) -> Result<impl Stream<Item = Result<EventChunk, ReadError>> + Send + use<>, ReadError> {
    let chunks = repository.chunks().await?;
    let (root, selection) = (snapshot.event_log.clone().unwrap_or_default(), selection.clone());
    let wanted = selection.clone();
    let in_parts = LogReader::new(chunks.clone()).found_in_parts(&root, move |part| {
        let wanted = wanted.clone();
        async move { Ok(stream::iter(part.chunks_of(&wanted).await?.into_iter().map(Ok))) }
    });
    let wanted = read_ahead(chunks.clone(), in_parts.try_flatten(), |placed| placed.chunk.records);
    let read = move |PlacedChunk { chunk, .. }: PlacedChunk| {
        let (chunks, selection) = (chunks.clone(), selection.clone());
        let bytes = u64::from(chunk.record_bytes) + chunk.payload_bytes;
        (bytes, async move { event_chunk(&chunks, chunk, &selection).await })
    };
    Ok(pipeline::results(wanted.map_ok(read), CHUNKS_AHEAD))
}

/// The same with a reader that may have read some of it already.
pub(crate) async fn streams_in(
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    selection: &StreamSelection,
) -> Result<Vec<StreamSummary>, ReadError> {
    let Some(root) = &snapshot.event_log else { return Ok(Vec::new()) };
    let reader = LogReader::new(chunks.clone());
    let mut streams = BTreeMap::<String, StreamSummary>::new();
    let look = |part: PlacedPart| async move { part.part.streams(selection).await };
    let mut found = std::pin::pin!(reader.found_in_parts(root, look));
    while let Some(entries) = found.try_next().await? {
        for entry in entries {
            streams
                .entry(entry.stream.clone())
                .and_modify(|summary| {
                    summary.events += entry.events;
                    summary.first_version = summary.first_version.min(entry.first_version);
                    summary.last_version = summary.last_version.max(entry.last_version);
                })
                .or_insert(StreamSummary {
                    stream: entry.stream,
                    events: entry.events,
                    first_version: entry.first_version,
                    last_version: entry.last_version,
                });
        }
    }
    Ok(streams.into_values().collect())
}
