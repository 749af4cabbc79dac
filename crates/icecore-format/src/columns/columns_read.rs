//! Columns while they are read: each has its place in every lane.

use super::Fields;
use super::hex;
use super::kind::Kind;
use super::lanes::LanesRead;
use super::numbers::Numbers;
use super::output::Output;
use super::scan::chunk;
use super::store::{ENTRIES_MAX, ENTRY_BYTES_MAX, NO_CODE};
use crate::event::time_text;
use crate::record::{DecodeError, Reader};
use crate::time::Timestamp;

/// Most columns of a block beside those that every block has.
const COLUMNS_MAX: usize = 1 << 15;

/// A column that is read, beside its numbers.
#[derive(Clone, Copy, Debug)]
struct Column {
    kind: Kind,
    /// The first of its numbers, in the list of all.
    numbers: u32,
    /// Where the next value is in the text or in the data.
    at: u32,
    codes: u32,
    codes_end: u32,
    /// Its texts that have a code, in the list of all.
    entries: u32,
    entries_count: u8,
}

/// All columns of a block, and what they share.
#[derive(Debug, Default)]
pub(super) struct ColumnsRead {
    columns: Vec<Column>,
    numbers: Vec<Numbers>,
    /// Texts that have a code: where, and how long.
    entries: Vec<(u32, u32)>,
    uuids: Vec<u128>,
}

impl ColumnsRead {
    /// Reads what is planned.
    pub(super) fn read(
        &mut self,
        plan: &mut Reader<'_>,
        lanes: &mut LanesRead<'_>,
    ) -> Result<(), DecodeError> {
        self.uuids.clear();
        self.columns.clear();
        self.numbers.clear();
        self.entries.clear();
        let count = plan.length("the number of columns", COLUMNS_MAX)?;
        for kind in Fields::KINDS {
            let column = self.column(kind, plan, lanes)?;
            self.columns.push(column);
        }
        for _ in 0..count {
            let kind = Kind::from_bytes(plan.array()?)
                .ok_or_else(|| plan.malformed("an unknown kind of column"))?;
            let column = self.column(kind, plan, lanes)?;
            self.columns.push(column);
        }
        Ok(())
    }

    fn column(
        &mut self,
        kind: Kind,
        plan: &mut Reader<'_>,
        lanes: &mut LanesRead<'_>,
    ) -> Result<Column, DecodeError> {
        let most = lanes.raw_bytes;
        let mut column = Column {
            kind,
            numbers: self.numbers.len() as u32,
            at: 0,
            codes: 0,
            codes_end: 0,
            entries: self.entries.len() as u32,
            entries_count: 0,
        };
        if kind == Kind::Text {
            let codes = plan.length("the number of codes", most)?;
            column.codes = lanes.codes.pass(codes)? as u32;
            column.codes_end = column.codes + codes as u32;
            // No more texts get a code than there are codes.
            self.entries.resize(self.entries.len() + codes.min(ENTRIES_MAX), (0, 0));
            let bytes = plan.length("the length of text", most)?;
            column.at = lanes.text.pass(bytes)? as u32;
        }
        let numbers = match kind {
            Kind::Hex(_) => 0,
            Kind::UuidTimed => 3,
            Kind::Uuid(_) => 2,
            _ => 1,
        };
        for _ in 0..numbers {
            self.numbers.push(Numbers::read(plan, lanes)?);
        }
        if !kind.is_number() && kind != Kind::Text {
            let bytes = plan.length("the length of a column", most)?;
            column.at = lanes.random.pass(bytes)? as u32;
        }
        Ok(column)
    }

    /// What a step needs to know of a column, if there is such a column: its kind, and its number
    /// or that of its numbers if it has nothing else.
    pub(super) fn place(&self, column: usize) -> Option<(Kind, u32)> {
        let found = self.columns.get(column)?;
        Some((found.kind, if found.kind.is_number() { found.numbers } else { column as u32 }))
    }

    /// The next number of a column that every block has.
    #[inline]
    pub(super) fn number(&mut self, column: u16, lanes: &LanesRead<'_>) -> Option<i64> {
        let first = self.columns.get(usize::from(column))?.numbers;
        self.next(first, lanes)
    }

    #[inline]
    fn next(&mut self, numbers: u32, lanes: &LanesRead<'_>) -> Option<i64> {
        self.numbers.get_mut(numbers as usize)?.next(lanes.data)
    }

