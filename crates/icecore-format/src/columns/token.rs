//! Where the next value stands in a document of which nothing is known, and of what kind it is.
//!
//! This knows just enough of JSON to find values in it. Whatever it says of whatever bytes, nothing
//! is lost: a poor answer costs bytes.

use super::hex::{UUID_TEXT_BYTES, parse_uuid};
use super::kind::Kind;
use super::scan::{DIGITS_MAX, address, decimal, digits, hash, string_end};
use super::slot::Slot;
use crate::event::time_text;

/// Longest run of bytes before a value, in bytes.
const LITERAL_BYTES_MAX: usize = 192;
/// Longest name of a member that counts as structure, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Fewest digits that count as hexadecimal.
const HEX_DIGITS_MIN: usize = 16;
const HEX_DIGITS_MAX: usize = 510;

/// How far the end of a string is looked for, in bytes: what is longer is text.
const NEAR_BYTES: usize = 600;
/// Most marks between two values in a string.
const MARKS_MAX: usize = 16;
/// Most white space between a name and its colon, in bytes.
const SPACE_BYTES_MAX: usize = 16;

/// A run of bytes that is no value, and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    /// Where the run ends and the value begins.
    pub(super) at: usize,
    /// What follows.
    pub(super) slot: Slot,
    /// Whether what follows that is inside a string.
    pub(super) is_inside: bool,
}

impl Token {
    fn value(at: usize, kind: Kind, is_inside: bool) -> Self {
        Self { at, slot: Slot::of(kind), is_inside }
    }

    fn without_value(at: usize, slot: Slot) -> Self {
        Self { at, slot, is_inside: false }
    }
}

