//! What transactions write is given when they are committed, and once.

use super::following::{Followed, follow};
use crate::events::postgres::tests::support::{Shop, id, ids, insert};
use icecore::source::{Proof, Reading};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The stores that it holds for.
const STORES: [&str; 2] = ["eventcore", "eventcore-delivery"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_given_by_transactions_and_a_backup_goes_on_from_there() {
    for store in STORES {
        let shop = Shop::logical(store);
        shop.append(1, "order-1");
        let backup = shop.read(None).await;
        let source = shop.source();
        // Before it is followed for the first time.
        shop.append(2, "order-1");
        let mut given = Followed::after(backup.since());
        let mut follower = follow(&source, backup.since()).await;
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), ids([2]), "{store}");
        shop.append(3, "order-1");
        shop.sql(&format!(
            "BEGIN; {}; {}; COMMIT; BEGIN; {}; ROLLBACK",
            insert(4, "order-1"),
            insert(5, "order-2"),
            insert(6, "order-2")
        ));
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), ids(2..=5), "{store}");
        assert_eq!(given.events_of_commits(), [1, 2]);
        let commits = &given.commits;
        let [first, second] = [0, 1].map(|number: usize| commits[number].commit.unwrap());
        assert!(first.lsn < second.lsn && first.time <= second.time);

        let nothing = shop.read(Some(given.since())).await;
        let proof = match store {
            "eventcore" => Proof::Identified { events: 5 },
            _ => Proof::Positions { events: 5 },
        };
        assert_eq!(nothing.reading, Reading::Further(proof), "{store}");
        assert_eq!(nothing.ids(), Vec::<String>::new(), "{store}");
        shop.append(7, "order-2");
        let further = shop.read(Some(given.since())).await;
        assert!(further.is_further(), "{store}: {:?}", further.reading);
        assert_eq!(further.ids(), ids([7]), "{store}");

        // The same follower goes on, and so does one that knows what the backup knew.
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), ids((2..=5).chain([7])), "{store}");
        drop(follower);
        shop.append(8, "order-1");
        let mut follower = follow(&source, further.since()).await;
        let mut after_backup = Followed::after(further.since());
        after_backup.flush(&mut follower).await;
        shop.append(9, "order-1");
        after_backup.flush(&mut follower).await;
        assert_eq!(after_backup.ids(), ids([8, 9]), "{store}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commits_late_with_lower_ids_is_given_once() {
    let shop = Shop::logical("eventcore");
    shop.append(10, "order-1");
    let backup = shop.read(None).await;
    let source = shop.source();
    let mut given = Followed::after(backup.since());
    // Makes the slot, for which all that run have to be over.
    let mut follower = follow(&source, backup.since()).await;
    let (mut early, mut late) = (shop.client().await, shop.client().await);
    let early = early.transaction().await.unwrap();
    early.batch_execute(&insert(1, "order-2")).await.unwrap();
    shop.append(20, "order-3");
    given.flush(&mut follower).await;
    drop(follower);
    // It runs while somebody begins to follow.
    let late = late.transaction().await.unwrap();
    late.batch_execute(&insert(2, "order-4")).await.unwrap();
    late.batch_execute(&format!("SAVEPOINT inner_one; {}", insert(3, "order-4"))).await.unwrap();
    let mut follower = follow(&source, given.since()).await;
    shop.append(30, "order-3");
    late.batch_execute(&format!("SAVEPOINT other; {}", insert(4, "order-5"))).await.unwrap();
    late.batch_execute("ROLLBACK TO other; RELEASE inner_one").await.unwrap();
    given.flush(&mut follower).await;
    let between = given.since();
    late.commit().await.unwrap();
    given.flush(&mut follower).await;
    early.commit().await.unwrap();
    shop.append(40, "order-3");
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([20, 30, 2, 3, 1, 40]));
    // The tokens on the way are as good.
    let further = shop.read(Some(between)).await;
    assert!(further.is_further(), "{:?}", further.reading);
    let mut rest = further.ids();
    rest.sort();
    assert_eq!(rest, ids([1, 2, 3, 40]));
    assert_eq!(shop.read(Some(given.since())).await.ids(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_when_it_began_is_given_when_it_is_committed() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let source = shop.source();
    let mut given = Followed::after(backup.since());
    drop(follow(&source, backup.since()).await);
    for name in ["kept", "gone"] {
        let number = if name == "kept" { 1 } else { 2 };
        let stream = format!("order-{number}");
        let prepare = format!("BEGIN; {}; PREPARE TRANSACTION '{name}'", insert(number, &stream));
        shop.client().await.batch_execute(&prepare).await.unwrap();
    }
    let mut follower = follow(&source, backup.since()).await;
    shop.append(10, "order-3");
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([10]));
    shop.sql("ROLLBACK PREPARED 'gone'; COMMIT PREPARED 'kept'");
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([10, 1]));
    assert_eq!(shop.read(Some(given.since())).await.ids(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn four_writers_and_followers_that_come_and_go_leave_nothing_out_and_nothing_double() {
    for store in STORES {
        let shop = Shop::logical(store);
        let backup = shop.read(None).await;
        let source = shop.source();
        let mut follower = follow(&source, backup.since()).await;
        let (is_over, next) = (AtomicBool::new(false), AtomicU32::new(1));
        let write = async |writer: u32| {
            let mut client = shop.client().await;
            while !is_over.load(Relaxed) {
                let number = next.fetch_add(3, Relaxed);
                let transaction = client.transaction().await.unwrap();
                // All lock their streams in one order, and draw ids before they wait.
                let lock = format!(
                    "SELECT pg_advisory_xact_lock({writer}), pg_advisory_xact_lock({writer} + 1)"
                );
                transaction.batch_execute(&lock).await.unwrap();
                for (at, stream) in [writer, writer + 1].into_iter().enumerate() {
                    let event = insert(number + at as u32, &format!("s-{stream}"));
                    transaction.batch_execute(&event).await.unwrap();
                }
                let stream = format!("alone-{writer}");
                let more = format!("SAVEPOINT more; {}", insert(number + 2, &stream));
                transaction.batch_execute(&more).await.unwrap();
                if number % 4 == 0 {
                    transaction.batch_execute("ROLLBACK TO more").await.unwrap();
                }
                match number % 7 {
                    0 => transaction.rollback().await.unwrap(),
                    _ => transaction.commit().await.unwrap(),
                }
            }
        };
        let observe = async {
            let mut given = Followed::after(backup.since());
            for round in 0..20 {
                while given.events.len() < 40 * (round + 1) {
                    given.take_next(&mut follower).await.unwrap();
                }
                if round % 3 == 0 {
                    follower.acknowledge(&given.since().resume).await.unwrap();
                }
                if round % 5 == 4 {
                    follower = follow(&source, given.since()).await;
                }
                if round % 6 == 5 {
                    let further = shop.read(Some(given.since())).await;
                    assert!(further.is_further(), "{store}: {:?}", further.reading);
                }
            }
            is_over.store(true, Relaxed);
            given
        };
        let (.., mut given) = tokio::join!(write(0), write(1), write(2), write(3), observe);
        given.flush(&mut follower).await;
        let mut all = given.ids();
        all.sort();
        assert_eq!(all, shop.ids(), "{store}");
        for stream in 0..5 {
            let stream = format!("s-{stream}");
            let events = given.events.iter().filter(|event| event.stream == stream);
            let versions: Vec<u64> = events.map(|event| event.version).collect();
            assert!(versions.iter().copied().eq(1..=versions.len() as u64), "{versions:?}");
        }
        let nothing = shop.read(Some(given.since())).await;
        assert!(nothing.is_further(), "{store}: {:?}", nothing.reading);
        assert_eq!(nothing.ids(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_large_transaction_is_given_as_one() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let mut follower = follow(&shop.source(), backup.since()).await;
    shop.append(1, "order-1");
    shop.sql(
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
         SELECT gen_random_uuid(), 'many-' || n, 'Happened', '{}' FROM generate_series(1, 20000) n",
    );
    shop.append(2, "order-1");
    let mut given = Followed::after(backup.since());
    // Without letting anything go, so that the same is decoded again.
    given.take(&mut follower).await.unwrap();
    shop.append(3, "order-1");
    given.take(&mut follower).await.unwrap();
    assert_eq!(given.events_of_commits(), [1, 20_000, 1, 1]);
    let ends = [&given.events[0], &given.events[20_001], &given.events[20_002]];
    assert_eq!(ends.map(|event| event.id.clone().unwrap()), [id(1), id(2), id(3)]);
    assert_eq!(shop.read(Some(given.since())).await.ids(), Vec::<String>::new());
}
