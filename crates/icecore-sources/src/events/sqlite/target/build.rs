//! A store that is being made: its tables, and the events written so far.
//!
//! The file has neither journal nor syncs until it is complete: a failure throws it away whole.

use super::encode::{HAS_POSITIONS, HAS_RENAMED};
use super::rows::{Row, unpack};
use super::staging::Staging;
use crate::events::sqlite::schema::{self, EVENTS, PUBLISHED, SCHEMA_FILE};
use crate::events::sqlite::statements::Statements;
use crate::events::sqlite::value::Text;
use icecore::target::{Encoded, TargetError, TargetErrorKind, TargetRequest};
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use std::path::Path;

/// A store that is being made. Dropping it removes its file.
pub(super) struct Build {
    // Closed before its file is removed.
    pub(super) connection: Connection,
    pub(super) staging: Staging,
    pub(super) request: TargetRequest,
    /// What is made when all rows are there.
    pub(super) indexes: Vec<String>,
    pub(super) events: u64,
    /// Of all rows, as they were packed.
    pub(super) hash: blake3::Hasher,
    has_positions: bool,
    has_renamed: bool,
}

impl Build {
    /// Makes the file and its tables.
    pub(super) fn begin(path: &Path, request: TargetRequest) -> Result<Self, TargetError> {
        let statements = statements(&request)?;
        let staging = Staging::create(path, request.overwrite)?;
        let failed = |error| unwritable("make the tables of", staging.file(), error);
        let connection = connect(staging.file()).map_err(failed)?;
        for statement in &statements.tables {
            connection.execute(statement, []).map_err(failed)?;
        }
        schema::check(&connection).map_err(|error| {
            let message = "the schema of the snapshot does not make an EventCore store";
            TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
        })?;
        Ok(Self {
            connection,
            staging,
            request,
            indexes: statements.indexes,
            events: 0,
            hash: blake3::Hasher::new(),
            has_positions: false,
            has_renamed: false,
        })
    }

    /// Inserts the rows that the encoder made.
    pub(super) fn write(&mut self, encoded: &Encoded) -> Result<(), TargetError> {
        let Some((flags, packed)) = encoded.bytes.split_first() else { return Ok(()) };
        self.has_positions |= flags & HAS_POSITIONS != 0;
        self.has_renamed |= flags & HAS_RENAMED != 0;
        let (table, columns) = (EVENTS.name, EVENTS.column_list());
        let sql = format!("INSERT INTO {table} ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        let file = self.staging.file();
        let mut statement = self
            .connection
            .prepare_cached(&sql)
            .map_err(|error| unwritable("insert events into", file, error))?;
        for row in unpack(packed) {
            let row = row?;
            let values = params![
                Text(row.id),
                Text(row.stream),
                row.version,
                Text(row.event_type),
                Text(row.data),
                Text(row.metadata),
                Text(row.created_at)
            ];
            statement.execute(values).map_err(|error| not_inserted(&row, file, error))?;
            self.events += 1;
        }
        self.hash.update(packed);
        Ok(())
    }

    /// What the events had that the store has no place for.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let order = "EventCore on SQLite keeps the order of events, and not their positions";
        let ids = "renamed events keep their ids, and whatever else names the old stream";
        notes.extend(self.has_positions.then(|| order.to_owned()));
        notes.extend(self.has_renamed.then(|| ids.to_owned()));
        notes
    }
}

fn statements(request: &TargetRequest) -> Result<Statements, TargetError> {
    let unsuitable = |error: Box<dyn std::error::Error + Send + Sync>| {
        let message = format!("the snapshot's '{SCHEMA_FILE}' is not executed");
        TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
    };
    let file = request.files.iter().find(|file| file.name == SCHEMA_FILE);
    let schema = match file {
        Some(file) => {
            std::str::from_utf8(&file.content).map_err(|error| unsuitable(error.into()))?
        }
        None => PUBLISHED,
    };
    Statements::parse(schema).map_err(|error| unsuitable(error.into()))
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF;
         PRAGMA synchronous = OFF;
         PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA cache_size = -32768;
         PRAGMA foreign_keys = OFF;
         PRAGMA trusted_schema = OFF;
         BEGIN;",
    )?;
    Ok(connection)
}

fn not_inserted(row: &Row<'_>, file: &Path, error: rusqlite::Error) -> TargetError {
    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
        let stream = String::from_utf8_lossy(row.stream);
        let message = format!("the store cannot hold event {} of stream '{stream}'", row.version);
        return TargetError::new(TargetErrorKind::Unsuitable, message).because(error);
    }
    unwritable("insert events into", file, error)
}

/// An error of a step on the file that is being made.
pub(super) fn unwritable(step: &str, file: &Path, error: rusqlite::Error) -> TargetError {
    TargetError::new(TargetErrorKind::Unwritable, format!("cannot {step} '{}'", file.display()))
        .because(error)
}
