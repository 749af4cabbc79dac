//! Which entries count at their number, and what they change.

use super::{
    FOUNDER, RANDOM, READER, STRANGER, StoppedClock, WRITER, abort, added, commit, key_id, range,
    session, snapshot_id,
};
use crate::environment::Clock as _;
use crate::ledger::covers;
use crate::ledger::replay::{self, Void};
use icecore_format::checkpoint::{LedgerState, SnapshotStatus};
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::body::{
    Commit, Condemn, DrillPoint, Drilled, Follow, FollowedSource, Forget, KeyRemoved, Protect,
    Reindex, Release, Repack, SessionRange, TailMark, TailStart, Unforget, Unprotect,
};
use icecore_format::ledger::{Entry, EntryBody};
use icecore_format::{PackId, SessionId};
use std::sync::{Arc, LazyLock};

static REMOVED: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(FOUNDER.for_role(Role::Admin, &*RANDOM)));

/// Applies `body` as the next entry, and goes on to the number after it either way.
pub(super) fn apply(
    state: &mut LedgerState,
    author: &KeySet,
    body: impl Into<EntryBody>,
) -> Result<(), Void> {
    let (number, previous) = (state.next, state.head);
    let (author, time) = (key_id(author), StoppedClock.now());
    let entry = Entry { number, previous, author, nonce: [0; 16], time, body: body.into() };
    let result = replay::apply(state, &entry);
    state.next += 1;
    result
}

/// Snapshots 1 (live), 2 (live, leans on 1), 3 (forgotten), 4 (released); sessions 1 to 4 ended,
/// 5 was aborted, all that began before entry 2 ended.
pub(super) fn world() -> LedgerState {
    let mut state = replay::genesis(&FOUNDER);
    let mut valid = |author: &KeySet, body: EntryBody| apply(&mut state, author, body).unwrap();
    valid(&FOUNDER, added(&WRITER).into());
    valid(&FOUNDER, added(&READER).into());
    valid(&FOUNDER, added(&REMOVED).into());
    valid(&FOUNDER, KeyRemoved { key: key_id(&REMOVED) }.into());
    valid(&WRITER, begun(1).into());
    valid(&WRITER, Commit { leans: vec![range(at(1), 1..2)], ..begun(2) }.into());
    valid(&WRITER, begun(3).into());
    valid(&WRITER, begun(4).into());
    valid(&FOUNDER, Forget { snapshots: vec![snapshot_id(3), snapshot_id(4)] }.into());
    valid(&FOUNDER, Release { snapshots: vec![snapshot_id(4)] }.into());
    valid(&WRITER, abort(vec![at(5)], 0).into());
    valid(&FOUNDER, abort(Vec::new(), 2).into());
    state
}

/// The session of snapshot `tag`.
pub(super) fn at(tag: u64) -> SessionId {
    session(3, tag)
}

pub(super) fn begun(tag: u64) -> Commit {
    Commit {
        session: at(tag),
        packs: vec![range(at(tag), 0..4)],
        runs: vec![range(at(tag), 0..2)],
        ..commit(tag)
    }
}

fn condemn(state: &LedgerState, packs: Vec<SessionRange>) -> Condemn {
    Condemn { plan: [1; 16], marked_at: state.next, packs }
}

fn repack(state: &LedgerState) -> Repack {
    Repack {
        condemn: condemn(state, vec![range(at(4), 0..4)]),
        session: at(9),
        packs: vec![range(at(9), 0..1)],
        runs: vec![range(at(9), 0..1)],
    }
}

fn reindex() -> Reindex {
    Reindex { session: at(9), old: vec![range(at(1), 0..2)], new: vec![range(at(9), 0..1)] }
}

fn of(tags: &[u64]) -> Vec<icecore_format::SnapshotId> {
    tags.iter().map(|tag| snapshot_id(*tag)).collect()
}

