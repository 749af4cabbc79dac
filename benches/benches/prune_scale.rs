//! What a prune takes that has much to look at: a repository of a million chunks and a thousand snapshots, made
//! by as many backups of a source that grows.
//!
//! `just prune-scale`, or `cargo bench -p icecore-benches --bench prune-scale -- --chunks N --snapshots N`.
//! Each phase is a process of its own, so that what one needed does not count for the next.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of developers")]

#[path = "index_scale/memory.rs"]
mod memory;

use async_trait::async_trait;
use icecore::backup::{BackupOptions, backup};
use icecore::environment::{Environment, SystemClock, SystemRandom, TokioExecutor};
use icecore::layout::ObjectRole;
use icecore::local::LocalState;
use icecore::prune::{PruneOptions, plan};
use icecore::source::{
    EventBatch, EventReader, Proof, Reading, Source, SourceEnd, SourceError, SourceRequest,
    UnparsedBatch, Whole,
};
use icecore::{Monitor, Repository};
use icecore_format::RepositoryId;
use icecore_format::cipher::Cipher;
use icecore_format::config::{ChunkBytes, Config};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::keys::KeySet;
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::random::random_bytes;
use icecore_store::{LocalStore, Store};
use memory::Memory;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const PASSWORD: &[u8] = b"password";
/// What is measured, each in a process of its own: a plan where the machine has made all the backups, and where it
/// knows nothing.
const PHASES: [&str; 3] = ["make", "plan", "plan-cold"];
/// About one event a chunk.
const TINY_CHUNKS: ChunkBytes = ChunkBytes { min: 1, average: 2, max: 64 };
const STREAMS: u64 = 1_000;

struct Options {
    chunks: u64,
    snapshots: u64,
    directory: Option<PathBuf>,
    phase: Option<String>,
}

fn main() {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("error: {problem}");
            eprintln!("usage: prune-scale --chunks N [--snapshots N] [--directory DIRECTORY]");
            std::process::exit(2);
        }
    };
    // As a benchmark among others it is not asked for anything.
    if options.chunks == 0 {
        return;
    }
    match (&options.phase, &options.directory) {
        (Some(phase), Some(directory)) => run(phase, directory, &options),
        _ => run_all(&options),
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options { chunks: 0, snapshots: 1_000, directory: None, phase: None };
    while let Some(name) = arguments.next() {
        if name == "--bench" {
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{value} is not a number"));
        match name.as_str() {
            "--chunks" => options.chunks = number()?,
            "--snapshots" => options.snapshots = number()?,
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
            .args(["--chunks", &options.chunks.to_string()])
            .args(["--snapshots", &options.snapshots.to_string()])
            .args(["--phase", phase, "--directory"])
            .arg(&directory)
            .status()
            .expect("this program can be run");
        assert!(status.success(), "{phase} failed");
    }
}

fn run(phase: &str, directory: &Path, options: &Options) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let cache = if phase == "plan-cold" { "cold" } else { "cache" };
        let environment = Environment {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            executor: Arc::new(TokioExecutor::new(0).expect("threads start")),
            local: LocalState {
                state_directory: None,
                cache_directory: Some(directory.join(cache)),
            },
        };
        let path = directory.join("repository");
        let store = Arc::new(LocalStore::create(path).expect("the repository's place can be made"));
        let memory = Memory::watch();
        let began = Instant::now();
        if phase == "make" {
            init(&*store, &environment).await;
        }
        let opened = Repository::open(store, environment, PASSWORD).await;
        let repository = opened.expect("what was made can be opened");
        let what = if phase == "make" {
            make(&repository, options).await;
            format!("made {} snapshots", options.snapshots)
        } else {
            let planned = plan(&repository, &PruneOptions::default(), &Monitor::default()).await;
            let planned = planned.expect("a plan can be made");
            format!("planned for {} packs", planned.usable.objects)
        };
        let elapsed = began.elapsed().as_secs_f64();
        println!("{phase:9} {what} after {elapsed:.3} s; {memory}");
    });
}

/// Makes a repository with tiny chunks.
async fn init(store: &dyn Store, environment: &Environment) {
    let random = &*environment.random;
    let repository = RepositoryId(random_bytes(random));
    let config =
        Config { events: TINY_CHUNKS, ..Config::new(repository, Cipher::ChaCha20Poly1305) };
    let keys = KeySet::found(config.repository, config.hash(), random);
    let slot = KeySlot::seal(&keys, PASSWORD, PasswordCost::TRIVIAL, random)
        .expect("a key slot can be made");
    let role = ObjectRole::KeySlot(keys.signing.verifying_key().id());
    for (role, bytes) in [(role, slot), (ObjectRole::Config, config.to_object())] {
        let name = role.object_name();
        store.put_new(&name, bytes.into()).await.expect("the repository's place is empty");
    }
}

async fn make(repository: &Repository, options: &Options) {
    let backup_options = BackupOptions { host: "host".to_owned(), ..BackupOptions::default() };
    for number in 1..=options.snapshots {
        let source = Growing { events: options.chunks * number / options.snapshots };
        let made = backup(repository, &source, &backup_options, &Monitor::default()).await;
        made.expect("a backup can be made");
    }
}

/// A source of so many events, of which earlier ones never change.
struct Growing {
    events: u64,
}

struct GrowingReader {
    next: u64,
    end: u64,
    reading: Reading,
}

#[async_trait]
impl Source for Growing {
    fn kind(&self) -> &'static str {
        "growing"
    }

    fn default_name(&self) -> String {
        "growing".to_owned()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let known = request.known().map(|known| known.events);
        let reading = match known {
            Some(events) => Reading::Further(Proof::Identified { events }),
            None => Reading::Whole(Whole::First),
        };
        let next = known.unwrap_or(0);
        Ok(Box::new(GrowingReader { next, end: self.events, reading }))
    }
}

#[async_trait]
impl EventReader for GrowingReader {
    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn bytes_expected(&self) -> Option<u64> {
        None
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        let events = self.next..self.end.min(self.next + 10_000);
        self.next = events.end;
        let count = events.end - events.start;
        Ok((count > 0).then(|| {
            UnparsedBatch::new(count, move || {
                let mut batch = EventBatch::default();
                for number in events {
                    let stream = format!("stream-{}", number % STREAMS);
                    let payload = format!("{{\"number\":{number}}}");
                    let event = Event {
                        stream: &stream,
                        version: number / STREAMS + 1,
                        event_type: "Counted",
                        id: EventId::None,
                        time: EventTime::None,
                        metadata: None,
                        members: Members::default(),
                        payload: Payload::Inline(payload.as_bytes()),
                    };
                    batch.push(&event, None);
                }
                Ok(batch)
            })
        }))
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        Ok(SourceEnd { resume: self.end.to_le_bytes().to_vec(), ..SourceEnd::default() })
    }
}
