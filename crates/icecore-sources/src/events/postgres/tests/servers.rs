//! Servers that end a backup, and settings that must not.

use super::reading::{read, source};
use super::support::{DATABASE, Shop};
use crate::events::postgres::SchemaChoice;
use icecore::source::{Source, SourceError, SourceRequest};
use std::time::{Duration, Instant};

/// How often what a server does is looked at, and how long it may take on a machine that is busy.
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(1);

fn wait_until(shop: &Shop, condition: &str) {
    let began = Instant::now();
    while shop.sql(&format!("SELECT {condition}")) != "t" {
        assert!(began.elapsed() < PATIENCE, "it is never so that {condition}");
        std::thread::sleep(POLL);
    }
}

/// Reads what is left; the error that it must end with.
async fn rest_of(mut reader: Box<dyn icecore::source::EventReader>) -> SourceError {
    loop {
        match reader.next().await {
            Ok(Some(_)) => {}
            Ok(None) => return reader.finish().await.expect_err("it was cancelled"),
            Err(error) => return error,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_cancels_a_backup_is_named_as_what_it_is() {
    let shop = Shop::new("eventcore");
    (1..=20).for_each(|number| shop.append(number, "order-1"));
    shop.sql("ALTER SYSTEM SET max_standby_streaming_delay = 0");
    let standby = Shop { cluster: shop.cluster.standby() };
    let source = source(&standby.cluster, DATABASE, SchemaChoice::default());
    read(&source, None).await.unwrap();
    let reader = source.open(&SourceRequest::default()).await.unwrap();
    // Rows that the backup sees are removed on the primary.
    shop.sql(
        "SET session_replication_role = replica; DELETE FROM eventcore_events \
         WHERE stream_version > 5",
    );
    shop.sql("VACUUM eventcore_events");
    wait_until(
        &standby,
        "confl_snapshot > 0 FROM pg_stat_database_conflicts WHERE datname = current_database()",
    );
    let error = rest_of(reader).await.to_string();
    assert!(error.contains("the standby cancelled it"), "{error}");
    assert!(error.contains("hot_standby_feedback"), "{error}");
    assert_eq!(read(&source, None).await.unwrap().events.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_waits_for_its_repository_is_not_ended_as_idle() {
    let shop = Shop::new("eventcore");
    (1..=20).for_each(|number| shop.append(number, "order-1"));
    shop.sql("ALTER ROLE postgres SET idle_in_transaction_session_timeout = '50ms'");
    let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
    let mut reader = source.open(&SourceRequest::default()).await.unwrap();
    // Longer than the role may wait in a transaction.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut events = 0;
    while let Some(batch) = reader.next().await.unwrap() {
        events += batch.parse().unwrap().record_ends.len();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    reader.finish().await.unwrap();
    assert_eq!(events, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_wait_for_a_lock_says_so() {
    let shop = Shop::new("eventcore");
    shop.append(1, "order-1");
    shop.sql("ALTER ROLE postgres SET lock_timeout = '50ms'");
    let mut migration = shop.client().await;
    let migration = migration.transaction().await.unwrap();
    migration.batch_execute("LOCK TABLE eventcore_events").await.unwrap();
    let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
    let error = read(&source, None).await.err().expect("it is locked").to_string();
    assert!(error.contains("lock_timeout"), "{error}");
    migration.rollback().await.unwrap();
    assert_eq!(read(&source, None).await.unwrap().events.len(), 1);
}
