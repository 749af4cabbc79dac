//! How values are spelled where they stand.

use super::hex;
use super::output::Output;
use super::scan::{self, POWERS_OF_TEN};

impl Output<'_> {
    /// Appends decimal digits without a zero in front.
    #[inline]
    pub(super) fn integer(&mut self, value: u64) -> Option<()> {
        if value < 100_000_000 {
            let digits = scan::spell8(value as u32);
            // At least one digit, be it 0.
            let zeros = ((digits ^ ZEROS).trailing_zeros() / 8).min(7);
            return self.word(digits >> (8 * zeros), 8 - zeros as usize);
        }
        let mut count = 9;
        while count < 20 && value >= *POWERS_OF_TEN.get(count)? {
            count += 1;
        }
        self.digits(value, count)
    }

    /// Appends the last `count` decimal digits, at most 20.
    #[inline]
    pub(super) fn digits(&mut self, value: u64, count: usize) -> Option<()> {
        if count > 8 {
            self.digits(value / 100_000_000, count - 8)?;
        }
        let count = count.min(8);
        let digits = scan::spell8((value % 100_000_000) as u32);
        self.word(digits >> (64 - 8 * count), count)
    }

    /// Appends a number with `count` digits behind its point.
    #[inline]
    pub(super) fn decimal(&mut self, value: u64, count: usize) -> Option<()> {
        if value < 100_000_000 && count < 8 {
            let digits = scan::spell8(value as u32);
            let zeros = ((digits ^ ZEROS).trailing_zeros() as usize / 8).min(7 - count);
            self.word(digits >> (8 * zeros), 8 - zeros - count)?;
            self.byte(b'.')?;
            return self.word(digits.checked_shr(64 - 8 * count as u32).unwrap_or(0), count);
        }
        let power = *POWERS_OF_TEN.get(count)?;
        self.integer(value / power)?;
        self.byte(b'.')?;
        self.digits(value % power, count)
    }

    /// Appends an address of IP version 4.
    #[inline]
    pub(super) fn address(&mut self, address: u32) -> Option<()> {
        for part in address.to_be_bytes() {
            let (text, length) = *PARTS.get(usize::from(part))?;
            self.part(text, length.into())?;
        }
        self.back();
        Some(())
    }

    /// Appends bytes as hexadecimal digits in lower case.
    pub(super) fn hex(&mut self, bytes: &[u8]) -> Option<()> {
        for group in bytes.chunks(4) {
            let mut four = [0; 4];
            four.get_mut(..group.len())?.copy_from_slice(group);
            self.word(hex::spell8(u32::from_be_bytes(four)), 2 * group.len())?;
        }
        Some(())
    }
}

/// Eight digits 0.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The parts of addresses: each number below 256 with a point behind it, and how long that is.
const PARTS: [(u32, u8); 256] = {
    let mut parts = [(0, 0); 256];
    let mut number = 0;
    while number < 256 {
        let (hundreds, tens, ones) = (number / 100, number / 10 % 10, number % 10);
        let (mut text, mut length) = (0, 0);
        if hundreds > 0 {
            text |= 0x30 + hundreds as u32;
            length += 1;
        }
        if number >= 10 {
            text |= (0x30 + tens as u32) << (8 * length);
            length += 1;
        }
        text |= (0x30 + ones as u32) << (8 * length);
        text |= 0x2e << (8 * length + 8);
        parts[number] = (text, length as u8 + 2);
        number += 1;
    }
    parts
};
