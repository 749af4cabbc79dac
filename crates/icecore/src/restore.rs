//! Restore: a snapshot, or some streams of it, goes back into a store.
//!
//! Whatever is written has been verified by its chunk's id, and the target compares what it wrote with
//! that before it takes its final name, or becomes visible.

mod copy;

pub(crate) use copy::event_chunk;

use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::monitor::{Monitor, Stopped};
use crate::recover::Cut;
use crate::repository::Repository;
use crate::selection::StreamSelection;
use crate::source::SourceFile;
use crate::streams::{self, StreamSummary};
use crate::target::{
    OnConflict, RequestedStream, StreamEnd, Target, TargetError, TargetErrorKind, TargetRequest,
    Verification, Written,
};
use copy::{copy, wanted_chunks};
use futures::stream::TryStreamExt as _;
use icecore_format::record::DecodeError;
use icecore_format::snapshot::Snapshot;
use icecore_format::tree::{TreeContent, TreeNode};
use icecore_format::{ChunkId, ChunkKind};
use std::sync::Arc;

/// What to restore, and how.
#[derive(Clone, Debug, Default)]
pub struct RestoreOptions {
    /// Which streams.
    pub streams: StreamSelection,
    /// What the one stream that is restored is to be called instead.
    pub rename: Option<String>,
    /// Whether a target that is not empty may be replaced.
    pub overwrite: bool,
    /// What becomes of streams that are at the target already. Without it, a target has to be empty
    /// that all of the snapshot is restored to.
    pub on_conflict: Option<OnConflict>,
    /// How what was written is verified.
    pub verification: Verification,
    /// Which events, if the snapshot's log is cut at a point.
    pub cut: Option<Arc<Cut>>,
}

impl RestoreOptions {
    /// Whether all of the source is restored as it was.
    fn is_whole(&self) -> bool {
        self.streams.is_all() && self.rename.is_none() && self.on_conflict.is_none()
    }
}

/// How one of the streams that were chosen ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoredStream {
    /// Its id in the snapshot.
    pub source: String,
    /// Its id at the target.
    pub stream: String,
    /// Its events in the snapshot, which are at the target unless it was skipped.
    pub events: u64,
    /// How it ended.
    pub end: StreamEnd,
}

/// What a restore did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Events written.
    pub events_restored: u64,
    /// Streams that they belong to.
    pub streams_restored: u64,
    /// How each of them ended, sorted by id, unless all of the source was restored as it was.
    pub streams: Vec<RestoredStream>,
    /// What the target wrote, and how it was found to be the same.
    pub written: Written,
    /// How long events were copied, in nanoseconds.
    pub copy_nanoseconds: i64,
    /// How long the target took to complete, verify and show what was copied, in nanoseconds.
    pub complete_nanoseconds: i64,
}

/// What a restore would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestorePlan {
    /// Events that would be written.
    pub events: u64,
    /// Streams that they belong to.
    pub streams: u64,
    /// Bytes of their chunks that would be read, before compression, in bytes.
    pub record_bytes: u64,
}

/// A restore that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}{}", step, outcome.as_ref().map(|it| format!("; {it}")).unwrap_or_default())]
pub struct RestoreError {
    #[source]
    step: RestoreStep,
    /// What is at the target now, where it was begun.
    pub outcome: Option<String>,
}

