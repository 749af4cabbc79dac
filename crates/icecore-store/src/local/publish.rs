//! Files that are not objects yet, and the one step that makes them so.
//!
//! An [`UnnamedFile`] has no name at all until it is published, so whoever kills its writer leaves
//! no garbage. A [`NamedFile`] serves file systems without that (NFS, many FUSE ones): it waits in
//! `tmp/`, which no listing shows. What a killed writer leaves there is never read and does no
//! harm; it may be removed when nobody writes.
//!
//! See open(2) on `O_TMPFILE`, and link(2).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, fstat, linkat, openat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::failure::Failure;
use super::root::Root;
use crate::StoreErrorKind;
use crate::name::RESERVED_SEGMENT;

const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Numbers the unfinished files of this process.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// What came of publishing a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// The object is there.
    Yes,
    /// Another object was there first.
    NameTaken,
}

/// A file without a name, in the directory of the object that it will be.
pub(super) struct UnnamedFile(OwnedFd);

impl UnnamedFile {
    /// `None` where the file system has no such files.
    pub(super) fn create(directory: &OwnedFd) -> Result<Option<Self>, Failure> {
        let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
        match openat(directory, ".", flags, FILE_MODE) {
            Ok(file) => Ok(Some(Self(file))),
            // EISDIR is how a kernel answers that does not know the flag.
            Err(errno) if is_unsupported(errno) || errno == Errno::ISDIR => Ok(None),
            Err(errno) => Err(Failure::preparing(errno)),
        }
    }

    /// `None` where the system cannot name such a file, e.g. because `/proc` is not mounted.
    pub(super) fn publish(
        &self,
        directory: &OwnedFd,
        file: &str,
    ) -> Result<Option<Published>, Failure> {
        // By its descriptor, which older kernels leave to root; else by its name in /proc.
        let linked = match linkat(&self.0, "", directory, file, AtFlags::EMPTY_PATH) {
            Err(errno) if errno == Errno::NOENT || is_link_unsupported(errno) => {
                let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
                linkat(CWD, path, directory, file, AtFlags::SYMLINK_FOLLOW)
            }
            linked => linked,
        };
        match linked {
            Ok(()) => Ok(Some(Published::Yes)),
            Err(Errno::EXIST) => Ok(Some(name_taken(&self.0, directory, file))),
            Err(errno) if errno == Errno::NOENT || is_link_unsupported(errno) => Ok(None),
            Err(errno) => Err(Failure::publishing(errno)),
        }
    }
}

impl AsFd for UnnamedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A file in `tmp/`; its name there goes when it is dropped.
pub(super) struct NamedFile {
    file: OwnedFd,
    directory: OwnedFd,
    name: String,
}

impl NamedFile {
    pub(super) fn create(root: &Root) -> Result<Self, Failure> {
        let directory = root.make_directory(RESERVED_SEGMENT)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        loop {
            let number = NEXT_NUMBER.fetch_add(1, Relaxed);
            let name = format!("{}-{number}", std::process::id());
            match openat(&directory, &*name, flags, FILE_MODE) {
                Ok(file) => return Ok(Self { file, directory, name }),
                // Left by, or in use by, a process of the same number, perhaps on another host.
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(Failure::preparing(errno)),
            }
        }
    }

    pub(super) fn publish(
        &self,
        root: &Root,
        directory: &OwnedFd,
        file: &str,
    ) -> Result<Published, Failure> {
        if root.hard_links.load(Relaxed) {
            match linkat(&self.directory, &*self.name, directory, file, AtFlags::empty()) {
                Ok(()) => return Ok(Published::Yes),
                Err(Errno::EXIST) => return Ok(name_taken(&self.file, directory, file)),
                Err(errno) if is_link_unsupported(errno) => root.hard_links.store(false, Relaxed),
                Err(errno) => return Err(Failure::publishing(errno)),
            }
        }
        let flags = RenameFlags::NOREPLACE;
        match renameat_with(&self.directory, &*self.name, directory, file, flags) {
            Ok(()) => Ok(Published::Yes),
            Err(Errno::EXIST) => Ok(name_taken(&self.file, directory, file)),
            Err(errno) if is_unsupported(errno) => Err(Failure::new(
                StoreErrorKind::Permanent,
                "this file system can neither link a file nor rename it without replacing another",
            )),
            Err(errno) => Err(Failure::publishing(errno)),
        }
    }
}

impl Drop for NamedFile {
    fn drop(&mut self) {
        // After a rename there is no such name any more; else, what stays is harmless.
        let _ = unlinkat(&self.directory, &*self.name, AtFlags::empty());
    }
}

impl AsFd for NamedFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whose file has the name that was found taken.
///
/// A network file system may lose the answer to a request, repeat it, and be told that the name is
/// taken: by the first try.
fn name_taken(ours: &OwnedFd, directory: &OwnedFd, file: &str) -> Published {
    match (fstat(ours), statat(directory, file, AtFlags::SYMLINK_NOFOLLOW)) {
        (Ok(ours), Ok(found)) if (ours.st_dev, ours.st_ino) == (found.st_dev, found.st_ino) => {
            Published::Yes
        }
        _ => Published::NameTaken,
    }
}

/// Whether the file system lacks the operation, rather than having failed at it.
fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::XDEV)
}

/// The same for linking, where `EPERM` too says that there are no hard links, see link(2).
fn is_link_unsupported(errno: Errno) -> bool {
    is_unsupported(errno) || matches!(errno, Errno::PERM | Errno::MLINK)
}
