//! Columns of numbers: each written in whichever way is expected to take the least.
//!
//! Format: docs/format.md, "Columns".

use super::lanes::{Lanes, LanesRead};
use super::scan::chunk;
use crate::record::{DecodeError, Reader, put_signed_varint, put_varint};

/// What a number is written as, in the low bits of a column's coding: up to 57 or 64 bits each.
const BITS_MAX: u32 = 57;
const BITS_WHOLE: u32 = 64;
const BYTE: u8 = 65;
const VARINT: u8 = 66;
const DELTA: u8 = 0x80;

/// Values from here on up are packed, whatever their distribution: of what follows their first
/// bits, an entropy coder saves little.
const BYTE_VALUES_MIN: usize = 24;

/// What is known of numbers before they are written.
#[derive(Clone, Copy)]
struct Extent {
    low: i64,
    high: i64,
}

impl Extent {
    fn of(values: impl Iterator<Item = i64>) -> Self {
        let nothing = Self { low: i64::MAX, high: i64::MIN };
        values.fold(nothing, |extent, value| Self {
            low: extent.low.min(value),
            high: extent.high.max(value),
        })
    }

    fn bits(self) -> u32 {
        let bits = 64 - (self.high.wrapping_sub(self.low) as u64).leading_zeros();
        if bits > BITS_MAX { BITS_WHOLE } else { bits }
    }

    /// The coding that is expected to take the least.
    fn coding(self, values: impl ExactSizeIterator<Item = i64>) -> u8 {
        let (bits, count) = (self.bits(), values.len());
        if (1..=8).contains(&bits) && count >= BYTE_VALUES_MIN {
            return BYTE;
        }
        if bits >= VARINT_BITS_MIN {
            // The first ones tell; varints go through zstd, which makes them shorter for most.
            let bytes = |value: i64| varint_bytes(value.wrapping_sub(self.low) as u64);
            let first = values.take(SAMPLE).map(bytes).sum::<u64>();
            if first * 7 < u64::from(bits) * count.min(SAMPLE) as u64 {
                return VARINT;
            }
        }
        bits as u8
    }
}

fn varint_bytes(value: u64) -> u64 {
    u64::from((70 - (value | 1).leading_zeros()) / 7)
}

/// How many numbers of a column are looked at to tell what fits all of them.
const SAMPLE: usize = 64;

/// Fewest bits of a number for which varints are tried: they take one byte at least.
const VARINT_BITS_MIN: u32 = 12;

/// Fewest bits of a number for which differences are tried: what takes a byte has an entropy that
/// its extent does not tell, and a small gain may be a loss.
const DELTA_BITS_MIN: u32 = 9;

/// Writes a column of numbers.
pub(super) fn put<N: Copy + Into<i64>>(values: &[N], lanes: &mut Lanes) {
    put_varint(&mut lanes.plan, values.len() as u64);
    let Some((&first, rest)) = values.split_first() else { return };
    let all = || values.iter().map(|value| (*value).into());
    let plain = Extent::of(all());
    let deltas = || {
        let after = rest.iter().map(|value| (*value).into());
        all().zip(after).map(|(before, value): (i64, i64)| value.wrapping_sub(before))
    };
    if plain.bits() >= DELTA_BITS_MIN {
        // The first ones tell whether the others are worth a look.
        let begin = Extent::of(deltas().take(SAMPLE));
        if begin.bits() + 2 <= plain.bits() {
            let delta = Extent::of(deltas());
            if delta.bits() + 2 <= plain.bits() {
                let coding = delta.coding(deltas());
                lanes.plan.push(coding | DELTA);
                put_signed_varint(&mut lanes.plan, first.into());
                put_signed_varint(&mut lanes.plan, delta.low);
                return put_coded(deltas(), coding, delta.low, lanes);
            }
        }
    }
    let coding = plain.coding(all());
    lanes.plan.push(coding);
    put_signed_varint(&mut lanes.plan, plain.low);
    put_coded(all(), coding, plain.low, lanes);
}

/// Writes numbers of which every bit is as good as random.
pub(super) fn put_random(values: &[u8], lanes: &mut Lanes) {
    put_varint(&mut lanes.plan, values.len() as u64);
    if values.is_empty() {
        return;
    }
    let all = || values.iter().map(|value| (*value).into());
    let extent = Extent::of(all());
    lanes.plan.push(extent.bits() as u8);
    put_signed_varint(&mut lanes.plan, extent.low);
    put_coded(all(), extent.bits() as u8, extent.low, lanes);
}

