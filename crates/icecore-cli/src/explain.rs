//! What to do about an error: its exit code, and a hint. All of both are here.
//!
//! Exit codes are a promise: docs/scripting.md.

mod alarms;
mod keys;
mod recovery;
mod retention;

pub(crate) use alarms::{Advice, alarm_advice, witness_advice};

use crate::commands::drill::ScratchError;
use crate::error::CommandError;
use crate::password::PasswordError;
#[cfg(feature = "serve")]
use crate::serve::ServeError;
use crate::stream_list::StreamListError;
use icecore::backup::BackupError;
use icecore::check::CheckError;
use icecore::error::ReadError;
use icecore::follow::FollowError;
use icecore::ledger::{Alarm, AppendError};
use icecore::local::LocalState;
use icecore::prune::PruneError;
use icecore::repository::{ExclusiveError, InitError, OpenError};
use icecore::restore::{RestoreError, RestoreStep};
use icecore::session::SessionError;
use icecore::snapshots::FindError;
use icecore::source::{SourceError, SourceErrorKind};
use icecore::tail::OpenError as TailError;
use icecore::target::TargetErrorKind;
use icecore_format::{DecodeError, RepositoryId};
#[cfg(feature = "object-storage")]
use icecore_store::LeaseError;
use icecore_store::{Operation, StoreError, StoreErrorKind};

/// It did not work, or damage was found.
const FAILED: u8 = 1;
/// The arguments make no sense; also what clap says.
pub(crate) const USAGE: u8 = 2;
/// A snapshot was made, and part of the source could not be read.
const INCOMPLETE: u8 = 3;
/// There is no repository.
const NO_REPOSITORY: u8 = 10;
/// Another writer was in the way.
pub(crate) const CONCURRENCY: u8 = 11;
/// The password opens nothing.
const WRONG_PASSWORD: u8 = 12;
/// Somebody asked to stop, and it did.
pub(crate) const INTERRUPTED: u8 = 130;

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    /// The exit code.
    pub(crate) code: u8,
    /// The way out, where there is one.
    pub(crate) hint: Option<String>,
}

/// Says what to do about `error`.
pub(crate) fn explain(error: &CommandError) -> Explanation {
    match error {
        CommandError::Usage(_) => of(USAGE, "`icecore help` lists commands and options"),
        CommandError::NoPlace => of(USAGE, "say --repo PATH, or set ICECORE_REPOSITORY"),
        CommandError::Pattern(_) => {
            of(USAGE, "a backslash before any of * ? [ ] { } takes it as it is")
        }
        CommandError::StreamList(StreamListError::Read { .. }) => silent(FAILED),
        CommandError::StreamList(_) => {
            of(USAGE, "it has one id a line, as `icecore streams` lists")
        }
        #[cfg(feature = "postgres")]
        CommandError::PostgresSettings(_) => Explanation { code: USAGE, hint: None },
        CommandError::Password(error) => explain_password(error),
        CommandError::Store(error) => explain_store(error),
        #[cfg(feature = "object-storage")]
        CommandError::Lease(error) => explain_lease(error),
        #[cfg(feature = "object-storage")]
        CommandError::LeaseLost(_) => of(
            CONCURRENCY,
            "what was acknowledged before counts, and nothing was written since; run it again",
        ),
        CommandError::Init(error) => explain_init(error),
        CommandError::Open(error) => explain_open(error),
        CommandError::Find(error) => explain_find(error),
        CommandError::Backup(error) => explain_backup(error),
        CommandError::Follow(error) => explain_follow(error),
        CommandError::Forget(error) => retention::explain_forget(error),
        CommandError::Key(error) => keys::explain_key(error),
        CommandError::Code(_) | CommandError::CodeFile { .. } => silent(FAILED),
        CommandError::Restore(error) => explain_restore(error),
        CommandError::States(error) => recovery::explain_states(error),
        CommandError::Recover(error) => recovery::explain_recover(error),
        CommandError::Check(CheckError::Stopped(_)) | CommandError::Interrupted => {
            silent(INTERRUPTED)
        }
        CommandError::Check(CheckError::Read(error)) | CommandError::Read(error) => {
            explain_read(error)
        }
        CommandError::Prune(error) => explain_prune(error),
        CommandError::Damaged { .. } => of(
            FAILED,
            "delete nothing: streams that are not damaged can still be restored, and a repair \
             needs what is left",
        ),
        CommandError::LedgerAlarms { .. } => of(
            FAILED,
            "each says what it means and what to do; until then nothing is added, and reading works",
        ),
        CommandError::TailGaps { .. } => of(
            FAILED,
            "recovery does not cross a gap; `icecore backup events` has what the source still has",
        ),
        CommandError::NotProven { .. } => of(
            FAILED,
            "`icecore check --read-data` tells whether the repository is damaged; the report says \
             which checks failed",
        ),
        CommandError::Scratch(error) => explain_scratch(error),
        CommandError::CheckFile { .. } | CommandError::Report { .. } => silent(FAILED),
        CommandError::Incomplete { .. } => {
            of(INCOMPLETE, "the snapshot is committed, and has all that was not warned of")
        }
        CommandError::Pages { .. } | CommandError::Output(_) | CommandError::Runtime(_) => {
            silent(FAILED)
        }
        #[cfg(feature = "serve")]
        CommandError::Serve(error) => explain_serve(error),
        #[cfg(feature = "sqlite")]
        CommandError::Demo(error) => explain_demo(error),
        // Of enums that other crates may extend.
        CommandError::Check(_) => silent(FAILED),
    }
}

