//! The directory that holds everything, and the way from it to an object.
//!
//! Every path is walked segment by segment from the open root, and no step follows a symbolic
//! link, so nothing that stands in the store can lead a request out of it.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fsync, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::failure::{Failure, errno_of};
use crate::{Bandwidth, ObjectName, StoreErrorKind};

const DIRECTORY_MODE: Mode = Mode::RWXU;

/// An open root directory, and what was learned about its file system.
#[derive(Debug)]
pub(super) struct Root {
    directory: OwnedFd,
    /// Directories, as paths below the root, whose own names this process has made durable.
    durable_directories: Mutex<HashSet<String>>,
    /// Whether this file system has files without a name, as far as is known.
    pub(super) unnamed_files: AtomicBool,
    /// Whether this file system has hard links, as far as is known.
    pub(super) hard_links: AtomicBool,
    pub(super) bandwidth: Bandwidth,
}

impl Root {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR => Failure::preparing(errno),
            other => Failure::finding(other),
        })?;
        Ok(Self {
            directory,
            durable_directories: Mutex::default(),
            unnamed_files: AtomicBool::new(true),
            hard_links: AtomicBool::new(true),
            bandwidth: Bandwidth::default(),
        })
    }

    /// Opens a directory, given as a path below the root; the empty path is the root itself.
    pub(super) fn find_directory(&self, path: &str) -> Result<OwnedFd, Failure> {
        let mut directory = self.duplicate()?;
        for segment in segments(path) {
            directory = open_directory(&directory, segment).map_err(Failure::finding)?;
        }
        Ok(directory)
    }

    /// Opens a directory, makes it where it is missing, and makes sure that its name is durable.
    ///
    /// A directory that is already there is no proof of that: another process may have made it a
    /// moment ago, or may have been killed before it could sync. So what stands above a directory
    /// is synced when this process first uses it, whoever made it.
    pub(super) fn make_directory(&self, path: &str) -> Result<OwnedFd, Failure> {
        let mut directory = self.duplicate()?;
        let mut walked = String::with_capacity(path.len());
        for segment in segments(path) {
            if !walked.is_empty() {
                walked.push('/');
            }
            walked.push_str(segment);
            let (next, made) = match open_directory(&directory, segment) {
                Err(Errno::NOENT) => match mkdirat(&directory, segment, DIRECTORY_MODE) {
                    // Another writer was faster: all the same.
                    Ok(()) | Err(Errno::EXIST) => (open_directory(&directory, segment), true),
                    Err(errno) => (Err(errno), false),
                },
                found => (found, false),
            };
            let next = next.map_err(Failure::preparing)?;
            if made || !self.durable_directories().contains(&walked) {
                sync_directory(&directory).map_err(Failure::preparing)?;
                self.durable_directories().insert(walked.clone());
            }
            directory = next;
        }
        Ok(directory)
    }

    fn duplicate(&self) -> Result<OwnedFd, Failure> {
        self.directory.try_clone().map_err(|error| Failure::preparing(errno_of(&error)))
    }

    fn durable_directories(&self) -> MutexGuard<'_, HashSet<String>> {
        self.durable_directories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a directory and what is missing above it, each durable before the next.
pub(super) fn create_directories(path: &Path) -> Result<(), Failure> {
    let private = |path: &Path| DirBuilder::new().mode(DIRECTORY_MODE.as_raw_mode()).create(path);
    let made = match (private(path), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == ErrorKind::NotFound => {
            create_directories(parent)?;
            private(path)
        }
        (result, _) => result,
    };
    let parent = path.parent().unwrap_or(path);
    match made {
        Ok(()) => sync_path(parent).map_err(Failure::preparing),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Perhaps made by one that was killed before it could sync. Not ours to insist on:
            // we may lack the right to open what is above.
            let _ = sync_path(parent);
            Ok(())
        }
        Err(error) => Err(Failure::preparing(errno_of(&error))),
    }
}

/// Deletes an object, then makes that durable.
pub(super) fn delete(root: &Root, name: &ObjectName) -> Result<(), Failure> {
    let directory = root.find_directory(name.directory())?;
    let file = name.last_segment();
    if !is_object(&directory, file).map_err(Failure::finding)? {
        return Err(StoreErrorKind::NotFound.into());
    }
    unlinkat(&directory, file, AtFlags::empty()).map_err(Failure::finding)?;
    sync_directory(&directory).map_err(Failure::settling)
}

/// Whether what has this name is a regular file: nothing else is an object.
pub(super) fn is_object(directory: impl AsFd, file: &str) -> Result<bool, Errno> {
    let found = statat(directory, file, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
}

/// Opens a directory inside another; a symbolic link is none.
pub(super) fn open_directory(parent: impl AsFd, segment: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, segment, flags, Mode::empty())
}

/// Makes the names in a directory durable.
///
/// A file system that has no such operation answers `EINVAL`; there is nothing better to do with
/// it than PostgreSQL does, which takes its names as durable.
pub(super) fn sync_directory(directory: impl AsFd) -> Result<(), Errno> {
    match fsync(directory) {
        Err(Errno::INVAL) => Ok(()),
        result => result,
    }
}

fn sync_path(path: &Path) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    sync_directory(openat(CWD, path, flags, Mode::empty())?)
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
