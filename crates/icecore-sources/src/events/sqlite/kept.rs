//! What a store keeps beside its events, as files of a snapshot: consumers' checkpoints and saved
//! states, one JSON object per row with every column as a string, in the order of their keys; and
//! the two numbers that an application may leave in a database's header.

use super::schema::{CHECKPOINTS, STATES, Table};
use super::value::{Text, text};
use icecore_format::event::json::put_string;
use rusqlite::{Connection, params_from_iter};
use std::collections::BTreeMap;

/// The tables that become files, and the files' names.
pub(super) const FILES: [(&Table, &str); 2] =
    [(&CHECKPOINTS, "subscription_versions.ndjson"), (&STATES, "command_state_snapshots.ndjson")];

/// The file of the numbers in the database's header.
pub(super) const PRAGMAS_FILE: &str = "pragmas.json";

/// The numbers by their names: <https://www.sqlite.org/pragma.html#pragma_application_id>.
const PRAGMAS: [&str; 2] = ["application_id", "user_version"];

/// A row's values, in the order of the table's columns.
pub(super) type Row = Vec<String>;

/// A row that cannot be kept, or a file that has none.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeptError {
    #[error("row {row} of {table}: {column} {what}")]
    Value { table: &'static str, row: i64, column: &'static str, what: &'static str },
    #[error("line {line} of '{file}' is no row of {table}")]
    Line { file: &'static str, line: usize, table: &'static str },
    #[error("'{PRAGMAS_FILE}' is no object of numbers that a database has")]
    Pragmas,
    #[error("cannot read or write a table")]
    Sqlite(#[from] rusqlite::Error),
}

/// The rows of a table in the order of their keys.
pub(super) fn read(connection: &Connection, table: &Table) -> Result<Vec<Row>, KeptError> {
    let Table { name, columns } = *table;
    let list = table.column_list();
    let sql = format!("SELECT {list}, rowid FROM {name} ORDER BY 1, rowid");
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(found) = found.next()? {
        let row = found.get(columns.len())?;
        let values = columns.iter().enumerate().map(|(at, column)| {
            let wrong = |what| KeptError::Value { table: name, row, column, what };
            let value = text(found.get_ref(at)?).map_err(wrong)?;
            String::from_utf8(value.to_vec()).map_err(|_| wrong("is no UTF-8"))
        });
        rows.push(values.collect::<Result<_, _>>()?);
    }
    Ok(rows)
}

/// A file of these rows.
pub(super) fn encode(table: &Table, rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        for (at, (column, value)) in table.columns.iter().zip(row).enumerate() {
            bytes.push(if at == 0 { b'{' } else { b',' });
            put_string(&mut bytes, column);
            bytes.push(b':');
            put_string(&mut bytes, value);
        }
        bytes.extend_from_slice(b"}\n");
    }
    bytes
}

/// The rows of such a file.
pub(super) fn decode(
    table: &Table,
    file: &'static str,
    content: &[u8],
) -> Result<Vec<Row>, KeptError> {
    let lines = content.split_inclusive(|byte| *byte == b'\n').enumerate();
    let rows = lines.map(|(index, line)| {
        let row = decode_row(table, line);
        row.ok_or(KeptError::Line { file, line: index + 1, table: table.name })
    });
    rows.collect()
}

fn decode_row(table: &Table, line: &[u8]) -> Option<Row> {
    let mut values = serde_json::from_slice::<BTreeMap<String, String>>(line).ok()?;
    let row = table.columns.iter().map(|column| values.remove(*column)).collect::<Option<Row>>()?;
    values.is_empty().then_some(row)
}

/// Inserts rows.
pub(super) fn insert(connection: &Connection, table: &Table, rows: &[Row]) -> rusqlite::Result<()> {
    let Table { name, columns } = *table;
    let list = table.column_list();
    let holes = vec!["?"; columns.len()].join(", ");
    let mut statement =
        connection.prepare(&format!("INSERT INTO {name} ({list}) VALUES ({holes})"))?;
    for row in rows {
        statement.execute(params_from_iter(row.iter().map(|value| Text(value.as_bytes()))))?;
    }
    Ok(())
}

/// A file of the numbers in the database's header; `None` if they are zero.
pub(super) fn read_pragmas(connection: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut numbers = BTreeMap::new();
    for pragma in PRAGMAS {
        numbers.insert(pragma, connection.pragma_query_value(None, pragma, |row| row.get(0))?);
    }
    let are_zero = numbers.values().all(|number: &i32| *number == 0);
    Ok((!are_zero).then(|| format!("{}\n", serde_json::json!(numbers)).into_bytes()))
}

/// Sets the numbers of such a file.
pub(super) fn write_pragmas(connection: &Connection, content: &[u8]) -> Result<(), KeptError> {
    let numbers: BTreeMap<String, i32> =
        serde_json::from_slice(content).map_err(|_| KeptError::Pragmas)?;
    for (pragma, number) in numbers {
        if !PRAGMAS.contains(&pragma.as_str()) {
            return Err(KeptError::Pragmas);
        }
        connection.pragma_update(None, &pragma, number)?;
    }
    Ok(())
}
