//! Consumers' checkpoints of an EventCore store on SQLite, which are the same on PostgreSQL.

use super::copy_text::put;
use super::failure::unsuitable;
use super::given::Table;
use icecore::target::TargetError;
use std::collections::BTreeMap;

/// The kind of snapshots that have such files.
pub(super) const KIND: &str = "sqlite";

/// The file of the checkpoints, and their table.
pub(super) const CHECKPOINTS_FILE: &str = "subscription_versions.ndjson";
const TABLE: &str = "eventcore_subscription_versions";
const COLUMNS: [&str; 3] = ["subscription_name", "last_position", "updated_at"];

/// Files that say how SQLite kept the store, which PostgreSQL does in its own way.
pub(super) const OF_SQLITE: [&str; 2] = ["schema.sql", "pragmas.json"];

/// The checkpoints, as a copy takes them.
pub(super) fn checkpoints(content: &[u8]) -> Result<Table, TargetError> {
    let malformed = || unsuitable(format!("'{CHECKPOINTS_FILE}' has a line that is no checkpoint"));
    let mut rows = Vec::new();
    for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let values: BTreeMap<String, String> =
            serde_json::from_slice(line).map_err(|error| malformed().because(error))?;
        for (index, column) in COLUMNS.iter().enumerate() {
            rows.extend_from_slice(if index > 0 { b"\t" } else { b"" });
            put(values.get(*column).ok_or_else(malformed)?, &mut rows);
        }
        rows.push(b'\n');
    }
    let columns = COLUMNS.map(str::to_owned).into();
    Ok(Table { relation: TABLE.to_owned(), columns, rows, is_verbatim: false })
}
