//! Rows of several statements, each sorted by one integer, as one that is sorted by it.

use super::copy::{field, rows};
use super::reader::{PIECE_BYTES, Piece, Rows};
use super::value::Encoding;
use icecore::source::{SourceError, SourceErrorKind};
use std::collections::VecDeque;
use tokio::sync::mpsc::Receiver;

/// Merges rows.
pub(super) struct Merge {
    inputs: Vec<Input>,
    /// Which field is the integer, and how it is sent.
    column: usize,
    encoding: Encoding,
}

/// The rows of one statement.
struct Input {
    pieces: Receiver<Piece>,
    /// What came last, and how much of it was taken, in bytes.
    piece: Vec<u8>,
    taken: usize,
    /// The integer of the row that is next; `None` before it is known.
    next: Option<i64>,
}

impl Input {
    /// The row that is next.
    fn row(&self) -> Option<&[u8]> {
        rows(self.piece.get(self.taken..)?).next()
    }
}

impl Merge {
    /// Merges what these receive by the integer in a field.
    pub(super) fn new(
        pieces: VecDeque<Receiver<Piece>>,
        column: usize,
        encoding: Encoding,
    ) -> Self {
        let input = |pieces| Input { pieces, piece: Vec::new(), taken: 0, next: None };
        Self { inputs: pieces.into_iter().map(input).collect(), column, encoding }
    }

    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Rows>, SourceError> {
        let mut merged = Rows { bytes: Vec::new(), count: 0 };
        while merged.bytes.len() < PIECE_BYTES {
            self.fill().await?;
            let first = self.inputs.iter_mut().min_by_key(|input| input.next);
            let Some(input) = first else { break };
            if let Some(row) = input.row() {
                let length = row.len();
                merged.bytes.extend_from_slice(row);
                merged.count += 1;
                input.taken += length;
                input.next = None;
            }
        }
        Ok((merged.count > 0).then_some(merged))
    }

    /// Makes sure that each input has its next row; forgets those that have none.
    async fn fill(&mut self) -> Result<(), SourceError> {
        let mut at = 0;
        while let Some(input) = self.inputs.get_mut(at) {
            if input.next.is_none() && input.row().is_none() {
                let Some(piece) = input.pieces.recv().await else {
                    self.inputs.remove(at);
                    continue;
                };
                (input.piece, input.taken) = (piece?.bytes, 0);
            }
            if input.next.is_none() {
                let value = input.row().and_then(|row| field(row, self.column));
                let Some(next) = value.and_then(|value| self.encoding.integer(value)) else {
                    let message = "the server sent an event without the position it was found by";
                    return Err(SourceError::new(SourceErrorKind::Unreadable, message));
                };
                input.next = Some(next);
            }
            at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// A row of two fields, the second of which is an integer of 64 bits.
    fn row(text: &str, number: i64) -> Vec<u8> {
        let mut row = 2i16.to_be_bytes().to_vec();
        for field in [text.as_bytes(), &number.to_be_bytes()] {
            row.extend((field.len() as i32).to_be_bytes());
            row.extend(field);
        }
        row
    }

    /// Merges inputs of pieces of rows; the numbers that come out.
    async fn merged(inputs: &[&[&[i64]]]) -> Vec<i64> {
        let receivers = inputs.iter().map(|pieces| {
            let (sender, receiver) = mpsc::channel(pieces.len().max(1));
            for piece in *pieces {
                let bytes = piece.iter().flat_map(|number| row("x", *number)).collect();
                sender.try_send(Ok(Rows { bytes, count: piece.len() as u64 })).unwrap();
            }
            receiver
        });
        let mut merge = Merge::new(receivers.collect(), 1, Encoding::Integer8);
        let mut numbers = Vec::new();
        while let Some(piece) = merge.next().await.unwrap() {
            let found = rows(&piece.bytes).map(|row| field(row, 1).unwrap().try_into().unwrap());
            let before = numbers.len();
            numbers.extend(found.map(i64::from_be_bytes));
            assert_eq!((numbers.len() - before) as u64, piece.count);
        }
        numbers
    }

    #[tokio::test]
    async fn rows_come_in_one_order_whichever_statement_they_are_of() {
        assert!(merged(&[]).await.is_empty());
        assert!(merged(&[&[], &[]]).await.is_empty());
        assert_eq!(merged(&[&[&[1, 2], &[5]], &[&[3], &[4, 9]]]).await, [1, 2, 3, 4, 5, 9]);
        assert_eq!(merged(&[&[&[7]], &[]]).await, [7]);
        assert_eq!(merged(&[&[&[-3, 8]], &[&[1]], &[&[0], &[9]]]).await, [-3, 0, 1, 8, 9]);
    }

    #[tokio::test]
    async fn what_fails_in_one_statement_fails() {
        let (sender, receiver) = mpsc::channel(2);
        let failure = SourceError::new(SourceErrorKind::Unreadable, "the disk is gone");
        let bytes = row("x", 1);
        sender.try_send(Ok(Rows { bytes, count: 1 })).unwrap();
        sender.try_send(Err(failure)).unwrap();
        let mut merge = Merge::new([receiver].into(), 1, Encoding::Integer8);
        assert_eq!(merge.next().await.unwrap_err().to_string(), "the disk is gone");
    }
}
