//! The tables of an EventCore store.
//!
//! `eventcore_events` makes a database a store. The others may be missing: EventCore 1 had no
//! saved states, and `migrate()` adds whatever is not there.
//!
//! Source: `SqliteEventStore::migrate` in <https://docs.rs/eventcore-sqlite/2.1.0>.

use rusqlite::{Connection, OptionalExtension};

/// A table of the store.
pub(super) struct Table {
    pub(super) name: &'static str,
    /// All of its columns that are no expressions; a key first.
    pub(super) columns: &'static [&'static str],
}

/// The events.
pub(super) const EVENTS: Table = Table {
    name: "eventcore_events",
    columns: &[
        "event_id",
        "stream_id",
        "stream_version",
        "event_type",
        "event_data",
        "metadata",
        "created_at",
    ],
};

/// How far each consumer of events has come.
pub(super) const CHECKPOINTS: Table = Table {
    name: "eventcore_subscription_versions",
    columns: &["subscription_name", "last_position", "updated_at"],
};

/// Saved states of commands.
pub(super) const STATES: Table = Table {
    name: "eventcore_command_state_snapshots",
    columns: &["snapshot_id", "snapshot_data", "updated_at"],
};

/// All tables.
pub(super) const TABLES: [&Table; 3] = [&EVENTS, &CHECKPOINTS, &STATES];

/// The file of a snapshot that has the statements which make the tables.
pub(super) const SCHEMA_FILE: &str = "schema.sql";

/// The schema as it is published, for snapshots of sources that have none.
pub(super) const PUBLISHED: &str = "\
CREATE TABLE eventcore_events (
    event_id TEXT PRIMARY KEY,
    stream_id TEXT NOT NULL,
    stream_version INTEGER NOT NULL,
    event_type TEXT NOT NULL,
    event_data TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}',
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE UNIQUE INDEX idx_eventcore_events_stream_version
    ON eventcore_events (stream_id, stream_version);
CREATE INDEX idx_eventcore_events_stream_id
    ON eventcore_events (stream_id);
CREATE TABLE eventcore_subscription_versions (
    subscription_name TEXT PRIMARY KEY,
    last_position TEXT NOT NULL,
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE eventcore_command_state_snapshots (
    snapshot_id TEXT PRIMARY KEY,
    snapshot_data TEXT NOT NULL,
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
";

/// How a database differs from an EventCore store.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("there is no table {}", EVENTS.name)]
    Missing,
    #[error("{table} is {found}, and no table with row ids")]
    NoTable { table: &'static str, found: String },
    #[error("{table} has no column {columns}")]
    MissingColumns { table: &'static str, columns: String },
    #[error("{table} has columns that EventCore does not know and that would be lost: {columns}")]
    FurtherColumns { table: &'static str, columns: String },
    #[error("cannot read the schema")]
    Sqlite(#[from] rusqlite::Error),
}

/// Requires that the tables which are there are EventCore's, and that there are events.
pub(super) fn check(connection: &Connection) -> Result<(), SchemaError> {
    if !EVENTS.exists(connection)? {
        return Err(SchemaError::Missing);
    }
    TABLES.iter().try_for_each(|table| table.check(connection))
}

/// The statements that made the tables and then those of their indexes, as they are.
pub(super) fn statements(connection: &Connection) -> rusqlite::Result<String> {
    let sql = "SELECT tbl_name, sql FROM sqlite_schema \
               WHERE type IN ('table', 'index') AND sql IS NOT NULL ORDER BY type DESC, rowid";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut statements = String::new();
    while let Some(row) = rows.next()? {
        let table: String = row.get(0)?;
        if TABLES.iter().any(|known| known.name.eq_ignore_ascii_case(&table)) {
            statements.push_str(&row.get::<_, String>(1)?);
            // On a line of its own: the statement may end in a comment.
            statements.push_str("\n;\n");
        }
    }
    Ok(statements)
}

impl Table {
    /// Whether the database has it.
    pub(super) fn exists(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
        Ok(connection.query_row(sql, [self.name], |_| Ok(())).optional()?.is_some())
    }

    /// Its columns, for a statement.
    pub(super) fn column_list(&self) -> String {
        self.columns.join(", ")
    }

    fn check(&self, connection: &Connection) -> Result<(), SchemaError> {
        let table = self.name;
        let sql = "SELECT type, wr FROM pragma_table_list \
                   WHERE schema = 'main' AND name = ?1 COLLATE NOCASE";
        let found = connection
            .query_row(sql, [table], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))
            .optional()?;
        match found {
            None => return Ok(()),
            Some((kind, false)) if kind == "table" => {}
            Some((_, true)) => {
                return Err(SchemaError::NoTable { table, found: "WITHOUT ROWID".to_owned() });
            }
            Some((kind, _)) => {
                return Err(SchemaError::NoTable { table, found: format!("a {kind}") });
            }
        }
        // Columns that are expressions are not among these: the schema brings them back.
        let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let found: Vec<String> =
            statement.query_map([table], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let is_known = |name: &str, known: &str| name.eq_ignore_ascii_case(known);
        let missing = self.columns.iter().filter(|c| !found.iter().any(|name| is_known(name, c)));
        let columns = missing.copied().collect::<Vec<_>>().join(", ");
        if !columns.is_empty() {
            return Err(SchemaError::MissingColumns { table, columns });
        }
        let further = found.iter().filter(|name| !self.columns.iter().any(|c| is_known(name, c)));
        let columns = further.map(String::as_str).collect::<Vec<_>>().join(", ");
        if !columns.is_empty() {
            return Err(SchemaError::FurtherColumns { table, columns });
        }
        Ok(())
    }
}
