//! Compares what is in the tables of a store with what was sent: by counts and hashes that the server
//! computes, or by reading all of it back.

use super::columns::Columns;
use super::frame::Sum;
use super::load::{Tally, Written};
use super::store::Load;
use crate::events::postgres::copy::{RowSplitter, rows};
use crate::events::postgres::layout::Name;
use crate::events::postgres::query::{QueryError, Session};
use crate::events::postgres::value::Encoding;
use futures::TryStreamExt;
use icecore::target::{TargetError, TargetErrorKind, Verification};

/// How much of what is read back is looked at before others get their turn, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// What is to be compared.
pub(super) struct Restored<'a> {
    pub(super) events: &'a Name,
    pub(super) columns: &'a Columns,
    /// Which events were restored, if others were there.
    pub(super) beside: Option<&'a str>,
    pub(super) written: &'a Written,
}

/// Rows of a table: a query, and what it gives.
struct Selected {
    query: String,
    /// The names of its columns, as SQL takes them, and how their values are sent.
    columns: Vec<(String, Encoding)>,
}

/// Compares events, their positions, and the tables beside them.
pub(super) async fn verify(
    session: &Session,
    restored: &Restored<'_>,
    loads: impl Iterator<Item = &Load>,
    verification: Verification,
) -> Result<(), TargetError> {
    let Restored { events, columns, beside, written } = restored;
    let name = session.name();
    let differs = |what: String| {
        let message = format!("{name}: what was read back is not what was written: {what}");
        TargetError::new(TargetErrorKind::Differs, message)
    };
    let mut tables = vec![(events.to_string(), Selected::events(columns, *beside), written.events)];
    if let Some(it) = columns.positions.as_ref().filter(|_| beside.is_none()) {
        let selected = Selected {
            query: format!("SELECT {}, {} FROM {}", it.column, it.shared, it.table),
            columns: vec![
                (it.column.clone(), it.encoding),
                (it.shared.clone(), it.shared_encoding),
            ],
        };
        tables.push((it.table.clone(), selected, written.positions));
    }
    for (table, selected, expected) in tables {
        let found = match verification {
            Verification::Hashes => selected.hashed_by_the_server(session).await?,
            Verification::ReadBack => selected.read_back(session).await?,
        };
        if found.rows != expected.rows {
            let (found, expected) = (found.rows, expected.rows);
            return Err(differs(format!("{table} has {found} rows of {expected}")));
        }
        if found != expected {
            return Err(differs(format!("a row of {table} differs")));
        }
    }
    for load in loads {
        let (table, list) = (&load.table.name, load.list());
        let condition = load.table.condition.iter().map(|condition| format!(" WHERE {condition}"));
        let condition: String = condition.collect();
        let sql =
            format!("COPY (SELECT {list} FROM {table} k{condition}) TO STDOUT (ENCODING 'UTF8')");
        let found = read(session, &sql).await?;
        let (found, expected) = (lines(&found), lines(&load.rows));
        let is_same =
            if load.is_verbatim { found == expected } else { found.len() == expected.len() };
        if !is_same {
            return Err(differs(format!("{table} differs")));
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

async fn read(session: &Session, sql: &str) -> Result<Vec<u8>, QueryError> {
    const STEP: &str = "read a table back";
    let stream = session.copy_out(sql, STEP).await?;
    stream
        .try_fold(Vec::new(), |mut content, bytes| async move {
            content.extend_from_slice(&bytes);
            Ok(content)
        })
        .await
        .map_err(|error| session.failed(STEP, error))
}

impl Selected {
    /// All events; beside others, those that were restored, and what was not dealt to them anew.
    fn events(columns: &Columns, beside: Option<&str>) -> Self {
        let compared = columns.compared(beside.is_some());
        Self {
            query: match beside {
                Some(condition) => columns.query_beside(condition),
                None => columns.query(),
            },
            columns: compared.map(|column| (column.identifier.clone(), column.encoding)).collect(),
        }
    }

    /// Has the server count and hash the rows: with all its processes, and nothing is sent.
    async fn hashed_by_the_server(&self, session: &Session) -> Result<Tally, TargetError> {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, encoding)| format!("r.{name}::pg_catalog.{}", encoding.sql_type().name()))
            .collect();
        let sql = format!(
            "SELECT count(*), coalesce(sum(('x' || left(encode(sha256(record_send(ROW({}))), \
             'hex'), 16))::bit(64)::bigint), 0)::text FROM ({}) r",
            columns.join(", "),
            self.query
        );
        let row = session.row(&sql, "hash the events").await?;
        let sum: i128 = row.get::<_, &str>(1).parse().unwrap_or_default();
        Ok(Tally { rows: row.get::<_, i64>(0) as u64, sum: Sum(sum as u64) })
    }

    /// Reads the rows, and counts and hashes them.
    async fn read_back(&self, session: &Session) -> Result<Tally, TargetError> {
        const STEP: &str = "read events back";
        let malformed = |error| {
            TargetError::new(TargetErrorKind::Unwritable, "cannot understand the server")
                .because(error)
        };
        let types: Vec<u32> = self.columns.iter().map(|(_, it)| it.type_number()).collect();
        let take = |tally: &mut Tally, piece: &[u8], count: u64| {
            tally.rows += count;
            rows(piece).for_each(|row| tally.sum.add(row, &types));
        };
        let sql = format!("COPY ({}) TO STDOUT (FORMAT binary)", self.query);
        let mut messages = Box::pin(session.copy_out(&sql, STEP).await?);
        let mut splitter = RowSplitter::default();
        let mut tally = Tally::default();
        while let Some(message) =
            messages.try_next().await.map_err(|error| session.failed(STEP, error))?
        {
            splitter.push(&message).map_err(malformed)?;
            if splitter.whole_bytes() >= PIECE_BYTES {
                let (piece, count) = splitter.take();
                take(&mut tally, &piece, count);
                tokio::task::yield_now().await;
            }
        }
        let (piece, count) = splitter.finish().map_err(malformed)?;
        take(&mut tally, &piece, count);
        Ok(tally)
    }
}
