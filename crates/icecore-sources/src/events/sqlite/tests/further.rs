//! Stores that are backed up again: what is given, and what is said about those that are not what
//! they were.

use super::drive::{Snapshot, back_up, back_up_as, back_up_since, drain, restore};
use super::store::{append, contents, empty, insert, open, shop};
use crate::events::sqlite::SqliteSource;
use icecore::selection::StreamSelection;
use icecore::source::{Proof, Reading, Since, Source, SourceRequest, Whole};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

/// A store of four events in two streams, and a backup of it.
async fn backed_up_shop() -> (TempDir, PathBuf, Snapshot) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let known = back_up(&path).await.unwrap();
    assert_eq!(known.reading, Reading::Whole(Whole::First));
    (directory, path, known)
}

fn edit(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn counted(streams: u64, events: u64) -> Reading {
    Reading::Further(Proof::Counted { streams, events })
}

/// Requires that everything is read for this reason, and that the backup after it goes on.
async fn assert_whole(path: &Path, known: &Snapshot, why: Whole) {
    let whole = back_up_since(path, known).await;
    assert_eq!(whole.reading, Reading::Whole(why));
    assert_eq!(whole.records(), back_up(path).await.unwrap().records());
    let next = back_up_since(path, &whole).await;
    assert!(matches!(next.reading, Reading::Further(_)), "{:?}", next.reading);
    assert_eq!(next.events(), 0);
}

#[tokio::test]
async fn only_events_that_were_not_known_are_given_and_everything_else_as_it_is() {
    let (directory, path, mut known) = backed_up_shop().await;
    let store = open(&path).await;
    append(&store, "order-3", 0, &["five"]).await;
    append(&store, "order-1", 3, &["six", "seven"]).await;
    drop(store);
    let new = back_up_since(&path, &known).await;
    assert_eq!((new.reading.clone(), new.events()), (counted(3, 7), 3));
    assert!(new.bytes_expected.unwrap() > 0);
    assert!(new.end.resume.len() < 64, "{}", new.end.resume.len());
    assert_eq!(back_up_since(&path, &new).await.events(), 0);
    assert_eq!(back_up_since(&path, &new).await.bytes_expected, Some(0));

    known.chunks.extend(new.chunks);
    let restored = directory.path().join("restored.db");
    restore(&known, &restored).await.unwrap();
    assert_eq!(contents(&restored), contents(&path));
}

#[tokio::test]
async fn what_is_committed_while_a_backup_reads_comes_in_the_next_one_and_once() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let store = shop(&path).await;
    let known = back_up(&path).await.unwrap();
    append(&store, "order-1", 3, &["five"]).await;
    let since = Some(known.since());
    let request = SourceRequest { since, ..SourceRequest::default() };
    let reader = SqliteSource::new(&path).open(&request).await.unwrap();
    append(&store, "order-2", 1, &["six"]).await;
    append(&store, "order-4", 0, &["seven"]).await;
    let during = drain(reader).await.unwrap();
    assert_eq!((during.reading.clone(), during.events()), (counted(2, 5), 1));
    let after = back_up_since(&path, &during).await;
    assert_eq!((after.reading.clone(), after.events()), (counted(3, 7), 2));
    let records = [known.records(), during.records(), after.records()].concat();
    assert_eq!(records, back_up(&path).await.unwrap().records());
}

#[tokio::test]
async fn streams_that_were_chosen_are_followed_alone() {
    let (_directory, path, _) = backed_up_shop().await;
    let chosen = |pattern: &str, since| SourceRequest {
        streams: StreamSelection::new(vec![pattern.to_owned()]).unwrap(),
        since,
        ..SourceRequest::default()
    };
    let known = back_up_as(&path, &chosen("*-1", None)).await.unwrap();
    let store = open(&path).await;
    append(&store, "order-2", 1, &["five"]).await;
    append(&store, "order-1", 3, &["six"]).await;
    // What happens to others is not looked at.
    edit(&path, "DELETE FROM eventcore_events WHERE stream_id = 'order-2' AND stream_version = 1");
    let new = back_up_as(&path, &chosen("*-1", Some(known.since()))).await.unwrap();
    assert_eq!((new.reading.clone(), new.events()), (counted(1, 4), 1));
    let other = back_up_as(&path, &chosen("*-2", Some(new.since()))).await.unwrap();
    let why = "other streams were read before".to_owned();
    assert_eq!(
        (other.reading.clone(), other.events()),
        (Reading::Whole(Whole::NotPossible(why)), 1)
    );
}

#[tokio::test]
async fn a_store_without_events_is_gone_on_from() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let store = open(&path).await;
    let known = back_up(&path).await.unwrap();
    append(&store, "order-1", 0, &["one"]).await;
    let new = back_up_since(&path, &known).await;
    assert_eq!((new.reading.clone(), new.events()), (counted(1, 1), 1));
}

#[tokio::test]
async fn a_store_with_fewer_events_has_shrunk() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "DELETE FROM eventcore_events WHERE stream_id = 'order-2'");
    assert_whole(&path, &known, Whole::Shrank("it has 3 events, and had 4".to_owned())).await;
}

#[tokio::test]
async fn events_that_are_gone_are_noticed_though_others_came() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "DELETE FROM eventcore_events WHERE stream_id = 'order-2'");
    append(&open(&path).await, "order-1", 3, &["five", "six"]).await;
    assert_whole(&path, &known, Whole::Changed("1 of its 4 events are gone".to_owned())).await;
}

#[tokio::test]
async fn an_event_in_the_place_of_the_newest_is_noticed_though_stream_version_and_row_are_its() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "DELETE FROM eventcore_events WHERE rowid = 4");
    append(&open(&path).await, "order-1", 2, &["another"]).await;
    let what = "the newest of the events that it had is gone".to_owned();
    assert_whole(&path, &known, Whole::Changed(what)).await;
}

