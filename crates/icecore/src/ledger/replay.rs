//! Replay: which entries count at their number, and what they change.
//!
//! Default deny: what no valid entry named is not usable, and an entry that is not valid at its
//! number chains and changes nothing. Everything here is a function of the entries alone.
//!
//! Specification: docs/concurrency.md, "Entries". Its rules are cited by number.

use super::ranges::{covers, has, is_proper, overlap, remove};
use super::trims;
use icecore_format::checkpoint::{
    EpochState, KeyState, LedgerState, RecentEntry, SnapshotState, SnapshotStatus, TailState,
};
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::body::{
    Abort, Commit, Condemn, Follow, KeyAdded, KeyRemoved, Reindex, Repack, SessionRange, TailStart,
};
use icecore_format::ledger::{Entry, EntryBody};
use icecore_format::{PackId, RunId, SessionId, SnapshotId};
use std::collections::{BTreeMap, BTreeSet};

/// Newest entries whose leans and plans are remembered. A collector whose plan is older must mark
/// again, which is always safe.
const RECENT_ENTRIES_MAX: u64 = 1024;

/// Why an entry is void: a clause that follows "it is void, since".
pub type Void = &'static str;

/// The state before the first entry: the founder may do everything, and nothing is there.
pub fn genesis(keys: &KeySet) -> LedgerState {
    let founder = KeyState { key: keys.founder, role: Role::Admin, removed: false };
    LedgerState {
        next: 0,
        head: keys.config,
        keys: BTreeMap::from([(keys.founder.id(), founder)]),
        snapshots: BTreeMap::new(),
        protected: BTreeSet::new(),
        packs: BTreeSet::new(),
        runs: BTreeSet::new(),
        ended: BTreeSet::new(),
        floor: 0,
        tails: Vec::new(),
        recent: Vec::new(),
        unknown: None,
    }
}

/// Whether a session has ended, by itself or because it began below the floor.
pub fn has_ended(state: &LedgerState, session: SessionId) -> bool {
    session.head < state.floor || state.ended.contains(&session)
}

/// Whether a pack may be read and leaned on.
pub fn is_usable(state: &LedgerState, pack: PackId) -> bool {
    has(&state.packs, pack.session, pack.number)
}

/// Whether a pack or an index run that was usable before is not any more.
pub(crate) fn has_retired(before: &LedgerState, after: &LedgerState) -> bool {
    !before.packs.iter().all(|range| covers(&after.packs, *range))
        || !before.runs.iter().all(|range| covers(&after.runs, *range))
}

/// Rule 9: whether a pack may be deleted. Once it may, it may for ever.
///
/// To be asked only of a [`Prefix`](super::Prefix)'s state: with an alarm, or an entry of an
/// unknown kind, a pack that is needed may seem not to be.
pub fn may_delete_pack(state: &LedgerState, pack: PackId) -> bool {
    let PackId { session, number: first } = pack;
    let range = SessionRange { session, first, end: first.saturating_add(1) };
    has_ended(state, session) && !covers(&state.packs, range)
}

/// Rule 9: whether an index run may be deleted; see [`may_delete_pack`].
pub fn may_delete_run(state: &LedgerState, run: RunId) -> bool {
    let RunId { session, number: first } = run;
    let range = SessionRange { session, first, end: first.saturating_add(1) };
    has_ended(state, session) && !covers(&state.runs, range)
}

