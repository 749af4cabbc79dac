//! The stores whose published schemas and contents are in `tests/postgres-schemas`, and what is in
//! each, said by queries of their own.

use super::reading::Expected;
use icecore_test_cluster::Cluster;
use std::fs;
use std::path::Path;

/// A store to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store {
    /// Its folder.
    pub(super) folder: &'static str,
    /// What it is recognised as.
    pub(super) description: &'static str,
    pub(super) expected: Expected,
    /// Statements that append.
    pub(super) append: &'static str,
    /// A statement that changes one event.
    pub(super) update: &'static str,
    /// Statements that delete one event.
    pub(super) delete: &'static str,
    /// The names of the files that are kept beside.
    pub(super) files: &'static [&'static str],
}

impl Store {
    /// Makes the schema and the content in a database, each after these statements.
    pub(super) fn make(&self, cluster: &Cluster, database: &str, before: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres-schemas");
        let folder = folder.join(self.folder);
        for file in ["schema.sql", "fill.sql"] {
            let sql = fs::read_to_string(folder.join(file)).unwrap();
            cluster.psql(database, &format!("{before};\n{sql}"));
        }
    }
}

const EVENTCORE: Expected = Expected {
    from: "eventcore_events e",
    stream: "stream_id",
    version: "stream_version",
    event_type: "event_type",
    id: "event_id",
    time: "created_at",
    payload: "convert_to(event_data::text, 'UTF8')",
    metadata: "convert_to(metadata::text, 'UTF8')",
    position: "NULL::bigint",
    members: &[],
};

const MARTEN: Expected = Expected {
    from: "mt_events",
    stream: "stream_id::text",
    version: "version",
    event_type: "type",
    id: "id",
    time: "timestamp",
    payload: "CASE WHEN bdata IS NULL THEN convert_to(data::text, 'UTF8') ELSE bdata END",
    metadata: "NULL::bytea",
    position: "seq_id",
    members: &[
        ("data", "CASE WHEN bdata IS NOT NULL THEN data END"),
        ("tenant_id", "to_json(tenant_id)"),
        ("mt_dotnet_type", "to_json(mt_dotnet_type)"),
        ("is_archived", "to_json(is_archived)"),
    ],
};

const COMMANDED: Expected = Expected {
    from: "events e JOIN stream_events a ON a.event_id = e.event_id AND a.stream_id = 0 \
           JOIN stream_events o ON o.event_id = e.event_id AND o.stream_id = o.original_stream_id \
           JOIN streams s ON s.stream_id = o.stream_id",
    stream: "s.stream_uuid",
    version: "o.stream_version",
    event_type: "e.event_type",
    id: "e.event_id",
    time: "e.created_at",
    payload: "e.data",
    metadata: "e.metadata",
    position: "a.stream_version",
    members: &[
        ("causation_id", "to_json(e.causation_id)"),
        ("correlation_id", "to_json(e.correlation_id)"),
    ],
};

const COMMANDED_JSONB: Expected = Expected {
    payload: "convert_to(e.data::text, 'UTF8')",
    metadata: "convert_to(e.metadata::text, 'UTF8')",
    ..COMMANDED
};

const COMMANDED_FILES: &[&str] = &[
    "schema_migrations.copy",
    "snapshots.copy",
    "store.json",
    "stream_events.copy",
    "streams.copy",
    "subscriptions.copy",
];

const COMMANDED_DELETE: &str = "\
    SET session_replication_role = replica; \
    DELETE FROM stream_events WHERE event_id = 'e0000000-0000-4000-8000-000000000003'; \
    DELETE FROM events WHERE event_id = 'e0000000-0000-4000-8000-000000000003'";

