//! The main job on generated events, in memory: backup, a backup of the same again, restore and
//! check. `cargo bench -p icecore-benches`.
//!
//! These tell whether a change made something slower. Figures that are quoted come from whole runs
//! of the command on files of gigabytes.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use icecore::backup::{BackupOptions, backup};
use icecore::check::{CheckOptions, check};
use icecore::environment::{Environment, SystemClock, SystemRandom, TokioExecutor};
use icecore::local::LocalState;
use icecore::repository::InitOptions;
use icecore::restore::{RestoreOptions, restore};
use icecore::{Monitor, Repository, snapshots};
use icecore_benches::events::{Generator, Shape};
use icecore_format::keys::slot::PasswordCost;
use icecore_sources::events::ndjson::{MemberMap, NdjsonSource, NdjsonTarget};
use icecore_store::MemoryStore;
use std::sync::Arc;
use tokio::runtime::Runtime;

const EVENTS: u64 = 50_000;

struct Bench {
    runtime: Runtime,
    environment: Environment,
    source: NdjsonSource,
    directory: tempfile::TempDir,
    bytes: u64,
}

impl Bench {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let lines = Generator::lines(Shape::Orders, 1, EVENTS);
        let path = directory.path().join("events.ndjson");
        std::fs::write(&path, &lines).expect("a file can be written");
        let executor = runtime.block_on(async { TokioExecutor::new(0) }).expect("threads start");
        let environment = Environment {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            executor: Arc::new(executor),
            local: LocalState::default(),
        };
        let source = NdjsonSource::new(path, MemberMap::default());
        Self { runtime, environment, source, directory, bytes: lines.len() as u64 }
    }

    fn repository(&self) -> Repository {
        let options =
            InitOptions { password_cost: PasswordCost::TRIVIAL, ..InitOptions::default() };
        let store = Arc::new(MemoryStore::new());
        let init = Repository::init(store, self.environment.clone(), b"password", &options);
        self.runtime.block_on(init).expect("a repository can be made")
    }

    fn back_up(&self, repository: &Repository) {
        let options = BackupOptions::default();
        let monitor = Monitor::default();
        let backup = backup(repository, &self.source, &options, &monitor);
        self.runtime.block_on(backup).expect("the backup succeeds");
    }

    fn restore(&self, repository: &Repository) {
        let target = NdjsonTarget::new(self.directory.path().join("restored.ndjson"));
        let options = RestoreOptions { overwrite: true, ..RestoreOptions::default() };
        self.runtime.block_on(async {
            let state = repository.state().await;
            let found = snapshots::find(&state, "latest", None).expect("there is a snapshot");
            restore(repository, &found.snapshot, &target, &options, &Monitor::default())
                .await
                .expect("the restore succeeds");
        });
    }

    fn check(&self, repository: &Repository) {
        let options = CheckOptions { read_data: true, ..CheckOptions::default() };
        let report = self
            .runtime
            .block_on(check(repository, &options, &Monitor::default()))
            .expect("the check comes to its end");
        assert!(report.findings.is_empty());
    }
}

fn events(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("events");
    group.throughput(Throughput::Bytes(bench.bytes)).sample_size(10);
    group.bench_function("first backup", |bencher| {
        let new = || bench.repository();
        bencher.iter_batched(new, |repository| bench.back_up(&repository), BatchSize::PerIteration);
    });
    let repository = bench.repository();
    bench.back_up(&repository);
    group.bench_function("same again", |bencher| bencher.iter(|| bench.back_up(&repository)));
    group.bench_function("restore", |bencher| bencher.iter(|| bench.restore(&repository)));
    group.bench_function("check", |bencher| bencher.iter(|| bench.check(&repository)));
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
