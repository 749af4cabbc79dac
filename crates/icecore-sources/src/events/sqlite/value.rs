//! Values of columns: SQLite lets a column hold any type, whatever its table declares.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// The bytes of a text, or what the value is instead.
pub(super) fn text(value: ValueRef<'_>) -> Result<&[u8], &'static str> {
    match value {
        ValueRef::Text(text) => Ok(text),
        other => Err(described(other)),
    }
}

/// An integer, or what the value is instead.
pub(super) fn integer(value: ValueRef<'_>) -> Result<i64, &'static str> {
    match value {
        ValueRef::Integer(integer) => Ok(integer),
        other => Err(described(other)),
    }
}

fn described(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Null => "is NULL",
        ValueRef::Integer(_) => "is an integer",
        ValueRef::Real(_) => "is a real number",
        ValueRef::Text(_) => "is a text",
        ValueRef::Blob(_) => "is a blob",
    }
}

/// Bytes that are bound as text, also where they are no UTF-8: SQLite does not look.
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl ToSql for Text<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}
