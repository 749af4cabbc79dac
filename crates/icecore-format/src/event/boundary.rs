//! Where records are cut into chunks: after a record whose own bytes say so.
//!
//! Whether a record is a boundary depends on the record alone, with a chance in proportion to its
//! length; so a re-read, another host or a re-export finds the same boundaries, and chunks have
//! the average length that the config asks for whatever the length of records.
//!
//! Format: docs/format.md, "Event chunks". Source: folded multiplication as in wyhash and its kin
//! (<https://github.com/wangyi-fudan/wyhash>). It is no cryptographic hash, and none is needed:
//! boundaries hide behind blocks and packs, not behind this key.

use crate::config::ChunkBytes;

/// Decides where records are cut.
#[derive(Clone, Copy, Debug)]
pub struct Boundary {
    keys: [u64; 4],
    average: u64,
}

impl Boundary {
    /// A decision under a repository's boundary key, for chunks of these sizes.
    pub fn new(key: &[u8; 32], bytes: ChunkBytes) -> Self {
        let mut keys = [0; 4];
        for (word, chunk) in keys.iter_mut().zip(key.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*chunk);
        }
        Self { keys, average: u64::from(bytes.average) }
    }

    /// Whether a chunk may end after a record whose body (without its length) has this hash and
    /// this length, in bytes.
    pub fn is_after(&self, hash: u64, length: usize) -> bool {
        // A chance of length / average, in units of 2^-64.
        let chance = u128::from(length as u64) << 64;
        u128::from(hash) < chance / u128::from(self.average)
    }

    /// A keyed 64-bit hash of a record's body: 16 bytes a step, in four lanes that take steps in turn so that their
    /// multiplications overlap; the last step padded with zeros, the length last.
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let [k0, k1, k2, k3] = self.keys;
        // No lane begins with the key that a step mixes in: the two would cancel, and a step that
        // multiplies by zero forgets its other half.
        let mut lanes = [k0, k3, k0.rotate_left(32), k3.rotate_left(32)];
        let (rounds, rest) = bytes.as_chunks::<64>();
        for round in rounds {
            for (lane, step) in lanes.iter_mut().zip(round.as_chunks::<16>().0) {
                *lane = self.step(*lane, step);
            }
        }
        let (steps, rest) = rest.as_chunks::<16>();
        for (lane, step) in lanes.iter_mut().zip(steps) {
            *lane = self.step(*lane, step);
        }
        if !rest.is_empty() {
            let mut step = [0; 16];
            step[..rest.len()].copy_from_slice(rest);
            lanes[steps.len()] = self.step(lanes[steps.len()], &step);
        }
        let [a, b, c, d] = lanes;
        let lanes = fold(a ^ k1, b.rotate_left(17) ^ k2) ^ fold(c ^ k3, d.rotate_left(41) ^ k0);
        fold(lanes ^ k1, bytes.len() as u64 ^ k2)
    }

    #[inline]
    fn step(&self, lane: u64, step: &[u8; 16]) -> u64 {
        let (mut low, mut high) = ([0; 8], [0; 8]);
        low.copy_from_slice(&step[..8]);
        high.copy_from_slice(&step[8..]);
        fold(u64::from_le_bytes(low) ^ self.keys[1] ^ lane, u64::from_le_bytes(high) ^ self.keys[2])
            ^ lane.rotate_left(23)
    }
}

/// The two halves of the full product, combined.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests;
