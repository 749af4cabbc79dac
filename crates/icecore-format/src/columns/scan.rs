//! Looking through bytes eight and sixteen at a time.
//!
//! Source of the tricks with eight bytes in a word: Anderson, "Bit Twiddling Hacks"; Lemire,
//! "Quickly parsing eight digits".

/// Most digits of one number: what fits 63 bits with room to spare.
pub(super) const DIGITS_MAX: usize = 18;

/// The `N` bytes at `at`, which is below 2^32: known not to overflow, that is one comparison.
#[inline(always)]
pub(super) fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    let at = at & 0xffff_ffff;
    bytes.get(at..at + N)?.first_chunk()
}

/// As [`chunk`], to be written.
#[inline(always)]
pub(super) fn chunk_mut<const N: usize>(bytes: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    let at = at & 0xffff_ffff;
    bytes.get_mut(at..at + N)?.first_chunk_mut()
}

/// The eight bytes at `at`, little-endian; zeros stand for those beyond the end.
#[inline(always)]
pub(super) fn load8(bytes: &[u8], at: usize) -> u64 {
    match chunk(bytes, at) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => load_end(bytes, at) as u64,
    }
}

/// The sixteen bytes at `at`, as [`load8`].
#[inline(always)]
pub(super) fn load16(bytes: &[u8], at: usize) -> u128 {
    match chunk(bytes, at) {
        Some(chunk) => u128::from_le_bytes(*chunk),
        None => load_end(bytes, at),
    }
}

