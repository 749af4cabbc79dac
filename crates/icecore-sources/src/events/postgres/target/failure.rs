//! Statements that fail while a store is written, in the words of who has to act on them.

use crate::events::postgres::query::QueryError;
use icecore::target::{TargetError, TargetErrorKind};
use tokio_postgres::error::SqlState;

/// Classes of errors that are about values: numbers, texts and constraints that they break.
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const OF_VALUES: [&str; 2] = ["22", "23"];

/// What tables may need that is not made with them: types and functions.
const MISSING: [SqlState; 2] = [SqlState::UNDEFINED_OBJECT, SqlState::UNDEFINED_FUNCTION];

/// The store cannot hold what the snapshot has.
pub(super) fn unsuitable(message: impl Into<String>) -> TargetError {
    TargetError::new(TargetErrorKind::Unsuitable, message)
}

/// An event cannot be there twice.
pub(super) fn of_another_stream(store: &str, id: &str, stream: &str) -> TargetError {
    let message = format!(
        "{store}: event {id} is there already, in stream '{stream}', and an event's id can be in a \
         store only once: the stream was restored under another id before, or its original is there"
    );
    TargetError::new(TargetErrorKind::EventIsThere, message)
}

impl From<QueryError> for TargetError {
    fn from(error: QueryError) -> Self {
        let (step, name) = (error.step, &error.name);
        let Some(database) = error.source.as_db_error() else {
            return Self::new(TargetErrorKind::Unwritable, error.to_string()).because(error.source);
        };
        let code = database.code();
        let (kind, reason) = if OF_VALUES.iter().any(|class| code.code().starts_with(class)) {
            (TargetErrorKind::Unsuitable, of_value(database))
        } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
            let needed = "the user that restores must own the store's tables, or may create them";
            (TargetErrorKind::Unwritable, format!("{} ({needed})", database.message()))
        } else if MISSING.contains(code) {
            let needed = "make it there first; if it belongs to an extension: CREATE EXTENSION";
            (TargetErrorKind::Unsuitable, format!("{} ({needed})", database.message()))
        } else if *code == SqlState::LOCK_NOT_AVAILABLE {
            let reason = "something else uses the store's tables: stop what writes to them";
            (TargetErrorKind::Unwritable, reason.to_owned())
        } else {
            (TargetErrorKind::Unwritable, error.reason.clone())
        };
        Self::new(kind, format!("{name}: cannot {step}: {reason}")).because(error.source)
    }
}

/// What is wrong with a value, and where it is.
fn of_value(database: &tokio_postgres::error::DbError) -> String {
    let mut reason = database.message().to_owned();
    for more in [database.detail(), database.where_()].into_iter().flatten() {
        reason = format!("{reason}; {more}");
    }
    reason
}
