//! The invariants of the protocol, over random histories of writers and collectors that are as
//! careless as they may be: they check nothing before they append, and rely on void entries.
//!
//! A small model stands for storage: packs with the chunks that they hold. Entries may land late,
//! sessions may be ended at any moment, and whatever may be deleted is deleted, by deleters that
//! know an old state.

use super::{FOUNDER, StoppedClock, commit, key_id, range, session};
use crate::environment::Clock as _;
use crate::ledger::replay;
use icecore_format::checkpoint::{LedgerState, SnapshotStatus};
use icecore_format::ledger::body::{
    Abort, Commit, Condemn, Forget, Release, Repack, SessionRange, Unforget,
};
use icecore_format::ledger::{Entry, EntryBody};
use icecore_format::{PackId, SessionId, SnapshotId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

const WRITERS_MAX: usize = 4;

type Chunks = BTreeSet<u8>;

/// What happens next; the numbers choose whom it happens to, and how.
#[derive(Clone, Copy, Debug)]
enum Step {
    Begin { chunks: u8, base: u8, adopted: u8 },
    Provide { writer: u8, lean: bool },
    Refresh { writer: u8 },
    Commit { writer: u8, late: bool },
    Mark { packs: u8, repack: bool },
    Collect { plan: u8, late: bool },
    Move { snapshot: u8, to: SnapshotStatus },
    Abort { session: u8 },
    Floor { below: u8 },
    Delete { seen: u8 },
    LandEntry { which: u8 },
    LandPack { which: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let to = prop_oneof![
        3 => Just(SnapshotStatus::Forgotten),
        1 => Just(SnapshotStatus::Live),
        3 => Just(SnapshotStatus::Released)
    ];
    let (n, b) = (any::<u8>, any::<bool>);
    prop_oneof![
        4 => (n(), n(), n()).prop_map(|(chunks, base, adopted)| Step::Begin { chunks, base, adopted }),
        10 => (n(), b()).prop_map(|(writer, lean)| Step::Provide { writer, lean }),
        1 => n().prop_map(|writer| Step::Refresh { writer }),
        6 => (n(), b()).prop_map(|(writer, late)| Step::Commit { writer, late }),
        4 => (n(), b()).prop_map(|(packs, repack)| Step::Mark { packs, repack }),
        6 => (n(), b()).prop_map(|(plan, late)| Step::Collect { plan, late }),
        5 => (n(), to).prop_map(|(snapshot, to)| Step::Move { snapshot, to }),
        1 => n().prop_map(|session| Step::Abort { session }),
        1 => (0..8_u8).prop_map(|below| Step::Floor { below }),
        4 => n().prop_map(|seen| Step::Delete { seen }),
        3 => n().prop_map(|which| Step::LandEntry { which }),
        1 => n().prop_map(|which| Step::LandPack { which }),
    ]
}

/// A session that backs up some chunks.
struct Writer {
    session: SessionId,
    tag: u64,
    /// What it had read of the ledger.
    seen: LedgerState,
    wanted: Chunks,
    /// What its base has of it already.
    covered: Chunks,
    base: Option<SnapshotId>,
    adopted: Vec<SessionId>,
    packs: Vec<PackId>,
    leans: BTreeSet<PackId>,
}

/// A collector that has marked.
struct Plan {
    id: [u8; 16],
    marked_at: u64,
    packs: Vec<PackId>,
    /// The session that copies, and its packs.
    copies: Option<(SessionId, Vec<PackId>)>,
}

/// An entry on its way to storage, with the chunks that its snapshot needs.
type Sent = (Entry, Chunks);

struct World {
    state: LedgerState,
    /// The states before every entry so far.
    history: Vec<LedgerState>,
    /// What was ever put, whether or not it is still stored.
    content: BTreeMap<PackId, Chunks>,
    stored: BTreeSet<PackId>,
    needs: BTreeMap<SnapshotId, Chunks>,
    writers: Vec<Writer>,
    plans: Vec<Plan>,
    sent: Vec<Sent>,
    ever_deletable: BTreeSet<PackId>,
    committed: Vec<SessionId>,
    tag: u64,
    tally: BTreeMap<(&'static str, bool), u64>,
}

fn pick<T>(items: &[T], which: u8) -> Option<usize> {
    (!items.is_empty()).then(|| which as usize % items.len())
}

fn one(pack: PackId) -> SessionRange {
    range(pack.session, pack.number..pack.number + 1)
}

fn usable(state: &LedgerState) -> Vec<PackId> {
    state.packs.iter().flat_map(|range| range.packs()).collect()
}

impl World {
    fn new() -> Self {
        Self {
            state: replay::genesis(&FOUNDER),
            history: Vec::new(),
            content: BTreeMap::new(),
            stored: BTreeSet::new(),
            needs: BTreeMap::new(),
            writers: Vec::new(),
            plans: Vec::new(),
            sent: Vec::new(),
            ever_deletable: BTreeSet::new(),
            committed: Vec::new(),
            tag: 0,
            tally: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Begin { chunks, base, adopted } => self.begin(chunks, base, adopted),
            Step::Provide { writer, lean } => self.provide(writer, lean),
            Step::Refresh { writer } => {
                if let Some(index) = pick(&self.writers, writer) {
                    self.writers[index].seen = self.state.clone();
                }
            }
            Step::Commit { writer, late } => self.commit(writer, late),
            Step::Mark { packs, repack } => self.mark(packs, repack),
            Step::Collect { plan, late } => self.collect(plan, late),
            Step::Move { snapshot, to } => self.move_snapshot(snapshot, to),
            Step::Abort { session } => {
                let copying = self.plans.iter().filter_map(|plan| plan.copies.as_ref());
                let writing = self.writers.iter().map(|writer| writer.session);
                let sessions: Vec<_> =
                    writing.chain(copying.map(|(session, _)| *session)).collect();
                if let Some(index) = pick(&sessions, session) {
                    let body = Abort { sessions: vec![sessions[index]], floor: 0 };
                    self.append(body.into(), Chunks::new(), false);
                }
            }
            Step::Floor { below } => {
                let floor = self.state.next.saturating_sub(u64::from(below));
                let body = Abort { sessions: Vec::new(), floor };
                self.append(body.into(), Chunks::new(), false);
            }
            Step::Delete { seen } => self.delete(seen),
            Step::LandEntry { which } => {
                if let Some(index) = pick(&self.sent, which) {
                    let sent = self.sent.swap_remove(index);
                    // Put-if-absent: its number is still free, or it lands nowhere.
                    if sent.0.number == self.state.next {
                        self.land(sent);
                    }
                }
            }
            Step::LandPack { which } => {
                let packs: Vec<_> = self.content.keys().copied().collect();
                if let Some(index) = pick(&packs, which) {
                    self.stored.insert(packs[index]);
                }
            }
        }
    }

    fn next_tag(&mut self) -> u64 {
        self.tag += 1;
        self.tag
    }

    fn unreleased(state: &LedgerState) -> Vec<SnapshotId> {
        let kept = state.snapshots.iter().filter(|(_, it)| it.status != SnapshotStatus::Released);
        kept.map(|(id, _)| *id).collect()
    }

    fn begin(&mut self, chunks: u8, base: u8, adopted: u8) {
        let tag = self.next_tag();
        let bases = Self::unreleased(&self.state);
        let base =
            base.is_multiple_of(2).then(|| pick(&bases, base / 2)).flatten().map(|i| bases[i]);
        let mut writer = Writer {
            session: session(self.state.next, tag),
            tag,
            seen: self.state.clone(),
            wanted: (0..4).filter(|chunk| chunks & (1 << chunk) != 0).collect(),
            covered: base.map(|base| self.needs[&base].clone()).unwrap_or_default(),
            base,
            adopted: Vec::new(),
            packs: Vec::new(),
            leans: BTreeSet::new(),
        };
        // What another left behind, who may be dead or only seem so.
        if let Some(index) =
            adopted.is_multiple_of(3).then(|| pick(&self.writers, adopted / 3)).flatten()
        {
            let other = &self.writers[index];
            if !replay::has_ended(&self.state, other.session) {
                writer.adopted.push(other.session);
                let own = other.packs.iter().filter(|pack| pack.session == other.session);
                writer.packs.extend(own);
            }
        }
        if self.writers.len() == WRITERS_MAX {
            self.writers.remove(0);
        }
        self.writers.push(writer);
    }

    fn provide(&mut self, which: u8, lean: bool) {
        let Some(index) = pick(&self.writers, which) else { return };
        let has = |pack: &PackId, chunk: &u8| self.content[pack].contains(chunk);
        let writer = &mut self.writers[index];
        let is_there = |chunk: &u8| {
            writer.covered.contains(chunk)
                || writer.packs.iter().chain(&writer.leans).any(|pack| has(pack, chunk))
        };
        let Some(chunk) = writer.wanted.iter().copied().find(|chunk| !is_there(chunk)) else {
            return;
        };
        // Rule 3: as far as it knows.
        let hit = usable(&writer.seen).into_iter().find(|pack| has(pack, &chunk));
        if let Some(pack) = hit.filter(|_| lean) {
            writer.leans.insert(pack);
            return;
        }
        let own = writer.packs.iter().filter(|pack| pack.session == writer.session).count();
        let pack = PackId { session: writer.session, number: own as u32 };
        writer.packs.push(pack);
        // Packs hold neighbours, too.
        self.content.insert(pack, Chunks::from([chunk, (chunk + which % 4) % 4]));
        self.stored.insert(pack);
    }

    fn commit(&mut self, which: u8, late: bool) {
        let Some(index) = pick(&self.writers, which) else { return };
        let writer = &self.writers[index];
        let held = writer.packs.iter().chain(&writer.leans).flat_map(|pack| &self.content[pack]);
        let held: Chunks = held.chain(&writer.covered).copied().collect();
        if !writer.wanted.is_subset(&held) {
            return;
        }
        // The base's nodes are reused with all that they need.
        let needs = writer.wanted.union(&writer.covered).copied().collect();
        let body = Commit {
            session: writer.session,
            adopted: writer.adopted.clone(),
            packs: writer.packs.iter().map(|pack| one(*pack)).collect(),
            runs: Vec::new(),
            leans: writer.leans.iter().map(|pack| one(*pack)).collect(),
            bases: writer.base.into_iter().collect(),
            ..commit(writer.tag)
        };
        self.append(body.into(), needs, late);
    }

    fn mark(&mut self, chosen: u8, repack: bool) {
        let needed: Chunks =
            Self::unreleased(&self.state).iter().flat_map(|id| &self.needs[id]).copied().collect();
        let usable = usable(&self.state);
        let mut plan: BTreeSet<PackId> = BTreeSet::new();
        let kept_beside = |plan: &BTreeSet<PackId>| -> Chunks {
            let beside = usable.iter().filter(|pack| !plan.contains(pack));
            beside.flat_map(|pack| &self.content[pack]).copied().collect()
        };
        for (index, pack) in usable.iter().enumerate() {
            if chosen & (1 << (index % 8)) == 0 {
                continue;
            }
            plan.insert(*pack);
            // Rule 5: a copy of all that is needed stays outside of the whole plan.
            if !repack && !needed.is_subset(&kept_beside(&plan)) {
                plan.remove(pack);
            }
        }
        let rescued: Chunks = needed.difference(&kept_beside(&plan)).copied().collect();
        let tag = self.next_tag();
        let copies = repack.then(|| {
            let session = session(self.state.next, tag);
            let pack = PackId { session, number: 0 };
            self.content.insert(pack, rescued);
            self.stored.insert(pack);
            (session, vec![pack])
        });
        let mut id = [0; 16];
        id[..8].copy_from_slice(&tag.to_be_bytes());
        let packs = plan.into_iter().collect();
        self.plans.push(Plan { id, marked_at: self.state.next, packs, copies });
        if self.plans.len() > 3 {
            self.plans.remove(0);
        }
    }

    fn collect(&mut self, which: u8, late: bool) {
        let Some(index) = pick(&self.plans, which) else { return };
        let plan = &mut self.plans[index];
        // A plan that only condemns may do so in several entries.
        let part =
            if plan.copies.is_some() { plan.packs.len() } else { plan.packs.len().div_ceil(2) };
        let packs: Vec<_> = plan.packs.drain(..part).collect();
        let packs = packs.into_iter().map(one).collect();
        let condemn = Condemn { plan: plan.id, marked_at: plan.marked_at, packs };
        let body = match &plan.copies {
            None => condemn.into(),
            Some((session, copies)) => Repack {
                condemn,
                session: *session,
                packs: copies.iter().map(|pack| one(*pack)).collect(),
                runs: Vec::new(),
            }
            .into(),
        };
        self.append(body, Chunks::new(), late);
    }

    fn move_snapshot(&mut self, which: u8, to: SnapshotStatus) {
        let ids: Vec<_> = self.state.snapshots.keys().copied().collect();
        let Some(index) = pick(&ids, which) else { return };
        let snapshots = vec![ids[index]];
        let body: EntryBody = match to {
            SnapshotStatus::Live => Unforget { snapshots }.into(),
            SnapshotStatus::Forgotten => Forget { snapshots }.into(),
            SnapshotStatus::Released => Release { snapshots }.into(),
        };
        self.append(body, Chunks::new(), false);
    }

    /// Deletes whatever some state, however old, allows to.
    fn delete(&mut self, seen: u8) {
        let state = match self.history.len().checked_sub(seen as usize) {
            Some(number) if number < self.history.len() => &self.history[number],
            _ => &self.state,
        };
        let before = self.stored.len();
        self.stored.retain(|pack| !replay::may_delete_pack(state, *pack));
        *self.tally.entry(("deleted", before > self.stored.len())).or_default() += 1;
    }

    fn append(&mut self, body: EntryBody, needs: Chunks, late: bool) {
        let (number, previous) = (self.state.next, self.state.head);
        let (author, time) = (key_id(&FOUNDER), StoppedClock.now());
        let entry = Entry { number, previous, author, nonce: [0; 16], time, body };
        if late {
            self.sent.push((entry, needs));
        } else {
            self.land((entry, needs));
        }
    }

    fn land(&mut self, (entry, needs): Sent) {
        self.history.push(self.state.clone());
        let mut unchanged = self.state.clone();
        let counts = replay::apply(&mut self.state, &entry).is_ok();
        *self.tally.entry((entry.body.label(), counts)).or_default() += 1;
        if !counts {
            assert_eq!(self.state, unchanged, "a void entry changes nothing");
        } else if let EntryBody::Commit(commit) = &entry.body {
            self.needs.insert(commit.snapshot.id, needs);
            self.committed.extend(commit.adopted.iter().chain([&commit.session]));
        }
        unchanged.next += 1;
        self.state.next = unchanged.next;
    }

    fn check(&mut self) {
        let usable = usable(&self.state);
        for pack in &usable {
            assert!(self.stored.contains(pack), "I2: usable packs exist: {pack}");
        }
        for id in Self::unreleased(&self.state) {
            for chunk in &self.needs[&id] {
                let resolves = usable.iter().any(|pack| self.content[pack].contains(chunk));
                assert!(resolves, "I1: an unreleased snapshot resolves: {id}, chunk {chunk}");
            }
        }
        for pack in &self.ever_deletable {
            let still = replay::may_delete_pack(&self.state, *pack);
            assert!(still, "I3: what was deletable is never usable again: {pack}");
        }
        let deletable = self.content.keys().filter(|it| replay::may_delete_pack(&self.state, **it));
        self.ever_deletable.extend(deletable);
        let distinct: BTreeSet<_> = self.committed.iter().collect();
        assert_eq!(distinct.len(), self.committed.len(), "I6: a session commits once");
    }
}

#[test]
fn whatever_writers_collectors_and_deleters_do_every_unreleased_snapshot_resolves() {
    let tally = RefCell::new(BTreeMap::new());
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    let histories = prop::collection::vec(step(), 0..140);
    let result = TestRunner::new(config).run(&histories, |steps| {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check();
        }
        for (what, count) in world.tally {
            *tally.borrow_mut().entry(what).or_insert(0_u64) += count;
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // All of it happened, and each kind was void at times, too.
    for kind in ["commit", "condemn", "repack", "forget", "unforget", "release", "abort", "deleted"]
    {
        let count = |counts| tally.borrow().get(&(kind, counts)).copied().unwrap_or(0);
        assert!(count(true) > 50, "{kind}: {} counted", count(true));
        assert!(kind == "abort" || count(false) > 20, "{kind}: {} were void", count(false));
    }
}

/// The shortest traces of the holes that simpler rules have, each closed by a void entry.
#[test]
fn the_known_traces_end_in_a_void_entry() {
    let begin = Step::Begin { chunks: 1, base: 1, adopted: 1 };
    let on_base = Step::Begin { chunks: 0, base: 0, adopted: 1 };
    let provide = |writer, lean| Step::Provide { writer, lean };
    let commit = |writer| Step::Commit { writer, late: false };
    let first = [begin, provide(0, false), commit(0)];
    let forget = Step::Move { snapshot: 0, to: SnapshotStatus::Forgotten };
    let release = [forget, Step::Move { snapshot: 0, to: SnapshotStatus::Released }];
    let condemn = [Step::Mark { packs: 1, repack: false }, Step::Collect { plan: 0, late: false }];
    let delete = Step::Delete { seen: 0 };
    let traces: [(&str, Vec<Step>, &str); 6] = [
        (
            "uploads; abort; delete; commits",
            vec![begin, provide(0, false), Step::Abort { session: 0 }, delete, commit(0)],
            "commit",
        ),
        (
            "leans; condemn; delete; commits",
            [&first[..], &[begin, provide(1, true)], &release, &condemn, &[delete, commit(1)]]
                .concat(),
            "commit",
        ),
        (
            "reuses a base; release; condemn; delete; commits",
            [&first[..], &[on_base], &release, &condemn, &[delete, commit(1)]].concat(),
            "commit",
        ),
        (
            "mark; commit leans; condemn",
            [&first[..], &release, &[condemn[0], begin, provide(1, true), commit(1), condemn[1]]]
                .concat(),
            "condemn",
        ),
        (
            "adopts; abort; delete; commits",
            vec![
                begin,
                provide(0, false),
                Step::Begin { chunks: 1, base: 1, adopted: 0 },
                Step::Abort { session: 0 },
                delete,
                commit(1),
            ],
            "commit",
        ),
        (
            "below the floor: uploads; others; floor; delete; commits",
            vec![
                begin,
                provide(0, false),
                Step::Begin { chunks: 0, base: 1, adopted: 1 },
                commit(1),
                Step::Floor { below: 0 },
                delete,
                commit(0),
            ],
            "commit",
        ),
    ];
    for (trace, steps, void) in traces {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.check();
        }
        assert_eq!(world.tally.get(&(void, false)), Some(&1), "{trace}: {:?}", world.tally);
    }
}