#[cold]
fn load_end(bytes: &[u8], at: usize) -> u128 {
    let mut chunk = [0; 16];
    for (to, from) in chunk.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    u128::from_le_bytes(chunk)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the string goes on to whose content is at `from`: its closing quotation mark, or `end`.
#[inline(always)]
pub(super) fn string_end(bytes: &[u8], from: usize, end: usize) -> usize {
    // Most strings are short: a call costs more than a word.
    let found = quote_in(load8(bytes, from));
    if found == 8 {
        return string_end_from(bytes, from, 8, end);
    }
    let quote = from + found;
    if found > 0 && bytes.get(quote - 1) == Some(&b'\\') {
        return long_string_end(bytes, from, end);
    }
    quote.min(end)
}

/// Where the first quotation mark is in eight bytes; 8 if there is none.
#[inline(always)]
fn quote_in(word: u64) -> usize {
    let other = word ^ (ONES * u64::from(b'"'));
    let zeros = other.wrapping_sub(ONES) & !other & HIGHS;
    (zeros.trailing_zeros() / 8) as usize
}

/// [`string_end`] of a string in whose first `known` bytes there is no quotation mark.
#[inline(never)]
fn string_end_from(bytes: &[u8], from: usize, known: usize, end: usize) -> usize {
    let mut at = from + known;
    for _ in 0..4 {
        let found = quote_in(load8(bytes, at));
        if found < 8 {
            if bytes.get(at + found - 1) == Some(&b'\\') {
                break;
            }
            return (at + found).min(end);
        }
        at += 8;
    }
    long_string_end(bytes, from, end)
}

#[inline(never)]
fn long_string_end(bytes: &[u8], from: usize, end: usize) -> usize {
    let content = bytes.get(from..end).unwrap_or_default();
    let mut quotes = memchr::memchr_iter(b'"', content);
    quotes.find(|quote| !is_escaped(content, *quote)).map_or(end, |quote| from + quote)
}

/// Whether an odd number of backslashes stands before `at`.
fn is_escaped(content: &[u8], at: usize) -> bool {
    let before = content.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// How many decimal digits stand at `at` before `end`, at most [`DIGITS_MAX`], and their value.
#[inline(always)]
pub(super) fn digits(bytes: &[u8], at: usize, end: usize) -> (usize, u64) {
    let most = end.saturating_sub(at);
    let word = load8(bytes, at) ^ (ONES * u64::from(b'0'));
    let count = digits_in(word).min(most);
    let value = value_of(word, count);
    if count < 8 { (count, value) } else { more_digits(bytes, at, most, value) }
}

/// How many of the first bytes of a word are below 10.
#[inline(always)]
fn digits_in(word: u64) -> usize {
    let others = (word.wrapping_add(ONES * 0x76) | word) & HIGHS;
    (others.trailing_zeros() / 8) as usize
}

/// The number whose digits are the first `count` bytes of a word, at most 8.
#[inline(always)]
fn value_of(word: u64, count: usize) -> u64 {
    // The digits move to the end of a word whose other digits are 0.
    let word = word.checked_shl(64 - 8 * count as u32).unwrap_or(0);
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}

#[inline(never)]
fn more_digits(bytes: &[u8], at: usize, most: usize, first: u64) -> (usize, u64) {
    let most = most.min(DIGITS_MAX);
    let (mut length, mut value) = (8, first);
    loop {
        let word = load8(bytes, at + length) ^ (ONES * u64::from(b'0'));
        let count = digits_in(word).min(most - length);
        value = value * POWERS_OF_TEN[count] + value_of(word, count);
        length += count;
        if count < 8 {
            return (length, value);
        }
    }
}

/// The eight decimal digits of a number below 10^8, as a little-endian word.
#[inline]
pub(super) fn spell8(value: u32) -> u64 {
    let halves = u64::from(value / 10_000) | u64::from(value % 10_000) << 32;
    let hundreds = (halves.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | (halves - 100 * hundreds) << 16;
    let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    (tens | (pairs - 10 * tens) << 8) + ONES * u64::from(b'0')
}

/// A number with decimal digits behind its point at `at` before `end`: how many digits those are,
/// the number without its point, and where it ends.
#[inline]
pub(super) fn decimal(bytes: &[u8], at: usize, end: usize) -> Option<(usize, u64, usize)> {
    let (whole_length, whole) = digits(bytes, at, end);
    let point = at + whole_length;
    if whole_length == 0 || point >= end || bytes.get(point) != Some(&b'.') {
        return None;
    }
    let (length, fraction) = digits(bytes, point + 1, end);
    let is_usual = whole_length == 1 || bytes.get(at) != Some(&b'0');
    let fits = length > 0 && whole_length + length < DIGITS_MAX;
    (is_usual && fits)
        .then(|| (length, whole * POWERS_OF_TEN[length] + fraction, point + 1 + length))
}

/// The address of IP version 4 at `at` before `end`, and where it ends.
#[inline]
pub(super) fn address(bytes: &[u8], at: usize, end: usize) -> Option<(u32, usize)> {
    let (mut at, mut address) = (at, 0);
    for part in 0..4 {
        if part > 0 {
            if at >= end || bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let word = load8(bytes, at) ^ (ONES * u64::from(b'0'));
        let length = digits_in(word).min(end - at);
        let number = value_of(word, length);
        if length == 0 || number > 255 || (length > 1 && bytes.get(at) == Some(&b'0')) {
            return None;
        }
        address = address << 8 | number as u32;
        at += length;
    }
    Some((address, at))
}

/// Whether a string ends at `at`.
#[inline(always)]
pub(super) fn is_string_end(bytes: &[u8], at: usize, end: usize) -> bool {
    at == end || bytes.get(at) == Some(&b'"')
}

pub(super) const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 1;
    while at < 20 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Hashes the `length` bytes at `at`: equal bytes alike, different ones apart but by chance.
#[inline]
pub(super) fn hash(bytes: &[u8], at: usize, length: usize, seed: u64) -> u64 {
    // Small seeds are spread over all bits, since what differs in bytes must not make up for what
    // differs in seeds.
    let mut state = seed.wrapping_mul(0xe703_7ed1_a0b4_28db)
        ^ (length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (mut at, mut rest) = (at, length);
    while rest > 16 {
        let word = load16(bytes, at);
        state = fold(state ^ word as u64, word.rotate_left(64) as u64 ^ 0xd6e8_feb8_6659_fd93);
        at += 16;
        rest -= 16;
    }
    let word = load16(bytes, at) & MASKS[rest];
    fold(
        fold(state ^ word as u64, (word >> 64) as u64 ^ 0xd6e8_feb8_6659_fd93),
        0xa076_1d64_78bd_642f ^ state,
    )
}

#[inline]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The first bytes of a little-endian word.
pub(super) const MASKS: [u128; 17] = {
    let mut masks = [u128::MAX; 17];
    let mut at = 0;
    while at < 16 {
        masks[at] = (1 << (8 * at)) - 1;
        at += 1;
    }
    masks
};
