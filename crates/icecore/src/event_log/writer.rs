//! Writing an event log: batches in, chunks and segments out, all cores at work in between.
//!
//! Parsing, cutting, hashing and sealing are pieces of work for the pool; this module keeps them in
//! order and their number bounded.

use super::chunk::{self, ReadyChunk};
use super::cut::{Cut, CuttableBatch, Cutter, Piece};
use super::heads::{Heads, Tally};
use super::kept::{KeptLog, chunks_of};
use super::open::OpenRegion;
use super::rest::KeptChunk;
use super::segment::record_chunk;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::monitor::{Counter, Monitor};
use crate::pipeline::Pipeline;
use crate::selection::StreamSelection;
use crate::session::{NewChunk, Session, SessionError};
use crate::source::{EventReader, SourceError, SourceErrorKind, StreamDefect, UnparsedBatch};
use icecore_format::ChunkKind;
use icecore_format::config::ChunkBytes;
use icecore_format::event::{Boundary, EventDigest};
use icecore_format::event_log::{EventLogRoot, Span, Subtree};
use icecore_format::keys::KeySet;
use icecore_format::record::DecodeError;
use icecore_format::snapshot::Counts;
use std::sync::Arc;

/// Cuts whose chunks are built at once, for each job that the pool runs at once.
const BUILDING_PER_JOB: usize = 4;

/// Chunks that the rest may have before it is cut for good.
const REST_CHUNKS_MAX: usize = 6;

/// A failure while events were written: the source's, or the repository's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl From<ReadError> for WriteError {
    fn from(error: ReadError) -> Self {
        Self::Session(error.into())
    }
}

/// Writes one event log.
pub(crate) struct LogWriter {
    environment: Environment,
    keys: Arc<KeySet>,
    boundary: Boundary,
    sizes: ChunkBytes,
    data: ChunkBytes,
    monitor: Monitor,
    parsing: Pipeline<Result<CuttableBatch, SourceError>>,
    cutting: Cutting,
    building: Pipeline<Result<ReadyChunk, DecodeError>>,
    root: EventLogRoot,
    open: OpenRegion,
    /// The rest as it is kept, in the order of the root's.
    rest: Vec<KeptChunk>,
    /// The heads of all streams before the rest.
    heads: Heads,
    /// Events that the digest covers.
    digested: u64,
    known: Option<Known>,
    bytes_read: u64,
    streams: StreamSelection,
    defects: Vec<StreamDefect>,
}

/// Whether events are cut yet.
enum Cutting {
    /// The few events that follow the rest, as long as they are few.
    Not { batches: Vec<CuttableBatch>, bytes: u64 },
    /// They are.
    By(Cutter),
}

/// What is known of how the events begin.
struct Known {
    events: u64,
    digest: EventDigest,
    /// Whether they do begin so, once that many were seen.
    is_met: Option<bool>,
}

/// An event log that is stored and not yet committed.
pub(crate) struct WrittenLog {
    pub(crate) root: EventLogRoot,
    pub(crate) counts: Counts,
    /// What was read of the source, in bytes.
    pub(crate) bytes_read: u64,
    /// Whether it begins with all events of the log that it was compared with.
    pub(crate) begins_as_known: Option<bool>,
    /// What there is of each stream that was chosen by its id.
    pub(crate) named: Vec<(String, Tally)>,
    /// What the next backup needs to go on.
    pub(crate) kept: KeptLog,
}

impl LogWriter {
    /// A writer of a whole log of these streams. `known` is the one that it is compared with.
    pub(crate) fn new(
        session: &Session<'_>,
        monitor: &Monitor,
        streams: &StreamSelection,
        known: Option<&EventLogRoot>,
    ) -> Self {
        let repository = session.repository();
        let config = repository.config();
        let parallelism = repository.environment.executor.parallelism();
        let known = known.map(|root| {
            let (events, digest) = (root.span().events, root.digest);
            Known { events, digest, is_met: (events == 0).then_some(true) }
        });
        let boundary = Boundary::new(&repository.keys.boundary_key(), config.events);
        let mut heads = Heads::default();
        heads.tally(streams.named().map(|stream| boundary.hash(stream.as_bytes())));
        Self {
            environment: repository.environment.clone(),
            keys: repository.keys.clone(),
            boundary,
            sizes: config.events,
            data: config.data,
            monitor: monitor.clone(),
            parsing: Pipeline::new(parallelism + 1),
            cutting: Cutting::By(Cutter::new(config.events)),
            building: Pipeline::new(BUILDING_PER_JOB * parallelism + 1),
            root: EventLogRoot::default(),
            open: OpenRegion::default(),
            rest: Vec::new(),
            heads,
            digested: 0,
            known,
            bytes_read: 0,
            streams: streams.clone(),
            defects: Vec::new(),
        }
    }