/// Applies an entry whose signature is its author's. `state.next` is its number.
///
/// Numbers and chain are the caller's to advance, whether the entry counts or not.
pub fn apply(state: &mut LedgerState, entry: &Entry) -> Result<(), Void> {
    let author = state.keys.get(&entry.author).ok_or("nobody knows its author")?;
    if author.removed {
        return Err("its author's key was removed");
    }
    let role = author.role;
    let admin = || if role == Role::Admin { Ok(()) } else { Err("only an admin may say this") };
    match &entry.body {
        EntryBody::Commit(_) if role == Role::Reader => Err("a reader may not commit"),
        EntryBody::Commit(body) => commit(state, entry, body),
        EntryBody::Forget(body) => admin().and_then(|()| {
            if body.snapshots.iter().any(|id| state.protected.contains(id)) {
                return Err("a snapshot that it names is protected");
            }
            move_snapshots(state, &body.snapshots, SnapshotStatus::Live, SnapshotStatus::Forgotten)
        }),
        EntryBody::Unforget(body) => admin().and_then(|()| {
            move_snapshots(state, &body.snapshots, SnapshotStatus::Forgotten, SnapshotStatus::Live)
        }),
        EntryBody::Release(body) => admin().and_then(|()| {
            let (from, to) = (SnapshotStatus::Forgotten, SnapshotStatus::Released);
            move_snapshots(state, &body.snapshots, from, to)
        }),
        EntryBody::Protect(_) if role == Role::Reader => Err("a reader may not protect snapshots"),
        EntryBody::Protect(body) => {
            let own = |id: &SnapshotId| {
                state.snapshots.get(id).is_some_and(|found| found.author == entry.author)
            };
            if role != Role::Admin && !body.snapshots.iter().all(own) {
                return Err("only an admin may protect what others backed up");
            }
            protect(state, &body.snapshots)
        }
        EntryBody::Unprotect(body) => admin().and_then(|()| unprotect(state, &body.snapshots)),
        EntryBody::Condemn(body) => admin().and_then(|()| {
            check_condemn(state, body)?;
            condemn(state, entry.number, body);
            Ok(())
        }),
        EntryBody::Repack(body) => admin().and_then(|()| repack(state, entry.number, body)),
        EntryBody::Reindex(body) => admin().and_then(|()| reindex(state, body)),
        EntryBody::Abort(body) => abort(state, role, body),
        EntryBody::Follow(_) if role == Role::Reader => Err("a reader may not follow"),
        EntryBody::Follow(body) => follow(state, entry, body),
        EntryBody::Trim(body) => admin().and_then(|()| trims::trim(state, body)),
        EntryBody::Drilled(_) if role == Role::Reader => Err("a reader may not record a drill"),
        // For whoever reads the ledger: nothing follows from it.
        EntryBody::Drilled(_) => Ok(()),
        EntryBody::KeyAdded(body) => admin().and_then(|()| add_key(state, body)),
        EntryBody::KeyRemoved(body) => admin().and_then(|()| remove_key(state, body)),
        // Of a kind unknown to this program, whether or not its format has a name for it: it may say
        // anything, so nothing may be built on a state that lacks it.
        _ => {
            state.unknown.get_or_insert(entry.number);
            Ok(())
        }
    }
}

fn commit(state: &mut LedgerState, entry: &Entry, commit: &Commit) -> Result<(), Void> {
    let sessions: Vec<SessionId> = commit.adopted.iter().copied().chain([commit.session]).collect();
    check_open(state, &sessions)?;
    check_own(&commit.packs, &sessions)?;
    check_own(&commit.runs, &sessions)?;
    // Rule 4: the packs that it leans on are still usable, and so are its bases.
    if !commit.leans.iter().all(|range| covers(&state.packs, *range)) {
        return Err("it leans on a pack that is not usable");
    }
    let is_kept = |id: &SnapshotId| {
        state.snapshots.get(id).is_some_and(|base| base.status != SnapshotStatus::Released)
    };
    if !commit.bases.iter().all(is_kept) {
        return Err("it builds on a snapshot that is not kept");
    }
    if state.snapshots.contains_key(&commit.snapshot.id) {
        return Err("there is a snapshot of this id");
    }
    state.packs.extend(&commit.packs);
    state.runs.extend(&commit.runs);
    state.ended.extend(sessions);
    remember(state, RecentEntry { number: entry.number, plan: None, leans: commit.leans.clone() });
    state.snapshots.insert(
        commit.snapshot.id,
        SnapshotState {
            number: entry.number,
            author: entry.author,
            status: SnapshotStatus::Live,
            snapshot: commit.snapshot.clone(),
        },
    );
    Ok(())
}

fn move_snapshots(
    state: &mut LedgerState,
    snapshots: &[SnapshotId],
    from: SnapshotStatus,
    to: SnapshotStatus,
) -> Result<(), Void> {
    check_named(snapshots)?;
    let is_there = |id: &SnapshotId| state.snapshots.get(id).is_some_and(|it| it.status == from);
    if !snapshots.iter().all(is_there) {
        return Err("a snapshot that it names is not in the state that it needs");
    }
    let is_final = to == SnapshotStatus::Released;
    if is_final && snapshots.iter().any(|id| is_start_of_tail(state, id)) {
        return Err("a tail goes on from a snapshot that it names");
    }
    for id in snapshots {
        if let Some(snapshot) = state.snapshots.get_mut(id) {
            snapshot.status = to;
        }
    }
    Ok(())
}

