//! All that a store's tables hold, read with plain SQL: to compare what was lost with what came
//! back, without EventCore's help or ours.

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// The store's tables.
const TABLES: [&str; 3] =
    ["eventcore_events", "eventcore_subscription_versions", "eventcore_command_state_snapshots"];

/// Every row of every table of a store, in order.
#[derive(Debug, PartialEq)]
pub(super) struct Rows(Vec<Vec<Value>>);

impl Rows {
    /// Reads all rows. Blocks.
    pub(super) fn read(path: &Path) -> Result<Self, rusqlite::Error> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut rows = Vec::new();
        for table in TABLES {
            let mut statement =
                connection.prepare(&format!("SELECT * FROM {table} ORDER BY rowid"))?;
            let columns = statement.column_count();
            let read =
                statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?;
            for row in read {
                rows.push(row?);
            }
        }
        Ok(Self(rows))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
