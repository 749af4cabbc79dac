//! A process that dies during any of its writes leaves a ledger that is sound and goes on.

use super::{
    FOUNDER, append, assert_sound, commit, open, replayed, shared, snapshot_id, store_with,
};
use crate::ledger::Appended;
use icecore_store::MemoryStore;
use icecore_store::testing::{CrashingStore, Interrupted};
use std::sync::Arc;

const TAGS: std::ops::Range<u64> = 100..104;

/// Appends until the process dies; the snapshots whose commits were acknowledged.
async fn append_until_dead(store: Arc<CrashingStore>) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let mut ledger = open(store, &FOUNDER).await;
    for tag in TAGS {
        let Ok(prefix) = ledger.prefix(None).await else { break };
        match prefix.append(commit(tag).into()).await {
            Ok(Appended::At(_)) => acknowledged.push(tag),
            Ok(Appended::Lost) => panic!("nobody else appends"),
            Err(_) => break,
        }
    }
    acknowledged
}

async fn assert_survived(store: &MemoryStore, acknowledged: &[u64], begun: usize) {
    let mut ledger = open(shared(store), &FOUNDER).await;
    assert_sound(&ledger);
    let committed = TAGS.filter(|tag| ledger.state().snapshots.contains_key(&snapshot_id(*tag)));
    let committed: Vec<u64> = committed.collect();
    assert!(committed.starts_with(acknowledged), "{acknowledged:?} of {committed:?}");
    assert!(committed.len() <= begun, "only the one that was interrupted may be there too");
    assert_eq!(ledger.state(), replayed(store).await.state());
    assert_eq!(ledger.verify_witnesses().await.unwrap(), []);
    append(&mut ledger, commit(200)).await;
    assert_sound(&replayed(store).await);
}

#[tokio::test]
async fn a_crash_in_any_write_keeps_what_was_acknowledged_and_raises_no_alarm() {
    // The checkpoint is due in the middle.
    let before = store_with(62).await;
    let counting = Arc::new(CrashingStore::counting(before.snapshot()));
    assert_eq!(append_until_dead(counting.clone()).await.len(), 4);
    let writes = counting.writes();
    assert_eq!(writes, 4 + 4 + 1, "entries, witnesses, a checkpoint");
    for write in 1..=writes {
        for interrupted in [Interrupted::Landed, Interrupted::Vanished] {
            let crashing = Arc::new(CrashingStore::new(before.snapshot(), write, interrupted));
            let acknowledged = append_until_dead(crashing.clone()).await;
            assert!(crashing.crashed());
            let begun = acknowledged.len() + 1;
            assert_survived(&crashing.survivors(), &acknowledged, begun).await;
        }
    }
}
