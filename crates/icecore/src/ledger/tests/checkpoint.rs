//! Checkpoints: opening at one yields what replaying everything yields, and no checkpoint is needed.

use super::{
    FOUNDER, RANDOM, WRITER, added, append, assert_sound, commit, key_id, ledger_name, open, range,
    replayed, session, shared, store_with,
};
use crate::layout::ObjectRole;
use icecore_format::checkpoint;
use icecore_format::cipher::Cipher;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::body::{Abort, Commit, Condemn, Forget, Release};
use icecore_store::testing::{RecordingStore, StaleListingStore};
use icecore_store::{MemoryStore, ObjectName, Operation};

fn checkpoints(store: &MemoryStore) -> Vec<ObjectName> {
    let is_checkpoint = |name: &ObjectName| name.as_str().starts_with("checkpoint/");
    store.names().into_iter().filter(is_checkpoint).collect()
}

fn name(number: u64, keys: &KeySet) -> ObjectName {
    ObjectRole::Checkpoint(number, key_id(keys)).object_name()
}

#[tokio::test]
async fn opening_at_a_checkpoint_equals_replaying_from_the_beginning() {
    let store = store_with(40).await;
    let mut ledger = open(shared(&store), &FOUNDER).await;
    // Something of every part of the state, before and after the checkpoint.
    for round in 0..10 {
        let tag = 1000 + round;
        let base = session(0, tag);
        append(&mut ledger, commit(tag)).await;
        append(&mut ledger, Commit { leans: vec![range(base, 0..2)], ..commit(tag + 100) }).await;
        let snapshots = vec![super::snapshot_id(tag)];
        append(&mut ledger, Forget { snapshots: snapshots.clone() }).await;
        append(&mut ledger, Release { snapshots }).await;
        let (marked_at, packs) = (ledger.state().next, vec![range(base, 1..2)]);
        append(&mut ledger, Condemn { plan: [round as u8; 16], marked_at, packs }).await;
        append(&mut ledger, Abort { sessions: vec![session(9, tag)], floor: 0 }).await;
        let opened = open(shared(&store), &FOUNDER).await;
        assert_eq!(opened.state(), replayed(&store).await.state());
        assert_eq!(opened.seen_head(), ledger.seen_head());
    }
    assert_eq!(checkpoints(&store), [name(64, &FOUNDER)]);
    let opened = open(shared(&store), &FOUNDER).await;
    assert_eq!(opened.log().len(), 36, "only what came after the checkpoint was read");
    assert_sound(&opened);
}

#[tokio::test]
async fn opening_at_a_checkpoint_costs_a_listing_a_checkpoint_and_what_came_after() {
    let store = store_with(66).await;
    let recording = RecordingStore::new(shared(&store));
    open(recording.clone(), &FOUNDER).await;
    assert_eq!(recording.count(Operation::List), 1);
    assert_eq!(recording.count_in(Operation::Get, "checkpoint"), 1);
    assert!(recording.count_in(Operation::Get, "ledger") <= 8);
}

#[tokio::test]
async fn a_writers_checkpoint_is_used_by_its_writer_alone() {
    let store = store_with(1).await;
    let mut writer = open(shared(&store), &WRITER).await;
    for tag in 1..70 {
        append(&mut writer, commit(tag)).await;
    }
    assert_eq!(checkpoints(&store), [name(64, &WRITER)]);
    assert_eq!(open(shared(&store), &WRITER).await.began.next, 64);
    let recording = RecordingStore::new(shared(&store));
    let founder = open(recording.clone(), &FOUNDER).await;
    assert_eq!(founder.began.next, 0);
    // It is asked for before anybody knows whose it is, and not again.
    assert_eq!(recording.count_in(Operation::Get, "checkpoint"), 1);
    // Nor is it when it is stored under the founder's name.
    let stolen = store.content(&name(64, &WRITER)).unwrap();
    store.insert(name(64, &FOUNDER), stolen);
    assert_eq!(open(shared(&store), &FOUNDER).await.began.next, 0);
    // The founder's is used by all.
    let store = store_with(64).await;
    assert_eq!(open(shared(&store), &WRITER).await.began.next, 64);
}

