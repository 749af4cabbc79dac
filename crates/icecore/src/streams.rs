//! Listing the streams of a snapshot.

use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::event_log::LogReader;
use crate::repository::Repository;
use crate::selection::StreamSelection;
use futures::stream::TryStreamExt as _;
use icecore_format::snapshot::Snapshot;
use std::collections::BTreeMap;

/// What a snapshot has of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// The same with a reader that may have read some of it already.
pub(crate) async fn streams_in(
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    selection: &StreamSelection,
) -> Result<Vec<StreamSummary>, ReadError> {
    let Some(root) = &snapshot.event_log else { return Ok(Vec::new()) };
    let reader = LogReader::new(chunks.clone());
    let mut streams = BTreeMap::<String, StreamSummary>::new();
    let mut parts = std::pin::pin!(reader.parts(root));
    while let Some(part) = parts.try_next().await? {
        for entry in part.streams(selection).await? {
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
