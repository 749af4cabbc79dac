//! A machine that makes backups: its clock, its randomness, its local state, its files.

use crate::clock::ManualClock;
use crate::entry::{append_entry, append_entry_at};
use crate::random::SeededRandom;
use crate::{PASSWORD, ndjson_source};
use icecore::backup::{BackupError, BackupOptions, BackupReport};
use icecore::check::{CheckOptions, CheckReport};
use icecore::environment::{Clock as _, Environment, TokioExecutor};
use icecore::layout::ObjectRole;
use icecore::local::LocalState;
use icecore::monitor::Monitor;
use icecore::prune::{PruneError, PruneOptions, PruneReport};
use icecore::repository::{InitOptions, OpenError};
use icecore::restore::{RestoreError, RestoreOptions, RestoreReport};
use icecore::{Repository, backup, check, prune, restore, snapshots};
use icecore_format::cipher::Cipher;
use icecore_format::config::{ChunkBytes, Config};
use icecore_format::keys::slot::{KeySlot, PasswordCost};
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::body::{Forget, KeyAdded};
use icecore_format::random::random_bytes;
use icecore_format::snapshot::Snapshot;
use icecore_format::{RepositoryId, SnapshotId};
use icecore_sources::events::ndjson::NdjsonTarget;
use icecore_store::{MemoryStore, Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

/// Numbers files that are used once.
static NEXT_FILE: AtomicU64 = AtomicU64::new(0);

/// Chunk sizes for a repository that is small and yet has everything that a large one has: a chunk
/// for about every ten events of [`crate::lines()`], a segment for about every three thousand.
pub const SMALL_CHUNKS: ChunkBytes = ChunkBytes { min: 256, average: 1 << 10, max: 4 << 10 };

/// Chunk sizes with about one event a chunk: what it takes to get many segments from few events.
pub const TINY_CHUNKS: ChunkBytes = ChunkBytes { min: 1, average: 2, max: 64 };

/// The password of the writer's key.
const WRITER_PASSWORD: &[u8] = b"writer";

/// A machine that makes backups.
pub struct Host {
    /// The clock.
    pub clock: Arc<ManualClock>,
    number: u64,
    random: Arc<SeededRandom>,
    executor: Arc<TokioExecutor>,
    directory: TempDir,
}

impl Default for Host {
    fn default() -> Self {
        Self::numbered(0)
    }
}

impl Host {
    /// The first machine; call it on a tokio runtime.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another machine: its randomness is that of its number.
    pub fn numbered(number: u64) -> Self {
        Self {
            clock: Arc::default(),
            number,
            random: Arc::new(SeededRandom::new(number)),
            executor: Arc::new(TokioExecutor::new(2).expect("threads start")),
            directory: temporary_directory(),
        }
    }

    /// A machine that remembers what this one does, and has all of its files. What it does from
    /// here on is its own.
    #[must_use]
    pub fn duplicate(&self, number: u64) -> Self {
        let directory = temporary_directory();
        copy_directory(self.directory.path(), directory.path());
        Self {
            clock: Arc::new(ManualClock::clone(&self.clock)),
            number,
            random: Arc::new(SeededRandom::new(number)),
            executor: self.executor.clone(),
            directory,
        }
    }

    /// A machine that remembers nothing.
    #[must_use]
    pub fn stranger(&self, number: u64) -> Self {
        Self {
            clock: Arc::new(ManualClock::clone(&self.clock)),
            number,
            random: Arc::new(SeededRandom::new(number)),
            executor: self.executor.clone(),
            directory: temporary_directory(),
        }
    }

    /// A path on this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A path on this machine that nothing has.
    pub fn new_path(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}-{}", NEXT_FILE.fetch_add(1, Ordering::Relaxed)))
    }

    /// Writes a file on this machine.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file can be written");
        path
    }

    /// Loses the copies of index runs.
    pub fn lose_cache(&self) {
        // There may be none.
        drop(std::fs::remove_dir_all(self.path("cache")));
    }

    /// The files below every directory of this name in the cache.
    pub fn cached_files(&self, directory: &str) -> Vec<PathBuf> {
        let repositories = list(self.path("cache")).into_iter();
        repositories.flat_map(|it| list(it.join(directory))).flat_map(list).collect()
    }

    /// What is kept of places where repositories were opened.
    pub fn cached_files_of_places(&self) -> Vec<PathBuf> {
        list(self.path("cache/places")).into_iter().flat_map(list).collect()
    }

    /// What the library is given here.
    pub fn environment(&self) -> Environment {
        Environment {
            clock: self.clock.clone(),
            random: self.random.clone(),
            executor: self.executor.clone(),
            local: LocalState {
                state_directory: Some(self.path("state")),
                cache_directory: Some(self.path("cache")),
            },
        }
    }

    /// The same for a process that may write nothing outside of the repository.
    pub fn environment_without_local_state(&self) -> Environment {
        Environment { local: LocalState::default(), ..self.environment() }
    }

    /// Makes a repository.
    pub async fn init(&self, store: Arc<dyn Store>) -> Repository {
        Repository::init(store, self.environment(), PASSWORD, &init_options())
            .await
            .expect("a repository can be made")
    }

    /// Makes a repository in memory.
    pub async fn init_in_memory(&self) -> (MemoryStore, Repository) {
        let store = MemoryStore::new();
        let repository = self.init(Arc::new(store.clone())).await;
        (store, repository)
    }

    /// Makes a repository with chunks of these sizes. The library's own choice is fixed, and makes
    /// one chunk of a few thousand events.
    pub async fn init_with_chunks(&self, store: Arc<dyn Store>, events: ChunkBytes) -> Repository {
        let random = &*self.random;
        let repository = RepositoryId(random_bytes(random));
        let config = Config { events, ..Config::new(repository, Cipher::ChaCha20Poly1305) };
        let keys = KeySet::found(config.repository, config.hash(), random);
        let slot = KeySlot::seal(&keys, PASSWORD, PasswordCost::TRIVIAL, random)
            .expect("a key slot can be made");
        let role = ObjectRole::KeySlot(keys.signing.verifying_key().id());
        for (role, bytes) in [(role, slot), (ObjectRole::Config, config.to_object())] {
            store.put_new(&role.object_name(), bytes.into()).await.expect("the store is empty");
        }
        self.open(store).await.expect("what was made can be opened")
    }

    /// Makes a repository with [`SMALL_CHUNKS`] in memory.
    pub async fn init_small(&self) -> (MemoryStore, Repository) {
        let store = MemoryStore::new();
        let repository = self.init_with_chunks(Arc::new(store.clone()), SMALL_CHUNKS).await;
        (store, repository)
    }

    /// Opens a repository.
    pub async fn open(&self, store: Arc<dyn Store>) -> Result<Repository, OpenError> {
        Repository::open(store, self.environment(), PASSWORD).await
    }

    /// Adds a writer's key to a repository, which [`Self::open_as_writer`] opens.
    pub async fn add_writer(&self, store: &dyn Store, founder: &Repository) {
        self.add_key(store, founder, Role::Writer, WRITER_PASSWORD).await;
    }

    /// Adds a key of this role to a repository, which the password opens.
    pub async fn add_key(
        &self,
        store: &dyn Store,
        founder: &Repository,
        role: Role,
        password: &[u8],
    ) {
        let random = &*self.random;
        let keys = founder.keys().for_role(role, random);
        let key = keys.signing.verifying_key();
        let slot = KeySlot::seal(&keys, password, PasswordCost::TRIVIAL, random)
            .expect("a key slot can be made");
        let name = ObjectRole::KeySlot(key.id()).object_name();
        store.put_new(&name, slot.into()).await.expect("the slot is new");
        append_entry(founder, store, random, KeyAdded { key, role }.into()).await;
        founder.refresh().await.expect("the ledger can be read");
    }

    /// Opens a repository with the writer's key.
    pub async fn open_as_writer(&self, store: Arc<dyn Store>) -> Repository {
        Repository::open(store, self.environment(), WRITER_PASSWORD)
            .await
            .expect("the writer's key opens it")
    }

    /// Backs up lines of NDJSON.
    pub async fn back_up(
        &self,
        repository: &Repository,
        lines: impl AsRef<[u8]>,
    ) -> Result<BackupReport, BackupError> {
        self.back_up_as(repository, "source", lines).await
    }

    /// Backs up lines of NDJSON as a source of this name.
    pub async fn back_up_as(
        &self,
        repository: &Repository,
        name: &str,
        lines: impl AsRef<[u8]>,
    ) -> Result<BackupReport, BackupError> {
        let options = BackupOptions { name: Some(name.to_owned()), ..self.backup_options() };
        let path = self.new_path("source");
        std::fs::write(&path, lines).expect("a file can be written");
        let source = ndjson_source(&path);
        let report = backup::backup(repository, &source, &options, &Monitor::default()).await;
        std::fs::remove_file(path).expect("the source is still there");
        report
    }

    /// How this machine backs up.
    pub fn backup_options(&self) -> BackupOptions {
        BackupOptions { host: format!("host-{}", self.number), ..BackupOptions::default() }
    }

    /// Restores a snapshot, or `latest`, to NDJSON.
    pub async fn restore(
        &self,
        repository: &Repository,
        snapshot: &str,
    ) -> Result<Vec<u8>, RestoreError> {
        let state = repository.state().await;
        let found = snapshots::find(&state, snapshot, None).expect("the snapshot is there");
        let options = RestoreOptions::default();
        self.restore_with(repository, &found.snapshot, &options).await.map(|(bytes, _)| bytes)
    }

    /// Restores a snapshot, or some of it, to NDJSON; also the report.
    pub async fn restore_with(
        &self,
        repository: &Repository,
        snapshot: &Snapshot,
        options: &RestoreOptions,
    ) -> Result<(Vec<u8>, RestoreReport), RestoreError> {
        let path = self.new_path("restored");
        let target = NdjsonTarget::new(path.clone());
        let restored =
            restore::restore(repository, snapshot, &target, options, &Monitor::default()).await;
        match restored {
            Ok(report) => {
                let bytes = std::fs::read(&path).expect("what was restored can be read");
                std::fs::remove_file(path).expect("what was restored can be removed");
                Ok((bytes, report))
            }
            Err(error) => {
                assert!(!path.exists(), "a failed restore left a file under its final name");
                Err(error)
            }
        }
    }

    /// Hides snapshots of a repository.
    pub async fn forget(
        &self,
        repository: &Repository,
        store: &dyn Store,
        snapshots: impl IntoIterator<Item = SnapshotId>,
    ) {
        repository.refresh().await.expect("the ledger can be read");
        let put = self.try_to_forget(repository, store, snapshots.into_iter().collect()).await;
        put.expect("nobody else appends");
        repository.refresh().await.expect("the ledger can be read");
    }

    /// The same, unless another entry comes first.
    pub async fn try_to_forget(
        &self,
        repository: &Repository,
        store: &dyn Store,
        snapshots: Vec<SnapshotId>,
    ) -> Result<(), StoreError> {
        let body = Forget { snapshots }.into();
        append_entry_at(repository, store, &*self.random, body, self.clock.now()).await
    }

    /// Lets go of what a repository does not need any more.
    pub async fn prune(
        &self,
        repository: &Repository,
        options: &PruneOptions,
    ) -> Result<PruneReport, PruneError> {
        prune::prune(repository, options, &Monitor::default()).await
    }

    /// Checks a repository, its data too.
    pub async fn check(&self, repository: &Repository) -> CheckReport {
        let options = CheckOptions { read_data: true, ..CheckOptions::default() };
        check::check(repository, &options, &Monitor::default())
            .await
            .expect("the check comes to its end")
    }
}

/// How tests make repositories: with a password that costs nothing to try.
pub fn init_options() -> InitOptions {
    InitOptions { password_cost: PasswordCost::TRIVIAL, ..InitOptions::default() }
}

/// A directory in memory where the system has one: local state is made durable with every change,
/// and thousands of machines come and go.
/// What is in a directory; nothing if there is none.
fn list(directory: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn temporary_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.or_else(|_| TempDir::new()).expect("a temporary directory can be made")
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a directory can be listed") {
        let entry = entry.expect("a directory can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file has a type").is_dir() {
            std::fs::create_dir(&target).expect("a directory can be made");
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}
