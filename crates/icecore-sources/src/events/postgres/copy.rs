//! What `COPY ... TO STDOUT (FORMAT binary)` sends, put together to whole rows.
//!
//! Messages of the server hold one row each in all its versions so far, but nobody promises that, so
//! rows are found by their own lengths.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

/// How the data begin.
pub(super) const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The signature, 32 bits of flags, and the length of an extension, which is empty.
const HEADER_BYTES: usize = 19;

/// Data that are not laid out as PostgreSQL does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server sent data that are no binary copy of rows")]
pub(super) struct NoCopy;

/// Puts rows together.
#[derive(Debug, Default)]
pub(super) struct RowSplitter {
    buffer: Vec<u8>,
    /// How much of the buffer is whole rows, in bytes.
    whole: usize,
    /// How many rows that is.
    count: u64,
    is_begun: bool,
    is_ended: bool,
}

impl RowSplitter {
    /// Takes what came next.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), NoCopy> {
        self.buffer.extend_from_slice(bytes);
        if !self.is_begun {
            let Some((header, _)) = self.buffer.split_first_chunk::<HEADER_BYTES>() else {
                return Ok(());
            };
            let [.., 0, 0, 0, 0, 0, 0, 0, 0] = header else { return Err(NoCopy) };
            if !header.starts_with(SIGNATURE) {
                return Err(NoCopy);
            }
            self.buffer.drain(..HEADER_BYTES);
            self.is_begun = true;
        }
        while let Some(row) = self.buffer.get(self.whole..).filter(|rest| !rest.is_empty()) {
            if self.is_ended {
                return Err(NoCopy);
            }
            match row_bytes(row)? {
                Next::Row(bytes) => {
                    self.whole += bytes;
                    self.count += 1;
                }
                Next::End => {
                    self.is_ended = true;
                    self.buffer.drain(self.whole..self.whole + 2);
                }
                Next::Unfinished => break,
            }
        }
        Ok(())
    }

    /// How many bytes of whole rows there are.
    pub(super) fn whole_bytes(&self) -> usize {
        self.whole
    }

    /// Takes the whole rows, and how many there are.
    pub(super) fn take(&mut self) -> (Vec<u8>, u64) {
        let rest = self.buffer.split_off(self.whole);
        self.whole = 0;
        (std::mem::replace(&mut self.buffer, rest), std::mem::take(&mut self.count))
    }

    /// The last rows; all must have come.
    pub(super) fn finish(self) -> Result<(Vec<u8>, u64), NoCopy> {
        let is_whole = self.is_ended && self.whole == self.buffer.len();
        if is_whole { Ok((self.buffer, self.count)) } else { Err(NoCopy) }
    }
}

/// Whole rows, one by one.
pub(super) fn rows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || match row_bytes(rest) {
        Ok(Next::Row(length)) => {
            let (row, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(row)
        }
        _ => None,
    })
}

/// A field of a row; `None` if it is null or there is none.
pub(super) fn field(row: &[u8], index: usize) -> Option<&[u8]> {
    let (_, mut rest) = row.split_first_chunk::<2>()?;
    for _ in 0..index {
        rest = after_field(rest)?.1;
    }
    after_field(rest)?.0
}

/// The field that begins here, and what follows it.
#[allow(clippy::type_complexity)]
fn after_field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Err(_) => Some((None, rest)),
        Ok(length) => {
            let (value, rest) = rest.split_at_checked(length)?;
            Some((Some(value), rest))
        }
    }
}

enum Next {
    /// A row of so many bytes.
    Row(usize),
    End,
    Unfinished,
}

/// What begins at the start of `bytes`.
fn row_bytes(bytes: &[u8]) -> Result<Next, NoCopy> {
    let Some((count, mut rest)) = bytes.split_first_chunk() else { return Ok(Next::Unfinished) };
    let count = i16::from_be_bytes(*count);
    if count == -1 {
        return Ok(Next::End);
    }
    for _ in 0..u16::try_from(count).map_err(|_| NoCopy)? {
        let Some((length, after)) = rest.split_first_chunk() else { return Ok(Next::Unfinished) };
        rest = match i32::from_be_bytes(*length) {
            -1 => after,
            length => match after.get(usize::try_from(length).map_err(|_| NoCopy)?..) {
                Some(after) => after,
                None => return Ok(Next::Unfinished),
            },
        };
    }
    Ok(Next::Row(bytes.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn copy_of(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend(rows_of(rows));
        bytes.extend_from_slice(&(-1i16).to_be_bytes());
        bytes
    }

    fn rows_of(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for row in rows {
            bytes.extend_from_slice(&(row.len() as i16).to_be_bytes());
            for field in row {
                let length = field.as_ref().map_or(-1, |field| field.len() as i32);
                bytes.extend_from_slice(&length.to_be_bytes());
                bytes.extend(field.iter().flatten());
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn rows_come_whole_wherever_messages_end(
            rows in vec(vec(proptest::option::of(vec(any::<u8>(), 0..9)), 0..4), 0..12),
            cuts in vec(1..30usize, 0..60),
        ) {
            let all = copy_of(&rows);
            let mut rest = &all[..];
            let mut splitter = RowSplitter::default();
            let (mut found, mut counted) = (Vec::new(), 0);
            for cut in cuts.into_iter().chain([usize::MAX]) {
                let (message, after) = rest.split_at(cut.min(rest.len()));
                splitter.push(message).unwrap();
                if splitter.whole_bytes() > 20 {
                    let (taken, count) = splitter.take();
                    found.extend(taken);
                    counted += count;
                }
                rest = after;
            }
            let (taken, count) = splitter.finish().unwrap();
            found.extend(taken);
            prop_assert_eq!(found, rows_of(&rows));
            prop_assert_eq!(counted + count, rows.len() as u64);
        }

        #[test]
        fn a_copy_that_is_cut_off_or_goes_on_is_refused(
            rows in vec(vec(proptest::option::of(vec(any::<u8>(), 0..9)), 1..4), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let all = copy_of(&rows);
            let mut splitter = RowSplitter::default();
            splitter.push(&all[..cut.index(all.len())]).unwrap();
            prop_assert!(splitter.finish().is_err());
            let mut splitter = RowSplitter::default();
            prop_assert!(splitter.push(&[&all[..], b"more"].concat()).is_err());
        }

        #[test]
        fn garbage_is_refused_or_rows(bytes in vec(any::<u8>(), 0..200)) {
            let mut splitter = RowSplitter::default();
            let _whatever = splitter.push(&bytes);
            let mut splitter = RowSplitter::default();
            splitter.push(&copy_of(&[])[..HEADER_BYTES]).unwrap();
            let _whatever = splitter.push(&bytes);
        }
    }
}
