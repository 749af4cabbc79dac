//! Hex with a note to each field.

use icecore_format::record::Reader;
use std::fmt::Write as _;

/// Bytes of a line with a note, and of a line of a long field.
const LINE_BYTES: usize = 16;
const LONG_LINE_BYTES: usize = 32;
/// A longer field has its note on a line of its own.
const NOTED_BYTES_MAX: usize = 3 * LINE_BYTES;

/// Goes through bytes field by field and writes each down.
pub(crate) struct Notes<'a> {
    reader: Reader<'a>,
    text: String,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { reader: Reader::new("the example", bytes), text: String::new() }
    }

    /// The next `length` bytes, with a note made of them.
    pub(crate) fn take<T: AsRef<str>>(
        &mut self,
        length: usize,
        note: impl FnOnce(&'a [u8]) -> T,
    ) -> &'a [u8] {
        let bytes = self.reader.take(length).expect("the example is long enough");
        self.put(bytes, note(bytes).as_ref());
        bytes
    }

    /// One byte, whose value is in the note.
    pub(crate) fn byte(&mut self, what: &str) -> u8 {
        self.take(1, |bytes| format!("{what}: {}", bytes[0]))[0]
    }

    /// A varint, whose value is in the note.
    pub(crate) fn varint(&mut self, what: &str) -> u64 {
        let mut ahead = self.reader.clone();
        let value = ahead.varint().expect("a varint");
        self.take(self.reader.remaining() - ahead.remaining(), |_| format!("{what}: {value}"));
        value
    }

    /// A signed varint, whose value is in the note.
    pub(crate) fn signed_varint(&mut self, what: &str) -> i64 {
        let mut ahead = self.reader.clone();
        let value = ahead.signed_varint().expect("a varint");
        self.take(self.reader.remaining() - ahead.remaining(), |_| format!("{what}: {value}"));
        value
    }

    /// A little-endian `u32`, whose value is in the note.
    pub(crate) fn u32(&mut self, what: &str) -> u32 {
        let value = self.reader.clone().u32().expect("four bytes");
        self.take(4, |_| format!("{what}: {value}"));
        value
    }

    /// A varint length and so many bytes of text.
    pub(crate) fn text(&mut self, what: &str) {
        let length = self.varint(&format!("{what}, in bytes")) as usize;
        if length > 0 {
            self.take(length, quoted);
        }
    }

    /// All that is left.
    pub(crate) fn rest<T: AsRef<str>>(&mut self, note: impl FnOnce(&'a [u8]) -> T) {
        self.take(self.reader.remaining(), note);
    }

    pub(crate) fn finish(self) -> String {
        assert_eq!(self.reader.remaining(), 0, "bytes without a note after\n{}", self.text);
        self.text
    }

    fn put(&mut self, bytes: &[u8], note: &str) {
        if bytes.len() > NOTED_BYTES_MAX {
            writeln!(self.text, "# {note}").unwrap();
            for line in bytes.chunks(LONG_LINE_BYTES) {
                writeln!(self.text, "{}", hex(line)).unwrap();
            }
            return;
        }
        for (index, line) in bytes.chunks(LINE_BYTES).enumerate() {
            if index == 0 {
                writeln!(self.text, "{:<33} # {note}", hex(line)).unwrap();
            } else {
                writeln!(self.text, "{}", hex(line)).unwrap();
            }
        }
    }
}

/// Text, as a note.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    format!("'{}'", String::from_utf8_lossy(bytes).replace('\n', "\\n"))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
