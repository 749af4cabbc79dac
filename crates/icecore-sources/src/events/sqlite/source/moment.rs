//! One moment of a store: a read transaction, and how far it has been read.

use super::further::Plan;
use super::rows::{COLUMNS, Rows};
use crate::events::sqlite::kept::{self, KeptError};
use crate::events::sqlite::schema::{self, EVENTS, SCHEMA_FILE, STATES, SchemaError};
use icecore::selection::StreamSelection;
use icecore::source::{
    Reading, SourceEnd, SourceError, SourceErrorKind, SourceFile, SourceRequest, WantedFiles,
};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// When a batch is full, in bytes of its values: an event is never divided.
const BATCH_BYTES: usize = 1 << 20;

/// Most rows looked at for one batch, so that a reader of few streams is stopped soon.
const BATCH_ROWS_MAX: u64 = 1 << 16;

/// How many events tell how long the others are.
const SAMPLE_ROWS: i64 = 64;

/// A store at one moment.
pub(super) struct Moment {
    connection: Connection,
    path: Arc<Path>,
    streams: StreamSelection,
    wanted: WantedFiles,
    plan: Plan,
    /// The least row id not yet read; `None` after the greatest there can be.
    next: Option<i64>,
    /// Rows read so far of wanted streams.
    events: u64,
    /// An estimate of what the events' values take, in bytes.
    pub(super) bytes_expected: Option<u64>,
}

impl Moment {
    /// Fixes the moment.
    pub(super) fn begin(
        path: PathBuf,
        lock_wait: Duration,
        request: SourceRequest,
    ) -> Result<Self, SourceError> {
        let path: Arc<Path> = path.into();
        require_file(&path)?;
        let connection = connect(&path, lock_wait).map_err(|error| unreadable(&path, error))?;
        schema::check(&connection).map_err(|error| unsuitable(&path, error))?;
        let plan = Plan::make(&connection, &request).map_err(|error| unreadable(&path, error))?;
        let SourceRequest { streams, files: wanted, .. } = request;
        let mut moment = Self {
            connection,
            path,
            streams,
            wanted,
            next: plan.first_row,
            plan,
            events: 0,
            bytes_expected: None,
        };
        if moment.streams.is_all() {
            let estimate = moment.estimate_bytes();
            moment.bytes_expected = Some(estimate.map_err(|error| moment.unreadable(error))?);
        }
        Ok(moment)
    }

    /// What is read, and why.
    pub(super) fn reading(&self) -> &Reading {
        &self.plan.reading
    }

    /// The next rows, perhaps none of a wanted stream; `None` after the last.
    pub(super) fn next_rows(&mut self) -> Result<Option<Rows>, SourceError> {
        let Some(next) = self.next else { return Ok(None) };
        let unreadable = |error| unreadable(&self.path, error);
        let table = EVENTS.name;
        let sql = format!("SELECT {COLUMNS} FROM {table} WHERE rowid >= ?1 ORDER BY rowid");
        let mut statement = self.connection.prepare_cached(&sql).map_err(unreadable)?;
        let mut found = statement.query([next]).map_err(unreadable)?;
        let mut rows = Rows::new(Arc::clone(&self.path), self.streams.clone());
        let mut looked_at = 0;
        while rows.bytes() < BATCH_BYTES && looked_at < BATCH_ROWS_MAX {
            let Some(row) = found.next().map_err(unreadable)? else { break };
            let id: i64 = row.get(0).map_err(unreadable)?;
            rows.push(id, row)?;
            self.next = id.checked_add(1);
            looked_at += 1;
        }
        self.events += rows.len() as u64;
        Ok((looked_at > 0).then_some(rows))
    }

    /// What the store has beyond its events, after all of them were read.
    pub(super) fn end(self) -> Result<SourceEnd, SourceError> {
        // An index that does not fit its table is damage, too.
        if let Some(events) = self.plan.events
            && events != self.events
        {
            let message = format!(
                "'{}' is damaged: its index has {events} events to read, and the table {}",
                self.path.display(),
                self.events,
            );
            return Err(SourceError::new(SourceErrorKind::Unreadable, message));
        }
        let files = self.files().map_err(|error| match error {
            KeptError::Sqlite(error) => self.unreadable(error),
            error => invalid(&self.path, &error.to_string()),
        })?;
        let Plan { resume, kept, .. } = self.plan;
        Ok(SourceEnd { epilogue: Vec::new(), files, resume, kept })
    }