fn protect(state: &mut LedgerState, snapshots: &[SnapshotId]) -> Result<(), Void> {
    check_named(snapshots)?;
    let may_be = |id: &SnapshotId| {
        let is_live = |it: &SnapshotState| it.status == SnapshotStatus::Live;
        state.snapshots.get(id).is_some_and(is_live) && !state.protected.contains(id)
    };
    if !snapshots.iter().all(may_be) {
        return Err("a snapshot that it names is not live, or protected already");
    }
    state.protected.extend(snapshots);
    Ok(())
}

fn unprotect(state: &mut LedgerState, snapshots: &[SnapshotId]) -> Result<(), Void> {
    check_named(snapshots)?;
    if !snapshots.iter().all(|id| state.protected.contains(id)) {
        return Err("a snapshot that it names is not protected");
    }
    state.protected.retain(|id| !snapshots.contains(id));
    Ok(())
}

fn check_named(snapshots: &[SnapshotId]) -> Result<(), Void> {
    let distinct: BTreeSet<_> = snapshots.iter().collect();
    if distinct.is_empty() || distinct.len() != snapshots.len() {
        return Err("it names no snapshot, or one twice");
    }
    Ok(())
}

/// Rule 5: since the plan marked, no other plan collected and no commit leaned on these packs.
pub(crate) fn check_condemn(state: &LedgerState, condemn: &Condemn) -> Result<(), Void> {
    if !condemn.packs.iter().all(|range| is_proper(*range) && covers(&state.packs, *range)) {
        return Err("it condemns a pack that is not usable");
    }
    let oldest = state.next.saturating_sub(RECENT_ENTRIES_MAX);
    if condemn.marked_at > state.next || condemn.marked_at < oldest {
        return Err("its plan is too old, or from the future");
    }
    for entry in state.recent.iter().filter(|entry| entry.number >= condemn.marked_at) {
        if entry.plan.is_some_and(|plan| plan != condemn.plan) {
            return Err("another plan collected since it marked");
        }
        let leans = |pack: &SessionRange| entry.leans.iter().any(|lean| overlap(*lean, *pack));
        if condemn.packs.iter().any(leans) {
            return Err("a snapshot leaned on a pack of it since it marked");
        }
    }
    Ok(())
}

fn condemn(state: &mut LedgerState, number: u64, condemn: &Condemn) {
    for range in &condemn.packs {
        remove(&mut state.packs, *range);
    }
    remember(state, RecentEntry { number, plan: Some(condemn.plan), leans: Vec::new() });
}

/// Rule 6: the copies are named in the entry that retires the originals.
fn repack(state: &mut LedgerState, number: u64, repack: &Repack) -> Result<(), Void> {
    check_open(state, &[repack.session])?;
    check_own(&repack.packs, &[repack.session])?;
    check_own(&repack.runs, &[repack.session])?;
    check_condemn(state, &repack.condemn)?;
    condemn(state, number, &repack.condemn);
    state.packs.extend(&repack.packs);
    state.runs.extend(&repack.runs);
    state.ended.insert(repack.session);
    Ok(())
}

fn reindex(state: &mut LedgerState, reindex: &Reindex) -> Result<(), Void> {
    check_open(state, &[reindex.session])?;
    check_own(&reindex.new, &[reindex.session])?;
    if !reindex.old.iter().all(|range| is_proper(*range) && covers(&state.runs, *range)) {
        return Err("it replaces an index run that is not in use");
    }
    for range in &reindex.old {
        remove(&mut state.runs, *range);
    }
    state.runs.extend(&reindex.new);
    state.ended.insert(reindex.session);
    Ok(())
}

fn abort(state: &mut LedgerState, role: Role, abort: &Abort) -> Result<(), Void> {
    if role == Role::Reader {
        return Err("a reader may not end sessions");
    }
    if abort.floor > state.floor && role != Role::Admin {
        return Err("only an admin may end all older sessions");
    }
    if abort.floor > state.next {
        return Err("it ends sessions that have not begun");
    }
    state.ended.extend(&abort.sessions);
    state.floor = state.floor.max(abort.floor);
    let floor = state.floor;
    state.ended.retain(|session| session.head >= floor);
    Ok(())
}

