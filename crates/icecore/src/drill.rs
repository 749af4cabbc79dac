//! Drills: what shows that a recovery gave what it should, beyond what every restore verifies.
//!
//! A drill recovers a source only to prove that it can be. What was recovered is tallied stream by
//! stream, and compared with the store that is in use. A tally does not depend on the order of events,
//! since a store may give them in another one.

mod compare;
mod tally;

pub use compare::{Comparison, Difference, LiveError, Sample, compare_with_live};
pub use tally::{StreamTally, Tally, tally};

use crate::error::ReadError;
use crate::ledger::{AppendError, Appended, LoggedContent};
use crate::repository::{ExclusiveError, Repository};
use icecore_format::Role;
use icecore_format::ledger::EntryBody;
use icecore_format::ledger::body::Drilled;

/// A drill that could not be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The role of the key cannot add anything.
    #[error("a {} key cannot add to the ledger", .0.name())]
    NotAllowed(Role),
    /// The storage is not to be written to.
    #[error(transparent)]
    Exclusive(#[from] ExclusiveError),
    /// The ledger did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Records a drill in the ledger; the number of its entry.
pub async fn record(repository: &Repository, drilled: &Drilled) -> Result<u64, RecordError> {
    let role = repository.keys.role;
    if role == Role::Reader {
        return Err(RecordError::NotAllowed(role));
    }
    repository.prove_exclusive().await?;
    loop {
        let mut ledger = repository.ledger().await;
        let prefix = ledger.prefix(None).await?;
        if let Appended::At(number) = prefix.append(EntryBody::from(drilled.clone())).await? {
            return Ok(number);
        }
    }
}

/// The newest drill of a source that is recorded, and the number of its entry. Goes through the ledger.
pub async fn newest(
    repository: &Repository,
    source: &str,
    kind: &str,
) -> Result<Option<(u64, Drilled)>, ReadError> {
    let log = repository.log().await?;
    Ok(log.into_iter().rev().find_map(|logged| match logged.content {
        LoggedContent::Valid(entry) => match entry.body {
            EntryBody::Drilled(drilled)
                if drilled.source == source && drilled.source_kind == kind =>
            {
                Some((logged.number, *drilled))
            }
            _ => None,
        },
        LoggedContent::Void { .. } => None,
    }))
}

#[cfg(test)]
mod tests;
