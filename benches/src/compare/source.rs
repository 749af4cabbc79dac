//! The file that is backed up: generated events, to which more are appended and taken away again.
//!
//! Both lengths are the beginning of one and the same sequence of events, so appending to the file
//! is the same as replacing it by an export that was made later.

use super::interrupt::Interrupt;
use crate::events::{Generator, Shape};
use rustix::fs::{Advice, fadvise, sync};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the file within its folder.
pub(super) const FILE_NAME: &str = "events.ndjson";
/// Bytes collected before each write, and read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// A file of events that can grow and shrink.
#[derive(Debug)]
pub(super) struct Source {
    folder: PathBuf,
    /// Length of the file before the appended events.
    pub short_bytes: u64,
    /// Length of the appended events.
    pub appended_bytes: u64,
}

/// How the page cache was emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cold {
    /// By `/proc/sys/vm/drop_caches`: nothing of any file is left.
    DropCaches,
    /// By `posix_fadvise`, as only root may do the former: nothing of the source is left.
    Fadvise,
}

impl Source {
    /// Generates the file in `folder`, and beside it the events that will be appended.
    pub(super) fn generate(
        folder: &Path,
        seed: u64,
        events: u64,
        appended_events: u64,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let mut generator = Generator::new(Shape::Orders, seed);
        let mut source = Self { folder: folder.to_owned(), short_bytes: 0, appended_bytes: 0 };
        source.short_bytes = write_events(&mut generator, events, &source.file(), interrupt)?;
        source.appended_bytes =
            write_events(&mut generator, appended_events, &source.appended_file(), interrupt)?;
        Ok(source)
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join(FILE_NAME)
    }

    /// A file of the appended events alone.
    pub(super) fn appended_file(&self) -> PathBuf {
        self.folder.join("appended.ndjson")
    }

    /// Makes the file longer.
    pub(super) fn append(&self) -> io::Result<()> {
        self.cut_back()?;
        let mut file = OpenOptions::new().append(true).open(self.file())?;
        io::copy(&mut File::open(self.appended_file())?, &mut file)?;
        Ok(())
    }

    /// Makes the file as long as it was.
    pub(super) fn cut_back(&self) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.file())?.set_len(self.short_bytes)
    }

    /// Gives the file another time of its last change, so that nobody takes it for unchanged unread.
    pub(super) fn touch(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.file())?;
        let later = file.metadata()?.modified()? + Duration::from_secs(1);
        file.set_modified(later)
    }

    /// Empties the page cache.
    pub(super) fn make_cold(&self) -> io::Result<Cold> {
        sync();
        if fs::write("/proc/sys/vm/drop_caches", "3").is_ok() {
            return Ok(Cold::DropCaches);
        }
        fadvise(&File::open(self.file())?, 0, None, Advice::DontNeed)?;
        Ok(Cold::Fadvise)
    }

    /// What the appended events come to by themselves, as one zstd frame of level 1.
    pub(super) fn appended_zstd_bytes(&self) -> io::Result<u64> {
        let mut counter = zstd::Encoder::new(Counter(0), 1)?;
        io::copy(&mut File::open(self.appended_file())?, &mut counter)?;
        Ok(counter.finish()?.0)
    }
}

fn write_events(
    generator: &mut Generator,
    events: u64,
    path: &Path,
    interrupt: &Interrupt,
) -> io::Result<u64> {
    let mut file = File::create(path)?;
    let mut lines = Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4);
    let mut written = 0;
    for event in 1..=events {
        generator.append_line(&mut lines);
        if lines.len() >= BUFFER_BYTES || event == events {
            if interrupt.is_interrupted() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            file.write_all(&lines)?;
            written += lines.len() as u64;
            lines.clear();
        }
    }
    Ok(written)
}

/// Whether two files hold the same bytes.
pub(super) fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        Read::by_ref(&mut one).take(BUFFER_BYTES as u64).read_to_end(&mut left)?;
        Read::by_ref(&mut other).take(BUFFER_BYTES as u64).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}

/// Counts what is written to it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(folder: &Path) -> Source {
        Source::generate(folder, 7, 300, 30, &Interrupt::default()).unwrap()
    }

    #[test]
    fn the_appended_file_is_what_a_longer_run_generates() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        let long = Generator::lines(Shape::Orders, 7, 330);
        source.append().unwrap();
        assert_eq!(fs::read(source.file()).unwrap(), long);
        source.append().unwrap();
        assert_eq!(fs::read(source.file()).unwrap(), long, "appending twice appends once");
        source.cut_back().unwrap();
        assert_eq!(fs::read(source.file()).unwrap(), Generator::lines(Shape::Orders, 7, 300));
        assert_eq!(source.short_bytes + source.appended_bytes, long.len() as u64);
    }

    #[test]
    fn the_appended_events_compress() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        let compressed = source.appended_zstd_bytes().unwrap();
        assert!(compressed > 0 && compressed < source.appended_bytes);
    }

    #[test]
    fn a_touched_file_has_another_time_and_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path());
        let time = || fs::metadata(source.file()).unwrap().modified().unwrap();
        let (before, bytes) = (time(), fs::read(source.file()).unwrap());
        source.touch().unwrap();
        assert_ne!(time(), before);
        assert_eq!(fs::read(source.file()).unwrap(), bytes);
    }

    #[test]
    fn files_that_differ_in_one_byte_or_in_length_are_not_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        let mut bytes = vec![1; BUFFER_BYTES + 5];
        fs::write(&one, &bytes).unwrap();
        fs::write(&other, &bytes).unwrap();
        assert!(same_bytes(&one, &other).unwrap());
        *bytes.last_mut().unwrap() = 2;
        fs::write(&other, &bytes).unwrap();
        assert!(!same_bytes(&one, &other).unwrap());
        bytes.pop();
        fs::write(&other, &bytes).unwrap();
        assert!(!same_bytes(&one, &other).unwrap());
    }

    #[test]
    fn generating_ends_when_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let interrupt = Interrupt::default();
        interrupt.interrupt();
        let error = Source::generate(folder.path(), 7, 300, 30, &interrupt).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
