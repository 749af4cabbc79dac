//! The hash of what a file begins with, block by block.
//!
//! Each block is hashed apart, and the hash of all of it is the hash of theirs: so several cores
//! can work on it, a few blocks can be compared alone, whoever knows the blocks can say where a
//! file differs, and hashing goes on where it ended without the bytes before.

use blake3::{Hash, Hasher};
use std::mem;

/// Hashes bytes that follow each other from the beginning of a file.
#[derive(Debug)]
pub(super) struct PrefixHasher {
    /// The length of a whole block, in bytes.
    block_bytes: u64,
    /// The hashes of whole blocks.
    blocks: Vec<Hash>,
    /// What follows them, less than a block.
    last: Hasher,
}

impl PrefixHasher {
    /// Hashes in blocks of this length, in bytes.
    pub(super) fn new(block_bytes: u64) -> Self {
        Self::after(Vec::new(), Hasher::new(), block_bytes)
    }

    /// Goes on after `blocks` and the bytes that `last` has seen, less than a block.
    pub(super) fn after(blocks: Vec<Hash>, last: Hasher, block_bytes: u64) -> Self {
        Self { block_bytes, blocks, last }
    }

    /// Adds what follows.
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = (self.block_bytes - self.last.count()) as usize;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.last.update(now);
            if self.last.count() == self.block_bytes {
                self.blocks.push(mem::take(&mut self.last).finalize());
            }
            bytes = later;
        }
    }

    /// The hash of all of it.
    pub(super) fn hash(&self) -> Hash {
        whole(&self.blocks, &self.last)
    }

    /// The hashes of the whole blocks.
    pub(super) fn into_blocks(self) -> Vec<Hash> {
        self.blocks
    }
}

/// The hash of `blocks`, and of what follows them if `last` has seen anything.
pub(super) fn whole(blocks: &[Hash], last: &Hasher) -> Hash {
    let mut hasher = Hasher::new();
    for block in blocks {
        hasher.update(block.as_bytes());
    }
    if last.count() > 0 {
        hasher.update(last.finalize().as_bytes());
    }
    hasher.finalize()
}
