//! A stream of each schema goes into stores that have it, have others, have none, or are not there.

use super::support::{Place, some};
use icecore::restore::{RestoreOptions, RestoreReport};
use icecore::target::{OnConflict, StreamEnd};
use icecore_format::snapshot::Snapshot;
use icecore_tests::error_chain::chain;

/// A stream of each schema, and what of it is compared.
struct Stream {
    folder: &'static str,
    id: &'static str,
    /// The parts of its id, where it has two.
    parts: [&'static str; 2],
    /// The same under another id, unless there can be none.
    renamed: Option<(&'static str, [&'static str; 2])>,
    /// Changes the stream in the target.
    change: &'static str,
    /// Everything of the stream that is the same in every store; `{first}` and `{last}`
    /// stand for the parts of its id.
    rows: &'static str,
}

const MARTEN_ROWS: &str = "SELECT 1 AS k, version, row(e.id, data, bdata, type, timestamp, \
    mt_dotnet_type, e.is_archived)::text FROM mt_events e WHERE e.stream_id = '{last}' \
    AND tenant_id = '{first}' \
    UNION ALL SELECT 2, version, row(type, timestamp, created, is_archived)::text FROM mt_streams \
    WHERE id = '{last}' AND tenant_id = '{first}' ORDER BY 1, 2";

const COMMANDED_ROWS: &str = "SELECT 1 AS k, l.original_stream_version, e::text, \
    l.stream_version = l.original_stream_version, \
    (SELECT count(*) FROM stream_events a WHERE a.event_id = e.event_id AND a.stream_id = 0 \
        AND a.original_stream_id = s.stream_id \
        AND a.original_stream_version = l.original_stream_version) \
    FROM streams s JOIN stream_events l ON l.stream_id = s.stream_id \
    JOIN events e USING (event_id) WHERE s.stream_uuid = '{last}' \
    UNION ALL SELECT 2, stream_version, row(created_at, deleted_at)::text, true, 0 FROM streams \
    WHERE stream_uuid = '{last}' \
    UNION ALL SELECT 3, source_version, row(source_type, data, metadata, created_at)::text, true, 0 \
    FROM snapshots WHERE source_uuid = '{last}' ORDER BY 1, 2";

const RAILS_ROWS: &str = "SELECT s.position, event_id, event_type, metadata::text, data::text, \
    e.created_at, valid_at, s.created_at FROM event_store_events e \
    JOIN event_store_events_in_streams s USING (event_id) WHERE s.stream = '{last}' ORDER BY s.id";

