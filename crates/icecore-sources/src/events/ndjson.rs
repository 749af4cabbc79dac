//! NDJSON: files with one JSON object a line, one event each.
//!
//! A file comes back byte for byte, whatever its spacing, member order, escapes, number notation
//! or line ends: each line is kept as its record and a template, and the template is rendered and
//! compared with the line before anybody relies on it. A line that is no event is an error that
//! names the line; nothing is guessed and nothing is skipped.
//!
//! Sources: <https://github.com/ndjson/ndjson-spec>, RFC 8259.

mod source;
mod target;

mod batch;
mod fields;
mod form;
mod line;
mod member_map;
mod names;
mod piece;
mod read_ahead;

mod grammar;
mod nesting;
mod number;
mod skim;
mod string;

mod resume;
mod token;

mod blocks;
mod known;
mod prefix;

mod default_line;
mod encode;
mod message_pack;
mod unfinished;
mod verify;

#[cfg(test)]
mod tests;

pub use self::member_map::{MemberMap, MemberMapError};
pub use self::source::NdjsonSource;
pub use self::target::{DumpFormat, NdjsonTarget};

/// What sources and targets of this kind are called in snapshots.
const KIND: &str = "ndjson";

/// The path that stands for standard input or output.
const STANDARD_STREAM: &str = "-";

/// UTF-8's byte order mark, which some exports begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a byte is white space in JSON: a line of only these is blank.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
