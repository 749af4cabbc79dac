//! Completes a store: what stands beside the events, the indexes; then reads all of it back.

use super::build::{Build, unwritable};
use super::copied;
use super::rows::Row;
use super::staging::sync_name;
use crate::events::sqlite::kept::{self, KeptError};
use crate::events::sqlite::schema::{CHECKPOINTS, EVENTS, SCHEMA_FILE, STATES, Table};
use icecore::target::{RestoreEnd, TargetError, TargetErrorKind, Verification, Written};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;

/// The rows of a table beside the events.
type Kept = (&'static Table, Vec<kept::Row>);

/// Completes the store, verifies it and puts it in its place.
pub(super) fn finish(build: Build, end: &RestoreEnd) -> Result<Written, TargetError> {
    let target = build.staging.target().to_owned();
    let written = complete(build, end).map_err(|error| {
        let message = format!("no store was restored, and '{}' was not touched", target.display());
        TargetError::new(error.kind, message).because(error)
    })?;
    sync_name(&target)?;
    Ok(written)
}

fn complete(build: Build, end: &RestoreEnd) -> Result<Written, TargetError> {
    let mut notes = build.notes();
    if !end.epilogue.is_empty() {
        notes.push("what follows the last event in the source's file was left out".to_owned());
    }
    let kept = insert_kept(&build, &mut notes)?;
    make_indexes(&build)?;
    let Build { connection, staging, events, hash, .. } = build;
    let file = staging.file();
    connection.execute_batch("COMMIT").map_err(|error| unwritable("write", file, error))?;
    connection.close().map_err(|(_, error)| unwritable("close", file, error))?;

    let connection = reopen(file).map_err(|error| unwritable("open again", file, error))?;
    verify(&connection, file, events, &hash.finalize(), &kept)?;
    notes.extend(checkpoints_beyond(&connection).map_err(|error| unwritable("read", file, error))?);
    // The last connection that closes takes the log into the database and removes it.
    connection.close().map_err(|(_, error)| unwritable("close", file, error))?;
    let bytes = staging.place()?;
    Ok(Written { events, bytes, verified: Some(Verification::ReadBack), notes })
}

/// Restores checkpoints and saved states, unless they would speak of streams that are not there.
fn insert_kept(build: &Build, notes: &mut Vec<String>) -> Result<Vec<Kept>, TargetError> {
    let (connection, file) = (&build.connection, build.staging.file());
    let mut inserted = Vec::new();
    let is_of_postgres = build.request.source_kind == copied::SOURCE_KIND;
    for given in &build.request.files {
        let name = given.name.as_str();
        let failed = |error| not_kept(name, file, error);
        let known = kept::FILES.into_iter().find(|(_, known)| *known == name);
        match (name, known) {
            // It made the tables.
            (SCHEMA_FILE, _) => {}
            (kept::PRAGMAS_FILE, _) => {
                kept::write_pragmas(connection, &given.content).map_err(failed)?;
            }
            (name, _) if is_of_postgres && copied::OF_POSTGRESQL.contains(&name) => {}
            (copied::CHECKPOINTS_FILE, _) if is_of_postgres && build.request.whole => {
                let malformed = || {
                    let message = format!("cannot restore '{name}': it is no copy of checkpoints");
                    TargetError::new(TargetErrorKind::Unsuitable, message)
                };
                let mut rows = copied::checkpoints(&given.content).ok_or_else(malformed)?;
                kept::insert(connection, &CHECKPOINTS, &rows)
                    .map_err(|error| failed(error.into()))?;
                rows.sort();
                inserted.push((&CHECKPOINTS, rows));
            }
            (_, Some(_)) if !build.request.whole => {
                notes.push(format!("'{name}' was left out: it is of the whole store"));
            }
            (_, Some((table, name))) if build.request.is_cut && table.name == STATES.name => {
                notes.push(format!("'{name}' was left out: it is computed of later events, too"));
            }
            (_, Some((table, name))) => {
                let mut rows = kept::decode(table, name, &given.content).map_err(failed)?;
                kept::insert(connection, table, &rows).map_err(|error| failed(error.into()))?;
                rows.sort();
                inserted.push((table, rows));
            }
            (_, None) => {
                let why = "an EventCore store has no place for it";
                notes.push(format!("'{name}' was left out: {why}"));
            }
        }
    }
    Ok(inserted)
}

fn not_kept(name: &str, file: &Path, error: KeptError) -> TargetError {
    match error {
        KeptError::Sqlite(error) => unwritable(&format!("restore '{name}' into"), file, error),
        error => {
            let message = format!("cannot restore '{name}'");
            TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
        }
    }
}

fn make_indexes(build: &Build) -> Result<(), TargetError> {
    for statement in &build.indexes {
        if let Err(error) = build.connection.execute(statement, []) {
            let repeated = match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation) => repeated_version(&build.connection),
                _ => None,
            };
            return Err(match repeated {
                Some((version, stream)) => {
                    let message = format!("stream '{stream}' has two events of version {version}");
                    TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
                }
                None => unwritable("make the indexes of", build.staging.file(), error),
            });
        }
    }
    Ok(())
}

