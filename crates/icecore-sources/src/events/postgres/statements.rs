//! The statements that copy events out, in the order in which their rows are wanted.
//!
//! A table is read in pieces of its blocks, a few at a time on connections of their own. Rows come in
//! the order of the table, which is that of their insertion but for space that was freed and used
//! again. Where positions are dealt in the order of commits, rows come in that order.

use super::layout::{Layout, Name, Order};
use super::moment::Moment;
use super::plan::WhichRows;
use super::query::{QueryError, Session};
use icecore::selection::StreamSelection;
use postgres_protocol::escape::escape_literal;

/// How much of a table one statement reads, in bytes.
const PIECE_BYTES: i64 = 64 << 20;
/// How many positions one statement reads.
const PIECE_POSITIONS: u64 = 1 << 16;
/// The version from which rows of some blocks are found without reading the others.
const BLOCK_RANGES_FROM: u32 = 14;

/// The statements that copy these rows out.
pub(super) async fn statements(
    moment: &Moment,
    layout: &Layout,
    rows: &WhichRows,
    streams: &StreamSelection,
) -> Result<Vec<String>, QueryError> {
    let mut selected = layout.expressions();
    if let WhichRows::Where { known, .. } = rows
        && !known.is_empty()
    {
        selected = format!("{selected}, {}", layout.identity_expression());
    }
    let mut conditions: Vec<String> = wanted(layout, streams).into_iter().collect();
    let joins = layout.joins();
    let copy = |from: &str, conditions: &[String], order: &str| {
        let conditions = match conditions {
            [] => String::new(),
            conditions => format!(" WHERE {}", conditions.join(" AND ")),
        };
        format!("COPY (SELECT {selected} FROM {from}{conditions}{order}) TO STDOUT (FORMAT binary)")
    };
    match (rows, &layout.order) {
        (WhichRows::Positions { from, end }, Order::Position(positions)) => {
            let (from_both, column) = (layout.events_at(positions), positions.column());
            let mut pieces = Vec::new();
            let mut piece = *from;
            while piece < *end {
                let piece_end = end.min(&(piece + PIECE_POSITIONS)).to_owned();
                let mut conditions = conditions.clone();
                conditions.push(format!("{column} >= {piece} AND {column} < {piece_end}"));
                pieces.push(copy(&from_both, &conditions, &format!(" ORDER BY {column}")));
                piece = piece_end;
            }
            Ok(pieces)
        }
        (WhichRows::Where { condition, .. }, _) => {
            conditions.push(condition.clone());
            let from = layout.all_events();
            let order = match layout.sorted_by.as_slice() {
                [] => String::new(),
                columns => format!(" ORDER BY {}", columns.join(", ")),
            };
            Ok(vec![copy(&from, &conditions, &order)])
        }
        (WhichRows::All | WhichRows::Positions { .. }, _) => {
            let mut pieces = Vec::new();
            for table in leaves(&moment.session, &layout.events).await? {
                let from = format!("ONLY {} e{joins}", table.name);
                let blocks_per_piece = (PIECE_BYTES / table.block_bytes).max(1);
                let mut block = 0;
                // What was appended after our moment is not visible: the last piece has no end.
                while moment.major_version >= BLOCK_RANGES_FROM
                    && block + blocks_per_piece < table.blocks
                {
                    let next = block + blocks_per_piece;
                    let mut conditions = conditions.clone();
                    conditions.push(format!("e.ctid >= '({block},0)' AND e.ctid < '({next},0)'"));
                    pieces.push(copy(&from, &conditions, ""));
                    block = next;
                }
                let mut conditions = conditions.clone();
                if block > 0 {
                    conditions.push(format!("e.ctid >= '({block},0)'"));
                }
                pieces.push(copy(&from, &conditions, ""));
            }
            Ok(pieces)
        }
    }
}

/// A condition for streams that are known by their ids: those that patterns match are chosen here.
fn wanted(layout: &Layout, streams: &StreamSelection) -> Option<String> {
    let stream = layout.stream_expression()?;
    let ids: Vec<String> = streams.exact()?.iter().map(|id| escape_literal(id)).collect();
    Some(format!("{stream} = ANY (ARRAY[{}]::text[])", ids.join(", ")))
}

/// A table that has rows itself.
struct Leaf {
    name: Name,
    blocks: i64,
    block_bytes: i64,
}

/// The table and what is below it: partitions, or tables that inherit from it.
async fn leaves(session: &Session, table: &Name) -> Result<Vec<Leaf>, QueryError> {
    let table = table.literal();
    let sql = format!(
        "WITH RECURSIVE below(oid) AS ( \
             SELECT {table}::regclass::oid \
             UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = below.oid) \
         SELECT nspname::text, relname::text, \
                pg_relation_size(c.oid) / current_setting('block_size')::bigint, \
                current_setting('block_size')::bigint \
         FROM below JOIN pg_class c USING (oid) JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE relkind = 'r' ORDER BY nspname, relname"
    );
    let rows = session.rows(&sql, "list the partitions").await?;
    let leaves = rows.iter().map(|row| Leaf {
        name: Name { namespace: row.get(0), relation: row.get(1) },
        blocks: row.get(2),
        block_bytes: row.get(3),
    });
    Ok(leaves.collect())
}

/// What the events take in the database, without indexes, in bytes.
pub(super) async fn bytes(moment: &Moment, layout: &Layout) -> Result<u64, QueryError> {
    let mut bytes = 0;
    for leaf in leaves(&moment.session, &layout.events).await? {
        let sql = format!("SELECT pg_table_size({}::regclass)", leaf.name.literal());
        let row = moment.session.row(&sql, "ask for the size of the events").await?;
        bytes += row.get::<_, i64>(0) as u64;
    }
    Ok(bytes)
}
