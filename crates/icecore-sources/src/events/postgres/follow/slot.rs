//! The replication slot of a source: from where on the server keeps its log, so that no transaction
//! is missed.
//!
//! There is one, of a name that follows from what is read, so a follower finds that of the one before.
//! It is there only if every transaction that ran when it was made is over: whatever is not visible
//! later is committed after the place where the slot begins.

use super::super::layout::Layout;
use super::super::query::{QueryError, Session};
use super::publication::{self, Published};
use super::requirements::WhyNot;
use blake3::Hasher;
use icecore::selection::StreamSelection;
use std::time::Duration;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::types::PgLsn;

/// How long making a slot may wait for transactions that run, in seconds: a session that somebody
/// forgot must not hold up a follower for ever.
const BEGIN_PATIENCE_SECONDS: u32 = 20;

/// How often it is looked whether they are over.
const BEGIN_POLL: Duration = Duration::from_millis(20);

/// The share of what a slot may keep from which that is told, in percent: there is time to act.
const MUCH_PERCENT: u64 = 50;

/// A slot, and the publication of the same name.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) name: String,
}

/// What was found when a follower began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotFound {
    /// The slot of the follower before.
    Usable,
    /// None, so one was made.
    Made,
    /// One that cannot be decoded from, in the place of which another was made.
    MadeAnew(Unusable),
}

/// Why a slot cannot be decoded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The server gave it up, since it kept too much of the log.
    Lost,
    /// It is for something else.
    Other,
}

impl Unusable {
    /// The same for people.
    pub(super) fn said(self, slot: &str) -> String {
        match self {
            Self::Lost => format!(
                "the server gave the replication slot {slot} up, since that kept more of the log than \
                 max_slot_wal_keep_size"
            ),
            Self::Other => format!("the replication slot {slot} was made for something else"),
        }
    }
}

/// How much of the log a slot keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retained {
    pub(super) bytes: u64,
    /// What it may keep before it is lost; `None` if that has no limit.
    pub(super) bytes_max: Option<u64>,
}

impl Retained {
    /// Whether it is so much that somebody should know.
    pub(super) fn is_much(self) -> bool {
        self.bytes_max.is_some_and(|max| self.bytes >= max / 100 * MUCH_PERCENT)
    }
}

impl Slot {
    /// That of these streams of a store.
    pub(super) async fn of(
        session: &Session,
        layout: &Layout,
        streams: &StreamSelection,
    ) -> Result<Self, QueryError> {
        let row = session.row("SELECT current_database()::text", "ask for the database").await?;
        let (database, table): (&str, _) = (row.get(0), layout.events.to_string());
        let mut hasher = Hasher::new();
        let texts = [database, &table].into_iter();
        for text in texts.chain(streams.patterns().iter().map(String::as_str)) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        Ok(Self { name: format!("icecore_{:016x}", u64::from_be_bytes(id)) })
    }

    /// Sees to it that both are there and of use; otherwise says why they cannot be.
    pub(super) async fn ensure(
        &self,
        session: &Session,
        layout: &Layout,
        major_version: u32,
    ) -> Result<Result<SlotFound, WhyNot>, QueryError> {
        let limit = format!("SET statement_timeout = '{BEGIN_PATIENCE_SECONDS}s'");
        session.execute(&limit, "limit how long it takes to begin").await?;
        let ensured = match self.ensure_both(session, layout, major_version).await {
            Err(error) if is_refusal(&error) => Err(error.to_string()),
            ensured => ensured?,
        };
        session.execute("SET statement_timeout = 0", "take that limit away").await?;
        Ok(ensured)
    }

    async fn ensure_both(
        &self,
        session: &Session,
        layout: &Layout,
        major_version: u32,
    ) -> Result<Result<SlotFound, WhyNot>, QueryError> {
        let name = &self.name;
        match publication::look(session, name, layout, major_version).await? {
            Published::All => {}
            Published::Otherwise => {
                let events = &layout.events;
                let why = format!("publication {name} does not tell all that happens to {events}");
                return Ok(Err(why));
            }
            Published::No => {
                // Decoding looks for the publication as it was at each transaction: none is found at
                // those since a slot of before.
                self.drop_if_there(session).await?;
                let statement = publication::statement(name, layout);
                if let Err(error) = session.execute(&statement, "publish the events").await {
                    if !is_refusal(&error) {
                        return Err(error);
                    }
                    return Ok(Err(format!("{error} (its owner can: {statement})")));
                }
            }
        }
        let found = match self.look(session).await? {
            Some(Ok(())) => return Ok(Ok(SlotFound::Usable)),
            Some(Err(why)) => SlotFound::MadeAnew(why),
            None => SlotFound::Made,
        };
        self.drop_if_there(session).await?;
        Ok(self.make(session).await?.map(|()| found))
    }

