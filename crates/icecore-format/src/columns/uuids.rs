//! The UUIDs of a block, in the order in which they first stand there.

use super::scan;

const PLACES_MIN: usize = 256;
const PLACES_MAX: usize = 1 << 16;

/// Bits of a place that say which UUID it is; the others are of its hash, so that most UUIDs that
/// are new are known to be so without a look at another.
const NUMBER_BITS: u32 = 20;
const NUMBERS: u32 = (1 << NUMBER_BITS) - 1;

/// Every UUID so far, and where most of them are found again.
#[derive(Debug, Default)]
pub(super) struct Uuids {
    list: Vec<u128>,
    /// Numbers in the list, from 1; a newer UUID takes an older one's place.
    places: Vec<u32>,
    shift: u32,
}

impl Uuids {
    pub(super) fn clear(&mut self, raw_bytes: usize) {
        let count = (raw_bytes / 64).next_power_of_two().clamp(PLACES_MIN, PLACES_MAX);
        self.list.clear();
        self.places.clear();
        self.places.resize(count, 0);
        self.shift = 64 - count.trailing_zeros();
    }

    fn hash(uuid: u128) -> u64 {
        let (high, low) = ((uuid >> 64) as u64, uuid as u64);
        scan::fold(low ^ 0x9e37_79b9_7f4a_7c15, high ^ 0xd6e8_feb8_6659_fd93)
    }

    /// Adds a UUID.
    #[inline]
    pub(super) fn add(&mut self, uuid: u128) {
        self.list.push(uuid);
        let hash = Self::hash(uuid);
        if self.list.len() <= NUMBERS as usize {
            let place = hash as u32 & !NUMBERS | self.list.len() as u32;
            self.places[(hash >> self.shift) as usize] = place;
        }
    }

    /// How many UUIDs back it is; 0 if it was not found, and added.
    #[inline]
    pub(super) fn find_or_add(&mut self, uuid: u128) -> u32 {
        let hash = Self::hash(uuid);
        let place = self.places[(hash >> self.shift) as usize];
        let number = place & NUMBERS;
        if (place ^ hash as u32) & !NUMBERS == 0
            && number > 0
            && self.list[number as usize - 1] == uuid
        {
            return self.list.len() as u32 - number + 1;
        }
        self.add(uuid);
        0
    }
}
