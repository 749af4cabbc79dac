//! Hashing blocks of a file on all cores.

use blake3::{Hash, Hasher};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What is read at once, in bytes: what was read is still in a core's cache when it is hashed.
const STEP_BYTES: usize = 256 << 10;

/// Threads at most: fewer than these keep up with any disk.
const THREADS_MAX: usize = 8;

/// Hashes the blocks of `file` that have these numbers and `block_bytes` each, several at once and
/// in no order, and gives each to `take`, until that says that it has seen enough. Nothing is
/// mapped into memory: a file that becomes shorter is an error, and no signal.
pub(super) fn each(
    file: &File,
    block_bytes: u64,
    numbers: &[u64],
    take: impl Fn(u64, Hash) -> Enough + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let work = || {
        let mut buffer = vec![0; STEP_BYTES];
        while !is_over.load(Relaxed)
            && let Some(number) = numbers.get(next.fetch_add(1, Relaxed))
        {
            let start = number * block_bytes;
            match hash_through(file, start..start + block_bytes, &mut buffer) {
                Ok(hasher) if take(*number, hasher.finalize()) == Enough::No => {}
                Ok(_) => is_over.store(true, Relaxed),
                Err(error) => {
                    is_over.store(true, Relaxed);
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..cores.min(THREADS_MAX).min(numbers.len()) {
            // Where no thread is to be had, this one does all of it.
            drop(thread::Builder::new().spawn_scoped(scope, work));
        }
        work();
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Whether the hashes so far are enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enough {
    Yes,
    No,
}

/// A hasher that has seen these bytes of `file`.
pub(super) fn hash(file: &File, bytes: Range<u64>) -> io::Result<Hasher> {
    hash_through(file, bytes, &mut vec![0; STEP_BYTES])
}

fn hash_through(file: &File, bytes: Range<u64>, buffer: &mut [u8]) -> io::Result<Hasher> {
    let mut hasher = Hasher::new();
    let mut at = bytes.start;
    while at < bytes.end {
        let length = (bytes.end - at).min(STEP_BYTES as u64);
        let step = buffer.get_mut(..length as usize).unwrap_or_default();
        file.read_exact_at(step, at)?;
        hasher.update(step);
        at += length;
    }
    Ok(hasher)
}
