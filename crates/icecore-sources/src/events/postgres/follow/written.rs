//! The rows that transactions wrote, found by their keys and read as those of a backup are: by the
//! same expressions, so that an event has the same record whichever way it was read.

use super::super::copy::{self, RowSplitter};
use super::super::layout::{Layout, Order};
use super::super::query::Session;
use super::decoded::{RowKey, Transaction};
use super::known::Identified;
use super::log::TooMuch;
use super::requirements::KeyedTable;
use super::visibility::Visibility;
use futures::StreamExt;
use icecore::source::{SourceError, SourceErrorKind};
use postgres_protocol::escape::{escape_identifier, escape_literal};
use std::pin::pin;

/// What the rows of one transaction may take in memory, in bytes. A backup reads more than that, piece by
/// piece.
const BYTES_MAX: usize = 512 << 20;

/// What follows the columns of an event: its identity, the transaction that wrote it, its position or
/// -1, and which of the transactions that were asked for it is of.
const MARKS: usize = 4;
/// What these take at the end of a row: eight bytes each after a length of four.
const MARKS_BYTES: usize = MARKS * 12;

/// Rows of a transaction, without marks, as a backup copies them.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) rows: Vec<u8>,
    pub(super) events: Vec<Identified>,
}

/// The rows of these transactions, for each its own, at the moment that the session sees.
pub(super) async fn read(
    session: &Session,
    layout: &Layout,
    table: &KeyedTable,
    transactions: &[Transaction],
    visibility: &Visibility,
) -> Result<Result<Vec<Written>, TooMuch>, SourceError> {
    const STEP: &str = "copy the new events out";
    let sql = statement(layout, table, transactions);
    let mut written: Vec<Written> = transactions.iter().map(|_| Written::default()).collect();
    let mut messages = pin!(session.copy_out(&sql, STEP).await?);
    let mut splitter = RowSplitter::default();
    let mut bytes = 0;
    let mut take = |rows: &[u8]| -> Result<(), SourceError> {
        for row in copy::rows(rows) {
            take_row(row, visibility, &mut written).ok_or_else(not_as_asked)?;
        }
        Ok(())
    };
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| session.failed(STEP, error))?;
        splitter.push(&message).map_err(malformed)?;
        let (rows, _) = splitter.take();
        bytes += rows.len();
        if bytes > BYTES_MAX {
            return Ok(Err(TooMuch));
        }
        take(&rows)?;
    }
    take(&splitter.finish().map_err(malformed)?.0)?;
    Ok(Ok(written))
}

/// Takes a row to those of its transaction; `None` if it has no marks.
fn take_row(row: &[u8], visibility: &Visibility, written: &mut [Written]) -> Option<()> {
    let (count, rest) = row.split_first_chunk()?;
    let columns = usize::try_from(i16::from_be_bytes(*count)).ok()?.checked_sub(MARKS)?;
    let (values, marks) = rest.split_at_checked(rest.len().checked_sub(MARKS_BYTES)?)?;
    let mark = |index: usize| {
        let mark = marks.get(index * 12..)?.get(4..12)?;
        Some(i64::from_be_bytes(mark.try_into().ok()?))
    };
    let of = written.get_mut(usize::try_from(mark(3)?).ok()?)?;
    of.rows.extend_from_slice(&i16::try_from(columns).ok()?.to_be_bytes());
    of.rows.extend_from_slice(values);
    of.events.push(Identified {
        identity: mark(0)?,
        written_by: visibility.whole_number(mark(1)? as u32),
        position: u64::try_from(mark(2)?).ok(),
    });
    Some(())
}

fn statement(layout: &Layout, table: &KeyedTable, transactions: &[Transaction]) -> String {
    let rows = || transactions.iter().flat_map(|transaction| &transaction.rows);
    let mut arrays: Vec<String> = table
        .key_types
        .iter()
        .enumerate()
        .map(|(at, sql_type)| format!("{}::{sql_type}[]", array(rows(), at)))
        .collect();
    let numbers = transactions
        .iter()
        .enumerate()
        .flat_map(|(number, transaction)| transaction.rows.iter().map(move |_| number.to_string()));
    arrays.push(format!("'{{{}}}'::bigint[]", numbers.collect::<Vec<_>>().join(",")));
    let names: Vec<String> = (0..table.key.len()).map(|at| format!("key{at}")).collect();
    let is_it: Vec<String> = table
        .key
        .iter()
        .zip(&names)
        .map(|(column, name)| format!("e.{} = k.{name}", escape_identifier(column)))
        .collect();
    // In the order of their transactions; within one as a backup has them.
    let (position, order) = match &layout.order {
        Order::Table => ("-1".to_owned(), layout.sorted_by.clone()),
        Order::Position(positions) => (positions.column(), vec![positions.column()]),
    };
    let first = ["k.number".to_owned()].into_iter();
    let order: Vec<String> = first.chain(order).chain(["k.place".to_owned()]).collect();
    format!(
        "COPY (SELECT {selected}, {identity}, e.xmin::text::bigint, coalesce(({position})::bigint, -1), \
                      k.number \
               FROM unnest({arrays}) WITH ORDINALITY k({names}, number, place) \
               JOIN {events} e ON {is_it}{joins} \
               ORDER BY {order}) TO STDOUT (FORMAT binary)",
        order = order.join(", "),
        selected = layout.expressions(),
        identity = layout.identity_expression(),
        arrays = arrays.join(", "),
        names = names.join(", "),
        events = layout.events,
        is_it = is_it.join(" AND "),
        joins = layout.joins(),
    )
}

/// A column of keys, as a literal of an array.
fn array<'a>(rows: impl Iterator<Item = &'a RowKey>, column: usize) -> String {
    let mut array = String::from("{");
    for key in rows {
        if array.len() > 1 {
            array.push(',');
        }
        array.push('"');
        for character in key.get(column).map_or("", String::as_str).chars() {
            if matches!(character, '"' | '\\') {
                array.push('\\');
            }
            array.push(character);
        }
        array.push('"');
    }
    array.push('}');
    escape_literal(&array)
}

fn malformed(error: copy::NoCopy) -> SourceError {
    not_as_asked().because(error)
}

fn not_as_asked() -> SourceError {
    SourceError::new(SourceErrorKind::Unreadable, "cannot understand the server")
}
