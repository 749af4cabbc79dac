//! The directory of tables in a machine's cache, which several processes use at once.
//!
//! A table is written under a temporary name and renamed when it is complete; nothing is changed
//! after that. Whoever has a table mapped keeps it, whether or not another process removes it. So
//! the worst that processes can do to each other is to make work: tables may overlap, and a table
//! that is gone is made again from its runs. Nothing is synced: what a power cut leaves has a wrong
//! length or wrong codes, and is made again too.

use super::merge::MergeError;
use super::table::{Nonce, Table, TableBytes, TableKey, TableWriter};
use crate::local::is_at;
use icecore_format::RunId;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What a complete table's name ends in, and one that is being written.
const COMPLETE: &str = "table";
const UNFINISHED: &str = "new";

/// Times that the directory is listed while others remove what was listed.
const LISTINGS_MAX: usize = 5;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 256 << 10;

/// The tables of one repository in the cache of this machine.
#[derive(Clone, Debug)]
pub(super) struct TableDirectory {
    /// The directory ends in the number of the layout, so that programs with another one keep to
    /// their own.
    tables: PathBuf,
    /// Sealed copies of index runs, which tables make superfluous.
    copies: PathBuf,
}

impl TableDirectory {
    /// The tables below a repository's directory in the cache.
    pub(super) fn new(cache: &Path) -> Self {
        Self { tables: cache.join("index-tables-1"), copies: cache.join("index") }
    }

    /// Opens all tables but those that are known. Removes what is damaged, and what processes left
    /// that died while they wrote it.
    pub(super) fn open_tables(&self, key: &TableKey, known: &HashSet<Nonce>) -> Vec<Table> {
        let mut opened: Vec<Table> = Vec::new();
        for _ in 0..LISTINGS_MAX {
            let mut is_settled = true;
            for path in self.listed() {
                let has_name = |nonce: &Nonce| self.path(nonce) == path;
                if known.iter().any(has_name) || opened.iter().any(|it| has_name(&it.nonce())) {
                    continue;
                }
                match open(&path, key) {
                    Ok(Some(table)) if has_name(&table.nonce()) => opened.push(table),
                    Ok(_) => {
                        tracing::info!(path = %path.display(), "a damaged index table is made again");
                        remove(&path);
                    }
                    // Another process merged it: what it merged it into may not have been listed.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => is_settled = false,
                    Err(error) => {
                        tracing::info!(%error, path = %path.display(), "an index table is not read");
                    }
                }
            }
            if is_settled {
                break;
            }
        }
        opened
    }

    /// Writes a table, and opens it.
    pub(super) fn write(
        &self,
        key: &TableKey,
        nonce: Nonce,
        merge: impl FnOnce(TableWriter<BufWriter<File>>) -> Result<BufWriter<File>, MergeError>,
    ) -> Result<Table, MergeError> {
        std::fs::create_dir_all(&self.tables)?;
        let path = self.path(&nonce);
        let unfinished = path.with_extension(UNFINISHED);
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&unfinished)?;
        // Locked as long as this process lives: see `remove_if_left`. Where nothing can be locked,
        // nothing is found left.
        drop(file.try_lock());
        let written = (|| {
            let output = BufWriter::with_capacity(WRITE_BYTES, file);
            let output = merge(TableWriter::new(output, key, nonce)?)?;
            let file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
            // What cannot even be read now was not written.
            let table = Table::open(TableBytes::map(&file)?, key).map_err(io::Error::other)?;
            std::fs::rename(&unfinished, path)?;
            Ok(table)
        })();
        if written.is_err() {
            remove(&unfinished);
        }
        written
    }

    /// Removes a table.
    pub(super) fn remove(&self, table: &Table) {
        remove(&self.path(&table.nonce()));
    }

    /// Removes the sealed copies of these runs.
    pub(super) fn remove_copies(&self, is_superfluous: impl Fn(RunId) -> bool) {
        let Ok(entries) = std::fs::read_dir(&self.copies) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let run =
                path.file_name().and_then(|name| name.to_str()).and_then(|it| it.parse().ok());
            if run.is_some_and(&is_superfluous) {
                remove(&path);
            }
        }
    }

    fn path(&self, nonce: &Nonce) -> PathBuf {
        let name = u128::from_be_bytes(*nonce);
        self.tables.join(format!("{name:032x}.{COMPLETE}"))
    }

    /// The paths of complete tables.
    fn listed(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.tables) else { return Vec::new() };
        let mut complete = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(COMPLETE) => complete.push(path),
                Some(UNFINISHED) => remove_if_left(&path),
                _ => {}
            }
        }
        complete
    }
}

/// Opens a table; `None` if it is damaged.
fn open(path: &Path, key: &TableKey) -> io::Result<Option<Table>> {
    let file = File::open(path)?;
    // Nothing, and what is no file, cannot be mapped.
    if !file.metadata()?.is_file() || file.metadata()?.len() == 0 {
        return Ok(None);
    }
    Ok(Table::open(TableBytes::map(&file)?, key).ok())
}

/// Removes what nobody is writing any more: it can be locked.
fn remove_if_left(path: &Path) {
    let Ok(file) = File::open(path) else { return };
    // A process that has only just begun has a few moments without a lock. If this hits one, its
    // table is not found under its name, and it goes on without.
    if file.try_lock().is_ok() && is_at(&file, path) {
        remove(path);
    }
}

fn remove(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::info!(%error, path = %path.display(), "a file of the cache is not removed");
        }
        _ => {}
    }
}
