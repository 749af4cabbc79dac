//! The process dies: at every write and every deletion of a prune, and whether or not that still happened.

use super::{at_once, fine_grained_host, stored};
use icecore::prune::{PruneOptions, PruneReport};
use icecore_store::testing::{CrashingStore, Interrupted};
use icecore_store::{MemoryStore, Store};
use icecore_tests::lines::lines_of;
use icecore_tests::{Expected, Host};
use std::sync::Arc;

/// A repository with much to collect: snapshots that were forgotten, a session that died, garbage in packs
/// that are needed.
pub(super) struct Start {
    pub(super) store: MemoryStore,
    pub(super) host: Host,
    pub(super) expected: Expected,
}

impl Start {
    pub(super) async fn new() -> Self {
        Self::on(fine_grained_host()).await
    }

    /// The same with many chunks in a pack, so that there is something to repack.
    async fn coarse() -> Self {
        Self::on(Host::new()).await
    }

    async fn on(host: Host) -> Self {
        let (store, repository) = host.init_small().await;
        let gone = host.back_up(&repository, lines_of("old", 0..400)).await.unwrap();
        let half = lines_of("old", 0..120) + &lines_of("new", 0..60);
        let kept = host.back_up(&repository, &half).await.unwrap();
        let mut expected = Expected::default().and(&kept, &half);
        host.forget(&repository, &store, [gone.snapshot.id]).await;
        // A machine that is gone has left packs that no entry names.
        let other = host.stranger(77);
        other.clock.step_seconds(60);
        let dying = Arc::new(CrashingStore::new(store.clone(), 7, Interrupted::Vanished));
        let dead = other.open(dying.clone()).await.unwrap();
        other.back_up_as(&dead, "other", lines_of("dead", 0..80)).await.unwrap_err();
        assert!(dying.crashed());
        let last = half.clone() + &lines_of("more", 0..20);
        let repository = host.open(Arc::new(store.clone())).await.unwrap();
        expected.add(&host.back_up(&repository, &last).await.unwrap(), &last);
        Self { store, host, expected }
    }
}

pub(super) fn everything() -> PruneOptions {
    PruneOptions { abandon_after: std::time::Duration::ZERO, ..at_once() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prune_may_die_at_any_write_and_the_next_one_finishes() {
    let whole = cut_everywhere(Start::new().await).await;
    assert!(whole.deleted.objects > 5, "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prune_that_repacks_may_die_at_any_write_and_the_next_one_finishes() {
    let whole = cut_everywhere(Start::coarse().await).await;
    assert!(whole.repacked.objects > 0, "{whole:?}");
}

async fn cut_everywhere(start: Start) -> PruneReport {
    let Start { store, host, expected } = start;
    let counting = Arc::new(CrashingStore::counting(store.snapshot()));
    let repository = host.duplicate(1000).open(counting.clone()).await.unwrap();
    let before = counting.writes();
    let whole = host.prune(&repository, &everything()).await.unwrap();
    let writes = counting.writes() - before;
    assert!(whole.ended_before.is_some(), "{whole:?}");
    assert!(writes > 8, "there are only {writes} writes to cut at");
    let finished = stored(&counting.survivors(), "packs/").await.0;
    for write in 1..=writes {
        for how in [Interrupted::Landed, Interrupted::Vanished] {
            let died = host.duplicate(1);
            let crashing = Arc::new(CrashingStore::new(store.snapshot(), write, how));
            let outcome = match died.open(crashing.clone()).await {
                Ok(repository) => died.prune(&repository, &everything()).await.map(drop),
                Err(error) => panic!("opening writes nothing: {error}"),
            };
            assert!(crashing.crashed(), "there is no write {write}");
            let left = crashing.survivors();
            expected.assert_is_all(&host.stranger(2), Arc::new(left.clone())).await;
            for host in [host.stranger(3), died] {
                let left = left.snapshot();
                let shared: Arc<dyn Store> = Arc::new(left.clone());
                let repository = host.open(shared.clone()).await.unwrap();
                // What a prune had copied that died is given up when it is old, and what was needed of it
                // copied again.
                host.prune(&repository, &everything()).await.unwrap();
                host.prune(&repository, &everything()).await.unwrap();
                assert_eq!(
                    stored(&left, "packs/").await.0,
                    finished,
                    "after write {write} {how:?} ({outcome:?})"
                );
                // What was collected is stored again by whoever needs it.
                let mut expected = expected.clone();
                let next = lines_of("old", 0..60);
                let report = host.back_up(&repository, &next).await.unwrap();
                expected.add(&report, &next);
                expected.assert_is_all(&host, shared).await;
            }
        }
    }
    whole
}