#[test]
fn an_entry_counts_or_is_void_for_the_reason_that_the_table_gives() {
    let state = world();
    let fresh = || begun(9);
    let next = state.next;
    let marked_late = Condemn { marked_at: next + 1, ..condemn(&state, vec![range(at(4), 0..4)]) };
    let all_four = || vec![range(at(4), 0..4)];
    let table: Vec<(&str, &KeySet, EntryBody, Result<(), Void>)> = vec![
        ("commit", &WRITER, fresh().into(), Ok(())),
        ("commit by an admin", &FOUNDER, fresh().into(), Ok(())),
        ("commit by a reader", &READER, fresh().into(), Err("a reader may not commit")),
        ("commit by a stranger", &STRANGER, fresh().into(), Err("nobody knows its author")),
        ("commit by a removed key", &REMOVED, fresh().into(), Err("its author's key was removed")),
        (
            "commit of a session that committed",
            &WRITER,
            Commit { session: at(1), packs: vec![], runs: vec![], ..fresh() }.into(),
            Err("a session of it has ended"),
        ),
        (
            "commit of an aborted session",
            &WRITER,
            Commit { snapshot: fresh().snapshot, ..begun(5) }.into(),
            Err("a session of it has ended"),
        ),
        (
            "commit of a session below the floor",
            &WRITER,
            Commit { session: session(1, 9), packs: vec![], runs: vec![], ..fresh() }.into(),
            Err("a session of it has ended"),
        ),
        (
            "commit of a session from the future",
            &WRITER,
            Commit { session: session(next + 1, 9), packs: vec![], runs: vec![], ..fresh() }.into(),
            Err("a session of it has not begun"),
        ),
        (
            "commit that adopts",
            &WRITER,
            Commit {
                adopted: vec![at(8)],
                packs: vec![range(at(8), 2..3), range(at(9), 0..1)],
                ..fresh()
            }
            .into(),
            Ok(()),
        ),
        (
            "commit that adopts an ended session",
            &WRITER,
            Commit { adopted: vec![at(5)], ..fresh() }.into(),
            Err("a session of it has ended"),
        ),
        (
            "commit that adopts itself",
            &WRITER,
            Commit { adopted: vec![at(9)], ..fresh() }.into(),
            Err("it names a session twice"),
        ),
        (
            "commit of another session's packs",
            &WRITER,
            Commit { packs: vec![range(at(8), 0..1)], ..fresh() }.into(),
            Err("it names an object of another session"),
        ),
        (
            "commit of another session's runs",
            &WRITER,
            Commit { runs: vec![range(at(1), 0..1)], ..fresh() }.into(),
            Err("it names an object of another session"),
        ),
        (
            "commit of an empty range",
            &WRITER,
            Commit { packs: vec![range(at(9), 3..3)], ..fresh() }.into(),
            Err("it names an object of another session"),
        ),
        (
            "commit of a range that ends before it begins",
            &WRITER,
            Commit { packs: vec![SessionRange { session: at(9), first: 3, end: 1 }], ..fresh() }
                .into(),
            Err("it names an object of another session"),
        ),
        (
            "commit that names a pack twice",
            &WRITER,
            Commit { packs: vec![range(at(9), 1..3), range(at(9), 0..2)], ..fresh() }.into(),
            Err("it names an object twice"),
        ),
        (
            "commit that leans on usable packs",
            &WRITER,
            Commit { leans: vec![range(at(1), 0..4), range(at(4), 2..3)], ..fresh() }.into(),
            Ok(()),
        ),
        (
            "commit that leans on a pack nobody named",
            &WRITER,
            Commit { leans: vec![range(at(1), 3..5)], ..fresh() }.into(),
            Err("it leans on a pack that is not usable"),
        ),
        (
            "commit that leans on an open session",
            &WRITER,
            Commit { leans: vec![range(at(9), 0..1)], ..fresh() }.into(),
            Err("it leans on a pack that is not usable"),
        ),
        (
            "commit on live and forgotten bases",
            &WRITER,
            Commit { bases: of(&[1, 3]), ..fresh() }.into(),
            Ok(()),
        ),
        (
            "commit on a released base",
            &WRITER,
            Commit { bases: of(&[1, 4]), ..fresh() }.into(),
            Err("it builds on a snapshot that is not kept"),
        ),
        (
            "commit on an unknown base",
            &WRITER,
            Commit { bases: of(&[77]), ..fresh() }.into(),
            Err("it builds on a snapshot that is not kept"),
        ),
        (
            "commit of a snapshot that is there",
            &WRITER,
            Commit { snapshot: begun(4).snapshot, ..fresh() }.into(),
            Err("there is a snapshot of this id"),
        ),
        ("forget", &FOUNDER, Forget { snapshots: of(&[1, 2]) }.into(), Ok(())),
        (
            "forget by a writer",
            &WRITER,
            Forget { snapshots: of(&[1]) }.into(),
            Err("only an admin may say this"),
        ),
        (
            "forget what is forgotten",
            &FOUNDER,
            Forget { snapshots: of(&[1, 3]) }.into(),
            Err("a snapshot that it names is not in the state that it needs"),
        ),
        (
            "forget what is not there",
            &FOUNDER,
            Forget { snapshots: of(&[77]) }.into(),
            Err("a snapshot that it names is not in the state that it needs"),
        ),
        (
            "forget nothing",
            &FOUNDER,
            Forget { snapshots: vec![] }.into(),
            Err("it names no snapshot, or one twice"),
        ),
        (
            "forget twice",
            &FOUNDER,
            Forget { snapshots: of(&[1, 1]) }.into(),
            Err("it names no snapshot, or one twice"),
        ),
        ("protect", &FOUNDER, Protect { snapshots: of(&[1, 2]) }.into(), Ok(())),
        ("protect what it committed", &WRITER, Protect { snapshots: of(&[1]) }.into(), Ok(())),
        (
            "protect by a reader",
            &READER,
            Protect { snapshots: of(&[1]) }.into(),
            Err("a reader may not protect snapshots"),
        ),
        (
            "protect nothing",
            &WRITER,
            Protect { snapshots: vec![] }.into(),
            Err("it names no snapshot, or one twice"),
        ),
        (
            "protect what is forgotten",
            &FOUNDER,
            Protect { snapshots: of(&[3]) }.into(),
            Err("a snapshot that it names is not live, or protected already"),
        ),
        (
            "unprotect what is not protected",
            &FOUNDER,
            Unprotect { snapshots: of(&[1]) }.into(),
            Err("a snapshot that it names is not protected"),
        ),
        ("unforget", &FOUNDER, Unforget { snapshots: of(&[3]) }.into(), Ok(())),
        (
            "unforget by a writer",
            &WRITER,
            Unforget { snapshots: of(&[3]) }.into(),
            Err("only an admin may say this"),
        ),
        (
            "unforget what is released",
            &FOUNDER,
            Unforget { snapshots: of(&[4]) }.into(),
            Err("a snapshot that it names is not in the state that it needs"),
        ),
        ("release", &FOUNDER, Release { snapshots: of(&[3]) }.into(), Ok(())),
        (
            "release by a writer",
            &WRITER,
            Release { snapshots: of(&[3]) }.into(),
            Err("only an admin may say this"),
        ),
        (
            "release what is live",
            &FOUNDER,
            Release { snapshots: of(&[1]) }.into(),
            Err("a snapshot that it names is not in the state that it needs"),
        ),
        ("condemn", &FOUNDER, condemn(&state, all_four()).into(), Ok(())),
        (
            "condemn by a writer",
            &WRITER,
            condemn(&state, all_four()).into(),
            Err("only an admin may say this"),
        ),
        (
            "condemn by a reader",
            &READER,
            condemn(&state, all_four()).into(),
            Err("only an admin may say this"),
        ),
        (
            "condemn what is not usable",
            &FOUNDER,
            condemn(&state, vec![range(at(4), 0..5)]).into(),
            Err("it condemns a pack that is not usable"),
        ),
        (
            "condemn an open session's pack",
            &FOUNDER,
            condemn(&state, vec![range(at(9), 0..1)]).into(),
            Err("it condemns a pack that is not usable"),
        ),
        (
            "condemn from the future",
            &FOUNDER,
            marked_late.into(),
            Err("its plan is too old, or from the future"),
        ),
        (
            "condemn what was leaned on since",
            &FOUNDER,
            Condemn { marked_at: 5, ..condemn(&state, vec![range(at(1), 0..2)]) }.into(),
            Err("a snapshot leaned on a pack of it since it marked"),
        ),
        (
            "condemn what was leaned on before",
            &FOUNDER,
            Condemn { marked_at: 6, ..condemn(&state, vec![range(at(1), 0..2)]) }.into(),
            Ok(()),
        ),
        (
            "condemn beside what was leaned on since",
            &FOUNDER,
            Condemn { marked_at: 5, ..condemn(&state, vec![range(at(1), 2..4)]) }.into(),
            Ok(()),
        ),
        ("repack", &FOUNDER, repack(&state).into(), Ok(())),
        ("repack by a writer", &WRITER, repack(&state).into(), Err("only an admin may say this")),
        (
            "repack of an ended session",
            &FOUNDER,
            Repack { session: at(5), packs: vec![], runs: vec![], ..repack(&state) }.into(),
            Err("a session of it has ended"),
        ),
        (
            "repack of another session's packs",
            &FOUNDER,
            Repack { packs: vec![range(at(8), 0..1)], ..repack(&state) }.into(),
            Err("it names an object of another session"),
        ),
        (
            "repack that condemns what is not usable",
            &FOUNDER,
            Repack { condemn: condemn(&state, vec![range(at(9), 0..1)]), ..repack(&state) }.into(),
            Err("it condemns a pack that is not usable"),
        ),
        ("reindex", &FOUNDER, reindex().into(), Ok(())),
        ("reindex by a writer", &WRITER, reindex().into(), Err("only an admin may say this")),
        (
            "reindex of a run that is not in use",
            &FOUNDER,
            Reindex { old: vec![range(at(1), 1..3)], ..reindex() }.into(),
            Err("it replaces an index run that is not in use"),
        ),
        (
            "reindex of another session's runs",
            &FOUNDER,
            Reindex { new: vec![range(at(8), 0..1)], ..reindex() }.into(),
            Err("it names an object of another session"),
        ),
        (
            "reindex of an ended session",
            &FOUNDER,
            Reindex { session: at(5), new: vec![], ..reindex() }.into(),
            Err("a session of it has ended"),
        ),
        ("abort", &WRITER, abort(vec![at(9)], 0).into(), Ok(())),
        (
            "abort by a reader",
            &READER,
            abort(vec![at(9)], 0).into(),
            Err("a reader may not end sessions"),
        ),
        ("floor", &FOUNDER, abort(vec![], next).into(), Ok(())),
        (
            "floor by a writer",
            &WRITER,
            abort(vec![], next).into(),
            Err("only an admin may end all older sessions"),
        ),
        (
            "floor in the future",
            &FOUNDER,
            abort(vec![], next + 1).into(),
            Err("it ends sessions that have not begun"),
        ),
        ("key added", &FOUNDER, added(&STRANGER).into(), Ok(())),
        (
            "key added by a writer",
            &WRITER,
            added(&STRANGER).into(),
            Err("only an admin may say this"),
        ),
        (
            "key added by its owner",
            &STRANGER,
            added(&STRANGER).into(),
            Err("nobody knows its author"),
        ),
        ("key added twice", &FOUNDER, added(&WRITER).into(), Err("the key is known already")),
        (
            "key added after it was removed",
            &FOUNDER,
            added(&REMOVED).into(),
            Err("the key is known already"),
        ),
        ("key removed", &FOUNDER, KeyRemoved { key: key_id(&WRITER) }.into(), Ok(())),
        (
            "key removed by a writer",
            &WRITER,
            KeyRemoved { key: key_id(&READER) }.into(),
            Err("only an admin may say this"),
        ),
        (
            "key removed twice",
            &FOUNDER,
            KeyRemoved { key: key_id(&REMOVED) }.into(),
            Err("the key was removed before"),
        ),
        (
            "last admin removed",
            &FOUNDER,
            KeyRemoved { key: key_id(&FOUNDER) }.into(),
            Err("no admin would be left"),
        ),
        (
            "unknown key removed",
            &FOUNDER,
            KeyRemoved { key: key_id(&STRANGER) }.into(),
            Err("nobody knows the key"),
        ),
        (
            "unknown kind by a stranger",
            &STRANGER,
            EntryBody::Unknown { kind: 99, bytes: vec![] },
            Err("nobody knows its author"),
        ),
    ];
    for (case, author, body, expected) in table {
        let mut changed = state.clone();
        let found = apply(&mut changed, author, body);
        assert_eq!(found, expected, "{case}");
        if found.is_err() {
            changed.next = state.next;
            assert_eq!(changed, state, "{case}: a void entry changes nothing");
        }
    }
}

