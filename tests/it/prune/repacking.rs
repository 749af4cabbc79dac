//! Repacking: what is needed of packs that are mostly garbage moves, and readers and backups follow.

use super::{at_once, stored};
use icecore::prune::{PruneOptions, plan};
use icecore::{Monitor, Repository};
use icecore_format::SnapshotId;
use icecore_format::ledger::EntryBody;
use icecore_store::testing::RecordingStore;
use icecore_store::{MemoryStore, Operation, Store};
use icecore_tests::hooked_source::HookedSource;
use icecore_tests::{Expected, Host, lines, ndjson_source};
use std::sync::Arc;

/// A snapshot of many events in one pack, and one of a few of them, which leans on that pack.
struct Start {
    host: Host,
    store: MemoryStore,
    repository: Repository,
    large: SnapshotId,
    expected: Expected,
}

impl Start {
    async fn new() -> Self {
        let host = Host::new();
        let (store, repository) = host.init_small().await;
        let large = host.back_up(&repository, lines(0..3000)).await.unwrap().snapshot.id;
        let other = host.stranger(1);
        let opened = other.open(Arc::new(store.clone())).await.unwrap();
        let small = other.back_up(&opened, lines(0..400)).await.unwrap();
        let expected = Expected::default().and(&small, lines(0..400));
        host.forget(&repository, &store, [large]).await;
        // Of the large one's source there is a newer one, as both have the same name.
        Self { host, store, repository, large, expected }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_of_which_little_is_needed_is_repacked() {
    let Start { host, store, repository, large, expected } = Start::new().await;
    let before = stored(&store, "packs/").await.1;
    let planned = plan(&repository, &at_once(), &Monitor::default()).await.unwrap();
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.released, [large]);
    assert!(report.repacked.objects > 0, "{report:?}");
    assert!(report.moved_bytes * 2 <= report.repacked.bytes, "{report:?}");
    assert_eq!((planned.repacked, planned.moved_bytes), (report.repacked, report.moved_bytes));
    assert_eq!(planned.deleted, report.deleted);
    let after = stored(&store, "packs/").await.1;
    assert!(after < before / 2, "{before} bytes became {after}");
    expected.assert_is_all(&host.stranger(2), Arc::new(store.clone())).await;
    // One entry condemns the originals and names the copies.
    let log = repository.log().await.unwrap();
    let repacks = log.iter().filter(|logged| match &logged.content {
        icecore::ledger::LoggedContent::Valid(entry) => matches!(entry.body, EntryBody::Repack(_)),
        icecore::ledger::LoggedContent::Void { .. } => panic!("an entry is void: {logged:?}"),
    });
    assert_eq!(repacks.count(), 1);
    let again = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!((again.repacked.objects, again.deleted.objects), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_within_the_limit_stays_and_so_does_what_is_beyond_the_size() {
    let Start { host, store, repository, .. } = Start::new().await;
    let tolerant = PruneOptions { unused_max: 1.0, ..at_once() };
    let report = host.prune(&repository, &tolerant).await.unwrap();
    assert_eq!(report.repacked.objects, 0);
    assert!(report.unused_bytes > 100, "{report:?}");
    let small = PruneOptions { repack_bytes_max: 10, ..at_once() };
    let report = host.prune(&repository, &small).await.unwrap();
    assert_eq!(report.repacked.objects, 0);
    icecore_tests::assert_clean(&host.check(&repository).await);
    let recording = RecordingStore::new(Arc::new(store));
    let repository = host.open(recording.clone()).await.unwrap();
    host.prune(&repository, &small).await.unwrap();
    assert_eq!(recording.count_in(Operation::PutNew, "packs"), 0);
}

/// Rule 10.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_began_before_finds_what_was_moved() {
    let Start { host, store, repository, expected, .. } = Start::new().await;
    let reader = host.stranger(3);
    let opened = reader.open(Arc::new(store.clone())).await.unwrap();
    // It knows where everything was.
    opened.index().await.unwrap();
    host.prune(&repository, &at_once()).await.unwrap();
    for (id, bytes) in expected.iter() {
        let restored = reader.restore(&opened, &id.to_string()).await.unwrap();
        assert!(&restored == bytes, "snapshot {id} came back as other bytes");
    }
    icecore_tests::assert_clean(&reader.check(&opened).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_leans_on_what_is_moved_meanwhile_commits() {
    let Start { host, store, repository, mut expected, .. } = Start::new().await;
    let third = host.stranger(4);
    let opened = third.open(Arc::new(store.clone())).await.unwrap();
    let source = ndjson_source(&third.write("hooked", lines(0..200)));
    let admin = host.stranger(5);
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let source = HookedSource::new(source, move || {
        Box::pin(async move {
            let repository = admin.open(shared).await.unwrap();
            let report = admin.prune(&repository, &at_once()).await.unwrap();
            assert!(report.repacked.objects > 0);
            Ok(())
        })
    });
    let options = third.backup_options();
    let report = icecore::backup::backup(&opened, &source, &options, &Monitor::default()).await;
    expected.add(&report.unwrap(), lines(0..200));
    repository.refresh().await.unwrap();
    expected.assert_is_all(&host.stranger(6), Arc::new(store)).await;
}
