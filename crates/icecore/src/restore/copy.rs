//! Copying the chosen events of a snapshot to a writer: chunks are read, verified and encoded for
//! several at once, and written in order.

use super::{RestoreOptions, RestoreStep};
use crate::chunks::ChunkReader;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::event_log::{LogReader, PlacedChunk, payloads_of};
use crate::monitor::{Counter, Monitor};
use crate::pipeline::Pipeline;
use crate::read_ahead::read_ahead;
use crate::recover::{ChunkCut, ChunkFilter, Cut, read, visit};
use crate::repository::Repository;
use crate::selection::StreamSelection;
use crate::streams::StreamSummary;
use crate::target::{Encoded, EventChunk, EventEncoder, EventWriter, RestoreEnd};
use futures::stream::{self, Stream, TryStreamExt as _};
use icecore_format::ChunkKind;
use icecore_format::event::Beside;
use icecore_format::event_log::{EventLogRoot, SegmentChunk};
use icecore_format::snapshot::Snapshot;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;

/// Chunks that are read and encoded at once, for each job that the pool runs at once.
const PIECES_PER_JOB: usize = 8;

/// Copies the chosen events; their number, and what else the snapshot has.
pub(super) async fn copy(
    repository: &Repository,
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    writer: &mut dyn EventWriter,
    options: &RestoreOptions,
    monitor: &Monitor,
) -> Result<(u64, RestoreEnd), RestoreStep> {
    let root = snapshot.event_log.clone().unwrap_or_default();
    let copier = Copier {
        environment: repository.environment.clone(),
        chunks: chunks.clone(),
        encoder: writer.encoder(),
        options: options.clone(),
    };
    let cut_bytes = options.cut.as_ref().map(|cut| cut.record_bytes);
    let expected = cut_bytes.unwrap_or_else(|| root.span().record_bytes);
    monitor.count(Counter::BytesExpected, expected);

    let parallelism = repository.environment.executor.parallelism();
    let mut copying = Pipeline::new(PIECES_PER_JOB * parallelism + 1);
    let mut written = Written { writer, monitor, events: 0 };
    let wanted = wanted_chunks(chunks, &root, options);
    let mut wanted =
        std::pin::pin!(read_ahead(chunks.clone(), wanted, |(placed, _)| placed.chunk.records));
    while let Some((placed, filter)) = wanted.try_next().await? {
        let chunk = placed.chunk;
        // A large payload is held as its chunks, in one piece, and encoded.
        let bytes = u64::from(chunk.record_bytes) + 3 * chunk.payload_bytes;
        copying.begin(bytes, copier.encode(chunk, filter));
        while copying.is_full() {
            written.take(copying.next().await).await?;
        }
    }
    while written.take(copying.next().await).await? {}
    let events = written.events;

    let has_end = options.cut.as_ref().is_none_or(|cut| cut.left_out == 0);
    let epilogue = match root.epilogue.filter(|_| has_end) {
        Some(id) => chunks.read(ChunkKind::Beside, id).await?.into(),
        None => Vec::new(),
    };
    Ok((events, RestoreEnd { epilogue }))
}

/// What was written so far.
struct Written<'a> {
    writer: &'a mut dyn EventWriter,
    monitor: &'a Monitor,
    events: u64,
}

impl Written<'_> {
    /// Writes what was encoded; whether there was any.
    async fn take(
        &mut self,
        encoded: Option<Result<(Encoded, u64), RestoreStep>>,
    ) -> Result<bool, RestoreStep> {
        let Some(encoded) = encoded else { return Ok(false) };
        let (encoded, record_bytes) = encoded?;
        self.monitor.stop_point()?;
        self.events += encoded.events;
        self.monitor.count(Counter::Events, encoded.events);
        self.monitor.count(Counter::BytesRead, record_bytes);
        self.monitor.count(Counter::BytesWritten, encoded.bytes.len() as u64);
        self.writer.write(encoded).await?;
        Ok(true)
    }
}

/// The chunks that hold wanted events, in order; each with what tells these from others that are
/// beyond a point, if it has such.
pub(super) fn wanted_chunks(
    chunks: &ChunkReader,
    root: &EventLogRoot,
    options: &RestoreOptions,
) -> impl Stream<Item = Result<(PlacedChunk, Option<ChunkFilter>), RestoreStep>> + Send + use<> {
    let (streams, cut) = (options.streams.clone(), options.cut.clone());
    LogReader::new(chunks.clone())
        .found_in_parts(root, move |part| {
            let (streams, cut) = (streams.clone(), cut.clone());
            async move {
                let mut wanted = Vec::new();
                for placed in part.chunks_of(&streams).await? {
                    match &cut {
                        None => wanted.push((placed, None)),
                        Some(cut) => match cut.of_chunk(part.number, placed.number) {
                            ChunkCut::Whole => wanted.push((placed, None)),
                            ChunkCut::Some => wanted.push((placed, Some(cut.filter(&placed)))),
                            ChunkCut::Out => {}
                        },
                    }
                }
                Ok(wanted)
            }
        })
        .map_ok(|chunks| stream::iter(chunks.into_iter().map(Ok::<_, ReadError>)))
        .try_flatten()
        .map_err(RestoreStep::from)
}