#[tokio::test]
async fn a_checkpoint_signed_by_a_writer_in_the_founders_place_is_not_used() {
    let store = store_with(3).await;
    let truth = replayed(&store).await;
    let mut forged = truth.state().clone();
    forged.keys.get_mut(&key_id(&WRITER)).unwrap().role = Role::Admin;
    forged.next = 2;
    let signed = checkpoint::sign(&WRITER.repository, &forged, &WRITER.signing);
    let mut in_the_founders_name = signed.clone();
    in_the_founders_name[64..80].copy_from_slice(&key_id(&FOUNDER).0);
    for plaintext in [signed, in_the_founders_name] {
        let name = name(2, &FOUNDER);
        let (kind, cipher) = (EnvelopeKind::Checkpoint, Cipher::Aes256Gcm);
        let key = &WRITER.ledger_key;
        let sealed = envelope::seal(kind, cipher, key, name.as_str(), &plaintext, &**RANDOM);
        store.insert(name, sealed);
        let ledger = open(shared(&store), &FOUNDER).await;
        assert_sound(&ledger);
        assert_eq!((ledger.began.next, ledger.state()), (0, truth.state()));
    }
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_used_falls_back_to_an_older_one_or_to_the_beginning() {
    let store = store_with(150).await;
    let (older, newer) = (name(64, &FOUNDER), name(128, &FOUNDER));
    assert_eq!(checkpoints(&store), [older.clone(), newer.clone()]);
    let truth = replayed(&store).await;
    assert_eq!(open(shared(&store), &FOUNDER).await.began.next, 128);
    let damages: [fn(&MemoryStore, &ObjectName); 5] = [
        |store, name| assert!(store.remove(name)),
        |store, name| assert!(store.truncate(name, 500)),
        |store, name| assert!(store.flip_bit(name, 400, 3)),
        |store, name| store.insert(name.clone(), "garbage"),
        |store, name| store.insert(name.clone(), ""),
    ];
    for damage in damages {
        let store = store.snapshot();
        damage(&store, &newer);
        let ledger = open(shared(&store), &FOUNDER).await;
        assert_eq!((ledger.began.next, ledger.state()), (64, truth.state()));
        damage(&store, &older);
        let ledger = open(shared(&store), &FOUNDER).await;
        assert_eq!((ledger.began.next, ledger.state()), (0, truth.state()));
        assert_sound(&ledger);
    }
    // One stored under another number does not count there, even if someone sealed it for that; and
    // garbage beyond the end does not either.
    store.insert(name(140, &FOUNDER), store.content(&newer).unwrap());
    let (kind, cipher, key) = (EnvelopeKind::Checkpoint, Cipher::Aes256Gcm, &WRITER.ledger_key);
    let stored = store.content(&older).unwrap();
    let signed = envelope::open(kind, key, older.as_str(), &stored).unwrap();
    let moved = name(145, &FOUNDER);
    let sealed = envelope::seal(kind, cipher, key, moved.as_str(), &signed, &**RANDOM);
    store.insert(moved, sealed);
    store.insert(name(9999, &FOUNDER), "garbage");
    let ledger = open(shared(&store), &FOUNDER).await;
    assert_eq!((ledger.began.next, ledger.state()), (128, truth.state()));
}

#[tokio::test]
async fn a_stale_listing_costs_requests_and_nothing_else() {
    let store = store_with(0).await;
    let stale = StaleListingStore::new(shared(&store), 300);
    let mut ledger = open(stale.clone(), &FOUNDER).await;
    for tag in 0..140 {
        append(&mut ledger, commit(tag)).await;
    }
    assert_eq!(checkpoints(&store).len(), 2);
    let opened = open(stale.clone(), &FOUNDER).await;
    assert_eq!((opened.began.next, opened.state()), (0, ledger.state()));
    stale.catch_up();
    let opened = open(stale, &FOUNDER).await;
    assert_eq!((opened.began.next, opened.state()), (128, ledger.state()));
    // It may also show what is gone.
    assert!(store.remove(&name(128, &FOUNDER)));
    assert_eq!(open(shared(&store), &FOUNDER).await.state(), ledger.state());
}

#[tokio::test]
async fn checkpoints_together_stay_within_a_small_multiple_of_the_ledger() {
    let store = store_with(0).await;
    let mut ledger = open(shared(&store), &FOUNDER).await;
    append(&mut ledger, added(&WRITER)).await;
    for tag in 1..1200_u64 {
        // Leans are remembered for a while and so weigh twice.
        let leans = (0..tag.min(20)).filter(|it| *it > 0).map(|it| range(session(0, it), 0..3));
        append(&mut ledger, Commit { leans: leans.collect(), ..commit(tag) }).await;
    }
    let bytes_of = |prefix: &str| -> u64 {
        let names = store.names().into_iter().filter(|name| name.as_str().starts_with(prefix));
        names.map(|name| store.content(&name).unwrap().len() as u64).sum()
    };
    let (ledger_bytes, checkpoint_bytes) = (bytes_of("ledger/"), bytes_of("checkpoint/"));
    assert!(checkpoint_bytes <= 5 * ledger_bytes, "{checkpoint_bytes} for {ledger_bytes}");
    let count = checkpoints(&store).len();
    // One in 64 entries would make 18.
    assert!((6..16).contains(&count), "{count} checkpoints");
    let opened = open(shared(&store), &WRITER).await;
    assert_eq!(opened.state(), ledger.state());
    assert!(store.content(&ledger_name(opened.began.next)).is_some());
}