/// Appends to Commanded's store, as its own statements leave rows behind: a new event of `account-1`
/// and one of a new stream, with this payload.
macro_rules! commanded_append {
    ($to:literal) => {
        concat!(
            "BEGIN; ",
            "INSERT INTO streams (stream_uuid, stream_version) VALUES ('new', 1); ",
            "UPDATE streams SET stream_version = stream_version + 1 WHERE stream_uuid = 'account-1'; ",
            "UPDATE streams SET stream_version = stream_version + 2 WHERE stream_id = 0; ",
            "INSERT INTO events (event_id, event_type, causation_id, data, metadata, created_at) \
             VALUES ('e0000000-0000-4000-8000-0000000000f1', 'Elixir.New', \
                     'e0000000-0000-4000-8000-000000000001', ",
            $to,
            ", NULL, now()), ('e0000000-0000-4000-8000-0000000000f2', 'Elixir.New', NULL, ",
            $to,
            ", NULL, '2200-01-01'); ",
            "INSERT INTO stream_events SELECT id, s.stream_id, s.stream_version, s.stream_id, \
                 s.stream_version FROM streams s JOIN (VALUES \
                 ('account-1', 'e0000000-0000-4000-8000-0000000000f1'::uuid), \
                 ('new', 'e0000000-0000-4000-8000-0000000000f2'::uuid)) v (name, id) \
                 ON name = stream_uuid; ",
            "INSERT INTO stream_events SELECT event_id, 0, \
                 (SELECT stream_version FROM streams WHERE stream_id = 0) - 2 \
                     + row_number() OVER (ORDER BY event_id), \
                 original_stream_id, original_stream_version FROM stream_events o \
                 WHERE event_id::text LIKE '%-0000000000f_'; ",
            "COMMIT"
        )
    };
}

const RAILS: Expected = Expected {
    from: "event_store_events e LEFT JOIN (SELECT DISTINCT ON (event_id) * \
           FROM event_store_events_in_streams ORDER BY event_id, id) s USING (event_id)",
    stream: "CASE WHEN s.id IS NULL THEN 'all' ELSE s.stream END",
    version: "CASE WHEN s.id IS NULL THEN e.id WHEN s.position IS NULL THEN s.id \
              ELSE s.position END",
    event_type: "e.event_type",
    id: "event_id",
    time: "e.created_at",
    payload: "e.data",
    metadata: "e.metadata",
    position: "e.id",
    members: &[
        (
            "valid_at",
            "to_json(CASE WHEN isfinite(e.valid_at) \
             THEN to_char(e.valid_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') ELSE e.valid_at::text END)",
        ),
        ("link_id", "to_json(s.id)"),
        ("link_position", "to_json(s.position)"),
        ("link_created_at", "to_json(to_char(s.created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))"),
    ],
};

const RAILS_JSON: Expected = Expected {
    payload: "convert_to(e.data::text, 'UTF8')",
    metadata: "convert_to(e.metadata::text, 'UTF8')",
    ..RAILS
};

const RAILS_FILES: &[&str] = &[
    "ar_internal_metadata.copy",
    "event_store_events_in_streams.copy",
    "schema_migrations.copy",
    "store.json",
];

/// One event with a position, one without, one in no stream.
const RAILS_APPEND: &str = "\
    BEGIN; \
    INSERT INTO event_store_events (event_id, data, metadata, event_type, created_at, valid_at) \
    VALUES ('f0000000-0000-4000-8000-0000000000f1', '{}', NULL, 'New', now(), NULL), \
           ('f0000000-0000-4000-8000-0000000000f2', '{}', '{}', 'New', now(), 'infinity'), \
           ('f0000000-0000-4000-8000-0000000000f3', '{}', '{}', 'New', now(), NULL); \
    INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) \
    VALUES ('Order$1', 3, 'f0000000-0000-4000-8000-0000000000f1', now()), \
           ('any', NULL, 'f0000000-0000-4000-8000-0000000000f2', now()), \
           ('$by_type_New', NULL, 'f0000000-0000-4000-8000-0000000000f2', now()); \
    COMMIT";
const RAILS_DELETE: &str = "\
    SET session_replication_role = replica; DELETE FROM event_store_events WHERE id = 5";

