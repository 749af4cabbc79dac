//! Emmett's stores, whose events say in which transaction of their cluster they were written, go into
//! other clusters.

use super::support::{Place, ROWS};
use icecore::restore::RestoreOptions;
use icecore_test_cluster::Cluster;

/// Transactions of the source that the target, a fresh cluster, has not begun.
const AHEAD: u32 = 5000;

/// What readers see, in their order; the transactions as numbers that have no gaps.
const SEEN: &str = "SELECT dense_rank() OVER (ORDER BY transaction_id), global_position, partition, \
    stream_id, stream_position FROM emt_messages \
    WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot()) \
    ORDER BY transaction_id, global_position";

/// Where consumers are among the transactions.
const CONSUMED: &str = "SELECT processor_id, partition, version, \
    (SELECT count(DISTINCT transaction_id) FROM emt_messages m \
     WHERE m.transaction_id < p.last_processed_transaction_id) \
    FROM emt_processors p ORDER BY 1, 2, 3";

/// Begins transactions that do nothing.
fn begin_transactions(cluster: &Cluster, database: &str, count: u32) {
    let sql = format!(
        "DO $$ BEGIN FOR n IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    );
    cluster.psql(database, &sql);
}

/// A place whose server was used for long, and one whose server is fresh.
async fn places() -> (Place, Place) {
    let (old, fresh) = (Place::new().await, Place::new().await);
    begin_transactions(&old.cluster, "postgres", AHEAD);
    old.filled("shop", "emmett");
    fresh.cluster.create_database("empty");
    fresh.migrated("store", "emmett");
    (old, fresh)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_younger_cluster_see_all_events_in_their_order() {
    let (old, fresh) = places().await;
    let snapshot = old.back_up_database("shop").await;
    let (seen, consumed) = (old.ask("shop", SEEN), old.ask("shop", CONSUMED));
    assert_eq!(seen.lines().count() as u64, snapshot.counts.events);
    for database in ["empty", "store"] {
        let target = fresh.target(database);
        let report = old.restore(&snapshot, &target, &RestoreOptions::default()).await.unwrap();
        let notes = &report.written.notes;
        assert!(notes.iter().any(|note| note.contains("transactions")), "{notes:?}");
        assert_eq!(fresh.ask(database, SEEN), seen);
        assert_eq!(fresh.ask(database, CONSUMED), consumed);
        // What is appended comes last.
        fresh.ask(
            database,
            "INSERT INTO emt_messages (stream_position, transaction_id, stream_id, partition, \
                 message_schema_version, message_id, message_type, message_data, message_metadata) \
             VALUES (4, pg_current_xact_id(), 'shopping_cart:123', 'emt:default', '1', 'x', 'x', \
                 '{}', '{}')",
        );
        let last = fresh.ask(database, SEEN).lines().last().unwrap().to_owned();
        assert!(last.ends_with("|12|emt:default|shopping_cart:123|4"), "{last}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_transactions_stay_where_the_cluster_is_old_enough() {
    let (old, _) = places().await;
    old.migrated("copy", "emmett");
    let snapshot = old.back_up_database("shop").await;
    assert_eq!(old.restore_whole(&snapshot, "copy").await, [""; 0]);
    let rows = |database| {
        let options = [&ROWS[..], &["--exclude-table=dmb_migrations*"]].concat();
        old.rows(database, &options)
    };
    assert_eq!(rows("copy"), rows("shop"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_too_young_is_named_with_what_to_do() {
    let (old, fresh) = places().await;
    old.ask(
        "shop",
        "INSERT INTO emt_messages (stream_position, transaction_id, stream_id, partition, \
             message_schema_version, message_id, message_type, message_data, message_metadata) \
         SELECT n, (4000 + n)::text::xid8, 'many', 'emt:default', '1', '', 'x', '{}', '{}' \
         FROM generate_series(1, 1500) n",
    );
    let snapshot = old.back_up_database("shop").await;
    let target = fresh.target("store");
    let before = fresh.everything("store");
    let failed = old.restore(&snapshot, &target, &RestoreOptions::default()).await.unwrap_err();
    let message = icecore_tests::error_chain::chain(&failed);
    let (_, more) = message.split_once("Have it begin ").unwrap();
    let more: u32 = more.split_once(' ').unwrap().0.parse().unwrap();
    assert_eq!(fresh.everything("store"), before);
    begin_transactions(&fresh.cluster, "store", more);
    old.restore(&snapshot, &target, &RestoreOptions::default()).await.unwrap();
    assert_eq!(fresh.ask("store", SEEN), old.ask("shop", SEEN));
}