/// Says what to do about a sign that the ledger was damaged or tampered with.
pub(crate) fn alarm_hint(alarm: &Alarm, repository: RepositoryId, local: &LocalState) -> String {
    let memory = local
        .state_directory
        .as_ref()
        .map(|state| state.join(repository.to_string()).display().to_string());
    match (alarm, memory) {
        (Alarm::RolledBack { .. } | Alarm::Replaced { .. }, Some(memory)) => format!(
            "reading works, backups are refused. If you put an older copy of the repository \
             there yourself, remove {memory} to accept it; otherwise take the storage as \
             tampered with"
        ),
        _ => "reading works, backups are refused. `icecore log --verify` says what it means, and \
              `icecore check --read-data` what can still be restored"
            .to_owned(),
    }
}

fn of(code: u8, hint: impl Into<String>) -> Explanation {
    Explanation { code, hint: Some(hint.into()) }
}

fn silent(code: u8) -> Explanation {
    Explanation { code, hint: None }
}

fn explain_scratch(error: &ScratchError) -> Explanation {
    match error {
        ScratchError::Make { .. } | ScratchError::LongPath { .. } => {
            of(FAILED, "--scratch DIRECTORY makes it elsewhere")
        }
        ScratchError::NoPrograms { .. } => {
            of(FAILED, "install a PostgreSQL server, or say --into ndjson")
        }
        ScratchError::Remove { .. } => {
            of(FAILED, "the next drill in the same place tries to remove it again")
        }
        ScratchError::Root | ScratchError::Server { .. } => silent(FAILED),
    }
}

#[cfg(feature = "serve")]
fn explain_serve(error: &ServeError) -> Explanation {
    match error {
        ServeError::NoToken => of(
            FAILED,
            "say --token-file, or set ICECORE_TOKEN_FILE or ICECORE_TOKEN; `head -c 32 /dev/urandom | \
             base64` makes one",
        ),
        ServeError::ShortToken | ServeError::BadToken(_) => {
            of(FAILED, "`head -c 32 /dev/urandom | base64` makes one")
        }
        ServeError::Open(_) => of(
            USAGE,
            "say --tls-certificate and --tls-key, or listen on a loopback address such as 127.0.0.1:8417",
        ),
        ServeError::Listen { .. } => of(FAILED, "--listen ADDRESS:0 takes a port that is free"),
        ServeError::TokenFile { .. }
        | ServeError::Certificate { .. }
        | ServeError::NoCertificate { .. }
        | ServeError::Key { .. }
        | ServeError::Tls(_) => silent(FAILED),
    }
}

