//! Every schema: what is followed has the records of what is read whole.

use super::following::{Followed, follow};
use crate::events::postgres::tests::reading::{read, source};
use crate::events::postgres::tests::stores::{STORES, Store, store};
use crate::events::postgres::tests::support::{logical, published};
use crate::events::postgres::{SchemaChoice, TableMapping};
use icecore::selection::StreamSelection;
use icecore::source::{FollowError, Source, SourceRequest};
use icecore_test_cluster::Cluster;
use std::collections::BTreeSet;

/// The records of all events, as they are read whole.
async fn records(source: &impl Source) -> BTreeSet<Vec<u8>> {
    let mut reader = source.open(&SourceRequest::default()).await.unwrap();
    let mut records = BTreeSet::new();
    while let Some(batch) = reader.next().await.unwrap() {
        let batch = batch.parse().unwrap();
        let mut begin = 0;
        for end in batch.record_ends {
            records.insert(batch.records[begin..end].to_vec());
            begin = end;
        }
    }
    records
}

/// Empties all tables, also of what a store has from its beginning.
const EMPTY: &str = "\
    SET session_replication_role = replica; \
    DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ') \
        FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')); END $$";

/// The statements that insert all rows of a database, in one transaction.
fn rows(cluster: &Cluster, database: &str) -> String {
    let options = ["--data-only", "--inserts", "--disable-triggers", "--load-via-partition-root"];
    format!("BEGIN;\n{}\nCOMMIT", cluster.pg_dump(database, &options).join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_followed_has_the_records_of_what_is_read_whole() {
    let cluster = Cluster::start_with(&logical());
    for store in STORES {
        let Store { folder, append, .. } = store;
        let filled = format!("{folder}-filled");
        for database in [folder, &filled] {
            cluster.create_database(database);
        }
        store.make(&cluster, &filled, "");
        let all = source(&cluster, &filled, SchemaChoice::default());
        let records_of_all = records(&all).await;

        // An empty store that gets all these rows while it is followed.
        cluster.psql(folder, &published(folder, "schema.sql"));
        if folder == "emmett" {
            cluster.psql(folder, "SELECT emt_add_partition('tenant-ž')");
        }
        cluster.psql(folder, EMPTY);
        let source = source(&cluster, folder, SchemaChoice::default());
        let empty = read(&source, None).await.unwrap();
        assert_eq!(empty.events, [], "{folder}");
        let mut given = Followed::after(empty.since());
        let mut follower = follow(&source, empty.since()).await;
        cluster.psql(folder, &rows(&cluster, &filled));
        let taken = given.take(&mut follower).await;
        if WITH_GAPS.contains(&folder) {
            assert!(matches!(taken, Err(FollowError::Lost(_))), "{folder}: {taken:?}");
            let known = read(&source, None).await.unwrap();
            given = Followed::after(known.since());
            follower = follow(&source, known.since()).await;
        } else {
            taken.unwrap_or_else(|error| panic!("{folder}: {error:?}"));
            assert_eq!(given.events_of_commits(), [records_of_all.len() as u32], "{folder}");
            assert_eq!(set(&given.records), records_of_all, "{folder}");
        }
        let before = given.records.len();
        cluster.psql(folder, append);
        given.flush(&mut follower).await;
        assert!(given.records.len() > before, "{folder}");
        let of_commits: u32 = given.events_of_commits().iter().sum();
        assert_eq!(of_commits as usize, given.records.len(), "{folder}");
        let expected = records(&source).await;
        assert!(set(&given.records).is_subset(&expected), "{folder}");
        if !WITH_GAPS.contains(&folder) {
            assert_eq!(given.records.len(), expected.len(), "{folder}");
        }
        let positions = store.expected.events(&cluster, folder, "");
        assert!(given.events.iter().all(|event| positions.contains(event)), "{folder}");

        let nothing = read(&source, Some(given.since())).await.unwrap();
        assert!(nothing.is_further(), "{folder}: {:?}", nothing.reading);
        assert_eq!(nothing.events, [], "{folder}");
        // The server has ten slots.
        assert!(source.forget_slot(&StreamSelection::default()).await.unwrap(), "{folder}");
    }
}

fn set(records: &[Vec<u8>]) -> BTreeSet<Vec<u8>> {
    records.iter().cloned().collect()
}

/// The stores with positions in which streams were deleted for good.
const WITH_GAPS: [&str; 2] = ["commanded-bytea", "commanded-jsonb"];

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_partition_that_was_added_are_given() {
    let cluster = Cluster::start_with(&logical());
    store("emmett").make(&cluster, "postgres", "");
    let source = source(&cluster, "postgres", SchemaChoice::default());
    let known = read(&source, None).await.unwrap();
    let mut given = Followed::after(known.since());
    let mut follower = follow(&source, known.since()).await;
    cluster.psql(
        "postgres",
        "SELECT emt_add_partition('added'); INSERT INTO emt_messages (stream_position, \
             transaction_id, stream_id, partition, message_schema_version, message_id, \
             message_type, message_data, message_metadata) \
         VALUES (1, pg_current_xact_id(), 'new', 'added', '1', 'm', 'New', '{}', '{}')",
    );
    given.flush(&mut follower).await;
    let streams: Vec<&str> = given.events.iter().map(|event| event.stream.as_str()).collect();
    assert_eq!(streams, ["added/new"]);
    assert_eq!(read(&source, Some(given.since())).await.unwrap().events, []);
}

/// A table whose key has what has to be quoted, and types whose texts settings change.
const DESCRIBED: &str = r#"
    CREATE SCHEMA "Its ""own""";
    CREATE TYPE "Its ""own"""."Kind" AS ENUM ('Made', 'it''s "quoted"', 'NULL', '');
    CREATE TABLE "Its ""own"""."Journal" (
        account text, "At ""noon""" timestamptz, "Kind" "Its ""own"""."Kind", amount float8,
        revision int, body json, doubled int GENERATED ALWAYS AS (revision * 2) STORED,
        PRIMARY KEY (amount, "Kind", account, "At ""noon""")
    );
    ALTER DATABASE postgres SET datestyle = 'German, DMY';
    ALTER DATABASE postgres SET extra_float_digits = -5;
    ALTER DATABASE postgres SET timezone = 'Asia/Kathmandu'"#;

const ROWS: &str = r#"
    SET datestyle = 'ISO';
    INSERT INTO "Its ""own"""."Journal" VALUES
        ('a"b\c,{}''', '2026-02-03 04:05:06.789012+00', 'Made', 0.1, 1, '{ }'),
        ('NULL', 'infinity', 'NULL', 'NaN', 1, 'null'),
        ('empty', '0044-03-15 12:00:00 BC', '', 1e-300, 1, NULL),
        (E'line\nline\t', '2026-02-03', 'it''s "quoted"', 1.0000000000000002, 1, '[]')"#;

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_found_whatever_their_keys_are() {
    let cluster = Cluster::start_with(&logical());
    cluster.psql("postgres", DESCRIBED);
    let column = |name: &str| Some(name.to_owned());
    let mapping = TableMapping {
        namespace: None,
        table: "Journal".to_owned(),
        stream: vec!["Kind".to_owned(), "account".to_owned()],
        version: column("revision"),
        event_type: column("Kind"),
        time: column("At \"noon\""),
        payload: "body".to_owned(),
        metadata: None,
        id: None,
        order: None,
    };
    let choice = SchemaChoice { mapping: Some(mapping), ..SchemaChoice::default() };
    let source = source(&cluster, "postgres", choice);
    let empty = read(&source, None).await.unwrap();
    let mut given = Followed::after(empty.since());
    let mut follower = follow(&source, empty.since()).await;
    cluster.psql("postgres", ROWS);
    given.flush(&mut follower).await;
    assert_eq!(given.records.len(), 4);
    assert_eq!(set(&given.records), records(&source).await);
    assert_eq!(read(&source, Some(given.since())).await.unwrap().events, []);
}
