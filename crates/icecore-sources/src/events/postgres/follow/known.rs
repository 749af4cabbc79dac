//! What is known of a store after each of the transactions that were followed: the token that a backup
//! goes on from as from that of another backup.
//!
//! Where what is new is told by transactions, an event that is not known yet was written by none below
//! `from`, and those that are known and were not written below it are kept: see
//! [`census`](super::super::census).

use super::super::census::Count;
use super::super::layout::Layout;
use super::super::query::{QueryError, Session};
use super::super::remembered::Remembered;
use super::super::token::{Known, ResumeToken};
use super::visibility::Visibility;
use icecore::source::Whole;
use icecore_format::record::Record as _;

/// An event, as the server tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identified {
    pub(super) identity: i64,
    /// The transaction that wrote its row, which may be a subtransaction.
    pub(super) written_by: u64,
    /// Its position, where positions tell what is new.
    pub(super) position: Option<u64>,
}

/// What is known.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    token: ResumeToken,
    /// The events that were not written below `from`.
    recent: Vec<Identified>,
}

impl Progress {
    /// What a plan knows, whose moment this session sees.
    pub(super) async fn begin(
        session: &Session,
        layout: &Layout,
        token: ResumeToken,
        visibility: &Visibility,
    ) -> Result<Self, QueryError> {
        let mut progress = Self { token, recent: Vec::new() };
        if let Known::Transactions { snapshot, recent, .. } = token.known
            && recent.events > 0
            && let Some(condition) = snapshot.condition()
        {
            let (events, identity) = (layout.all_events(), layout.identity_expression());
            let sql =
                format!("SELECT {identity}, e.xmin::text::bigint FROM {events} WHERE {condition}");
            let rows = session.rows(&sql, "list the newest events").await?;
            let event = |row: &tokio_postgres::Row| Identified {
                identity: row.get(0),
                written_by: visibility.whole_number(row.get::<_, i64>(1) as u32),
                position: None,
            };
            progress.recent = rows.iter().map(event).collect();
        }
        Ok(progress)
    }

    /// Takes events that were written, in their order, and are visible to a snapshot.
    pub(super) fn take(
        &mut self,
        written: &[Identified],
        visibility: &Visibility,
    ) -> Result<(), Whole> {
        match &mut self.token.known {
            Known::Transactions { snapshot, events, recent } => {
                snapshot.end = snapshot.end.max(visibility.end);
                for event in written {
                    let one = Count::of(&[event.identity]);
                    *events = events.and(one);
                    if event.written_by >= snapshot.from {
                        *recent = recent.and(one);
                        self.recent.push(*event);
                    }
                }
            }
            Known::Positions(known) => {
                for event in written {
                    let follows = known.last.is_none_or(|last| event.position == Some(last + 1));
                    let Some(position) = event.position.filter(|_| follows) else {
                        let last = known.last.unwrap_or_default();
                        return Err(Whole::Changed(format!("positions after {last} have gaps")));
                    };
                    known.last = Some(position);
                    known.identity = event.identity;
                    known.events += 1;
                }
            }
        }
        Ok(())
    }

    /// Notes that all is known of the transactions below this one.
    pub(super) fn all_known_below(&mut self, transaction: u64) {
        let Known::Transactions { snapshot, recent, .. } = &mut self.token.known else { return };
        if transaction <= snapshot.from {
            return;
        }
        snapshot.from = transaction;
        snapshot.end = snapshot.end.max(transaction);
        self.recent.retain(|event| event.written_by >= transaction);
        let identities: Vec<i64> = self.recent.iter().map(|event| event.identity).collect();
        *recent = Count::of(&identities);
    }

    /// What the next backup is told.
    pub(super) fn resume(&self) -> Vec<u8> {
        self.token.encode()
    }

    /// What this machine keeps for it.
    pub(super) fn kept(&self) -> Vec<u8> {
        let recent = self.recent.iter().map(|event| event.identity).collect();
        // What makes the tables is for backups alone: a flush comes every second.
        Remembered { recent, dump: None }.encode()
    }

    /// How many events are known.
    pub(super) fn events(&self) -> u64 {
        self.token.known.events()
    }
}
