//! Stores in other namespaces than those that they came from, and what their tables need that is not
//! made with them.

use super::support::Place;
use icecore::restore::RestoreOptions;
use icecore_sources::events::postgres::PostgresTarget;
use icecore_tests::error_chain::chain;

fn target(place: &Place, database: &str, namespace: &str) -> PostgresTarget {
    PostgresTarget::new(place.settings("postgres", database), Some(namespace.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_goes_into_another_namespace_beside_the_one_that_is_there() {
    let place = Place::new().await;
    for folder in ["eventcore-delivery", "emmett", "commanded-jsonb", "marten-string"] {
        place.filled(folder, folder);
        let empty = format!("{folder}-empty");
        place.cluster.create_database(&empty);
        // One is there and empty, one is made.
        place.ask(&empty, "CREATE SCHEMA \"Copy of Žofie\"");
        let before = place.everything(folder);
        let snapshot = place.back_up_database(folder).await;
        for database in [folder, &empty] {
            let target = target(&place, database, "Copy of Žofie");
            let restored = place.restore(&snapshot, &target, &RestoreOptions::default()).await;
            let report = restored.unwrap_or_else(|error| panic!("{folder}: {}", chain(&error)));
            assert_eq!(report.events_restored, snapshot.counts.events);
            let namespaces = "SELECT nspname, count(relname) FROM pg_namespace n \
                LEFT JOIN pg_class ON relnamespace = n.oid AND relkind IN ('r', 'p') \
                WHERE nspname NOT LIKE 'pg%' AND nspname <> 'information_schema' \
                GROUP BY 1 ORDER BY 1";
            let namespaces = place.ask(database, namespaces);
            let counts: Vec<&str> = namespaces.lines().collect();
            let [copy, public] = counts.as_slice() else { panic!("{counts:?}") };
            let (copy, public) = (copy.rsplit_once('|').unwrap(), public.rsplit_once('|').unwrap());
            assert_eq!((copy.0, public.0), ("Copy of Žofie", "public"));
            assert_eq!(public.1, if database == folder { copy.1 } else { "0" });
        }
        // What was there is as it was, but for what is new beside it.
        place.ask(folder, "DROP SCHEMA \"Copy of Žofie\" CASCADE");
        assert_eq!(place.everything(folder), before, "{folder}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_that_name_their_namespace_stay_in_it() {
    let place = Place::new().await;
    place.filled("shop", "message-db");
    place.cluster.create_database("empty");
    place.ask("empty", "CREATE EXTENSION pgcrypto");
    let snapshot = place.back_up_database("shop").await;
    let message = place.refused(&snapshot, &target(&place, "empty", "other"), "empty").await;
    assert!(message.contains("names the namespace message_store"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_columns_are_made_unless_they_are_there() {
    const TYPES: &str = "CREATE TYPE mood AS ENUM ('sad', 'žofie''s'); \
        CREATE DOMAIN code AS text DEFAULT 'a' NOT NULL CHECK (VALUE <> '') CONSTRAINT \"Short\" \
            CHECK (length(VALUE) < 9); \
        CREATE TYPE \"Pair of\" AS (\"First\" code, second mood[])";
    let place = Place::new().await;
    place.migrated("shop", "eventcore");
    place.ask("shop", TYPES);
    place.ask(
        "shop",
        "ALTER TABLE eventcore_events ADD COLUMN mood mood, ADD COLUMN codes code[],
             ADD COLUMN pair \"Pair of\";
         INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, mood, codes, pair)
         VALUES ('019a0000-0008-7000-8000-000000000001', 'one', 'Ends', '1e30', 'žofie''s', '{a,\"b,\"}', ROW('x', '{sad}'))",
    );
    place.cluster.create_database("without");
    place.cluster.create_database("with");
    let snapshot = place.back_up_database("shop").await;
    place.ask("with", TYPES);
    for database in ["without", "with"] {
        place.restore_whole(&snapshot, database).await;
        assert_eq!(place.everything(database), place.everything("shop"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_extensions_have_to_be_there_before_anything_is_written() {
    let place = Place::new().await;
    place.migrated("shop", "eventcore");
    place.ask(
        "shop",
        "CREATE EXTENSION citext; ALTER TABLE eventcore_events ADD COLUMN name citext;
         INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, name)
         VALUES ('019a0000-0008-7000-8000-000000000001', 'one', 'Ends', '{}', 'Žofie')",
    );
    place.cluster.create_database("empty");
    let snapshot = place.back_up_database("shop").await;
    let message = place.refused(&snapshot, &place.target("empty"), "empty").await;
    assert!(message.contains("type \"public.citext\" does not exist (make it there"), "{message}");
    place.ask("empty", "CREATE EXTENSION citext");
    place.restore_whole(&snapshot, "empty").await;
    assert_eq!(place.everything("empty"), place.everything("shop"));
}
