//! Prune: what nobody needs goes, and nothing else, whoever else is at work and wherever it ends.

mod beside;
mod crash;
mod histories;
mod indexes;
mod known_bugs;
mod marking;
mod policy;
mod repacking;

use icecore::prune::PruneOptions;
use icecore_store::{MemoryStore, Store};
use icecore_tests::Host;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);

/// Lets go of everything that may be let go of, now.
fn at_once() -> PruneOptions {
    PruneOptions { release_after: Duration::ZERO, grace: Duration::ZERO, ..PruneOptions::default() }
}

/// A machine whose backups have a pack and an index run for each chunk.
fn fine_grained_host() -> Host {
    let host = Host::new();
    host.clock.step_seconds(60);
    host
}

/// The lengths of what is stored below a prefix, counted and added up.
async fn stored(store: &MemoryStore, prefix: &str) -> (u64, u64) {
    let listed = store.list(prefix).await.unwrap();
    (listed.len() as u64, listed.iter().map(|object| object.bytes).sum())
}
