//! What a file of lines holds: enough to see that it is what was written.
//!
//! It is read while it is still being written, at some distance: what was written a moment ago is
//! still in memory, and what was written last is read when all of it is durable. What was read is
//! made durable and let go of: a restore neither fills the memory of a machine with its file, pushing
//! out what others have there, nor leaves all of the disk's work for its end.

use super::{BYTE_ORDER_MARK, is_space};
use memchr::memchr;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// How much is read at once, in bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// How far reading stays behind writing, in bytes.
const DISTANCE_BYTES: u64 = 64 << 20;

/// How much is let go of at once, in bytes.
const LET_GO_BYTES: u64 = 64 << 20;

/// Counts and hashes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    /// Its length, in bytes.
    pub(super) bytes: u64,
    /// Lines that are not blank.
    pub(super) lines: u64,
    /// The BLAKE3 hash of its bytes.
    pub(super) hash: blake3::Hash,
}

/// Reads a file that is being written.
#[derive(Debug)]
pub(super) struct TrailingReader {
    /// How far it is written, in bytes, now and then.
    written: mpsc::Sender<u64>,
    reading: JoinHandle<io::Result<Content>>,
}

impl TrailingReader {
    /// Begins to read `file`, which is opened at its beginning.
    pub(super) fn follow(mut file: File) -> io::Result<Self> {
        let (written, ends) = mpsc::channel::<u64>();
        let reading =
            thread::Builder::new().name("icecore-verify".to_owned()).spawn(move || {
                let mut content = ContentReader::default();
                let mut let_go = 0;
                for end in ends {
                    while content.bytes + DISTANCE_BYTES <= end {
                        content.read(&mut file)?;
                    }
                    if content.bytes >= let_go + LET_GO_BYTES {
                        let_go_of(&file, let_go..content.bytes)?;
                        let_go = content.bytes;
                    }
                }
                while content.read(&mut file)? {}
                Ok(content.finish())
            })?;
        Ok(Self { written, reading })
    }

    /// Says how far the file is written, in bytes.
    pub(super) fn note_written(&self, bytes: u64) {
        // A reader that failed says so at the end.
        let _unsent = self.written.send(bytes);
    }

    /// Reads the rest: all of the file is written.
    pub(super) fn finish(self) -> io::Result<Content> {
        drop(self.written);
        self.reading.join().unwrap_or_else(|_| Err(io::Error::other("the reader panicked")))
    }
}

/// Has bytes of a file written to the disk, and the memory that they take given back.
fn let_go_of(file: &File, bytes: Range<u64>) -> io::Result<()> {
    file.sync_data()?;
    // It is advice, which some file systems do not take.
    let length = NonZeroU64::new(bytes.end - bytes.start);
    let _taken = fadvise(file, bytes.start, length, Advice::DontNeed);
    Ok(())
}

#[derive(Debug, Default)]
struct ContentReader {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
    bytes: u64,
    lines: u64,
    /// Whether the line that is being read is known not to be blank.
    is_counted: bool,
}

impl ContentReader {
    /// Reads some more; whether there was any.
    fn read(&mut self, file: &mut impl Read) -> io::Result<bool> {
        self.buffer.clear();
        file.by_ref().take(BUFFER_BYTES as u64).read_to_end(&mut self.buffer)?;
        self.hasher.update(&self.buffer);
        let mut text = if self.bytes == 0 { without_mark(&self.buffer) } else { &self.buffer };
        while !text.is_empty() {
            let end = memchr(b'\n', text);
            let (line, rest) = text.split_at(end.map_or(text.len(), |end| end + 1));
            if !self.is_counted && !line.iter().copied().all(is_space) {
                self.lines += 1;
                self.is_counted = true;
            }
            self.is_counted &= end.is_none();
            text = rest;
        }
        self.bytes += self.buffer.len() as u64;
        Ok(!self.buffer.is_empty())
    }

    fn finish(self) -> Content {
        Content { bytes: self.bytes, lines: self.lines, hash: self.hasher.finalize() }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}
