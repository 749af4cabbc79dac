//! The statements that copy events out, in the order in which their rows are wanted.
//!
//! A table is read in pieces of its blocks, a few at a time on connections of their own. Rows come in
//! the order of the table, which is that of their insertion but for space that was freed and used
//! again. Where positions are dealt in the order of commits, rows come in that order.
//!
//! Streams that are known by their ids are divided among the connections, each id in one statement,
//! and found by an index where the store has one.

use super::layout::{Layout, Name, Order, Part, Positions};
use super::moment::Moment;
use super::plan::WhichRows;
use super::query::{QueryError, Session};
use icecore::selection::StreamSelection;
use postgres_protocol::escape::escape_literal;

/// How much of a table one statement reads, in bytes.
const PIECE_BYTES: i64 = 64 << 20;
/// How many positions one statement reads.
const PIECE_POSITIONS: u64 = 1 << 16;
/// How many streams that an index finds one statement reads: few enough that the rows of one wait
/// in memory while those of the one before are taken.
const PIECE_STREAMS: usize = 1 << 9;
/// The version from which rows of some blocks are found without reading the others.
const BLOCK_RANGES_FROM: u32 = 14;

/// Statements that copy rows out.
#[derive(Debug, Default)]
pub(super) struct Statements {
    pub(super) sql: Vec<String>,
    /// The column by which each sorts its rows and by which those of all are to be merged. Without,
    /// rows are wanted as the statements are in order.
    pub(super) merged_by: Option<usize>,
}

/// The statements that copy these rows out, for so many connections.
pub(super) async fn statements(
    moment: &Moment,
    layout: &Layout,
    rows: &WhichRows,
    streams: &StreamSelection,
    connections: usize,
) -> Result<Statements, QueryError> {
    let mut selected = layout.expressions();
    if let WhichRows::Where { known, .. } = rows
        && !known.is_empty()
    {
        selected = format!("{selected}, {}", layout.identity_expression());
    }
    let copy = Copy { selected, layout };
    let ids = wanted(layout, streams);
    let mut merged_by = None;
    let sql = match (rows, &layout.order) {
        (WhichRows::Positions { from, end }, Order::Position(positions)) => match &ids {
            None => copy.positions(positions, *from..*end),
            Some(ids) => {
                merged_by = layout.columns.iter().position(|it| it.part == Part::Position);
                let parts = if merged_by.is_some() { connections } else { 1 };
                let pieces = ids.chunks(ids.len().div_ceil(parts).max(1));
                pieces.map(|ids| copy.positions_of(positions, *from..*end, ids)).collect()
            }
        },
        (WhichRows::Where { condition, .. }, _) => copy.fulfilling(condition, ids.as_deref()),
        (WhichRows::All | WhichRows::Positions { .. }, _) => match &ids {
            Some(ids) if is_indexed(&moment.session, layout).await? => {
                ids.chunks(PIECE_STREAMS).map(|ids| copy.streams(ids)).collect()
            }
            _ => {
                let leaves = leaves(&moment.session, &layout.events).await?;
                // A list is sent as few times as possible.
                let pieces_max = if ids.is_some() { Some(connections as i64) } else { None };
                copy.tables(&leaves, ids.as_deref(), moment.major_version, pieces_max)
            }
        },
    };
    Ok(Statements { sql, merged_by })
}

/// What all statements of a store have in common.
struct Copy<'a> {
    selected: String,
    layout: &'a Layout,
}

