//! Which transactions a snapshot sees, by the numbers of their commits.
//!
//! Source: <https://www.postgresql.org/docs/current/functions-info.html>, "Snapshot components".

use super::super::query::{QueryError, Session};
use std::collections::BTreeSet;

/// What the server says of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visibility {
    /// All transactions below were over.
    pub(super) from: u64,
    /// None from here on was over.
    pub(super) end: u64,
    /// Those between that were not over, without subtransactions.
    running: BTreeSet<u64>,
}

impl Visibility {
    /// That of the transaction that a session is in, which has one for all its statements.
    pub(super) async fn read(session: &Session) -> Result<Self, QueryError> {
        const STEP: &str = "ask which transactions are seen";
        let row = session.row("SELECT pg_current_snapshot()::text", STEP).await?;
        Ok(Self::parse(row.get(0)).unwrap_or_else(Self::of_nothing))
    }

    /// `xmin:xmax:xip_list`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ':');
        let (from, end) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let running = parts.next()?.split(',').filter(|number| !number.is_empty());
        Some(Self { from, end, running: running.map(str::parse).collect::<Result<_, _>>().ok()? })
    }

    /// Sees no transaction.
    fn of_nothing() -> Self {
        Self { from: 0, end: 0, running: BTreeSet::new() }
    }

    /// Whether what this transaction wrote is seen, if it was committed. It is no subtransaction, and
    /// at most 2^31 transactions away, of whose number it has the lower 32 bits.
    pub(super) fn sees(&self, transaction: u32) -> bool {
        let transaction = self.whole_number(transaction);
        transaction < self.from || (transaction < self.end && !self.running.contains(&transaction))
    }

    /// The whole number of a transaction that is at most 2^31 away.
    pub(super) fn whole_number(&self, transaction: u32) -> u64 {
        let distance = transaction.wrapping_sub(self.end as u32) as i32;
        self.end.saturating_add_signed(distance.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_sees_what_was_over_when_it_was_taken() {
        let snapshot = Visibility::parse("10:20:10,14,15").unwrap();
        let seen: Vec<u32> = (0..25).filter(|number| snapshot.sees(*number)).collect();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 18, 19]);
        assert!(!Visibility::parse("7:7:").unwrap().sees(7));
        for text in ["", "10", "10:20", "10:20:x", "a:20:"] {
            assert_eq!(Visibility::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_goes_on_from_a_round_to_the_next() {
        let round: u64 = 1 << 32;
        let snapshot = Visibility::parse(&format!("{}:{}:{}", round - 4, round + 3, round + 1));
        let snapshot = snapshot.unwrap();
        assert_eq!(snapshot.whole_number(u32::MAX), round - 1);
        assert_eq!(snapshot.whole_number(7), round + 7);
        let numbers = [u32::MAX - 4, u32::MAX, 0, 1, 2, 3];
        assert_eq!(numbers.map(|it| snapshot.sees(it)), [true, true, true, false, true, false]);
    }
}
