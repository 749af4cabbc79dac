//! What other programs lost data by when they collected garbage, tried here.
//!
//! The race of Proxmox's PSA-2025-00019 and kopia's overlapping runs are in `beside`.

use super::{at_once, fine_grained_host, stored};
use icecore::prune::PruneError;
use icecore_store::testing::{Effect, FaultyStore, Matcher, StaleListingStore};
use icecore_store::{Operation, Store, StoreErrorKind};
use icecore_tests::lines::lines_of;
use icecore_tests::{Expected, Host, lines};
use std::sync::Arc;

/// borg #9748: a cache that says that deleted chunks are there makes snapshots that dangle.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_cache_names_what_was_deleted_stores_it_again() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    let kept = host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    // It has all of it in its cache and in memory, and somebody else collects.
    let admin = host.stranger(1);
    let pruning = admin.open(shared.clone()).await.unwrap();
    admin.forget(&pruning, &store, [gone.snapshot.id]).await;
    assert!(admin.prune(&pruning, &at_once()).await.unwrap().deleted.objects > 0);
    let again = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    let expected = Expected::default()
        .and(&kept, lines_of("new", 0..200))
        .and(&again, lines_of("old", 0..200));
    expected.assert_is_all(&host.stranger(2), shared).await;
}

/// borg #9748, too: an interrupted deletion leaves a state that is told as what it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_fails_is_an_error_and_the_next_prune_goes_on() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    let kept = host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let faulty = FaultyStore::new(Arc::new(store.clone()));
    faulty.add(Matcher::first(Operation::Delete, "packs/"), Effect::Fail(StoreErrorKind::Denied));
    let denied = host.open(faulty).await.unwrap();
    let error = host.prune(&denied, &at_once()).await.unwrap_err();
    assert!(matches!(error, PruneError::Delete(_)), "{error}");
    let expected = Expected::default().and(&kept, lines_of("new", 0..200));
    expected.assert_is_all(&host, Arc::new(store.clone())).await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.condemned.objects, 0, "that stands already");
    assert!(report.deleted.objects > 0);
    expected.assert_is_all(&host, Arc::new(store)).await;
}

/// restic #21820 and borg #9904: part of an index that is taken for all of it makes needed chunks look like
/// garbage, or missing. Here an index run that cannot be read stops everything.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_run_that_is_missing_stops_the_prune_before_it_writes() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let runs: Vec<_> =
        store.names().into_iter().filter(|name| name.as_str().starts_with("index/")).collect();
    for run in runs {
        let store = store.snapshot();
        assert!(store.remove(&run));
        let admin = host.stranger(1);
        let repository = admin.open(Arc::new(store.clone())).await.unwrap();
        let packs = stored(&store, "packs/").await;
        let error = admin.prune(&repository, &at_once()).await.unwrap_err();
        assert!(matches!(error, PruneError::Read(_)), "{error}");
        assert_eq!(stored(&store, "packs/").await, packs);
    }
}

/// kopia's epochs and Duplicacy's fossils: what a listing lacks is not garbage, nor is it needed to find
/// what is.
#[tokio::test(flavor = "multi_thread")]
async fn a_prune_needs_no_fresh_listing() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let stale = StaleListingStore::new(shared.clone(), 0);
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    let kept = host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let expected = Expected::default().and(&kept, lines_of("new", 0..200));
    for store in [StaleListingStore::new(shared.clone(), usize::MAX), stale] {
        let admin = host.stranger(1);
        let repository = admin.open(store).await.unwrap();
        admin.prune(&repository, &at_once()).await.unwrap();
        expected.assert_is_all(&host.stranger(2), shared.clone()).await;
    }
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.condemned.objects, 0);
    expected.assert_is_all(&host.stranger(2), shared).await;
}

/// restic #4568: a wrong word on the command line removed all snapshots. Nothing but an entry of an admin
/// lets go of one, and each source keeps its newest.
#[tokio::test(flavor = "multi_thread")]
async fn a_prune_that_lets_go_of_everything_at_once_keeps_all_that_nobody_forgot() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let mut expected = Expected::default();
    for number in 0..4 {
        let input = lines(number * 30..number * 30 + 100);
        expected.add(&host.back_up(&repository, &input).await.unwrap(), &input);
    }
    host.prune(&repository, &super::crash::everything()).await.unwrap();
    expected.assert_is_all(&host, Arc::new(store)).await;
}

/// Duplicacy: a pack that is about to be deleted is used by a snapshot that commits then. Here the commit
/// would be void, and the pack is never usable again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_condemned_is_not_leaned_on_though_it_is_still_stored() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..200)).await.unwrap();
    host.back_up(&repository, lines_of("new", 0..200)).await.unwrap();
    host.forget(&repository, &store, [gone.snapshot.id]).await;
    let patient = icecore::prune::PruneOptions { grace: 24 * super::HOUR, ..at_once() };
    let report = host.prune(&repository, &patient).await.unwrap();
    assert!(report.waiting.objects > 0);
    let notes = host.check(&repository).await.notes;
    assert!(notes.iter().any(|note| note.contains("`icecore prune` deletes them")), "{notes:?}");
    let other = host.stranger(1);
    let opened = other.open(Arc::new(store.clone())).await.unwrap();
    let before = stored(&store, "packs/").await.0;
    other.back_up_as(&opened, "again", lines_of("old", 0..200)).await.unwrap();
    assert!(stored(&store, "packs/").await.0 > before, "it is stored once more");
    host.clock.advance_seconds(48 * 3600);
    let report = host.prune(&repository, &patient).await.unwrap();
    assert!(report.deleted.objects > 0);
    icecore_tests::assert_clean(&other.check(&opened).await);
}
