//! What is new is read, all of it and nothing else, whatever transactions do.

use super::reading::{Given, read_as};
use super::support::{Shop, id, ids, insert, published};
use crate::events::postgres::connect::{ConnectionSettings, Environment};
use crate::events::postgres::remembered::Remembered;
use crate::events::postgres::{PostgresSource, SchemaChoice};
use icecore::source::{Proof, Reading, SourceRequest, Whole};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// The stores that a property of incremental backups holds for.
const STORES: [&str; 2] = ["eventcore", "eventcore-delivery"];

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_appended_is_read() {
    for store in STORES {
        let shop = Shop::new(store);
        let mut known = shop.read(None).await;
        assert_eq!(known.reading, Reading::Whole(Whole::First));
        assert_eq!(known.ids(), Vec::<String>::new());
        for number in 1..=5 {
            shop.append(number, "order-1");
            known = shop.read(Some(known.since())).await;
            assert!(known.is_further(), "{store}: {:?}", known.reading);
            assert_eq!(known.ids(), [id(number)], "{store}");
        }
        let again = shop.read(Some(known.since())).await;
        assert_eq!(again.ids(), Vec::<String>::new());
        let proof = match store {
            "eventcore" => Proof::Identified { events: 5 },
            _ => Proof::Positions { events: 5 },
        };
        assert_eq!(again.reading, Reading::Further(proof));
        let whole = shop.read(None).await;
        assert_eq!(whole.ids(), ids(1..=5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_commits_late_with_a_lower_id_is_in_the_next_backup() {
    let shop = Shop::new("eventcore");
    shop.append(10, "order-1");
    let mut late = shop.client().await;
    let late = late.transaction().await.unwrap();
    late.batch_execute(&insert(1, "order-2")).await.unwrap();
    shop.append(20, "order-3");
    let first = shop.read(None).await;
    assert_eq!(sorted(first.ids()), ids([10, 20]));
    // Nothing is new while it runs, and what committed since is not read again.
    let second = shop.read(Some(first.since())).await;
    assert!(second.is_further());
    assert_eq!(second.ids(), Vec::<String>::new());
    late.commit().await.unwrap();
    shop.append(30, "order-1");
    let third = shop.read(Some(second.since())).await;
    assert!(third.is_further());
    assert_eq!(sorted(third.ids()), ids([1, 30]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_subtransaction_wrote_is_read_when_all_of_it_is_committed() {
    let shop = Shop::new("eventcore");
    let mut late = shop.client().await;
    let late = late.transaction().await.unwrap();
    late.batch_execute(&insert(1, "order-1")).await.unwrap();
    shop.append(10, "order-10");
    // The number of the subtransaction is above that of the transaction that commits before it.
    late.batch_execute(&format!("SAVEPOINT inner_one; {}", insert(2, "order-1"))).await.unwrap();
    late.batch_execute("RELEASE inner_one").await.unwrap();
    shop.append(20, "order-20");
    let first = shop.read(None).await;
    assert_eq!(sorted(first.ids()), ids([10, 20]));
    late.commit().await.unwrap();
    let second = shop.read(Some(first.since())).await;
    assert!(second.is_further());
    assert_eq!(sorted(second.ids()), ids([1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_prepared_is_read_when_it_is_committed() {
    use icecore_test_cluster::{Cluster, ClusterOptions};
    let options = ClusterOptions::default().setting("max_prepared_transactions", "5");
    let shop = Shop { cluster: Cluster::start_with(&options) };
    shop.cluster.create_database(super::support::DATABASE);
    shop.sql(&published("eventcore", "schema.sql"));
    let prepare = format!("BEGIN; {}; PREPARE TRANSACTION 'later'", insert(1, "order-1"));
    shop.client().await.batch_execute(&prepare).await.unwrap();
    shop.append(10, "order-2");
    let first = shop.read(None).await;
    assert_eq!(first.ids(), ids([10]));
    shop.sql("COMMIT PREPARED 'later'");
    let second = shop.read(Some(first.since())).await;
    assert!(second.is_further());
    assert_eq!(second.ids(), ids([1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn four_writers_leave_whole_transactions_and_streams_without_holes() {
    for store in STORES {
        let shop = Shop::new(store);
        let (is_over, next) = (AtomicBool::new(false), AtomicU32::new(1));
        let write = async |writer: u32| {
            let mut client = shop.client().await;
            while !is_over.load(Relaxed) {
                let transaction = client.transaction().await.unwrap();
                // Two events in two streams, in an order that all writers keep.
                let number = next.fetch_add(2, Relaxed);
                let [low, high] = [number % 3, number % 3 + 1].map(|stream| format!("s-{stream}"));
                let lock = "SELECT pg_advisory_xact_lock(1)";
                transaction.batch_execute(lock).await.unwrap();
                transaction.batch_execute(&insert(number, &low)).await.unwrap();
                transaction.batch_execute(&insert(number + 1, &high)).await.unwrap();
                if number % 11 == writer {
                    transaction.rollback().await.unwrap();
                } else {
                    transaction.commit().await.unwrap();
                }
            }
        };
        let back_up = async {
            let mut all: BTreeSet<String> = BTreeSet::new();
            let mut known: Option<Given> = None;
            for round in 0..12 {
                let read = shop.read(known.as_ref().map(Given::since)).await;
                assert!(round == 0 || read.is_further(), "{store}: {:?}", read.reading);
                for id in &read.ids() {
                    assert!(all.insert(id.clone()), "{id} is read twice");
                }
                // Whole transactions: with each odd number the even one after it.
                assert_eq!(read.ids().len() % 2, 0);
                known = Some(read);
            }
            is_over.store(true, Relaxed);
            (all, known)
        };
        let (.., (mut all, known)) = tokio::join!(write(0), write(1), write(2), write(3), back_up);
        let last = shop.read(known.as_ref().map(Given::since)).await;
        assert!(last.is_further());
        all.extend(last.ids());
        assert!(all.len() > 20, "{}", all.len());
        assert_eq!(all.into_iter().collect::<Vec<_>>(), shop.ids());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_gone_are_a_source_that_shrank() {
    for store in STORES {
        let shop = Shop::new(store);
        (1..=4).for_each(|number| shop.append(number, "order-1"));
        let first = shop.read(None).await;
        delete(&shop, store, 2);
        let second = shop.read(Some(first.since())).await;
        assert_eq!(sorted(second.ids()), ids([1, 3, 4]));
        if store == "eventcore" {
            let why = "it has 3 events, and had 4".to_owned();
            assert_eq!(second.reading, Reading::Whole(Whole::Shrank(why)));
            assert_eq!(second.has_all_known, Some(false));
        } else {
            assert!(matches!(second.reading, Reading::Whole(Whole::NotPossible(_))));
        }
        // From there it goes on.
        shop.append(5, "order-2");
        let third = shop.read(Some(second.since())).await;
        assert!(third.is_further(), "{store}: {:?}", third.reading);
        assert_eq!(third.ids(), ids([5]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_another_took_the_place_of_is_a_change() {
    let shop = Shop::new("eventcore");
    (1..=4).for_each(|number| shop.append(number, "order-1"));
    let first = shop.read(None).await;
    delete(&shop, "eventcore", 4);
    shop.append(5, "order-1");
    let second = shop.read(Some(first.since())).await;
    let why = "events were changed or removed since it had 4".to_owned();
    assert_eq!(second.reading, Reading::Whole(Whole::Changed(why)));
    assert_eq!(second.has_all_known, Some(false));
    assert_eq!(sorted(second.ids()), ids([1, 2, 3, 5]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_that_was_redacted_is_read_again() {
    for store in STORES {
        let shop = Shop::new(store);
        (1..=4).for_each(|number| shop.append(number, "order-1"));
        let first = shop.read(None).await;
        shop.sql(&format!(
            "ALTER TABLE eventcore_events DISABLE TRIGGER USER; \
             UPDATE eventcore_events SET event_data = '{{}}' WHERE event_id = '{}'; \
             ALTER TABLE eventcore_events ENABLE TRIGGER USER",
            id(2)
        ));
        let second = shop.read(Some(first.since())).await;
        assert!(!second.is_further(), "{store}");
        assert_eq!(sorted(second.ids()), ids(1..=4));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_when_that_is_asked_for_and_compared_all_the_same() {
    let shop = Shop::new("eventcore");
    (1..=3).for_each(|number| shop.append(number, "order-1"));
    let first = shop.read(None).await;
    shop.append(4, "order-1");
    let request =
        SourceRequest { since: Some(first.since()), everything: true, ..SourceRequest::default() };
    let second = read_as(&shop.source(), request).await.unwrap();
    assert_eq!(second.reading, Reading::Whole(Whole::First));
    assert_eq!(second.has_all_known, Some(true));
    assert_eq!(second.ids(), ids(1..=4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_another_history() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    let first = shop.read(None).await;
    let standby = Shop { cluster: shop.cluster.standby() };
    let followed = standby.read(Some(first.since())).await;
    assert!(followed.is_further(), "{:?}", followed.reading);
    standby.cluster.promote();
    standby.append(2, "order-1");
    let second = standby.read(Some(first.since())).await;
    let why = "the server was restored or promoted since".to_owned();
    assert_eq!(second.reading, Reading::Whole(Whole::NotPossible(why)));
    assert_eq!(sorted(second.ids()), ids([1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_made_anew_is_read_whole() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    let first = shop.read(None).await;
    shop.sql(
        "CREATE TABLE anew (LIKE eventcore_events INCLUDING ALL); \
         INSERT INTO anew SELECT * FROM eventcore_events; \
         DROP TABLE eventcore_events CASCADE; ALTER TABLE anew RENAME TO eventcore_events",
    );
    let second = shop.read(Some(first.since())).await;
    let why = "the table of events was made anew".to_owned();
    assert_eq!(second.reading, Reading::Whole(Whole::NotPossible(why)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_is_not_gone_on_from() {
    let shop = Shop::new("eventcore");
    (1..=3).for_each(|number| shop.append(number, "order-1"));
    // Every cluster of these tests is a copy of one: this is the same server put back, with as many
    // events as before, as many transactions, and other events.
    let put_back = Shop::new("eventcore");
    for number in [1, 2, 4] {
        put_back.append(number, "order-1");
    }
    let first = shop.read(None).await;
    let second = put_back.read(Some(first.since())).await;
    let why = "events were changed or removed since it had 3".to_owned();
    assert_eq!(second.reading, Reading::Whole(Whole::Changed(why)));
    assert_eq!(sorted(second.ids()), ids([1, 2, 4]));
    // In another database nothing is compared.
    shop.cluster.create_database("other");
    let settings = |name: &str| {
        let url = shop.cluster.url(name);
        ConnectionSettings::parse(&url, &Environment::default()).unwrap()
    };
    shop.cluster.psql("other", &published("eventcore", "schema.sql"));
    let other = PostgresSource::new(settings("other"), SchemaChoice::default());
    let request = SourceRequest { since: Some(first.since()), ..SourceRequest::default() };
    let third = read_as(&other, request).await.unwrap();
    let why = "this is another server or database than before".to_owned();
    assert_eq!(third.reading, Reading::Whole(Whole::NotPossible(why)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_list_that_was_kept_all_is_read_where_it_was_needed() {
    let shop = Shop::new("eventcore");
    let mut running = shop.client().await;
    let running = running.transaction().await.unwrap();
    running.batch_execute(&insert(1, "order-1")).await.unwrap();
    shop.append(10, "order-2");
    let first = shop.read(None).await;
    assert_eq!(Remembered::read(&first.end.kept).recent.len(), 1);
    let mut since = first.since();
    since.kept.clear();
    let second = shop.read(Some(since)).await;
    assert!(matches!(second.reading, Reading::Whole(Whole::NotPossible(_))));
    assert_eq!(second.has_all_known, Some(true));
    running.rollback().await.unwrap();
}

/// Deletes an event behind the store's back.
fn delete(shop: &Shop, store: &str, number: u32) {
    let id = id(number);
    if store != "eventcore" {
        shop.sql(&format!("DELETE FROM eventcore_projection_delivery WHERE event_id = '{id}'"));
    }
    shop.sql(&format!(
        "ALTER TABLE eventcore_events DISABLE TRIGGER USER; \
         DELETE FROM eventcore_events WHERE event_id = '{id}'; \
         ALTER TABLE eventcore_events ENABLE TRIGGER USER"
    ));
}
