//! Lists of stream ids: one a line, each to the letter.

use icecore_format::limits::NAME_BYTES_MAX;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longest list, in bytes, some million ids: whoever names a device by mistake gets an error and not
/// its content.
const LIST_BYTES_MAX: u64 = 256 << 20;

/// What stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// What some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A list that was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamListError {
    #[error("cannot read {list}")]
    Read { list: String, source: io::Error },
    #[error("{list} is longer than {LIST_BYTES_MAX} bytes")]
    TooLong { list: String },
    #[error("line {line} of {list} is no stream id: {what}")]
    NoId { list: String, line: usize, what: &'static str },
    #[error("{list} has no stream ids")]
    Empty { list: String },
}

/// Reads the list at `path`. Blocks.
pub(crate) fn read(path: &Path) -> Result<BTreeSet<String>, StreamListError> {
    let is_standard_input = path.as_os_str() == STANDARD_INPUT;
    let list = if is_standard_input {
        "the list of streams on standard input".to_owned()
    } else {
        format!("the list of streams {}", path.display())
    };
    let mut bytes = Vec::new();
    let mut read = |input: &mut dyn Read| input.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes);
    let read = if is_standard_input {
        read(&mut io::stdin())
    } else {
        File::open(path).and_then(|mut file| read(&mut file))
    };
    match read {
        Err(source) => Err(StreamListError::Read { list, source }),
        Ok(_) if bytes.len() as u64 > LIST_BYTES_MAX => Err(StreamListError::TooLong { list }),
        Ok(_) => parse(&bytes, list),
    }
}

fn parse(bytes: &[u8], list: String) -> Result<BTreeSet<String>, StreamListError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut ids = BTreeSet::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let id = line.strip_suffix(b"\r").unwrap_or(line);
        let no_id = |what| StreamListError::NoId { list: list.clone(), line: index + 1, what };
        if id.is_empty() {
            continue;
        }
        if id.len() > NAME_BYTES_MAX {
            return Err(no_id("it is longer than 64 KiB"));
        }
        let id = std::str::from_utf8(id).map_err(|_| no_id("it is no UTF-8"))?;
        ids.insert(id.to_owned());
    }
    if ids.is_empty() { Err(StreamListError::Empty { list }) } else { Ok(ids) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(bytes: &[u8]) -> Result<Vec<String>, String> {
        let parsed = parse(bytes, "the list".to_owned());
        parsed.map(|ids| ids.into_iter().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_line_is_an_id_to_the_letter() {
        assert_eq!(ids(b"b\na*\n\n b \nb").unwrap(), [" b ", "a*", "b"]);
        assert_eq!(ids(b"\xef\xbb\xbfa\r\n\r\nb\r\n").unwrap(), ["a", "b"]);
        assert_eq!(ids("\u{e9}\u{1f600}\n".as_bytes()).unwrap(), ["\u{e9}\u{1f600}"]);
        // A mark within a text is part of it.
        assert_eq!(ids(b"a\n\xef\xbb\xbfb").unwrap(), ["a", "\u{feff}b"]);
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_line() {
        assert_eq!(
            ids(b"a\r\n\xff\n").unwrap_err(),
            "line 2 of the list is no stream id: it is no UTF-8"
        );
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let error = ids(format!("\n\n{long}").as_bytes()).unwrap_err();
        assert_eq!(error, "line 3 of the list is no stream id: it is longer than 64 KiB");
        ids(&long.as_bytes()[1..]).unwrap();
        for nothing in [&b""[..], b"\n\r\n", b"\xef\xbb\xbf\n"] {
            assert_eq!(ids(nothing).unwrap_err(), "the list has no stream ids");
        }
    }
}
