//! What following needs, and what happens without it.

use super::following::{Followed, begin, follow};
use crate::events::postgres::connect::{ConnectionSettings, Environment};
use crate::events::postgres::tests::reading::read_as;
use crate::events::postgres::tests::support::{DATABASE, Shop, ids, insert};
use crate::events::postgres::{PostgresSource, SchemaChoice};
use icecore::selection::StreamSelection;
use icecore::source::{Follow, Source, SourceRequest, Whole};

const LEFT: &str = "SELECT (SELECT count(*) FROM pg_replication_slots) \
                        + (SELECT count(*) FROM pg_publication)";

/// The store, for a role that may read it.
fn as_reader(shop: &Shop, rights: &str) -> PostgresSource {
    shop.sql(&format!(
        "CREATE ROLE reader LOGIN {rights}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
    ));
    let url = shop.cluster.url(DATABASE).replace("postgres@", "reader@");
    let settings = ConnectionSettings::parse(&url, &Environment::default()).unwrap();
    PostgresSource::new(settings, SchemaChoice::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_or_a_table_that_cannot_be_decoded_is_opened_and_nothing_is_left_there() {
    let shop = Shop::new("eventcore");
    let backup = shop.read(None).await;
    assert!(matches!(begin(&shop.source(), backup.since()).await, Follow::ByOpening(Some(_))));
    assert_eq!(shop.sql(LEFT), "0");

    for statement in [
        "ALTER TABLE eventcore_events REPLICA IDENTITY NOTHING",
        "ALTER TABLE eventcore_events DROP CONSTRAINT eventcore_events_pkey",
        "CREATE TABLE child () INHERITS (eventcore_events)",
    ] {
        let shop = Shop::logical("eventcore");
        shop.sql(statement);
        let backup = shop.read(None).await;
        let follow = begin(&shop.source(), backup.since()).await;
        assert!(matches!(follow, Follow::ByOpening(Some(_))), "{statement}");
        assert_eq!(shop.sql(LEFT), "0", "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_to_replicate_is_enough_where_the_publication_is_there() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let reader = as_reader(&shop, "");
    assert!(matches!(begin(&reader, backup.since()).await, Follow::ByOpening(Some(_))));
    shop.sql("ALTER ROLE reader REPLICATION");
    assert!(matches!(begin(&reader, backup.since()).await, Follow::ByOpening(Some(_))));
    assert_eq!(shop.sql(LEFT), "0");
    // The owner of the table follows once, or makes the publication of that name.
    drop(follow(&shop.source(), backup.since()).await);
    shop.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    let mut follower = follow(&reader, backup.since()).await;
    shop.append(1, "order-1");
    let mut given = Followed::after(backup.since());
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_leaves_something_out_is_not_used() {
    for other in [
        "FOR TABLE eventcore_events WITH (publish = 'insert')",
        "FOR TABLE eventcore_events WHERE (stream_id <> 'a')",
        "FOR TABLE eventcore_events (event_id, stream_id)",
        "FOR TABLE _sqlx_migrations",
    ] {
        let shop = Shop::logical("eventcore");
        let backup = shop.read(None).await;
        drop(follow(&shop.source(), backup.since()).await);
        let name = shop.sql("SELECT pubname FROM pg_publication");
        shop.sql(&format!("DROP PUBLICATION {name}; CREATE PUBLICATION {name} {other}"));
        let follow = begin(&shop.source(), backup.since()).await;
        assert!(matches!(follow, Follow::ByOpening(Some(_))), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_known_there_is_nothing_to_follow() {
    let shop = Shop::logical("eventcore");
    let follow = shop.source().follow(&SourceRequest::default()).await.unwrap();
    assert!(matches!(follow, Follow::Lost(Whole::First)));
    assert_eq!(shop.sql(LEFT), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_following_left_is_dropped_on_request() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let source = shop.source();
    drop(follow(&source, backup.since()).await);
    drop(follow(&source, backup.since()).await);
    assert_eq!(shop.sql(LEFT), "2");
    let all = StreamSelection::default();
    assert!(source.forget_slot(&all).await.unwrap());
    assert_eq!(shop.sql(LEFT), "0");
    assert!(!source.forget_slot(&all).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_streams_alone_are_given_and_have_a_slot_of_their_own() {
    let shop = Shop::logical("eventcore");
    shop.append(1, "order-1");
    let all = shop.read(None).await;
    let mut everything = follow(&shop.source(), all.since()).await;
    let streams = StreamSelection::new(vec!["order-*".to_owned()]).unwrap();
    let request = SourceRequest { streams, ..SourceRequest::default() };
    let backup = read_as(&shop.source(), request.clone()).await.unwrap();
    let known = SourceRequest { since: Some(backup.since()), ..request.clone() };
    let Follow::By(mut follower) = shop.source().follow(&known).await.unwrap() else {
        panic!("it can be decoded");
    };
    assert_eq!(shop.sql(LEFT), "4");
    let mut given = Followed::after(backup.since());
    for (number, stream) in [(2, "order-1"), (3, "invoice-1"), (4, "order-2")] {
        shop.append(number, stream);
    }
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([2, 4]));
    let since = SourceRequest { since: Some(given.since()), ..request };
    let nothing = read_as(&shop.source(), since).await.unwrap();
    assert!(nothing.is_further(), "{:?}", nothing.reading);
    assert_eq!(nothing.ids(), Vec::<String>::new());
    let mut of_all = Followed::after(all.since());
    of_all.flush(&mut everything).await;
    assert_eq!(of_all.ids(), ids(2..=4));
}

/// Sessions that make a slot and wait for transactions that run.
const WAITING: &str = "SELECT pid FROM pg_stat_activity \
    WHERE query LIKE '%pg_create_logical_replication_slot%' AND wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_made_when_all_that_ran_is_over_and_otherwise_the_source_is_opened() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let mut running = shop.client().await;
    let running = running.transaction().await.unwrap();
    running.batch_execute(&insert(1, "order-1")).await.unwrap();
    let begun = {
        let (source, since) = (shop.source(), backup.since());
        async move || begin(&source, since.clone()).await
    };
    let waiting = async || {
        loop {
            let pid = shop.sql(WAITING);
            if !pid.is_empty() {
                return pid;
            }
            tokio::task::yield_now().await;
        }
    };
    // As if it took too long.
    let cancel = async {
        let pid = waiting().await;
        shop.sql(&format!("SELECT pg_cancel_backend({pid})"));
    };
    let (follow, ()) = tokio::join!(begun(), cancel);
    assert!(matches!(follow, Follow::ByOpening(Some(_))));
    assert_eq!(shop.sql("SELECT count(*) FROM pg_replication_slots"), "0");

    let commit = async {
        waiting().await;
        shop.append(2, "order-2");
        running.commit().await.unwrap();
    };
    let (follow, ()) = tokio::join!(begun(), commit);
    let Follow::By(mut follower) = follow else { panic!("it can be decoded") };
    shop.append(3, "order-3");
    let mut given = Followed::after(backup.since());
    given.flush(&mut follower).await;
    let mut all = given.ids();
    all.sort();
    assert_eq!(all, ids(1..=3));
    assert_eq!(shop.sql("SELECT count(*) FROM pg_replication_slots"), "1");
}
