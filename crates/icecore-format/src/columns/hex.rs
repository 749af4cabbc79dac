//! Hexadecimal digits, eight at a time, and UUIDs without the bits that say what they are.

use super::scan::{chunk, load8};

const ONES: u64 = 0x0101_0101_0101_0101;

/// The number that eight lower-case digits spell, the first one highest.
#[inline]
pub(super) fn parse8(digits: u64) -> Option<u32> {
    let nibbles = (digits & (ONES * 0x0f)).wrapping_add((digits >> 6 & ONES) * 9);
    // Spelling them again tells other characters from digits.
    if spell(nibbles & (ONES * 0x0f)) != digits {
        return None;
    }
    let bytes = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    Some(((pairs | pairs >> 16) as u32).swap_bytes())
}

/// Eight lower-case digits, as a little-endian word.
#[inline]
pub(super) fn spell8(value: u32) -> u64 {
    let pairs = u64::from(value.swap_bytes());
    let pairs = (pairs | pairs << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    spell((bytes >> 4 | bytes << 8) & (ONES * 0x0f))
}

/// The digits of eight numbers below 16.
#[inline]
fn spell(nibbles: u64) -> u64 {
    let letters = (nibbles + ONES * 6) >> 4 & ONES;
    nibbles + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'0' - 10)
}

/// Length of a UUID in its usual spelling, in bytes.
pub(crate) const UUID_TEXT_BYTES: usize = 36;

/// The UUID in its usual spelling, in lower case, at `at` and before `end`.
#[inline]
pub(crate) fn parse_uuid(bytes: &[u8], at: usize, end: usize) -> Option<u128> {
    if end.saturating_sub(at) < UUID_TEXT_BYTES {
        return None;
    }
    let text: &[u8; UUID_TEXT_BYTES] = chunk(bytes, at)?;
    if [text[8], text[13], text[18], text[23]] != [b'-'; 4] {
        return None;
    }
    let low = |at| load8(text, at) & 0xffff_ffff;
    let parts = [
        parse8(load8(text, 0))?,
        parse8(low(9) | load8(text, 14) << 32)?,
        parse8(low(19) | load8(text, 24) << 32)?,
        parse8(load8(text, 28))?,
    ];
    Some(parts.into_iter().fold(0, |uuid, part| uuid << 32 | u128::from(part)))
}

/// The usual spelling, in lower case.
#[inline]
pub(crate) fn spell_uuid(uuid: u128) -> [u8; UUID_TEXT_BYTES] {
    let part = |shift| spell8((uuid >> shift) as u32).to_le_bytes();
    let (first, second, third, last) = (part(96), part(64), part(32), part(0));
    let mut text = [b'-'; UUID_TEXT_BYTES];
    text[..8].copy_from_slice(&first);
    text[9..13].copy_from_slice(&second[..4]);
    text[14..18].copy_from_slice(&second[4..]);
    text[19..23].copy_from_slice(&third[..4]);
    text[24..28].copy_from_slice(&third[4..]);
    text[28..].copy_from_slice(&last);
    text
}

/// The version of a UUID of RFC 9562's variant; `None` for other variants.
#[inline]
pub(super) fn version(uuid: u128) -> Option<u8> {
    (uuid >> 62 & 3 == 2).then_some((uuid >> 76) as u8 & 0x0f)
}

/// The 122 bits beside version and variant.
#[inline]
pub(super) fn without_version(uuid: u128) -> u128 {
    (uuid >> 80) << 74 | (uuid >> 64 & 0x0fff) << 62 | uuid & LOW_62
}

/// The UUID of `version` with these 122 bits.
#[inline]
pub(super) fn with_version(bits: u128, version: u8) -> u128 {
    (bits >> 74) << 80
        | u128::from(version) << 76
        | (bits >> 62 & 0x0fff) << 64
        | 2 << 62
        | bits & LOW_62
}

const LOW_62: u128 = (1 << 62) - 1;
