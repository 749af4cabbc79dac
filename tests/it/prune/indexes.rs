//! Index runs and checkpoints: few are left, and they say what all of them said.

use super::{at_once, fine_grained_host, stored};
use icecore::layout::ObjectRole;
use icecore_format::SnapshotId;
use icecore_store::testing::RecordingStore;
use icecore_store::{Operation, Store};
use icecore_tests::lines::lines_of;
use icecore_tests::{Expected, Host};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn many_small_index_runs_become_few_and_a_new_machine_finds_everything() {
    let host = fine_grained_host();
    let (store, repository) = host.init_small().await;
    let mut expected = Expected::default();
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        let input = lines_of(name, 0..150);
        let report = host.back_up_as(&repository, name, &input).await.unwrap();
        assert_eq!(report.entry, number as u64);
        expected.add(&report, input);
    }
    let before = stored(&store, "index/").await.0;
    assert!(before > 32, "{before}");
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.runs_replaced, before);
    assert_eq!(stored(&store, "index/").await.0, 1);
    expected.assert_is_all(&host, Arc::new(store.clone())).await;
    let recording = RecordingStore::new(Arc::new(store.clone()));
    let other = host.stranger(1);
    let opened = other.open(recording.clone()).await.unwrap();
    opened.index().await.unwrap();
    assert_eq!(recording.count_in(Operation::Get, "index"), 1);
    expected.assert_is_all(&other, Arc::new(store.clone())).await;
    // A few small ones are not worth it.
    let again = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(again.runs_replaced, 0);
    // Whoever had the old ones in their cache leans on what is there.
    let report = host.back_up_as(&repository, "again", lines_of("a", 0..150)).await.unwrap();
    expected.add(&report, lines_of("a", 0..150));
    expected.assert_is_all(&host.stranger(2), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_lists_nothing_usable_any_more_is_taken_out() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let gone = host.back_up(&repository, lines_of("old", 0..100)).await.unwrap().snapshot.id;
    let kept = host.back_up(&repository, lines_of("new", 0..100)).await.unwrap();
    host.forget(&repository, &store, [gone]).await;
    let report = host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(report.runs_replaced, 1, "{report:?}");
    let state = repository.state().await;
    let runs: Vec<_> = state.runs.iter().flat_map(|range| range.runs()).collect();
    let stored: Vec<_> = store
        .names()
        .iter()
        .filter_map(ObjectRole::of)
        .filter_map(|role| match role {
            ObjectRole::IndexRun(id) => Some(id),
            _ => None,
        })
        .collect();
    assert_eq!(stored, runs);
    let expected = Expected::default().and(&kept, lines_of("new", 0..100));
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_checkpoints_go_and_opening_takes_as_few_requests_as_before() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let mut all: Vec<SnapshotId> = Vec::new();
    for number in 0..300 {
        // The state stays small, so that checkpoints are often due.
        let report = host.back_up(&repository, lines_of("x", number..number + 2)).await.unwrap();
        all.push(report.snapshot.id);
    }
    let before = stored(&store, "checkpoint/").await.0;
    assert!(before > 2, "{before}");
    host.prune(&repository, &at_once()).await.unwrap();
    // It wrote one itself, when the others were listed.
    host.prune(&repository, &at_once()).await.unwrap();
    assert_eq!(stored(&store, "checkpoint/").await.0, 2);
    let recording = RecordingStore::new(Arc::new(store.clone()) as Arc<dyn Store>);
    let opened = host.stranger(1).open(recording.clone()).await.unwrap();
    assert_eq!(opened.state().await.snapshots.len(), all.len());
    assert!(recording.count_in(Operation::Get, "ledger") < 100);
    icecore_tests::assert_clean(&host.check(&repository).await);
}
