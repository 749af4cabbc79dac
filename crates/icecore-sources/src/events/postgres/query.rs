//! Statements, and their failures in the words of who has to act on them.

use super::connect::{Connected, Ending};
use bytes::Bytes;
use icecore::source::{SourceError, SourceErrorKind};
use std::sync::Arc;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, CopyInSink, CopyOutStream, Row, Statement};

/// A connection to a server, in a transaction.
pub(super) struct Session {
    client: Client,
    /// The source's name, for messages.
    name: Arc<str>,
    ending: Ending,
}

/// A statement that failed.
#[derive(Debug, thiserror::Error)]
#[error("{name}: cannot {step}: {reason}")]
pub(super) struct QueryError {
    pub(super) name: Arc<str>,
    pub(super) step: &'static str,
    pub(super) reason: String,
    #[source]
    pub(super) source: tokio_postgres::Error,
}

impl From<QueryError> for SourceError {
    fn from(error: QueryError) -> Self {
        SourceError::new(SourceErrorKind::Unreadable, error.to_string()).because(error.source)
    }
}

impl Session {
    pub(super) fn new(client: Client, name: Arc<str>) -> Self {
        Self { client, name, ending: Ending::default() }
    }

    /// A session that says what ended its connection.
    pub(super) fn watched(connected: Connected, name: Arc<str>) -> Self {
        let Connected { client, ending } = connected;
        Self { client, name, ending }
    }

    /// Executes statements that give nothing.
    pub(super) async fn execute(&self, sql: &str, step: &'static str) -> Result<(), QueryError> {
        self.client.batch_execute(sql).await.map_err(|error| self.failed(step, error))
    }

    /// The rows that a statement gives.
    pub(super) async fn rows(&self, sql: &str, step: &'static str) -> Result<Vec<Row>, QueryError> {
        self.client.query(sql, &[]).await.map_err(|error| self.failed(step, error))
    }

    /// The row of a statement that always gives one.
    pub(super) async fn row(&self, sql: &str, step: &'static str) -> Result<Row, QueryError> {
        self.client.query_one(sql, &[]).await.map_err(|error| self.failed(step, error))
    }

    /// What a statement would give.
    pub(super) async fn describe(
        &self,
        sql: &str,
        step: &'static str,
    ) -> Result<Statement, QueryError> {
        self.client.prepare(sql).await.map_err(|error| self.failed(step, error))
    }

    /// Begins to copy out.
    pub(super) async fn copy_out(
        &self,
        sql: &str,
        step: &'static str,
    ) -> Result<CopyOutStream, QueryError> {
        self.client.copy_out(sql).await.map_err(|error| self.failed(step, error))
    }

    /// Begins to copy in.
    pub(super) async fn copy_in(
        &self,
        sql: &str,
        step: &'static str,
    ) -> Result<CopyInSink<Bytes>, QueryError> {
        self.client.copy_in(sql).await.map_err(|error| self.failed(step, error))
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn failed(&self, step: &'static str, error: tokio_postgres::Error) -> QueryError {
        let reason = match self.ending.get() {
            Some(ending) if error.as_db_error().is_none() => reason(ending),
            _ => reason(&error),
        };
        QueryError { name: Arc::clone(&self.name), step, reason, source: error }
    }
}

/// What happened, for somebody who does not know PostgreSQL's codes.
fn reason(error: &tokio_postgres::Error) -> String {
    let Some(database) = error.as_db_error() else {
        return "the connection to the server was lost".to_owned();
    };
    let message = database.message();
    match *database.code() {
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED
            if message.contains("recovery") =>
        {
            "the standby cancelled it, since the primary removed rows that it needed \
             (raise max_standby_streaming_delay there, or set hot_standby_feedback = on)"
                .to_owned()
        }
        SqlState::QUERY_CANCELED => {
            format!("the server cancelled it ({message}): an administrator did, or a timeout")
        }
        SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW => {
            format!("the server is shutting down or starting, or ended this session ({message})")
        }
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
            "the server ended the session, since it waited for longer than \
             idle_in_transaction_session_timeout"
                .to_owned()
        }
        SqlState::LOCK_NOT_AVAILABLE => {
            format!("{message}: somebody changes the tables, for longer than lock_timeout")
        }
        SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            format!("a text in the database is no UTF-8 ({message})")
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            format!("{message} (GRANT SELECT on it, and USAGE on its schema)")
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            format!("the database is damaged: {message}")
        }
        _ => message.to_owned(),
    }
}
