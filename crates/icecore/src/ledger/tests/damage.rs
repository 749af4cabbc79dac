//! Damage to any object of the ledger is noticed, or changes nothing; and it never panics.

use super::{
    FOUNDER, WRITER, append, assert_sound, commit, ledger_name, open, replayed, shared, store_with,
    void_reason, witness_name,
};
use crate::ledger::{Alarm, AppendError, Ledger, WitnessFinding};
use icecore_format::limits::LEDGER_OBJECT_BYTES_MAX;
use icecore_store::{MemoryStore, ObjectName};

const COUNT: u64 = 9;

type Damage = (&'static str, fn(&MemoryStore, &ObjectName));

const DAMAGES: [Damage; 8] = [
    ("truncated to nothing", |store, name| assert!(store.truncate(name, 0))),
    ("truncated", |store, name| assert!(store.truncate(name, 100))),
    ("its first bit flipped", |store, name| assert!(store.flip_bit(name, 0, 0))),
    ("a bit of its salt flipped", |store, name| assert!(store.flip_bit(name, 20, 5))),
    ("a bit of its text flipped", |store, name| assert!(store.flip_bit(name, 90, 7))),
    ("replaced by garbage", |store, name| store.insert(name.clone(), "garbage")),
    ("replaced by zeros", |store, name| store.insert(name.clone(), vec![0; 300])),
    ("replaced by too much", |store, name| {
        store.insert(name.clone(), vec![0; LEDGER_OBJECT_BYTES_MAX + 1]);
    }),
];

async fn assert_refuses(ledger: &mut Ledger) {
    assert!(matches!(ledger.prefix(None).await, Err(AppendError::Alarm(_))));
}

#[tokio::test]
async fn a_damaged_entry_raises_one_alarm_and_stops_appending() {
    let store = store_with(COUNT).await;
    for number in 0..COUNT {
        for (how, damage) in DAMAGES {
            let store = store.snapshot();
            damage(&store, &ledger_name(number));
            let mut ledger = open(shared(&store), &WRITER).await;
            assert_eq!(ledger.alarms(), [Alarm::Damaged { number }], "{number} {how}");
            assert_eq!(ledger.state().next, COUNT, "what follows is read");
            assert_refuses(&mut ledger).await;
        }
    }
}

#[tokio::test]
async fn a_damaged_entry_whose_witness_is_lost_is_noticed_by_the_entry_after_it() {
    let store = store_with(COUNT).await;
    for number in 0..COUNT {
        for (how, damage) in DAMAGES {
            let store = store.snapshot();
            damage(&store, &ledger_name(number));
            assert!(store.remove(&witness_name(number)));
            let mut ledger = replayed(&store).await;
            if number + 1 < COUNT {
                let expected = [Alarm::Fork { number: number + 1 }];
                assert_eq!(ledger.alarms(), expected, "{number} {how}");
                assert_refuses(&mut ledger).await;
            } else {
                // Nothing tells the newest from garbage but a machine that remembers it.
                assert_sound(&ledger);
                assert_eq!(void_reason(&ledger, number), Some("it is unreadable"));
            }
        }
    }
}

#[tokio::test]
async fn a_remembered_end_notices_a_newest_entry_that_was_lost_or_damaged_without_a_witness() {
    let store = store_with(COUNT).await;
    let seen = replayed(&store).await.seen_head();
    let newest = COUNT - 1;
    assert!(store.remove(&witness_name(newest)));
    for (how, damage) in DAMAGES {
        let store = store.snapshot();
        damage(&store, &ledger_name(newest));
        let mut ledger = open(shared(&store), &FOUNDER).await;
        ledger.read_forward(Some(seen)).await.unwrap();
        assert_eq!(ledger.alarms(), [Alarm::Replaced { number: COUNT }], "{how}");
    }
    assert!(store.remove(&ledger_name(newest)));
    let mut ledger = open(shared(&store), &FOUNDER).await;
    ledger.read_forward(Some(seen)).await.unwrap();
    assert_eq!(ledger.alarms(), [Alarm::RolledBack { found: newest, remembered: COUNT }]);
}

#[tokio::test]
async fn a_missing_entry_raises_an_alarm_unless_it_is_the_newest() {
    let store = store_with(COUNT).await;
    for number in 0..COUNT - 1 {
        let store = store.snapshot();
        assert!(store.remove(&ledger_name(number)));
        for keys in [&*FOUNDER, &*WRITER] {
            let mut ledger = open(shared(&store), keys).await;
            assert_eq!(ledger.alarms(), [Alarm::Missing { number }]);
            assert_refuses(&mut ledger).await;
            let found = ledger.verify_witnesses().await.unwrap();
            let missing = (number..COUNT).map(|number| WitnessFinding::BeyondEnd { number });
            assert_eq!(found, missing.collect::<Vec<_>>());
        }
    }
}

#[tokio::test]
async fn a_missing_newest_entry_is_found_by_its_witness() {
    let store = store_with(COUNT).await;
    let newest = COUNT - 1;
    assert!(store.remove(&ledger_name(newest)));
    let mut ledger = replayed(&store).await;
    assert_sound(&ledger);
    let missing = WitnessFinding::BeyondEnd { number: newest };
    assert_eq!(ledger.verify_witnesses().await.unwrap(), [missing]);
    // Also after someone who did not know appended in its place.
    append(&mut open(shared(&store), &WRITER).await, commit(77)).await;
    append(&mut open(shared(&store), &WRITER).await, commit(78)).await;
    let differs = WitnessFinding::Differs { number: newest };
    assert_eq!(
        replayed(&store).await.verify_witnesses().await.unwrap(),
        std::slice::from_ref(&differs)
    );
    assert_eq!(ledger.verify_witnesses().await.unwrap(), [differs]);
}

#[tokio::test]
async fn a_damaged_witness_is_found_and_a_lost_one_is_harmless() {
    let store = store_with(COUNT).await;
    assert_eq!(replayed(&store).await.verify_witnesses().await.unwrap(), []);
    for number in 0..COUNT {
        for (how, damage) in DAMAGES {
            let store = store.snapshot();
            damage(&store, &witness_name(number));
            let mut ledger = replayed(&store).await;
            let found = ledger.verify_witnesses().await.unwrap();
            assert_eq!(found, [WitnessFinding::Unreadable { number }], "{how}");
            assert_sound(&ledger);
        }
        let store = store.snapshot();
        assert!(store.remove(&witness_name(number)));
        assert_eq!(replayed(&store).await.verify_witnesses().await.unwrap(), []);
    }
    // One in another's place.
    store.insert(witness_name(3), store.content(&witness_name(4)).unwrap());
    let found = replayed(&store).await.verify_witnesses().await.unwrap();
    assert_eq!(found, [WitnessFinding::Unreadable { number: 3 }]);
}

#[tokio::test]
async fn a_witness_from_the_future_is_compared_with_what_is_there_by_then() {
    let store = store_with(COUNT).await;
    let mut ledger = replayed(&store).await;
    append(&mut open(shared(&store), &WRITER).await, commit(77)).await;
    assert_eq!(ledger.verify_witnesses().await.unwrap(), []);
    assert_eq!(ledger.state().next, COUNT + 1);
}

#[tokio::test]
async fn entries_that_swapped_places_are_noticed() {
    let store = store_with(COUNT).await;
    for first in 0..COUNT - 1 {
        let store = store.snapshot();
        let (a, b) = (ledger_name(first), ledger_name(first + 1));
        let (old_a, old_b) = (store.content(&a).unwrap(), store.content(&b).unwrap());
        store.insert(a, old_b);
        store.insert(b, old_a);
        let mut ledger = open(shared(&store), &WRITER).await;
        assert!(!ledger.alarms().is_empty());
        assert_refuses(&mut ledger).await;
    }
}

#[tokio::test]
async fn damage_before_a_checkpoint_changes_nothing_that_opens_at_it_and_is_found_by_replay() {
    let store = store_with(70).await;
    let truth = replayed(&store).await;
    for (how, damage) in DAMAGES {
        let store = store.snapshot();
        damage(&store, &ledger_name(5));
        let opened = open(shared(&store), &FOUNDER).await;
        assert_sound(&opened);
        assert_eq!(opened.state(), truth.state());
        assert_eq!(replayed(&store).await.alarms(), [Alarm::Damaged { number: 5 }], "{how}");
    }
}
