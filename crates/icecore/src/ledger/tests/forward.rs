//! Reading forward: what it costs, and what it makes of what it finds.

use super::{
    FOUNDER, Foresight, READER, WRITER, append, assert_sound, commit, context, items, ledger_name,
    open, replayed, seal_plaintext, sealed, shared, sign, snapshot_id, store_with, void_reason,
    witness_name,
};
use crate::ledger::{Alarm, AppendError, Appended, Ledger, SeenHead};
use icecore_format::Hash;
use icecore_format::ledger::{EntryBody, LedgerObject};
use icecore_format::limits::LEDGER_OBJECT_BYTES_MAX;
use icecore_format::record::Record as _;
use icecore_store::testing::{Effect, FaultyStore, Matcher, RecordingStore};
use icecore_store::{MemoryStore, Operation, StoreErrorKind};

const GET: Operation = Operation::Get;

#[tokio::test]
async fn reading_on_costs_one_request_when_there_is_nothing_new() {
    let recording = RecordingStore::new(shared(&store_with(10).await));
    let mut ledger = open(recording.clone(), &FOUNDER).await;
    recording.reset();
    ledger.read_forward(Some(ledger.seen_head())).await.unwrap();
    assert_eq!((recording.total(), recording.count_in(GET, "ledger")), (1, 1));
}

#[tokio::test]
async fn reading_costs_one_request_per_entry_and_a_bounded_waste() {
    let store = store_with(60).await;
    for count in [0, 1, 2, 3, 7, 8, 20, 59, 60] {
        let part = MemoryStore::new();
        for number in 0..count {
            part.insert(ledger_name(number), store.content(&ledger_name(number)).unwrap());
        }
        let recording = RecordingStore::new(shared(&part));
        let ledger = open(recording.clone(), &FOUNDER).await;
        assert_eq!(ledger.state().next, count);
        let gets = recording.count(GET) as u64;
        // Eight that are foreseen, and then up to 32 at a time.
        assert!(gets <= (4 * count + 8).max(10) && gets <= count + 35, "{gets} for {count}");
        assert_eq!(recording.total() as u64, gets + 1, "and one listing");
    }
}

/// The same ledger in objects of up to `size` entries each.
fn bundled(store: &MemoryStore, count: u64, size: u64) -> MemoryStore {
    let bundled = MemoryStore::new();
    for first in (0..count).step_by(size as usize) {
        let items = (first..count.min(first + size)).flat_map(|number| items(store, number));
        bundled.insert(ledger_name(first), sealed(first, items.collect()));
    }
    bundled
}

#[tokio::test]
async fn objects_with_several_entries_say_the_same_as_objects_with_one() {
    let store = store_with(50).await;
    let expected = replayed(&store).await;
    for size in [1, 2, 3, 7, 49, 50, 64] {
        let bundled = bundled(&store, 50, size);
        let recording = RecordingStore::new(shared(&bundled));
        let ledger = open(recording.clone(), &FOUNDER).await;
        assert_sound(&ledger);
        assert_eq!(ledger.state(), expected.state());
        assert_eq!(ledger.log(), expected.log());
        let objects = 50_u64.div_ceil(size);
        let gets = recording.count(GET) as u64;
        assert!(gets <= 3 * objects + 35, "{gets} for {objects} objects");
        // And such a ledger goes on.
        assert_eq!(append(&mut open(shared(&bundled), &WRITER).await, commit(99)).await, 50);
        assert_sound(&replayed(&bundled).await);
    }
}

#[tokio::test]
async fn what_is_stored_under_a_number_inside_an_object_is_not_read() {
    let store = store_with(6).await;
    let bundled = bundled(&store, 6, 3);
    bundled.insert(ledger_name(1), store.content(&ledger_name(1)).unwrap());
    bundled.insert(ledger_name(2), "garbage");
    let ledger = replayed(&bundled).await;
    assert_sound(&ledger);
    assert_eq!(ledger.state(), replayed(&store).await.state());
}

#[tokio::test]
async fn garbage_at_the_next_number_is_void_and_blocks_nobody() {
    let large = vec![1; LEDGER_OBJECT_BYTES_MAX + 1];
    let empty_object = sealed(3, Vec::new());
    let misplaced = sealed(4, vec![vec![1, 2, 3]]);
    for garbage in [vec![], b"garbage".to_vec(), vec![0; 100_000], large, empty_object, misplaced] {
        let store = store_with(3).await;
        let mut writer = open(shared(&store), &WRITER).await;
        let prefix = writer.prefix(None).await.unwrap();
        store.insert(ledger_name(3), garbage);
        // One who meets it while appending, one who reads it, one who opens: all agree.
        assert_eq!(prefix.append(commit(8).into()).await.unwrap(), Appended::Lost);
        assert_eq!(append(&mut writer, commit(9)).await, 4);
        assert_eq!(append(&mut open(shared(&store), &FOUNDER).await, commit(10)).await, 5);
        let ledger = replayed(&store).await;
        assert_sound(&ledger);
        assert_eq!(void_reason(&ledger, 3), Some("it is unreadable"));
        writer.read_forward(None).await.unwrap();
        assert_eq!(writer.state(), ledger.state());
    }
}

