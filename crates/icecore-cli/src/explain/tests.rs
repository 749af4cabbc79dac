//! What a person is told, for every kind of error.

mod alarms;
mod retention;

use super::*;
use crate::output;
use crate::password::Origin;
use icecore::monitor::Stopped;
use icecore::selection::StreamSelection;
use icecore::target::TargetError;
use icecore_format::{ChunkId, PackClass, Role, SnapshotId};
use icecore_store::{NotExclusive, ObjectName, Operation};
use std::os::unix::process::ExitStatusExt as _;

/// The words, then the exit code.
fn told(error: impl Into<CommandError>) -> String {
    let error = error.into();
    let explanation = explain(&error);
    format!("{}\nexit code: {}", output::text(&error, &explanation), explanation.code)
}

fn object() -> ObjectName {
    "packs/0f/1".parse().unwrap()
}

fn store_error(kind: StoreErrorKind) -> StoreError {
    StoreError::of_object(kind, Operation::PutNew, &object(), "/srv/backup")
        .with_source("what the system says")
}

fn session(error: impl Into<SessionError>) -> BackupError {
    BackupError::Session(error.into())
}

#[test]
fn usage() {
    insta::assert_snapshot!(told(CommandError::Usage("--as is empty".to_owned())), @"
    error: --as is empty
    hint: `icecore help` lists commands and options
    exit code: 2
    ");
    insta::assert_snapshot!(told(CommandError::NoPlace), @"
    error: which repository?
    hint: say --repo PATH, or set ICECORE_REPOSITORY
    exit code: 2
    ");
    let pattern = StreamSelection::new(vec!["order-[".to_owned()]).unwrap_err();
    insta::assert_snapshot!(told(pattern), @"
    error: 'order-[' is no stream pattern
      because: error parsing glob 'order-[': unclosed character class; missing ']'
    hint: a backslash before any of * ? [ ] { } takes it as it is
    exit code: 2
    ");
}

#[test]
fn passwords() {
    let no_file = std::io::Error::from(std::io::ErrorKind::NotFound);
    let no_file = PasswordError::File { path: "/etc/icecore".into(), source: no_file };
    insta::assert_snapshot!(told(no_file), @"
    error: cannot read the password file /etc/icecore
      because: entity not found
    exit code: 1
    ");
    let failed = std::process::ExitStatus::from_raw(3 << 8);
    insta::assert_snapshot!(told(PasswordError::CommandFailed(failed)), @"
    error: the password command failed: exit status: 3
    hint: it is run by `sh -c`, and what it prints is the password
    exit code: 1
    ");
    insta::assert_snapshot!(told(PasswordError::Empty(Origin::Variable)), @"
    error: the password in ICECORE_PASSWORD is empty
    hint: a repository is only as secret as its password
    exit code: 1
    ");
    insta::assert_snapshot!(told(PasswordError::TooLong(Origin::File)), @"
    error: the password in its file is longer than 65536 bytes
    exit code: 1
    ");
    insta::assert_snapshot!(told(PasswordError::Nobody), @"
    error: there is no password, and nobody to ask for one
    hint: say --password-file or --password-command, or set ICECORE_PASSWORD_FILE, ICECORE_PASSWORD_COMMAND or ICECORE_PASSWORD
    exit code: 1
    ");
    insta::assert_snapshot!(told(PasswordError::Different), @"
    error: the two passwords are not the same
    exit code: 1
    ");
}

#[test]
fn storage() {
    insta::assert_snapshot!(told(store_error(StoreErrorKind::Denied)), @"
    error: cannot write packs/0f/1: the storage denies it
      because: what the system says
    hint: this user must be allowed to do that at /srv/backup
    exit code: 1
    ");
    insta::assert_snapshot!(told(store_error(StoreErrorKind::NoSpace)), @"
    error: cannot write packs/0f/1: no space left on the storage
      because: what the system says
    hint: make room and try again: what was stored before is used, not stored twice
    exit code: 1
    ");
    insta::assert_snapshot!(told(store_error(StoreErrorKind::ReadOnly)), @"
    error: cannot write packs/0f/1: the storage is read-only
      because: what the system says
    hint: listing, restoring and checking work on read-only storage; backups do not
    exit code: 1
    ");
    insta::assert_snapshot!(told(store_error(StoreErrorKind::Transient)), @"
    error: cannot write packs/0f/1: the storage failed, perhaps only for the moment
      because: what the system says
    hint: try again; if it stays so, is /srv/backup reached from here?
    exit code: 1
    ");
    insta::assert_snapshot!(told(store_error(StoreErrorKind::NotFound)), @"
    error: cannot write packs/0f/1: it is not there
      because: what the system says
    hint: `icecore check` tells what is damaged
    exit code: 1
    ");
    insta::assert_snapshot!(told(store_error(StoreErrorKind::Permanent)), @"
    error: cannot write packs/0f/1: the storage failed
      because: what the system says
    exit code: 1
    ");
}

#[test]
fn making_and_opening_a_repository() {
    let place = "/srv/backup".to_owned();
    insta::assert_snapshot!(told(InitError::Exists { place: place.clone() }), @"
    error: there is a repository at /srv/backup already
    hint: `icecore backup` uses it as it is; another place takes another repository
    exit code: 1
    ");
    let source = NotExclusive::SeveralWinners { winners: 16 };
    insta::assert_snapshot!(told(InitError::NotExclusive { place: place.clone(), source }), @"
    error: the storage at /srv/backup cannot keep writers apart
      because: 16 of 16 writers of one name were told that they were the first
    hint: two backups at once could lose one of them there; use another storage or a server with conditional puts, or have only one process at a time write to it, with --single-writer (docs/object-storage.md)
    exit code: 1
    ");
    insta::assert_snapshot!(told(OpenError::NoRepository { place }), @"
    error: there is no repository at /srv/backup
    hint: `icecore init` makes one
    exit code: 10
    ");
    insta::assert_snapshot!(told(OpenError::WrongPassword), @"
    error: no key slot accepts this password
    hint: is it this repository's? Of a password file all counts, but for one line end
    exit code: 12
    ");
    insta::assert_snapshot!(told(OpenError::ConfigReplaced), @"
    error: the config of this repository was replaced or damaged
    hint: take the storage as tampered with, and put a copy of `config` back
    exit code: 1
    ");
    insta::assert_snapshot!(told(OpenError::NoKeySlot { source: None }), @"
    error: no key slot of this repository can be read
    hint: a copy of the objects below `keys/` would open the repository again
    exit code: 1
    ");
    insta::assert_snapshot!(told(OpenError::Read(store_error(StoreErrorKind::Denied).into())), @"
    error: cannot open the repository
      because: cannot write packs/0f/1: the storage denies it
      because: what the system says
    hint: this user must be allowed to do that at /srv/backup
    exit code: 1
    ");
}

#[test]
fn reading() {
    let newer = DecodeError::Version { record: "the config", version: 9 };
    insta::assert_snapshot!(told(ReadError::Damaged { object: object(), source: newer }), @"
    error: cannot read the repository
      because: cannot make sense of packs/0f/1
      because: the config has version 9, which this program does not know
    hint: a newer icecore wrote it, and can read it
    exit code: 1
    ");
    insta::assert_snapshot!(told(ReadError::ChunkMissing { id: ChunkId([7; 32]) }), @"
    error: cannot read the repository
      because: chunk 0707070707070707070707070707070707070707070707070707070707070707 is in no pack of this repository
    hint: `icecore check --read-data` tells all that is damaged
    exit code: 1
    ");
    let not_allowed = ReadError::NotAllowed { role: Role::Writer, class: PackClass::Data };
    insta::assert_snapshot!(told(not_allowed), @"
    error: cannot read the repository
      because: a writer key cannot read backed-up data
    hint: open the repository with a reader's key
    exit code: 1
    ");
    let unreachable = store_error(StoreErrorKind::Transient);
    insta::assert_snapshot!(told(CheckError::Read(unreachable.into())), @"
    error: cannot go on checking
      because: cannot write packs/0f/1: the storage failed, perhaps only for the moment
      because: what the system says
    hint: try again; if it stays so, is /srv/backup reached from here?
    exit code: 1
    ");
}

#[test]
fn finding_a_snapshot() {
    insta::assert_snapshot!(told(FindError::Empty { source_name: Some("shop".to_owned()) }), @"
    error: there are no snapshots of shop
    hint: `icecore backup` makes the first
    exit code: 1
    ");
    insta::assert_snapshot!(told(FindError::Unknown { name: "1f".to_owned() }), @"
    error: no snapshot is called '1f'
    hint: `icecore snapshots` lists them; a name is `latest` or at least four digits of an id
    exit code: 1
    ");
    let candidates = vec![SnapshotId([1; 16]), SnapshotId([2; 16])];
    insta::assert_snapshot!(told(FindError::Ambiguous { name: "1f0c".to_owned(), candidates }), @"
    error: '1f0c' may be 01010101010101010101010101010101 or 02020202020202020202020202020202
    hint: give more digits of the id
    exit code: 1
    ");
}

#[test]
fn sources() {
    let error = |kind, message| BackupError::Source(SourceError::new(kind, message));
    let missing = error(SourceErrorKind::Missing, "there is no file shop.ndjson");
    insta::assert_snapshot!(told(missing), @"
    error: there is no file shop.ndjson
    hint: nothing was backed up; a relative path starts at the current directory
    exit code: 1
    ");
    insta::assert_snapshot!(told(error(SourceErrorKind::Invalid, "line 7 is no event")), @"
    error: line 7 is no event
    hint: nothing was committed: a snapshot holds all of its source or does not exist
    exit code: 1
    ");
    insta::assert_snapshot!(told(error(SourceErrorKind::Unreadable, "cannot open shop.db")), @"
    error: cannot open shop.db
    hint: nothing was committed
    exit code: 1
    ");
}

#[test]
fn sessions() {
    insta::assert_snapshot!(told(session(Stopped)), @"
    error: stopped as asked
    hint: nothing was committed; the next backup uses what this one stored
    exit code: 130
    ");
    insta::assert_snapshot!(told(session(SessionError::Overtaken)), @"
    error: what this backup relied on was removed from the repository meanwhile
    hint: nothing was committed; pipe it in again, and it stores what was removed
    exit code: 11
    ");
    insta::assert_snapshot!(told(session(SessionError::NotAllowed(Role::Reader))), @"
    error: a reader key cannot add to a repository
    hint: open the repository with a writer's key
    exit code: 1
    ");
    let not_exclusive =
        ExclusiveError::NotExclusive { place: "/srv/backup".to_owned(), object: object() };
    insta::assert_snapshot!(told(session(SessionError::from(not_exclusive))), @"
    error: the storage at /srv/backup cannot keep writers apart: it took packs/0f/1 a second time
    hint: two backups at once could lose one of them there; use another storage or a server with conditional puts, or have only one process at a time write to it, with --single-writer (docs/object-storage.md)
    exit code: 1
    ");
    insta::assert_snapshot!(told(session(store_error(StoreErrorKind::NoSpace))), @"
    error: cannot write to the repository
      because: cannot write packs/0f/1: no space left on the storage
      because: what the system says
    hint: make room and try again: what was stored before is used, not stored twice
    exit code: 1
    ");
}

#[test]
fn commits() {
    insta::assert_snapshot!(told(session(AppendError::Alarm(Alarm::Damaged { number: 7 }))), @"
    error: cannot commit the snapshot
      because: the ledger is not what it should be, so nothing is added to it
      because: ledger entry 7 is damaged
    hint: reading works; the warnings of `icecore snapshots` tell how to go on
    exit code: 1
    ");
    insta::assert_snapshot!(told(session(AppendError::Newer { number: 7 })), @"
    error: cannot commit the snapshot
      because: ledger entry 7 was written by a newer program, so this one adds nothing
    hint: back up with the newer icecore
    exit code: 1
    ");
    let source = store_error(StoreErrorKind::Transient);
    insta::assert_snapshot!(told(session(AppendError::Unknown { number: 7, source })), @"
    error: cannot commit the snapshot
      because: storage gave no answer, so it is not known whether ledger entry 7 was written
      because: cannot write packs/0f/1: the storage failed, perhaps only for the moment
      because: what the system says
    hint: `icecore snapshots` tells; backing up again is safe either way
    exit code: 1
    ");
    let reason = "its author's key was removed";
    insta::assert_snapshot!(told(session(AppendError::Void { number: 7, reason })), @"
    error: cannot commit the snapshot
      because: ledger entry 7 was written and is void: its author's key was removed
    hint: nothing was committed; `icecore log` tells more
    exit code: 1
    ");
}

#[test]
fn restores() {
    let target = |kind, message| RestoreError::from(TargetError::new(kind, message));
    insta::assert_snapshot!(told(target(TargetErrorKind::NotEmpty, "shop.db is not empty")), @"
    error: shop.db is not empty
    hint: name another target, or replace what is there with --overwrite
    exit code: 1
    ");
    insta::assert_snapshot!(told(target(TargetErrorKind::Unsuitable, "event 1 has no id")), @"
    error: event 1 has no id
    hint: the kind of store that was backed up takes all of it back
    exit code: 1
    ");
    insta::assert_snapshot!(told(target(TargetErrorKind::Unwritable, "cannot write shop.db")), @"
    error: cannot write shop.db
    exit code: 1
    ");
    insta::assert_snapshot!(told(target(TargetErrorKind::Differs, "shop.db differs")), @"
    error: shop.db differs
    hint: do not use the target; the disk below it may be failing
    exit code: 1
    ");
    insta::assert_snapshot!(told(RestoreError::from(RestoreStep::NoStream)), @"
    error: the snapshot has no stream that matches
    hint: `icecore streams SNAPSHOT` lists its streams
    exit code: 1
    ");
    let several = RestoreStep::SeveralStreams { streams: 3 };
    insta::assert_snapshot!(told(RestoreError::from(several)), @"
    error: 3 streams match, and only one can be given another name
    hint: --as goes with one stream: name it with --stream ID
    exit code: 1
    ");
    let miscounted = RestoreStep::Miscounted { restored: 6, expected: 7 };
    insta::assert_snapshot!(told(RestoreError::from(miscounted)), @"
    error: 6 events were restored where the snapshot has 7
    hint: do not use the target; `icecore check --read-data` looks at the snapshot
    exit code: 1
    ");
    insta::assert_snapshot!(told(RestoreError::from(RestoreStep::from(Stopped))), @"
    error: stopped as asked
    exit code: 130
    ");
}

#[test]
fn recoveries() {
    use icecore::recover::{PointError, RecoverError, StatesError};
    let (name, texts) = ("shop".to_owned(), ["one", "other"].map(str::to_owned));
    let hosts = StatesError::SeveralHosts { name: name.clone(), hosts: texts.clone().into() };
    insta::assert_snapshot!(told(hosts), @"
    error: 'shop' was backed up on one and on other
    hint: choose the snapshots of one with --host NAME
    exit code: 1
    ");
    let kinds = StatesError::SeveralKinds { name: name.clone(), kinds: texts.clone().into() };
    insta::assert_snapshot!(told(kinds), @"
    error: 'shop' is the name of sources of kind one and other
    hint: choose a snapshot with --from SNAPSHOT; `icecore snapshots` lists them
    exit code: 1
    ");
    let selections = StatesError::SeveralSelections { name, selections: texts.into() };
    insta::assert_snapshot!(told(selections), @"
    error: snapshots of 'shop' are of different streams: one; other
    hint: choose a snapshot with --from SNAPSHOT; `icecore snapshots` lists them
    exit code: 1
    ");
    let point = |error| told(RecoverError::from(error));
    insta::assert_snapshot!(point(PointError::NoTimes), @"
    error: the events of this source have no times
    hint: --to-event, --to-version and --latest need neither times nor positions
    exit code: 1
    ");
    let torn = PointError::Torn { stream: "order-1".to_owned(), version: 2 };
    insta::assert_snapshot!(point(torn), @"
    error: version 2 of the stream 'order-1' cannot be the last event: others of its transaction, or before it, come later
    hint: ask for a later point
    exit code: 1
    ");
    insta::assert_snapshot!(point(PointError::Nothing), @"
    error: no event is left at that point
    hint: ask for a later point
    exit code: 1
    ");
    insta::assert_snapshot!(told(RecoverError::from(Stopped)), @"
    error: stopped as asked
    exit code: 130
    ");
}

#[test]
fn prunes() {
    insta::assert_snapshot!(told(PruneError::NotAllowed(Role::Writer)), @"
    error: a writer key cannot prune a repository
    hint: open the repository with the password of an admin
    exit code: 1
    ");
    let source = ReadError::ChunkMissing { id: ChunkId([7; 32]) };
    let snapshot = SnapshotId([1; 16]);
    insta::assert_snapshot!(told(PruneError::Mark { snapshot, source }), @"
    error: cannot follow what snapshot 01010101010101010101010101010101 needs, so nothing is collected
      because: chunk 0707070707070707070707070707070707070707070707070707070707070707 is in no pack of this repository
    hint: `icecore check --read-data` tells all that is damaged; what is not damaged stays as it is
    exit code: 1
    ");
    insta::assert_snapshot!(told(PruneError::Delete(store_error(StoreErrorKind::Denied))), @"
    error: cannot delete what nobody needs
      because: cannot write packs/0f/1: the storage denies it
      because: what the system says
    hint: this user must be allowed to do that at /srv/backup
    exit code: 1
    ");
    insta::assert_snapshot!(told(PruneError::from(Stopped)), @"
    error: stopped as asked
    hint: what was done stands; the next prune goes on from there
    exit code: 130
    ");
}

#[test]
fn the_command_itself() {
    let failure = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    insta::assert_snapshot!(told(CommandError::Damaged { findings: 1 }), @"
    error: 1 problem was found
    hint: delete nothing: streams that are not damaged can still be restored, and a repair needs what is left
    exit code: 1
    ");
    insta::assert_snapshot!(told(CommandError::Incomplete { problems: 2 }), @"
    error: the snapshot lacks part of its source: 2 problems
    hint: the snapshot is committed, and has all that was not warned of
    exit code: 3
    ");
    insta::assert_snapshot!(told(CommandError::Interrupted), @"
    error: interrupted
    exit code: 130
    ");
    insta::assert_snapshot!(told(CheckError::Stopped(Stopped)), @"
    error: stopped as asked
    exit code: 130
    ");
    insta::assert_snapshot!(told(CommandError::Output(failure())), @"
    error: cannot print to standard output
      because: no storage space
    exit code: 1
    ");
    insta::assert_snapshot!(told(CommandError::Runtime(failure())), @"
    error: cannot start
      because: no storage space
    exit code: 1
    ");
    let pages = CommandError::Pages { directory: "/usr/share/man".into(), source: failure() };
    insta::assert_snapshot!(told(pages), @"
    error: cannot write manual pages to /usr/share/man
      because: no storage space
    exit code: 1
    ");
}

#[cfg(feature = "sqlite")]
#[test]
fn the_demo() {
    use crate::commands::demo::DemoError;
    let failure = std::io::Error::from(std::io::ErrorKind::StorageFull);
    insta::assert_snapshot!(told(DemoError::Directory(failure)), @"
    error: cannot work in a temporary directory
      because: no storage space
    hint: TMPDIR says where temporary directories are made
    exit code: 1
    ");
    insta::assert_snapshot!(told(DemoError::Differs("order-1 has 3 of 4 events".to_owned())), @"
    error: the restored store differs: order-1 has 3 of 4 events
    hint: this is a bug, and we would like to know of it
    exit code: 1
    ");
}

#[test]
fn alarms() {
    let repository = RepositoryId([0x1f; 16]);
    let local = LocalState {
        state_directory: Some("/home/me/.local/state/icecore".into()),
        cache_directory: None,
    };
    let hint = |alarm: Alarm| alarm_hint(&alarm, repository, &local);
    insta::assert_snapshot!(hint(Alarm::RolledBack { found: 3, remembered: 7 }), @"reading works, backups are refused. If you put an older copy of the repository there yourself, remove /home/me/.local/state/icecore/1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f to accept it; otherwise take the storage as tampered with");
    insta::assert_snapshot!(hint(Alarm::Replaced { number: 7 }), @"reading works, backups are refused. If you put an older copy of the repository there yourself, remove /home/me/.local/state/icecore/1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f to accept it; otherwise take the storage as tampered with");
    insta::assert_snapshot!(hint(Alarm::Damaged { number: 7 }), @"reading works, backups are refused. `icecore log --verify` says what it means, and `icecore check --read-data` what can still be restored");
    insta::assert_snapshot!(hint(Alarm::Fork { number: 7 }), @"reading works, backups are refused. `icecore log --verify` says what it means, and `icecore check --read-data` what can still be restored");
}

#[cfg(feature = "object-storage")]
#[test]
fn a_lease_that_another_has_or_that_was_lost() {
    let holder = icecore_store::LeaseHolder {
        host: "db-1".to_owned(),
        process: "4711 (icecore follow)".to_owned(),
        since: "2026-11-22T03:00:00Z".to_owned(),
    };
    let held = icecore_store::LeaseError::Held { place: "s3://shop".to_owned(), holder };
    insta::assert_snapshot!(told(held), @"
    error: process 4711 (icecore follow) on db-1, since 2026-11-22T03:00:00Z, writes to s3://shop as its single writer
    hint: it lives: try again when it has ended, as nothing may write meanwhile
    exit code: 11
    ");
    insta::assert_snapshot!(told(icecore_store::LeaseLost), @"
    error: this process is not the single writer any more: its lease could not be renewed in time
    hint: what was acknowledged before counts, and nothing was written since; run it again
    exit code: 11
    ");
}
