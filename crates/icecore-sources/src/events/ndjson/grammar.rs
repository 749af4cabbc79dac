//! The grammar of JSON: where the tokens and values of a text end.
//!
//! Each begins where the one before ends. That chain is what reading waits for, so places go from
//! function to function as numbers that stay in registers.

#![allow(clippy::inline_always, reason = "measured: a call that is not inlined returns in memory")]

use super::is_space;
use super::nesting::Nesting;
use icecore_format::event::json::plain_length;

/// Where text stops being JSON, and what should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where, in bytes from the start.
    pub(super) at: usize,
    /// What is expected there, or wrong.
    pub(super) what: &'static str,
}

/// Where the value at `at` ends, with all that is in it. Nothing is open before and after.
pub(super) fn value_end(bytes: &[u8], mut at: usize, nesting: &mut Nesting) -> Result<usize, Flaw> {
    loop {
        match bytes.get(at) {
            Some(b'"') => at = string_end(bytes, at + 1)?,
            Some(b'{') => {
                at = space_end(bytes, at + 1);
                if bytes.get(at) != Some(&b'}') {
                    nesting.push(true);
                    at = name_end(bytes, at, "expected a member's name or a closing brace")?;
                    at = colon_end(bytes, at)?;
                    continue;
                }
                at += 1;
            }
            Some(b'[') => {
                at = space_end(bytes, at + 1);
                if bytes.get(at) != Some(&b']') {
                    nesting.push(false);
                    continue;
                }
                at += 1;
            }
            Some(b'-' | b'0'..=b'9') => at = number_end(bytes, at)?,
            Some(b't') => at = word_end(bytes, at, b"true")?,
            Some(b'f') => at = word_end(bytes, at, b"false")?,
            Some(b'n') => at = word_end(bytes, at, b"null")?,
            _ => return Err(Flaw { at, what: "expected a value" }),
        }
        // Closes what ends here, and goes to the next value inside what stays open.
        loop {
            let Some(is_object) = nesting.innermost() else { return Ok(at) };
            at = space_end(bytes, at);
            match (bytes.get(at), is_object) {
                (Some(b','), true) => {
                    at = space_end(bytes, at + 1);
                    at = name_end(bytes, at, "expected a member's name")?;
                    at = colon_end(bytes, at)?;
                    break;
                }
                (Some(b','), false) => {
                    at = space_end(bytes, at + 1);
                    break;
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    at += 1;
                    nesting.pop();
                }
                (_, true) => return Err(Flaw { at, what: "expected a comma or a closing brace" }),
                (_, false) => {
                    return Err(Flaw { at, what: "expected a comma or a closing bracket" });
                }
            }
        }
    }
}

/// Where the white space ends that may stand at `at`.
#[inline]
pub(super) fn space_end(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).copied().is_some_and(is_space) {
        at += 1;
    }
    at
}

/// Where the string at `at` ends; `expected` says what is missing if there is none.
#[inline(always)]
pub(super) fn name_end(bytes: &[u8], at: usize, expected: &'static str) -> Result<usize, Flaw> {
    match bytes.get(at) {
        Some(b'"') => string_end(bytes, at + 1),
        _ => Err(Flaw { at, what: expected }),
    }
}

/// Where the colon after a name ends, and the white space around it.
#[inline(always)]
pub(super) fn colon_end(bytes: &[u8], at: usize) -> Result<usize, Flaw> {
    let at = space_end(bytes, at);
    match bytes.get(at) {
        Some(b':') => Ok(space_end(bytes, at + 1)),
        _ => Err(Flaw { at, what: "expected a colon" }),
    }
}

/// Where the string ends whose content goes on at `at`.
#[inline(always)]
fn string_end(bytes: &[u8], at: usize) -> Result<usize, Flaw> {
    let end = at + plain_length(bytes.get(at..).unwrap_or_default());
    if bytes.get(end) == Some(&b'"') { Ok(end + 1) } else { string_end_after(bytes, end) }
}

/// The same where something else than plain text or the end comes first.
#[inline(never)]
fn string_end_after(bytes: &[u8], mut at: usize) -> Result<usize, Flaw> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape_end(bytes, at + 1)?,
            Some(_) => return Err(Flaw { at, what: "a control character in a string" }),
            None => return Err(Flaw { at, what: "a string that does not end" }),
        }
        at += plain_length(bytes.get(at..).unwrap_or_default());
    }
}

/// Where the escape ends whose backslash stands before `at`.
fn escape_end(bytes: &[u8], at: usize) -> Result<usize, Flaw> {
    match bytes.get(at) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 1),
        Some(b'u') => {
            let digits = bytes.iter().skip(at + 1).take(4);
            match digits.take_while(|digit| digit.is_ascii_hexdigit()).count() {
                4 => Ok(at + 5),
                found => Err(Flaw { at: at + 1 + found, what: "expected four hexadecimal digits" }),
            }
        }
        _ => Err(Flaw { at, what: "an unknown escape" }),
    }
}

fn number_end(bytes: &[u8], at: usize) -> Result<usize, Flaw> {
    let after = |at: usize, byte| at + usize::from(bytes.get(at) == Some(&byte));
    let mut at = after(at, b'-');
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits_end(bytes, at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits_end(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at = if bytes.get(at) == Some(&b'+') { at + 1 } else { after(at, b'-') };
        at = digits_end(bytes, at)?;
    }
    Ok(at)
}

fn digits_end(bytes: &[u8], at: usize) -> Result<usize, Flaw> {
    let digits = bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { Err(Flaw { at, what: "expected a digit" }) } else { Ok(at + digits) }
}

fn word_end(bytes: &[u8], at: usize, word: &[u8]) -> Result<usize, Flaw> {
    match bytes.get(at..) {
        Some(rest) if rest.starts_with(word) => Ok(at + word.len()),
        _ => Err(Flaw { at, what: "expected a value" }),
    }
}