#[test]
fn a_commit_names_its_packs_ends_its_sessions_and_shows_its_snapshot() {
    let mut state = world();
    let number = state.next;
    let packs = vec![range(at(8), 1..2), range(at(9), 0..4)];
    apply(&mut state, &WRITER, Commit { adopted: vec![at(8)], packs, ..begun(9) }).unwrap();
    assert!(covers(&state.packs, range(at(9), 0..4)) && covers(&state.packs, range(at(8), 1..2)));
    assert!(!covers(&state.packs, range(at(8), 0..1)), "default deny");
    assert!(covers(&state.runs, range(at(9), 0..2)));
    assert!(replay::has_ended(&state, at(8)) && replay::has_ended(&state, at(9)));
    let snapshot = &state.snapshots[&snapshot_id(9)];
    assert_eq!((snapshot.number, snapshot.status), (number, SnapshotStatus::Live));
    assert_eq!(snapshot.author, key_id(&WRITER));
    // What it did not name of its sessions is deletable, what it named is not.
    let pack = |tag, number| PackId { session: at(tag), number };
    assert!(
        replay::may_delete_pack(&state, pack(8, 0)) && replay::may_delete_pack(&state, pack(9, 4))
    );
    assert!(!replay::may_delete_pack(&state, pack(8, 1)));
    assert_eq!(
        apply(&mut state, &WRITER, Commit { snapshot: begun(10).snapshot, ..begun(9) }),
        Err("a session of it has ended"),
        "a session commits once"
    );
}

