//! Backup: the state of a source at one moment becomes a snapshot.

use crate::event_log::{KeptLog, LogWriter, Tally, WriteError};
use crate::monitor::{Counter, Monitor};
use crate::repository::Repository;
use crate::session::{NewChunk, Session, SessionError, SessionOptions};
use crate::source::{
    Reading, Since, Source, SourceEnd, SourceError, SourceErrorKind, SourceFile, SourceRequest,
    StreamDefect, Whole,
};
use crate::tail::{self, Absorbable};
use icecore_format::block::Compression;
use icecore_format::random::random_bytes;
use icecore_format::snapshot::{Counts, Snapshot, Tag};
use icecore_format::tree::{TreeContent, TreeEntry, TreeNode};
use icecore_format::{ChunkId, ChunkKind, SnapshotId, Timestamp};
use std::collections::BTreeMap;

/// Pieces that a source's named contents are stored in, in bytes.
const FILE_CHUNK_BYTES: usize = 256 << 10;

/// How to back up, and what to say about it.
#[derive(Clone, Debug, Default)]
pub struct BackupOptions {
    /// The source's name; its own default name if empty.
    pub name: Option<String>,
    /// The host that the backup is made on.
    pub host: String,
    /// Labels.
    pub tags: Vec<Tag>,
    /// What there is to say about it.
    pub description: Option<String>,
    /// Until when the snapshot is to be kept at least.
    pub retain_until: Option<Timestamp>,
    /// What is asked of the source; what is known of it is filled in here.
    pub request: SourceRequest,
    /// Whether to read all of the source, whatever is known of it.
    pub full: bool,
    /// How hard to compress.
    pub compression: Compression,
}

/// What a backup did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BackupReport {
    /// The snapshot, as it stands in the ledger.
    pub snapshot: Snapshot,
    /// The number of its ledger entry.
    pub entry: u64,
    /// Events that the source's newest snapshot before did not have; all of them if there was none,
    /// or if the source is no longer what it was.
    pub events_new: u64,
    /// Those of them that a follower had captured, which were not read again.
    pub events_captured: u64,
    /// What was found where several kinds of stores may be.
    pub found: Option<String>,
    /// What was read, and why.
    pub reading: Reading,
    /// How it relates to the source's newest snapshot before.
    pub history: History,
    /// What became of each stream that was chosen by its id, sorted by id.
    pub named: Vec<NamedStream>,
}

/// A stream that was chosen by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStream {
    /// The stream's id.
    pub stream: String,
    /// What became of it.
    pub outcome: StreamOutcome,
}

/// What became of a stream that was chosen by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamOutcome {
    /// The snapshot has all of it.
    BackedUp {
        /// Its events.
        events: u64,
        /// The smallest version among them.
        first_version: u64,
        /// The largest version among them.
        last_version: u64,
    },
    /// The source has no such stream.
    Missing,
    /// The source has it, and the snapshot has nothing of it, since an event cannot be taken.
    LeftOut {
        /// Which event, and what is wrong with it.
        reason: String,
    },
}

/// How a snapshot relates to the newest one before it of the same source, host and streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// There is none.
    First,
    /// It has all events of that one: as the first ones, in their order, if the source has one.
    Continued,
    /// It does not: events were changed or removed, so it begins a new epoch of its source. The
    /// snapshot before keeps what was there.
    Rewritten {
        /// Events of the snapshot before.
        events_before: u64,
    },
}

/// A backup that failed. Nothing was committed, unless the error says that this is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The source could not be read, or does not hold what it should.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Streams were chosen, and there is nothing of any of them.
    #[error("{}", nothing_of(*chosen, stream, *is_there))]
    NoStreams {
        /// How many were chosen by their ids.
        chosen: u64,
        /// One of them.
        stream: String,
        /// Whether the source has that one.
        is_there: bool,
        /// What is wrong with it, if it is there.
        source: Option<Box<SourceError>>,
    },
    /// The repository did not take it.
    #[error(transparent)]
    Session(#[from] SessionError),
}

fn nothing_of(chosen: u64, stream: &str, is_there: bool) -> String {
    match (chosen, is_there) {
        (1, false) => format!("the source has no stream '{stream}'"),
        (1, true) => format!("the stream '{stream}' cannot be backed up"),
        (_, false) => format!("the source has none of the {chosen} streams, such as '{stream}'"),
        (_, true) => format!("none of the {chosen} streams can be backed up, such as '{stream}'"),
    }
}

impl From<WriteError> for BackupError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Source(error) => Self::Source(error),
            WriteError::Session(error) => Self::Session(error),
        }
    }
}

