//! The file that is being made, and the one step that gives it its name.

use super::previous::{beside, require_free, settle};
use icecore::target::{TargetError, TargetErrorKind};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file with a temporary name; dropping it removes it.
pub(super) struct Staging {
    target: PathBuf,
    file: PathBuf,
    /// Whether a database that is there may be replaced.
    overwrite: bool,
}

impl Staging {
    /// Makes an empty file beside `target`, unless that is taken.
    pub(super) fn create(target: &Path, overwrite: bool) -> Result<Self, TargetError> {
        // Of a link, what it points to is replaced, and not the link.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        if target.is_dir() {
            return Err(failed("write", &target, ErrorKind::IsADirectory.into()));
        }
        if !overwrite {
            require_free(&target)?;
        }
        let name = target
            .file_name()
            .ok_or_else(|| failed("write", &target, ErrorKind::InvalidFilename.into()))?;
        for number in 0.. {
            let mut temporary = OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".icecore-{}-{number}", std::process::id()));
            let file = target.with_file_name(temporary);
            match OpenOptions::new().write(true).create_new(true).open(&file) {
                Ok(_) => return Ok(Self { target, file, overwrite }),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed("create", &file, error)),
            }
        }
        unreachable!("there are more numbers than files")
    }

    /// Where the file is.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Where it will be.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the file its name, to be made durable by [`sync_name`]. Returns its length, in bytes.
    /// After a failure, the target holds what it held.
    pub(super) fn place(self) -> Result<u64, TargetError> {
        if let Some(left) = beside(&self.file).find(|left| left.exists()) {
            let message = format!("SQLite did not take '{}' into its database", left.display());
            return Err(TargetError::new(TargetErrorKind::Unwritable, message));
        }
        // 1. What is there is made a single file without changing what it holds: now or after 3,
        // nothing stands beside the name that a database could take for its own.
        if !self.overwrite {
            require_free(&self.target)?;
        }
        settle(&self.target)?;
        // 2. The content, durable, before 3. the name: whoever finds the name finds all of it.
        let bytes = self.sync().map_err(|error| failed("write", &self.file, error))?;
        self.rename().map_err(|error| failed("give the database the name", &self.target, error))?;
        Ok(bytes)
    }

    fn sync(&self) -> io::Result<u64> {
        let file = File::open(&self.file)?;
        if let Ok(previous) = fs::metadata(&self.target) {
            file.set_permissions(previous.permissions())?;
        }
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }

    fn rename(&self) -> io::Result<()> {
        let is_empty = |metadata: fs::Metadata| metadata.len() == 0;
        if self.overwrite || fs::metadata(&self.target).is_ok_and(is_empty) {
            return fs::rename(&self.file, &self.target);
        }
        match renameat_with(CWD, &self.file, CWD, &self.target, RenameFlags::NOREPLACE) {
            // A file system that cannot do so can link, which does not replace either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::hard_link(&self.file, &self.target)
            }
            renamed => Ok(renamed?),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What is not there, or cannot be removed, does no harm.
        for file in beside(&self.file).chain([self.file.clone()]) {
            drop(fs::remove_file(file));
        }
    }
}

/// Makes durable which file has the name `target`.
pub(super) fn sync_name(target: &Path) -> Result<(), TargetError> {
    let directory = target.parent().unwrap_or(Path::new("/"));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| {
        let what = "is restored and verified, but may be gone after a power cut";
        let message = format!("'{}' {what}", target.display());
        TargetError::new(TargetErrorKind::Unwritable, message).because(error)
    })
}

/// An error of a step on a file.
pub(super) fn failed(step: &str, path: &Path, error: io::Error) -> TargetError {
    TargetError::new(TargetErrorKind::Unwritable, format!("cannot {step} '{}'", path.display()))
        .because(error)
}
