//! Columns while they are filled.

use super::Fields;
use super::dictionary::Dictionary;
use super::hex;
use super::kind::Kind;
use super::lanes::Lanes;
use super::numbers;
use super::scan;
use super::uuids::Uuids;
use crate::record::put_varint;

/// Texts of a column that have a code.
pub(super) const ENTRIES_MAX: usize = 255;
/// The code of texts that have none.
pub(super) const NO_CODE: u8 = 255;
/// Longest text that gets a code, in bytes.
pub(super) const ENTRY_BYTES_MAX: usize = 64;

/// What a column has beside its numbers.
#[derive(Debug)]
struct Column {
    kind: Kind,
    /// Milliseconds of UUIDs.
    millis: Vec<i64>,
    /// Of each UUID the two bits that did not fit whole bytes.
    bits: Vec<u8>,
    /// Lengths of text, or how far back a UUID was before.
    lengths: Vec<u32>,
    bytes: Vec<u8>,
    codes: Vec<u8>,
    entries: usize,
    is_coded: bool,
}

impl Column {
    fn new() -> Self {
        Self {
            kind: Kind::Plain,
            millis: Vec::new(),
            bits: Vec::new(),
            lengths: Vec::new(),
            bytes: Vec::new(),
            codes: Vec::new(),
            entries: 0,
            is_coded: true,
        }
    }

    fn clear(&mut self, kind: Kind) {
        self.kind = kind;
        self.millis.clear();
        self.bits.clear();
        self.lengths.clear();
        self.bytes.clear();
        self.codes.clear();
        self.entries = 0;
        self.is_coded = true;
    }

    fn put(&self, numbers: &[i64], lanes: &mut Lanes) {
        if self.kind == Kind::Text {
            put_varint(&mut lanes.plan, self.codes.len() as u64);
            lanes.codes.extend_from_slice(&self.codes);
            put_varint(&mut lanes.plan, self.bytes.len() as u64);
            lanes.text.extend_from_slice(&self.bytes);
            return numbers::put(&self.lengths, lanes);
        }
        if self.kind.is_number() {
            return numbers::put(numbers, lanes);
        }
        if !matches!(self.kind, Kind::Hex(_)) {
            numbers::put(&self.lengths, lanes);
        }
        if self.kind == Kind::UuidTimed {
            numbers::put(&self.millis, lanes);
        }
        if matches!(self.kind, Kind::UuidTimed | Kind::Uuid(_)) {
            numbers::put_random(&self.bits, lanes);
        }
        put_varint(&mut lanes.plan, self.bytes.len() as u64);
        lanes.random.extend_from_slice(&self.bytes);
    }
}

/// Appends the `length` bytes at `at`: short ones by moves of fixed size.
#[inline(always)]
fn append(bytes: &mut Vec<u8>, raw: &[u8], at: usize, length: usize) {
    match scan::chunk::<32>(raw, at) {
        Some(chunk) if length <= 32 => {
            let end = bytes.len() + length;
            bytes.extend_from_slice(chunk);
            bytes.truncate(end);
        }
        _ => bytes.extend_from_slice(&raw[at..at + length]),
    }
}

/// Whether giving codes to texts pays so far, asked at some counts of texts.
fn pays(texts: usize, new: usize) -> bool {
    !matches!(texts, 48 | 512 | 4096) || new * 4 < texts * 3
}

/// All columns of a block, and what they share.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// The values of columns of numbers.
    numbers: Vec<Vec<i64>>,
    others: Vec<Column>,
    used: usize,
    dictionary: Dictionary,
    uuids: Uuids,
}

impl Columns {
    /// Begins a block of so many bytes, with the columns that every block has.
    pub(super) fn clear(&mut self, raw_bytes: usize) {
        self.used = 0;
        self.dictionary.clear(raw_bytes);
        self.uuids.clear(raw_bytes);
        for kind in Fields::KINDS {
            self.add(kind);
        }
    }

    /// Adds a column; its number.
    pub(super) fn add(&mut self, kind: Kind) -> u16 {
        if self.used == self.others.len() {
            self.others.push(Column::new());
            self.numbers.push(Vec::new());
        }
        self.others[self.used].clear(kind);
        self.numbers[self.used].clear();
        self.used += 1;
        (self.used - 1) as u16
    }

    /// Adds a number to a column.
    #[inline]
    pub(super) fn number(&mut self, column: u16, number: i64) {
        self.numbers[usize::from(column)].push(number);
    }

    /// Adds the `length` bytes at `at`; their code, if they have one.
    #[inline]
    pub(super) fn text(&mut self, number: u16, raw: &[u8], at: usize, length: usize) -> u8 {
        let column = &mut self.others[usize::from(number)];
        let mut new_code = NO_CODE;
        if column.is_coded {
            if length <= ENTRY_BYTES_MAX {
                let has_room = column.entries < ENTRIES_MAX;
                let new = has_room.then_some(column.entries as u8);
                if let Some(code) = self
                    .dictionary
                    .find(scan::hash(raw, at, length, u64::from(number) << 32 | 0x5bd1), new)
                {
                    column.codes.push(code);
                    return code;
                }
                if let Some(code) = new {
                    column.entries += 1;
                    new_code = code;
                }
            }
            column.codes.push(NO_CODE);
        }
        column.lengths.push(length as u32);
        append(&mut column.bytes, raw, at, length);
        if column.is_coded {
            column.is_coded = pays(column.codes.len(), column.lengths.len());
        }
        new_code
    }

    /// Adds bytes that are as good as random.
    pub(super) fn bytes(&mut self, column: u16, bytes: &[u8]) {
        self.others[usize::from(column)].bytes.extend_from_slice(bytes);
    }

    /// Adds a UUID, of the column's kind, that may have been there before.
    #[inline]
    pub(super) fn uuid(&mut self, column: u16, uuid: u128, event_millis: i64) {
        let back = self.uuids.find_or_add(uuid);
        self.others[usize::from(column)].lengths.push(back);
        if back == 0 {
            self.new_uuid(column, uuid, event_millis);
        }
    }

    /// Adds an event's own id.
    #[inline]
    pub(super) fn id(&mut self, column: u16, uuid: u128, event_millis: i64) {
        self.uuids.add(uuid);
        self.new_uuid(column, uuid, event_millis);
    }

    #[inline]
    fn new_uuid(&mut self, column: u16, uuid: u128, event_millis: i64) {
        let column = &mut self.others[usize::from(column)];
        let bits = hex::without_version(uuid);
        match column.kind {
            Kind::UuidTimed => {
                column.millis.push(((uuid >> 80) as i64).wrapping_sub(event_millis));
                column.bits.push((bits >> 72 & 3) as u8);
                column.bytes.extend_from_slice(&bits.to_le_bytes()[..9]);
            }
            Kind::Uuid(_) => {
                column.bits.push((bits >> 120) as u8);
                column.bytes.extend_from_slice(&bits.to_le_bytes()[..15]);
            }
            _ => column.bytes.extend_from_slice(&uuid.to_be_bytes()),
        }
    }

    /// Writes all columns. Those that every block has come first, and their kinds are known.
    pub(super) fn put(&self, lanes: &mut Lanes) {
        let fields = Fields::KINDS.len();
        put_varint(&mut lanes.plan, (self.used - fields) as u64);
        for (number, column) in self.others[..self.used].iter().enumerate() {
            if number >= fields {
                lanes.plan.extend_from_slice(&column.kind.to_bytes());
            }
            column.put(&self.numbers[number], lanes);
        }
    }
}
