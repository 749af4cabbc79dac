//! Random operations, compared with a map from snapshots to bytes.
//!
//! Sources grow, shrink and are replaced; backups die at a random write or meet a random fault;
//! machines lose their caches or are replaced. Whatever happens, the repository has what was
//! acknowledged, byte for byte, and a check finds nothing.

use icecore::{Repository, snapshots};
use icecore_format::SnapshotId;
use icecore_store::testing::{CrashingStore, Effect, FaultyStore, Interrupted, Matcher};
use icecore_store::{MemoryStore, Operation, Store, StoreErrorKind};
use icecore_tests::lines::{lines_of, odd_lines};
use icecore_tests::{Host, assert_clean};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SOURCES: usize = 3;

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Events are appended to a source.
    Append { source: usize, events: u64 },
    /// A source becomes another one, or the same as another.
    Replace { source: usize, seed: u64, events: u64 },
    /// A source loses its end.
    Truncate { source: usize, keep: Index },
    /// A source is backed up.
    BackUp { source: usize },
    /// A source is backed up and the process dies.
    Crash { source: usize, write: u64, how: Interrupted },
    /// A source is backed up and storage does something to a request.
    Fault { source: usize, nth: u64, prefix: &'static str, fault: Fault },
    /// A snapshot is restored, with or without a fault.
    Restore { snapshot: Index, fault: Option<(u64, Fault)> },
    /// Everything is checked.
    Check,
    /// The repository is opened again.
    Reopen,
    /// Another machine takes over.
    Move { with_memory: bool },
    /// The copies of index runs are lost.
    LoseCache,
    /// Time passes: what a session reads the clock for happens sooner or later.
    Hurry { seconds: i64 },
}

#[derive(Clone, Debug)]
enum Fault {
    Put(Effect),
    Read(Operation, Effect),
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}

