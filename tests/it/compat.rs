//! Repositories that earlier versions wrote, one directory each below `tests/data/repositories`.
//!
//! Each holds the `repository` itself and, below `expected`, what its snapshots restore to, named
//! by their ids. One that is in no test fails the last test here.

use icecore::{Repository, snapshots};
use icecore_format::SnapshotId;
use icecore_store::LocalStore;
use icecore_tests::host::SMALL_CHUNKS;
use icecore_tests::lines::{large_line, odd_lines};
use icecore_tests::{Host, PASSWORD, assert_clean, lines};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every repository that a test here reads.
const TESTED: [&str; 1] = ["v1-events"];

fn repositories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/repositories")
}

fn expected(name: &str) -> BTreeMap<SnapshotId, Vec<u8>> {
    let files = std::fs::read_dir(repositories().join(name).join("expected")).unwrap();
    let files = files.map(|file| {
        let path = file.unwrap().path();
        let id = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        (id, std::fs::read(path).unwrap())
    });
    files.collect()
}

async fn assert_reads(name: &str) -> (Host, Repository) {
    let host = Host::new();
    // A copy: what is tested must not change.
    let copy = host.path("repository");
    copy_tree(&repositories().join(name).join("repository"), &copy);
    let store = Arc::new(LocalStore::open(&copy).unwrap());
    let password = std::fs::read(repositories().join(name).join("password")).unwrap();
    let repository = Repository::open(store, host.environment(), &password).await.unwrap();
    let expected = expected(name);
    let state = repository.state().await;
    let mut found: Vec<_> = snapshots::live(&state).iter().map(|it| it.snapshot.id).collect();
    found.sort_unstable();
    assert_eq!(found, expected.keys().copied().collect::<Vec<_>>());
    let report = host.check(&repository).await;
    assert_clean(&report);
    assert_eq!(report.notes, Vec::<String>::new());
    for (id, bytes) in expected {
        assert!(host.restore(&repository, &id.to_string()).await.unwrap() == bytes, "{id}");
    }
    (host, repository)
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            std::fs::copy(path, target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_the_first_version_opens_checks_restores_and_goes_on() {
    let (host, repository) = assert_reads("v1-events").await;
    let state = repository.state().await;
    let snapshots = snapshots::live(&state);
    let newest = snapshots::find(&state, "latest", Some("orders")).unwrap();
    let oldest = &snapshots.first().unwrap().snapshot;
    assert_eq!(
        (&*oldest.source, &*oldest.source_kind, oldest.counts.events),
        ("orders", "ndjson", 300)
    );

    // Its chunks are those that this version makes, so an unchanged source adds nothing.
    let bytes = expected("v1-events").remove(&newest.snapshot.id).unwrap();
    let report = host.back_up_as(&repository, "orders", bytes).await.unwrap();
    assert_eq!(report.snapshot.bytes_stored, 0);
}

#[test]
fn every_golden_repository_is_tested() {
    let mut found: Vec<_> = std::fs::read_dir(repositories())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, TESTED);
}

/// Writes `v1-events` anew: only as long as no version was released. `just golden` runs this.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes into the source tree; `just golden` runs it"]
async fn write_golden() {
    let directory = repositories().join("v1-events");
    if directory.exists() {
        std::fs::remove_dir_all(&directory).unwrap();
    }
    let host = Host::numbered(1);
    let store = Arc::new(LocalStore::create(directory.join("repository")).unwrap());
    let repository = host.init_with_chunks(store.clone(), SMALL_CHUNKS).await;
    std::fs::create_dir_all(directory.join("expected")).unwrap();
    // A payload that is chunked by itself, and takes no room here.
    let payload = format!("\"data\":\"{}", "0123456789".repeat(130_000));
    let large = large_line("scan", 1, 10).replace("\"data\":\"", &payload);
    for (source, input) in [
        ("orders", lines(0..300).into_bytes()),
        ("odd", odd_lines(3, 120)),
        ("empty", Vec::new()),
        ("large", large.into_bytes()),
        ("orders", lines(0..420).into_bytes()),
    ] {
        host.clock.advance_seconds(3600);
        let report = host.back_up_as(&repository, source, &input).await.unwrap();
        let file = format!("{}.ndjson", report.snapshot.id);
        std::fs::write(directory.join("expected").join(file), input).unwrap();
    }
    std::fs::write(directory.join("password"), PASSWORD).unwrap();
}
