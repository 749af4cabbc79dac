//! What alarms mean, and what to do about each.

use icecore::ledger::{Alarm, WitnessFinding};
use icecore::local::LocalState;
use icecore_format::RepositoryId;

/// What something means, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) means: String,
    pub(crate) to_do: String,
}

/// What an alarm means, and what to do about it.
pub(crate) fn alarm_advice(alarm: &Alarm, repository: RepositoryId, local: &LocalState) -> Advice {
    let (means, to_do) = match alarm {
        Alarm::Damaged { number } => (
            "the storage lost what was written there, or somebody wrote over it. What the entry said is not \
             known: a snapshot that it made is not listed, one that it hid is shown"
                .to_owned(),
            format!(
                "put {} back from a copy of the storage, or its first version in a bucket that keeps \
                 versions",
                object(*number)
            ),
        ),
        Alarm::Missing { number } => (
            "entries are only ever added, so somebody deleted it, or the storage lost it. The entries after \
             it show that it was there"
                .to_owned(),
            format!("put {} back from a copy of the storage, or remove its delete marker", object(*number)),
        ),
        Alarm::Fork { number } => (
            format!(
                "whoever wrote entry {number} had another entry before it. That one was replaced, or two \
                 copies of the repository were written to and mixed, or the storage took back what it had \
                 acknowledged"
            ),
            format!(
                "stop all that writes. Find out which copy of {} is the true one, and put it back; nothing of \
                 either is lost meanwhile",
                object(number.saturating_sub(1))
            ),
        ),
        Alarm::RolledBack { found, .. } => (
            "this machine has seen later entries. Somebody put an older copy of the repository there, or \
             deleted the newest entries: snapshots that were made since are not listed, and what was \
             forgotten since is shown"
                .to_owned(),
            format!(
                "if nobody did that on purpose, put {} and those after it back. {}",
                object(*found),
                accept(repository, local)
            ),
        ),
        Alarm::Replaced { .. } => (
            "this is another history than the one that this machine has seen: another repository with the same \
             keys, or entries that were replaced by somebody who has a key"
                .to_owned(),
            format!("compare with another machine that uses it. {}", accept(repository, local)),
        ),
        _ => ("the ledger is not what it should be".to_owned(), "add nothing to it".to_owned()),
    };
    Advice { means, to_do }
}

/// What a witness that does not fit means; nothing if it is harmless.
pub(crate) fn witness_advice(finding: &WitnessFinding) -> Option<Advice> {
    let (means, to_do) = match finding {
        WitnessFinding::BeyondEnd { number } => (
            "the entry was acknowledged, and is gone: the ledger was cut back, or the storage lost it".to_owned(),
            format!("put {} back from a copy of the storage, before anything is backed up", object(*number)),
        ),
        WitnessFinding::Differs { number } => (
            "what is stored is not what its author wrote: it was replaced, by somebody who has a key or with an \
             older copy"
                .to_owned(),
            format!(
                "compare {} and those before it with a copy of the storage, and with another machine that uses \
                 the repository",
                object(*number)
            ),
        ),
        // Witnesses are derived, and one that is damaged harms nothing.
        _ => return None,
    };
    Some(Advice { means, to_do })
}

/// How a state is accepted that this machine does not believe.
fn accept(repository: RepositoryId, local: &LocalState) -> String {
    match &local.state_directory {
        Some(state) => format!(
            "If it was done on purpose, remove {} to accept it",
            state.join(repository.to_string()).display()
        ),
        None => {
            "If it was done on purpose, this machine has to forget what it remembers".to_owned()
        }
    }
}

/// The object of an entry, where each has one of its own.
fn object(number: u64) -> String {
    format!("the object ledger/{number:020}")
}
