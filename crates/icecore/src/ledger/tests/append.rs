//! Appending: what is told of an entry is what became of it.

use super::{
    FOUNDER, READER, RepeatingStore, STRANGER, WRITER, added, append, assert_sound, commit, items,
    ledger_name, open, replayed, sealed, shared, sign, snapshot_id, store_with, void_reason,
    witness_name,
};
use crate::ledger::{AppendError, Appended, Ledger};
use icecore_format::ledger::EntryBody;
use icecore_store::testing::{Effect, FaultyStore, Matcher, RecordingStore};
use icecore_store::{MemoryStore, Operation, StoreErrorKind};
use std::sync::Arc;

const PUT: Operation = Operation::PutNew;

async fn try_append(
    ledger: &mut Ledger,
    body: impl Into<EntryBody>,
) -> Result<Appended, AppendError> {
    ledger.prefix(None).await?.append(body.into()).await
}

#[tokio::test]
async fn entries_are_numbered_from_zero_and_chained() {
    let store = store_with(5).await;
    let ledger = replayed(&store).await;
    assert_sound(&ledger);
    assert_eq!(ledger.state().next, 5);
    assert_eq!(ledger.state().snapshots.len(), 4);
    assert!((0..5).all(|number| store.content(&witness_name(number)).is_some()));
}

#[tokio::test]
async fn appending_puts_one_entry_and_one_witness() {
    let recording = RecordingStore::new(shared(&store_with(3).await));
    let mut ledger = open(recording.clone(), &FOUNDER).await;
    recording.reset();
    append(&mut ledger, commit(9)).await;
    let requests: Vec<_> = recording
        .requests()
        .iter()
        .map(|it| (it.operation, it.first_segment().to_owned()))
        .collect();
    let expected = [(Operation::Get, "ledger"), (PUT, "ledger"), (PUT, "witness")]
        .map(|(o, n)| (o, n.to_owned()));
    assert_eq!(requests, expected);
}

#[tokio::test]
async fn an_entry_that_lost_its_number_is_decided_again() {
    let store = store_with(3).await;
    let (mut first, mut second) =
        (open(shared(&store), &FOUNDER).await, open(shared(&store), &WRITER).await);
    let prefix = first.prefix(None).await.unwrap();
    assert_eq!(append(&mut second, commit(8)).await, 3);
    assert_eq!(prefix.append(commit(9).into()).await.unwrap(), Appended::Lost);
    assert!(first.state().snapshots.contains_key(&snapshot_id(8)), "it applied the winner");
    assert_eq!(append(&mut first, commit(9)).await, 4);
    assert_sound(&replayed(&store).await);
}

#[tokio::test]
async fn a_lost_acknowledgement_is_no_lost_race() {
    let store = store_with(2).await;
    let faulty = FaultyStore::new(shared(&store));
    let mut ledger = open(faulty.clone(), &FOUNDER).await;
    faulty.add(Matcher::first(PUT, "ledger/"), Effect::LoseAcknowledgement);
    assert_eq!(try_append(&mut ledger, commit(9)).await.unwrap(), Appended::At(2));
    faulty.assert_all_exercised();
    assert_eq!(replayed(&store).await.state().next, 3, "and it was written once");
}

#[tokio::test]
async fn a_taken_name_is_read_to_see_whose_it_is() {
    let store = store_with(2).await;
    let mut ledger = open(Arc::new(RepeatingStore(shared(&store))), &FOUNDER).await;
    for tag in 10..15 {
        let number = ledger.state().next;
        assert_eq!(try_append(&mut ledger, commit(tag)).await.unwrap(), Appended::At(number));
    }
    assert_sound(&replayed(&store).await);
    assert_eq!(replayed(&store).await.state().next, 7);
}

