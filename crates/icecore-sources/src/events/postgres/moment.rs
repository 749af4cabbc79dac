//! One moment of a database: a transaction that sees it, and what tells the server from others.
//!
//! The transaction only reads, and locks nothing that writers of events wait for. Its snapshot is
//! exported, so that more connections see the same.

use super::census::Transactions;
use super::connect::{ConnectionSettings, connect_watched};
use super::layout::Name;
use super::query::{QueryError, Session};
use icecore::source::{SourceError, SourceErrorKind};
use std::sync::Arc;

/// The oldest version whose functions are used here: it brought `pg_current_snapshot`.
const VERSION_MIN: u32 = 13;

/// What a transaction is set to: its statements take the time that they need, names mean what
/// PostgreSQL means by them, rows are not hidden silently, and a table is read from its beginning.
pub(super) const SETTINGS: &str = "\
    SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL search_path = ''; \
    SET LOCAL row_security = off; \
    SET LOCAL synchronize_seqscans = off; \
    SET LOCAL jit = off; \
    SET LOCAL TimeZone = 'UTC'; \
    SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; \
    SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'";

/// The version from which servers can look whether a client is there, and how they are told to: a
/// process that was killed leaves no statement behind, and no lock.
const CLIENT_CHECKS_FROM: u32 = 14;
const CLIENT_CHECKS: &str = "SET LOCAL client_connection_check_interval = '2s'";

/// Which server, database and table was read, and which of its histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) system: u64,
    pub(super) database: u32,
    pub(super) table: u32,
    pub(super) timeline: u32,
    pub(super) major_version: u32,
}

/// A moment that is being looked at.
pub(super) struct Moment {
    pub(super) session: Session,
    settings: ConnectionSettings,
    name: Arc<str>,
    exported: String,
    /// What makes the server look whether we are there; empty if it cannot.
    watch: &'static str,
    /// From the lowest transaction that is running to before the lowest that has not begun.
    pub(super) transactions: Transactions,
    pub(super) major_version: u32,
}

impl Moment {
    /// Fixes the moment.
    pub(super) async fn begin(settings: &ConnectionSettings) -> Result<Self, SourceError> {
        let name: Arc<str> = settings.name().into();
        let session = open(settings, &name).await?;
        session
            .execute(
                &format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {SETTINGS}"),
                "begin to read",
            )
            .await?;
        let version = session
            .row("SELECT current_setting('server_version_num')::int / 10000", "ask for the version")
            .await?
            .get::<_, i32>(0) as u32;
        if version < VERSION_MIN {
            let message = format!(
                "{name}: the server is PostgreSQL {version}, and icecore reads {VERSION_MIN} and newer"
            );
            return Err(SourceError::new(SourceErrorKind::Invalid, message));
        }
        let watch = if version >= CLIENT_CHECKS_FROM { watch_client(&session).await? } else { "" };
        let row = session
            .row(
                "SELECT pg_snapshot_xmin(now)::text, pg_snapshot_xmax(now)::text \
                 FROM pg_current_snapshot() now",
                "fix a moment",
            )
            .await?;
        let number = |at: usize| row.get::<_, &str>(at).parse().unwrap_or_default();
        let exported = session
            .row("SELECT pg_export_snapshot()", "export the snapshot")
            .await?
            .get::<_, String>(0);
        Ok(Self {
            session,
            settings: settings.clone(),
            name,
            exported,
            watch,
            transactions: Transactions { from: number(0), end: number(1) },
            major_version: version,
        })
    }

    /// Another connection that sees the same moment.
    pub(super) async fn another(&self) -> Result<Session, SourceError> {
        let session = open(&self.settings, &self.name).await?;
        let (snapshot, watch) = (&self.exported, self.watch);
        session
            .execute(
                &format!(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                     SET TRANSACTION SNAPSHOT '{snapshot}'; {SETTINGS}; {watch}"
                ),
                "read at the same moment on another connection",
            )
            .await?;
        Ok(session)
    }

    /// What tells the server and the table from others.
    pub(super) async fn server(&self, table: &Name) -> Result<Server, QueryError> {
        let row = self
            .session
            .row(
                &format!(
                    "SELECT (SELECT system_identifier::text FROM pg_control_system()), \
                            (SELECT oid FROM pg_database WHERE datname = current_database()), \
                            {}::regclass::oid, \
                            CASE WHEN pg_is_in_recovery() \
                                 THEN (SELECT timeline_id FROM pg_control_checkpoint()) \
                                 ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)) \
                                      ::bit(32)::int \
                            END",
                    table.literal()
                ),
                "identify the server",
            )
            .await?;
        Ok(Server {
            // It is signed in SQL, and a number of 64 bits.
            system: row.get::<_, &str>(0).parse::<i64>().unwrap_or_default() as u64,
            database: row.get(1),
            table: row.get(2),
            timeline: row.get::<_, i32>(3) as u32,
            major_version: self.major_version,
        })
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How its database is connected to.
    pub(super) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// The name of its snapshot, for others who want to see the same.
    pub(super) fn exported(&self) -> &str {
        &self.exported
    }
}

/// Has the server look, while a statement runs or waits, whether we are there; what does that. Some
/// platforms cannot.
async fn watch_client(session: &Session) -> Result<&'static str, QueryError> {
    const STEP: &str = "have the server look whether we are there";
    session.execute("SAVEPOINT before_watching", STEP).await?;
    if session.execute(CLIENT_CHECKS, STEP).await.is_ok() {
        session.execute("RELEASE before_watching", STEP).await?;
        return Ok(CLIENT_CHECKS);
    }
    session.execute("ROLLBACK TO before_watching; RELEASE before_watching", STEP).await?;
    Ok("")
}

/// A connection, before any transaction.
pub(super) async fn open(
    settings: &ConnectionSettings,
    name: &Arc<str>,
) -> Result<Session, SourceError> {
    let connected = connect_watched(settings).await.map_err(|error| {
        SourceError::new(SourceErrorKind::Unreadable, format!("cannot open {name}")).because(error)
    })?;
    Ok(Session::watched(connected, Arc::clone(name)))
}
