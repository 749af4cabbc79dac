//! Whether a session can do what is wanted of it.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNECT-TARGET-SESSION-ATTRS>.

use super::classify::classify;
use super::connect_error::ConnectError;
use super::servers::Server;
use super::settings::{ConnectionSettings, WantedSession};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Whether the server is a standby, and whether transactions only read.
const KIND: &str = "SELECT pg_catalog.pg_is_in_recovery(), \
    pg_catalog.current_setting('default_transaction_read_only')::bool";

/// Requires that a session is of the kind that is wanted.
pub(super) async fn require(
    client: &Client,
    wanted: WantedSession,
    server: &Server,
    settings: &ConnectionSettings,
) -> Result<(), ConnectError> {
    if matches!(wanted, WantedSession::Any | WantedSession::PreferStandby) {
        return Ok(());
    }
    let failed = |error| classify(error, server, settings);
    let messages = client.simple_query(KIND).await.map_err(failed)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let is_true = |column| row.and_then(|row| row.try_get(column).ok().flatten()) == Some("t");
    let is_standby = is_true(0);
    let only_reads = is_standby || is_true(1);
    let (fits, text) = match wanted {
        WantedSession::Any | WantedSession::PreferStandby => (true, "any"),
        WantedSession::ReadWrite => (!only_reads, "read-write"),
        WantedSession::ReadOnly => (only_reads, "read-only"),
        WantedSession::Primary => (!is_standby, "primary"),
        WantedSession::Standby => (is_standby, "standby"),
    };
    if fits {
        return Ok(());
    }
    let found = match (is_standby, only_reads) {
        (true, _) => "a standby",
        (false, true) => "a primary whose sessions only read",
        (false, false) => "a primary that takes writes",
    };
    Err(ConnectError::OtherSession { server: server.to_string(), found, wanted: text })
}