fn step() -> impl Strategy<Value = Step> {
    let source = 0..SOURCES;
    let how = prop_oneof![Just(Interrupted::Landed), Just(Interrupted::Vanished)];
    let prefix = prop::sample::select(vec!["", "packs/", "index/", "ledger/", "witness/"]);
    prop_oneof![
        3 => (source.clone(), 1..60_u64)
            .prop_map(|(source, events)| Step::Append { source, events }),
        1 => (source.clone(), 0..4_u64, 0..40_u64)
            .prop_map(|(source, seed, events)| Step::Replace { source, seed, events }),
        1 => (source.clone(), any::<Index>())
            .prop_map(|(source, keep)| Step::Truncate { source, keep }),
        4 => source.clone().prop_map(|source| Step::BackUp { source }),
        3 => (source.clone(), 1..12_u64, how)
            .prop_map(|(source, write, how)| Step::Crash { source, write, how }),
        3 => (source, 1..4_u64, prefix, fault())
            .prop_map(|(source, nth, prefix, fault)| Step::Fault { source, nth, prefix, fault }),
        2 => (any::<Index>(), prop::option::of((1..6_u64, fault())))
            .prop_map(|(snapshot, fault)| Step::Restore { snapshot, fault }),
        1 => Just(Step::Check),
        1 => Just(Step::Reopen),
        1 => any::<bool>().prop_map(|with_memory| Step::Move { with_memory }),
        1 => Just(Step::LoseCache),
        1 => prop::sample::select(vec![0, 7, 60]).prop_map(|seconds| Step::Hurry { seconds }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let kind = prop::sample::select(vec![
        StoreErrorKind::Denied,
        StoreErrorKind::NoSpace,
        StoreErrorKind::Transient,
        StoreErrorKind::Permanent,
    ]);
    let put = prop_oneof![
        kind.clone().prop_map(Effect::Fail),
        Just(Effect::LoseAcknowledgement),
        Just(Effect::FullDisk),
        prop::option::of(0..4_u64).prop_map(|after_requests| Effect::LandLate { after_requests }),
    ];
    let read = prop_oneof![
        kind.prop_map(Effect::Fail),
        (0..500_u64, 0..8_u8).prop_map(|(byte, bit)| Effect::FlipBit { byte, bit }),
        (0..200_u64).prop_map(|keep| Effect::Truncate { keep }),
    ];
    let operation = prop_oneof![Just(Operation::Get), Just(Operation::GetRange)];
    prop_oneof![
        put.prop_map(Fault::Put),
        (operation, read).prop_map(|(operation, effect)| Fault::Read(operation, effect)),
    ]
}

/// The repository, and what it must hold.
struct World {
    store: MemoryStore,
    host: Host,
    repository: Repository,
    sources: [Vec<u8>; SOURCES],
    /// The number of each source's next event.
    next_events: [u64; SOURCES],
    snapshots: BTreeMap<SnapshotId, Vec<u8>>,
}

/// Every machine's randomness is its own.
static NEXT_HOST: AtomicU64 = AtomicU64::new(1);

fn next_host() -> u64 {
    NEXT_HOST.fetch_add(1, Ordering::Relaxed)
}

impl World {
    async fn new() -> Self {
        let host = Host::numbered(next_host());
        let (store, repository) = host.init_small().await;
        Self {
            store,
            host,
            repository,
            sources: Default::default(),
            next_events: [0; SOURCES],
            snapshots: BTreeMap::new(),
        }
    }

    async fn step(&mut self, step: &Step) {
        match step.clone() {
            Step::Append { source, events } => {
                let first = self.next_events[source];
                self.next_events[source] += events;
                if !self.sources[source].is_empty() && !self.sources[source].ends_with(b"\n") {
                    self.sources[source].push(b'\n');
                }
                let lines = lines_of(&source.to_string(), first..first + events);
                self.sources[source].extend_from_slice(lines.as_bytes());
            }
            Step::Replace { source, seed, events } => {
                self.sources[source] = odd_lines(seed, events);
            }
            Step::Truncate { source, keep } => {
                let ends: Vec<usize> = self.sources[source]
                    .iter()
                    .enumerate()
                    .filter_map(|(at, byte)| (*byte == b'\n').then_some(at + 1))
                    .collect();
                let keep = if ends.is_empty() { 0 } else { ends[keep.index(ends.len())] };
                self.sources[source].truncate(keep);
            }
            Step::BackUp { source } => self.back_up(source).await,
            Step::Crash { source, write, how } => self.crash(source, write, how).await,
            Step::Fault { source, nth, prefix, fault } => {
                self.fault(source, nth, prefix, fault).await;
            }
            Step::Restore { snapshot, fault } => self.restore(snapshot, fault).await,
            Step::Check => assert_clean(&self.host.check(&self.repository).await),
            Step::Reopen => self.reopen().await,
            Step::Move { with_memory } => {
                let number = next_host();
                self.host = if with_memory {
                    self.host.duplicate(number)
                } else {
                    self.host.stranger(number)
                };
                self.reopen().await;
            }
            Step::LoseCache => self.host.lose_cache(),
            Step::Hurry { seconds } => self.host.clock.step_seconds(seconds),
        }
    }

    async fn back_up(&mut self, source: usize) {
        let bytes = self.sources[source].clone();
        let name = source.to_string();
        let report = self.host.back_up_as(&self.repository, &name, &bytes).await;
        self.snapshots.insert(report.expect("a backup in peace succeeds").snapshot.id, bytes);
    }

    async fn crash(&mut self, source: usize, write: u64, how: Interrupted) {
        let crashing = Arc::new(CrashingStore::new(self.store.clone(), write, how));
        self.back_up_on(crashing.clone(), source).await;
        // The dead process' requests that were under way are gone with it.
        self.store = crashing.survivors();
        self.reopen().await;
    }

    async fn fault(&mut self, source: usize, nth: u64, prefix: &str, fault: Fault) {
        let faulty = FaultyStore::new(Arc::new(self.store.clone()));
        add(&faulty, nth, prefix, fault);
        self.back_up_on(faulty.clone(), source).await;
        faulty.release_late().await;
        self.reopen().await;
    }

    /// Opens the repository on another store and backs up; what came of it is found out later.
    async fn back_up_on(&mut self, store: Arc<dyn Store>, source: usize) {
        let bytes = self.sources[source].clone();
        let Ok(repository) = self.host.open(store).await else { return };
        let outcome = self.host.back_up_as(&repository, &source.to_string(), &bytes).await;
        if let Ok(report) = outcome {
            self.snapshots.insert(report.snapshot.id, bytes);
            return;
        }
        // It may have committed all the same. Whether it did only the ledger knows.
        let repository = self.host.open(Arc::new(self.store.clone())).await.unwrap();
        let state = repository.state().await;
        let known = self.snapshots.len();
        for found in snapshots::live(&state) {
            self.snapshots.entry(found.snapshot.id).or_insert_with(|| bytes.clone());
        }
        assert!(self.snapshots.len() <= known + 1, "one backup made several snapshots");
    }

    async fn restore(&mut self, snapshot: Index, fault: Option<(u64, Fault)>) {
        if self.snapshots.is_empty() {
            return;
        }
        let (id, bytes) = self.snapshots.iter().nth(snapshot.index(self.snapshots.len())).unwrap();
        let Some((nth, fault)) = fault else {
            let restored = self.host.restore(&self.repository, &id.to_string()).await;
            assert!(&restored.expect("a restore in peace succeeds") == bytes);
            return;
        };
        let faulty = FaultyStore::new(Arc::new(self.store.clone()));
        add(&faulty, nth, "", fault);
        let reader = self.host.stranger(next_host());
        let Ok(repository) = reader.open(faulty).await else { return };
        let state = repository.state().await;
        let Ok(found) = snapshots::find(&state, &id.to_string(), None) else { return };
        let options = icecore::restore::RestoreOptions::default();
        if let Ok((restored, _)) = reader.restore_with(&repository, &found.snapshot, &options).await
        {
            assert!(&restored == bytes, "other bytes were restored as good");
        }
    }

    /// Opens the repository again, and compares it with the map.
    async fn reopen(&mut self) {
        let store = Arc::new(self.store.clone());
        self.repository = self.host.open(store).await.expect("the repository opens");
        assert_eq!(self.repository.alarms().await, []);
        let state = self.repository.state().await;
        let mut found: Vec<_> =
            snapshots::live(&state).iter().map(|found| found.snapshot.id).collect();
        found.sort_unstable();
        assert_eq!(found, self.snapshots.keys().copied().collect::<Vec<_>>());
    }

    /// Looks at all of it, as this machine and as one that remembers nothing.
    async fn finish(mut self) {
        self.reopen().await;
        self.back_up(0).await;
        self.host = self.host.stranger(next_host());
        self.reopen().await;
        assert_clean(&self.host.check(&self.repository).await);
        for (id, bytes) in &self.snapshots {
            let restored = self.host.restore(&self.repository, &id.to_string()).await.unwrap();
            assert!(&restored == bytes, "snapshot {id} came back as other bytes");
        }
    }
}

fn add(store: &FaultyStore, nth: u64, prefix: &str, fault: Fault) {
    match fault {
        Fault::Put(effect) => store.add(Matcher::nth(nth, Operation::PutNew, prefix), effect),
        Fault::Read(operation, effect) => store.add(Matcher::nth(nth, operation, prefix), effect),
    }
}

fn run(cases: u32, most_steps: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 300,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(u64::from(cases)),
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let outcome = runner.run(&steps(most_steps), |steps| {
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.step(step).await;
            }
            world.finish().await;
        });
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn whatever_happens_the_repository_agrees_with_a_map_in_memory() {
    run(300, 16);
}

/// `just model` runs this one: minutes.
#[test]
#[ignore = "takes minutes; `just model` runs it"]
fn whatever_happens_thousands_of_times_the_repository_agrees_with_a_map_in_memory() {
    run(5_000, 30);
}
