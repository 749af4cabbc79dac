//! Whether a step fits what stands in a document, and what its value is there.

use super::hex::{UUID_TEXT_BYTES, parse_uuid, parse8};
use super::kind::Kind;
use super::scan::{self, MASKS, digits, is_string_end, load8, load16, string_end};
use super::slot::Slot;
use super::steps::StepId;
use super::store::Columns;
use super::token::text_end;
use crate::event::time_text;

/// Where a document is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    pub(super) at: usize,
    pub(super) end: usize,
    /// The event's time, in nanoseconds since 1970, or 0.
    pub(super) event_time: i64,
    /// The same in milliseconds.
    pub(super) event_millis: i64,
}

/// What a walk looks at of a step: a run of bytes, then a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The run's first bytes, and where all of it is.
    pub(super) literal: [u64; 2],
    pub(super) literal_at: u32,
    pub(super) literal_bytes: u16,
    pub(super) column: u16,
    pub(super) slot: Slot,
    pub(super) is_inside: bool,
    /// Whether texts fit that look like something else.
    pub(super) is_any_text: bool,
    /// Whether more than one step follows.
    pub(super) is_fork: bool,
    /// The choice of last time, and the step that it is.
    pub(super) choice: u8,
    pub(super) next: StepId,
    /// How often the walk went on while there was no choice.
    pub(super) passes: u32,
}

/// [`take_inline`], as a call.
#[inline(never)]
pub(super) fn take(
    step: &Step,
    literals: &[u8],
    raw: &[u8],
    at: usize,
    document: &Document,
    columns: &mut Columns,
) -> Option<usize> {
    take_inline(step, literals, raw, at, document, columns)
}

/// Where the document goes on if it goes on with this step, whose value is then in its column.
#[inline(always)]
pub(super) fn take_inline(
    step: &Step,
    literals: &[u8],
    raw: &[u8],
    at: usize,
    document: &Document,
    columns: &mut Columns,
) -> Option<usize> {
    let end = document.end;
    let value = at + usize::from(step.literal_bytes);
    if value > end || !is_literal(step, literals, raw, at) {
        return None;
    }
    match step.slot {
        Slot::Nothing => Some(value),
        Slot::End => (value == end).then_some(end),
        Slot::Rest => {
            columns.text(step.column, raw, value, end - value);
            Some(end)
        }
        Slot::Text => {
            if !step.is_any_text && value < end && raw[value].is_ascii_digit() {
                return None;
            }
            let close = string_end(raw, value, end);
            let after = text_end(raw, value, close);
            if after == value {
                return None;
            }
            columns.text(step.column, raw, value, after - value);
            Some(after)
        }
        Slot::Integer => {
            let (length, number) = digits(raw, value, end);
            let after = value + length;
            if length == 0 || length == scan::DIGITS_MAX || length > 1 && raw[value] == b'0' {
                return None;
            }
            if after < end && is_more(raw[after], step.is_inside) {
                return None;
            }
            columns.number(step.column, number as i64);
            Some(after)
        }
        Slot::Digits(count) => {
            let (length, number) = digits(raw, value, end);
            let after = value + length;
            if length != usize::from(count)
                || step.is_inside && after < end && raw[after].is_ascii_alphabetic()
            {
                return None;
            }
            columns.number(step.column, number as i64);
            Some(after)
        }
        Slot::Decimal(count) => {
            let (length, number, after) = scan::decimal(raw, value, end)?;
            if length != usize::from(count) {
                return None;
            }
            columns.number(step.column, number as i64);
            Some(after)
        }
        Slot::Address => {
            let (address, after) = scan::address(raw, value, end)?;
            if !is_string_end(raw, after, end) {
                return None;
            }
            columns.number(step.column, address.into());
            Some(after)
        }
        Slot::Hex(count) => take_hex(step.column, count.into(), raw, value, end, columns),
        Slot::Time(style) => {
            let close = string_end(raw, value, end.min(value + time_text::BYTES_MAX));
            let (time, found) = time_text::parse(&raw[value..close])?;
            if found != style || !is_string_end(raw, close, end) {
                return None;
            }
            let unit = style.unit();
            let event_time = document.event_time.div_euclid(unit);
            columns.number(step.column, time.0.div_euclid(unit).wrapping_sub(event_time));
            Some(close)
        }
        Slot::Uuid(version) => {
            let uuid = parse_uuid(raw, value, end)?;
            if uuid >> 62 & 3 != 2 || (uuid >> 76) as u8 & 0x0f != version {
                return None;
            }
            columns.uuid(step.column, uuid, document.event_millis);
            Some(value + UUID_TEXT_BYTES)
        }
        Slot::UuidTimed | Slot::UuidOther => {
            let uuid = parse_uuid(raw, value, end)?;
            if Slot::of(Kind::of_uuid(uuid)) != step.slot {
                return None;
            }
            columns.uuid(step.column, uuid, document.event_millis);
            Some(value + UUID_TEXT_BYTES)
        }
    }
}

fn take_hex(
    column: u16,
    count: usize,
    raw: &[u8],
    at: usize,
    end: usize,
    columns: &mut Columns,
) -> Option<usize> {
    let after = at + 2 * count;
    if after > end || after < end && matches!(raw[after], b'0'..=b'9' | b'a'..=b'f') {
        return None;
    }
    let mut bytes = [0; 256];
    for (group, to) in bytes[..count.next_multiple_of(4)].chunks_exact_mut(4).enumerate() {
        let from = at + 8 * group;
        let text = if from + 8 <= after {
            load8(raw, from)
        } else {
            // Digits 0 stand for those behind the end.
            let used = 8 * (after - from) as u32;
            let zeros = 0x3030_3030_3030_3030;
            load8(raw, from) & !(u64::MAX << used) | zeros << used
        };
        to.copy_from_slice(&parse8(text)?.to_be_bytes());
    }
    columns.bytes(column, &bytes[..count]);
    Some(after)
}

/// Whether a number goes on after its digits, so that they are no integer.
#[inline]
fn is_more(byte: u8, is_inside: bool) -> bool {
    if is_inside { byte.is_ascii_alphabetic() } else { byte == b'.' }
}

#[inline(always)]
fn is_literal(step: &Step, literals: &[u8], raw: &[u8], at: usize) -> bool {
    let length = usize::from(step.literal_bytes);
    let literal = u128::from(step.literal[0]) | u128::from(step.literal[1]) << 64;
    let first = literal ^ load16(raw, at);
    if length <= 16 {
        return first & MASKS[length] == 0;
    }
    let start = step.literal_at as usize;
    if length <= 32 {
        let second = load16(literals, start + 16) ^ load16(raw, at + 16);
        first == 0 && second & MASKS[length - 16] == 0
    } else {
        first == 0 && literals.get(start..start + length) == raw.get(at..at + length)
    }
}