#[tokio::test]
async fn garbage_as_a_witness_blocks_nobody() {
    let store = store_with(3).await;
    store.insert(ledger_name(3), "garbage");
    store.insert(witness_name(3), vec![1; 5000]);
    assert_eq!(append(&mut open(shared(&store), &WRITER).await, commit(9)).await, 4);
    assert_sound(&replayed(&store).await);
}

#[tokio::test]
async fn garbage_beyond_the_next_number_is_no_sign_of_a_missing_entry() {
    let store = store_with(3).await;
    let head = replayed(&store).await.state().head;
    for garbage in [
        b"garbage".to_vec(),
        sealed(4, vec![b"garbage".to_vec()]),
        // A reader holds the ledger key, and may add nothing.
        sealed(4, vec![sign(&READER, 4, head, commit(9))]),
        sealed(4, vec![sign(&FOUNDER, 3, head, commit(9))]),
    ] {
        let store = store.snapshot();
        store.insert(ledger_name(4), garbage);
        assert_eq!(append(&mut open(shared(&store), &WRITER).await, commit(9)).await, 3);
        let ledger = replayed(&store).await;
        assert_sound(&ledger);
        assert_eq!(ledger.state().next, 5);
    }
}

#[tokio::test]
async fn an_unknown_kind_makes_the_ledger_read_only() {
    let store = store_with(3).await;
    let head = replayed(&store).await.state().head;
    let unknown = EntryBody::Unknown { kind: 200, bytes: vec![1, 2] };
    store.insert(ledger_name(3), sealed(3, vec![sign(&WRITER, 3, head, unknown)]));
    let mut ledger = open(shared(&store), &FOUNDER).await;
    assert_sound(&ledger);
    assert_eq!((ledger.state().unknown, ledger.state().snapshots.len()), (Some(3), 2));
    let Err(error) = ledger.prefix(None).await else { panic!("it must not be appended to") };
    assert!(matches!(error, AppendError::Newer { number: 3 }), "{error}");
}

#[tokio::test]
async fn an_entry_in_a_later_version_makes_the_ledger_read_only() {
    let store = store_with(3).await;
    let head = replayed(&store).await.state().head;
    let mut record = sign(&FOUNDER, 3, head, commit(9));
    record[64] = 2;
    let object = LedgerObject { items: vec![record.clone()] }.encode();
    let mut later_object = object.clone();
    later_object[0] = 2;
    for plaintext in [object, later_object] {
        let store = store.snapshot();
        store.insert(ledger_name(3), seal_plaintext(3, &plaintext));
        let mut ledger = open(shared(&store), &FOUNDER).await;
        assert_eq!(ledger.state().unknown, Some(3));
        assert!(matches!(ledger.prefix(None).await, Err(AppendError::Newer { number: 3 })));
    }
}

#[tokio::test]
async fn a_remembered_end_that_is_there_raises_no_alarm() {
    let store = store_with(10).await;
    for number in 0..=10 {
        let mut earlier = replayed(&store).await;
        let head = earlier.head_before(number).unwrap();
        let seen = SeenHead { next: number, head };
        earlier.read_forward(Some(seen)).await.unwrap();
        let mut fresh = Ledger::open_at_beginning(super::context(shared(&store), &FOUNDER));
        fresh.read_forward(Some(seen)).await.unwrap();
        assert_sound(&earlier);
        assert_sound(&fresh);
    }
}

#[tokio::test]
async fn a_ledger_that_ends_before_the_remembered_end_was_rolled_back() {
    let store = store_with(10).await;
    let seen = replayed(&store).await.seen_head();
    for number in (7..10).rev() {
        assert!(store.remove(&ledger_name(number)));
        let mut ledger = open(shared(&store), &FOUNDER).await;
        for _ in 0..2 {
            ledger.read_forward(Some(seen)).await.unwrap();
        }
        assert_eq!(ledger.alarms(), [Alarm::RolledBack { found: number, remembered: 10 }]);
        assert!(matches!(ledger.prefix(Some(seen)).await, Err(AppendError::Alarm(_))));
    }
}

#[tokio::test]
async fn a_ledger_that_went_on_differently_was_replaced() {
    let store = store_with(10).await;
    let rolled_back = store.snapshot();
    let seen = replayed(&store).await.seen_head();
    for number in 8..10 {
        assert!(rolled_back.remove(&ledger_name(number)));
    }
    let mut other = open(shared(&rolled_back), &FOUNDER).await;
    for tag in 20..25 {
        append(&mut other, commit(tag)).await;
    }
    // Who has read beyond the remembered end already compares, too.
    let mut ledger = open(shared(&rolled_back), &FOUNDER).await;
    assert!(ledger.state().next > seen.next);
    ledger.read_forward(Some(seen)).await.unwrap();
    assert_eq!(ledger.alarms(), [Alarm::Replaced { number: 10 }]);
    assert!(matches!(ledger.prefix(None).await, Err(AppendError::Alarm(_))));
}