fn repeated_version(connection: &Connection) -> Option<(i64, String)> {
    let sql = format!(
        "SELECT stream_version, stream_id FROM {} \
         GROUP BY stream_id, stream_version HAVING count(*) > 1 ORDER BY min(rowid) LIMIT 1",
        EVENTS.name,
    );
    connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).ok()
}

/// Opens the complete database in the mode that EventCore uses, which stays with the file. In
/// exclusive mode this needs no shared memory, which some file systems do not have.
fn reopen(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.execute_batch(
        "PRAGMA trusted_schema = OFF;
         PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;",
    )?;
    Ok(connection)
}

/// Reads everything back and compares it with what was written.
fn verify(
    connection: &Connection,
    file: &Path,
    events: u64,
    hash: &blake3::Hash,
    kept: &[Kept],
) -> Result<(), TargetError> {
    let differs = |what: &str| {
        let message = format!("'{}' is not what was written: {what}", file.display());
        TargetError::new(TargetErrorKind::Differs, message)
    };
    let unreadable = |error| differs("it cannot be read back").because(error);
    let checked: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(unreadable)?;
    if checked != "ok" {
        return Err(differs(&checked));
    }
    let (read_events, read_hash) = read_back(connection).map_err(unreadable)?;
    if read_events != events {
        return Err(differs(&format!("it has {read_events} events of {events}")));
    }
    if read_hash != Some(*hash) {
        return Err(differs("an event differs"));
    }
    for (table, rows) in kept {
        let mut read = kept::read(connection, table)
            .map_err(|error| differs(&format!("{} differs", table.name)).because(error))?;
        read.sort();
        if read != *rows {
            return Err(differs(&format!("{} differs", table.name)));
        }
    }
    Ok(())
}

/// The number of events, and the hash of their packed rows if all could be written.
fn read_back(connection: &Connection) -> rusqlite::Result<(u64, Option<blake3::Hash>)> {
    let (table, columns) = (EVENTS.name, EVENTS.column_list());
    let mut statement =
        connection.prepare(&format!("SELECT {columns} FROM {table} ORDER BY rowid"))?;
    let mut rows = statement.query([])?;
    let (mut events, mut hash, mut packed) = (0, Some(blake3::Hasher::new()), Vec::new());
    while let Some(row) = rows.next()? {
        events += 1;
        packed.clear();
        match (Row::read(row)?, &mut hash) {
            (Some(row), Some(hash)) => {
                row.pack(&mut packed);
                hash.update(&packed);
            }
            _ => hash = None,
        }
    }
    Ok((events, hash.map(|hash| hash.finalize())))
}

/// Consumers that would miss events: they believe to have seen later ones than there are.
fn checkpoints_beyond(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    if !CHECKPOINTS.exists(connection)? {
        return Ok(Vec::new());
    }
    // EventCore compares positions with event ids, both as text.
    let sql = format!(
        "SELECT subscription_name FROM {} WHERE last_position > \
         (SELECT coalesce(max(event_id), '') FROM {}) ORDER BY 1",
        CHECKPOINTS.name, EVENTS.name,
    );
    let mut statement = connection.prepare(&sql)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0))?;
    names
        .map(|name| Ok(format!("the checkpoint of '{}' lies beyond the last event", name?)))
        .collect()
}
