//! A small disk, to be filled.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed;

/// What a disk is filled with.
const FILLING: &str = "filling";

/// A file system in memory on a directory, which is gone from there when this is dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one of so many MiB. `None`, after saying so, where that needs rights that are not there.
    pub fn mount(directory: &Path, mebibytes: u32) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            installed::skip("only root can mount a disk");
            return None;
        }
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=700"), "icecore-test"]);
        match mount.arg(directory).output() {
            Ok(output) if output.status.success() => Some(Self(directory.to_owned())),
            output => {
                installed::missing(&format!("no disk can be mounted: {output:?}"));
                None
            }
        }
    }

    /// Leaves no room on it.
    ///
    /// # Panics
    ///
    /// If nothing can be written for another reason than that.
    pub fn fill(&self) {
        let mut file = File::create(self.0.join(FILLING)).expect("a file can be made");
        let mut bytes = 1 << 20;
        while bytes > 0 {
            match file.write(&vec![0; bytes]) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => bytes /= 2,
                Err(error) => panic!("cannot fill a disk: {error}"),
            }
        }
    }

    /// Takes away what it was filled with.
    ///
    /// # Panics
    ///
    /// If it was not filled.
    pub fn make_room(&self) {
        fs::remove_file(self.0.join(FILLING)).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also while somebody has a file open on it.
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}
