//! Tests of the doubles: each does what its script says, and nothing otherwise.

use std::sync::Arc;

use crate::testing::{
    CrashingStore, Effect, FaultyStore, Interrupted, Matcher, RecordingStore, StaleListingStore,
    conformance,
};
use crate::{MemoryStore, ObjectName, Operation, Store, StoreError, StoreErrorKind};

fn name(text: &str) -> ObjectName {
    text.parse().unwrap()
}

async fn put(store: &dyn Store, object: &str) -> Result<(), StoreError> {
    store.put_new(&name(object), object.as_bytes().to_vec().into()).await
}

async fn get(store: &dyn Store, object: &str) -> Result<String, StoreError> {
    let content = store.get(&name(object), 1000).await?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

async fn names(store: &dyn Store) -> Vec<String> {
    let objects = store.list("").await.unwrap();
    objects.iter().map(|object| object.name.to_string()).collect()
}

fn kind<T>(result: Result<T, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind())
}

fn faulty() -> (MemoryStore, Arc<FaultyStore>) {
    let memory = MemoryStore::new();
    (memory.clone(), FaultyStore::new(Arc::new(memory)))
}

#[tokio::test]
async fn the_memory_store_conforms() {
    conformance::assert_conforms(&MemoryStore::new()).await;
}

#[tokio::test]
async fn doubles_without_a_script_conform_even_stacked() {
    let memory = MemoryStore::new();
    let crashing: Arc<dyn Store> = Arc::new(CrashingStore::counting(memory));
    let stale = StaleListingStore::new(crashing, 0);
    let faulty = FaultyStore::new(stale);
    let recording = RecordingStore::new(faulty);
    conformance::assert_conforms(&*recording).await;
}

#[tokio::test]
async fn a_recording_knows_operation_name_bytes_and_failure() {
    let store = RecordingStore::new(Arc::new(MemoryStore::new()));
    put(&*store, "packs/0f/1").await.unwrap();
    put(&*store, "ledger/1").await.unwrap();
    assert!(put(&*store, "ledger/1").await.is_err());
    store.get_range(&name("packs/0f/1"), 1..4).await.unwrap();
    store.list("packs/").await.unwrap();
    assert_eq!(store.total(), 5);
    assert_eq!(store.count(Operation::PutNew), 3);
    assert_eq!(store.count_in(Operation::PutNew, "ledger"), 2);
    assert_eq!(store.count_in(Operation::List, "packs"), 1);
    assert_eq!((store.bytes_put(), store.bytes_read()), (10 + 8 + 8, 3));
    assert_eq!(store.requests()[2].failed, Some(StoreErrorKind::AlreadyExists));
    store.reset();
    assert_eq!(store.total(), 0);
}

#[tokio::test]
async fn a_fault_strikes_the_nth_matching_request_once() {
    let (_, store) = faulty();
    let denied = Effect::Fail(StoreErrorKind::Denied);
    store.add(Matcher::nth(2, Operation::PutNew, "ledger/"), denied);
    put(&*store, "ledger/1").await.unwrap();
    put(&*store, "packs/1").await.unwrap();
    assert_eq!(kind(put(&*store, "ledger/2").await), Some(StoreErrorKind::Denied));
    put(&*store, "ledger/2").await.unwrap();
    store.assert_all_exercised();
}

#[tokio::test]
async fn faults_due_at_the_same_request_strike_one_after_the_other() {
    let (_, store) = faulty();
    for kind in [StoreErrorKind::Denied, StoreErrorKind::NoSpace] {
        store.add(Matcher::first(Operation::List, ""), Effect::Fail(kind));
    }
    assert_eq!(kind(store.list("").await), Some(StoreErrorKind::Denied));
    assert_eq!(kind(store.list("").await), Some(StoreErrorKind::NoSpace));
    assert_eq!(kind(store.list("").await), None);
    store.assert_all_exercised();
}

#[tokio::test]
#[should_panic(expected = "these faults never struck")]
async fn a_fault_that_never_strikes_is_noticed() {
    let (_, store) = faulty();
    store.add(Matcher::nth(2, Operation::PutNew, ""), Effect::LoseAcknowledgement);
    put(&*store, "a").await.unwrap();
    store.assert_all_exercised();
}

#[test]
#[should_panic(expected = "cannot happen to List")]
fn a_fault_that_cannot_happen_is_refused() {
    let (_, store) = faulty();
    store.add(Matcher::first(Operation::List, ""), Effect::Torn { keep: 0 });
}

#[tokio::test]
async fn a_lost_acknowledgement_hides_a_write_that_happened() {
    let (memory, store) = faulty();
    store.add(Matcher::first(Operation::PutNew, ""), Effect::LoseAcknowledgement);
    store.add(Matcher::first(Operation::Delete, ""), Effect::LoseAcknowledgement);
    let error = put(&*store, "a").await.unwrap_err();
    assert!(error.outcome_unknown());
    assert_eq!(memory.names(), [name("a")]);
    let error = store.delete(&name("a")).await.unwrap_err();
    assert!(error.outcome_unknown());
    assert!(memory.names().is_empty());
    store.assert_all_exercised();
}

#[tokio::test]
async fn a_late_put_lands_when_released_unless_its_name_is_taken() {
    let (memory, store) = faulty();
    for _ in 0..2 {
        let late = Effect::LandLate { after_requests: None };
        store.add(Matcher::first(Operation::PutNew, ""), late);
    }
    assert!(put(&*store, "a").await.unwrap_err().outcome_unknown());
    assert!(put(&*store, "b").await.unwrap_err().outcome_unknown());
    assert!(names(&*store).await.is_empty());
    memory.insert(name("a"), "of another writer");
    assert_eq!(store.release_late().await, [name("b")]);
    assert_eq!(get(&*store, "a").await.unwrap(), "of another writer");
    assert_eq!(get(&*store, "b").await.unwrap(), "b");
    assert!(store.release_late().await.is_empty());
}

