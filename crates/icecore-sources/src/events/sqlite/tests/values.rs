//! Values that the crate would not write, and many of them.

use super::drive::{Snapshot, back_up, restore};
use super::store::{contents, empty, insert, shop};
use crate::events::sqlite::SqliteSource;
use crate::events::sqlite::schema::{PUBLISHED, TABLES};
use icecore::source::Source;
use icecore::target::Verification;
use rusqlite::Connection;
use std::path::Path;
use tempfile::tempdir;

/// Backs up, restores, and requires that all values are the same.
async fn comes_back(path: &Path) -> Snapshot {
    let restored = path.with_extension("restored");
    let snapshot = back_up(path).await.unwrap();
    let written = restore(&snapshot, &restored).await.unwrap();
    assert_eq!(written.verified, Some(Verification::ReadBack));
    assert!(contents(&restored) == contents(path));
    snapshot
}

#[tokio::test]
async fn times_ids_and_texts_of_any_spelling_come_back_as_they_were() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    let times = [
        "2026-11-21T05:30:00.123Z",
        "2026-11-21T05:30:00Z",
        "2026-11-21 05:30:00",
        "2026-11-21T05:30:00.123456789+00:00",
        "2026-11-21T05:30:00.120000Z",
        "2026-11-21T05:30:00.123+02:00",
        "2026-11-21T05:30:60Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "1969-12-31 23:59:59.5+00",
        "2026-02-30T00:00:00Z",
        "gestern, kurz nach fünf",
        "",
    ];
    let ids = [
        "'0191f3c0-0000-7000-8000-00000000000'",
        "upper('0191f3c0-0000-7000-8000-00000000000')",
        "'ordernummer \u{1f9ca} '",
        "''",
    ];
    for (number, time) in times.iter().enumerate() {
        // The last digit of a UUID, or anything.
        let id = ids[number % ids.len()];
        insert(
            &connection,
            &format!(
                "{id} || '{number:x}', 'Bestellung \u{1f9ca}', {number}, '', \
                      ' {{\"a\" : 1e400,\n\"a\":[] }} ', '  {{ }}\t', '{time}'"
            ),
        );
    }
    let snapshot = comes_back(&path).await;
    assert_eq!(snapshot.events(), 13);
}

#[tokio::test]
async fn texts_that_are_no_utf_8_or_have_zero_bytes_come_back_as_they_were() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    insert(&connection, "'a', 's', 1, 't', CAST(x'22ff00fe22' AS TEXT), CAST(x'00' AS TEXT), ''");
    insert(&connection, "'b', 's', 9223372036854775807, 't', 'no JSON', '', 'x'");
    comes_back(&path).await;
}

#[tokio::test]
async fn a_payload_of_five_mebibytes_comes_back() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    let data = "json_quote(hex(zeroblob(2621440)))";
    insert(&connection, &format!("'a', 's', 1, 't', {data}, '{{}}', ''"));
    insert(&connection, "'b', 's', 2, 't', '{}', '{}', ''");
    let snapshot = comes_back(&path).await;
    assert_eq!(snapshot.chunks.len(), 2);
}

#[tokio::test]
async fn many_events_come_in_batches_of_a_mebibyte_and_in_the_order_of_their_commits() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    connection
        .execute_batch(
            "INSERT INTO eventcore_events
             SELECT format('%08x', value * 7919 % 20000), 'order-' || (value % 700), value,
                    'OrderPlaced', format('{\"number\":%d,\"note\":\"%s\"}', value, hex(zeroblob(50))),
                    '{}', '2026-11-21T05:30:00.123Z'
             FROM (WITH RECURSIVE number(value) AS (SELECT 0 UNION ALL
                   SELECT value + 1 FROM number WHERE value < 19999) SELECT value FROM number);
             DELETE FROM eventcore_events WHERE rowid % 100 = 50;",
        )
        .unwrap();
    let snapshot = comes_back(&path).await;
    assert_eq!(snapshot.events(), 19_800);
    assert!((3..=6).contains(&snapshot.chunks.len()), "{}", snapshot.chunks.len());
    let estimate = snapshot.bytes_expected.unwrap() as f64 / snapshot.source_bytes as f64;
    assert!((0.9..1.1).contains(&estimate), "{estimate}");
}

#[tokio::test]
async fn files_have_a_row_per_line_in_the_order_of_the_keys() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    connection
        .execute_batch(
            "INSERT INTO eventcore_subscription_versions VALUES ('b', 'x', 'y'), ('a', '\"', '');",
        )
        .unwrap();
    let snapshot = comes_back(&path).await;
    assert_eq!(
        snapshot.file("subscription_versions.ndjson").unwrap(),
        "{\"subscription_name\":\"a\",\"last_position\":\"\\\"\",\"updated_at\":\"\"}\n\
         {\"subscription_name\":\"b\",\"last_position\":\"x\",\"updated_at\":\"y\"}\n"
    );
}

#[tokio::test]
async fn the_published_schema_is_the_one_that_the_crate_makes() {
    let directory = tempdir().unwrap();
    let (path, ours) = (directory.path().join("shop.db"), directory.path().join("ours.db"));
    drop(empty(&path).await);
    Connection::open(&ours).unwrap().execute_batch(PUBLISHED).unwrap();
    let schema = |path: &Path| {
        let connection = Connection::open(path).unwrap();
        let sql = "SELECT group_concat(sql, ';') FROM sqlite_schema";
        let sql: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        sql.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(schema(&ours), schema(&path));
    let connection = Connection::open(&path).unwrap();
    for table in TABLES {
        let sql = format!("SELECT * FROM {}", table.name);
        assert_eq!(connection.prepare(&sql).unwrap().column_names(), table.columns);
    }
}

#[tokio::test]
async fn a_source_is_named_by_its_whole_path() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let name = SqliteSource::new(&path).default_name();
    assert_eq!(name, format!("sqlite:{}", path.display()));
    let relative = SqliteSource::new("shop.db").default_name();
    assert!(relative.starts_with("sqlite:/") && relative.ends_with("/shop.db"), "{relative}");
}