    /// A writer of what follows `root`, which is of the same streams and of which `kept` was kept.
    pub(crate) fn going_on(
        session: &Session<'_>,
        monitor: &Monitor,
        streams: &StreamSelection,
        root: EventLogRoot,
        kept: KeptLog,
    ) -> Self {
        let KeptLog { heads, rest, open, source: _ } = kept;
        Self {
            cutting: Cutting::Not { batches: Vec::new(), bytes: 0 },
            digested: root.span().events,
            root: EventLogRoot { open: Vec::new(), epilogue: None, ..root },
            open: OpenRegion::new(open),
            rest,
            heads: heads.into(),
            ..Self::new(session, monitor, streams, None)
        }
    }

    /// Stores everything that `reader` gives; the streams with events that cannot be taken. If there
    /// are any, the log is to be written anew without them.
    pub(crate) async fn write_all(
        &mut self,
        reader: &mut dyn EventReader,
        session: &mut Session<'_>,
    ) -> Result<Vec<StreamDefect>, WriteError> {
        while let Some(batch) = reader.next().await? {
            self.monitor.stop_point().map_err(SessionError::from)?;
            self.begin_parsing(batch);
            while self.parsing.is_full() {
                self.take_parsed(session).await?;
            }
        }
        while self.take_parsed(session).await? {}
        Ok(std::mem::take(&mut self.defects))
    }

    /// Stores what is left, and what follows the last event.
    pub(crate) async fn finish(
        mut self,
        epilogue: Vec<u8>,
        session: &mut Session<'_>,
    ) -> Result<WrittenLog, WriteError> {
        let last = match std::mem::replace(&mut self.cutting, Cutting::By(Cutter::new(self.sizes)))
        {
            Cutting::By(cutter) => cutter.finish().unwrap_or_default(),
            Cutting::Not { batches, .. } => {
                let whole = |batch: CuttableBatch| {
                    let events = 0..batch.hashes.len();
                    Piece { batch: Arc::new(batch), events }
                };
                batches.into_iter().map(whole).collect()
            }
        };
        while self.take_built(session).await? {}
        if let Some(segment) =
            self.open.finish(&self.environment, &self.keys, self.boundary).await?
        {
            for chunk in chunks_of(segment) {
                session.put(chunk).await?;
            }
        }
        self.root.open = self.open.subtrees();
        self.add_rest(last, session).await?;

        if !epilogue.is_empty() {
            self.bytes_read += epilogue.len() as u64;
            let id = session.chunk_id(ChunkKind::Beside, &epilogue);
            let chunk = NewChunk { kind: ChunkKind::Beside, id, plaintext: epilogue };
            session.put(chunk).await?;
            self.root.epilogue = Some(id);
        }
        let heads = self.heads.keep();
        for chunk in &self.rest {
            self.heads.add(&chunk.streams(&self.boundary).map_err(from_source)?);
        }
        let span = self.root.span();
        let mut counts = Counts {
            events: span.events,
            first_position: span.first_position,
            last_position: span.last_position,
            first_time: span.first_time,
            last_time: span.last_time,
            ..Counts::default()
        };
        self.heads.count(&mut counts);
        let named = self.streams.named().map(|stream| {
            let tally = self.heads.tally_of(self.boundary.hash(stream.as_bytes()));
            (stream.clone(), tally)
        });
        Ok(WrittenLog {
            named: named.collect(),
            root: self.root,
            counts,
            bytes_read: self.bytes_read,
            begins_as_known: self.known.map(|known| known.is_met.unwrap_or(false)),
            kept: KeptLog {
                heads,
                rest: self.rest,
                open: self.open.into_kept(),
                source: Vec::new(),
            },
        })
    }

    fn begin_parsing(&mut self, batch: UnparsedBatch) {
        let (boundary, bytes) = (self.boundary, batch.bytes());
        let parsed = self
            .environment
            .compute(move || CuttableBatch::new(batch.parse()?, &boundary).map_err(from_source));
        self.parsing.begin(bytes, parsed);
    }

