//! The store that is backed up: EventCore's tables, filled with the events of a seed.

use super::super::CompareError;
use super::super::interrupt::Interrupt;
use crate::events::{Generator, Shape};
use icecore_test_cluster::Cluster;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::{self, Write as _};

/// The database of the store, and that of its copy with delivery positions.
pub(super) const DATABASE: &str = "shop";
pub(super) const WITH_POSITIONS: &str = "shop_with_positions";

/// The published tables of EventCore.
pub(super) const SCHEMA: &str =
    include_str!("../../../../crates/icecore-sources/tests/postgres-schemas/eventcore/schema.sql");
const SCHEMA_WITH_POSITIONS: &str = include_str!(
    "../../../../crates/icecore-sources/tests/postgres-schemas/eventcore-delivery/schema.sql"
);
/// Where the part begins that adds delivery positions to a store that is there.
const POSITIONS_BEGIN: &str = "-- ---- projection-migrations/0001_delivery_source.sql";

/// Events keep their versions and ids, so triggers have nothing to do.
const COPY_IN: &str = "\
    SET session_replication_role = replica; \
    COPY eventcore_events (stream_id, stream_version, event_type, event_id, created_at, event_data, metadata) FROM STDIN";

/// How much is written to the server at once, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// A store that is filled with the events of a seed, one after the other.
pub(super) struct Store {
    generator: Generator,
    pub(super) events: u64,
}

/// A line of the generator.
#[derive(Deserialize)]
struct Line<'a> {
    stream_id: &'a str,
    version: u64,
    #[serde(rename = "type")]
    event_type: &'a str,
    event_id: &'a str,
    recorded_at: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

impl Store {
    /// An empty store.
    pub(super) fn create(cluster: &Cluster, seed: u64) -> Self {
        cluster.create_database(DATABASE);
        cluster.psql(DATABASE, SCHEMA);
        Self { generator: Generator::new(Shape::Orders, seed), events: 0 }
    }

    /// Appends the next events.
    pub(super) fn append(
        &mut self,
        cluster: &Cluster,
        events: u64,
        interrupt: &Interrupt,
    ) -> Result<(), CompareError> {
        let cannot = |source| CompareError::Io { action: "fill the store", source };
        let mut psql = cluster.copy_in(DATABASE, COPY_IN);
        let (mut lines, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..events {
            lines.clear();
            self.generator.append_line(&mut lines);
            put_row(&lines, &mut rows).map_err(cannot)?;
            if rows.len() >= PIECE_BYTES {
                psql.write(&rows).map_err(cannot)?;
                rows.clear();
                if interrupt.is_interrupted() {
                    return Err(CompareError::Interrupted);
                }
            }
        }
        psql.write(&rows).map_err(cannot)?;
        psql.finish();
        self.events += events;
        Ok(())
    }
}

/// Writes down what the server would otherwise write while something is measured.
pub(super) fn settle(cluster: &Cluster) {
    cluster.psql(DATABASE, "VACUUM (ANALYZE, FREEZE)");
    cluster.psql(DATABASE, "CHECKPOINT");
}

/// The same store again, with delivery positions.
pub(super) fn make_copy_with_positions(cluster: &Cluster) {
    let (_, positions) =
        SCHEMA_WITH_POSITIONS.split_once(POSITIONS_BEGIN).expect("the file has that part");
    cluster.psql("postgres", &format!("CREATE DATABASE {WITH_POSITIONS} TEMPLATE {DATABASE}"));
    cluster.psql(WITH_POSITIONS, &format!("{POSITIONS_BEGIN}{positions}"));
    cluster.psql(WITH_POSITIONS, "VACUUM (ANALYZE, FREEZE)");
    cluster.psql(WITH_POSITIONS, "CHECKPOINT");
}

/// Appends a line of the generator as a row of a copy.
fn put_row(line: &[u8], rows: &mut Vec<u8>) -> io::Result<()> {
    let line: Line<'_> = serde_json::from_slice(line)?;
    write!(rows, "{}\t{}\t{}\t", line.stream_id, line.version, line.event_type)?;
    write!(rows, "{}\t{}", line.event_id, line.recorded_at)?;
    for json in [line.data, line.metadata] {
        rows.push(b'\t');
        for byte in json.get().bytes() {
            // What the JSON escapes with a backslash is not to be taken for an escape of the copy.
            rows.extend_from_slice(if byte == b'\\' { b"\\" } else { b"" });
            rows.push(byte);
        }
    }
    rows.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_row() {
        let mut rows = Vec::new();
        let line = br#"{"stream_id":"order-1","version":7,"type":"Placed","position":9,"event_id":"019a","recorded_at":"2024-03-01T00:00:00Z","data":{"a":"x\ny"},"metadata":{}}"#;
        put_row(line, &mut rows).unwrap();
        let expected = "order-1\t7\tPlaced\t019a\t2024-03-01T00:00:00Z\t{\"a\":\"x\\\\ny\"}\t{}\n";
        assert_eq!(String::from_utf8(rows).unwrap(), expected);
    }
}