#[tokio::test]
async fn a_late_put_lands_after_so_many_further_requests() {
    let (memory, store) = faulty();
    let late = Effect::LandLate { after_requests: Some(2) };
    store.add(Matcher::first(Operation::PutNew, ""), late);
    assert!(put(&*store, "a").await.is_err());
    assert_eq!(kind(get(&*store, "a").await), Some(StoreErrorKind::NotFound));
    assert!(memory.names().is_empty());
    assert_eq!(kind(get(&*store, "a").await), Some(StoreErrorKind::NotFound));
    assert_eq!(get(&*store, "a").await.unwrap(), "a");
}

#[tokio::test]
async fn a_torn_put_leaves_its_beginning_under_the_final_name() {
    let (_, store) = faulty();
    store.add(Matcher::first(Operation::PutNew, ""), Effect::Torn { keep: 2 });
    assert_eq!(kind(put(&*store, "torn").await), Some(StoreErrorKind::Transient));
    assert_eq!(get(&*store, "torn").await.unwrap(), "to");
}

#[tokio::test]
async fn reads_are_damaged_once_and_what_is_stored_is_not() {
    let (_, store) = faulty();
    put(&*store, "abc").await.unwrap();
    store.add(Matcher::first(Operation::Get, ""), Effect::FlipBit { byte: 1, bit: 0 });
    store.add(Matcher::nth(2, Operation::Get, ""), Effect::FlipBit { byte: 99, bit: 0 });
    store.add(Matcher::nth(3, Operation::Get, ""), Effect::Truncate { keep: 1 });
    store.add(Matcher::first(Operation::GetRange, ""), Effect::Truncate { keep: 1 });
    assert_eq!(get(&*store, "abc").await.unwrap(), "acc");
    assert_eq!(get(&*store, "abc").await.unwrap(), "abb");
    assert_eq!(get(&*store, "abc").await.unwrap(), "a");
    assert_eq!(get(&*store, "abc").await.unwrap(), "abc");
    assert_eq!(store.get_range(&name("abc"), 1..3).await.unwrap(), "b");
    assert_eq!(store.get_range(&name("abc"), 1..3).await.unwrap(), "bc");
    store.assert_all_exercised();
}

#[tokio::test]
async fn a_full_disk_takes_no_puts_until_there_is_room() {
    let (_, store) = faulty();
    store.add(Matcher::nth(2, Operation::PutNew, ""), Effect::FullDisk);
    put(&*store, "a").await.unwrap();
    for object in ["b", "c", "b"] {
        assert_eq!(kind(put(&*store, object).await), Some(StoreErrorKind::NoSpace));
    }
    assert_eq!(names(&*store).await, ["a"]);
    store.delete(&name("a")).await.unwrap();
    store.make_room();
    put(&*store, "b").await.unwrap();
}

#[tokio::test]
async fn every_cut_leaves_the_writes_before_it_and_perhaps_its_own() {
    async fn work(store: &dyn Store) -> Result<(), StoreError> {
        put(store, "a").await?;
        put(store, "b").await?;
        store.delete(&name("a")).await
    }
    let states: [&[&str]; 4] = [&[], &["a"], &["a", "b"], &["b"]];
    let counting = CrashingStore::counting(MemoryStore::new());
    work(&counting).await.unwrap();
    assert_eq!(counting.writes(), 3);
    for write in 1..=counting.writes() {
        for (interrupted, state) in
            [(Interrupted::Vanished, write - 1), (Interrupted::Landed, write)]
        {
            let store = CrashingStore::new(MemoryStore::new(), write, interrupted);
            assert!(work(&store).await.is_err());
            assert!(store.crashed());
            assert_eq!(names(&store.survivors()).await, states[state as usize]);
        }
    }
}

#[tokio::test]
async fn the_dead_get_no_answers_and_write_nothing() {
    let store = CrashingStore::new(MemoryStore::new(), 2, Interrupted::Vanished);
    put(&store, "a").await.unwrap();
    assert!(put(&store, "b").await.is_err());
    assert_eq!(kind(put(&store, "c").await), Some(StoreErrorKind::Permanent));
    assert_eq!(kind(get(&store, "a").await), Some(StoreErrorKind::Permanent));
    assert_eq!(kind(store.get_range(&name("a"), 0..1).await), Some(StoreErrorKind::Permanent));
    assert_eq!(kind(store.list("").await), Some(StoreErrorKind::Permanent));
    assert_eq!(kind(store.delete(&name("a")).await), Some(StoreErrorKind::Permanent));
    assert_eq!(store.writes(), 2);
    assert_eq!(store.survivors().names(), [name("a")]);
}

#[tokio::test]
async fn a_stale_listing_lacks_the_newest_and_reads_do_not() {
    let store = StaleListingStore::new(Arc::new(MemoryStore::new()), 2);
    for object in ["a", "b", "c"] {
        put(&*store, object).await.unwrap();
    }
    assert_eq!(names(&*store).await, ["a"]);
    assert_eq!(store.hidden(), [name("b"), name("c")]);
    assert_eq!(get(&*store, "c").await.unwrap(), "c");
    store.catch_up();
    assert_eq!(names(&*store).await, ["a", "b", "c"]);
    put(&*store, "d").await.unwrap();
    assert_eq!(names(&*store).await, ["a", "b", "c"]);
}
