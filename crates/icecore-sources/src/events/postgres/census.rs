//! A count of a table at one moment, made by the server: how many events there are, and which.
//!
//! Which ones is told by the sum, modulo 2^64, of a hash of each event's identity (its id, stream and
//! version), which the server computes. Whether a row is new is told by the transaction that wrote it:
//! all transactions below the `xmin` of a snapshot were over when it was taken, so what they wrote was
//! visible, and what was not visible then was written by one that is not below it. That holds for
//! subtransactions, whose numbers are greater than that of what they are part of, and for prepared
//! ones, which count as running. Rows that were visible and written by transactions not below it are
//! the *recent* ones: the list of them is short, and is kept.
//!
//! Source: <https://www.postgresql.org/docs/current/functions-info.html>, "Transaction ID and
//! Snapshot Information Functions"; `xmin` of a row stays when it is frozen (since version 9.4).

use super::layout::Layout;
use super::query::{QueryError, Session};

/// Transactions by their full numbers: from `from` on, before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transactions {
    pub(super) from: u64,
    pub(super) end: u64,
}

/// Most transactions whose rows can be told from older ones by 32 bits of their numbers, with room to
/// spare.
const TRANSACTIONS_MAX: u64 = 1 << 31;

impl Transactions {
    /// A condition on rows of `e`: written by one of these. `None` if there are too many to tell.
    ///
    /// A row of four thousand million transactions ago may fulfil it too. It is found in the counts.
    pub(super) fn condition(self) -> Option<String> {
        let count = self.end.checked_sub(self.from).filter(|count| *count < TRANSACTIONS_MAX)?;
        let from = self.from & 0xffff_ffff;
        Some(format!("((e.xmin::text::bigint - {from}) & 4294967295) < {count}"))
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) events: u64,
    /// The hashes of their identities added up.
    pub(super) identities: u64,
}

impl Count {
    /// What is left without some of it.
    pub(super) fn without(self, other: Self) -> Option<Self> {
        Some(Self {
            events: self.events.checked_sub(other.events)?,
            identities: self.identities.wrapping_sub(other.identities),
        })
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            identities: self.identities.wrapping_add(other.identities),
        }
    }

    /// Of events with these hashes.
    pub(super) fn of(identities: &[i64]) -> Self {
        Self {
            events: identities.len() as u64,
            identities: identities.iter().fold(0, |sum, hash| sum.wrapping_add(*hash as u64)),
        }
    }
}

/// Those of the events that fulfil a condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) count: Count,
    /// The place of the first of their rows, as SQL takes it: none of them is before it, in whichever
    /// partition.
    pub(super) first_row: Option<String>,
}

impl Part {
    /// The condition that was counted, for those rows alone where it can hold: new ones are mostly at
    /// the end of a table, and what precedes them is not read again.
    pub(super) fn only(&self, condition: &str) -> String {
        let from =
            self.first_row.iter().map(|row| format!(" AND e.ctid >= '{row}'::pg_catalog.tid"));
        format!("{condition}{}", from.collect::<String>())
    }
}

/// Counts all events, and those that fulfil each of the conditions.
pub(super) async fn take<const N: usize>(
    session: &Session,
    layout: &Layout,
    conditions: [&str; N],
) -> Result<(Count, [Part; N]), QueryError> {
    let (events, identity) = (layout.all_events(), layout.identity_expression());
    let mut selected = format!("count(*), coalesce(sum({identity}), 0)::text");
    for condition in conditions {
        let of_them = format!("FILTER (WHERE {condition})");
        selected = format!(
            "{selected}, count(*) {of_them}, coalesce(sum({identity}) {of_them}, 0)::text, \
             (min(e.ctid) {of_them})::text"
        );
    }
    let row = session.row(&format!("SELECT {selected} FROM {events}"), "count the events").await?;
    let count = |column: usize| {
        let sum: i128 = row.get::<_, &str>(column + 1).parse().unwrap_or_default();
        Count { events: row.get::<_, i64>(column) as u64, identities: sum as u64 }
    };
    let part = |number: usize| {
        let column = 2 + 3 * number;
        Part { count: count(column), first_row: row.get(column + 2) }
    };
    Ok((count(0), std::array::from_fn(part)))
}

/// The identities of the events that fulfil a condition.
pub(super) async fn identities(
    session: &Session,
    layout: &Layout,
    condition: &str,
) -> Result<Vec<i64>, QueryError> {
    let (events, identity) = (layout.all_events(), layout.identity_expression());
    let sql = format!("SELECT {identity} FROM {events} WHERE {condition}");
    let rows = session.rows(&sql, "list the newest events").await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
