//! What the comparison ran on: figures of two machines are not comparable.

use serde::Serialize;
use std::fs;
use std::path::Path;
use std::thread;

/// A machine, as far as it bears on the figures. What cannot be found out is empty or zero.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's model.
    pub processor: String,
    /// How many processors the programs may use.
    pub cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The kind of file system that everything lies on, `ext4` for example.
    pub file_system: String,
    /// How many programs ran or wanted to, in the minute before the start.
    pub load_before: f64,
}

impl Machine {
    /// This machine, with the file system of `folder`.
    pub fn here(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        Self {
            processor: value(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: value(&read("/proc/meminfo"), "MemTotal")
                .and_then(|text| text.strip_suffix("kB")?.trim().parse::<u64>().ok())
                .unwrap_or(0)
                * 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/self/mountinfo"), &folder).unwrap_or_default(),
            load_before: load(),
        }
    }
}

/// How many programs ran or wanted to, in the last minute.
pub(super) fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

/// The value behind the first `name   : value`.
fn value(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The kind of the file system with the longest mount point above `folder`; of several at one
/// point the last, which hides the others.
fn file_system(mounts: &str, folder: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = mount.split_whitespace().nth(4)?;
        folder.starts_with(point).then_some((point.len(), kind.split_whitespace().next()?))
    });
    mounts.max_by_key(|(length, _)| *length).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_deepest_mount_point() {
        let mounts = "\
            22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            30 22 0:25 / /srv rw - tmpfs tmpfs rw,size=1g\n\
            31 22 0:26 / /srv rw shared:4 - xfs /dev/vdb rw\n\
            32 22 0:27 / /srv/data2 rw - btrfs /dev/vdc rw\n";
        let kind = |folder| file_system(mounts, Path::new(folder));
        assert_eq!(kind("/srv/data").as_deref(), Some("xfs"));
        assert_eq!(kind("/srv/data2/x").as_deref(), Some("btrfs"));
        assert_eq!(kind("/home").as_deref(), Some("ext4"));
        assert_eq!(file_system("", Path::new("/")), None);
    }

    #[test]
    fn a_value_is_found_whatever_is_around_it() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC: 9\nmodel name\t: other\n";
        assert_eq!(value(text, "model name").as_deref(), Some("AMD EPYC: 9"));
        assert_eq!(value(text, "model"), None);
    }
}
