//! JSON text as we write it ourselves.
//!
//! Format: docs/format.md, "Templates". Source: RFC 8259.

use crate::columns::hex;

/// Appends `text` as a JSON string with the fewest escapes: quotation mark, backslash and control
/// characters, the latter by letter where there is one and else as `\u00xx` in lower case.
pub fn put_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, escaped) = rest.split_at(plain_length(rest));
        bytes.extend_from_slice(plain);
        let Some((&byte, after)) = escaped.split_first() else { break };
        put_escape(bytes, byte);
        rest = after;
    }
    bytes.push(b'"');
}

/// How many bytes at the start of `bytes` need no escape in a JSON string: sixteen at a time, by
/// the bit tricks of <https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord>.
#[inline]
pub fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u128 = u128::MAX / 0xff;
    const HIGHS: u128 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<16>();
    for (index, word) in words.iter().enumerate() {
        let word = u128::from_le_bytes(*word);
        // This swaps control characters among themselves, and puts the quotation mark after them.
        let controls_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
        let backslash = (word ^ (ONES * u128::from(b'\\'))).wrapping_sub(ONES);
        // The lowest bit set is exact: a borrow reaches only bytes above a true hit.
        let hits = (controls_or_quote | backslash) & !word & HIGHS;
        if hits != 0 {
            return index * 16 + hits.trailing_zeros() as usize / 8;
        }
    }
    let plain = rest.iter().take_while(|byte| !needs_escape(**byte));
    words.len() * 16 + plain.count()
}

/// Whether a byte of UTF-8 text cannot stand in a JSON string as it is.
pub fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(bytes: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            bytes.extend_from_slice(b"\\u00");
            bytes.push(HEX[usize::from(byte >> 4)]);
            bytes.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    bytes.extend_from_slice(&[b'\\', letter]);
}

/// Appends a number in decimal digits.
pub fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    bytes.extend_from_slice(&digits[at..]);
}

/// Appends a UUID as 32 lower-case digits in the usual groups.
pub fn put_uuid(bytes: &mut Vec<u8>, uuid: &[u8; 16]) {
    bytes.extend_from_slice(&hex::spell_uuid(u128::from_be_bytes(*uuid)));
}

/// The UUID that [`put_uuid`] writes as `text`; `None` for any other spelling.
pub fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let has_length = text.len() == hex::UUID_TEXT_BYTES;
    has_length.then(|| hex::parse_uuid(text, 0, text.len()))?.map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests;
