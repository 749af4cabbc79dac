//! JSON strings as text.
//!
//! Source: RFC 8259, section 7.

use icecore_format::event::json;
use std::borrow::Cow;

/// The text of a JSON string, which has its quotation marks; `None` if an escape is half of a
/// surrogate pair, which is no character.
pub(super) fn unquote(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, after) = unescape(escape)?;
        text.push(character);
        rest = after;
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// Whether `text`, which [`unquote`] read from `quoted`, is written as we write it ourselves.
pub(super) fn is_canonical(quoted: &str, text: &str) -> bool {
    // Every escape is longer than its character, and without escapes there is one way to write.
    if quoted.len() == text.len() + 2 {
        return true;
    }
    let mut canonical = Vec::with_capacity(quoted.len());
    json::put_string(&mut canonical, text);
    canonical == quoted.as_bytes()
}

/// The character of an escape whose backslash was taken, and what follows it.
fn unescape(escape: &str) -> Option<(char, &str)> {
    let letter = escape.chars().next()?;
    let rest = escape.get(letter.len_utf8()..)?;
    let character = match letter {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unescape_unit(rest),
        _ => letter,
    };
    Some((character, rest))
}

/// The same for `\u`: one UTF-16 unit, or two that are a surrogate pair.
fn unescape_unit(digits: &str) -> Option<(char, &str)> {
    let (unit, rest) = take_unit(digits)?;
    if let Some(character) = char::from_u32(unit) {
        return Some((character, rest));
    }
    let (low, rest) = take_unit(rest.strip_prefix("\\u")?)?;
    let is_pair = (0xd800..0xdc00).contains(&unit) && (0xdc00..0xe000).contains(&low);
    let character = is_pair.then(|| 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?;
    Some((char::from_u32(character)?, rest))
}

fn take_unit(digits: &str) -> Option<(u32, &str)> {
    let (unit, rest) = digits.split_at_checked(4)?;
    Some((u32::from_str_radix(unit, 16).ok()?, rest))
}
