//! Whatever happens to a slot, a server or a follower: what is given again is known by nobody, and
//! nothing is left out.

use super::following::{Followed, begin, follow};
use crate::events::postgres::tests::support::{DATABASE, Shop, ids, logical, published};
use icecore::selection::StreamSelection;
use icecore::source::{Follow, FollowError, Whole};
use icecore_test_cluster::{Cluster, Mode};
use std::time::Duration;

/// Ends all other sessions of the database.
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

const SLOTS: &str = "SELECT slot_name FROM pg_replication_slots";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_before_events_were_durable_gives_them_again() {
    for store in ["eventcore", "eventcore-delivery"] {
        let shop = Shop::logical(store);
        shop.append(1, "order-1");
        let backup = shop.read(None).await;
        let source = shop.source();
        let mut follower = follow(&source, backup.since()).await;
        let mut durable = Followed::after(backup.since());
        shop.append(2, "order-1");
        durable.flush(&mut follower).await;
        shop.append(3, "order-1");
        let mut lost = Followed::after(durable.since());
        lost.take(&mut follower).await.unwrap();
        assert_eq!(lost.ids(), ids([3]), "{store}");
        shop.sql(KILL);
        let error = follower.next(Duration::ZERO).await;
        assert!(matches!(error, Err(FollowError::Source(_))), "{store}: {error:?}");
        assert!(follower.acknowledge(&lost.since().resume).await.is_err(), "{store}");

        shop.append(4, "order-2");
        let mut again = follow(&source, durable.since()).await;
        durable.flush(&mut again).await;
        shop.append(5, "order-2");
        durable.flush(&mut again).await;
        assert_eq!(durable.ids(), ids(2..=5), "{store}");
        // From what was durable long before, although the slot is further.
        let mut old = Followed::after(backup.since());
        let mut follower = follow(&source, backup.since()).await;
        old.flush(&mut follower).await;
        assert_eq!(old.ids(), ids(2..=5), "{store}");
        assert_eq!(shop.sql(SLOTS).lines().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_dropped_is_made_again() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let source = shop.source();
    let mut given = Followed::after(backup.since());
    let mut follower = follow(&source, backup.since()).await;
    shop.append(1, "order-1");
    given.flush(&mut follower).await;
    shop.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots");
    shop.append(2, "order-1");
    let error = given.take(&mut follower).await;
    assert!(matches!(error, Err(FollowError::Source(_))), "{error:?}");
    let mut follower = follow(&source, given.since()).await;
    shop.append(3, "order-1");
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids(1..=3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_was_dropped_and_made_again_costs_a_new_slot() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let source = shop.source();
    let mut given = Followed::after(backup.since());
    let mut follower = follow(&source, backup.since()).await;
    let name = shop.sql("SELECT pubname FROM pg_publication");
    shop.sql(&format!("DROP PUBLICATION {name}"));
    shop.append(1, "order-1");
    shop.sql(&format!("CREATE PUBLICATION {name} FOR TABLE eventcore_events"));
    let error = given.take(&mut follower).await;
    assert!(matches!(error, Err(FollowError::Source(_))), "{error:?}");
    let mut follower = follow(&source, given.since()).await;
    shop.append(2, "order-1");
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids(1..=2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_that_tells_less_is_noticed_and_what_it_left_out_is_given() {
    for (change, back) in [
        ("DROP TABLE eventcore_events", "ADD TABLE eventcore_events"),
        ("SET (publish = 'update')", "SET (publish = 'insert, update, delete, truncate')"),
    ] {
        let shop = Shop::logical("eventcore");
        let backup = shop.read(None).await;
        let source = shop.source();
        let mut given = Followed::after(backup.since());
        let mut follower = follow(&source, backup.since()).await;
        shop.append(1, "order-1");
        given.flush(&mut follower).await;
        let name = shop.sql("SELECT pubname FROM pg_publication");
        shop.sql(&format!("ALTER PUBLICATION {name} {change}"));
        shop.append(2, "order-1");
        let error = given.take(&mut follower).await;
        assert!(matches!(error, Err(FollowError::Source(_))), "{change}: {error:?}");
        assert!(
            matches!(begin(&source, given.since()).await, Follow::ByOpening(Some(_))),
            "{change}"
        );
        // Also if that was over before anybody looked.
        shop.sql(&format!("ALTER PUBLICATION {name} {back}"));
        let error = given.take(&mut follower).await;
        assert!(matches!(error, Err(FollowError::Source(_))), "{change}: {error:?}");
        let mut follower = follow(&source, given.since()).await;
        shop.append(3, "order-1");
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), ids(1..=3), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_made_anew_is_not_followed_on() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let mut given = Followed::after(backup.since());
    let mut follower = follow(&shop.source(), backup.since()).await;
    shop.append(1, "order-1");
    given.flush(&mut follower).await;
    shop.sql(
        "CREATE TABLE anew (LIKE eventcore_events INCLUDING ALL); \
         DROP TABLE eventcore_events CASCADE; ALTER TABLE anew RENAME TO eventcore_events",
    );
    shop.append(2, "order-1");
    let error = given.take(&mut follower).await;
    assert!(matches!(error, Err(FollowError::Source(_))), "{error:?}");
    // A publication of the name is there, of another table: of none.
    assert!(matches!(begin(&shop.source(), given.since()).await, Follow::ByOpening(Some(_))));
    assert!(shop.source().forget_slot(&StreamSelection::default()).await.unwrap());
    let Follow::Lost(whole) = begin(&shop.source(), given.since()).await else {
        panic!("it is followed");
    };
    let why = "the table of events was made anew".to_owned();
    assert_eq!(whole, Whole::NotPossible(why));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_server_gave_up_is_made_again() {
    let options =
        logical().setting("max_slot_wal_keep_size", "1MB").setting("min_wal_size", "32MB");
    let options = options.setting("max_wal_size", "32MB");
    let shop = Shop { cluster: Cluster::start_with(&options) };
    shop.cluster.create_database(DATABASE);
    shop.sql(&published("eventcore", "schema.sql"));
    let backup = shop.read(None).await;
    let source = shop.source();
    let mut given = Followed::after(backup.since());
    drop(follow(&source, backup.since()).await);
    shop.append(1, "order-1");
    for _ in 0..4 {
        shop.sql("SELECT pg_switch_wal(); CREATE TABLE other (); DROP TABLE other; CHECKPOINT");
    }
    assert_eq!(shop.sql("SELECT wal_status FROM pg_replication_slots"), "lost");
    let mut follower = follow(&source, backup.since()).await;
    shop.append(2, "order-1");
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([1, 2]));
    assert_eq!(shop.sql("SELECT wal_status FROM pg_replication_slots"), "reserved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_is_let_go_while_no_event_comes() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let mut follower = follow(&shop.source(), backup.since()).await;
    let confirmed = "SELECT confirmed_flush_lsn FROM pg_replication_slots";
    let begun = shop.sql(confirmed);
    shop.sql("CREATE TABLE other AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)");
    assert!(follower.next(Duration::ZERO).await.unwrap().is_none());
    let is_further = format!("SELECT confirmed_flush_lsn > '{begun}' FROM pg_replication_slots");
    assert_eq!(shop.sql(&is_further), "t");
    shop.append(1, "order-1");
    let mut given = Followed::after(backup.since());
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_is_not_followed() {
    let shop = Shop::logical("eventcore");
    (1..=3).for_each(|number| shop.append(number, "order-1"));
    let backup = shop.read(None).await;
    // Every cluster of these tests is a copy of one: this is the same server put back.
    let put_back = Shop::logical("eventcore");
    for number in [1, 2, 4] {
        put_back.append(number, "order-1");
    }
    let Follow::Lost(whole) = begin(&put_back.source(), backup.since()).await else {
        panic!("it is followed");
    };
    let why = "events were changed or removed since it had 3".to_owned();
    assert_eq!(whole, Whole::Changed(why));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashed_is_followed_on() {
    for store in ["eventcore", "eventcore-delivery"] {
        let mut shop = Shop::logical(store);
        shop.append(1, "order-1");
        let backup = shop.read(None).await;
        let source = shop.source();
        let mut given = Followed::after(backup.since());
        let mut follower = follow(&source, backup.since()).await;
        shop.append(2, "order-1");
        given.flush(&mut follower).await;
        shop.append(3, "order-1");
        shop.cluster.stop(Mode::Immediate);
        shop.cluster.start_again();
        let error = given.take(&mut follower).await;
        assert!(matches!(error, Err(FollowError::Source(_))), "{store}: {error:?}");
        let mut follower = follow(&source, given.since()).await;
        shop.append(4, "order-1");
        given.flush(&mut follower).await;
        assert_eq!(given.ids(), ids(2..=4), "{store}");
        assert_eq!(shop.read(Some(given.since())).await.ids(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_opened_and_is_another_history_when_it_is_promoted() {
    let shop = Shop::logical("eventcore");
    shop.append(1, "order-1");
    let backup = shop.read(None).await;
    drop(follow(&shop.source(), backup.since()).await);
    let standby = Shop { cluster: shop.cluster.standby() };
    assert!(matches!(begin(&standby.source(), backup.since()).await, Follow::ByOpening(Some(_))));
    standby.cluster.promote();
    standby.append(2, "order-1");
    let Follow::Lost(whole) = begin(&standby.source(), backup.since()).await else {
        panic!("it is the same history");
    };
    let why = "the server was restored or promoted since".to_owned();
    assert_eq!(whole, Whole::NotPossible(why));
    // It is followed from the next backup on.
    let backup = standby.read(None).await;
    let mut follower = follow(&standby.source(), backup.since()).await;
    standby.append(3, "order-1");
    let mut given = Followed::after(backup.since());
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_waits_for_a_standby_is_given_when_it_is_visible() {
    let shop = Shop::logical("eventcore");
    let backup = shop.read(None).await;
    let mut follower = follow(&shop.source(), backup.since()).await;
    let mut given = Followed::after(backup.since());
    shop.append(1, "order-1");
    given.flush(&mut follower).await;
    // There is no such standby, so commits are durable, and not visible until that is set back.
    let set = |names: &str| {
        let sql = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        shop.cluster.psql("postgres", &format!("SET synchronous_commit = local; {sql}"));
        shop.cluster.psql("postgres", "SELECT pg_reload_conf()");
    };
    set("nobody");
    let waiting = shop.client().await;
    // The session has read the new setting when it says so.
    loop {
        let row = waiting.query_one("SHOW synchronous_standby_names", &[]).await.unwrap();
        if row.get::<_, &str>(0) == "nobody" {
            break;
        }
    }
    let event = crate::events::postgres::tests::support::insert(2, "order-2");
    let commit = tokio::spawn(async move { waiting.batch_execute(&event).await });
    let is_waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while shop.sql(is_waiting) != "1" {}
    shop.sql(
        "SET synchronous_commit = local; INSERT INTO eventcore_events \
        (event_id, stream_id, event_type, event_data) \
        VALUES ('019a0000-0000-7000-8000-000000000003', 'order-3', 'Happened', '{}')",
    );
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([1]));
    // A backup sees what is committed after it, and so does whoever begins to follow.
    let further = shop.read(Some(given.since())).await;
    assert_eq!(further.ids(), ids([3]));
    let mut other = Followed::after(given.since());
    let mut second = follow(&shop.source(), given.since()).await;
    other.take(&mut second).await.unwrap();
    assert_eq!(other.ids(), ids([3]));
    set("");
    commit.await.unwrap().unwrap();
    other.take(&mut second).await.unwrap();
    assert_eq!(other.ids(), ids([3, 2]));
    given.flush(&mut follower).await;
    assert_eq!(given.ids(), ids([1, 2, 3]));
    for known in [given.since(), other.since()] {
        let nothing = shop.read(Some(known)).await;
        assert!(nothing.is_further(), "{:?}", nothing.reading);
        assert_eq!(nothing.ids(), Vec::<String>::new());
    }
}