#[test]
fn nothing_of_an_open_session_is_deletable() {
    let state = world();
    assert!(!replay::may_delete_pack(&state, PackId { session: at(9), number: 0 }));
    assert!(replay::may_delete_pack(&state, PackId { session: at(5), number: 0 }));
    assert!(replay::may_delete_pack(
        &state,
        PackId { session: session(1, 50), number: u32::MAX - 1 }
    ));
}

#[test]
fn forget_and_unforget_undo_each_other_and_release_is_final() {
    let mut state = world();
    let status = |state: &LedgerState| state.snapshots[&snapshot_id(1)].status;
    apply(&mut state, &FOUNDER, Forget { snapshots: of(&[1]) }).unwrap();
    assert_eq!(status(&state), SnapshotStatus::Forgotten);
    apply(&mut state, &FOUNDER, Unforget { snapshots: of(&[1]) }).unwrap();
    assert_eq!(status(&state), SnapshotStatus::Live);
    apply(&mut state, &FOUNDER, Forget { snapshots: of(&[1]) }).unwrap();
    apply(&mut state, &FOUNDER, Release { snapshots: of(&[1]) }).unwrap();
    for body in [
        EntryBody::from(Forget { snapshots: of(&[1]) }),
        Unforget { snapshots: of(&[1]) }.into(),
        Release { snapshots: of(&[1]) }.into(),
    ] {
        assert!(apply(&mut state, &FOUNDER, body).is_err());
        assert_eq!(status(&state), SnapshotStatus::Released);
    }
}

