//! JSON as PostgreSQL prints it after keeping it as `jsonb`, so that what is sent is what is read
//! back: members sorted, by length and then by bytes; the last of equal ones; numbers without
//! exponents; the fewest escapes.
//!
//! Source: <https://www.postgresql.org/docs/current/datatype-json.html>, and of the details
//! `jsonb_util.c` (`lengthCompareJsonbStringValue`), `json.c` (`escape_json`) and `numeric.c`.

use icecore_format::event::json::put_string;
use std::collections::BTreeMap;

/// How deep values may be in values; PostgreSQL's own limit is its stack, far below this many.
const DEPTH_MAX: usize = 1000;

/// Digits of a number without its exponent, at most: PostgreSQL has a limit in this range.
const DIGITS_MAX: usize = 150_000;

const NO_JSON: &str = "is no JSON";
const BAD_NUMBER: &str = "has a number beyond those of PostgreSQL";

/// Appends `json` as PostgreSQL would print it. An error says what is wrong with it.
pub(super) fn put(json: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let text = std::str::from_utf8(json).map_err(|_| NO_JSON)?;
    let mut parser = Parser { rest: text.trim_start_matches(SPACES) };
    parser.value(out, 0)?;
    if parser.rest.is_empty() { Ok(()) } else { Err(NO_JSON) }
}

const SPACES: [char; 4] = [' ', '\t', '\n', '\r'];

struct Parser<'a> {
    /// What follows, without spaces before it.
    rest: &'a str,
}

impl Parser<'_> {
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
        if depth > DEPTH_MAX {
            return Err("has values nested deeper than 1000 times");
        }
        match self.rest.bytes().next() {
            Some(b'{') => self.object(out, depth),
            Some(b'[') => self.array(out, depth),
            Some(b'"') => {
                put_string(out, &self.string()?);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(out),
            _ => {
                let words = ["true", "false", "null"];
                let word = words.iter().find(|word| self.take(word)).ok_or(NO_JSON)?;
                out.extend_from_slice(word.as_bytes());
                Ok(())
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
        let mut members = BTreeMap::new();
        self.require("{")?;
        while !self.take("}") {
            if !members.is_empty() {
                self.require(",")?;
            }
            if !self.rest.starts_with('"') {
                return Err(NO_JSON);
            }
            let name = self.string()?;
            self.require(":")?;
            let mut value = Vec::new();
            self.value(&mut value, depth + 1)?;
            members.insert((name.len(), name), value);
        }
        out.push(b'{');
        for (index, ((_, name), value)) in members.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            put_string(out, name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
        }
        out.push(b'}');
        Ok(())
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
        self.require("[")?;
        out.push(b'[');
        let mut is_first = true;
        while !self.take("]") {
            if !std::mem::take(&mut is_first) {
                self.require(",")?;
                out.extend_from_slice(b", ");
            }
            self.value(out, depth + 1)?;
        }
        out.push(b']');
        Ok(())
    }

    /// The text that a string stands for.
    fn string(&mut self) -> Result<String, &'static str> {
        let bytes = self.rest.as_bytes();
        let mut end = 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => return Err(NO_JSON),
            }
        }
        let (string, rest) = self.rest.split_at_checked(end + 1).ok_or(NO_JSON)?;
        self.rest = rest.trim_start_matches(SPACES);
        let text: String = serde_json::from_str(string).map_err(|_| NO_JSON)?;
        if text.contains('\0') {
            return Err("has a zero character, which PostgreSQL's jsonb cannot have");
        }
        Ok(text)
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let is_of_number =
            |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.bytes().take_while(|byte| is_of_number(*byte)).count();
        let (number, rest) = self.rest.split_at_checked(length).ok_or(NO_JSON)?;
        self.rest = rest.trim_start_matches(SPACES);
        // Its grammar is checked by a parser that skips values.
        serde_json::from_str::<serde::de::IgnoredAny>(number).map_err(|_| NO_JSON)?;
        put_number(number, out)
    }

    fn take(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest.trim_start_matches(SPACES);
                true
            }
            None => false,
        }
    }

    fn require(&mut self, word: &str) -> Result<(), &'static str> {
        if self.take(word) { Ok(()) } else { Err(NO_JSON) }
    }
}

/// A number without its exponent, with the digits after the point that it was given.
fn put_number(number: &str, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let (is_negative, number) = match number.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, number),
    };
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let exponent: isize = exponent.parse().map_err(|_| BAD_NUMBER)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if exponent.unsigned_abs() > DIGITS_MAX || digits.len() > DIGITS_MAX {
        return Err(BAD_NUMBER);
    }
    let is_zero = digits.bytes().all(|digit| digit == b'0');
    // Where the point is, counted from before the first digit.
    let point = whole.len() as isize + exponent;
    let digit = |at: isize| {
        let found = usize::try_from(at).ok().and_then(|at| digits.as_bytes().get(at));
        found.copied().unwrap_or(b'0')
    };
    if is_negative && !is_zero {
        out.push(b'-');
    }
    let first = (0..point).find(|at| digit(*at) != b'0');
    match first {
        Some(first) => out.extend((first..point).map(digit)),
        None => out.push(b'0'),
    }
    let scale = fraction.len() as isize - exponent;
    if scale > 0 {
        out.push(b'.');
        out.extend((point..point + scale).map(digit));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