/// Backs up `source` as a new snapshot, storing what the repository does not hold already.
///
/// May be dropped at any moment: what it stored is taken over by the next backup. One that is dropped
/// while it commits may have committed; ask the monitor to stop to know.
///
/// Where a prune took away what it relied on, or ended its session, it begins again by itself: it reads the
/// source anew, and stores what is not there any more. Only a source that does not give its events again
/// fails then.
pub async fn backup(
    repository: &Repository,
    source: &dyn Source,
    options: &BackupOptions,
    monitor: &Monitor,
) -> Result<BackupReport, BackupError> {
    let _task = monitor.task("backing up");
    // Rule 4. Every turn but the last is an entry that somebody else appended, so there is an end.
    loop {
        match Box::pin(attempt(repository, source, options, monitor)).await {
            // A pipe that was read has nothing any more, which would be backed up as if that were all.
            Err(BackupError::Session(SessionError::Overtaken)) if source.gives_again() => {
                monitor.stop_point().map_err(SessionError::from)?;
                tracing::info!("what the backup relied on was collected, so it begins again");
            }
            ended => return ended,
        }
    }
}

/// Backs up unless something that it relies on is collected before it commits.
async fn attempt(
    repository: &Repository,
    source: &dyn Source,
    options: &BackupOptions,
    monitor: &Monitor,
) -> Result<BackupReport, BackupError> {
    let clock = repository.environment.clock.clone();
    let started = clock.now();
    let name = options.name.clone().unwrap_or_else(|| source.default_name());
    let session_options = SessionOptions { compression: options.compression };
    let mut session = Session::begin(repository, session_options, monitor).await?;
    // As of the ledger's end that the session began at: what it relies on is there.
    let base = newest_alike(repository, &name, source.kind(), options).await;
    let known = match &base {
        Some(base) if !options.full => KeptLog::load(repository, base).await,
        _ => None,
    };
    let mut captured = match &base {
        Some(base) if known.is_some() => {
            tail::absorbable(repository, base).await.map_err(SessionError::from)?
        }
        _ => None,
    };
    let mut request = options.request.clone();
    request.since = base.as_ref().map(|base| since(base, known.as_ref(), captured.as_ref()));
    request.everything |= known.is_none();
    let root = base.as_ref().and_then(|base| base.event_log.clone());
    let (mut known, mut left_out) = (known, BTreeMap::new());
    let (reader, reading, log) = loop {
        request.streams = options.request.streams.without(left_out.keys());
        let mut reader = source.open(&request).await?;
        let reading = match reader.reading() {
            _ if !left_out.is_empty() => {
                Reading::Whole(Whole::NotPossible(STREAMS_LEFT_OUT.to_owned()))
            }
            Reading::Whole(Whole::First) if base.is_some() && !options.full => {
                Reading::Whole(Whole::NotPossible(NOTHING_KEPT.to_owned()))
            }
            reading => reading.clone(),
        };
        monitor.count(Counter::BytesExpected, reader.bytes_expected().unwrap_or(0));
        let streams = &request.streams;
        let mut log = if let (Reading::Further(_), Some(base), Some(kept)) =
            (&reading, &base, known.take())
        {
            session.rely_on(base.id);
            let root = root.clone().unwrap_or_default();
            LogWriter::going_on(&session, monitor, streams, root, kept)
        } else {
            captured = None;
            LogWriter::new(&session, monitor, streams, root.as_ref())
        };
        if let Some(captured) = &captured {
            log.write_all(&mut captured.reader(), &mut session).await?;
        }
        let defects = if captured.as_ref().is_some_and(|captured| captured.is_alive) {
            // What is new beyond the tail comes with its next flush: here it would be twice.
            while reader.next().await?.is_some() {}
            Vec::new()
        } else {
            log.write_all(&mut *reader, &mut session).await?
        };
        if defects.is_empty() {
            break (reader, reading, log);
        }
        // What was written has some of their events: once more, without any.
        for StreamDefect { stream, defect } in defects {
            if !request.streams.includes(&stream) {
                return Err(defect.into());
            }
            left_out.entry(stream).or_insert(defect);
        }
        request.everything = true;
    };
    let found = reader.found().map(str::to_owned);
    // What the source compared has streams that are not in this snapshot.
    let has_all_known = reader.has_all_known().filter(|_| left_out.is_empty());
    let SourceEnd { epilogue, files, mut resume, kept } = reader.finish().await?;
    let mut log = log.finish(epilogue, &mut session).await?;
    log.kept.source = kept;
    if let (Some(captured), Some(since)) = (&captured, request.since)
        && captured.is_alive
    {
        // The snapshot has what the tail has.
        (resume, log.kept.source) = (since.resume, since.kept);
    }
    if !left_out.is_empty() {
        // The next backup would take what was left out for known.
        resume.clear();
        log.kept.source.clear();
    }
    let named = outcomes(std::mem::take(&mut log.named), &left_out);
    if log.counts.events == 0
        && let Some(NamedStream { stream, .. }) = named.first()
    {
        let (stream, source) = match left_out.pop_first() {
            Some((stream, defect)) => (stream, Some(Box::new(defect))),
            None => (stream.clone(), None),
        };
        let (chosen, is_there) = (named.len() as u64, source.is_some());
        return Err(BackupError::NoStreams { chosen, stream, is_there, source });
    }
    let tree = store_files(&mut session, files).await?;

    let history = match &base {
        None => History::First,
        Some(base) if has_all_known.or(log.begins_as_known) == Some(false) => {
            History::Rewritten { events_before: base.counts.events }
        }
        Some(_) => History::Continued,
    };
    let epoch = match history {
        History::Rewritten { .. } => base.as_ref().map_or(0, |base| base.epoch.saturating_add(1)),
        History::First | History::Continued => base.as_ref().map_or(0, |base| base.epoch),
    };
    let events_before = match (history, &base) {
        (History::Continued, Some(base)) => base.counts.events,
        _ => 0,
    };
    if let Some(captured) = captured.as_ref().filter(|captured| !captured.is_alive) {
        session.expect_nothing_after(captured.mark);
    }
    let id = SnapshotId(random_bytes(&*repository.environment.random));
    let counts: Counts = log.counts;
    let committed = session
        .commit(|bytes_stored| Snapshot {
            id,
            source: name,
            source_kind: source.kind().to_owned(),
            host: options.host.clone(),
            program: concat!("icecore ", env!("CARGO_PKG_VERSION")).to_owned(),
            epoch,
            started,
            finished: clock.now(),
            tags: options.tags.clone(),
            description: options.description.clone(),
            retain_until: options.retain_until,
            selection: options.request.streams.patterns().to_vec(),
            counts,
            bytes_read: log.bytes_read,
            bytes_stored,
            resume,
            origin: None,
            event_log: Some(log.root),
            tail: captured.as_ref().map(|captured| captured.mark),
            tree,
        })
        .await?;
    log.kept.save(repository, &committed.snapshot).await;
    Ok(BackupReport {
        entry: committed.number,
        events_new: counts.events.saturating_sub(events_before),
        events_captured: captured.map_or(0, |captured| captured.log.total.events),
        snapshot: committed.snapshot,
        found,
        reading,
        history,
        named,
    })
}