    fn files(&self) -> Result<Vec<SourceFile>, KeptError> {
        if self.wanted == WantedFiles::None {
            return Ok(Vec::new());
        }
        let statements = schema::statements(&self.connection)?.into_bytes();
        let mut files = vec![SourceFile { name: SCHEMA_FILE.to_owned(), content: statements }];
        for (table, name) in kept::FILES {
            let with_state = self.wanted == WantedFiles::WithState;
            let is_wanted = with_state || table.name != STATES.name;
            if is_wanted && table.exists(&self.connection)? {
                let content = kept::encode(table, &kept::read(&self.connection, table)?);
                files.push(SourceFile { name: name.to_owned(), content });
            }
        }
        if let Some(content) = kept::read_pragmas(&self.connection)? {
            files.push(SourceFile { name: kept::PRAGMAS_FILE.to_owned(), content });
        }
        Ok(files)
    }

    /// As many events as there are row ids to read, each as long as some of them are on average.
    fn estimate_bytes(&self) -> rusqlite::Result<u64> {
        let Some(next) = self.next else { return Ok(0) };
        let table = EVENTS.name;
        let bounds = self.connection.query_row(
            &format!(
                "SELECT (SELECT min(rowid) FROM {table} WHERE rowid >= ?1), \
                        (SELECT max(rowid) FROM {table} WHERE rowid >= ?1)"
            ),
            [next],
            |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)),
        )?;
        let (Some(first), Some(last)) = bounds else { return Ok(0) };
        let span = last.saturating_sub(first);
        let lengths = EVENTS.columns.iter().map(|column| format!("octet_length({column})"));
        let length = lengths.collect::<Vec<_>>().join(" + ");
        let sql = format!("SELECT {length} FROM {table} WHERE rowid >= ?1 ORDER BY rowid LIMIT 1");
        let mut statement = self.connection.prepare(&sql)?;
        let mut bytes = 0;
        for step in 0..SAMPLE_ROWS {
            let id = first.saturating_add(span / SAMPLE_ROWS * step);
            let length =
                statement.query_row([id], |row| row.get::<_, Option<u64>>(0)).optional()?;
            bytes += length.flatten().unwrap_or_default();
        }
        Ok((span as u64).saturating_add(1).saturating_mul(bytes / SAMPLE_ROWS as u64))
    }

    fn unreadable(&self, error: rusqlite::Error) -> SourceError {
        unreadable(&self.path, error)
    }
}

fn require_file(path: &Path) -> Result<(), SourceError> {
    let (kind, message, cause) = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => (SourceErrorKind::Invalid, "is a directory", None),
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            (SourceErrorKind::Missing, "does not exist", None)
        }
        Err(error) => (SourceErrorKind::Unreadable, "cannot be read", Some(error)),
    };
    let error = SourceError::new(kind, format!("'{}' {message}", path.display()));
    Err(match cause {
        Some(cause) => error.because(cause),
        None => error,
    })
}

/// Opens the database and begins to read it.
fn connect(path: &Path, lock_wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(lock_wait)?;
    // Whoever made the schema decides nothing here but the names of columns.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.execute_batch("BEGIN")?;
    // The first statement that reads fixes what all of them see.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn unsuitable(path: &Path, error: SchemaError) -> SourceError {
    match error {
        SchemaError::Sqlite(error) => unreadable(path, error),
        error => {
            let message = format!("'{}' is no EventCore store: {error}", path.display());
            SourceError::new(SourceErrorKind::Invalid, message)
        }
    }
}

fn unreadable(path: &Path, error: rusqlite::Error) -> SourceError {
    let (kind, what) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            (SourceErrorKind::Invalid, "is no SQLite database, or an encrypted one")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (SourceErrorKind::Unreadable, "is locked by another process")
        }
        Some(ErrorCode::DatabaseCorrupt) => (SourceErrorKind::Unreadable, "is damaged"),
        _ => (SourceErrorKind::Unreadable, "cannot be read"),
    };
    SourceError::new(kind, format!("'{}' {what}", path.display())).because(error)
}

/// An error for a row that cannot be backed up.
pub(super) fn invalid(path: &Path, defect: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Invalid, format!("'{}': {defect}", path.display()))
}
