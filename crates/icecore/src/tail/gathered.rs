//! What flushes of an epoch have, gathered until an object repeats it.

use crate::event_log::CapturedChunks;
use icecore_format::Hash;
use icecore_format::config::Config;
use icecore_format::keys::KeySet;
use icecore_format::tail::repeats_from;

/// What is gathered at most, in bytes of chunks: it is held in memory, and what is larger is worth
/// requests of its own.
const GATHERED_BYTES_MAX: usize = 4 << 20;

/// Flushes since the first that can be repeated.
#[derive(Debug)]
pub(super) struct Gathered {
    /// The hash of the object before them.
    previous: Hash,
    flushes: Vec<CapturedChunks>,
    bytes: usize,
    /// Whether it is too much to be repeated.
    is_too_much: bool,
    /// How many objects did not repeat what they might.
    unrepeated: u64,
}

impl Gathered {
    /// Nothing, after the object with this hash.
    pub(super) fn after(previous: Hash) -> Self {
        Self { previous, flushes: Vec::new(), bytes: 0, is_too_much: false, unrepeated: 0 }
    }

    /// Begins anew where `number` is the first that can be repeated; `previous` is the hash of the object
    /// before.
    pub(super) fn begin(&mut self, number: u64, previous: Hash) {
        if number.checked_sub(1).is_none_or(|before| repeats_from(before).is_some()) {
            *self = Self { unrepeated: self.unrepeated, ..Self::after(previous) };
        }
    }

    /// How many objects, up to the one of the flush that was added last, did not repeat what they might.
    pub(super) fn unrepeated(&self) -> u64 {
        self.unrepeated
    }

    /// Adds the flush with this number; what all of them have, if its object repeats it.
    pub(super) fn add(
        &mut self,
        number: u64,
        captured: &CapturedChunks,
        keys: &KeySet,
        config: &Config,
    ) -> Option<(Hash, CapturedChunks)> {
        let repeated = self.gather(number, captured, keys, config);
        self.unrepeated += u64::from(repeated.is_none() && repeats_from(number).is_some());
        repeated
    }

    fn gather(
        &mut self,
        number: u64,
        captured: &CapturedChunks,
        keys: &KeySet,
        config: &Config,
    ) -> Option<(Hash, CapturedChunks)> {
        self.bytes += captured.plaintext_bytes();
        self.is_too_much |= self.bytes > GATHERED_BYTES_MAX;
        if self.is_too_much {
            self.flushes.clear();
            return None;
        }
        if repeats_from(number).is_none() {
            self.flushes.push(captured.clone());
            return None;
        }
        let flushes = self.flushes.iter().chain([captured]);
        // What was cut once is cut again; without it, the objects are read one by one.
        let together = CapturedChunks::together(flushes, keys, config).ok()?;
        self.flushes.clear();
        Some((self.previous, together))
    }
}
