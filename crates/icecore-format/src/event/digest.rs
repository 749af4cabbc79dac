//! A digest of events in their order: tells whether what a source gives begins with what it gave
//! before, without anything of what was stored.
//!
//! It is made of the records' keyed 64-bit hashes, and no cryptographic hash: it finds what changed
//! in a source, and guards nothing against who holds the keys.
//!
//! Format: docs/format.md, "Event logs".

use serde::{Deserialize, Serialize};

/// An odd multiplier, so that no hash is ever forgotten: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The digest of a sequence of events; that of none is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDigest(pub u64);

impl EventDigest {
    /// Adds the next event, by the hash of its record's body ([`super::Boundary::hash`]).
    pub fn push(&mut self, record_hash: u64) {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(record_hash);
    }
}

#[cfg(test)]
mod tests {
    use super::EventDigest;

    fn digest(hashes: impl IntoIterator<Item = u64>) -> EventDigest {
        let mut digest = EventDigest::default();
        hashes.into_iter().for_each(|hash| digest.push(hash));
        digest
    }

    #[test]
    fn it_depends_on_every_event_on_their_order_and_on_nothing_else() {
        let hashes: Vec<u64> =
            (1..200).map(|n: u64| n.wrapping_mul(0x0123_4567_89ab_cdef)).collect();
        let whole = digest(hashes.iter().copied());
        assert_eq!(whole, digest(hashes.iter().copied()));
        for index in 0..hashes.len() {
            let mut other = hashes.clone();
            other[index] ^= 1 << (index % 64);
            assert_ne!(digest(other), whole, "{index} changed");
            let mut other = hashes.clone();
            other.remove(index);
            assert_ne!(digest(other), whole, "{index} removed");
            if index > 0 {
                let mut other = hashes.clone();
                other.swap(index - 1, index);
                assert_ne!(digest(other), whole, "{index} swapped");
            }
        }
    }
}
