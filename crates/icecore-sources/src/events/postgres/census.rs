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

    /// Of events with these hashes.
    pub(super) fn of(identities: &[i64]) -> Self {
        Self {
            events: identities.len() as u64,
            identities: identities.iter().fold(0, |sum, hash| sum.wrapping_add(*hash as u64)),
        }
    }
}

/// Counts all events, and those that fulfil each of the conditions.
pub(super) async fn take<const N: usize>(
    session: &Session,
    layout: &Layout,
    conditions: [&str; N],
) -> Result<(Count, [Count; N]), QueryError> {
    let (events, identity) = (layout.all_events(), layout.identity_expression());
    let mut selected = format!("count(*), coalesce(sum({identity}), 0)::text");
    for condition in conditions {
        let of_them = format!("FILTER (WHERE {condition})");
        selected =
            format!("{selected}, count(*) {of_them}, coalesce(sum({identity}) {of_them}, 0)::text");
    }
    let row = session.row(&format!("SELECT {selected} FROM {events}"), "count the events").await?;
    let count = |at: usize| {
        let sum: i128 = row.get::<_, &str>(2 * at + 1).parse().unwrap_or_default();
        Count { events: row.get::<_, i64>(2 * at) as u64, identities: sum as u64 }
    };
    Ok((count(0), std::array::from_fn(|at| count(at + 1))))
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
