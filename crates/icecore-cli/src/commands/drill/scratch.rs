//! The scratch directory of a drill. It is gone at the end; what a killed drill left is removed by the
//! next one in the same place.
//!
//! A file in it is locked as long as its drill is alive. It takes its name only when it is locked, so
//! whoever can lock it has found a drill that is over. A directory without it is left alone.

use super::process;
use rustix::process::geteuid;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// What the directories of drills are called.
const PREFIX: &str = "icecore-drill-";
/// Tells whether the drill is alive.
const LOCK: &str = "lock";
/// The same before it is locked.
const UNLOCKED: &str = "lock.new";
/// Where a scratch cluster has its data.
pub(super) const CLUSTER_DATA: &str = "data";

/// A directory that only this user can look into.
pub(super) struct Scratch {
    path: PathBuf,
    _lock: File,
}

/// A scratch target that could not be made, or not be removed.
#[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "some are of servers"))]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ScratchError {
    #[error("cannot make a scratch directory in {}", directory.display())]
    Make {
        /// Where.
        directory: PathBuf,
        source: io::Error,
    },
    #[error("cannot remove the scratch directory {}", directory.display())]
    Remove {
        /// What.
        directory: PathBuf,
        source: io::Error,
    },
    #[error("PostgreSQL does not run as root: run the drill as another user")]
    Root,
    #[error("there are no programs initdb and pg_ctl, in PATH or in {}", directory.display())]
    NoPrograms {
        /// Where else.
        directory: PathBuf,
    },
    #[error("the socket of a server does not fit below {}: that path is too long", directory.display())]
    LongPath {
        /// The path.
        directory: PathBuf,
    },
    #[error("cannot start a PostgreSQL server in {}: {complaint}", directory.display())]
    Server {
        /// Where.
        directory: PathBuf,
        /// What the program said.
        complaint: String,
    },
}

impl Scratch {
    /// Makes one in `base`, after those of drills that are over were removed; how many were.
    pub(super) fn make(base: &Path) -> Result<(Self, u64), ScratchError> {
        let failed = |source| ScratchError::Make { directory: base.to_owned(), source };
        let base = fs::canonicalize(base).map_err(failed)?;
        let swept = sweep(&base).map_err(failed)?;
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(&base)
            .map_err(failed)?;
        let lock = File::create_new(directory.path().join(UNLOCKED)).map_err(failed)?;
        lock.try_lock().map_err(|error| failed(error.into()))?;
        fs::rename(directory.path().join(UNLOCKED), directory.path().join(LOCK)).map_err(failed)?;
        Ok((Self { path: directory.keep(), _lock: lock }, swept))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, and says what was in the way.
    pub(super) fn remove(self) -> Result<(), ScratchError> {
        let directory = self.path.clone();
        remove(&self.path).map_err(|source| ScratchError::Remove { directory, source })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is gone already, or the next drill tries again.
        drop(remove(&self.path));
    }
}

/// Removes what drills have left that are over.
fn sweep(base: &Path) -> io::Result<u64> {
    let mut swept = 0;
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        // Others may be gone by now, which is no concern of ours.
        if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && is_over(&entry.path()).unwrap_or(false)
            && remove(&entry.path()).is_ok()
        {
            swept += 1;
        }
    }
    Ok(swept)
}

/// Whether this is the directory of a drill of this user that is over.
fn is_over(path: &Path) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Ok(false);
    }
    let lock = File::open(path.join(LOCK))?;
    Ok(lock.try_lock().is_ok())
}

/// Removes a directory, and stops the server in it, if there is one.
fn remove(path: &Path) -> io::Result<()> {
    let data = path.join(CLUSTER_DATA);
    if data.join("postmaster.pid").exists() {
        process::stop_server(&data);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(base: &Path) -> Vec<PathBuf> {
        fs::read_dir(base).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_a_killed_drill_left_is_removed_and_what_a_live_one_has_is_not() {
        let base = tempfile::tempdir().unwrap();
        let (live, swept) = Scratch::make(base.path()).unwrap();
        assert_eq!(swept, 0);
        // As a kill leaves it: the lock is gone with the process, the files are not.
        let killed = base.path().join("icecore-drill-killed");
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(killed.join("events.ndjson"), "{}").unwrap();
        // No drill is known to have made these.
        for other in ["icecore-drill-unknown", "another"] {
            fs::create_dir(base.path().join(other)).unwrap();
        }
        let (next, swept) = Scratch::make(base.path()).unwrap();
        assert_eq!(swept, 1);
        assert!(!killed.exists() && live.path().exists());
        assert_eq!(fs::metadata(next.path()).unwrap().mode() & 0o777, 0o700);
        next.remove().unwrap();
        drop(live);
        assert_eq!(names(base.path()).len(), 2);
    }
}
