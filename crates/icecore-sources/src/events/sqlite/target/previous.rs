//! What has the name that a restored database is to get: nothing, or what may be replaced.
//!
//! SQLite takes a log or journal beside a database for the database's own, whosever it was. So a
//! new database must never stand beside what an earlier one of its name left: not even if the
//! machine stops between any two steps.

use super::staging::failed;
use icecore::target::{TargetError, TargetErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What SQLite keeps beside a database: <https://www.sqlite.org/tempfiles.html>.
const BESIDE: [&str; 3] = ["-wal", SHARED_MEMORY, "-journal"];
const SHARED_MEMORY: &str = "-shm";

/// How long to wait for who uses the database that is to be replaced.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Requires that there is no database, and nothing that one may need. Shared memory and an empty
/// log, as readers leave them, hold nothing.
pub(super) fn require_free(target: &Path) -> Result<(), TargetError> {
    let not_empty = |what: String| Err(TargetError::new(TargetErrorKind::NotEmpty, what));
    match fs::metadata(target) {
        Ok(metadata) if metadata.len() > 0 => {
            return not_empty(format!("'{}' exists and is not empty", target.display()));
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(failed("look at", target, error));
        }
        _ => {}
    }
    let holds_something = |left: &PathBuf| {
        !left.as_os_str().as_encoded_bytes().ends_with(SHARED_MEMORY.as_bytes())
            && fs::metadata(left).is_ok_and(|metadata| metadata.len() > 0)
    };
    match beside(target).find(holds_something) {
        Some(left) => not_empty(format!(
            "'{}' was left by another database, which may need it",
            left.display()
        )),
        None => Ok(()),
    }
}

/// Leaves nothing beside the name. What is in the log or journal of the database that is to be
/// replaced becomes part of it; what stands beside no database at all is removed.
pub(super) fn settle(target: &Path) -> Result<(), TargetError> {
    let is_database = is_database(target).map_err(|error| failed("read", target, error))?;
    let left: Vec<_> = beside(target).filter(|left| left.exists()).collect();
    if left.is_empty() {
        return Ok(());
    }
    if is_database {
        take_in_log(target).map_err(|error| {
            let what = match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "is in use",
                _ => "cannot be replaced before what stands beside it is removed",
            };
            let message = format!("'{}' {what}", target.display());
            TargetError::new(TargetErrorKind::Unwritable, message).because(error)
        })?;
        // The last connection that closes removes the log: this was not the last.
        if let Some(left) = left.iter().find(|left| left.exists()) {
            let message =
                format!("'{}' is in use: there is '{}'", target.display(), left.display());
            return Err(TargetError::new(TargetErrorKind::Unwritable, message));
        }
        return Ok(());
    }
    left.iter()
        .try_for_each(|left| fs::remove_file(left).map_err(|error| failed("remove", left, error)))
}

fn take_in_log(database: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(LOCK_WAIT)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)
}

/// What may stand beside a database.
pub(super) fn beside(database: &Path) -> impl Iterator<Item = PathBuf> {
    BESIDE.into_iter().map(|suffix| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        name.into()
    })
}

/// Whether the file begins as databases do: <https://www.sqlite.org/fileformat2.html>.
fn is_database(path: &Path) -> io::Result<bool> {
    const MAGIC: &[u8; 16] = b"SQLite format 3\0";
    let mut beginning = [0; MAGIC.len()];
    match File::open(path).and_then(|mut file| file.read_exact(&mut beginning)) {
        Ok(()) => Ok(beginning == *MAGIC),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::config::DbConfig;

    #[test]
    fn what_is_to_be_replaced_is_a_single_file_with_all_its_rows_before_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("previous.db");
        let connection = Connection::open(&target).unwrap();
        // As a crash leaves it: the row is in the log alone.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);",
            )
            .unwrap();
        connection.close().unwrap();
        assert!(beside(&target).any(|left| left.exists()));
        settle(&target).unwrap();
        assert!(!beside(&target).any(|left| left.exists()));
        let rows =
            Connection::open(&target)
                .unwrap()
                .query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u64>(0));
        assert_eq!(rows, Ok(1));
    }

    #[test]
    fn a_log_beside_something_that_only_begins_like_a_database_stops_a_replacement() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("previous.db");
        fs::write(&target, [&b"SQLite format 3\0"[..], &[0xff; 8192]].concat()).unwrap();
        fs::write(directory.path().join("previous.db-wal"), b"log").unwrap();
        let error = settle(&target).unwrap_err().to_string();
        assert!(error.contains("cannot be replaced before what stands beside it"), "{error}");
    }
}
