//! The stores whose published schemas and contents are in `tests/postgres-schemas`, and what is in
//! each, said by queries of their own.

mod linked;

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

/// The store of a folder.
pub(super) fn store(folder: &str) -> Store {
    STORES.into_iter().find(|store| store.folder == folder).unwrap()
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
                ("transaction_id", "to_json(transaction_id::text)"),
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
    linked::COMMANDED_BYTEA,
    linked::COMMANDED_JSONB,
    linked::RAILS_BINARY,
    linked::RAILS_JSON,
    linked::RAILS_JSONB,
];