/// The stores.
pub(super) const STORES: [Store; 13] = [
    Store {
        folder: "eventcore",
        description: "EventCore",
        expected: EVENTCORE,
        append: "BEGIN; \
            SELECT set_config('eventcore.expected_versions', '{\"new\": 0}', true); \
            INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) \
            VALUES ('019a0000-0000-7000-8000-0000000000f1', 'new', 'New', '{}', '{}'), \
                   ('019a0000-0000-7000-8000-0000000000f2', 'new', 'New', '[]', '{}'); COMMIT",
        update: "SET session_replication_role = replica; UPDATE eventcore_events \
            SET event_data = '7' WHERE event_id = '019a0000-0000-7000-8000-000000000001'",
        delete: "SET session_replication_role = replica; DELETE FROM eventcore_events \
            WHERE event_id = '019a0000-0000-7000-8000-000000000001'",
        files: &[
            "_sqlx_migrations.copy",
            "eventcore_command_state_snapshots.copy",
            "eventcore_subscription_versions.copy",
            "store.json",
        ],
    },
    Store {
        folder: "eventcore-delivery",
        description: "EventCore with its delivery table",
        expected: Expected {
            from: "eventcore_events e JOIN eventcore_projection_delivery USING (event_id)",
            position: "delivery_position",
            ..EVENTCORE
        },
        append: "BEGIN; \
            SELECT set_config('eventcore.expected_versions', '{\"new\": 0}', true); \
            INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, metadata) \
            VALUES ('019a0000-0000-7000-8000-0000000000f1', 'new', 'New', '{}', '{}'), \
                   ('019a0000-0000-7000-8000-0000000000f2', 'new', 'New', '[]', '{}'); COMMIT",
        update: "SET session_replication_role = replica; UPDATE eventcore_events \
            SET event_data = '7' WHERE event_id = '019a0000-0000-7000-8000-000000000001'",
        delete: "SET session_replication_role = replica; DELETE FROM eventcore_projection_delivery \
            WHERE event_id = '019a0000-0000-7000-8000-000000000001'; DELETE FROM eventcore_events \
            WHERE event_id = '019a0000-0000-7000-8000-000000000001'",
        files: &[
            "_sqlx_migrations.copy",
            "eventcore_command_state_snapshots.copy",
            "eventcore_projection_delivery_frontier.copy",
            "eventcore_projection_progress.copy",
            "eventcore_projection_schema_versions.copy",
            "eventcore_subscription_versions.copy",
            "store.json",
        ],
    },
    Store {
        folder: "message-db",
        description: "Message DB",
        expected: Expected {
            from: "message_store.messages",
            stream: "stream_name",
            version: "position",
            event_type: "type",
            id: "id",
            time: "time",
            payload: "convert_to(data::text, 'UTF8')",
            metadata: "convert_to(metadata::text, 'UTF8')",
            position: "global_position",
            members: &[("payload_is_null", "CASE WHEN data IS NULL THEN true END")],
        },
        append: "SET search_path TO message_store, public; \
            SELECT write_message('a0000000-0000-4000-8000-0000000000f1', 'new-1', 'New', '{}'); \
            INSERT INTO messages (position, stream_name, type, data, metadata) \
            VALUES (1, 'new-1', 'Empty', NULL, 'null')",
        update: "UPDATE message_store.messages SET data = '7' WHERE global_position = 1",
        delete: "DELETE FROM message_store.messages WHERE global_position = 2",
        files: &["store.json"],
    },
    Store {
        folder: "postgres-es",
        description: "postgres-es",
        expected: Expected {
            from: "events",
            stream: "replace(aggregate_type, '/', '\\/') || '/' || aggregate_id",
            version: "sequence",
            event_type: "event_type",
            id: "NULL",
            time: "NULL::timestamp",
            payload: "convert_to(payload::text, 'UTF8')",
            metadata: "convert_to(metadata::text, 'UTF8')",
            position: "NULL::bigint",
            members: &[
                ("aggregate_type", "to_json(aggregate_type)"),
                ("aggregate_id", "to_json(aggregate_id)"),
                ("event_version", "to_json(event_version)"),
            ],
        },
        append: "INSERT INTO events VALUES ('a/b', 'c', 1, 'New', '', '{}', '{}'), \
                 ('a', 'b/c', 1, 'New', '', '{ }', '{}')",
        update: "UPDATE events SET metadata = '7' WHERE aggregate_id = 'ACC-2' AND sequence = 1",
        delete: "DELETE FROM events WHERE aggregate_id = 'ACC-2' AND sequence = 2",
        files: &["snapshots.copy", "store.json"],
    },
    Store {
        folder: "emmett",
        description: "Emmett",
        expected: Expected {
            from: "emt_messages",
            stream: "partition || '/' || stream_id",
            version: "stream_position",
            event_type: "message_type",
            id: "message_id",
            time: "created",
            payload: "convert_to(message_data::text, 'UTF8')",
            metadata: "convert_to(message_metadata::text, 'UTF8')",
            position: "global_position",
            members: &[
                ("is_archived", "to_json(is_archived)"),
                ("message_kind", "to_json(message_kind)"),
                ("stream_id", "to_json(stream_id)"),
                ("partition", "to_json(partition)"),
                ("message_schema_version", "to_json(message_schema_version)"),
            ],
        },
        append: "SELECT * FROM emt_append_to_stream(ARRAY['b0', 'b0']::text[], \
            ARRAY['{}', '[]']::jsonb[], ARRAY['{}', '{}']::jsonb[], ARRAY['1', '1']::text[], \
            ARRAY['New', 'New']::text[], ARRAY['E', 'E']::text[], 'new:1'::text, 'new'::text, \
            NULL::bigint, 'tenant-ž'::text); \
            INSERT INTO emt_messages (stream_position, global_position, transaction_id, stream_id, \
                message_schema_version, message_id, message_type, message_data, message_metadata) \
            VALUES (1, NULL, pg_current_xact_id(), 'new:2', '1', '', 'New', '{}', '{}')",
        update: "UPDATE emt_messages SET is_archived = true WHERE global_position = 11",
        delete: "DELETE FROM emt_messages WHERE global_position = 2",
        files: &[
            "dmb_migrations.copy",
            "emt_processors.copy",
            "emt_projections.copy",
            "emt_streams.copy",
            "store.json",
        ],
    },
    Store {
        folder: "disintegrate",
        description: "disintegrate",
        expected: Expected {
            from: "event",
            stream: "'all'",
            version: "event_id",
            event_type: "event_type",
            id: "event_id",
            time: "inserted_at",
            payload: "payload",
            metadata: "NULL::bytea",
            position: "event_id",
            members: &[
                ("cart_id", "to_json(cart_id)"),
                ("order_number", "to_json(order_number)"),
                ("product_id", "to_json(product_id)"),
                ("payload_is_null", "CASE WHEN payload IS NULL THEN true END"),
                ("type_is_null", "CASE WHEN event_type IS NULL THEN true END"),
            ],
        },
        append: "INSERT INTO event (event_type, payload, cart_id, inserted_at) VALUES \
            ('', '', '', now()), (NULL, NULL, NULL, NULL), \
            ('New', '\\x00', 'cart-1', '2026-01-02 03:04:05.6')",
        update: "UPDATE event SET order_number = 43 WHERE event_id = 2",
        delete: "DELETE FROM event WHERE event_id = 4",
        files: &["event_listener.copy", "snapshot.copy", "store.json"],
    },
    Store {
        folder: "marten-guid",
        description: "Marten",
        expected: MARTEN,
        append: "BEGIN; \
            INSERT INTO mt_streams (id, version) VALUES ('c0000000-0000-4000-8000-0000000000f1', 2); \
            INSERT INTO mt_events (seq_id, id, stream_id, version, data, bdata, type) VALUES \
            (nextval('mt_events_sequence'), gen_random_uuid(), \
                'c0000000-0000-4000-8000-0000000000f1', 1, '{\"n\": 1}', NULL, 'new'), \
            (nextval('mt_events_sequence'), gen_random_uuid(), \
                'c0000000-0000-4000-8000-0000000000f1', 2, '{}', '', 'new'); COMMIT",
        update: "UPDATE mt_events SET data = '{\"masked\": true}' WHERE seq_id = 1",
        delete: "DELETE FROM mt_events WHERE seq_id = 9",
        files: &["mt_event_progression.copy", "mt_streams.copy", "store.json"],
    },
    Store {
        folder: "marten-string",
        description: "Marten with tenants",
        expected: Expected {
            stream: "tenant_id || '/' || stream_id",
            members: &[
                ("data", "CASE WHEN bdata IS NOT NULL THEN data END"),
                ("stream_id", "to_json(stream_id)"),
                ("tenant_id", "to_json(tenant_id)"),
                ("mt_dotnet_type", "to_json(mt_dotnet_type)"),
                ("correlation_id", "to_json(correlation_id)"),
                ("causation_id", "to_json(causation_id)"),
                ("headers", "headers"),
                ("user_name", "to_json(user_name)"),
                ("is_archived", "to_json(is_archived)"),
            ],
            ..MARTEN
        },
        append: "SELECT mt_quick_append_events('invoice/2', 'invoice', 'tenant-a', \
            ARRAY['d1000000-0000-7000-8000-0000000000f1']::uuid[], ARRAY['new']::varchar[], \
            ARRAY['New, Invoices']::varchar[], ARRAY['{}']::jsonb[], ARRAY[NULL]::bytea[], \
            ARRAY[NULL]::varchar[], ARRAY['']::varchar[], ARRAY['null']::jsonb[], \
            ARRAY[NULL]::varchar[], ARRAY['2026-11-21 09:00:00+02']::timestamptz[])",
        update: "SELECT mt_archive_stream('invoice/1', 'tenant-a')",
        delete: "DELETE FROM mt_events WHERE seq_id = 7",
        files: &["mt_event_progression.copy", "mt_streams.copy", "store.json"],
    },
    Store {
        folder: "commanded-bytea",
        description: "Commanded's event store",
        expected: COMMANDED,
        append: commanded_append!("'\\x00ff'"),
        update: "SET session_replication_role = replica; UPDATE events SET data = '\\x07' \
            WHERE event_id = 'e0000000-0000-4000-8000-000000000001'",
        delete: COMMANDED_DELETE,
        files: COMMANDED_FILES,
    },
    Store {
        folder: "commanded-jsonb",
        description: "Commanded's event store",
        expected: COMMANDED_JSONB,
        append: commanded_append!("'{\"n\": 1.50}'"),
        update: "SET session_replication_role = replica; UPDATE events SET data = '7' \
            WHERE event_id = 'e0000000-0000-4000-8000-000000000001'",
        delete: COMMANDED_DELETE,
        files: COMMANDED_FILES,
    },
    Store {
        folder: "rails-event-store-binary",
        description: "Rails Event Store",
        expected: RAILS,
        append: RAILS_APPEND,
        update: "UPDATE event_store_events SET data = '7' WHERE id = 1",
        delete: RAILS_DELETE,
        files: RAILS_FILES,
    },
    Store {
        folder: "rails-event-store-json",
        description: "Rails Event Store",
        expected: RAILS_JSON,
        append: RAILS_APPEND,
        update: "UPDATE event_store_events SET data = '7' WHERE id = 1",
        delete: RAILS_DELETE,
        files: RAILS_FILES,
    },
    Store {
        folder: "rails-event-store-jsonb",
        description: "Rails Event Store",
        expected: RAILS_JSON,
        append: RAILS_APPEND,
        update: "UPDATE event_store_events SET data = '7' WHERE id = 1",
        delete: RAILS_DELETE,
        files: RAILS_FILES,
    },
];