impl Copy<'_> {
    fn out(&self, from: &str, conditions: &[String], order: &str) -> String {
        let selected = &self.selected;
        let conditions = match conditions {
            [] => String::new(),
            conditions => format!(" WHERE {}", conditions.join(" AND ")),
        };
        format!("COPY (SELECT {selected} FROM {from}{conditions}{order}) TO STDOUT (FORMAT binary)")
    }

    /// All rows in the order of their positions.
    fn positions(&self, positions: &Positions, range: std::ops::Range<u64>) -> Vec<String> {
        let mut pieces = Vec::new();
        let mut piece = range.start;
        while piece < range.end {
            let piece_end = range.end.min(piece + PIECE_POSITIONS);
            pieces.push(self.positions_of(positions, piece..piece_end, &[]));
            piece = piece_end;
        }
        pieces
    }

    /// The same of some streams; of all if there are none.
    fn positions_of(
        &self,
        positions: &Positions,
        range: std::ops::Range<u64>,
        ids: &[&str],
    ) -> String {
        let (from_both, column) = (self.layout.events_at(positions), positions.column());
        let mut conditions: Vec<String> = self.is_one_of(Some(ids)).into_iter().collect();
        conditions.push(format!("{column} >= {} AND {column} < {}", range.start, range.end));
        self.out(&from_both, &conditions, &format!(" ORDER BY {column}"))
    }

    /// The rows that fulfil a condition.
    fn fulfilling(&self, condition: &str, ids: Option<&[&str]>) -> Vec<String> {
        if ids.is_some_and(<[_]>::is_empty) {
            return Vec::new();
        }
        let mut conditions: Vec<String> = self.is_one_of(ids).into_iter().collect();
        conditions.push(condition.to_owned());
        vec![self.out(&self.layout.all_events(), &conditions, &self.order())]
    }

    /// All rows of some streams, one stream after the other: whichever way the server finds them,
    /// they come in the same order.
    fn streams(&self, ids: &[&str]) -> String {
        let conditions: Vec<String> = self.is_one_of(Some(ids)).into_iter().collect();
        let of = |part| self.layout.columns.iter().find(|column| column.part == part);
        let by = [Part::Stream, Part::Version].into_iter().filter_map(of);
        let by: Vec<&str> = by.map(|column| column.expression.as_str()).collect();
        let order = format!(" ORDER BY {}", by.join(", "));
        self.out(&self.layout.all_events(), &conditions, &order)
    }

    /// All rows of these tables, each in at most so many pieces.
    fn tables(
        &self,
        leaves: &[Leaf],
        ids: Option<&[&str]>,
        major_version: u32,
        pieces_max: Option<i64>,
    ) -> Vec<String> {
        if ids.is_some_and(<[_]>::is_empty) {
            return Vec::new();
        }
        let conditions: Vec<String> = self.is_one_of(ids).into_iter().collect();
        let joins = self.layout.joins();
        let mut pieces = Vec::new();
        for table in leaves {
            let from = format!("ONLY {} e{joins}", table.name);
            let mut blocks_per_piece = (PIECE_BYTES / table.block_bytes).max(1);
            if let Some(pieces) = pieces_max {
                blocks_per_piece = blocks_per_piece.max(table.blocks / pieces + 1);
            }
            let mut block = 0;
            // What was appended after our moment is not visible: the last piece has no end.
            while major_version >= BLOCK_RANGES_FROM && block + blocks_per_piece < table.blocks {
                let next = block + blocks_per_piece;
                let mut conditions = conditions.clone();
                conditions.push(format!("e.ctid >= '({block},0)' AND e.ctid < '({next},0)'"));
                pieces.push(self.out(&from, &conditions, ""));
                block = next;
            }
            let mut conditions = conditions.clone();
            if block > 0 {
                conditions.push(format!("e.ctid >= '({block},0)'"));
            }
            pieces.push(self.out(&from, &conditions, ""));
        }
        pieces
    }

    /// The order in which the store deals its events, or that of the table: a server that reads with
    /// several processes would mix them.
    fn order(&self) -> String {
        match self.layout.sorted_by.as_slice() {
            [] => " ORDER BY e.tableoid, e.ctid".to_owned(),
            columns => format!(" ORDER BY {}", columns.join(", ")),
        }
    }

    /// A condition for these streams.
    fn is_one_of(&self, ids: Option<&[&str]>) -> Option<String> {
        let ids = ids.filter(|ids| !ids.is_empty())?;
        let stream = self.layout.stream_expression()?;
        // One constant, which is parsed once however long it is.
        let quoted = |id: &&str| format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""));
        let ids: Vec<String> = ids.iter().map(quoted).collect();
        let array = escape_literal(&format!("{{{}}}", ids.join(",")));
        Some(format!("{stream} = ANY ({}::text[])", array.trim_start()))
    }
}

/// The streams that the server chooses: those that are known by their ids. What patterns match is
/// chosen here.
fn wanted<'a>(layout: &Layout, streams: &'a StreamSelection) -> Option<Vec<&'a str>> {
    layout.stream_expression()?;
    let ids = streams.exact()?.iter().map(String::as_str);
    // No text in the database has a NUL.
    Some(ids.filter(|id| !id.contains('\0') && streams.includes(id)).collect())
}

/// Whether an index begins with what the stream is.
async fn is_indexed(session: &Session, layout: &Layout) -> Result<bool, QueryError> {
    let Some(stream) = layout.stream_expression() else { return Ok(false) };
    // A text that is cast to text is what it was.
    let column = stream.strip_suffix("::text").unwrap_or(stream);
    let Some(column) = column.strip_prefix("e.") else { return Ok(false) };
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_index i \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
         WHERE i.indrelid = {}::regclass AND i.indisvalid AND i.indpred IS NULL \
           AND a.atttypid IN ('text'::regtype, 'varchar'::regtype) \
           AND {} IN (a.attname, '\"' || replace(a.attname, '\"', '\"\"') || '\"'))",
        layout.events.literal(),
        escape_literal(column),
    );
    Ok(session.row(&sql, "look for an index of streams").await?.get(0))
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