#[test]
fn what_is_protected_is_forgotten_only_after_an_admin_unprotected_it() {
    let mut state = world();
    apply(&mut state, &FOUNDER, begun(8)).unwrap();
    let by_another = apply(&mut state, &WRITER, Protect { snapshots: of(&[8]) });
    assert_eq!(by_another, Err("only an admin may protect what others backed up"));
    apply(&mut state, &WRITER, Protect { snapshots: of(&[1]) }).unwrap();
    let again = apply(&mut state, &FOUNDER, Protect { snapshots: of(&[1]) });
    assert_eq!(again, Err("a snapshot that it names is not live, or protected already"));
    let forgotten = apply(&mut state, &FOUNDER, Forget { snapshots: of(&[2, 1]) });
    assert_eq!(forgotten, Err("a snapshot that it names is protected"));
    assert_eq!(state.snapshots[&snapshot_id(2)].status, SnapshotStatus::Live);
    let by_writer = apply(&mut state, &WRITER, Unprotect { snapshots: of(&[1]) });
    assert_eq!(by_writer, Err("only an admin may say this"));
    apply(&mut state, &FOUNDER, Unprotect { snapshots: of(&[1]) }).unwrap();
    apply(&mut state, &FOUNDER, Forget { snapshots: of(&[2, 1]) }).unwrap();
}

