//! The plaintext that is put together: a buffer of the right length, and slack behind it.

use super::scan::{chunk, chunk_mut};

/// Bytes that are written in order.
#[derive(Debug)]
pub(super) struct Output<'a> {
    bytes: &'a mut [u8],
    at: usize,
    /// What must come out, if that is known: then no more of it is held than one item.
    expected: Option<&'a [u8]>,
    /// How much was written and is no longer held.
    passed: usize,
}

impl<'a> Output<'a> {
    /// Writes to `bytes`.
    pub(super) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, at: 0, expected: None, passed: 0 }
    }

    /// Writes to `bytes` what must be `expected`, always to the beginning again: that stays in the
    /// nearest cache.
    pub(super) fn comparing(bytes: &'a mut [u8], expected: &'a [u8]) -> Self {
        Self { bytes, at: 0, expected: Some(expected), passed: 0 }
    }

    /// Ends an item: `None` if it is not what was expected.
    #[inline]
    pub(super) fn end_item(&mut self) -> Option<()> {
        let Some(expected) = self.expected else { return Some(()) };
        let end = self.passed + self.at;
        if expected.get(self.passed..end)? != self.bytes.get(..self.at)? {
            return None;
        }
        self.passed = end;
        self.at = 0;
        Some(())
    }

    /// How much is written, in bytes.
    #[inline]
    pub(super) fn length(&self) -> usize {
        self.passed + self.at
    }

    /// How much of this item is written, in bytes.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Appends a byte.
    #[inline]
    pub(super) fn byte(&mut self, byte: u8) -> Option<()> {
        *self.bytes.get_mut(self.at)? = byte;
        self.at += 1;
        Some(())
    }

    /// Appends bytes.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.at..self.at + bytes.len())?.copy_from_slice(bytes);
        self.at += bytes.len();
        Some(())
    }

    /// Appends the `length` bytes at `at` of `from`. Where there is slack behind both, short ones
    /// are copied by a move or two of fixed size.
    #[inline]
    pub(super) fn put_from(&mut self, from: &[u8], at: usize, length: usize) -> Option<()> {
        if length <= 32
            && let Some(chunk) = chunk::<32>(from, at)
            && let Some(to) = chunk_mut::<32>(self.bytes, self.at)
        {
            *to = *chunk;
            self.at += length;
            return Some(());
        }
        self.put(from.get(at..at.checked_add(length)?)?)
    }

    /// Appends the first `count` of eight bytes.
    #[inline]
    pub(super) fn word(&mut self, word: u64, count: usize) -> Option<()> {
        *chunk_mut(self.bytes, self.at)? = word.to_le_bytes();
        self.at += count;
        Some(())
    }

    /// Appends the first `count` of four bytes.
    #[inline]
    pub(super) fn part(&mut self, part: u32, count: usize) -> Option<()> {
        *chunk_mut(self.bytes, self.at)? = part.to_le_bytes();
        self.at += count;
        Some(())
    }

    /// Takes the last byte back.
    #[inline]
    pub(super) fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    /// Appends the bytes that were written to `at`, before this item.
    pub(super) fn repeat(&mut self, at: usize, length: usize) -> Option<()> {
        let (before, after) = self.bytes.split_at_mut_checked(self.at)?;
        let before = self.expected.unwrap_or(before);
        let from = before.get(at..at.checked_add(length)?)?;
        after.get_mut(..length)?.copy_from_slice(from);
        self.at += length;
        Some(())
    }

    /// Appends a varint.
    #[inline]
    pub(super) fn varint(&mut self, mut value: u64) -> Option<()> {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80)?;
            value >>= 7;
        }
        self.byte(value as u8)
    }

    /// Leaves room for a length of this many bytes, which is that of most; where what it measures
    /// begins.
    #[inline]
    pub(super) fn begin(&mut self, room: usize) -> usize {
        self.at += room;
        self.at
    }

    /// Where what was written since `start` is in all that was written, and how long it is.
    #[inline]
    pub(super) fn place_since(&self, start: usize) -> (usize, usize) {
        (self.passed + start, self.at.saturating_sub(start))
    }

    /// Writes before `start`, where there is this much room for it, how much was written since;
    /// where that begins then.
    #[inline]
    pub(super) fn put_length_before(&mut self, start: usize, room: usize) -> Option<usize> {
        let length = self.at.checked_sub(start)?;
        if room == 1 && length < 0x80 {
            *self.bytes.get_mut(start - 1)? = length as u8;
            return Some(start);
        }
        if room == 2 && (0x80..0x4000).contains(&length) {
            *chunk_mut(self.bytes, start - 2)? = [length as u8 | 0x80, (length >> 7) as u8];
            return Some(start);
        }
        self.move_and_put_length(start, room, length)
    }

    #[inline(never)]
    fn move_and_put_length(&mut self, start: usize, room: usize, length: usize) -> Option<usize> {
        let first = start.checked_sub(room)?;
        let mut bytes = 1;
        while length >> (7 * bytes) > 0 {
            bytes += 1;
        }
        let moved = first + bytes;
        if self.at.max(moved + length) > self.bytes.len() {
            return None;
        }
        self.bytes.copy_within(start..self.at, moved);
        self.at = first;
        self.varint(length as u64)?;
        self.at = moved + length;
        Some(moved)
    }
}
