//! What this machine remembers of repositories: the last end of the ledger that it saw, the
//! sessions that did not end, how far it put the tails it follows, copies of index runs, and of each
//! place the key slot that was opened there.
//!
//! All of it may be lost: then a rollback goes unnoticed once, an interrupted backup uploads again,
//! and index runs are fetched again. So failures here are told to the log and stop nothing.

mod flushes;

use icecore_format::{Hash, RepositoryId, SessionId};
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The end of the ledger, under the key `()`: number of the next entry, and the chain's hash.
const HEAD: TableDefinition<(), (u64, [u8; 32])> = TableDefinition::new("head");
/// Sessions that did not end: how many of their index runs are stored.
const SESSIONS: TableDefinition<[u8; SessionId::BYTES], u32> = TableDefinition::new("sessions");

/// Where the cache has what is known of places, and what it has of each.
const PLACES: &str = "places";
const SLOT: &str = "slot";

/// Times that a database in use by another process is tried, and the pause between.
const OPEN_ATTEMPTS_MAX: u32 = 100;
const OPEN_PAUSE: Duration = Duration::from_millis(20);

/// Where local state and cache are; clones share it.
#[derive(Clone, Debug, Default)]
pub struct LocalState {
    /// The directory for what is remembered; one directory per repository is made in it.
    pub state_directory: Option<PathBuf>,
    /// The directory for copies; one directory per repository is made in it.
    pub cache_directory: Option<PathBuf>,
}

/// The end of the ledger as this machine saw it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenHead {
    /// The number of the next entry.
    pub next: u64,
    /// The chain's hash before it.
    pub head: Hash,
}

/// What is remembered of one repository.
#[derive(Clone, Debug)]
pub(crate) struct RepositoryState {
    state: Option<PathBuf>,
    cache: Option<PathBuf>,
}

/// Shows other processes that a session is alive; ends when dropped.
#[derive(Debug)]
pub(crate) struct SessionLease {
    path: PathBuf,
    // Locked as long as it is open.
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("cannot use the directory {path}")]
    Directory { path: PathBuf, source: std::io::Error },
    #[error("cannot use the database {path}")]
    Database { path: PathBuf, source: Box<redb::Error> },
}

impl LocalState {
    pub(crate) fn of(&self, repository: RepositoryId) -> RepositoryState {
        let own = |directory: &Option<PathBuf>| {
            directory.as_ref().map(|directory| directory.join(repository.to_string()))
        };
        RepositoryState { state: own(&self.state_directory), cache: own(&self.cache_directory) }
    }

    /// The key slot that was opened last in the repository at a place, as it was stored.
    pub(crate) fn slot_at(&self, place: &str) -> Option<Vec<u8>> {
        self.slots(place).cached(SLOT)
    }

    /// Keeps the key slot that was opened in the repository at a place, as it is stored.
    pub(crate) fn keep_slot_at(&self, place: &str, slot: &[u8]) {
        let slots = self.slots(place);
        if slots.cached(SLOT).as_deref() != Some(slot) {
            slots.cache(SLOT, slot);
        }
    }

    /// What is kept of a place before it is known which repository is there.
    fn slots(&self, place: &str) -> RepositoryState {
        let place = blake3::hash(place.as_bytes()).to_hex();
        let cache = self.cache_directory.as_ref();
        RepositoryState {
            state: None,
            cache: cache.map(|cache| cache.join(PLACES).join(place.as_str())),
        }
    }
}

impl RepositoryState {
    /// The end of the ledger that this machine saw last.
    pub(crate) fn seen_head(&self) -> Option<SeenHead> {
        self.read(|database| {
            let head = database.begin_read()?.open_table(HEAD)?.get(())?;
            Ok(head.map(|head| {
                let (next, hash) = head.value();
                SeenHead { next, head: Hash(hash) }
            }))
        })
        .flatten()
    }

