//! The stores in which an event can stand in several streams.

use super::Store;
use crate::events::postgres::tests::reading::Expected;

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

pub(super) const COMMANDED_BYTEA: Store = Store {
    folder: "commanded-bytea",
    description: "Commanded's event store",
    expected: COMMANDED,
    append: commanded_append!("'\\x00ff'"),
    update: "SET session_replication_role = replica; UPDATE events SET data = '\\x07' \
        WHERE event_id = 'e0000000-0000-4000-8000-000000000001'",
    delete: COMMANDED_DELETE,
    files: COMMANDED_FILES,
};

pub(super) const COMMANDED_JSONB: Store = Store {
    folder: "commanded-jsonb",
    description: "Commanded's event store",
    expected: COMMANDED_TEXT,
    append: commanded_append!("'{\"n\": 1.50}'"),
    update: "SET session_replication_role = replica; UPDATE events SET data = '7' \
        WHERE event_id = 'e0000000-0000-4000-8000-000000000001'",
    delete: COMMANDED_DELETE,
    files: COMMANDED_FILES,
};

pub(super) const RAILS_BINARY: Store = Store {
    folder: "rails-event-store-binary",
    description: "Rails Event Store",
    expected: RAILS,
    append: RAILS_APPEND,
    update: "UPDATE event_store_events SET data = '7' WHERE id = 1",
    delete: RAILS_DELETE,
    files: RAILS_FILES,
};

pub(super) const RAILS_JSON: Store = Store {
    folder: "rails-event-store-json",
    description: "Rails Event Store",
    expected: RAILS_TEXT,
    append: RAILS_APPEND,
    update: "UPDATE event_store_events SET data = '7' WHERE id = 1",
    delete: RAILS_DELETE,
    files: RAILS_FILES,
};

pub(super) const RAILS_JSONB: Store = Store {
    folder: "rails-event-store-jsonb",
    description: "Rails Event Store",
    expected: RAILS_TEXT,
    append: RAILS_APPEND,
    update: "UPDATE event_store_events SET data = '7' WHERE id = 1",
    delete: RAILS_DELETE,
    files: RAILS_FILES,
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

const COMMANDED_TEXT: Expected = Expected {
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

const RAILS_TEXT: Expected = Expected {
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
