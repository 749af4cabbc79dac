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
        if count == 0 {
            return Some(NONE.to_owned());
        }
        let from = self.from & 0xffff_ffff;
        Some(format!("((e.xmin::text::bigint - {from}) & 4294967295) < {count}"))
    }
}

/// A condition that no row fulfils.
pub(super) const NONE: &str = "false";

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

/// Where a row is in its table: partitions each have a row at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    block: u32,
    line: u16,
}

impl Place {
    /// Reads what the server writes.
    fn parse(text: &str) -> Option<Self> {
        let (block, line) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
        Some(Self { block: block.parse().ok()?, line: line.parse().ok()? })
    }
}

/// Those of the events that fulfil a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) count: Count,
    /// None of their rows is before this place, in whichever partition.
    first_row: Option<Place>,
}

impl Part {
    /// The condition that was counted, for those rows alone where it can hold: new ones are mostly at
    /// the end of a table, and what precedes them is not read again.
    pub(super) fn only(&self, condition: &str) -> String {
        match self.first_row {
            None => condition.to_owned(),
            Some(Place { block, line }) => {
                format!("{condition} AND e.ctid >= '({block},{line})'::pg_catalog.tid")
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.count = self.count.and(other.count);
        self.first_row = self.first_row.into_iter().chain(other.first_row).min();
    }
}

/// Counts all events, and those that fulfil each of the conditions.
///
/// Rows are grouped by what they fulfil, and not counted once for each condition: the server would ask
/// each aggregate's condition of each row again, and asking takes longer than adding up.
pub(super) async fn take<const N: usize>(
    session: &Session,
    layout: &Layout,
    conditions: [&str; N],
) -> Result<(Count, [Part; N]), QueryError> {
    let (events, identity) = (layout.all_events(), layout.identity_expression());
    let mut sql = format!("SELECT count(*), coalesce(sum({identity}), 0)::text, min(e.ctid)::text");
    for condition in conditions {
        sql = format!("{sql}, {condition}");
    }
    sql = format!("{sql} FROM {events}");
    if N > 0 {
        let columns: Vec<String> = (0..N).map(|number| (4 + number).to_string()).collect();
        sql = format!("{sql} GROUP BY {}", columns.join(", "));
    }
    let (mut all, mut parts) = (Part::default(), [Part::default(); N]);
    for row in session.rows(&sql, "count the events").await? {
        let sum: i128 = row.get::<_, &str>(1).parse().unwrap_or_default();
        let group = Part {
            count: Count { events: row.get::<_, i64>(0) as u64, identities: sum as u64 },
            first_row: row.get::<_, Option<&str>>(2).and_then(Place::parse),
        };
        all.add(group);
        for (number, part) in parts.iter_mut().enumerate() {
            if row.get(3 + number) {
                part.add(group);
            }
        }
    }
    Ok((all.count, parts))
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