/// What is known of the source: the snapshot, and what was captured since.
fn since(base: &Snapshot, kept: Option<&KeptLog>, captured: Option<&Absorbable>) -> Since {
    let mut since = Since {
        resume: base.resume.clone(),
        kept: kept.map(|kept| kept.source.clone()).unwrap_or_default(),
        events: base.counts.events,
    };
    if let Some(Absorbable { log, .. }) = captured {
        since.events += log.total.events;
        if let Some((resume, kept)) = &log.resume {
            since.resume.clone_from(resume);
            since.kept = kept.clone().unwrap_or_default();
        }
    }
    since
}

/// What became of the streams that were chosen by their ids.
fn outcomes(
    named: Vec<(String, Tally)>,
    left_out: &BTreeMap<String, SourceError>,
) -> Vec<NamedStream> {
    let outcome = |(stream, tally): (String, Tally)| {
        let Tally { events, first_version, last_version } = tally;
        let outcome = match left_out.get(&stream) {
            Some(defect) => StreamOutcome::LeftOut { reason: defect.to_string() },
            None if events == 0 => StreamOutcome::Missing,
            None => StreamOutcome::BackedUp { events, first_version, last_version },
        };
        NamedStream { stream, outcome }
    };
    named.into_iter().map(outcome).collect()
}

/// Why a source is read whole after events of some streams could not be taken.
const STREAMS_LEFT_OUT: &str = "some of the chosen streams had to be left out";

/// Why a source is read whole whose last backup was made elsewhere, or is remembered no longer.
const NOTHING_KEPT: &str = "this machine keeps nothing of its last backup";

/// The newest live snapshot of the same source, as this host sees it.
pub(crate) async fn newest_alike(
    repository: &Repository,
    name: &str,
    kind: &str,
    options: &BackupOptions,
) -> Option<Snapshot> {
    let state = repository.state().await;
    let found = crate::snapshots::live(&state).into_iter().rev().find(|found| {
        let snapshot = &found.snapshot;
        snapshot.source == name
            && snapshot.source_kind == kind
            && snapshot.host == options.host
            && snapshot.selection == options.request.streams.patterns()
    });
    found.map(|found| found.snapshot.clone())
}

async fn store_files(
    session: &mut Session<'_>,
    mut files: Vec<SourceFile>,
) -> Result<Option<ChunkId>, BackupError> {
    if files.is_empty() {
        return Ok(None);
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let mut tree = TreeNode::default();
    for file in files {
        if !is_entry_name(&file.name) {
            let message = format!("the source keeps a file that cannot be called '{}'", file.name);
            return Err(SourceError::new(SourceErrorKind::Invalid, message).into());
        }
        let mut chunks = Vec::new();
        for plaintext in file.content.chunks(FILE_CHUNK_BYTES) {
            let id = session.chunk_id(ChunkKind::Data, plaintext);
            let plaintext = plaintext.to_vec();
            session.put(NewChunk { kind: ChunkKind::Data, id, plaintext }).await?;
            chunks.push(id);
        }
        let content = TreeContent::File { bytes: file.content.len() as u64, chunks };
        tree.entries.push(TreeEntry { name: file.name.into_bytes(), content });
    }
    Ok(Some(session.put_record(ChunkKind::Tree, &tree).await?))
}

/// Whether a tree can have an entry of this name, as reading it will ask.
fn is_entry_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}
