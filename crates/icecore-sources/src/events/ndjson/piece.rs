//! Cuts a file into pieces of whole events.
//!
//! A piece ends with the line of an event, so that blank lines stand before the event that they
//! belong to, whichever piece that is in. What follows the last event is the epilogue. What pieces
//! had is hashed on the way, so that the next backup can go on after them.

use super::batch::Context;
use super::line::LineFault;
use super::prefix::PrefixHasher;
use super::read_ahead::ReadAhead;
use super::resume::Start;
use super::{BYTE_ORDER_MARK, is_space};
use icecore::source::SourceError;
use icecore_format::limits::EVENT_BYTES_MAX;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// How much is read and held at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The length that pieces have unless a line is longer, in bytes.
    pub(super) piece_bytes: usize,
    /// Longest event accepted, with its line end and the blank lines before it, in bytes.
    pub(super) event_bytes_max: usize,
    /// The length of the blocks in which a file is hashed and compared, in bytes. Resume tokens
    /// depend on it: the hashes of a terabyte take 32 MiB.
    pub(super) block_bytes: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { piece_bytes: 1 << 20, event_bytes_max: EVENT_BYTES_MAX, block_bytes: 1 << 20 }
    }
}

/// Events of a file that follow each other.
#[derive(Debug)]
pub(super) struct Piece {
    /// The file's bytes.
    pub(super) bytes: Vec<u8>,
    /// The number of the first line, from 1.
    pub(super) first_line: u64,
    /// The length of the byte order mark that it begins with, in bytes.
    pub(super) mark_bytes: usize,
}

/// Where a file's bytes come from.
pub(super) enum Input {
    /// A regular file, at the place where reading starts: its first `length` bytes are read.
    File { file: File, length: u64 },
    /// Anything else, read to its end.
    Stream(Box<dyn Read + Send>),
}

/// Reads pieces in order.
pub(super) struct PieceReader {
    input: Input,
    context: Arc<Context>,
    sizes: Sizes,
    /// What was read and is not yet in a piece.
    rest: Vec<u8>,
    /// The number of the line that `rest` begins with.
    line: u64,
    /// Bytes of the file up to where it was read.
    bytes_read: u64,
    read_ahead: ReadAhead,
    is_at_end: bool,
    /// All that was in pieces, and what preceded them; nothing if it cannot be read again.
    prefix: Option<PrefixHasher>,
    /// Whether that ends with a line's end.
    is_line_ended: bool,
}

/// What is left after the last piece.
#[derive(Debug)]
pub(super) struct End {
    /// What follows the last event.
    pub(super) epilogue: Vec<u8>,
    /// Where that begins in the file, in bytes.
    pub(super) offset: u64,
    /// The number of line ends before it.
    pub(super) lines: u64,
    /// Whether it begins a line.
    pub(super) is_line_ended: bool,
    /// What precedes it; nothing if it cannot be read again.
    pub(super) prefix: Option<PrefixHasher>,
}

impl PieceReader {
    /// Reads `input` from `start` on.
    pub(super) fn new(input: Input, start: Start, context: Arc<Context>, sizes: Sizes) -> Self {
        let can_be_read_again = matches!(input, Input::File { .. });
        let mut read_ahead = ReadAhead::new(start.offset);
        if let Input::File { file, length } = &input {
            read_ahead.advance(file, start.offset, *length);
        }
        Self {
            input,
            context,
            sizes,
            rest: Vec::new(),
            line: start.lines + 1,
            bytes_read: start.offset,
            read_ahead,
            is_at_end: false,
            prefix: can_be_read_again.then_some(start.prefix),
            is_line_ended: start.is_line_ended,
        }
    }

