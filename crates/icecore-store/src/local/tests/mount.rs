//! File systems mounted for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::skip;

/// A mounted file system; unmounted when dropped.
pub(super) struct Mount {
    directory: TempDir,
}

impl Mount {
    /// A tmpfs of so many bytes, or none where this user cannot mount.
    pub(super) fn tmpfs(bytes: u64) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
    }

    /// The file system inside an image.
    pub(super) fn image(image: &Path) -> Option<Self> {
        Self::new(&["-o", "loop", image.to_str()?])
    }

    fn new(arguments: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("only root can mount a file system");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(arguments).arg(directory.path()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            skip("mounting is not possible here");
            return None;
        }
        Some(Self { directory })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    pub(super) fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a store may still hold its root open.
        drop(Command::new("umount").arg("-l").arg(self.path()).status());
    }
}