fn explain_backup(error: &BackupError) -> Explanation {
    match error {
        BackupError::Source(error) => explain_source(error),
        BackupError::NoStreams { is_there: true, .. } => of(FAILED, "nothing was committed"),
        BackupError::NoStreams { .. } => of(
            FAILED,
            "nothing was committed; ids are as the store has them, or in parts joined by / \
             (docs/event-stores.md)",
        ),
        BackupError::Session(error) => explain_session(error),
        // Of an enum that another crate may extend.
        _ => silent(FAILED),
    }
}

fn explain_follow(error: &FollowError) -> Explanation {
    match error {
        FollowError::Open(TailError::Followed { is_here: true, .. }) => of(
            CONCURRENCY,
            "a process of this machine follows it: stop that one, or say --take-over",
        ),
        FollowError::Open(TailError::Followed { host, .. }) => of(
            CONCURRENCY,
            format!(
                "if nothing follows it on {host} any more, or that is to stop, say --take-over"
            ),
        ),
        FollowError::Open(TailError::Exclusive(error)) => explain_exclusive(error),
        FollowError::Open(TailError::NotAllowed(_)) => {
            of(FAILED, "a writer or an admin can: open the repository with the password of one")
        }
        FollowError::Open(TailError::Read(error)) | FollowError::Read(error) => explain_read(error),
        FollowError::Open(TailError::Write(error)) => explain_store(error),
        FollowError::Open(TailError::Append(error)) => explain_append(error),
        FollowError::Source(error) => explain_source(error),
        FollowError::Backup(error) => explain_backup(error),
        FollowError::TakenOver { .. } => {
            of(CONCURRENCY, "everything that this follower made durable counts")
        }
        FollowError::Stopped(_) => silent(INTERRUPTED),
        // Of enums that other crates may extend.
        _ => silent(FAILED),
    }
}

fn explain_password(error: &PasswordError) -> Explanation {
    match error {
        PasswordError::Nobody => of(
            FAILED,
            "say --password-file or --password-command, or set ICECORE_PASSWORD_FILE, \
             ICECORE_PASSWORD_COMMAND or ICECORE_PASSWORD",
        ),
        PasswordError::Empty(_) => of(FAILED, "a repository is only as secret as its password"),
        PasswordError::Mistyped(_) => {
            of(WRONG_PASSWORD, "groups are counted from 1, as they are on the paper")
        }
        PasswordError::CommandFailed(_) => {
            of(FAILED, "it is run by `sh -c`, and what it prints is the password")
        }
        _ => silent(FAILED),
    }
}

fn explain_store(error: &StoreError) -> Explanation {
    match error.kind() {
        StoreErrorKind::Denied => {
            of(FAILED, format!("this user must be allowed to do that at {}", error.place()))
        }
        StoreErrorKind::NoSpace => {
            of(FAILED, "make room and try again: what was stored before is used, not stored twice")
        }
        StoreErrorKind::ReadOnly => {
            of(FAILED, "listing, restoring and checking work on read-only storage; backups do not")
        }
        StoreErrorKind::Transient => of(
            FAILED,
            format!("try again; if it stays so, is {} reached from here?", error.place()),
        ),
        StoreErrorKind::NotFound if error.operation() == Operation::Open => {
            of(NO_REPOSITORY, "make the bucket or container first: icecore makes none")
        }
        StoreErrorKind::NotFound | StoreErrorKind::TooShort | StoreErrorKind::TooLarge => {
            of(FAILED, "`icecore check` tells what is damaged")
        }
        _ => silent(FAILED),
    }
}

