//! Has a file read ahead of whoever reads it, and leaves the system's memory to others.
//!
//! By itself the system reads ahead less than a disk can. What it reads, it keeps: a backup of a file
//! that nobody else reads would put all of it in the place of what others do. So what was not in memory
//! before is let go of once it was read; what was there stays.

use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::collections::VecDeque;
use std::fs::File;
use std::io::IoSliceMut;
use std::num::NonZeroU64;
use std::ops::Range;

/// How far ahead the system is told what will be read, in bytes.
const ANNOUNCED_BYTES: u64 = 32 << 20;

/// At how many places of what is announced it is asked whether that is in memory.
const PROBES: u64 = 8;

/// How far a file was announced, and what of it is to be let go of. All of it is advice, which some
/// file systems do not take.
#[derive(Debug)]
pub(super) struct ReadAhead {
    /// Up to where the system was told that it will be read, in bytes.
    announced: u64,
    /// What was not in memory before, in its order.
    foreign: VecDeque<Range<u64>>,
}

impl ReadAhead {
    /// Of a file that is read from `offset` on.
    pub(super) fn new(offset: u64) -> Self {
        Self { announced: offset, foreign: VecDeque::new() }
    }

    /// Announces what follows `offset`, up to `length`, and lets go of what precedes it.
    pub(super) fn advance(&mut self, file: &File, offset: u64, length: u64) {
        while let Some(range) = self.foreign.front().filter(|range| range.end <= offset) {
            advise(file, range, Advice::DontNeed);
            self.foreign.pop_front();
        }
        let start = self.announced.max(offset);
        if start < length && start < offset + ANNOUNCED_BYTES / 2 {
            let range = start..(start + ANNOUNCED_BYTES).min(length);
            self.announced = range.end;
            if !is_in_memory(file, &range) {
                self.foreign.push_back(range.clone());
            }
            advise(file, &range, Advice::WillNeed);
        }
    }
}

fn advise(file: &File, range: &Range<u64>, advice: Advice) {
    let _taken = fadvise(file, range.start, NonZeroU64::new(range.end - range.start), advice);
}

/// Whether some of a file's bytes can be read without the disk. Has those read that cannot.
fn is_in_memory(file: &File, range: &Range<u64>) -> bool {
    let distance = ((range.end - range.start) / PROBES).max(1);
    let mut places = (range.start..range.end).step_by(distance as usize);
    places.any(|place| {
        let mut byte = [0];
        let read = preadv2(file, &mut [IoSliceMut::new(&mut byte)], place, ReadWriteFlags::NOWAIT);
        // Who does not know this way of asking knows no difference.
        read != Err(Errno::AGAIN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, Write as _};

    const BYTES: u64 = 80 << 20;

    /// Reads all of a file.
    fn read(file: &mut File) {
        let mut ahead = ReadAhead::new(0);
        let (mut offset, mut buffer) = (0, vec![0; 1 << 20]);
        loop {
            ahead.advance(file, offset, BYTES);
            match file.read(&mut buffer).unwrap() {
                0 => break,
                read => offset += read as u64,
            }
        }
    }

    /// A file that is in memory, and on the disk.
    fn file() -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&vec![7; BYTES as usize]).unwrap();
        file.sync_all().unwrap();
        file.rewind().unwrap();
        file
    }

    /// One that is on the disk alone.
    fn file_on_disk() -> File {
        let file = file();
        advise(&file, &(0..BYTES), Advice::DontNeed);
        file
    }

    #[test]
    fn what_was_in_memory_stays_there() {
        let mut file = file();
        read(&mut file);
        assert!(is_in_memory(&file, &(0..BYTES)));
    }

    #[test]
    #[expect(clippy::print_stderr, reason = "a test says that it was skipped")]
    fn what_was_not_in_memory_is_not_there_afterwards() {
        // To ask is to have it read, so another file tells whether this file system lets go.
        if is_in_memory(&file_on_disk(), &(0..BYTES)) {
            eprintln!("skipped: this file system keeps its files in memory");
            return;
        }
        let mut file = file_on_disk();
        read(&mut file);
        assert!(!is_in_memory(&file, &(0..BYTES)));
    }
}
