//! Which texts of which columns have a code already.

/// Places looked at for a text.
const PROBES: usize = 4;
const ENTRIES_MIN: usize = 256;
const ENTRIES_MAX: usize = 4096;
/// Bits of an entry that are the text's code; the others are its hash.
const CODE: u64 = 0xff;

/// A table of hashes. A text that is crowded out is new again: that costs bytes, and nothing else.
/// Two texts with one hash would be told apart by the verification.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// 0 where there is none.
    entries: Vec<u64>,
    mask: usize,
}

impl Dictionary {
    pub(super) fn clear(&mut self, raw_bytes: usize) {
        let count = (raw_bytes / 512).next_power_of_two().clamp(ENTRIES_MIN, ENTRIES_MAX);
        self.entries.clear();
        self.entries.resize(count, 0);
        self.mask = count - 1;
    }

    /// The code of the text in a column that has this hash; if it has none, it gets `new`.
    #[inline(always)]
    pub(super) fn find(&mut self, hash: u64, new: Option<u8>) -> Option<u8> {
        let hash = hash | (CODE + 1);
        for probe in 0..PROBES {
            let place = ((hash >> 40) as usize + probe) & self.mask;
            let entry = &mut self.entries[place];
            if (*entry ^ hash) <= CODE {
                return Some((*entry & CODE) as u8);
            }
            if *entry == 0 {
                if let Some(code) = new {
                    *entry = hash & !CODE | u64::from(code);
                }
                return None;
            }
        }
        None
    }
}
