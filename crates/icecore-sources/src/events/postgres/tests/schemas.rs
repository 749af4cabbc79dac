//! Every schema: what it is recognised as, what is read, and how new events are told.

use super::reading::{Found, read, source};
use super::stores::{STORES, store};
use crate::events::postgres::SchemaChoice;
use icecore::source::{Proof, Reading, Whole};
use icecore_test_cluster::Cluster;

/// Makes the server's count of changed rows be told at once.
const TELL_CHANGES: &str = "SELECT pg_stat_force_next_flush(); SELECT 1";
/// A namespace that has to be quoted.
const ODD: &str = "Odd \"name\" of ünïcode";
const IN_ODD: &str = "SET search_path TO \"Odd \"\"name\"\" of ünïcode\"";

#[tokio::test]
async fn every_event_is_what_the_database_says_it_is() {
    let cluster = Cluster::start();
    for store in STORES {
        let database = store.folder;
        cluster.create_database(database);
        store.make(&cluster, database, "");
        let given = read(&source(&cluster, database, SchemaChoice::default()), None).await;
        let given = given.unwrap_or_else(|error| panic!("{database}: {error}"));
        assert_eq!(given.reading, Reading::Whole(Whole::First), "{database}");
        let expected = store.expected.events(&cluster, database, "");
        assert!(expected.len() > 3, "{database}");
        compare(database, &given.sorted(), &expected);
        assert_eq!(sorted(given.file_names()), with_statements(store.files), "{database}");
    }
}

#[tokio::test]
async fn what_is_new_is_read_and_what_changed_is_noticed() {
    let cluster = Cluster::start();
    for store in STORES {
        let database = store.folder;
        cluster.create_database(database);
        store.make(&cluster, database, "");
        let source = source(&cluster, database, SchemaChoice::default());
        let known = store.expected.events(&cluster, database, "");
        let first = read(&source, None).await.unwrap();

        let nothing = read(&source, Some(first.since())).await.unwrap();
        assert!(
            matches!(nothing.reading, Reading::Further(_)),
            "{database}: {:?}",
            nothing.reading
        );
        assert_eq!(nothing.events, [], "{database}");

        cluster.psql(database, store.append);
        let expected = store.expected.events(&cluster, database, "");
        let new: Vec<Found> =
            expected.iter().filter(|event| !known.contains(event)).cloned().collect();
        assert_eq!(new.len() + known.len(), expected.len(), "{database}");
        let further = read(&source, Some(nothing.since())).await.unwrap();
        let proof = &further.reading;
        assert!(matches!(proof, Reading::Further(_)), "{database}: {proof:?}");
        compare(database, &further.sorted(), &new);
        assert_eq!(further.has_all_known, Some(true), "{database}");

        let by_positions = matches!(proof, Reading::Further(Proof::Positions { .. }));
        assert_eq!(by_positions, store.folder == "eventcore-delivery", "{database}");
        cluster.psql(database, &format!("{}; {TELL_CHANGES}", store.update));
        let changed = read(&source, Some(further.since())).await.unwrap();
        let is_noticed = match &changed.reading {
            Reading::Whole(Whole::Changed(_)) => true,
            Reading::Whole(Whole::NotPossible(_)) => by_positions,
            _ => false,
        };
        assert!(is_noticed, "{database}: {:?}", changed.reading);
        compare(database, &changed.sorted(), &store.expected.events(&cluster, database, ""));

        cluster.psql(database, &format!("{}; {TELL_CHANGES}", store.delete));
        let shrunk = read(&source, Some(changed.since())).await.unwrap();
        let is_noticed = match &shrunk.reading {
            Reading::Whole(Whole::Shrank(_)) => true,
            Reading::Whole(Whole::NotPossible(_)) => by_positions,
            _ => false,
        };
        assert!(is_noticed, "{database}: {:?}", shrunk.reading);
        compare(database, &shrunk.sorted(), &store.expected.events(&cluster, database, ""));
        assert_eq!(shrunk.events.len() + 1, expected.len(), "{database}");

        let since = shrunk.since();
        let nothing = read(&source, Some(since)).await.unwrap();
        assert!(
            matches!(nothing.reading, Reading::Further(_)),
            "{database}: {:?}",
            nothing.reading
        );
        assert_eq!(nothing.events, [], "{database}");
    }
}

#[tokio::test]
async fn a_store_in_a_namespace_of_an_odd_name_is_read() {
    const ODD_STORES: [&str; 5] =
        ["disintegrate", "marten-string", "commanded-jsonb", "rails-event-store-json", "emmett"];
    let cluster = Cluster::start();
    for store in ODD_STORES.map(store) {
        let database = store.folder;
        cluster.create_database(database);
        cluster.psql(database, "CREATE SCHEMA \"Odd \"\"name\"\" of ünïcode\"");
        store.make(&cluster, database, IN_ODD);
        let choice = SchemaChoice { namespace: Some(ODD.to_owned()), ..SchemaChoice::default() };
        for choice in [SchemaChoice::default(), choice] {
            let given = read(&source(&cluster, database, choice), None).await.unwrap();
            compare(database, &given.sorted(), &store.expected.events(&cluster, database, IN_ODD));
            assert_eq!(sorted(given.file_names()), with_statements(store.files), "{database}");
        }
    }
}

fn compare(database: &str, found: &[Found], expected: &[Found]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected, "{database}");
    }
    assert_eq!(found.len(), expected.len(), "{database}");
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

/// The files of a store, and those that make its tables.
fn with_statements<'a>(files: &[&'a str]) -> Vec<&'a str> {
    sorted([files, &["schema-pre-data.sql", "schema-post-data.sql"]].concat())
}
