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
/// The version from which rows of some blocks are found without reading the others.
const BLOCK_RANGES_FROM: u32 = 14;

/// Statements that copy rows out.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) sql: Vec<String>,
    pub(super) sequence: Sequence,
    /// Whether each sorts its rows: where it does not, a server that reads with several processes
    /// would mix them.
    pub(super) are_sorted: bool,
}

/// How the rows of several statements follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// All of one, then all of the next.
    InTurn,
    /// Pieces of each in turn.
    Alternating,
    /// By a column of integers, by which each is sorted.
    MergedBy(usize),
}

impl Statements {
    /// None.
    pub(super) fn none() -> Self {
        Self { sql: Vec::new(), sequence: Sequence::InTurn, are_sorted: true }
    }
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
    let mut ids = wanted(layout, streams);
    if let Some(wanted) = &ids
        && !wanted.iter().all(|id| id.is_ascii())
        && !takes_any_text(&moment.session).await?
    {
        ids = None;
    }
    let parts = |ids: &[&str]| ids.len().div_ceil(connections).max(1);
    let in_turn = |sql, are_sorted| Statements { sql, sequence: Sequence::InTurn, are_sorted };
    Ok(match (rows, &layout.order, &ids) {
        (_, _, Some(ids)) if ids.is_empty() => Statements::none(),
        (WhichRows::Positions { from, end }, Order::Position(positions), Some(ids)) => {
            let copy = |ids: &[&str]| copy.positions_of(positions, *from..*end, ids);
            match layout.columns.iter().position(|column| column.part == Part::Position) {
                None => in_turn(vec![copy(ids)], true),
                Some(position) => Statements {
                    sql: ids.chunks(parts(ids)).map(copy).collect(),
                    sequence: Sequence::MergedBy(position),
                    are_sorted: true,
                },
            }
        }
        (WhichRows::Positions { from, end }, Order::Position(positions), None) => {
            in_turn(copy.positions(positions, *from..*end), true)
        }
        (WhichRows::Where { condition, .. }, ..) => {
            in_turn(vec![copy.fulfilling(condition, ids.as_deref())], true)
        }
        (_, _, Some(ids)) if is_indexed(&moment.session, layout).await? => {
            let sql = ids.chunks(parts(ids)).map(|ids| copy.streams(ids)).collect();
            Statements { sql, sequence: Sequence::Alternating, are_sorted: false }
        }
        (WhichRows::All | WhichRows::Positions { .. }, ..) => {
            let leaves = leaves(&moment.session, &layout.events).await?;
            // A list is sent as few times as possible.
            let pieces_max = ids.is_some().then_some(connections as i64);
            let sql = copy.tables(&leaves, ids.as_deref(), moment.major_version, pieces_max);
            in_turn(sql, false)
        }
    })
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
    fn fulfilling(&self, condition: &str, ids: Option<&[&str]>) -> String {
        let mut conditions: Vec<String> = self.is_one_of(ids).into_iter().collect();
        conditions.push(condition.to_owned());
        // The order in which the store deals its events, or that of the table.
        let order = match self.layout.sorted_by.as_slice() {
            [] => " ORDER BY e.tableoid, e.ctid".to_owned(),
            columns => format!(" ORDER BY {}", columns.join(", ")),
        };
        self.out(&self.layout.all_events(), &conditions, &order)
    }

    /// All rows of some streams. They are not sorted, since they may be many: those of one stream
    /// come by their versions out of an index, or as they lie in the table.
    fn streams(&self, ids: &[&str]) -> String {
        let conditions: Vec<String> = self.is_one_of(Some(ids)).into_iter().collect();
        self.out(&self.layout.all_events(), &conditions, "")
    }

    /// All rows of these tables, each in at most so many pieces.
    fn tables(
        &self,
        leaves: &[Leaf],
        ids: Option<&[&str]>,
        major_version: u32,
        pieces_max: Option<i64>,
    ) -> Vec<String> {
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

/// Whether the server takes ids that no text of the database can be: in others than these encodings
/// it refuses the statement.
async fn takes_any_text(session: &Session) -> Result<bool, QueryError> {
    let sql = "SELECT current_setting('server_encoding') IN ('UTF8', 'SQL_ASCII')";
    Ok(session.row(sql, "ask for the encoding").await?.get(0))
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
