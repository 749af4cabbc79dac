//! Many who append at once, on a storage that loses answers: one entry per number, and nobody is
//! told what is not so.

use super::{
    FOUNDER, RepeatingStore, WRITER, YieldingStore, append, assert_sound, commit, open, replayed,
    shared, snapshot_id, store_with,
};
use crate::ledger::{AppendError, Appended, Ledger};
use futures::future::join_all;
use icecore_format::ledger::EntryBody;
use icecore_store::testing::{Effect, FaultyStore, Matcher};
use icecore_store::{MemoryStore, Operation, Store, StoreErrorKind};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What became of an attempt to commit a snapshot.
#[derive(Debug)]
enum Outcome {
    At(u64),
    /// It may stand, and may come to stand.
    Open,
    /// It was refused, and does not stand.
    Refused,
}

/// Appends commits of these snapshots, each until its outcome is known or known to be open.
async fn appender(mut ledger: Ledger, tags: Vec<u64>, lost: &Cell<u64>) -> Vec<(u64, Outcome)> {
    let mut outcomes = Vec::new();
    for tag in tags {
        let outcome = loop {
            let prefix = match ledger.prefix(None).await {
                Ok(prefix) => prefix,
                Err(AppendError::Read(_)) => break Outcome::Refused,
                Err(error) => panic!("{error}"),
            };
            match prefix.append(EntryBody::from(commit(tag))).await {
                Ok(Appended::At(number)) => break Outcome::At(number),
                Ok(Appended::Lost) => lost.set(lost.get() + 1),
                Err(AppendError::Unknown { .. }) => break Outcome::Open,
                Err(AppendError::Write(_) | AppendError::Read(_)) => break Outcome::Refused,
                Err(error) => panic!("{error}"),
            }
        };
        outcomes.push((tag, outcome));
    }
    outcomes
}

/// Compares what appenders were told with what a new process reads.
async fn assert_told_the_truth(store: &MemoryStore, outcomes: &[(u64, Outcome)]) {
    let ledger = replayed(store).await;
    assert_sound(&ledger);
    let numbers: BTreeMap<_, u64> =
        ledger.state().snapshots.iter().map(|(id, snapshot)| (*id, snapshot.number)).collect();
    let distinct: BTreeSet<u64> = numbers.values().copied().collect();
    assert_eq!(distinct.len(), numbers.len());
    for (tag, outcome) in outcomes {
        let stands_at = numbers.get(&snapshot_id(*tag)).copied();
        match outcome {
            Outcome::At(number) => assert_eq!(stands_at, Some(*number), "{tag}"),
            Outcome::Refused => assert_eq!(stands_at, None, "{tag}"),
            Outcome::Open => {}
        }
    }
}

#[tokio::test]
async fn sixteen_who_append_at_once_all_succeed_under_dense_numbers() {
    for (seed, count) in [(1, 8), (2, 12), (3, 16), (4, 16), (5, 16)] {
        let store = store_with(1).await;
        let lost = Cell::new(0);
        let mut appenders = Vec::new();
        for index in 0..count {
            let own = YieldingStore::new(shared(&store), seed * 1000 + index);
            let ledger = open(own, if index % 2 == 0 { &FOUNDER } else { &WRITER }).await;
            let tags = (0..4).map(|tag| 100 * (index + 1) + tag).collect();
            appenders.push(appender(ledger, tags, &lost));
        }
        let outcomes: Vec<_> = join_all(appenders).await.into_iter().flatten().collect();
        assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::At(_))));
        assert_told_the_truth(&store, &outcomes).await;
        assert_eq!(replayed(&store).await.state().next, 1 + 4 * count, "no entry was void");
        assert!(lost.get() >= count, "they met: {}", lost.get());
    }
}

#[tokio::test]
async fn sixteen_who_hear_that_their_own_name_is_taken_all_succeed() {
    let store = store_with(1).await;
    let lost = Cell::new(0);
    let mut appenders = Vec::new();
    for index in 0..16 {
        let own = Arc::new(RepeatingStore(YieldingStore::new(shared(&store), index)));
        let tags = (0..3).map(|tag| 100 * (index + 1) + tag).collect();
        appenders.push(appender(open(own, &WRITER).await, tags, &lost));
    }
    let outcomes: Vec<_> = join_all(appenders).await.into_iter().flatten().collect();
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::At(_))));
    assert_told_the_truth(&store, &outcomes).await;
    assert_eq!(replayed(&store).await.state().next, 1 + 16 * 3);
    assert!(lost.get() > 0);
}

#[tokio::test]
async fn sixteen_on_threads_of_their_own_all_succeed() {
    let store = store_with(1).await;
    let threads: Vec<_> = (0..16_u64)
        .map(|index| {
            let store = store.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let ledger = open(shared(&store), &WRITER).await;
                    let tags = (0..3).map(|tag| 100 * (index + 1) + tag).collect();
                    appender(ledger, tags, &Cell::new(0)).await
                })
            })
        })
        .collect();
    let outcomes: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_told_the_truth(&store, &outcomes).await;
    assert_eq!(replayed(&store).await.state().next, 1 + 16 * 3);
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        3 => Just(Effect::LoseAcknowledgement),
        3 => prop::option::of(0_u64..40).prop_map(|after| Effect::LandLate { after_requests: after }),
        1 => Just(Effect::Fail(StoreErrorKind::Transient)),
        1 => Just(Effect::Fail(StoreErrorKind::Denied)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn on_a_storage_that_loses_answers_nobody_is_told_what_is_not_so(
        seed in any::<u64>(),
        appenders in 2..6_u64,
        faults in prop::collection::vec((1..30_u64, effect()), 0..20),
        read_faults in prop::collection::vec(1..120_u64, 0..20),
        repeats in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = store_with(1).await;
            let faulty = FaultyStore::new(shared(&store));
            let lost = Cell::new(0);
            let mut all = Vec::new();
            for index in 0..appenders {
                let below: Arc<dyn Store> = faulty.clone();
                let below: Arc<dyn Store> =
                    if repeats { Arc::new(RepeatingStore(below)) } else { below };
                let ledger = open(YieldingStore::new(below, seed ^ index), &WRITER).await;
                let tags = (0..4).map(|tag| 100 * (index + 1) + tag).collect();
                all.push(appender(ledger, tags, &lost));
            }
            for (nth, effect) in faults {
                faulty.add(Matcher::nth(nth, Operation::PutNew, "ledger/"), effect);
            }
            for nth in read_faults {
                let transient = Effect::Fail(StoreErrorKind::Transient);
                faulty.add(Matcher::nth(nth, Operation::Get, "ledger/"), transient);
            }
            let outcomes: Vec<_> = join_all(all).await.into_iter().flatten().collect();
            assert_told_the_truth(&store, &outcomes).await;
            // What is late may still land, and changes nothing that was told.
            faulty.release_late().await;
            assert_told_the_truth(&store, &outcomes).await;
            append(&mut open(shared(&store), &FOUNDER).await, commit(9999)).await;
            assert_sound(&replayed(&store).await);
        });
    }
}