#[test]
fn a_condemned_pack_is_deletable_for_ever() {
    let mut state = world();
    let body = condemn(&state, vec![range(at(4), 1..3)]);
    apply(&mut state, &FOUNDER, body).unwrap();
    let usable = [0, 1, 2, 3].map(|first| covers(&state.packs, range(at(4), first..first + 1)));
    assert_eq!(usable, [true, false, false, true]);
    assert!(replay::may_delete_pack(&state, PackId { session: at(4), number: 1 }));
    let again = Commit { packs: vec![range(at(4), 1..2)], ..begun(9) };
    assert!(apply(&mut state, &WRITER, again).is_err());
    let leaning = Commit { leans: vec![range(at(4), 1..2)], ..begun(9) };
    assert!(apply(&mut state, &WRITER, leaning).is_err());
    let body = condemn(&state, vec![range(at(4), 1..2)]);
    assert!(apply(&mut state, &FOUNDER, body).is_err());
}

#[test]
fn plans_disturb_each_other_and_not_themselves() {
    let mut state = world();
    let first = condemn(&state, vec![range(at(4), 0..1)]);
    let more = Condemn { packs: vec![range(at(4), 1..2)], ..first.clone() };
    let other = Condemn { plan: [2; 16], packs: vec![range(at(3), 0..1)], ..first.clone() };
    let repack = Repack { condemn: other.clone(), ..repack(&state) };
    apply(&mut state, &FOUNDER, first).unwrap();
    apply(&mut state, &FOUNDER, more).unwrap();
    let disturbed = Err("another plan collected since it marked");
    assert_eq!(apply(&mut state, &FOUNDER, other.clone()), disturbed);
    assert_eq!(apply(&mut state, &FOUNDER, repack.clone()), disturbed);
    let marked_at = state.next;
    let again = Repack { condemn: Condemn { marked_at, ..other }, ..repack };
    apply(&mut state, &FOUNDER, again).unwrap();
}

#[test]
fn a_commit_without_leans_on_it_leaves_a_plan_good() {
    let mut state = world();
    let plan = condemn(&state, vec![range(at(4), 0..4)]);
    apply(&mut state, &WRITER, Commit { leans: vec![range(at(1), 0..1)], ..begun(9) }).unwrap();
    apply(&mut state, &FOUNDER, plan).unwrap();
}

#[test]
fn a_repack_swaps_packs_and_ends_its_session() {
    let mut state = world();
    let body = repack(&state);
    apply(&mut state, &FOUNDER, body).unwrap();
    assert!(!covers(&state.packs, range(at(4), 0..1)) && covers(&state.packs, range(at(9), 0..1)));
    assert!(covers(&state.runs, range(at(9), 0..1)));
    assert!(replay::has_ended(&state, at(9)));
}

#[test]
fn a_reindex_swaps_runs_and_ends_its_session() {
    let mut state = world();
    apply(&mut state, &FOUNDER, reindex()).unwrap();
    assert!(!covers(&state.runs, range(at(1), 0..1)) && covers(&state.runs, range(at(9), 0..1)));
    assert!(covers(&state.packs, range(at(1), 0..4)), "packs stay as they are");
    assert!(replay::has_ended(&state, at(9)));
    assert_eq!(
        apply(&mut state, &FOUNDER, Reindex { session: at(10), new: vec![], ..reindex() }),
        Err("it replaces an index run that is not in use"),
        "of two that replace the same run one counts"
    );
}

#[test]
fn a_floor_ends_what_began_below_it_for_ever_and_remembers_no_names() {
    let mut state = world();
    let (floor, older, newer) = (state.next, at(9), session(state.next, 9));
    apply(&mut state, &FOUNDER, abort(vec![newer], floor)).unwrap();
    assert!(replay::has_ended(&state, older) && replay::has_ended(&state, newer));
    assert_eq!(state.ended.len(), 1, "only sessions from the floor on are listed");
    // A lower one changes nothing, and anyone may say it.
    apply(&mut state, &WRITER, abort(vec![], 1)).unwrap();
    assert_eq!(state.floor, floor);
    // Packs that were named stay usable.
    assert!(covers(&state.packs, range(at(1), 0..4)));
}