const STREAMS: [Stream; 11] = [
    Stream {
        folder: "message-db",
        id: "account-456",
        parts: ["", "account-456"],
        renamed: Some(("account-copy", ["", "account-copy"])),
        change: "UPDATE message_store.messages SET data = '7' WHERE stream_name LIKE 'account-%'",
        rows: "SELECT position, time, type, data, metadata, id FROM message_store.messages \
            WHERE stream_name = '{last}' ORDER BY 1",
    },
    Stream {
        folder: "postgres-es",
        id: "account/ACC-2",
        parts: ["account", "ACC-2"],
        renamed: Some((r"a\/b/c", ["a/b", "c"])),
        change: "UPDATE events SET metadata = '7'; DELETE FROM snapshots",
        rows: "SELECT 1, sequence, event_type, event_version, payload::text, metadata::text \
            FROM events WHERE aggregate_id = '{last}' AND aggregate_type = '{first}' \
            UNION ALL SELECT 2, last_sequence, current_snapshot::text, '', payload::text, '' \
            FROM snapshots WHERE aggregate_id = '{last}' AND aggregate_type = '{first}' ORDER BY 1, 2",
    },
    Stream {
        folder: "emmett",
        id: "emt:default/till:1",
        parts: ["emt:default", "till:1"],
        renamed: Some(("tenant-ž/till:2", ["tenant-ž", "till:2"])),
        change: "UPDATE emt_messages SET message_data = '7'; \
            UPDATE emt_streams SET stream_type = 'changed'",
        rows: "SELECT 1, stream_position, is_archived, row(created, message_kind, \
                message_schema_version, message_id, message_type, message_data, message_metadata)::text, \
                transaction_id < pg_snapshot_xmin(pg_current_snapshot()) \
            FROM emt_messages WHERE stream_id = '{last}' AND partition = '{first}' \
            UNION ALL SELECT 2, stream_position, is_archived, row(stream_type, stream_metadata)::text, \
                true FROM emt_streams WHERE stream_id = '{last}' AND partition = '{first}' \
            ORDER BY 1, 2, 3",
    },
    Stream {
        folder: "disintegrate",
        id: "all",
        parts: ["", "all"],
        renamed: None,
        change: "UPDATE event SET payload = '7'",
        rows: "SELECT row_number() OVER (ORDER BY event_id), event_type, payload, inserted_at, \
            cart_id, order_number, product_id FROM event ORDER BY event_id",
    },
    Stream {
        folder: "marten-guid",
        id: "c0000000-0000-4000-8000-000000000003",
        parts: ["*DEFAULT*", "c0000000-0000-4000-8000-000000000003"],
        renamed: Some((
            "c0000000-0000-4000-8000-0000000000f3",
            ["*DEFAULT*", "c0000000-0000-4000-8000-0000000000f3"],
        )),
        change: "UPDATE mt_events SET data = '7'; UPDATE mt_streams SET type = 'changed'",
        rows: MARTEN_ROWS,
    },
    Stream {
        folder: "marten-string",
        id: "tenant-a/invoice/1",
        parts: ["tenant-a", "invoice/1"],
        renamed: Some((r"tenant\/b/invoice\1", ["tenant/b", r"invoice\1"])),
        change: "UPDATE mt_events SET data = '7'; UPDATE mt_streams SET type = 'changed'",
        rows: MARTEN_ROWS,
    },
    Stream {
        folder: "commanded-jsonb",
        id: "account-1",
        parts: ["", "account-1"],
        renamed: Some(("account-copy", ["", "account-copy"])),
        change: "SET session_replication_role = replica; UPDATE events SET data = '7'; \
            UPDATE snapshots SET source_type = ''",
        rows: COMMANDED_ROWS,
    },
    Stream {
        folder: "commanded-bytea",
        id: "účet-Žofie",
        parts: ["", "účet-Žofie"],
        renamed: Some(("účet-2", ["", "účet-2"])),
        change: "SET session_replication_role = replica; UPDATE events SET data = '7'",
        rows: COMMANDED_ROWS,
    },
    Stream {
        folder: "rails-event-store-binary",
        id: "Order$1",
        parts: ["", "Order$1"],
        renamed: Some(("Order$9", ["", "Order$9"])),
        change: "UPDATE event_store_events SET data = '7'",
        rows: RAILS_ROWS,
    },
    Stream {
        folder: "rails-event-store-json",
        id: "návštěvy",
        parts: ["", "návštěvy"],
        renamed: Some(("visits", ["", "visits"])),
        change: "UPDATE event_store_events SET data = '7'",
        rows: RAILS_ROWS,
    },
    Stream {
        folder: "rails-event-store-jsonb",
        id: "Order$2",
        parts: ["", "Order$2"],
        renamed: Some(("Order$3", ["", "Order$3"])),
        change: "UPDATE event_store_events SET data = '7'",
        rows: RAILS_ROWS,
    },
];

impl Stream {
    fn rows(&self, place: &Place, database: &str, [first, last]: [&str; 2]) -> String {
        let sql = self.rows.replace("{last}", last).replace("{first}", first);
        place.ask(database, &sql)
    }

    fn own_rows(&self, place: &Place, database: &str) -> String {
        self.rows(place, database, self.parts)
    }

    async fn restore(
        &self,
        place: &Place,
        snapshot: &Snapshot,
        database: &str,
        options: &RestoreOptions,
    ) -> RestoreReport {
        let restored = place.restore(snapshot, &place.target(database), options).await;
        let report = restored.unwrap_or_else(|error| panic!("{database}: {}", chain(&error)));
        assert!(report.written.verified.is_some(), "{database}");
        report
    }

