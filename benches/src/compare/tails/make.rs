//! A repository whose source was followed for a day: by the library's own follower, in memory and as
//! fast as it can, since a day of flushes that are each made durable takes an hour.

use super::super::CompareError;
use super::super::place::Place;
use super::super::tools::PASSWORD;
use super::replayed::Replayed;
use super::{NAME, Shape, cannot, failed};
use crate::events::{self, Generator};
use icecore::backup::{BackupOptions, backup};
use icecore::environment::{Clock, Environment, Executor, SystemRandom, TokioExecutor};
use icecore::follow::{FollowNews, FollowOptions, follow};
use icecore::local::LocalState;
use icecore::repository::InitOptions;
use icecore::{Monitor, Repository};
use icecore_format::Timestamp;
use icecore_format::keys::slot::PasswordCost;
use icecore_sources::events::ndjson::{MemberMap, NdjsonSource};
use icecore_store::{MemoryStore, ObjectName};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Events of the backup that the tail goes on from.
const BASE_EVENTS: u64 = 1_000;
/// What the clock says first, in nanoseconds: no event was recorded before.
const BEGINNING: i64 = 1_709_251_200_000_000_000;

/// A clock that a follower never waits for.
#[derive(Debug)]
struct SetClock(AtomicI64);

impl Default for SetClock {
    fn default() -> Self {
        Self(AtomicI64::new(BEGINNING))
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }

    fn passed(&self) -> Duration {
        Duration::ZERO
    }
}

/// What the library is given, with the local state that `icecore` has in `place`.
pub(super) fn environment(
    place: &Place,
    clock: Arc<dyn Clock>,
    executor: Arc<dyn Executor>,
) -> Environment {
    let below = |folder: &str| Some(format!("{}/{folder}/icecore", place.home()).into());
    Environment {
        clock,
        random: Arc::new(SystemRandom),
        executor,
        local: LocalState { state_directory: below("state"), cache_directory: below("cache") },
    }
}

/// How this host backs up.
pub(super) fn backup_options() -> io::Result<BackupOptions> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_owned();
    let name = Some(NAME.to_owned());
    Ok(BackupOptions { name, host, ..BackupOptions::default() })
}

/// The file, as a source.
pub(super) fn source(path: &Path) -> NdjsonSource {
    NdjsonSource::new(path, MemberMap::default())
}

/// Follows `events`, a file that it makes, and leaves the repository in memory, and what is remembered in `place`.
pub(super) async fn make(
    shape: Shape,
    seed: u64,
    events: &Path,
    place: &Place,
) -> Result<MemoryStore, CompareError> {
    let clock = Arc::new(SetClock::default());
    let executor = TokioExecutor::new(0).map_err(failed("start threads"))?;
    let environment = environment(place, clock.clone(), Arc::new(executor));
    let options = InitOptions { password_cost: PasswordCost::TRIVIAL, ..InitOptions::default() };
    let store = MemoryStore::new();
    let storage = Arc::new(store.clone());
    let made = Repository::init(storage, environment, PASSWORD.as_bytes(), &options).await;
    let repository = made.map_err(failed("make a repository"))?;
    let options = FollowOptions {
        backup: backup_options().map_err(cannot("find out this host's name"))?,
        flush_interval: Duration::ZERO,
        // Nothing waits for more.
        flush_bytes: 1,
        take_over: false,
    };

    let mut generator = Generator::new(events::Shape::Orders, seed);
    let mut lines = Vec::new();
    (0..BASE_EVENTS).for_each(|_| generator.append_line(&mut lines));
    fs::write(events, &lines).map_err(cannot("write the events"))?;
    let source = Replayed { file: source(events), events_per_flush: shape.events_per_flush };
    let backed_up = backup(&repository, &source, &options.backup, &Monitor::default()).await;
    backed_up.map_err(failed("back up"))?;
    let followed = shape.flushes * shape.events_per_flush;
    (0..followed).for_each(|_| generator.append_line(&mut lines));
    fs::write(events, lines).map_err(cannot("write the events"))?;

    let (monitor, flushes) = (Monitor::default(), AtomicU64::new(0));
    let tell = |news: FollowNews<'_>| {
        if let FollowNews::Flushed(_) = news {
            clock.0.fetch_add(shape.seconds_apart as i64 * 1_000_000_000, Ordering::Relaxed);
            if flushes.fetch_add(1, Ordering::Relaxed) + 1 == shape.flushes {
                monitor.request_stop();
            }
        }
    };
    let followed = follow(&repository, &source, &options, &monitor, &tell).await;
    followed.map_err(failed("follow"))?;
    Ok(store)
}

/// Writes objects as a store in a directory has them.
pub(super) fn write(store: &MemoryStore, directory: &Path) -> io::Result<()> {
    for name in store.names() {
        let path = directory.join(name.as_str());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, store.content(&name).unwrap_or_default())?;
    }
    Ok(())
}

/// Removes the files below `folder`, a part of `directory`, that are no objects of the store.
pub(super) fn take_back(store: &MemoryStore, directory: &Path, folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            take_back(store, directory, &path)?;
            continue;
        }
        let name = path.strip_prefix(directory).ok().and_then(Path::to_str);
        let name = name.and_then(|name| ObjectName::try_from(name.to_owned()).ok());
        if name.is_none_or(|name| store.content(&name).is_none()) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// What is stored, in bytes.
pub(super) fn bytes(store: &MemoryStore) -> u64 {
    let contents = store.names().into_iter().filter_map(|name| store.content(&name));
    contents.map(|content| content.len() as u64).sum()
}