fn put_coded(values: impl Iterator<Item = i64>, coding: u8, base: i64, lanes: &mut Lanes) {
    let values = values.map(|value| value.wrapping_sub(base) as u64);
    match coding {
        0 => {}
        BYTE => lanes.codes.extend(values.map(|value| value as u8)),
        VARINT => {
            let start = lanes.codes.len();
            values.for_each(|value| put_varint(&mut lanes.codes, value));
            let length = (lanes.codes.len() - start) as u64;
            put_varint(&mut lanes.plan, length);
        }
        _ => pack(values, coding.into(), &mut lanes.random),
    }
}

/// Appends the low `bits` of each value, the first value's in the lowest bits.
fn pack(values: impl Iterator<Item = u64>, bits: u32, bytes: &mut Vec<u8>) {
    let (mut word, mut filled) = (0u64, 0);
    for value in values {
        word |= value << filled;
        filled += bits;
        if filled >= 64 {
            bytes.extend_from_slice(&word.to_le_bytes());
            filled -= 64;
            // A shift by 64 is none: then nothing is left over.
            word = value.checked_shr(bits - filled).unwrap_or(0);
        }
    }
    let used = filled.div_ceil(8) as usize;
    bytes.extend_from_slice(word.to_le_bytes().get(..used).unwrap_or_default());
}

/// A column of numbers, read in order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    /// The bit of the data where the next one is.
    at: u64,
    mask: u64,
    base: i64,
    /// The number before, for deltas.
    before: i64,
    /// How many bits each takes, or [`VARINT`].
    bits: u8,
    /// Neither deltas nor varints.
    is_usual: bool,
    is_delta: bool,
    is_begun: bool,
}

impl Numbers {
    /// Reads what is planned, and passes over the column in the data.
    pub(super) fn read(
        plan: &mut Reader<'_>,
        lanes: &mut LanesRead<'_>,
    ) -> Result<Self, DecodeError> {
        let count = plan.length("the length of a column", lanes.raw_bytes)?;
        let mut numbers = Self { is_usual: true, ..Self::default() };
        if count == 0 {
            return Ok(numbers);
        }
        let byte = plan.byte()?;
        let coding = byte & !DELTA;
        numbers.is_delta = byte & DELTA != 0;
        if numbers.is_delta {
            numbers.before = plan.signed_varint()?;
        }
        numbers.base = plan.signed_varint()?;
        numbers.is_usual = !numbers.is_delta && coding != VARINT;
        let coded = count - usize::from(numbers.is_delta);
        let start = match coding {
            0 => 0,
            BYTE => {
                numbers.bits = 8;
                lanes.codes.pass(coded)?
            }
            VARINT => {
                numbers.bits = VARINT;
                let length = plan.length("the length of varints", lanes.raw_bytes)?;
                lanes.codes.pass(length)?
            }
            bits if u32::from(bits) <= BITS_MAX || u32::from(bits) == BITS_WHOLE => {
                numbers.bits = bits;
                lanes.random.pass((coded * usize::from(bits)).div_ceil(8))?
            }
            _ => return Err(plan.malformed("an unknown coding of numbers")),
        };
        numbers.at = 8 * start as u64;
        let unused = 64u32.saturating_sub(numbers.bits.into());
        numbers.mask = u64::MAX.checked_shr(unused).unwrap_or(0);
        Ok(numbers)
    }

    /// The next number; `None` where the data end.
    #[inline]
    pub(super) fn next(&mut self, data: &[u8]) -> Option<i64> {
        if self.is_usual { self.packed(data) } else { self.unusual(data) }
    }

    #[inline]
    fn packed(&mut self, data: &[u8]) -> Option<i64> {
        let word = chunk(data, (self.at / 8) as usize)?;
        let value = u64::from_le_bytes(*word) >> (self.at % 8) & self.mask;
        self.at += u64::from(self.bits);
        Some(self.base.wrapping_add(value as i64))
    }

    #[inline(never)]
    fn unusual(&mut self, data: &[u8]) -> Option<i64> {
        if self.is_delta && !self.is_begun {
            self.is_begun = true;
            return Some(self.before);
        }
        let value = if self.bits == VARINT { self.varint(data)? } else { self.packed(data)? };
        if self.is_delta {
            self.before = self.before.wrapping_add(value);
            return Some(self.before);
        }
        Some(value)
    }

    fn varint(&mut self, data: &[u8]) -> Option<i64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *data.get((self.at / 8) as usize)?;
            self.at += 8;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(self.base.wrapping_add(value as i64));
            }
        }
        None
    }
}
