//! Drives a source and a target as backup and restore do.

use crate::events::sqlite::{SqliteSource, SqliteTarget};
use icecore::selection::StreamSelection;
use icecore::source::{
    EventBatch, EventForms, EventReader, Reading, Since, Source, SourceEnd, SourceError,
    SourceFile, SourceRequest, WantedFiles, Whole,
};
use icecore::target::{
    EventChunk, RestoreEnd, Target, TargetError, TargetErrorKind, TargetRequest, Written,
};
use icecore_format::event::{Beside, BesideBuilder, Event, record};
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

/// What a repository would keep.
pub(super) struct Snapshot {
    pub(super) source_kind: &'static str,
    pub(super) reading: Reading,
    pub(super) chunks: Vec<Chunk>,
    pub(super) end: SourceEnd,
    pub(super) bytes_expected: Option<u64>,
    pub(super) source_bytes: u64,
}

pub(super) struct Chunk {
    records: Vec<u8>,
    beside: Option<Vec<u8>>,
    first_position: Option<u64>,
    pub(super) events: u32,
}

impl Chunk {
    fn new(batch: EventBatch) -> Self {
        let EventBatch { records, record_ends, positions, forms, .. } = batch;
        let EventForms { kind, templates, template_of, pieces, piece_ends } = forms;
        let mut beside = BesideBuilder::new(kind);
        let mut piece_start = 0;
        for event in 0..record_ends.len() {
            let form = template_of.get(event).map(|template| {
                let pieces = &pieces[piece_start..piece_ends[event]];
                piece_start = piece_ends[event];
                (&templates[*template as usize], pieces)
            });
            beside.push(positions.get(event).copied().flatten(), form);
        }
        Self {
            records: [&[record::VERSION], records.as_slice()].concat(),
            first_position: beside.first_position(),
            beside: beside.finish(),
            events: record_ends.len() as u32,
        }
    }
}

impl Snapshot {
    /// A snapshot of a source of another kind that had these events, at these positions.
    pub(super) fn of(events: &[Event<'_>], positions: Vec<Option<u64>>) -> Self {
        let mut batch = EventBatch { positions, ..EventBatch::default() };
        for event in events {
            event.encode_into(&mut batch.records);
            batch.record_ends.push(batch.records.len());
        }
        Self {
            source_kind: "ndjson",
            reading: Reading::Whole(Whole::First),
            chunks: vec![Chunk::new(batch)],
            end: SourceEnd::default(),
            bytes_expected: None,
            source_bytes: 0,
        }
    }

    pub(super) fn events(&self) -> u32 {
        self.chunks.iter().map(|chunk| chunk.events).sum()
    }

    /// What each event's record is.
    pub(super) fn records(&self) -> Vec<u8> {
        self.chunks.iter().flat_map(|chunk| chunk.records[1..].to_vec()).collect()
    }

    /// What the next backup knows, after this one and all that it continued.
    pub(super) fn since(&self) -> Since {
        let SourceEnd { resume, kept, .. } = &self.end;
        Since { resume: resume.clone(), kept: kept.clone(), events: u64::from(self.events()) }
    }

    /// A file's content, as text.
    pub(super) fn file(&self, name: &str) -> Option<String> {
        let file = self.end.files.iter().find(|file| file.name == name)?;
        Some(String::from_utf8(file.content.clone()).unwrap())
    }

    pub(super) fn set_file(&mut self, name: &str, content: &str) {
        self.end.files.retain(|file| file.name != name);
        self.end.files.push(SourceFile { name: name.to_owned(), content: content.into() });
    }
}

/// Backs up all of a store.
pub(super) async fn back_up(path: &Path) -> Result<Snapshot, SourceError> {
    back_up_as(path, &SourceRequest { files: WantedFiles::WithState, ..SourceRequest::default() })
        .await
}

/// Backs up what is new since an earlier backup.
pub(super) async fn back_up_since(path: &Path, known: &Snapshot) -> Snapshot {
    let since = Some(known.since());
    back_up_as(path, &SourceRequest { since, ..SourceRequest::default() }).await.unwrap()
}

pub(super) async fn back_up_as(
    path: &Path,
    request: &SourceRequest,
) -> Result<Snapshot, SourceError> {
    drain(SqliteSource::new(path).open(request).await?).await
}

pub(super) async fn drain(mut reader: Box<dyn EventReader>) -> Result<Snapshot, SourceError> {
    let mut snapshot = Snapshot {
        source_kind: "sqlite",
        reading: reader.reading().clone(),
        chunks: Vec::new(),
        end: SourceEnd::default(),
        bytes_expected: reader.bytes_expected(),
        source_bytes: 0,
    };
    while let Some(unparsed) = reader.next().await? {
        let batch = unparsed.parse()?;
        snapshot.source_bytes += batch.source_bytes;
        snapshot.chunks.push(Chunk::new(batch));
    }
    snapshot.end = reader.finish().await?;
    Ok(snapshot)
}

/// How a snapshot is restored.
#[derive(Default)]
pub(super) struct Restore {
    pub(super) overwrite: bool,
    pub(super) streams: StreamSelection,
    pub(super) rename: Option<String>,
}

/// Restores all of a snapshot.
pub(super) async fn restore(snapshot: &Snapshot, path: &Path) -> Result<Written, TargetError> {
    restore_as(snapshot, path, &Restore::default()).await
}

pub(super) async fn restore_as(
    snapshot: &Snapshot,
    path: &Path,
    how: &Restore,
) -> Result<Written, TargetError> {
    let request = TargetRequest {
        source_kind: snapshot.source_kind.to_owned(),
        overwrite: how.overwrite,
        whole: how.streams.is_all() && how.rename.is_none(),
        files: snapshot.end.files.clone(),
        ..TargetRequest::default()
    };
    let mut writer = SqliteTarget::new(path).open(&request).await?;
    let encoder = writer.encoder();
    for chunk in &snapshot.chunks {
        let beside = chunk.beside.as_deref();
        let rows = encoder.encode(&EventChunk {
            records: chunk.records.clone().into(),
            beside: beside.map(|bytes| Beside::decode(bytes, chunk.events).unwrap()),
            first_position: chunk.first_position,
            payload_chunks: HashMap::new(),
            streams: how.streams.clone(),
            filter: None,
            rename: how.rename.clone(),
        });
        let written = match rows {
            Ok(rows) => writer.write(rows).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            let left = writer.abandon().await;
            assert_eq!(left, format!("'{}' was not touched", path.display()));
            return Err(error);
        }
    }
    writer.finish(RestoreEnd { epilogue: snapshot.end.epilogue.clone() }).await
}

/// An error and its causes.
pub(super) fn told(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut error = error.source();
    while let Some(cause) = error {
        told = format!("{told}: {cause}");
        error = cause.source();
    }
    told
}

/// Requires that a restore fails so, and leaves nothing behind.
pub(super) async fn refused(
    snapshot: &Snapshot,
    how: &Restore,
    kind: TargetErrorKind,
    message: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    let error = restore_as(snapshot, &directory.path().join("restored.db"), how).await.unwrap_err();
    assert!(told(&error).contains(message), "{}", told(&error));
    assert_eq!(error.kind, kind);
    assert_eq!(files(directory.path()), Vec::<String>::new());
}

/// The names of what a directory has.
pub(super) fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
