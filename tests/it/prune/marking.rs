//! Marking: it goes through all that a snapshot needs, and stops where something cannot be read.

use super::{at_once, fine_grained_host, stored};
use icecore::Repository;
use icecore::layout::ObjectRole;
use icecore::prune::PruneError;
use icecore_format::PackClass;
use icecore_format::pack::PackKey;
use icecore_store::{MemoryStore, Store};
use icecore_tests::lines::lines_of;
use icecore_tests::{Expected, Host};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Packs of a class that are stored.
async fn packs(store: &MemoryStore, class: PackClass) -> Vec<icecore_store::ObjectName> {
    let mut packs = Vec::new();
    for name in store.names() {
        if let Some(ObjectRole::Pack(_)) = ObjectRole::of(&name) {
            let bytes = store.get(&name, u64::MAX).await.unwrap();
            if PackKey::class_of(&bytes) == Some(class) {
                packs.push(name);
            }
        }
    }
    packs
}

/// A repository with a snapshot that was forgotten and one that is live.
async fn two_snapshots(host: &Host) -> (MemoryStore, Repository) {
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..100)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..6000)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    (store, repository)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_missing_or_damaged_stops_the_prune() {
    let host = Host::new();
    let (store, _) = two_snapshots(&host).await;
    // The second pack of nodes is that of the live snapshot.
    let nodes = packs(&store, PackClass::Metadata).await;
    let (mut stopped, mut went_on) = (0, 0);
    for name in nodes {
        for is_removed in [true, false] {
            let store = store.snapshot();
            let bytes = store.get(&name, u64::MAX).await.unwrap();
            assert!(store.remove(&name));
            if !is_removed {
                // Its blocks and their keys, each with a bit that has flipped.
                let mut bytes = bytes.to_vec();
                bytes.iter_mut().skip(200).for_each(|byte| *byte ^= 1);
                store.put_new(&name, bytes.into()).await.unwrap();
            }
            let packs = stored(&store, "packs/").await;
            let admin = host.stranger(1);
            let repository = admin.open(Arc::new(store.clone())).await.unwrap();
            match admin.prune(&repository, &at_once()).await {
                Ok(_) => went_on += 1,
                Err(error) => {
                    assert!(matches!(error, PruneError::Mark { .. }), "{error}");
                    assert_eq!(stored(&store, "packs/").await, packs);
                    stopped += 1;
                }
            }
        }
    }
    // That of the snapshot that was forgotten is needed by nobody.
    assert!(stopped >= 2 && went_on <= 2, "{stopped} stopped and {went_on} went on");
}

/// Payloads beyond a mebibyte are chunks of their own, which are named in the events alone.
#[tokio::test(flavor = "multi_thread")]
async fn large_payloads_are_needed_by_the_events_that_name_them() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let large = |seed: u64| {
        let mut text = String::new();
        let mut number = seed;
        while text.len() < 1_300_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            write!(text, "{number:016x}").unwrap();
        }
        let stream = format!("large-{seed}");
        format!(
            r#"{{"stream_id":"{stream}","version":1,"type":"Large","data":{{"text":"{text}"}}}}"#
        ) + "\n"
    };
    let gone = host.back_up(&repository, lines_of("old", 0..20) + &large(1)).await.unwrap();
    let both = lines_of("new", 0..20) + &large(2);
    let kept = host.back_up(&repository, &both).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert!(report.deleted.bytes > 500_000, "{report:?}");
    let expected = Expected::default().and(&kept, &both);
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let below = entries
        .map(|entry| entry.path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] });
    below.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_damaged_is_made_again() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    let kept = host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    drop(repository);
    let mut tables = files_below(&host.path("cache"));
    tables.retain(|path| path.extension().is_some_and(|extension| extension == "table"));
    assert!(!tables.is_empty());
    for path in tables {
        let mut bytes = std::fs::read(&path).unwrap();
        // Not in the header, which is looked at when it is opened: the first page of chunks.
        for byte in bytes.iter_mut().skip(4096).take(64) {
            *byte ^= 1;
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    let repository = host.open(Arc::new(store.clone())).await.unwrap();
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert!(report.condemned.objects > 0);
    let expected = Expected::default().and(&kept, lines_of("new", 0..200));
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}
