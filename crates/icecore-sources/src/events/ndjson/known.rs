//! What is known of a file's beginning, and whether it still is what it was.

use super::blocks::{self, Enough};
use super::prefix::whole;
use super::token::{Kept, ResumeToken};
use blake3::{Hash, Hasher};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::{Mutex, PoisonError};

/// How many blocks are compared where not all are, beside the first and the last.
const SAMPLES: u64 = 16;

/// What is known of the bytes before the offset.
pub(super) struct Known {
    block_bytes: u64,
    token: ResumeToken,
    /// What follows the last whole block, as it is now.
    pub(super) last: Hasher,
    /// The hashes of the whole blocks as they were, if they are known and `last` is what it was.
    blocks: Option<Vec<Hash>>,
}

impl Known {
    /// Reads what follows the last whole block before the token's offset.
    pub(super) fn read(
        file: &File,
        token: ResumeToken,
        kept: Option<Kept>,
        block_bytes: u64,
    ) -> io::Result<Self> {
        let count = token.offset / block_bytes;
        let last = blocks::hash(file, count * block_bytes..token.offset)?;
        // The token vouches for what was kept.
        let blocks = kept
            .map(|kept| kept.blocks)
            .filter(|blocks| blocks.len() as u64 == count && whole(blocks, &last) == token.hash);
        Ok(Self { block_bytes, token, last, blocks })
    }

    /// The blocks to compare if not all are to be: the first, the last, and one in each of as many
    /// parts of the file, another with each turn, so that after some backups all had theirs. `None`
    /// if they would be all, or if there is nothing to compare them with.
    pub(super) fn samples(&self, turn: u64) -> Option<Vec<u64>> {
        let blocks = self.blocks.as_ref()?.len() as u64;
        let bound =
            |part: u64| (u128::from(part) * u128::from(blocks) / u128::from(SAMPLES)) as u64;
        let parts = (0..SAMPLES).map(|part| (bound(part), bound(part + 1)));
        let samples = parts
            .filter(|(start, end)| start < end)
            .map(|(start, end)| start + turn % (end - start));
        let samples: BTreeSet<u64> = samples.chain([0, blocks.checked_sub(1)?]).collect();
        ((samples.len() as u64) < blocks).then(|| samples.into_iter().collect())
    }

    /// Compares all: the hashes of the whole blocks if they are what they were, or what is not.
    pub(super) fn compare_all(&self, file: &File) -> io::Result<Result<Vec<Hash>, String>> {
        let numbers: Vec<u64> = (0..self.token.offset / self.block_bytes).collect();
        if self.blocks.is_some() {
            return self.compare(file, &numbers);
        }
        let hashes = Mutex::new(vec![Hash::from_bytes([0; blake3::OUT_LEN]); numbers.len()]);
        blocks::each(file, self.block_bytes, &numbers, |number, hash| {
            let mut hashes = hashes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = hashes.get_mut(number as usize) {
                *place = hash;
            }
            Enough::No
        })?;
        let hashes = hashes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_same = whole(&hashes, &self.last) == self.token.hash;
        let offset = self.token.offset;
        Ok(if is_same {
            Ok(hashes)
        } else {
            Err(format!("its first {offset} bytes are not what they were"))
        })
    }

    /// Compares the blocks with these numbers; likewise.
    pub(super) fn compare(
        &self,
        file: &File,
        numbers: &[u64],
    ) -> io::Result<Result<Vec<Hash>, String>> {
        let known = self.blocks.as_deref().unwrap_or_default();
        let differing = Mutex::new(None);
        blocks::each(file, self.block_bytes, numbers, |number, hash| {
            if known.get(number as usize) == Some(&hash) {
                return Enough::No;
            }
            *differing.lock().unwrap_or_else(PoisonError::into_inner) = Some(number);
            Enough::Yes
        })?;
        let differing = differing.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(match differing {
            None => Ok(known.to_vec()),
            Some(number) => {
                let start = number * self.block_bytes;
                let end = start + self.block_bytes;
                Err(format!("bytes {start} to {end} are not what they were"))
            }
        })
    }
}