#[test]
fn a_key_counts_from_the_entry_that_adds_it_to_the_one_that_removes_it() {
    let mut state = world();
    assert!(apply(&mut state, &STRANGER, begun(9)).is_err());
    apply(&mut state, &FOUNDER, added(&STRANGER)).unwrap();
    apply(&mut state, &STRANGER, begun(9)).unwrap();
    apply(&mut state, &STRANGER, KeyRemoved { key: key_id(&FOUNDER) }).unwrap();
    assert_eq!(
        apply(&mut state, &FOUNDER, begun(10)),
        Err("its author's key was removed"),
        "the founder's too"
    );
    assert!(state.snapshots.contains_key(&snapshot_id(9)), "what was signed before still counts");
    assert_eq!(
        apply(&mut state, &STRANGER, KeyRemoved { key: key_id(&STRANGER) }),
        Err("no admin would be left")
    );
}

#[test]
fn a_plan_older_than_what_is_remembered_is_void() {
    let mut state = world();
    let plan = condemn(&state, vec![range(at(4), 0..4)]);
    for _ in 0..1024 {
        apply(&mut state, &WRITER, abort(vec![], 0)).unwrap();
    }
    apply(&mut state.clone(), &FOUNDER, plan.clone()).unwrap();
    apply(&mut state, &WRITER, abort(vec![], 0)).unwrap();
    assert_eq!(apply(&mut state, &FOUNDER, plan), Err("its plan is too old, or from the future"));
}

#[test]
fn leans_are_remembered_as_long_as_a_plan_may_be_old() {
    let mut state = world();
    let plan = condemn(&state, vec![range(at(1), 0..4)]);
    let leaning = Commit { leans: vec![range(at(1), 0..1)], ..begun(9) };
    apply(&mut state, &WRITER, leaning).unwrap();
    for tag in 10..10 + 1023 {
        apply(&mut state, &WRITER, begun(tag)).unwrap();
    }
    assert_eq!(
        apply(&mut state, &FOUNDER, plan),
        Err("a snapshot leaned on a pack of it since it marked")
    );
    assert!(state.recent.len() <= 1025, "and not much longer");
}

#[test]
fn an_unknown_kind_is_noted_once_and_applied_as_nothing() {
    let mut state = world();
    let number = state.next;
    for _ in 0..2 {
        apply(&mut state, &WRITER, EntryBody::Unknown { kind: 99, bytes: vec![1] }).unwrap();
    }
    let expected = LedgerState { next: number + 2, unknown: Some(number), ..world() };
    assert_eq!(state, expected);
}

/// An epoch with the session of this tag, which starts at snapshot 1.
pub(super) fn followed(tag: u64) -> Follow {
    let snapshot = commit(1).snapshot;
    Follow {
        source: FollowedSource {
            name: snapshot.source,
            kind: snapshot.source_kind,
            selection: snapshot.selection,
        },
        host: "host".to_owned(),
        session: at(tag),
        header: Vec::new(),
        start: TailStart::Snapshot(snapshot_id(1)),
        ends: None,
    }
}

pub(super) fn mark(tag: u64, objects: u64) -> TailMark {
    TailMark { session: at(tag), objects }
}

#[test]
fn an_epoch_ends_the_one_before_at_its_number() {
    let mut state = world();
    apply(&mut state, &WRITER, followed(20)).unwrap();
    let next = Follow { start: TailStart::Before, ends: Some(mark(20, 7)), ..followed(21) };
    apply(&mut state, &FOUNDER, next).unwrap();
    let [tail] = &state.tails[..] else { panic!("one source is followed") };
    let epochs: Vec<_> = tail.epochs.iter().map(|it| (it.session, it.start, it.end)).collect();
    let start = TailStart::Snapshot(snapshot_id(1));
    assert_eq!(epochs, [(at(20), start, Some(7)), (at(21), TailStart::Before, None)]);
    assert_eq!(tail.epochs[1].author, key_id(&FOUNDER));
}

