//! Makes a store in another namespace than the one that its statements name.
//!
//! While they are executed, the one that is meant has the name that they know, and whatever has that
//! name has another. Nobody else sees it: renaming is part of the transaction.

use super::failure::unsuitable;
use crate::events::postgres::query::Session;
use icecore::target::TargetError;
use postgres_protocol::escape::{escape_identifier, escape_literal};

/// What a namespace is called while another has its name.
const ASIDE: &str = "icecore_aside";

/// Makes a namespace unless it is there.
pub(super) async fn make(session: &Session, namespace: &str) -> Result<(), TargetError> {
    if !exists(session, namespace).await? {
        let sql = format!("CREATE SCHEMA {}", escape_identifier(namespace));
        session.execute(&sql, "make the namespace").await?;
    }
    Ok(())
}

/// Executes statements that name the namespace `was` so that they mean `namespace`.
pub(super) async fn execute_in(
    session: &Session,
    was: &str,
    namespace: &str,
    statements: &str,
    step: &'static str,
) -> Result<(), TargetError> {
    const RENAME: &str = "rename a namespace meanwhile";
    if was == namespace {
        return Ok(session.execute(statements, step).await?);
    }
    let rename = |from: &str, to: &str| {
        let (from, to) = (escape_identifier(from), escape_identifier(to));
        format!("ALTER SCHEMA {from} RENAME TO {to}")
    };
    let is_taken = exists(session, was).await?;
    if is_taken {
        session.execute(&rename(was, ASIDE), RENAME).await?;
    }
    session.execute(&rename(namespace, was), RENAME).await?;
    session.execute(statements, step).await?;
    session.execute(&rename(was, namespace), RENAME).await?;
    if is_taken {
        session.execute(&rename(ASIDE, was), RENAME).await?;
    }
    Ok(())
}

/// Refuses functions whose own statements name the namespace that they came from.
pub(super) async fn require_no_mention(
    session: &Session,
    was: &str,
    namespace: &str,
) -> Result<(), TargetError> {
    if was == namespace {
        return Ok(());
    }
    let (namespace, mention) = (escape_literal(namespace), escape_literal(&format!("{was}.")));
    let sql = format!(
        "SELECT proname::text FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace \
         WHERE nspname = {namespace} AND position({mention} in prosrc) > 0 ORDER BY 1 LIMIT 1"
    );
    match session.rows(&sql, "look at the functions").await?.as_slice() {
        [] => Ok(()),
        [row, ..] => {
            let function: &str = row.get(0);
            Err(unsuitable(format!(
                "the store's function {function} names the namespace {was} in its statements, and would \
                 not work in another: restore it into {was}, or make an empty store in the other one"
            )))
        }
    }
}

async fn exists(session: &Session, namespace: &str) -> Result<bool, TargetError> {
    let name = escape_literal(&escape_identifier(namespace));
    let sql = format!("SELECT to_regnamespace({name}) IS NOT NULL");
    Ok(session.row(&sql, "look for the namespace").await?.get(0))
}
