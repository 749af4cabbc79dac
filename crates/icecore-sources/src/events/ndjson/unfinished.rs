//! A file that gets its name only when it is complete and durable.
//!
//! Until then it stands beside its final place under a name that begins with a dot; if it is
//! dropped before it is published, it is removed. What stood under the final name is replaced
//! in one step or not at all, and never unless that was asked for.

use icecore::target::{TargetError, TargetErrorKind};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Numbers the unfinished files of this process.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// A file on its way to its name.
#[derive(Debug)]
pub(super) struct UnfinishedFile {
    file: File,
    /// Where it is now.
    temporary: PathBuf,
    /// Where it is to be.
    path: PathBuf,
    overwrite: bool,
    is_published: bool,
}

impl UnfinishedFile {
    /// Creates a file that is to be `path`. Fails if there is a file that is not empty, unless
    /// `overwrite`.
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<Self, TargetError> {
        // Through a symbolic link the file that it names is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let existing = fs::metadata(&path).ok();
        if let Some(existing) = &existing {
            check_replaceable(&path, existing, overwrite)?;
        }
        let (file, temporary) = create_beside(&path)?;
        let unfinished = Self { file, temporary, path, overwrite, is_published: false };
        if let Some(existing) = existing {
            // What only its owner could read stays so.
            let permitted = unfinished.file.set_permissions(existing.permissions());
            permitted.map_err(|error| unfinished.unwritable("set the permissions of", error))?;
        }
        Ok(unfinished)
    }

    /// Where the file will be.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), TargetError> {
        self.file.write_all(bytes).map_err(|error| self.unwritable("write", error))
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> Result<(), TargetError> {
        self.file.sync_all().map_err(|error| self.unwritable("make durable", error))
    }

    /// Opens the file for reading.
    pub(super) fn reopen(&self) -> Result<File, TargetError> {
        File::open(&self.temporary).map_err(|error| self.unwritable("read back", error))
    }

    /// Gives the file its name, durably.
    pub(super) fn publish(mut self) -> Result<(), TargetError> {
        let may_replace = self.overwrite || fs::metadata(&self.path).is_ok_and(|it| is_empty(&it));
        let named = if may_replace {
            fs::rename(&self.temporary, &self.path)
        } else {
            name_without_replacing(&self.temporary, &self.path)
        };
        named.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                let path = self.path.display();
                let message = format!("{path} appeared while its replacement was being written");
                TargetError::new(TargetErrorKind::NotEmpty, message)
            } else {
                self.unwritable("name", error)
            }
        })?;
        self.is_published = true;
        File::open(directory_of(&self.path))
            .and_then(|directory| directory.sync_all())
            .map_err(|error| self.unwritable("make durable the name of", error))
    }

    fn unwritable(&self, step: &str, error: io::Error) -> TargetError {
        let message = format!("cannot {step} {}", self.path.display());
        TargetError::new(TargetErrorKind::Unwritable, message).because(error)
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if !self.is_published {
            // If this fails too, what stays is a file that nobody reads.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

fn is_empty(metadata: &fs::Metadata) -> bool {
    metadata.is_file() && metadata.len() == 0
}

fn check_replaceable(
    path: &Path,
    existing: &fs::Metadata,
    overwrite: bool,
) -> Result<(), TargetError> {
    let path = path.display();
    if !existing.is_file() {
        let what = if existing.is_dir() { "a directory" } else { "not a regular file" };
        return Err(TargetError::new(TargetErrorKind::Unwritable, format!("{path} is {what}")));
    }
    if !overwrite && !is_empty(existing) {
        let message = format!("{path} exists and has {} bytes", existing.len());
        return Err(TargetError::new(TargetErrorKind::NotEmpty, message));
    }
    Ok(())
}

/// A new file in the directory of `path`.
fn create_beside(path: &Path) -> Result<(File, PathBuf), TargetError> {
    let unwritable = |path: &Path| {
        let message = format!("cannot create {}", path.display());
        TargetError::new(TargetErrorKind::Unwritable, message)
    };
    let name = path.file_name().ok_or_else(|| unwritable(path))?;
    loop {
        let number = NEXT_NUMBER.fetch_add(1, Relaxed);
        let mut temporary = OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".icecore-{}-{number}", std::process::id()));
        let temporary = directory_of(path).join(temporary);
        match File::options().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            // Left by a process of the same number that was killed, perhaps on another host.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(unwritable(path).because(error)),
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Renames a file, and fails if the new name is taken.
fn name_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(errno) if is_unsupported(errno) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Whether the file system lacks the operation, rather than having failed at it.
fn is_unsupported(errno: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    matches!(errno, Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS)
}