    /// Appends the next text of a column, and its length before it if that is wanted; its code.
    #[inline]
    pub(super) fn text(
        &mut self,
        column: u16,
        has_length: bool,
        lanes: &LanesRead<'_>,
        output: &mut Output<'_>,
    ) -> Option<u8> {
        let column = self.columns.get_mut(usize::from(column))?;
        let is_coded = column.codes < column.codes_end;
        if is_coded {
            let code = *lanes.data.get(column.codes as usize)?;
            column.codes += 1;
            if code != NO_CODE {
                if code >= column.entries_count {
                    return None;
                }
                let (at, length) =
                    *self.entries.get(column.entries as usize + usize::from(code))?;
                if has_length {
                    output.varint(length.into())?;
                }
                output.put_from(lanes.text_bytes, at as usize, length as usize)?;
                return Some(code);
            }
        }
        let length = self.numbers.get_mut(column.numbers as usize)?.next(lanes.data)?;
        let length = usize::try_from(length).ok()?;
        let at = column.at;
        if has_length {
            output.varint(length as u64)?;
        }
        output.put_from(lanes.text_bytes, at as usize, length)?;
        column.at = u32::try_from(at as usize + length).ok()?;
        if is_coded && length <= ENTRY_BYTES_MAX && usize::from(column.entries_count) < ENTRIES_MAX
        {
            let code = column.entries_count;
            let place = self.entries.get_mut(column.entries as usize + usize::from(code))?;
            *place = (at, length as u32);
            column.entries_count += 1;
            return Some(code);
        }
        Some(NO_CODE)
    }

    /// The next UUID of a column that has not been there before, of an event's id for one.
    #[inline]
    pub(super) fn id(
        &mut self,
        column: u16,
        event_time: i64,
        lanes: &LanesRead<'_>,
    ) -> Option<u128> {
        self.new_uuid(column.into(), event_time, lanes)
    }

    /// Appends the next value at a place, if there is any.
    #[inline]
    pub(super) fn value(
        &mut self,
        kind: Option<Kind>,
        place: u32,
        event_time: i64,
        lanes: &LanesRead<'_>,
        output: &mut Output<'_>,
    ) -> Option<()> {
        match kind {
            None => Some(()),
            Some(Kind::Text) => self.text(place as u16, false, lanes, output).map(drop),
            Some(Kind::Integer) => output.integer(self.next(place, lanes)? as u64),
            Some(Kind::Digits(count)) => {
                output.digits(self.next(place, lanes)? as u64, count.into())
            }
            Some(Kind::Decimal(count)) => {
                output.decimal(self.next(place, lanes)? as u64, count.into())
            }
            Some(Kind::Address) => output.address(self.next(place, lanes)? as u32),
            Some(Kind::Time(style)) => {
                let unit = style.unit();
                let event_units = event_time.div_euclid(unit);
                let units = self.next(place, lanes)?.wrapping_add(event_units);
                let mut text = [0; time_text::BYTES_MAX];
                let length =
                    time_text::spell(&mut text, Timestamp(units.wrapping_mul(unit)), style);
                output.put(text.get(..length)?)
            }
            Some(Kind::Hex(count)) => {
                let column = self.columns.get_mut(place as usize)?;
                let (at, count) = (column.at as usize, usize::from(count));
                column.at += count as u32;
                output.hex(lanes.data.get(at..at + count)?)
            }
            Some(Kind::Uuid(_) | Kind::UuidTimed | Kind::UuidOther) => {
                let numbers = self.columns.get(place as usize)?.numbers;
                let back = self.next(numbers, lanes)?;
                let uuid = if back == 0 {
                    self.new_uuid(place, event_time, lanes)?
                } else {
                    let index = self.uuids.len().checked_sub(usize::try_from(back).ok()?)?;
                    *self.uuids.get(index)?
                };
                output.put(&hex::spell_uuid(uuid))
            }
            Some(Kind::Plain) => None,
        }
    }

    #[inline]
    fn new_uuid(&mut self, column: u32, event_time: i64, lanes: &LanesRead<'_>) -> Option<u128> {
        let column = self.columns.get_mut(column as usize)?;
        let raw = chunk::<16>(lanes.data, column.at as usize)?;
        let numbers = column.numbers;
        let uuid = match column.kind {
            Kind::UuidTimed => {
                column.at += 9;
                let low = u128::from_le_bytes(*raw) & ((1 << 72) - 1);
                let event_millis = event_time.div_euclid(1_000_000);
                let millis = self.next(numbers + 1, lanes)?.wrapping_add(event_millis) as u64;
                let high = u128::from(millis & ((1 << 48) - 1)) << 74;
                let bits = (self.next(numbers + 2, lanes)? & 3) as u128;
                hex::with_version(high | bits << 72 | low, 7)
            }
            Kind::Uuid(version) => {
                column.at += 15;
                let low = u128::from_le_bytes(*raw) & ((1 << 120) - 1);
                let bits = (self.next(numbers + 1, lanes)? & 3) as u128;
                hex::with_version(bits << 120 | low, version)
            }
            _ => {
                column.at += 16;
                u128::from_be_bytes(*raw)
            }
        };
        self.uuids.push(uuid);
        Some(uuid)
    }
}