#[cfg(feature = "object-storage")]
fn explain_lease(error: &LeaseError) -> Explanation {
    match error {
        LeaseError::Held { .. } => {
            of(CONCURRENCY, "it lives: try again when it has ended, as nothing may write meanwhile")
        }
        LeaseError::Store(error) => explain_store(error),
        _ => silent(FAILED),
    }
}

fn explain_init(error: &InitError) -> Explanation {
    match error {
        InitError::Exists { .. } => {
            of(FAILED, "`icecore backup` uses it as it is; another place takes another repository")
        }
        InitError::NotExclusive { .. } => not_exclusive(),
        InitError::Write(error) => explain_store(error),
        InitError::Open(error) => explain_open(error),
        _ => silent(FAILED),
    }
}

fn explain_open(error: &OpenError) -> Explanation {
    match error {
        OpenError::NoRepository { .. } => of(NO_REPOSITORY, "`icecore init` makes one"),
        OpenError::WrongPassword => of(
            WRONG_PASSWORD,
            "is it this repository's? Of a password file all counts, but for one line end",
        ),
        OpenError::ConfigReplaced => {
            of(FAILED, "take the storage as tampered with, and put a copy of `config` back")
        }
        OpenError::NoKeySlot { .. } => {
            of(FAILED, "a copy of the objects below `keys/` would open the repository again")
        }
        OpenError::Read(error) => explain_read(error),
        _ => silent(FAILED),
    }
}

fn explain_read(error: &ReadError) -> Explanation {
    match error {
        ReadError::Store(error) => explain_store(error),
        ReadError::Shared(error) => explain_read(error),
        ReadError::NotAllowed { .. } => of(FAILED, "open the repository with a reader's key"),
        ReadError::Damaged { source: DecodeError::Version { .. }, .. } => {
            of(FAILED, "a newer icecore wrote it, and can read it")
        }
        _ => of(FAILED, "`icecore check --read-data` tells all that is damaged"),
    }
}

fn explain_find(error: &FindError) -> Explanation {
    match error {
        FindError::Empty { .. } => of(FAILED, "`icecore backup` makes the first"),
        FindError::Unknown { .. } => of(
            FAILED,
            "`icecore snapshots` lists them; a name is `latest` or at least four digits of an id",
        ),
        FindError::Ambiguous { .. } => of(FAILED, "give more digits of the id"),
        _ => silent(FAILED),
    }
}

fn explain_source(error: &SourceError) -> Explanation {
    match error.kind {
        SourceErrorKind::Missing => {
            of(FAILED, "nothing was backed up; a relative path starts at the current directory")
        }
        SourceErrorKind::Invalid => of(
            FAILED,
            "nothing was committed: a snapshot holds all of its source or does not exist",
        ),
        SourceErrorKind::Unreadable => of(FAILED, "nothing was committed"),
        _ => silent(FAILED),
    }
}

fn explain_session(error: &SessionError) -> Explanation {
    match error {
        SessionError::Stopped(_) => {
            of(INTERRUPTED, "nothing was committed; the next backup uses what this one stored")
        }
        SessionError::Overtaken => of(
            CONCURRENCY,
            "nothing was committed; pipe it in again, and it stores what was removed",
        ),
        SessionError::Exclusive(error) => explain_exclusive(error),
        SessionError::NotAllowed(_) => of(FAILED, "open the repository with a writer's key"),
        SessionError::Read(error) => explain_read(error),
        SessionError::Write(error) => explain_store(error),
        SessionError::Append(error) => explain_append(error),
        _ => silent(FAILED),
    }
}