    /// An empty database that can have such a store.
    fn no_store(&self, place: &Place, database: &str) {
        place.cluster.create_database(database);
        if self.folder == "message-db" {
            place.ask(database, "CREATE EXTENSION pgcrypto");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_every_schema_is_replaced() {
    let place = Place::new().await;
    for stream in &STREAMS {
        let (folder, id) = (stream.folder, stream.id);
        let target = format!("{folder}-changed");
        place.filled(folder, folder);
        place.filled(&target, folder);
        place.ask(&target, stream.change);
        let snapshot = place.back_up_database(folder).await;
        let expected = stream.own_rows(&place, folder);
        assert_ne!(stream.own_rows(&place, &target), expected, "{folder}");

        let options = some(&[id], None);
        let message = place.refused_with(&snapshot, &target, &options).await;
        assert!(message.contains(&format!("the stream '{id}' is there")), "{folder}: {message}");

        let replace = some(&[id], Some(OnConflict::Replace));
        let report = stream.restore(&place, &snapshot, &target, &replace).await;
        assert_eq!(report.streams[0].end, StreamEnd::Replaced, "{folder}");
        assert_eq!(stream.own_rows(&place, &target), expected, "{folder}");
        let events = place.back_up_database(&target).await.counts.events;
        assert_eq!(events, snapshot.counts.events, "{folder}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_every_schema_comes_first_and_others_follow() {
    let place = Place::new().await;
    for stream in &STREAMS {
        let (folder, id) = (stream.folder, stream.id);
        let (empty, fresh) = (format!("{folder}-empty"), format!("{folder}-fresh"));
        place.filled(folder, folder);
        place.migrated(&empty, folder);
        stream.no_store(&place, &fresh);
        let snapshot = place.back_up_database(folder).await;
        let expected = stream.own_rows(&place, folder);
        for database in [&empty, &fresh] {
            let first = stream.restore(&place, &snapshot, database, &some(&[id], None)).await;
            assert_eq!(stream.own_rows(&place, database), expected, "{database}");
            let skip = some(&[], Some(OnConflict::Skip));
            let others = stream.restore(&place, &snapshot, database, &skip).await;
            let restored = first.events_restored + others.events_restored;
            assert_eq!(restored, snapshot.counts.events, "{database}");
            assert_eq!(stream.own_rows(&place, database), expected, "{database}");
            let again = place.back_up_database(database).await;
            assert_eq!(again.counts.events, snapshot.counts.events, "{database}");
            assert_eq!(again.counts.streams, snapshot.counts.streams, "{database}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_every_schema_goes_under_another_id() {
    let place = Place::new().await;
    for stream in &STREAMS {
        let folder = stream.folder;
        let (empty, fresh) = (format!("{folder}-empty"), format!("{folder}-fresh"));
        place.filled(folder, folder);
        place.migrated(&empty, folder);
        stream.no_store(&place, &fresh);
        let snapshot = place.back_up_database(folder).await;
        let renamed =
            |id: &str| RestoreOptions { rename: Some(id.to_owned()), ..some(&[stream.id], None) };
        let Some((new_id, new_parts)) = stream.renamed else {
            let message = place.refused_with(&snapshot, &empty, &renamed("other")).await;
            assert!(message.contains("which has no name"), "{folder}: {message}");
            continue;
        };
        if ["postgres-es", "emmett", "marten-string"].contains(&folder) {
            let message = place.refused_with(&snapshot, &empty, &renamed("undivided")).await;
            assert!(message.contains("has to be 2 parts"), "{folder}: {message}");
        }
        let expected = stream.own_rows(&place, folder);
        for database in [&empty, &fresh] {
            let report = stream.restore(&place, &snapshot, database, &renamed(new_id)).await;
            assert_eq!(report.streams[0].stream, new_id);
            assert_eq!(stream.rows(&place, database, new_parts), expected, "{database}");
            assert_ne!(stream.own_rows(&place, database), expected, "{database}");
        }
    }
}
