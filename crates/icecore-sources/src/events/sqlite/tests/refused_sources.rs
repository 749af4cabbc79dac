//! Databases that cannot be backed up, and what is said about them.

use super::drive::{back_up, drain, told};
use super::store::{empty, insert, shop};
use crate::events::sqlite::SqliteSource;
use icecore::source::{Source, SourceErrorKind, SourceRequest};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;
use tempfile::tempdir;

async fn refused(path: &Path, kind: SourceErrorKind, message: &str) {
    let error = back_up(path).await.err().expect("a backup was made");
    assert!(told(&error).contains(message), "{}", told(&error));
    assert_eq!(error.kind, kind);
}

#[tokio::test]
async fn what_is_no_database_is_named_as_what_it_is() {
    use SourceErrorKind::{Invalid, Missing};
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    refused(&path, Missing, "shop.db' does not exist").await;
    assert!(!path.exists());
    refused(directory.path(), Invalid, "is a directory").await;
    std::fs::write(&path, "hello\n".repeat(1000)).unwrap();
    refused(&path, Invalid, "shop.db' is no SQLite database, or an encrypted one").await;
    std::fs::write(&path, "").unwrap();
    refused(&path, Invalid, "is no EventCore store: there is no table eventcore_events").await;
}

#[tokio::test]
async fn a_damaged_database_is_named_so() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(4096);
    std::fs::write(&path, bytes).unwrap();
    refused(&path, SourceErrorKind::Unreadable, "shop.db' is damaged").await;
}

#[tokio::test]
async fn an_index_that_does_not_fit_its_table_is_damage() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let edit = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    edit(
        "CREATE TABLE hidden AS SELECT * FROM sqlite_schema
             WHERE type = 'index' AND sql IS NOT NULL;
         PRAGMA writable_schema = ON;
         DELETE FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL;",
    );
    edit("INSERT INTO eventcore_events SELECT 'new', 'new', 1, '', '', '', ''");
    edit(
        "PRAGMA writable_schema = ON;
         INSERT INTO sqlite_schema SELECT * FROM hidden;",
    );
    refused(&path, SourceErrorKind::Unreadable, "its index has 4 events to read, and the table 5")
        .await;
}

#[tokio::test]
async fn a_locked_database_is_named_so() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    connection.execute_batch("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE").unwrap();
    let source = SqliteSource::new(&path).waiting_for_locks(Duration::from_millis(10));
    let error = source.open(&SourceRequest::default()).await.err().unwrap();
    assert!(told(&error).contains("shop.db' is locked by another process"), "{}", told(&error));
    assert_eq!(error.kind, SourceErrorKind::Unreadable);
    connection.execute_batch("COMMIT").unwrap();
    drain(source.open(&SourceRequest::default()).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn tables_that_are_not_eventcores_are_named_with_what_is_missing_or_too_much() {
    let directory = tempdir().unwrap();
    for (number, (schema, message)) in [
        ("CREATE TABLE events (a)", "there is no table eventcore_events"),
        ("CREATE VIEW eventcore_events AS SELECT 1", "eventcore_events is a view"),
        (
            "CREATE TABLE eventcore_events (event_id PRIMARY KEY, stream_id) WITHOUT ROWID",
            "eventcore_events is WITHOUT ROWID",
        ),
        (
            "CREATE TABLE eventcore_events (event_id, stream_id, stream_version, event_type, data)",
            "eventcore_events has no column event_data, metadata, created_at",
        ),
        (
            "CREATE TABLE eventcore_events (event_id, stream_id, stream_version, event_type,
             event_data, metadata, created_at, tenant, \"a region\")",
            "that would be lost: tenant, a region",
        ),
        (
            "CREATE TABLE eventcore_events (event_id, stream_id, stream_version, event_type,
             event_data, metadata, created_at);
             CREATE TABLE eventcore_subscription_versions (subscription_name, last_position)",
            "eventcore_subscription_versions has no column updated_at",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = directory.path().join(format!("{number}.db"));
        Connection::open(&path).unwrap().execute_batch(schema).unwrap();
        refused(&path, SourceErrorKind::Invalid, message).await;
    }
}

#[tokio::test]
async fn a_value_that_is_no_events_is_named_with_its_row_and_column() {
    let directory = tempdir().unwrap();
    let long = "hex(zeroblob(32769))";
    for (number, (values, message)) in [
        ("NULL, 's', 1, 't', '{}', '{}', ''".to_owned(), "event_id is NULL"),
        ("'a', '', 1, 't', '{}', '{}', ''".to_owned(), "stream_id is empty"),
        ("'a', x'73', 1, 't', '{}', '{}', ''".to_owned(), "stream_id is a blob"),
        ("'a', CAST(x'ff' AS TEXT), 1, 't', '{}', '{}', ''".to_owned(), "stream_id is no UTF-8"),
        (format!("'a', {long}, 1, 't', '{{}}', '{{}}', ''"), "stream_id is longer than 64 KiB"),
        ("'a', 's', -1, 't', '{}', '{}', ''".to_owned(), "stream_version is negative"),
        ("'a', 's', 1.5, 't', '{}', '{}', ''".to_owned(), "stream_version is a real number"),
        ("'a', 's', 'x', 't', '{}', '{}', ''".to_owned(), "stream_version is a text"),
        (format!("'a', 's', 1, {long}, '{{}}', '{{}}', ''"), "event_type is longer than 64 KiB"),
        ("'a', 's', 1, 't', x'7b7d', '{}', ''".to_owned(), "event_data is a blob"),
        ("'a', 's', 1, 't', '{}', x'', ''".to_owned(), "metadata is a blob"),
        ("'a', 's', 1, 't', '{}', '{}', x'01'".to_owned(), "created_at is a blob"),
        ("'a', 's', 1, 't', '{}', '{}', CAST(x'fe' AS TEXT)".to_owned(), "created_at is no UTF-8"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = directory.path().join(format!("{number}.db"));
        let connection = empty(&path).await;
        insert(&connection, "'first', 'first', 1, '', '', '', ''");
        insert(&connection, &values);
        let message = format!(".db': row 2 of eventcore_events: {message}");
        refused(&path, SourceErrorKind::Invalid, &message).await;
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_no_text_is_named_with_its_row_and_column() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    let sql = "INSERT INTO eventcore_subscription_versions VALUES ('a', x'00', '')";
    connection.execute(sql, []).unwrap();
    let message = "row 1 of eventcore_subscription_versions: last_position is a blob";
    refused(&path, SourceErrorKind::Invalid, message).await;
}