    /// Takes the batch that is next; whether there was one.
    async fn take_parsed(&mut self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let Some(batch) = self.parsing.next().await else { return Ok(false) };
        let mut batch = batch?;
        self.defects.append(&mut batch.batch.defects);
        self.bytes_read += batch.batch.source_bytes;
        self.monitor.count(Counter::BytesRead, batch.batch.source_bytes);
        for hash in &batch.hashes {
            self.root.digest.push(*hash);
            self.digested += 1;
            if let Some(known) = &mut self.known
                && known.events == self.digested
            {
                known.is_met = Some(known.digest == self.root.digest);
            }
        }
        match &mut self.cutting {
            // None of its events is of a wanted stream.
            _ if batch.hashes.is_empty() => {}
            Cutting::By(_) => self.cut(batch, session).await?,
            Cutting::Not { batches, bytes } => {
                *bytes += batch.record_bytes();
                let is_few = *bytes <= u64::from(self.sizes.max)
                    && self.rest.len() < REST_CHUNKS_MAX
                    && !batch.has_large_payload();
                batches.push(batch);
                if !is_few {
                    self.cut_rest(session).await?;
                }
            }
        }
        Ok(true)
    }

    /// Cuts the rest and what followed it for good, and everything from now on.
    async fn cut_rest(&mut self, session: &mut Session<'_>) -> Result<(), WriteError> {
        let cutting = Cutting::By(Cutter::new(self.sizes));
        let Cutting::Not { batches, .. } = std::mem::replace(&mut self.cutting, cutting) else {
            return Ok(());
        };
        self.root.rest.clear();
        self.root.rest_span = Span::default();
        for kept in std::mem::take(&mut self.rest) {
            let boundary = self.boundary;
            let batch = self
                .environment
                .compute(move || CuttableBatch::new(kept.into_batch()?, &boundary))
                .await
                .map_err(from_source)?;
            self.cut(batch, session).await?;
        }
        for batch in batches {
            self.cut(batch, session).await?;
        }
        Ok(())
    }

    async fn cut(
        &mut self,
        batch: CuttableBatch,
        session: &mut Session<'_>,
    ) -> Result<(), WriteError> {
        let Cutting::By(cutter) = &mut self.cutting else { return Ok(()) };
        for cut in cutter.add(batch) {
            let bytes = cut.iter().map(Piece::record_bytes).sum();
            let built = self.build(cut);
            self.building.begin(bytes, built);
            while self.building.is_full() {
                self.take_built(session).await?;
            }
        }
        Ok(())
    }

    fn build(
        &self,
        cut: Cut,
    ) -> impl Future<Output = Result<ReadyChunk, DecodeError>> + Send + use<> {
        let (keys, boundary, data) = (self.keys.clone(), self.boundary, self.data);
        self.environment.compute(move || chunk::build(&cut, &keys, &boundary, data))
    }

    /// Stores the chunk that is next; whether there was one.
    async fn take_built(&mut self, session: &mut Session<'_>) -> Result<bool, WriteError> {
        let Some(chunk) = self.building.next().await else { return Ok(false) };
        let chunk = chunk.map_err(from_source)?;
        self.monitor.count(Counter::Events, chunk.span.events);
        self.heads.add(&chunk.streams);
        let is_closed = self.open.add(&chunk);
        for new in chunk.chunks {
            session.put(new).await?;
        }
        if is_closed {
            let segment = self.open.close(&self.environment, &self.keys, self.boundary).await?;
            self.push(segment.subtree, session, chunks_of(segment)).await?;
        }
        Ok(true)
    }

    /// Stores a closed segment and the nodes that it completes.
    async fn push(
        &mut self,
        subtree: Subtree,
        session: &mut Session<'_>,
        chunks: impl Iterator<Item = NewChunk>,
    ) -> Result<(), SessionError> {
        let mut nodes = Vec::new();
        self.root.push(subtree, |node| {
            let chunk = record_chunk(&self.keys, ChunkKind::LogNode, &node);
            let id = chunk.id;
            nodes.push(chunk);
            id
        });
        for chunk in chunks.chain(nodes) {
            session.put(chunk).await?;
        }
        Ok(())
    }

    /// Adds the last events to the rest.
    async fn add_rest(&mut self, cut: Cut, session: &mut Session<'_>) -> Result<(), WriteError> {
        if cut.is_empty() {
            return Ok(());
        }
        let chunk = self.build(cut).await.map_err(from_source)?;
        self.monitor.count(Counter::Events, chunk.span.events);
        self.rest.push(KeptChunk::new(&chunk));
        self.root.rest.push(chunk.entry);
        self.root.rest_span.add(&chunk.span);
        for new in chunk.chunks {
            session.put(new).await?;
        }
        Ok(())
    }
}

/// A source that gives records which are none is at fault itself.
pub(super) fn from_source(error: DecodeError) -> SourceError {
    SourceError::new(SourceErrorKind::Invalid, "the source gave an event that is none")
        .because(error)
}