/// Rule 12: an epoch ends the one before at the number of its terminator, which is put first.
fn follow(state: &mut LedgerState, entry: &Entry, follow: &Follow) -> Result<(), Void> {
    check_open(state, &[follow.session])?;
    let tail = state.tails.iter().find(|tail| tail.source == follow.source);
    let newest = tail.and_then(|tail| tail.epochs.last());
    if newest.map(|epoch| (epoch.session, epoch.end))
        != follow.ends.map(|ends| (ends.session, None))
    {
        return Err("it does not end its source's newest epoch");
    }
    // What is free below was deleted.
    if follow.ends.is_some_and(|ends| newest.is_some_and(|newest| ends.objects < newest.trimmed)) {
        return Err("it ends an epoch before a place up to which it was trimmed");
    }
    match follow.start {
        TailStart::Snapshot(id) => {
            let is_of_source = |it: &SnapshotState| {
                it.status != SnapshotStatus::Released && it.snapshot.followed() == follow.source
            };
            if !state.snapshots.get(&id).is_some_and(is_of_source) {
                return Err("it starts at a snapshot that is not kept, or of another source");
            }
        }
        TailStart::Before if follow.ends.is_none() => return Err("there is no epoch before it"),
        TailStart::Before => {}
    }
    if tail.is_none() {
        state.tails.push(TailState { source: follow.source.clone(), epochs: Vec::new() });
    }
    let mut tails = state.tails.iter_mut();
    let Some(tail) = tails.find(|tail| tail.source == follow.source) else { return Ok(()) };
    let epochs = &mut tail.epochs;
    // Its objects are none that a commit could name.
    state.ended.insert(follow.session);
    if let (Some(before), Some(ends)) = (epochs.last_mut(), follow.ends) {
        before.end = Some(ends.objects);
    }
    epochs.push(EpochState {
        number: entry.number,
        author: entry.author,
        host: follow.host.clone(),
        session: follow.session,
        header: follow.header.clone(),
        start: follow.start,
        end: None,
        trimmed: 0,
    });
    Ok(())
}

/// The snapshot that a tail goes on from.
fn is_start_of_tail(state: &LedgerState, id: &SnapshotId) -> bool {
    state.tails.iter().any(|tail| {
        let mut starts = tail.epochs.iter().rev().map(|epoch| epoch.start);
        starts.find(|start| *start != TailStart::Before) == Some(TailStart::Snapshot(*id))
    })
}

fn add_key(state: &mut LedgerState, added: &KeyAdded) -> Result<(), Void> {
    let id = added.key.id();
    if state.keys.contains_key(&id) {
        return Err("the key is known already");
    }
    state.keys.insert(id, KeyState { key: added.key, role: added.role, removed: false });
    Ok(())
}

fn remove_key(state: &mut LedgerState, removed: &KeyRemoved) -> Result<(), Void> {
    let is_admin = |key: &KeyState| key.role == Role::Admin && !key.removed;
    let others = state.keys.iter().filter(|(id, key)| **id != removed.key && is_admin(key));
    if others.count() == 0 {
        return Err("no admin would be left");
    }
    let key = state.keys.get_mut(&removed.key).ok_or("nobody knows the key")?;
    if key.removed {
        return Err("the key was removed before");
    }
    key.removed = true;
    Ok(())
}

fn check_open(state: &LedgerState, sessions: &[SessionId]) -> Result<(), Void> {
    let distinct: BTreeSet<_> = sessions.iter().collect();
    if distinct.len() != sessions.len() {
        return Err("it names a session twice");
    }
    if sessions.iter().any(|session| has_ended(state, *session)) {
        return Err("a session of it has ended");
    }
    if sessions.iter().any(|session| session.head > state.next) {
        return Err("a session of it has not begun");
    }
    Ok(())
}

/// Whether all ranges are of these sessions, and none overlap.
fn check_own(ranges: &[SessionRange], sessions: &[SessionId]) -> Result<(), Void> {
    let own = |range: &SessionRange| is_proper(*range) && sessions.contains(&range.session);
    if !ranges.iter().all(own) {
        return Err("it names an object of another session");
    }
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    if sorted.is_sorted_by(|a, b| !overlap(*a, *b)) {
        Ok(())
    } else {
        Err("it names an object twice")
    }
}

fn remember(state: &mut LedgerState, entry: RecentEntry) {
    let oldest = entry.number.saturating_sub(RECENT_ENTRIES_MAX);
    state.recent.retain(|recent| recent.number >= oldest);
    state.recent.push(entry);
}