#[tokio::test]
async fn another_store_in_the_place_of_the_first_is_noticed() {
    let (directory, path, known) = backed_up_shop().await;
    let other = directory.path().join("other.db");
    drop(shop(&other).await);
    std::fs::rename(other, &path).unwrap();
    let what = "the newest of the events that it had is gone".to_owned();
    assert_whole(&path, &known, Whole::Changed(what)).await;
}

#[tokio::test]
async fn an_event_that_moved_to_another_stream_or_version_is_noticed() {
    for change in ["stream_id = 'order-3'", "stream_version = 7"] {
        let (_directory, path, known) = backed_up_shop().await;
        edit(&path, &format!("UPDATE eventcore_events SET {change} WHERE rowid = 2"));
        let what = "events have other streams, versions or rows than before".to_owned();
        assert_whole(&path, &known, Whole::Changed(what)).await;
    }
}

#[tokio::test]
async fn rows_that_got_other_numbers_are_read_again_and_vacuum_need_not_deal_any() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "VACUUM");
    assert_eq!(back_up_since(&path, &known).await.reading, counted(2, 4));

    edit(&path, "UPDATE eventcore_events SET rowid = 10 * rowid");
    let why = "its rows have other numbers than before, as if it was dumped and loaded".to_owned();
    assert_whole(&path, &known, Whole::NotPossible(why)).await;
}

#[tokio::test]
async fn an_event_between_those_that_were_known_is_noticed() {
    let (_directory, path, _) = backed_up_shop().await;
    edit(&path, "UPDATE eventcore_events SET rowid = 10 * rowid");
    let known = back_up(&path).await.unwrap();
    edit(
        &path,
        "INSERT INTO eventcore_events (rowid, event_id, stream_id, stream_version, event_type, \
         event_data) VALUES (15, 'own', 'own', 1, 'T', '{}')",
    );
    let why = "events were inserted between those that it had".to_owned();
    assert_whole(&path, &known, Whole::NotPossible(why)).await;
}

#[tokio::test]
async fn an_event_that_was_put_by_hand_in_the_place_of_another_is_seen_by_a_full_backup_alone() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "UPDATE eventcore_events SET event_id = 'own' WHERE rowid = 2");
    assert_eq!(back_up_since(&path, &known).await.reading, counted(2, 4));
    assert_ne!(back_up(&path).await.unwrap().records(), known.records());
}

#[tokio::test]
async fn a_payload_that_was_changed_where_it_stands_is_seen_by_a_full_backup_alone() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "UPDATE eventcore_events SET event_data = '{}' WHERE rowid = 2");
    assert_eq!(back_up_since(&path, &known).await.reading, counted(2, 4));
    assert_ne!(back_up(&path).await.unwrap().records(), known.records());
}

#[tokio::test]
async fn the_last_row_that_there_can_be_has_none_after_it() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let connection = empty(&path).await;
    insert(&connection, "'a', 's', 1, 't', '{}', '{}', ''");
    edit(&path, "UPDATE eventcore_events SET rowid = 9223372036854775807");
    let known = back_up(&path).await.unwrap();
    let new = back_up_since(&path, &known).await;
    assert_eq!((new.reading.clone(), new.events()), (counted(1, 1), 0));
    // SQLite now looks for free numbers at random.
    insert(&connection, "'b', 's', 2, 't', '{}', '{}', ''");
    let why = "events were inserted between those that it had".to_owned();
    let whole = back_up_since(&path, &known).await;
    assert_eq!(
        (whole.reading.clone(), whole.events()),
        (Reading::Whole(Whole::NotPossible(why)), 2)
    );
}

#[tokio::test]
async fn a_store_whose_index_was_dropped_is_read_whole() {
    let (_directory, path, known) = backed_up_shop().await;
    edit(&path, "DROP INDEX idx_eventcore_events_stream_version");
    let whole = back_up_since(&path, &known).await;
    let why = "it has no index of streams and versions".to_owned();
    assert_eq!(whole.reading, Reading::Whole(Whole::NotPossible(why)));
    assert_eq!((whole.events(), whole.end.resume.len()), (4, 0));
}

#[tokio::test]
async fn a_token_that_is_none_is_as_good_as_none_and_what_was_kept_only_explains() {
    let (_directory, path, known) = backed_up_shop().await;
    let token = known.end.resume.clone();
    let mut later = token.clone();
    later[0] = 2;
    for resume in [Vec::new(), later, [&token[..], &[0]].concat(), token[..20].to_vec()] {
        let request = SourceRequest {
            since: Some(Since { resume, ..known.since() }),
            ..SourceRequest::default()
        };
        let whole = back_up_as(&path, &request).await.unwrap();
        let why = "the backup before noted nothing that can be gone on from".to_owned();
        assert_eq!(whole.reading, Reading::Whole(Whole::NotPossible(why)));
        assert_eq!(whole.events(), 4);
    }
    for kept in [Vec::new(), b"\xff".to_vec()] {
        let request = SourceRequest {
            since: Some(Since { kept, ..known.since() }),
            ..SourceRequest::default()
        };
        assert_eq!(back_up_as(&path, &request).await.unwrap().reading, counted(2, 4));
    }
    edit(&path, "UPDATE eventcore_events SET stream_version = 7 WHERE rowid = 2");
    let request = SourceRequest {
        since: Some(Since { kept: Vec::new(), ..known.since() }),
        ..SourceRequest::default()
    };
    let why = "its rows are not those that it had".to_owned();
    let whole = back_up_as(&path, &request).await.unwrap();
    assert_eq!(whole.reading, Reading::Whole(Whole::NotPossible(why)));
}