#[test]
fn sources_of_other_names_kinds_or_streams_have_tails_of_their_own() {
    let mut state = world();
    apply(&mut state, &WRITER, followed(20)).unwrap();
    let other = FollowedSource { selection: vec!["a".to_owned()], ..followed(20).source };
    let mut of_other = Follow { source: other, ..followed(21) };
    // There is no snapshot of it yet.
    assert!(apply(&mut state, &WRITER, of_other.clone()).is_err());
    let mut snapshot = begun(30);
    snapshot.snapshot.selection = vec!["a".to_owned()];
    apply(&mut state, &WRITER, snapshot).unwrap();
    of_other.start = TailStart::Snapshot(snapshot_id(30));
    apply(&mut state, &WRITER, of_other).unwrap();
    assert_eq!(state.tails.len(), 2);
}

#[test]
fn an_epoch_that_does_not_fit_is_void() {
    let mut state = world();
    apply(&mut state, &WRITER, followed(20)).unwrap();
    let next = Follow { start: TailStart::Before, ends: Some(mark(20, 7)), ..followed(21) };
    let of = |change: &dyn Fn(&mut Follow)| {
        let mut follow = next.clone();
        change(&mut follow);
        follow
    };
    let void = [
        of(&|it| it.ends = None),
        of(&|it| it.ends = Some(mark(19, 7))),
        of(&|it| it.session = at(20)),
        of(&|it| it.session = at(1)),
        of(&|it| it.session = session(it.session.head + 1000, 21)),
        of(&|it| it.start = TailStart::Snapshot(snapshot_id(4))),
        of(&|it| it.start = TailStart::Snapshot(snapshot_id(99))),
        of(&|it| it.source.name.push('x')),
    ];
    let before = state.clone();
    for follow in void {
        assert!(apply(&mut state, &WRITER, follow.clone()).is_err(), "{follow:?}");
        assert_eq!(LedgerState { next: before.next, ..state.clone() }, before);
    }
    assert!(apply(&mut state, &READER, next.clone()).is_err());
    assert!(apply(&mut state, &REMOVED, next.clone()).is_err());
    apply(&mut state, &WRITER, next.clone()).unwrap();
    // It was ended already.
    let again = Follow { session: at(22), ..next };
    assert!(apply(&mut state, &WRITER, again).is_err());
}

#[test]
fn nothing_commits_with_the_session_of_a_tail() {
    let mut state = world();
    apply(&mut state, &WRITER, followed(20)).unwrap();
    assert!(apply(&mut state, &WRITER, begun(20)).is_err());
}

#[test]
fn a_snapshot_that_a_tail_goes_on_from_is_not_released() {
    let mut state = world();
    apply(&mut state, &WRITER, followed(20)).unwrap();
    apply(&mut state, &FOUNDER, Forget { snapshots: vec![snapshot_id(1)] }).unwrap();
    let release = Release { snapshots: vec![snapshot_id(1)] };
    assert!(apply(&mut state, &FOUNDER, release.clone()).is_err());
    // Going on from the epoch before is going on from its snapshot.
    let next = Follow { start: TailStart::Before, ends: Some(mark(20, 7)), ..followed(21) };
    apply(&mut state, &WRITER, next).unwrap();
    assert!(apply(&mut state, &FOUNDER, release.clone()).is_err());
    let start = TailStart::Snapshot(snapshot_id(2));
    let anew = Follow { start, ends: Some(mark(21, 1)), ..followed(22) };
    apply(&mut state, &WRITER, anew).unwrap();
    apply(&mut state, &FOUNDER, release).unwrap();
}

#[test]
fn a_drill_changes_nothing_and_a_reader_may_not_record_one() {
    let drilled = || Drilled {
        source: "shop".to_owned(),
        source_kind: "ndjson".to_owned(),
        host: "host".to_owned(),
        target_kind: "ndjson".to_owned(),
        started: icecore_format::Timestamp(1),
        point: DrillPoint::Latest,
        reached_time: None,
        reached_position: None,
        snapshot: Some(snapshot_id(1)),
        has_tail: false,
        events: 1,
        streams: 1,
        checks: Vec::new(),
        nanoseconds_taken: 1,
        nanoseconds_distance: 0,
    };
    let mut state = world();
    let number = state.next;
    for author in [&WRITER, &FOUNDER] {
        apply(&mut state, author, drilled()).unwrap();
    }
    assert_eq!(state, LedgerState { next: number + 2, ..world() });
    let refused = apply(&mut state, &READER, drilled());
    assert_eq!(refused, Err("a reader may not record a drill"));
}
