//! Copying the chosen events of a snapshot to a writer: chunks are read, verified and encoded for
//! several at once, and written in order.

use super::{RestoreOptions, RestoreStep};
use crate::chunks::ChunkReader;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::event_log::LogReader;
use crate::monitor::{Counter, Monitor};
use crate::pipeline::Pipeline;
use crate::repository::Repository;
use crate::selection::StreamSelection;
use crate::target::{Encoded, EventChunk, EventEncoder, EventWriter, RestoreEnd};
use futures::stream::{self, Stream, TryStreamExt as _};
use icecore_format::event::{Beside, Event, Payload, records};
use icecore_format::event_log::{EventLogRoot, SegmentChunk};
use icecore_format::record::DecodeError;
use icecore_format::snapshot::Snapshot;
use icecore_format::{ChunkId, ChunkKind};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

/// Chunks that are read and encoded at once, for each job that the pool runs at once: some wait for
/// storage.
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
    monitor.count(Counter::BytesExpected, root.span().record_bytes);

    let parallelism = repository.environment.executor.parallelism();
    let mut copying = Pipeline::new(PIECES_PER_JOB * parallelism + 1);
    let mut written = Written { writer, monitor, events: 0 };
    let mut wanted = std::pin::pin!(wanted_chunks(chunks, &root, options));
    while let Some(chunk) = wanted.try_next().await? {
        // A large payload is held as its chunks, in one piece, and encoded.
        let bytes = u64::from(chunk.record_bytes) + 3 * chunk.payload_bytes;
        copying.begin(bytes, copier.encode(chunk));
        while copying.is_full() {
            written.take(copying.next().await).await?;
        }
    }
    while written.take(copying.next().await).await? {}
    let events = written.events;

    let epilogue = match root.epilogue {
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

/// The chunks that hold wanted events, in order.
fn wanted_chunks(
    chunks: &ChunkReader,
    root: &EventLogRoot,
    options: &RestoreOptions,
) -> impl Stream<Item = Result<SegmentChunk, RestoreStep>> + Send + use<> {
    let streams = options.streams.clone();
    LogReader::new(chunks.clone())
        .parts(root)
        .and_then(move |part| {
            let streams = streams.clone();
            async move { part.chunks_of(&streams).await }
        })
        .map_ok(|chunks| stream::iter(chunks.into_iter().map(Ok::<_, ReadError>)))
        .try_flatten()
        .map_err(RestoreStep::from)
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
    ) -> impl Future<Output = Result<(Encoded, u64), RestoreStep>> + Send + use<> {
        let copier = self.clone();
        async move {
            let chunk = copier.read(chunk).await?;
            let Self { environment, encoder, .. } = copier;
            let record_bytes = chunk.records.len() as u64;
            let encoded = environment.compute(move || encoder.encode(&chunk)).await?;
            Ok((encoded, record_bytes))
        }
    }

    async fn read(&self, chunk: SegmentChunk) -> Result<EventChunk, ReadError> {
        let malformed = |id| move |source| ReadError::ChunkMalformed { id, source };
        let read_beside = async {
            match chunk.beside {
                Some(id) => {
                    let bytes = self.chunks.read(ChunkKind::Beside, id).await?;
                    Beside::decode(&bytes, chunk.events).map(Some).map_err(malformed(id))
                }
                None => Ok(None),
            }
        };
        let (records, beside) =
            futures::try_join!(self.chunks.read(ChunkKind::Events, chunk.records), read_beside)?;
        let payloads =
            large_payloads(&records, &self.options.streams).map_err(malformed(chunk.records))?;
        let mut payload_chunks = HashMap::new();
        for id in payloads {
            payload_chunks.insert(id, self.chunks.read(ChunkKind::Data, id).await?);
        }
        Ok(EventChunk {
            records,
            beside,
            first_position: chunk.position,
            payload_chunks,
            streams: self.options.streams.clone(),
            rename: self.options.rename.clone(),
        })
    }
}

/// The chunks of the large payloads of wanted events.
fn large_payloads(chunk: &[u8], streams: &StreamSelection) -> Result<Vec<ChunkId>, DecodeError> {
    let mut ids = Vec::new();
    for body in records(chunk)? {
        let event = Event::decode_body(body?)?;
        if let Payload::Chunked(payload) = event.payload
            && streams.includes(event.stream)
        {
            ids.extend(payload.ids());
        }
    }
    Ok(ids)
}
