//! What the pool makes of a chunk: rows of two tables, and hashes by which they are known again.
//!
//! The hashes of rows are added up, so that rows may come back in any order. The server can compute
//! the same, as a row is hashed as its function `record_send` sends it: SHA-256, of which the first
//! 64 bits count, tells what was damaged from what was written.

use icecore_format::DecodeError;
use icecore_format::record::{Reader, put_bytes, put_varint};
use sha2::{Digest as _, Sha256};

const NAME: &str = "the encoded rows";

/// Rows of the table of events and of that of positions.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) events: Rows,
    pub(super) positions: Rows,
    pub(super) has_renamed: bool,
}

/// Rows as they are copied in.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
    pub(super) sum: Sum,
}

/// The hashes of rows, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum(pub(super) u64);

impl Sum {
    /// Adds a row as a copy has it, of values of types with these numbers.
    ///
    /// Source: `record_send` in PostgreSQL's `src/backend/utils/adt/rowtypes.c`.
    pub(super) fn add(&mut self, row: &[u8], types: &[u32]) {
        let mut hasher = Sha256::new();
        hasher.update((types.len() as u32).to_be_bytes());
        // The number of fields is known.
        let mut rest = row.get(2..).unwrap_or_default();
        for number in types {
            hasher.update(number.to_be_bytes());
            let length = rest.first_chunk().map_or(-1, |length| i32::from_be_bytes(*length));
            let field_bytes = 4 + usize::try_from(length).unwrap_or(0);
            let (field, after) = rest.split_at_checked(field_bytes).unwrap_or((rest, &[]));
            hasher.update(field);
            rest = after;
        }
        let hash = hasher.finalize();
        let first = hash.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.0 = self.0.wrapping_add(first);
    }

    /// Adds what others added.
    pub(super) fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl Rows {
    /// Begins a row of so many fields, and says where.
    pub(super) fn begin(&mut self, fields: usize) -> usize {
        let start = self.bytes.len();
        // A table has no more than 1600 columns.
        self.bytes.extend_from_slice(&(fields as u16).to_be_bytes());
        start
    }

    /// Ends the row that began there, of values of these types.
    pub(super) fn end(&mut self, start: usize, types: &[u32]) {
        self.count += 1;
        self.sum.add(self.bytes.get(start..).unwrap_or_default(), types);
    }

    /// Ends a row that comes back as another, of which some fields are left out.
    pub(super) fn end_as(&mut self, row: &[u8], types: &[u32]) {
        self.count += 1;
        self.sum.add(row, types);
    }
}

impl Frame {
    /// The frame as bytes.
    pub(super) fn encode(self) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(self.events.bytes.len() + self.positions.bytes.len() + 64);
        bytes.push(u8::from(self.has_renamed));
        for rows in [&self.events, &self.positions] {
            put_varint(&mut bytes, rows.count);
            bytes.extend_from_slice(&rows.sum.0.to_le_bytes());
            put_bytes(&mut bytes, &rows.bytes);
        }
        bytes
    }

    /// The frame that such bytes are.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(NAME, bytes);
        let has_renamed = reader.byte()? != 0;
        let mut rows = || {
            let count = reader.varint()?;
            let sum = Sum(u64::from_le_bytes(reader.array()?));
            Ok::<_, DecodeError>(Rows { bytes: reader.bytes()?.to_vec(), count, sum })
        };
        let (events, positions) = (rows()?, rows()?);
        reader.finish()?;
        Ok(Self { events, positions, has_renamed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [u32; 1] = [25];

    #[test]
    fn a_frame_comes_back_and_its_sum_does_not_depend_on_the_order_of_rows() {
        let mut frame = Frame { has_renamed: true, ..Frame::default() };
        for row in [&b"\0\0\0\x03one"[..], b"\0\0\0\x03two"] {
            let start = frame.events.begin(1);
            frame.events.bytes.extend_from_slice(row);
            frame.events.end(start, &TYPES);
        }
        let expected = (frame.events.bytes.clone(), frame.events.sum);
        let back = Frame::decode(&frame.encode()).unwrap();
        assert!(back.has_renamed);
        assert_eq!(
            (back.events.bytes, back.events.sum, back.events.count),
            (expected.0, expected.1, 2)
        );
        assert_eq!(back.positions.count, 0);

        let mut other = Sum::default();
        other.add(b"\0\x01\0\0\0\x03two", &TYPES);
        let mut one = Sum::default();
        one.add(b"\0\x01\0\0\0\x03one", &TYPES);
        other.merge(one);
        assert_eq!(other, expected.1);
    }
}