/// The step of a restore that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreStep {
    /// Something of the repository could not be read.
    #[error("cannot read the snapshot")]
    Read(#[from] ReadError),
    /// The target did not take it.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No stream of the snapshot is meant.
    #[error("the snapshot has no stream that matches")]
    NoStream,
    /// Several streams would go under one name.
    #[error("{streams} streams match, and only one can be given another name")]
    SeveralStreams {
        /// How many.
        streams: u64,
    },
    /// The counts of what was written are not those of the snapshot.
    #[error("{restored} events were restored where the snapshot has {expected}")]
    Miscounted {
        /// Events written.
        restored: u64,
        /// Events that the snapshot has.
        expected: u64,
    },
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl RestoreError {
    /// The step that failed.
    pub fn step(&self) -> &RestoreStep {
        &self.step
    }
}

impl<E: Into<RestoreStep>> From<E> for RestoreError {
    fn from(step: E) -> Self {
        Self { step: step.into(), outcome: None }
    }
}

/// Says what [`restore`] would do. Reads the snapshot's structure, and writes nothing.
pub async fn plan(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
) -> Result<RestorePlan, RestoreError> {
    plan_with(&repository.chunks().await?, snapshot, options).await
}

/// The same with a reader that finds the chunks of the snapshot's log, wherever they are.
pub(crate) async fn plan_with(
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    options: &RestoreOptions,
) -> Result<RestorePlan, RestoreError> {
    let (events, streams, _) = expected(chunks, snapshot, options).await?;
    if let Some(cut) = options.cut.as_ref().filter(|_| options.is_whole()) {
        return Ok(RestorePlan { events, streams, record_bytes: cut.record_bytes });
    }
    let root = snapshot.event_log.clone().unwrap_or_default();
    let mut record_bytes = 0;
    let mut wanted = std::pin::pin!(wanted_chunks(chunks, &root, options));
    while let Some((placed, _)) = wanted.try_next().await? {
        record_bytes += u64::from(placed.chunk.record_bytes);
    }
    Ok(RestorePlan { events, streams, record_bytes })
}

/// Restores `snapshot`, or the streams of it that the options choose, into `target`.
///
/// Ends complete, or says exactly what is at the target. May be dropped at any moment: the target is as it
/// was, or, at the very end, complete.
pub async fn restore(
    repository: &Repository,
    snapshot: &Snapshot,
    target: &dyn Target,
    options: &RestoreOptions,
    monitor: &Monitor,
) -> Result<RestoreReport, RestoreError> {
    let chunks = repository.chunks().await?;
    restore_with(repository, &chunks, snapshot, target, options, monitor).await
}

/// The same with a reader that finds the chunks of the snapshot's log, wherever they are.
pub(crate) async fn restore_with(
    repository: &Repository,
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    target: &dyn Target,
    options: &RestoreOptions,
    monitor: &Monitor,
) -> Result<RestoreReport, RestoreError> {
    let _task = monitor.task("restoring");
    if options.on_conflict.is_some() && !target.takes_streams_beside_others() {
        return Err(RestoreStep::from(written_whole(target)).into());
    }
    let (mut events, mut streams, requested) = expected(chunks, snapshot, options).await?;
    let request = TargetRequest {
        source_kind: snapshot.source_kind.clone(),
        files: read_files(chunks, snapshot.tree).await?,
        overwrite: options.overwrite,
        whole: options.is_whole(),
        is_cut: options.cut.as_ref().is_some_and(|cut| cut.left_out > 0),
        on_conflict: options.on_conflict,
        streams: requested,
        verification: options.verification,
    };
    let mut writer = target.open(&request).await?;
    let outcomes: Vec<RestoredStream> = request
        .streams
        .into_iter()
        .map(|RequestedStream { source, stream, events }| {
            let end = writer.end_of(&stream);
            RestoredStream { source, stream, events, end }
        })
        .collect();
    for skipped in outcomes.iter().filter(|stream| stream.end == StreamEnd::Skipped) {
        events -= skipped.events;
        streams -= 1;
    }
    let clock = &repository.environment.clock;
    let began = clock.passed();
    let copied = copy(repository, chunks, snapshot, &mut *writer, options, monitor).await;
    let end = match copied {
        Ok((restored, end)) if restored == events => end,
        failed => {
            let step = match failed {
                Ok((restored, _)) => RestoreStep::Miscounted { restored, expected: events },
                Err(step) => step,
            };
            return Err(RestoreError { step, outcome: Some(writer.abandon().await) });
        }
    };
    let copied = clock.passed();
    let completing = monitor.task("completing and verifying");
    let written = writer.finish(end).await?;
    drop(completing);
    if written.events != events {
        let step = RestoreStep::Miscounted { restored: written.events, expected: events };
        return Err(step.into());
    }
    Ok(RestoreReport {
        events_restored: events,
        streams_restored: streams,
        streams: outcomes,
        written,
        copy_nanoseconds: copied.saturating_sub(began).as_nanos() as i64,
        complete_nanoseconds: clock.passed().saturating_sub(copied).as_nanos() as i64,
    })
}

/// Why a target knows no conflicts.
fn written_whole(target: &dyn Target) -> TargetError {
    let message = format!(
        "a target of kind {} is written whole: what becomes of streams that are there already can be \
         chosen for event stores in PostgreSQL",
        target.kind()
    );
    TargetError::new(TargetErrorKind::Unsuitable, message)
}

/// The events and streams that are to be restored, by the snapshot's own account; and each stream,
/// unless all of the source is restored as it was.
async fn expected(
    chunks: &ChunkReader,
    snapshot: &Snapshot,
    options: &RestoreOptions,
) -> Result<(u64, u64, Vec<RequestedStream>), RestoreError> {
    if options.is_whole() {
        let counts = (snapshot.counts.events, snapshot.counts.streams);
        let (events, streams) = options.cut.as_ref().map_or(counts, |it| (it.events, it.streams));
        return Ok((events, streams, Vec::new()));
    }
    let found: Vec<StreamSummary> = match &options.cut {
        None => streams::streams_in(chunks, snapshot, &options.streams).await?,
        Some(cut) => copy::streams_of_cut(chunks, snapshot, options, cut).await?,
    };
    let (events, streams) = (found.iter().map(|stream| stream.events).sum(), found.len() as u64);
    match streams {
        0 if !options.streams.is_all() => return Err(RestoreStep::NoStream.into()),
        2.. if options.rename.is_some() => {
            return Err(RestoreStep::SeveralStreams { streams }.into());
        }
        _ => {}
    }
    let requested = found.into_iter().map(|found| RequestedStream {
        stream: options.rename.as_ref().unwrap_or(&found.stream).clone(),
        source: found.stream,
        events: found.events,
    });
    Ok((events, streams, requested.collect()))
}

/// The named contents below a tree's root.
pub(crate) async fn read_files(
    chunks: &ChunkReader,
    tree: Option<ChunkId>,
) -> Result<Vec<SourceFile>, ReadError> {
    let Some(id) = tree else { return Ok(Vec::new()) };
    let malformed = |what| ReadError::ChunkMalformed {
        id,
        source: DecodeError::Malformed { record: "the tree node", what },
    };
    let node: TreeNode = chunks.read_record(ChunkKind::Tree, id).await?;
    let mut files = Vec::new();
    for entry in node.entries {
        let name = String::from_utf8(entry.name).map_err(|_| malformed("a name is not UTF-8"))?;
        let TreeContent::File { bytes, chunks: ids } = entry.content else {
            return Err(malformed("an entry of an unknown kind"));
        };
        let mut content = Vec::new();
        for id in ids {
            content.extend(chunks.read(ChunkKind::Data, id).await?);
        }
        if content.len() as u64 != bytes {
            return Err(malformed("a file's chunks do not add up to its length"));
        }
        files.push(SourceFile { name, content });
    }
    Ok(files)
}
