//! The four lanes that columns are written to, by how they compress.

use crate::record::{DecodeError, Reader};

/// Bytes behind each lane while it is read: whatever is shorter can be copied in one piece.
pub(super) const SLACK_BYTES: usize = 64;

/// Lanes that are written.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Steps and columns: what the others mean.
    pub(super) plan: Vec<u8>,
    /// Small numbers, a byte for most.
    pub(super) codes: Vec<u8>,
    /// Text.
    pub(super) text: Vec<u8>,
    /// What is as good as random: never compressed.
    pub(super) random: Vec<u8>,
}

impl Lanes {
    pub(super) fn clear(&mut self) {
        self.all().into_iter().for_each(Vec::clear);
    }

    pub(super) fn bytes(&self) -> usize {
        self.plan.len() + self.codes.len() + self.text.len() + self.random.len()
    }

    pub(super) fn all(&mut self) -> [&mut Vec<u8>; 4] {
        [&mut self.plan, &mut self.codes, &mut self.text, &mut self.random]
    }
}

/// What is not yet given to a column of a lane that is read: places in the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    next: usize,
    end: usize,
}

impl Share {
    /// The bytes of the data in a range.
    pub(super) fn new(range: std::ops::Range<usize>) -> Self {
        Self { next: range.start, end: range.end }
    }

    /// Passes over `count` bytes; where they begin.
    pub(super) fn pass(&mut self, count: usize) -> Result<usize, DecodeError> {
        let start = self.next;
        if count > self.end - start {
            return Err(DecodeError::Short { record: super::RECORD });
        }
        self.next += count;
        Ok(start)
    }
}

/// Lanes that are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct LanesRead<'a> {
    /// The plan, with slack behind it.
    pub(super) plan: &'a [u8],
    /// Codes and then what is raw, with slack behind them.
    pub(super) data: &'a [u8],
    /// Text, with slack behind it.
    pub(super) text_bytes: &'a [u8],
    pub(super) codes: Share,
    pub(super) random: Share,
    pub(super) text: Share,
    /// What comes out of them all, in bytes: bounds every count.
    pub(super) raw_bytes: usize,
}

impl<'a> LanesRead<'a> {
    /// Lanes with slack behind each; the first `codes` bytes of the data are codes.
    pub(super) fn new(
        plan: &'a [u8],
        data: &'a [u8],
        codes: usize,
        text: &'a [u8],
        raw_bytes: usize,
    ) -> Self {
        Self {
            plan,
            data,
            text_bytes: text,
            codes: Share::new(0..codes),
            random: Share::new(codes..without_slack(data)),
            text: Share::new(0..without_slack(text)),
            raw_bytes,
        }
    }

    /// The plan, from its beginning.
    pub(super) fn plan(&self) -> Reader<'a> {
        Reader::new(super::RECORD, self.plan.get(..without_slack(self.plan)).unwrap_or_default())
    }
}

fn without_slack(bytes: &[u8]) -> usize {
    bytes.len().saturating_sub(SLACK_BYTES)
}