#[tokio::test]
async fn a_put_that_did_not_land_is_put_again_and_its_late_landing_harms_nothing() {
    let store = store_with(2).await;
    let faulty = FaultyStore::new(shared(&store));
    let mut ledger = open(faulty.clone(), &FOUNDER).await;
    for _ in 0..3 {
        faulty.add(Matcher::first(PUT, "ledger/"), Effect::LandLate { after_requests: None });
    }
    assert_eq!(try_append(&mut ledger, commit(9)).await.unwrap(), Appended::At(2));
    assert_eq!(faulty.release_late().await, [], "its name is taken by itself");
    faulty.assert_all_exercised();
    assert_sound(&replayed(&store).await);
}

/// Puts that strike in this order, and then storage that gives no answers.
async fn outcome_of(
    effects: &[Effect],
    reads_fail: bool,
) -> (AppendError, Arc<FaultyStore>, MemoryStore) {
    let store = store_with(2).await;
    let faulty = FaultyStore::new(shared(&store));
    let mut ledger = open(faulty.clone(), &FOUNDER).await;
    for effect in effects {
        faulty.add(Matcher::first(PUT, "ledger/"), effect.clone());
    }
    if reads_fail {
        // The first read finds the end.
        for nth in 2..7 {
            let transient = Effect::Fail(StoreErrorKind::Transient);
            faulty.add(Matcher::nth(nth, Operation::Get, "ledger/"), transient);
        }
    }
    let error = try_append(&mut ledger, commit(9)).await.unwrap_err();
    faulty.assert_all_exercised();
    assert_eq!(ledger.state().next, 2, "an entry that may not stand is not applied");
    (error, faulty, store)
}

#[tokio::test]
async fn an_entry_that_may_still_land_is_reported_as_unknown_and_may_land() {
    let late = Effect::LandLate { after_requests: None };
    let late_five = vec![late.clone(); 5];
    let refused = vec![late.clone(), Effect::Fail(StoreErrorKind::NoSpace)];
    let denied = vec![late.clone(), late, Effect::Fail(StoreErrorKind::Denied)];
    for effects in [late_five, refused, denied] {
        let (error, faulty, store) = outcome_of(&effects, false).await;
        assert!(matches!(error, AppendError::Unknown { number: 2, .. }), "{effects:?}: {error}");
        assert_eq!(faulty.release_late().await, [ledger_name(2)], "once");
        let after = replayed(&store).await;
        assert_sound(&after);
        assert!(after.state().snapshots.contains_key(&snapshot_id(9)));
    }
}

#[tokio::test]
async fn an_entry_that_landed_unseen_is_reported_as_unknown() {
    let (error, _, store) = outcome_of(&[Effect::LoseAcknowledgement], true).await;
    assert!(matches!(error, AppendError::Unknown { number: 2, .. }), "{error}");
    assert_eq!(replayed(&store).await.state().next, 3);
}

#[tokio::test]
async fn a_taken_name_that_cannot_be_read_is_reported_as_unknown() {
    // The storage's client tried again by itself, and its own first try had landed.
    let store = store_with(2).await;
    let faulty = FaultyStore::new(shared(&store));
    let mut ledger = open(Arc::new(RepeatingStore(faulty.clone())), &FOUNDER).await;
    for nth in 2..7 {
        let transient = Effect::Fail(StoreErrorKind::Transient);
        faulty.add(Matcher::nth(nth, Operation::Get, "ledger/"), transient);
    }
    let error = try_append(&mut ledger, commit(9)).await.unwrap_err();
    assert!(matches!(error, AppendError::Unknown { number: 2, .. }), "{error}");
    faulty.assert_all_exercised();
    assert_eq!(replayed(&store).await.state().next, 3, "it stands");
    // Whoever reads on finds it.
    ledger.read_forward(None).await.unwrap();
    assert!(ledger.state().snapshots.contains_key(&snapshot_id(9)));
}

#[tokio::test]
async fn a_refused_put_was_not_written() {
    for kind in [StoreErrorKind::NoSpace, StoreErrorKind::Denied, StoreErrorKind::Permanent] {
        let (error, faulty, store) = outcome_of(&[Effect::Fail(kind)], false).await;
        assert!(matches!(error, AppendError::Write(_)), "{error}");
        assert_eq!(faulty.release_late().await, []);
        assert_eq!(replayed(&store).await.state().next, 2);
    }
}

