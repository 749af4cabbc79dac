//! The server's log: where it ends, and the transactions in it.

use super::super::copy::{self, RowSplitter};
use super::super::moment::SETTINGS;
use super::super::query::{QueryError, Session};
use super::decoded::{Decoder, Transaction};
use super::requirements::KeyedTable;
use super::slot::Slot;
use futures::StreamExt;
use icecore::source::{SourceError, SourceErrorKind};
use std::pin::pin;
use tokio_postgres::types::PgLsn;

/// What the keys of decoded rows may take, in bytes: more than a million events of one transaction.
const KEY_BYTES_MAX: usize = 64 << 20;

/// Where the log ends, and which transactions are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// All transactions below were over before `inserted` was the end.
    pub(super) all_over_below: u64,
    pub(super) inserted: u64,
    /// As far as it is durable, which is as far as it is decoded.
    pub(super) flushed: u64,
}

impl End {
    pub(super) async fn read(session: &Session) -> Result<Self, QueryError> {
        // The snapshot of a statement is taken before its functions are called.
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, \
                          pg_current_wal_insert_lsn(), pg_current_wal_flush_lsn()";
        let row = session.row(sql, "ask where the log ends").await?;
        Ok(Self {
            all_over_below: row.get::<_, &str>(0).parse().unwrap_or(0),
            inserted: row.get::<_, PgLsn>(1).into(),
            flushed: row.get::<_, PgLsn>(2).into(),
        })
    }
}

/// What was decoded.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The wanted transactions, in the order of their commits.
    pub(super) transactions: Vec<Transaction>,
    /// Whether that is all up to the end of the log.
    pub(super) is_all: bool,
}

/// Transactions that do not fit into memory.
pub(super) struct TooMuch;

/// Decodes from where the slot begins, whole transactions until there are so many changes.
pub(super) async fn decode(
    session: &Session,
    slot: &Slot,
    table: &KeyedTable,
    changes: u64,
    wanted: impl Fn(u64, u32) -> bool,
) -> Result<Result<Decoded, TooMuch>, SourceError> {
    const STEP: &str = "decode new transactions";
    let name = &slot.name;
    session.execute(&format!("BEGIN READ ONLY; {SETTINGS}"), STEP).await?;
    let sql = format!(
        "COPY (SELECT data FROM pg_logical_slot_peek_binary_changes('{name}', NULL, {changes}, \
             'proto_version', '1', 'publication_names', '{name}')) TO STDOUT (FORMAT binary)"
    );
    let mut decoder = Decoder::new(table);
    let mut count = 0;
    let mut take = |rows: &[u8]| -> Result<bool, SourceError> {
        for row in copy::rows(rows) {
            count += 1;
            let message = copy::field(row, 0).ok_or_else(not_as_asked)?;
            decoder.push(message, &wanted).map_err(|error| not_as_asked().because(error))?;
        }
        Ok(decoder.key_bytes() <= KEY_BYTES_MAX)
    };
    let mut splitter = RowSplitter::default();
    {
        let mut messages = pin!(session.copy_out(&sql, STEP).await?);
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| session.failed(STEP, error))?;
            splitter.push(&message).map_err(|error| not_as_asked().because(error))?;
            if !take(&splitter.take().0)? {
                return Ok(Err(TooMuch));
            }
        }
    }
    let rest = splitter.finish().map_err(|error| not_as_asked().because(error))?;
    if !take(&rest.0)? {
        return Ok(Err(TooMuch));
    }
    session.execute("COMMIT", STEP).await?;
    Ok(Ok(Decoded { transactions: decoder.finish(), is_all: count < changes }))
}

fn not_as_asked() -> SourceError {
    SourceError::new(SourceErrorKind::Unreadable, "cannot understand what the server decoded")
}
