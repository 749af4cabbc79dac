//! Tests of the local store on real file systems.
//!
//! Those that mount one need root and say so where they are skipped.

mod failing_calls;
mod faults;
mod kill;
mod layout;
mod mount;
mod power_cut;
mod process;
mod race;

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use tempfile::TempDir;

use super::LocalStore;
use crate::bandwidth::tests::assert_keeps_to_limits;
use crate::testing::conformance;
use crate::{ObjectName, Store, prove_exclusive_by_race};

/// The ways to publish an object, from the best to that of the poorest file system.
#[derive(Debug, Clone, Copy)]
enum Way {
    UnnamedFile,
    Link,
    Rename,
}

const WAYS: [Way; 3] = [Way::UnnamedFile, Way::Link, Way::Rename];

impl Way {
    /// Opens a store that publishes this way.
    fn open(self, path: &Path) -> LocalStore {
        let store = LocalStore::open(path).unwrap();
        store.root.unnamed_files.store(matches!(self, Self::UnnamedFile), Relaxed);
        store.root.hard_links.store(!matches!(self, Self::Rename), Relaxed);
        store
    }
}

fn store() -> (TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::create(directory.path().join("store")).unwrap();
    (directory, store)
}

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_store_conforms_whichever_way_it_publishes() {
    for way in WAYS {
        let directory = tempfile::tempdir().unwrap();
        let store = way.open(directory.path());
        conformance::assert_conforms(&store).await;
        prove_exclusive_by_race(&store, &name("exclusive/1")).await.unwrap();
    }
}

#[tokio::test]
async fn this_file_system_has_files_without_a_name() {
    // Else the tests of that way would quietly test another.
    let (_directory, store) = store();
    store.put_new(&name("a"), vec![1].into()).await.unwrap();
    assert!(store.root.unnamed_files.load(Relaxed));
}

#[tokio::test]
async fn a_limit_is_kept_to() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::open(directory.path()).unwrap();
    assert_keeps_to_limits(|limits| Box::new(store.with_bandwidth(limits))).await;
}