#[tokio::test]
async fn a_checkpoint_does_not_hide_that_the_ledger_was_replaced() {
    let store = store_with(10).await;
    let seen = replayed(&store).await.seen_head();
    assert!(store.remove(&ledger_name(9)));
    let mut other = open(shared(&store), &FOUNDER).await;
    for tag in 20..100 {
        append(&mut other, commit(tag)).await;
    }
    let mut ledger = open(shared(&store), &FOUNDER).await;
    assert!(ledger.began.next > seen.next, "it was opened at a checkpoint");
    ledger.read_forward(Some(seen)).await.unwrap();
    assert_eq!(ledger.alarms(), [Alarm::Replaced { number: 10 }]);
    // A machine that was away for long and remembers the truth is not bothered.
    let before = SeenHead { next: 9, head: replayed(&store).await.head_before(9).unwrap() };
    let mut ledger = open(shared(&store), &FOUNDER).await;
    ledger.read_forward(Some(before)).await.unwrap();
    assert_sound(&ledger);
    assert!(ledger.prefix(Some(before)).await.is_ok());
}

#[tokio::test]
async fn an_entry_that_follows_another_ledger_is_read_and_stops_appending() {
    let store = store_with(3).await;
    let elsewhere = Hash([9; 32]);
    let entry = sign(&WRITER, 3, elsewhere, commit(9));
    store.insert(ledger_name(3), sealed(3, vec![entry.clone()]));
    // Its author went on: what follows it fits, so there is one alarm.
    let after = icecore_format::ledger::chain(&elsewhere, &entry);
    store.insert(ledger_name(4), sealed(4, vec![sign(&WRITER, 4, after, commit(10))]));
    let mut ledger = open(shared(&store), &FOUNDER).await;
    assert_eq!(ledger.alarms(), [Alarm::Fork { number: 3 }]);
    let snapshots = &ledger.state().snapshots;
    assert!(snapshots.contains_key(&snapshot_id(9)) && snapshots.contains_key(&snapshot_id(10)));
    assert!(matches!(ledger.prefix(None).await, Err(AppendError::Alarm(_))));
}

#[tokio::test]
async fn a_key_that_may_add_nothing_raises_no_alarm() {
    let store = store_with(3).await;
    let mut admin = open(shared(&store), &FOUNDER).await;
    append(&mut admin, super::added(&READER)).await;
    let writer = super::key_id(&WRITER);
    append(&mut admin, icecore_format::ledger::body::KeyRemoved { key: writer }).await;
    for keys in [&*READER, &*WRITER] {
        let store = store.snapshot();
        let entry = sign(keys, 5, Hash([9; 32]), commit(9));
        store.insert(ledger_name(5), sealed(5, vec![entry]));
        let mut ledger = open(shared(&store), &FOUNDER).await;
        assert_eq!(void_reason(&ledger, 5), Some("it follows another ledger"));
        assert_eq!(append(&mut ledger, commit(10)).await, 6);
        assert_sound(&replayed(&store).await);
    }
}

#[tokio::test]
async fn a_read_that_fails_for_the_moment_is_made_again_and_one_that_goes_on_failing_stops() {
    let store = store_with(6).await;
    let faulty = FaultyStore::new(shared(&store));
    for nth in [1, 3, 4] {
        let transient = Effect::Fail(StoreErrorKind::Transient);
        faulty.add(Matcher::nth(nth, GET, "ledger/"), transient);
    }
    let mut ledger = open(faulty.clone(), &FOUNDER).await;
    faulty.assert_all_exercised();
    assert_eq!(ledger.state(), replayed(&store).await.state());
    faulty.add(Matcher::first(GET, "ledger/"), Effect::Fail(StoreErrorKind::Denied));
    assert!(ledger.read_forward(None).await.is_err());
    assert!(ledger.prefix(None).await.is_ok(), "what was applied stays, and reading goes on");
}

#[tokio::test]
async fn what_was_foreseen_before_another_process_appended_is_no_rollback() {
    let store = store_with(5).await;
    let foresight = Foresight::look(&*shared(&store)).await.unwrap();
    let mut other = open(shared(&store), &FOUNDER).await;
    append(&mut other, commit(5)).await;
    let seen = other.seen_head();
    let mut ledger = Ledger::open(context(shared(&store), &FOUNDER), foresight).await.unwrap();
    ledger.read_forward(Some(seen)).await.unwrap();
    assert_sound(&ledger);
    assert_eq!(ledger.seen_head(), seen);
}
