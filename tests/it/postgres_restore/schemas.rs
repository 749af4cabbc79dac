//! Stores of every schema come back as they were, and still work: into an empty database, and into an
//! empty store.

use super::support::{Place, ROWS, sql};
use icecore::restore::RestoreOptions;

/// A store of `postgres-schemas`.
struct Store {
    folder: &'static str,
    /// A table of the application, or a ledger of migrations, which are not part of the comparison.
    left_out: &'static [&'static str],
    /// Appends an event as the software would.
    append: &'static str,
    /// What was appended.
    appended: &'static str,
    /// How that looks.
    is: &'static str,
}

const EVENTCORE: Store = Store {
    folder: "eventcore",
    left_out: &["_sqlx_migrations"],
    append: "BEGIN; \
        SELECT set_config('eventcore.expected_versions', '{\"account-bob\": 4}', true); \
        INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES \
        ('019a0000-0007-7000-8000-000000000001', 'account-bob', 'Closed', '{}'); COMMIT",
    appended: "SELECT stream_version FROM eventcore_events WHERE event_type = 'Closed'",
    is: "5",
};

const MARTEN: Store = Store {
    folder: "marten-guid",
    left_out: &[],
    append: "BEGIN; \
        UPDATE mt_streams SET version = version + 1 \
            WHERE id = 'c0000000-0000-4000-8000-000000000003'; \
        INSERT INTO mt_events (seq_id, id, stream_id, version, data, type) \
        SELECT nextval('mt_events_sequence'), gen_random_uuid(), id, version, '{}', 'appended' \
        FROM mt_streams WHERE id = 'c0000000-0000-4000-8000-000000000003'; COMMIT",
    appended: "SELECT seq_id, version FROM mt_events WHERE type = 'appended'",
    is: "10|3",
};

const COMMANDED: Store = Store {
    folder: "commanded-jsonb",
    left_out: &["schema_migrations"],
    append: "BEGIN; \
        INSERT INTO events (event_id, event_type, data) \
            VALUES ('e0000000-0000-4000-8000-0000000000f1', 'appended', '7'); \
        INSERT INTO streams (stream_uuid, stream_version) VALUES ('new', 1); \
        UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0; \
        INSERT INTO stream_events SELECT 'e0000000-0000-4000-8000-0000000000f1', s.stream_id, 1, \
            s.stream_id, 1 FROM streams s WHERE stream_uuid = 'new'; \
        INSERT INTO stream_events SELECT 'e0000000-0000-4000-8000-0000000000f1', 0, \
            a.stream_version, s.stream_id, 1 FROM streams s JOIN streams a ON a.stream_id = 0 \
            WHERE s.stream_uuid = 'new'; COMMIT",
    appended: "SELECT a.stream_version, o.stream_id FROM events e \
        JOIN stream_events a ON a.event_id = e.event_id AND a.stream_id = 0 \
        JOIN stream_events o ON o.event_id = e.event_id AND o.stream_id = o.original_stream_id \
        WHERE event_type = 'appended'",
    is: "9|7",
};

const RAILS: Store = Store {
    folder: "rails-event-store-binary",
    left_out: &["schema_migrations", "ar_internal_metadata"],
    append: "BEGIN; \
        INSERT INTO event_store_events (event_id, data, event_type, created_at) \
            VALUES ('f0000000-0000-4000-8000-0000000000f1', '{}', 'appended', now()); \
        INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at) \
            VALUES ('Order$1', 3, 'f0000000-0000-4000-8000-0000000000f1', now()); COMMIT",
    appended: "SELECT e.id, s.id, s.position FROM event_store_events e \
        JOIN event_store_events_in_streams s USING (event_id) WHERE event_type = 'appended'",
    is: "10|12|3",
};