#[tokio::test]
async fn an_entry_that_does_not_count_is_reported_as_void() {
    let store = store_with(2).await;
    let mut writer = open(shared(&store), &WRITER).await;
    let error = try_append(&mut writer, added(&READER)).await.unwrap_err();
    let expected = "ledger entry 2 was written and is void: only an admin may say this";
    assert_eq!(error.to_string(), expected);
    // It chains, and appending goes on after it.
    assert_eq!(append(&mut writer, commit(9)).await, 3);
    let after = replayed(&store).await;
    assert_sound(&after);
    assert_eq!(void_reason(&after, 2), Some("only an admin may say this"));
}

#[tokio::test]
async fn what_a_stranger_or_a_copyist_writes_is_void_and_chains() {
    let store = store_with(3).await;
    let head = replayed(&store).await.state().head;
    let elsewhere = {
        let mut keys = (**FOUNDER).clone();
        keys.repository = icecore_format::RepositoryId([9; 16]);
        keys
    };
    let mut forged = sign(&FOUNDER, 3, head, commit(9));
    forged[70] ^= 1;
    let in_anothers_name = {
        let mut bytes = sign(&STRANGER, 3, head, commit(9));
        let by_founder = sign(&FOUNDER, 3, head, commit(9));
        bytes[64..].copy_from_slice(&by_founder[64..]);
        bytes
    };
    let cases = [
        (sign(&STRANGER, 3, head, commit(9)), "its signature is nobody's"),
        (in_anothers_name, "its signature is nobody's"),
        (sign(&elsewhere, 3, head, commit(9)), "its signature is nobody's"),
        (sign(&FOUNDER, 4, head, commit(9)), "it belongs under another number"),
        // An old entry, copied.
        (items(&store, 1).remove(0), "it belongs under another number"),
        (vec![], "it is no entry that this program knows"),
        (vec![1; 200], "it is no entry that this program knows"),
    ];
    for (item, reason) in cases {
        let store = store.snapshot();
        let state = replayed(&store).await.state().clone();
        store.insert(ledger_name(3), sealed(3, vec![item.clone()]));
        let after = replayed(&store).await;
        assert_sound(&after);
        assert_eq!(void_reason(&after, 3), Some(reason));
        assert_eq!(after.state().head, icecore_format::ledger::chain(&head, &item), "{reason}");
        assert_eq!((&after.state().snapshots, after.state().next), (&state.snapshots, 4));
        assert_eq!(append(&mut open(shared(&store), &WRITER).await, commit(10)).await, 4);
        assert_sound(&replayed(&store).await);
    }
}

#[tokio::test]
async fn an_entry_too_large_to_be_read_is_not_written() {
    let store = store_with(2).await;
    let mut ledger = open(shared(&store), &FOUNDER).await;
    let mut large = commit(9);
    large.snapshot.resume = vec![0; icecore_format::limits::LEDGER_OBJECT_BYTES_MAX];
    let error = try_append(&mut ledger, large).await.unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { .. }), "{error}");
    assert_eq!(store.content(&ledger_name(2)), None);
}

#[tokio::test]
async fn a_missing_witness_or_checkpoint_stops_nobody() {
    let store = store_with(63).await;
    let faulty = FaultyStore::new(shared(&store));
    let mut ledger = open(faulty.clone(), &FOUNDER).await;
    faulty.add(Matcher::first(PUT, "witness/"), Effect::Fail(StoreErrorKind::NoSpace));
    faulty.add(Matcher::first(PUT, "checkpoint/"), Effect::Fail(StoreErrorKind::NoSpace));
    assert_eq!(append(&mut ledger, commit(100)).await, 63);
    faulty.assert_all_exercised();
    assert_eq!(store.content(&witness_name(63)), None);
    assert_sound(&open(shared(&store), &FOUNDER).await);
}
