//! Filters: whether a shard may hold an id, without a look at its rows.
//!
//! Source: T. M. Graf and D. Lemire, "Binary Fuse Filters", 2022, <https://arxiv.org/abs/2201.01174>.

use super::layout::DESCRIPTOR_BYTES;
use xorf::{BinaryFuse8, BinaryFuse8Ref, DmaSerializable as _, Filter as _, FilterRef as _};

/// Most ids under one filter: bounds the memory that building one takes, about 40 bytes an id, and
/// the time that it takes to verify one.
pub(super) const FILTER_KEYS_MAX: usize = 1 << 18;

/// Fewest ids that are worth a filter: fewer are on one page, which is read at once.
const FILTER_KEYS_MIN: usize = 64;

/// A filter: its descriptor and its fingerprints, about 9 bits for each of `keys`, which must be
/// distinct. `None` where there is none, which then may hold anything.
pub(super) fn build(keys: &[u64]) -> Option<([u8; DESCRIPTOR_BYTES], Box<[u8]>)> {
    if keys.len() < FILTER_KEYS_MIN {
        return None;
    }
    let filter = BinaryFuse8::try_from(keys).ok()?;
    let mut descriptor = [0; DESCRIPTOR_BYTES];
    filter.dma_copy_descriptor_to(&mut descriptor);
    Some((descriptor, filter.fingerprints))
}

/// Whether a filter may hold `key`. Of keys that it does not hold, it says so of 1 in 200.
#[inline]
pub(super) fn may_hold(descriptor: &[u8; DESCRIPTOR_BYTES], fingerprints: &[u8], key: u64) -> bool {
    BinaryFuse8Ref::from_dma(descriptor, fingerprints).contains(&key)
}