const STORES: [Store; 13] = [
    EVENTCORE,
    Store {
        folder: "eventcore-delivery",
        left_out: &["_sqlx_migrations", "eventcore_projection_schema_versions"],
        appended: "SELECT stream_version, delivery_position FROM eventcore_events \
            JOIN eventcore_projection_delivery USING (event_id) WHERE event_type = 'Closed'",
        is: "5|11",
        ..EVENTCORE
    },
    Store {
        folder: "message-db",
        left_out: &[],
        append: "SET search_path TO message_store, public; SELECT write_message('a0000000-0000-4000-8000-0000000000f1', \
            'account-456', 'appended', '{}', NULL, 2)",
        appended: "SELECT global_position, position FROM message_store.messages \
            WHERE type = 'appended'",
        is: "21|3",
    },
    Store {
        folder: "postgres-es",
        left_out: &["test_view"],
        append: "INSERT INTO events VALUES ('account', 'ACC-1', 4, 'appended', '', '{}', '{}')",
        appended: "SELECT count(*), max(sequence) FROM events WHERE aggregate_id = 'ACC-1' \
            AND aggregate_type = 'account'",
        is: "4|4",
    },
    Store {
        folder: "emmett",
        left_out: &["dmb_migrations"],
        append: "SELECT success FROM emt_append_to_stream(ARRAY['x']::text[], \
            ARRAY['{}']::jsonb[], ARRAY['{}']::jsonb[], ARRAY['1']::text[], ARRAY['appended']::text[], \
            ARRAY['E']::text[], 'shopping_cart:123'::text, 'shopping_cart'::text, 1::bigint, \
            'tenant-ž'::text)",
        // What readers see of it.
        appended: "SELECT global_position, stream_position, \
            transaction_id < pg_snapshot_xmin(pg_current_snapshot()) \
            FROM emt_messages WHERE message_type = 'appended'",
        is: "12|2|t",
    },
    Store {
        folder: "disintegrate",
        left_out: &[],
        append: "INSERT INTO event (event_type, payload) VALUES ('appended', '7')",
        appended: "SELECT event_id FROM event WHERE event_type = 'appended'",
        is: "8",
    },
    MARTEN,
    Store {
        folder: "marten-string",
        append: "BEGIN; \
            UPDATE mt_streams SET version = 3 WHERE id = 'invoice/1' AND tenant_id = 'tenant-a'; \
            INSERT INTO mt_events (seq_id, id, stream_id, tenant_id, version, data, type) \
            VALUES (nextval('mt_events_sequence'), gen_random_uuid(), 'invoice/1', 'tenant-a', 3, \
            '{}', 'appended'); COMMIT",
        is: "8|3",
        ..MARTEN
    },
    COMMANDED,
    Store { folder: "commanded-bytea", ..COMMANDED },
    RAILS,
    Store { folder: "rails-event-store-json", ..RAILS },
    Store { folder: "rails-event-store-jsonb", ..RAILS },
];

/// Columns, indexes, constraints, triggers and sequences of all tables, but for some.
fn definitions(place: &Place, database: &str, left_out: &[&str]) -> String {
    let left_out: Vec<String> = left_out.iter().map(|table| format!("'{table}'")).collect();
    let left_out = if left_out.is_empty() { "''".to_owned() } else { left_out.join(", ") };
    let tables = format!(
        "SELECT c.oid, c.oid::regclass::text AS name, relkind FROM pg_class c \
         JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE nspname IN ('public', 'message_store') AND relkind IN ('r', 'p', 'S') \
         AND relname NOT IN ({left_out})"
    );
    place.ask(
        database,
        &format!(
            "WITH t AS ({tables}) SELECT name, what, definition FROM ( \
             SELECT t.name, 'column' AS what, concat_ws(' ', attnum, attname, \
                 format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)) \
                 AS definition FROM t JOIN pg_attribute ON attrelid = t.oid AND attnum > 0 \
                 LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
                 WHERE relkind <> 'S' \
             UNION ALL SELECT t.name, 'index', pg_get_indexdef(indexrelid) \
                 FROM t JOIN pg_index ON indrelid = t.oid \
             UNION ALL SELECT t.name, 'constraint', pg_get_constraintdef(k.oid) \
                 FROM t JOIN pg_constraint k ON conrelid = t.oid \
             UNION ALL SELECT t.name, 'trigger', tgenabled::text || pg_get_triggerdef(g.oid) \
                 FROM t JOIN pg_trigger g ON tgrelid = t.oid WHERE NOT tgisinternal \
             UNION ALL SELECT t.name, 'sequence', concat_ws(' ', s.*) \
                 FROM t JOIN pg_sequences s ON to_regclass(format('%I.%I', schemaname, sequencename)) \
                 = t.oid WHERE relkind = 'S' AND t.name NOT LIKE 'dmb%' \
             ) d ORDER BY 1, 2, 3"
        ),
    )
}