    /// Remembers the end of the ledger, unless a later one is remembered.
    pub(crate) fn remember_head(&self, seen: SeenHead) {
        self.write(|database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(HEAD)?;
                let later = table.get(())?.is_some_and(|head| head.value().0 > seen.next);
                if !later {
                    table.insert((), (seen.next, seen.head.0))?;
                }
            }
            Ok(transaction.commit()?)
        });
    }

    /// Notes how many index runs of a session are stored.
    pub(crate) fn note_session(&self, session: SessionId, runs: u32) {
        self.write(|database| {
            let transaction = database.begin_write()?;
            transaction.open_table(SESSIONS)?.insert(session.to_bytes(), runs)?;
            Ok(transaction.commit()?)
        });
    }

    /// Forgets sessions that have ended.
    pub(crate) fn forget_sessions(&self, sessions: &[SessionId]) {
        self.write(|database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(SESSIONS)?;
                for session in sessions {
                    table.remove(session.to_bytes())?;
                }
            }
            Ok(transaction.commit()?)
        });
    }

    /// Sessions that neither ended nor are alive, with the number of their stored index runs; each
    /// with a lease, so that no other process takes them over too.
    pub(crate) fn dead_sessions(&self) -> Vec<(SessionId, u32, SessionLease)> {
        let noted = self.read(|database| {
            let table = database.begin_read()?.open_table(SESSIONS)?;
            let rows = table.iter()?.map(|row| {
                row.map(|(session, runs)| (SessionId::from_bytes(session.value()), runs.value()))
            });
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        let leased = noted.unwrap_or_default().into_iter().filter_map(|(session, runs)| {
            let lease = self.lease(session).ok().flatten()?;
            Some((session, runs, lease))
        });
        leased.collect()
    }

    /// Shows that a session is alive; `None` if another process shows that already, or nothing is
    /// remembered here.
    pub(crate) fn lease(&self, session: SessionId) -> Result<Option<SessionLease>, LocalError> {
        let Some(directory) = self.state.as_ref().map(|state| state.join("sessions")) else {
            return Ok(None);
        };
        let failed = |source| LocalError::Directory { path: directory.clone(), source };
        std::fs::create_dir_all(&directory).map_err(failed)?;
        let path = directory.join(session.to_string());
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            // Whoever held it may have removed it since it was opened: then its lock shows nothing to
            // those who open the path now.
            Ok(()) if !is_at(&file, &path) => Ok(None),
            Ok(()) => Ok(Some(SessionLease { path, _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Whether a process of this machine shows that a session is alive; `None` if nothing is
    /// remembered here, or it cannot be told.
    pub(crate) fn is_leased(&self, session: SessionId) -> Option<bool> {
        self.state.as_ref()?;
        match self.lease(session) {
            Ok(lease) => Some(lease.is_none()),
            Err(_) => None,
        }
    }

    /// Where what can be made again is kept.
    pub(crate) fn cache_directory(&self) -> Option<&Path> {
        self.cache.as_deref()
    }

    /// The copy of an object, as it was stored.
    pub(crate) fn cached(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.cache.as_ref()?.join(name)).ok()
    }

    /// Keeps a copy of an object, as it is stored. It is checked like the object when it is used.
    pub(crate) fn cache(&self, name: &str, bytes: &[u8]) {
        let Some(path) = self.cache.as_ref().map(|cache| cache.join(name)) else { return };
        let written = || {
            let directory = path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(directory)?;
            let temporary = path.with_extension("new");
            let mut options = File::options();
            options.create(true).truncate(true).write(true).mode(0o600);
            options.open(&temporary)?.write_all(bytes)?;
            std::fs::rename(temporary, &path)
        };
        if let Err(error) = written() {
            tracing::info!(%error, path = %path.display(), "no copy was kept");
        }
    }

    /// Removes all copies in `directory` but those called `names`.
    pub(crate) fn keep_only(&self, directory: &str, names: &BTreeSet<String>) {
        let Some(path) = self.cache.as_ref().map(|cache| cache.join(directory)) else { return };
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            if !entry.file_name().to_str().is_some_and(|name| names.contains(name)) {
                // What cannot be removed is in nobody's way.
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    fn read<T>(&self, action: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Option<T> {
        let path = self.state.as_ref()?.join("state.redb");
        if !path.exists() {
            return None;
        }
        match open(&path).and_then(|database| action(&database).map_err(failed(&path))) {
            Ok(value) => Some(value),
            // A table that nothing was written to yet.
            Err(LocalError::Database { source, .. })
                if matches!(*source, redb::Error::TableDoesNotExist(_)) =>
            {
                None
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "local state is not read");
                None
            }
        }
    }

    fn write(&self, action: impl FnOnce(&Database) -> Result<(), redb::Error>) {
        let Some(state) = &self.state else { return };
        let path = state.join("state.redb");
        let written = std::fs::create_dir_all(state)
            .map_err(|source| LocalError::Directory { path: state.clone(), source })
            .and_then(|()| open(&path))
            .and_then(|database| action(&database).map_err(failed(&path)));
        if let Err(error) = written {
            tracing::warn!(error = &error as &dyn std::error::Error, "local state is not kept");
        }
    }
}

impl Drop for SessionLease {
    fn drop(&mut self) {
        // Removed while locked: a process that opened it before finds it locked or gone, and one that
        // comes later makes a new one.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Whether `path` still leads to this file.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(own), Ok(found)) => identity(own) == identity(found),
        _ => false,
    }
}

/// Opens a database for one transaction. It belongs to one process at a time, so one that is in
/// use is tried again.
fn open(path: &Path) -> Result<Database, LocalError> {
    let mut attempt = 1;
    loop {
        match Database::create(path) {
            Err(DatabaseError::DatabaseAlreadyOpen) if attempt < OPEN_ATTEMPTS_MAX => {
                attempt += 1;
                std::thread::sleep(OPEN_PAUSE);
            }
            result => return result.map_err(|error| failed(path)(error.into())),
        }
    }
}

fn failed(path: &Path) -> impl FnOnce(redb::Error) -> LocalError {
    let path = path.to_owned();
    move |source| LocalError::Database { path, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(directory: &Path) -> RepositoryState {
        let state_directory = Some(directory.to_owned());
        LocalState { state_directory, cache_directory: None }.of(RepositoryId([1; 16]))
    }

    const SESSION: SessionId = SessionId { head: 3, random: [4; 10] };

    #[test]
    fn a_session_has_one_lease_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let state = state(directory.path());
        let lease = state.lease(SESSION).unwrap().unwrap();
        assert!(state.lease(SESSION).unwrap().is_none());
        drop(lease);
        assert!(state.lease(SESSION).unwrap().is_some());
    }

    #[test]
    fn a_file_that_was_removed_or_replaced_is_no_longer_at_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lease");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        let _other = File::create(&path).unwrap();
        assert!(!is_at(&file, &path));
    }

    #[test]
    fn an_earlier_end_of_the_ledger_does_not_replace_a_later_one() {
        let directory = tempfile::tempdir().unwrap();
        let state = state(directory.path());
        assert_eq!(state.seen_head(), None);
        let later = SeenHead { next: 9, head: Hash([9; 32]) };
        state.remember_head(later);
        state.remember_head(SeenHead { next: 8, head: Hash([8; 32]) });
        assert_eq!(state.seen_head(), Some(later));
    }
}