    /// Makes the slot, under its name only when all transactions are over that ran when it was made.
    async fn make(&self, session: &Session) -> Result<Result<(), WhyNot>, QueryError> {
        const STEP: &str = "wait for the transactions that run";
        let (name, temporary) = (&self.name, format!("{}_made", self.name));
        let sql =
            format!("SELECT pg_create_logical_replication_slot('{temporary}', 'pgoutput', true)");
        session.row(&sql, "make a replication slot").await?;
        let row = session.row("SELECT pg_current_xact_id()::text", STEP).await?;
        let newest: u64 = row.get::<_, &str>(0).parse().unwrap_or(u64::MAX);
        let began = tokio::time::Instant::now();
        let patience = Duration::from_secs(BEGIN_PATIENCE_SECONDS.into());
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";
        while session.row(sql, STEP).await?.get::<_, &str>(0).parse().unwrap_or(0) < newest {
            if began.elapsed() > patience {
                drop_if_there(session, &temporary).await?;
                let seconds = BEGIN_PATIENCE_SECONDS;
                let why = format!("a transaction has run for more than {seconds} seconds");
                return Ok(Err(why));
            }
            tokio::time::sleep(BEGIN_POLL).await;
        }
        let sql =
            format!("SELECT pg_copy_logical_replication_slot('{temporary}', '{name}', false)");
        session.row(&sql, "give the replication slot its name").await?;
        drop_if_there(session, &temporary).await?;
        Ok(Ok(()))
    }

    /// Whether the slot can be decoded from; `None` if there is none.
    pub(super) async fn look(
        &self,
        session: &Session,
    ) -> Result<Option<Result<(), Unusable>>, QueryError> {
        let sql = format!(
            "SELECT coalesce(plugin = 'pgoutput' AND database = current_database() \
                AND NOT temporary, false), coalesce(wal_status = 'lost', false) \
             FROM pg_replication_slots WHERE slot_name = '{}'",
            self.name
        );
        let rows = session.rows(&sql, "look for the replication slot").await?;
        Ok(rows.first().map(|row| match (row.get(0), row.get(1)) {
            (true, false) => Ok(()),
            (true, true) => Err(Unusable::Lost),
            (false, _) => Err(Unusable::Other),
        }))
    }

    /// Drops the slot; whether it was there.
    pub(super) async fn drop_if_there(&self, session: &Session) -> Result<bool, QueryError> {
        drop_if_there(session, &self.name).await
    }

    /// Drops both; whether anything was there.
    pub(super) async fn forget(&self, session: &Session) -> Result<bool, QueryError> {
        let had_slot = self.drop_if_there(session).await?;
        let sql = format!("SELECT FROM pg_publication WHERE pubname = '{}'", self.name);
        let had_publication = !session.rows(&sql, "look for the publication").await?.is_empty();
        if had_publication {
            let sql = format!("DROP PUBLICATION IF EXISTS {}", self.name);
            session.execute(&sql, "drop the publication").await?;
        }
        Ok(had_slot || had_publication)
    }

    /// Has the server keep nothing before this place any more.
    pub(super) async fn advance(&self, session: &Session, to: u64) -> Result<(), QueryError> {
        let (name, to) = (&self.name, PgLsn::from(to));
        let sql = format!(
            "SELECT pg_replication_slot_advance(slot_name, '{to}') FROM pg_replication_slots \
             WHERE slot_name = '{name}' AND confirmed_flush_lsn < '{to}'"
        );
        session.rows(&sql, "let go of the log").await.map(drop)
    }

    /// How much of the log it keeps.
    pub(super) async fn retained(&self, session: &Session) -> Result<Retained, QueryError> {
        let sql = format!(
            "SELECT coalesce(pg_current_wal_lsn() - restart_lsn, 0)::bigint, \
                (SELECT nullif(setting::bigint, -1) * 1048576 FROM pg_settings \
                 WHERE name = 'max_slot_wal_keep_size') \
             FROM pg_replication_slots WHERE slot_name = '{}'",
            self.name
        );
        let rows = session.rows(&sql, "ask how much of the log is kept").await?;
        let (bytes, bytes_max) = rows.first().map_or((0, None), |row| (row.get(0), row.get(1)));
        let bytes_max: Option<i64> = bytes_max;
        let bytes: i64 = bytes;
        Ok(Retained { bytes: bytes as u64, bytes_max: bytes_max.map(|bytes| bytes as u64) })
    }
}

/// Drops a slot; whether it was there.
async fn drop_if_there(session: &Session, name: &str) -> Result<bool, QueryError> {
    let sql = format!(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
         WHERE slot_name = '{name}'"
    );
    Ok(!session.rows(&sql, "drop a replication slot").await?.is_empty())
}

/// Whether the server does not do what it was asked, and would not the next time.
fn is_refusal(error: &QueryError) -> bool {
    let code = error.source.as_db_error().map(DbError::code);
    code.is_some_and(|code| *code == SqlState::QUERY_CANCELED || !code.code().starts_with("57"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_a_slot_may_keep_is_much() {
        let is_much = |bytes, bytes_max| Retained { bytes, bytes_max }.is_much();
        assert!(!is_much(49 << 20, Some(100 << 20)));
        assert!(is_much(50 << 20, Some(100 << 20)));
        assert!(!is_much(u64::MAX, None));
    }
}