/// The next token of the document that ends at `end`. `name` is a hash of the last member's name,
/// and becomes that of a later one.
pub(super) fn next(raw: &[u8], from: usize, end: usize, is_inside: bool, name: &mut u64) -> Token {
    let mut at = from;
    if is_inside {
        if let Some(token) = in_string(raw, from, end) {
            return token;
        }
        if at < end {
            at += 1;
        }
    }
    while at < end {
        if at - from > LITERAL_BYTES_MAX {
            return Token::without_value(at, Slot::Nothing);
        }
        match raw[at] {
            b'"' => {
                let close = near_string_end(raw, at + 1, end);
                if is_name(raw, at + 1, close, end) {
                    *name = hash(raw, at + 1, close - at - 1, 0);
                    at = close + 1;
                } else if close == at + 1 {
                    at = (close + 1).min(end);
                } else if let Some(token) = in_string(raw, at + 1, end) {
                    return token;
                } else {
                    return Token::without_value(at, Slot::Rest);
                }
            }
            b'0'..=b'9' => return Token::value(at, number(raw, at, end), false),
            b't' | b'f' | b'n' => {
                let word = [b"true".as_slice(), b"false", b"null"]
                    .into_iter()
                    .find(|word| raw[at..end].starts_with(word));
                return match word {
                    Some(word) => Token::without_value(at + word.len(), Slot::Nothing),
                    None => Token::without_value(at, Slot::Rest),
                };
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'-'
            // A control character is a length before a further member, for one.
            | b'+' | b'.' | b'e' | b'E' | 0..0x20 => at += 1,
            _ => return Token::without_value(at, Slot::Rest),
        }
    }
    Token::without_value(end, Slot::End)
}

/// The kind of the number at `at`, or of its first digits.
fn number(raw: &[u8], at: usize, end: usize) -> Kind {
    if let Some((count, ..)) = decimal(raw, at, end) {
        return Kind::Decimal(count as u8);
    }
    let (length, _) = digits(raw, at, end);
    let after = at + length;
    let has_point = after < end && raw[after] == b'.';
    if has_point || length == DIGITS_MAX || (length > 1 && raw[at] == b'0') {
        Kind::Digits(length as u8)
    } else {
        Kind::Integer
    }
}

fn near_string_end(raw: &[u8], from: usize, end: usize) -> usize {
    string_end(raw, from, end.min(from + NEAR_BYTES))
}

/// Whether the string from `at` to `close` names a member that others have too.
fn is_name(raw: &[u8], at: usize, close: usize, end: usize) -> bool {
    if close >= end || close - at > NAME_BYTES_MAX || raw[at].is_ascii_digit() {
        return false;
    }
    let after =
        raw[close + 1..end].iter().take(SPACE_BYTES_MAX).find(|byte| !byte.is_ascii_whitespace());
    after == Some(&b':') && parse_uuid(raw, at, close).is_none()
}

/// The next value inside a string; `None` at its end.
fn in_string(raw: &[u8], from: usize, end: usize) -> Option<Token> {
    let close = near_string_end(raw, from, end);
    if close == from {
        return None;
    }
    let marks = raw[from..close].iter().take(MARKS_MAX).take_while(|byte| is_mark(**byte)).count();
    let typed = [from, from + marks].into_iter().find_map(|at| {
        let kind = kind_in_string(raw, at, close)?;
        Some(Token::value(at, kind, true))
    });
    Some(typed.unwrap_or(Token::value(from, Kind::Text, true)))
}

fn is_mark(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_alphanumeric() && byte != b'\\' || byte == b' '
}

/// The kind of what stands at `at` in a string that ends at `close`; `None` for text.
fn kind_in_string(raw: &[u8], at: usize, close: usize) -> Option<Kind> {
    let ends_at = |at: usize| at >= close || !raw[at].is_ascii_alphanumeric();
    if let Some(uuid) = parse_uuid(raw, at, close)
        && ends_at(at + UUID_TEXT_BYTES)
    {
        return Some(Kind::of_uuid(uuid));
    }
    if let Some((_, style)) = time_text::parse(&raw[at..close]) {
        return Some(Kind::Time(style));
    }
    if address(raw, at, close).is_some_and(|(_, stop)| stop == close) {
        return Some(Kind::Address);
    }
    let is_hex = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let run = raw[at..close].iter().take(HEX_DIGITS_MAX + 1).take_while(is_hex).count();
    let is_number = raw[at..at + run].iter().all(u8::is_ascii_digit);
    if !is_number
        && (HEX_DIGITS_MIN..=HEX_DIGITS_MAX).contains(&run)
        && run.is_multiple_of(2)
        && ends_at(at + run)
    {
        return Some(Kind::Hex((run / 2) as u8));
    }
    let (length, _) = digits(raw, at, close);
    let after = raw.get(at + length).filter(|_| at + length < close);
    if length == 0 || after.is_some_and(u8::is_ascii_alphabetic) {
        None
    } else if length == DIGITS_MAX || (length > 1 && raw[at] == b'0') {
        Some(Kind::Digits(length as u8))
    } else {
        Some(Kind::Integer)
    }
}

/// Where the text ends that begins at `at`, in a string that ends at `close`: before a UUID or
/// digits at the string's end.
#[inline(always)]
pub(super) fn text_end(raw: &[u8], at: usize, close: usize) -> usize {
    if close - at >= UUID_TEXT_BYTES {
        let start = close - UUID_TEXT_BYTES;
        if raw[start + 8] == b'-' && raw[start + 13] == b'-' && is_uuid_apart(raw, at, start) {
            return start;
        }
    }
    if close == at || !raw[close - 1].is_ascii_digit() {
        return close;
    }
    before_digits(raw, at, close)
}

#[inline(never)]
fn is_uuid_apart(raw: &[u8], at: usize, start: usize) -> bool {
    let is_apart = start == at || !raw[start - 1].is_ascii_alphanumeric();
    is_apart && parse_uuid(raw, start, start + UUID_TEXT_BYTES).is_some()
}

#[inline(never)]
fn before_digits(raw: &[u8], at: usize, close: usize) -> usize {
    let last = raw[at..close].iter().rev().take(DIGITS_MAX + 1);
    let count = last.take_while(|byte| byte.is_ascii_digit()).count();
    if count > DIGITS_MAX { close } else { close - count }
}
