//! What the pool makes of a chunk: rows of two tables, and hashes by which they are known again.
//!
//! The hashes of rows are added up, so that rows may come back in any order.

use icecore_format::DecodeError;
use icecore_format::record::{Reader, put_bytes, put_varint};

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
pub(super) struct Sum(u128);

impl Sum {
    /// Adds a row.
    pub(super) fn add(&mut self, row: &[u8]) {
        let mut bytes = [0; 16];
        blake3::Hasher::new().update(row).finalize_xof().fill(&mut bytes);
        self.0 = self.0.wrapping_add(u128::from_le_bytes(bytes));
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

    /// Ends the row that began there.
    pub(super) fn end(&mut self, start: usize) {
        self.count += 1;
        self.sum.add(self.bytes.get(start..).unwrap_or_default());
    }

    /// Ends a row that comes back as another, of which some fields are left out.
    pub(super) fn end_as(&mut self, row: &[u8]) {
        self.count += 1;
        self.sum.add(row);
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
            let sum = Sum(u128::from_le_bytes(reader.array()?));
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

    #[test]
    fn a_frame_comes_back_and_its_sum_does_not_depend_on_the_order_of_rows() {
        let mut frame = Frame { has_renamed: true, ..Frame::default() };
        for row in [&b"one"[..], b"two"] {
            let start = frame.events.begin(3);
            frame.events.bytes.extend_from_slice(row);
            frame.events.end(start);
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
        other.add(b"\0\x03two");
        let mut one = Sum::default();
        one.add(b"\0\x03one");
        other.merge(one);
        assert_eq!(other, expected.1);
    }
}
