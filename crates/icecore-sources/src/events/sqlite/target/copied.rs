//! Consumers' checkpoints of an EventCore store on PostgreSQL, which are the same on SQLite. The
//! snapshot has them as the text of a copy.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format".

use crate::events::sqlite::kept::Row;
use crate::events::sqlite::schema::CHECKPOINTS;

/// The kind of snapshots that have such files.
pub(super) const SOURCE_KIND: &str = "postgres";

/// The file of the checkpoints.
pub(super) const CHECKPOINTS_FILE: &str = "eventcore_subscription_versions.copy";

/// Files that say how PostgreSQL kept the store, which SQLite does in its own way.
pub(super) const OF_POSTGRESQL: [&str; 6] = [
    "_sqlx_migrations.copy",
    "eventcore_projection_delivery_frontier.copy",
    "eventcore_projection_schema_versions.copy",
    "schema-post-data.sql",
    "schema-pre-data.sql",
    "store.json",
];

/// The rows of a copy of checkpoints; `None` if it is none.
pub(super) fn checkpoints(content: &[u8]) -> Option<Vec<Row>> {
    let text = std::str::from_utf8(content).ok()?;
    let rows = text.split_terminator('\n').map(|line| {
        let row = line.split('\t').map(value).collect::<Option<Row>>()?;
        (row.len() == CHECKPOINTS.columns.len()).then_some(row)
    });
    rows.collect()
}

/// A value of a column that is never null. A copy has the letters of only these control characters,
/// and every other character as it is.
fn value(field: &str) -> Option<String> {
    let mut value = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            '\\' => match characters.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                '\\' => '\\',
                _ => return None,
            },
            character => character,
        };
        value.push(character);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_copy_are_read_and_others_are_not() {
        let rows = checkpoints("přehled\\t\\\\\tid\t2026\nb\tid\t2026\n".as_bytes()).unwrap();
        assert_eq!(rows, [["přehled\t\\", "id", "2026"], ["b", "id", "2026"]]);
        for content in ["a\tb\n", "a\t\\N\tc\n", "a\tb\tc\td\n"] {
            assert_eq!(checkpoints(content.as_bytes()), None, "{content}");
        }
    }
}
