//! The event streams of a block, and the versions that are expected next in them.

use super::scan;
use std::ops::Range;

const PLACES_MIN: usize = 256;
const PLACES_MAX: usize = 1 << 16;

/// The streams of a block and their newest versions.
#[derive(Debug, Default)]
pub(super) struct StreamTable {
    /// Of each place the stream's number, from 1, and half of its hash.
    places: Vec<(u32, u32)>,
    /// The version that is expected next.
    expected: Vec<u64>,
}

impl StreamTable {
    /// Begins a block of so many bytes.
    pub(super) fn clear(&mut self, raw_bytes: usize) {
        let count = (raw_bytes / 256).next_power_of_two().clamp(PLACES_MIN, PLACES_MAX);
        self.places.clear();
        self.places.resize(count, (0, 0));
        self.expected.clear();
    }

    /// How many lanes back it is, or 0 if it is new, and the version that was expected.
    #[inline]
    pub(super) fn find(&mut self, raw: &[u8], stream: &Range<usize>, version: u64) -> (i64, u64) {
        let hash = scan::hash(raw, stream.start, stream.len(), 0);
        let mask = self.places.len() - 1;
        let place = &mut self.places[(hash >> 32) as usize & mask];
        let next = version.wrapping_add(1);
        if place.0 > 0 && place.1 == hash as u32 {
            let index = place.0 as usize - 1;
            let expected = std::mem::replace(&mut self.expected[index], next);
            return ((self.expected.len() - index) as i64, expected);
        }
        self.expected.push(next);
        *place = (self.expected.len() as u32, hash as u32);
        (0, 0)
    }
}