fn explain_prune(error: &PruneError) -> Explanation {
    match error {
        PruneError::NotAllowed(_) => {
            of(FAILED, "open the repository with the password of an admin")
        }
        PruneError::Exclusive(error) => explain_exclusive(error),
        PruneError::Read(error) => explain_read(error),
        PruneError::Mark { source, .. } if !source.is_damage() => explain_read(source),
        PruneError::Mark { .. } => of(
            FAILED,
            "`icecore check --read-data` tells all that is damaged; what is not damaged stays as it is",
        ),
        PruneError::Append(error) => explain_append(error),
        PruneError::Delete(error) | PruneError::Copy(SessionError::Write(error)) => {
            explain_store(error)
        }
        PruneError::Stopped(_) => {
            of(INTERRUPTED, "what was done stands; the next prune goes on from there")
        }
        // Of an enum that another crate may extend.
        _ => silent(FAILED),
    }
}

fn explain_append(error: &AppendError) -> Explanation {
    match error {
        AppendError::Read(error) => explain_read(error),
        AppendError::Write(error) => explain_store(error),
        AppendError::Alarm(_) => {
            of(FAILED, "reading works; the warnings of `icecore snapshots` tell how to go on")
        }
        AppendError::KeyDoesNotCount { .. } => {
            of(FAILED, "nothing was written; an admin can add another key with `icecore key add`")
        }
        AppendError::Newer { .. } => of(FAILED, "back up with the newer icecore"),
        AppendError::Unknown { .. } => {
            of(FAILED, "`icecore snapshots` tells; backing up again is safe either way")
        }
        AppendError::Void { .. } => of(FAILED, "nothing was committed; `icecore log` tells more"),
        _ => silent(FAILED),
    }
}

fn explain_restore(error: &RestoreError) -> Explanation {
    match error.step() {
        RestoreStep::Stopped(_) => silent(INTERRUPTED),
        RestoreStep::Read(error) => explain_read(error),
        RestoreStep::Target(error) => match error.kind {
            TargetErrorKind::NotEmpty => {
                of(FAILED, "name another target, or replace what is there with --overwrite")
            }
            TargetErrorKind::Conflict => of(
                FAILED,
                "leave them as they are with --on-conflict skip, restore over them with \
                 --on-conflict replace, or give one another id with --as",
            ),
            TargetErrorKind::EventIsThere => of(
                FAILED,
                "restore into another store, or delete or replace that stream there first",
            ),
            TargetErrorKind::Unsuitable => {
                of(FAILED, "the kind of store that was backed up takes all of it back")
            }
            TargetErrorKind::Differs => {
                of(FAILED, "do not use the target; the disk below it may be failing")
            }
            _ => silent(FAILED),
        },
        RestoreStep::NoStream => of(FAILED, "`icecore streams SNAPSHOT` lists its streams"),
        RestoreStep::SeveralStreams { .. } => {
            of(FAILED, "--as goes with one stream: name it with --stream ID")
        }
        RestoreStep::Miscounted { .. } => {
            of(FAILED, "do not use the target; `icecore check --read-data` looks at the snapshot")
        }
        _ => silent(FAILED),
    }
}

#[cfg(feature = "sqlite")]
fn explain_demo(error: &crate::commands::demo::DemoError) -> Explanation {
    use crate::commands::demo::DemoError;
    match error {
        DemoError::Directory(_) => of(FAILED, "TMPDIR says where temporary directories are made"),
        DemoError::Differs(_) => of(FAILED, "this is a bug, and we would like to know of it"),
        _ => silent(FAILED),
    }
}

fn explain_exclusive(error: &ExclusiveError) -> Explanation {
    match error {
        ExclusiveError::NotExclusive { .. } => not_exclusive(),
        ExclusiveError::Write(error) => explain_store(error),
        _ => silent(FAILED),
    }
}

fn not_exclusive() -> Explanation {
    of(
        FAILED,
        "two backups at once could lose one of them there; use another storage or a server with \
         conditional puts, or have only one process at a time write to it, with --single-writer \
         (docs/object-storage.md)",
    )
}

#[cfg(test)]
mod tests;