/// What is in of each of the chosen streams of a log that is cut, sorted by id.
pub(super) async fn streams_of_cut(
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    cut: &Cut,
) -> Result<Vec<StreamSummary>, RestoreStep> {
    let root = snapshot.event_log.clone().unwrap_or_default();
    let mut streams = BTreeMap::<String, StreamSummary>::new();
    let mut add = |stream: &str, events: u64, first: u64, last: u64| {
        if let Some(known) = streams.get_mut(stream) {
            known.events += events;
            known.first_version = known.first_version.min(first);
            known.last_version = known.last_version.max(last);
        } else {
            let (stream, first_version, last_version) = (stream.to_owned(), first, last);
            let summary =
                StreamSummary { stream: stream.clone(), events, first_version, last_version };
            streams.insert(stream, summary);
        }
    };
    let mut parts = std::pin::pin!(LogReader::new(chunks.clone()).placed_parts(&root));
    while let Some(part) = parts.try_next().await? {
        if cut.is_whole(part.number) {
            for entry in part.part.streams(&options.streams).await? {
                add(&entry.stream, entry.events, entry.first_version, entry.last_version);
            }
            continue;
        }
        for placed in part.chunks_of(&options.streams).await? {
            if cut.of_chunk(part.number, placed.number) == ChunkCut::Out {
                continue;
            }
            let filter = cut.filter(&placed);
            let (records, beside) = read(chunks, placed, false).await?;
            visit(&records, beside.as_ref(), placed, |event, form, ordinal| {
                let number = ordinal - placed.first_ordinal;
                if options.streams.includes(event.stream)
                    && filter.includes(event, form.position, number)
                {
                    add(event.stream, 1, event.version, event.version);
                }
                true
            })
            .map_err(|source| ReadError::ChunkMalformed { id: placed.chunk.records, source })?;
        }
    }
    Ok(streams.into_values().collect())
}

/// Reads chunks of events and has them encoded.
#[derive(Clone)]
struct Copier {
    environment: Environment,
    chunks: ChunkReader,
    encoder: Arc<dyn EventEncoder>,
    options: RestoreOptions,
}

impl Copier {
    /// Reads one chunk and encodes its chosen events; also the length of its records, in bytes.
    fn encode(
        &self,
        chunk: SegmentChunk,
        filter: Option<ChunkFilter>,
    ) -> impl Future<Output = Result<(Encoded, u64), RestoreStep>> + Send + use<> {
        let copier = self.clone();
        async move {
            let Self { environment, chunks, encoder, options } = copier;
            let RestoreOptions { streams, rename, .. } = options;
            let chunk = event_chunk(&chunks, chunk, &streams).await?;
            let chunk = EventChunk { filter, rename, ..chunk };
            let record_bytes = chunk.records.len() as u64;
            let encoded = environment.compute(move || encoder.encode(&chunk)).await?;
            Ok((encoded, record_bytes))
        }
    }
}

/// Reads a chunk, with what stands beside it and its large payloads.
pub(crate) async fn event_chunk(
    chunks: &ChunkReader,
    chunk: SegmentChunk,
    streams: &StreamSelection,
) -> Result<EventChunk, ReadError> {
    let malformed = |id| move |source| ReadError::ChunkMalformed { id, source };
    let read_beside = async {
        match chunk.beside {
            Some(id) => {
                let bytes = chunks.read(ChunkKind::Beside, id).await?;
                Beside::decode(&bytes, chunk.events).map(Some).map_err(malformed(id))
            }
            None => Ok(None),
        }
    };
    let (records, beside) =
        futures::try_join!(chunks.read(ChunkKind::Events, chunk.records), read_beside)?;
    let payloads = payloads_of(&records, streams).map_err(malformed(chunk.records))?;
    let mut payload_chunks = HashMap::new();
    for id in payloads {
        payload_chunks.insert(id, chunks.read(ChunkKind::Data, id).await?);
    }
    Ok(EventChunk {
        records,
        beside,
        first_position: chunk.position,
        payload_chunks,
        streams: streams.clone(),
        filter: None,
        rename: None,
    })
}
