//! The index of a repository with millions of chunks and thousands of index runs: what building
//! and opening it take, what a lookup costs, and how much memory that needs.
//!
//! `just index-scale`, or `cargo bench -p icecore-benches --bench index-scale -- --chunks N`.
//! The repository is made of nothing but its ledger and index runs. Each phase is a process of its
//! own, so that what one needed does not count for the next. Figures: docs/decisions/0005.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of developers")]

mod index_scale {
    pub(crate) mod memory;
    pub(crate) mod synthetic;
}

use icecore::environment::{Environment, SystemClock, SystemRandom, TokioExecutor};
use icecore::local::LocalState;
use icecore::{Repository, index::Index};
use icecore_format::ChunkId;
use icecore_store::LocalStore;
use index_scale::memory::Memory;
use index_scale::synthetic::{self, Shape, chunk_id};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PASSWORD: &[u8] = b"password";
/// What is measured, each in a process of its own.
const PHASES: [&str; 7] = ["make", "open", "build", "look-up", "add", "look-up", "no-cache"];
/// Lookups of one kind.
const LOOKUPS: u64 = 2_000_000;

struct Options {
    shape: Shape,
    directory: Option<PathBuf>,
    phase: Option<String>,
}

fn main() {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}");
            eprintln!("usage: index-scale --chunks N [--runs N] [--directory DIRECTORY]");
            std::process::exit(2);
        }
    };
    // As a benchmark among others it is not asked for anything.
    if options.shape.chunks == 0 {
        return;
    }
    match (&options.phase, &options.directory) {
        (Some(phase), Some(directory)) => run(phase, directory, options.shape),
        _ => run_all(&options),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let shape = Shape { chunks: 0, runs: 10_000 };
    let mut options = Options { shape, directory: None, phase: None };
    while let Some(name) = arguments.next() {
        if name == "--bench" {
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{value} is not a number"));
        match name.as_str() {
            "--chunks" => options.shape.chunks = number()?,
            "--runs" => options.shape.runs = number()?,
            "--directory" => options.directory = Some(value.into()),
            "--phase" => options.phase = Some(value),
            _ => return Err(format!("there is no option {name}")),
        }
    }
    Ok(options)
}

fn run_all(options: &Options) {
    let own = tempfile::tempdir().expect("a temporary directory can be made");
    let directory = options.directory.clone().unwrap_or_else(|| own.path().to_owned());
    let program = std::env::current_exe().expect("this program has a path");
    for phase in PHASES {
        let status = Command::new(&program)
            .args(["--chunks", &options.shape.chunks.to_string()])
            .args(["--runs", &options.shape.runs.to_string(), "--phase", phase, "--directory"])
            .arg(&directory)
            .status()
            .expect("this program can be run");
        assert!(status.success(), "{phase} failed");
    }
}

fn run(phase: &str, directory: &Path, shape: Shape) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let executor = TokioExecutor::new(0).expect("threads start");
        let environment = Environment {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            executor: Arc::new(executor),
            local: LocalState {
                state_directory: None,
                cache_directory: (phase != "no-cache").then(|| directory.join("cache")),
            },
        };
        let path = directory.join("repository");
        let store = Arc::new(LocalStore::create(path).expect("the repository's place can be made"));
        if phase == "make" {
            synthetic::make(store, environment, PASSWORD, shape).await;
            return;
        }
        let memory = Memory::watch();
        let began = Instant::now();
        let opened = Repository::open(store.clone(), environment, PASSWORD).await;
        let repository = opened.expect("what was made can be opened");
        report(phase, "opened the repository", began.elapsed(), &memory);
        match phase {
            "open" => return,
            "add" => synthetic::add(&*store, &repository, shape.chunks, 1_000).await,
            _ => {}
        }
        let began = Instant::now();
        let index = repository.index().await.expect("the index can be built");
        report(phase, "have the index", began.elapsed(), &memory);
        println!("{phase:8} cache: {}", files(&directory.join("cache")));
        if matches!(phase, "look-up" | "no-cache") {
            look_up(&index, shape, &memory);
        }
    });
}

fn look_up(index: &Index, shape: Shape, memory: &Memory) {
    let lookups = LOOKUPS.min(shape.chunks);
    let stride = shape.chunks / lookups;
    let in_order = || 0..lookups;
    let scattered = move || (0..lookups).map(move |n| n * 7_919 % lookups * stride);
    let unknown = move || (0..lookups).map(move |n| shape.chunks * 2 + n);
    for round in ["first", "again"] {
        time(index, &format!("{round}: neighbours in their order"), in_order(), true, memory);
        time(index, &format!("{round}: known, from everywhere"), scattered(), true, memory);
        time(index, &format!("{round}: unknown"), unknown(), false, memory);
    }
}

fn time(
    index: &Index,
    what: &str,
    mut numbers: impl Iterator<Item = u64>,
    are_known: bool,
    memory: &Memory,
) {
    let (mut elapsed, mut lookups) = (Duration::ZERO, 0);
    let mut ids: Vec<ChunkId> = Vec::new();
    loop {
        ids.clear();
        ids.extend(numbers.by_ref().take(10_000).map(chunk_id));
        if ids.is_empty() {
            break;
        }
        let began = cpu_time();
        for id in &ids {
            let found = index.find(id).expect("no table is damaged");
            assert_eq!(found.is_some(), are_known);
        }
        elapsed += cpu_time().saturating_sub(began);
        lookups += ids.len() as u128;
    }
    let each = elapsed.as_nanos() / lookups;
    println!("look-up  {what}: {each} ns of CPU each; {memory}");
}

/// What this thread has used, whoever else uses the machine.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.expect("it begins with a number"))
}

fn report(phase: &str, what: &str, elapsed: Duration, memory: &Memory) {
    println!("{phase:8} {what} after {:.3} s; {memory}", elapsed.as_secs_f64());
}

/// How many files are below a directory, and their bytes.
fn files(directory: &Path) -> String {
    let (mut files, mut bytes) = (0, 0);
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let metadata = entry.metadata().expect("a file of the cache is there");
            if metadata.is_dir() {
                pending.push(entry.path());
            } else {
                (files, bytes) = (files + 1, bytes + metadata.len());
            }
        }
    }
    format!("{files} files, {bytes} bytes")
}
