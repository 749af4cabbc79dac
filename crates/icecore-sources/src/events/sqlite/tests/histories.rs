//! Whatever happens to a store between backups: those that go on from each other have, together,
//! what one of all of it has.

use super::drive::{Snapshot, back_up_as};
use super::store::empty;
use icecore::selection::StreamSelection;
use icecore::source::{Reading, Since, SourceRequest};
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::Connection;

/// What may happen. Numbers choose among the rows that there are.
#[derive(Clone, Debug)]
enum Happening {
    Append {
        stream: u8,
        events: u8,
    },
    DeleteNewest(u8),
    Delete(u8),
    DeleteStream(u8),
    /// Somebody inserts a row under the least number that is free, of a new version.
    InsertInAGap,
    /// Somebody gives a row the number after the last.
    MoveToTheEnd(u8),
    /// Somebody gives an event another stream and version.
    Rename(u8),
    Vacuum,
    BackUp,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0..4u8, 1..4u8).prop_map(|(stream, events)| Happening::Append { stream, events }),
        1 => (1..4u8).prop_map(Happening::DeleteNewest),
        1 => any::<u8>().prop_map(Happening::Delete),
        1 => (0..4u8).prop_map(Happening::DeleteStream),
        1 => Just(Happening::InsertInAGap),
        1 => any::<u8>().prop_map(Happening::MoveToTheEnd),
        1 => any::<u8>().prop_map(Happening::Rename),
        1 => Just(Happening::Vacuum),
        6 => Just(Happening::BackUp),
    ]
}

/// A row by a number.
const CHOSEN: &str = "(SELECT rowid FROM eventcore_events ORDER BY rowid \
                       LIMIT 1 OFFSET ?1 % max(1, (SELECT count(*) FROM eventcore_events)))";

/// The values of an event; `?1` is a stream, `?2` an id that no other event ever has.
const VALUES: &str = "printf('event-%05d', ?2), 'order-' || ?1, \
                      1 + (SELECT coalesce(max(stream_version), 0) FROM eventcore_events \
                           WHERE stream_id = 'order-' || ?1), 'T', '{}', '{}', ''";

fn happen(connection: &Connection, happening: &Happening, next_id: &mut u32) {
    let execute = |sql: &str, number: u8| connection.execute(sql, [number]).unwrap();
    match *happening {
        Happening::Append { stream, events } => {
            for _ in 0..events {
                *next_id += 1;
                let sql = format!("INSERT INTO eventcore_events SELECT {VALUES}");
                connection.execute(&sql, (stream, *next_id)).unwrap();
            }
        }
        Happening::DeleteNewest(rows) => {
            let sql = "DELETE FROM eventcore_events WHERE rowid IN \
                       (SELECT rowid FROM eventcore_events ORDER BY rowid DESC LIMIT ?1)";
            execute(sql, rows);
        }
        Happening::Delete(row) => {
            execute(&format!("DELETE FROM eventcore_events WHERE rowid = {CHOSEN}"), row);
        }
        Happening::DeleteStream(stream) => {
            execute("DELETE FROM eventcore_events WHERE stream_id = 'order-' || ?1", stream);
        }
        Happening::InsertInAGap => {
            *next_id += 1;
            let sql = "INSERT INTO eventcore_events (rowid, event_id, stream_id, stream_version, \
                 event_type, event_data, metadata, created_at) SELECT \
                 1 + (SELECT coalesce(min(rowid), 0) FROM eventcore_events AS it WHERE NOT EXISTS \
                 (SELECT 1 FROM eventcore_events AS next WHERE next.rowid = it.rowid + 1)), \
                 'event-' || ?1, 'order-0', 1000 + ?1, 'T', '{}', '{}', ''";
            connection.execute(sql, [*next_id]).unwrap();
        }
        Happening::MoveToTheEnd(row) => {
            let sql = format!(
                "UPDATE eventcore_events SET rowid = 1 + (SELECT max(rowid) FROM eventcore_events) \
                 WHERE rowid = {CHOSEN}"
            );
            execute(&sql, row);
        }
        Happening::Rename(row) => {
            *next_id += 1;
            let sql = format!(
                "UPDATE eventcore_events SET stream_id = 'order-3', stream_version = {} \
                 WHERE rowid = {CHOSEN}",
                1000 + *next_id
            );
            execute(&sql, row);
        }
        Happening::Vacuum => connection.execute_batch("VACUUM").unwrap(),
        Happening::BackUp => {}
    }
}

/// What backups so far know.
#[derive(Default)]
struct Known {
    since: Option<Since>,
    records: Vec<u8>,
}

impl Known {
    fn add(&mut self, snapshot: &Snapshot) {
        match snapshot.reading {
            Reading::Whole(_) => self.records = snapshot.records(),
            Reading::Further(_) => self.records.extend(snapshot.records()),
        }
        self.since = Some(snapshot.since());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn backups_together_have_what_one_of_all_of_it_has(
        happenings in vec(happening(), 1..40),
        only_two in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("shop.db");
            let connection = empty(&path).await;
            connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
            let patterns = if only_two { vec!["order-[01]".to_owned()] } else { Vec::new() };
            let mut request = SourceRequest {
                streams: StreamSelection::new(patterns).unwrap(),
                ..SourceRequest::default()
            };
            let mut known = Known::default();
            let mut next_id = 0;
            for happening in happenings.iter().chain([&Happening::BackUp]) {
                happen(&connection, happening, &mut next_id);
                if matches!(happening, Happening::BackUp) {
                    request.since = known.since.take();
                    known.add(&back_up_as(&path, &request).await.unwrap());
                    request.since = None;
                    let whole = back_up_as(&path, &request).await.unwrap();
                    prop_assert_eq!(&known.records, &whole.records());
                    prop_assert_eq!(&known.since.as_ref().unwrap().resume, &whole.since().resume);
                }
            }
            Ok(())
        })?;
    }
}