    /// The next piece; `None` after the last. Blocks.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, SourceError> {
        loop {
            if self.is_at_end {
                let length = self.event_bytes(true);
                return Ok((length > 0).then(|| self.cut(length)));
            }
            let room = self.sizes.event_bytes_max + 1 - self.rest.len();
            // Doubling keeps the search for the end of a long line linear.
            let wanted = self.rest.len().max(self.sizes.piece_bytes).min(room);
            self.read(wanted)?;
            if self.is_at_end {
                continue;
            }
            let length = self.event_bytes(false);
            if length > 0 {
                return Ok(Some(self.cut(length)));
            }
            if self.rest.len() > self.sizes.event_bytes_max {
                let line = self.line + memchr::memchr_iter(b'\n', &self.rest).count() as u64;
                return Err(self.context.no_event(line, &LineFault::TooLong));
            }
        }
    }

    /// What is left once there are no more pieces.
    pub(super) fn finish(self) -> End {
        End {
            offset: self.bytes_read - self.rest.len() as u64,
            epilogue: self.rest,
            lines: self.line - 1,
            is_line_ended: self.is_line_ended,
            prefix: self.prefix,
        }
    }

    /// How many bytes at the start of `rest` are whole events; the last line is whole if
    /// `is_last_whole`, whether it has a line end or not.
    fn event_bytes(&self, is_last_whole: bool) -> usize {
        let mark = self.mark_bytes();
        let lines = self.rest.get(mark..).unwrap_or_default();
        let lines_end = if is_last_whole {
            lines.len()
        } else {
            memchr::memrchr(b'\n', lines).map_or(0, |newline| newline + 1)
        };
        let lines = lines.get(..lines_end).unwrap_or_default();
        let Some(last) = lines.iter().rposition(|byte| !is_space(*byte)) else { return 0 };
        let after = lines.get(last..).unwrap_or_default();
        let newline = memchr::memchr(b'\n', after).map_or(after.len(), |newline| newline + 1);
        mark + last + newline
    }

    fn mark_bytes(&self) -> usize {
        if self.line == 1 && self.rest.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        }
    }

    /// Takes a piece of this length off the front of `rest`.
    fn cut(&mut self, length: usize) -> Piece {
        let mark_bytes = self.mark_bytes();
        let first_line = self.line;
        let after = self.rest.split_off(length);
        let bytes = std::mem::replace(&mut self.rest, after);
        self.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        self.is_line_ended = bytes.last() == Some(&b'\n');
        if let Some(prefix) = &mut self.prefix {
            prefix.update(&bytes);
        }
        Piece { bytes, first_line, mark_bytes }
    }

    /// Reads up to `wanted` more bytes, and notices the end.
    fn read(&mut self, wanted: usize) -> Result<(), SourceError> {
        let unreadable = |error: io::Error| self.context.unreadable(error);
        let (reader, wanted): (&mut dyn Read, _) = match &mut self.input {
            Input::File { file, length } => (file, (wanted as u64).min(*length - self.bytes_read)),
            Input::Stream(stream) => (stream, wanted as u64),
        };
        self.rest.reserve(wanted as usize);
        let read = reader.take(wanted).read_to_end(&mut self.rest).map_err(unreadable)? as u64;
        self.bytes_read += read;
        if let Input::File { file, length } = &self.input {
            self.read_ahead.advance(file, self.bytes_read, *length);
        }
        match &self.input {
            Input::Stream(_) => self.is_at_end = read < wanted,
            Input::File { file, length } => {
                if read < wanted {
                    return Err(self.context.became_shorter());
                }
                self.is_at_end = self.bytes_read == *length;
                if self.is_at_end && file.metadata().map_err(unreadable)?.len() > *length {
                    self.drop_half_line();
                }
            }
        }
        Ok(())
    }

    /// Drops what follows the last line end: whoever writes the file was not done with it.
    fn drop_half_line(&mut self) {
        let whole = memchr::memrchr(b'\n', &self.rest).map_or(0, |newline| newline + 1);
        self.bytes_read -= (self.rest.len() - whole) as u64;
        self.rest.truncate(whole);
    }
}
