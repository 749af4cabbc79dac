//! Values in the text format of `COPY`.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format".

/// Appends a value with what would end it escaped.
pub(super) fn put(value: &str, rows: &mut Vec<u8>) {
    for byte in value.bytes() {
        match byte {
            b'\\' => rows.extend_from_slice(b"\\\\"),
            b'\t' => rows.extend_from_slice(b"\\t"),
            b'\n' => rows.extend_from_slice(b"\\n"),
            b'\r' => rows.extend_from_slice(b"\\r"),
            byte => rows.push(byte),
        }
    }
}

/// A value as it was before it was printed.
pub(super) fn unescaped(field: &str) -> String {
    let mut value = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        value.push(match character {
            '\\' => match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => break,
            },
            character => character,
        });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was() {
        for value in ["", "a\tb\nc\rd\\e\\n", "žluťoučký 🧊"] {
            let mut printed = Vec::new();
            put(value, &mut printed);
            assert_eq!(unescaped(std::str::from_utf8(&printed).unwrap()), value);
        }
        assert_eq!(unescaped(r"\b\f\v"), "\u{8}\u{c}\u{b}");
    }
}