/// The functions that a store's migrations make when it is started.
fn functions(folder: &str) -> String {
    let schema = sql(folder, "schema.sql");
    let functions = schema.split("CREATE FUNCTION ").skip(1).map(|rest| {
        let end = rest.match_indices("$body$").nth(1).unwrap().0;
        format!("CREATE FUNCTION {}$body$;\n", &rest[..end])
    });
    functions.collect()
}

/// The rows of all tables, but for some, and where sequences stand.
fn rows(place: &Place, database: &str, left_out: &[&str]) -> Vec<String> {
    let left_out: Vec<String> =
        left_out.iter().map(|table| format!("--exclude-table={table}*")).collect();
    let options: Vec<&str> = ROWS.into_iter().chain(left_out.iter().map(String::as_str)).collect();
    place.rows(database, &options)
}

/// A store still works: an event is appended, and is what the next backup has beyond the last one.
async fn assert_works(place: &Place, store: &Store, database: &str) {
    let whole = place.back_up_database(database).await;
    place.ask(database, store.append);
    assert_eq!(place.ask(database, store.appended), store.is, "{database}");
    let further = place.back_up_database(database).await;
    assert_eq!(further.counts.events, whole.counts.events + 1, "{database}");
    assert_eq!(further.epoch, whole.epoch, "{database}: it goes on from the backup before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_of_every_schema_come_back_into_an_empty_database() {
    let place = Place::new().await;
    for store in &STORES {
        let (folder, target) = (store.folder, format!("{}-restored", store.folder));
        place.filled(folder, folder);
        place.cluster.create_database(&target);
        if folder == "message-db" {
            place.ask(&target, "CREATE EXTENSION pgcrypto");
        }
        let snapshot = place.back_up_database(folder).await;
        let notes = place.restore_whole(&snapshot, &target).await;
        let application: &[&str] = match folder {
            "postgres-es" => &["test_view"],
            "emmett" => &["dmb_migrations"],
            _ => &[],
        };
        assert_eq!(
            rows(&place, &target, application),
            rows(&place, folder, application),
            "{folder}"
        );
        let definitions = |database: &str| definitions(&place, database, application);
        assert_eq!(definitions(&target), definitions(folder), "{folder}");
        if folder == "emmett" {
            assert!(notes[0].contains("dmb_migrations is empty"), "{notes:?}");
            assert_eq!(place.ask(&target, "SELECT count(*) FROM dmb_migrations"), "0");
            place.ask(&target, &functions(folder));
        } else {
            assert_eq!(notes, [""; 0], "{folder}");
        }
        assert_works(&place, store, &target).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_of_every_schema_come_back_into_an_empty_store() {
    let place = Place::new().await;
    for store in &STORES {
        let (folder, target) = (store.folder, format!("{}-restored", store.folder));
        place.filled(folder, folder);
        place.migrated(&target, folder);
        let ledgers = |database: &str| {
            let tables = store.left_out.iter().filter(|table| **table != "test_view");
            let tables: Vec<String> = tables
                .map(|table| format!("SELECT count(*) FROM {table}"))
                .chain(["SELECT 0".to_owned()])
                .collect();
            place.ask(database, &tables.join(";"))
        };
        let before = ledgers(&target);
        let snapshot = place.back_up_database(folder).await;
        let notes = place.restore_whole(&snapshot, &target).await;
        assert_eq!(notes, [""; 0], "{folder}");
        let rows = |database: &str| rows(&place, database, store.left_out);
        assert_eq!(rows(&target), rows(folder), "{folder}");
        let definitions = |database: &str| definitions(&place, database, &[]);
        assert_eq!(definitions(&target), definitions(folder), "{folder}");
        assert_eq!(ledgers(&target), before, "{folder}");
        assert_works(&place, store, &target).await;

        // What is there now is not touched again.
        let refused = place
            .restore(&snapshot, &place.target(&target), &RestoreOptions::default())
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("has"), "{folder}: {refused}");
        let overwrite = RestoreOptions { overwrite: true, ..RestoreOptions::default() };
        place.restore(&snapshot, &place.target(&target), &overwrite).await.unwrap();
        assert_eq!(rows(&target), rows(folder), "{folder}");
    }
}
