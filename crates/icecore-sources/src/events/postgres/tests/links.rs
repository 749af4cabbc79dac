//! Stores in which an event stands in several streams.

use super::reading::{Given, read, read_as, source};
use super::stores::store;
use crate::events::postgres::SchemaChoice;
use icecore::selection::StreamSelection;
use icecore::source::{Proof, Reading, SourceRequest, Whole};
use icecore_test_cluster::Cluster;

/// Deletes a stream of Commanded's for good, and makes the server tell at once that it did.
const DELETE_FOR_GOOD: &str = "\
    BEGIN; SET LOCAL eventstore.enable_hard_deletes TO 'on'; \
    DELETE FROM stream_events WHERE event_id IN (SELECT event_id FROM stream_events \
        WHERE stream_id = (SELECT stream_id FROM streams WHERE stream_uuid = 'a')); \
    DELETE FROM events WHERE event_id NOT IN (SELECT event_id FROM stream_events); \
    COMMIT; SELECT pg_stat_force_next_flush(); SELECT 1";

/// A store of Commanded's with its schema alone.
fn empty_commanded(cluster: &Cluster) {
    store("commanded-bytea").make(cluster, "postgres", "");
    cluster.psql(
        "postgres",
        "TRUNCATE events, stream_events, streams; \
        INSERT INTO streams (stream_id, stream_uuid, stream_version) VALUES (0, '$all', 0)",
    );
}

/// Appends events to a stream, which is made if it is not there.
fn append(cluster: &Cluster, stream: &str, count: u32) {
    for _ in 0..count {
        cluster.psql(
            "postgres",
            &format!(
                "BEGIN; \
             UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0; \
             INSERT INTO streams (stream_uuid, stream_version) VALUES ('{stream}', 1) \
             ON CONFLICT (stream_uuid) DO UPDATE SET stream_version = streams.stream_version + 1; \
             INSERT INTO events (event_id, event_type, data) \
             VALUES (gen_random_uuid(), 'New', '{stream}'); \
             INSERT INTO stream_events SELECT e.event_id, s.stream_id, s.stream_version, \
                 s.stream_id, s.stream_version FROM events e, streams s \
                 WHERE s.stream_uuid = '{stream}' AND e.xmin = pg_current_xact_id()::xid; \
             INSERT INTO stream_events SELECT e.event_id, 0, a.stream_version, s.stream_id, \
                 s.stream_version FROM events e, streams s, streams a \
                 WHERE s.stream_uuid = '{stream}' AND a.stream_id = 0 \
                 AND e.xmin = pg_current_xact_id()::xid; \
             COMMIT"
            ),
        );
    }
}

fn places(given: &Given) -> Vec<(String, u64, Option<u64>)> {
    let events = given.events.iter();
    events.map(|event| (event.stream.clone(), event.version, event.position)).collect()
}

#[tokio::test]
async fn places_in_all_tell_what_is_new_until_a_stream_is_deleted_for_good() {
    let cluster = Cluster::start();
    empty_commanded(&cluster);
    let source = source(&cluster, "postgres", SchemaChoice::default());
    let known = read(&source, None).await.unwrap();
    assert_eq!(places(&known), []);
    append(&cluster, "a", 2);
    append(&cluster, "b", 1);
    append(&cluster, "a", 1);
    let place = |stream: &str, version, position| (stream.to_owned(), version, Some(position));
    let first = read(&source, Some(known.since())).await.unwrap();
    assert_eq!(first.reading, Reading::Further(Proof::Positions { events: 4 }));
    // In the order of commits.
    let all = [place("a", 1, 1), place("a", 2, 2), place("b", 1, 3), place("a", 3, 4)];
    assert_eq!(places(&first), all);
    append(&cluster, "b", 1);
    let second = read(&source, Some(first.since())).await.unwrap();
    assert_eq!(second.reading, Reading::Further(Proof::Positions { events: 5 }));
    assert_eq!(places(&second), [place("b", 2, 5)]);
    let nothing = read(&source, Some(second.since())).await.unwrap();
    assert_eq!(places(&nothing), []);

    cluster.psql("postgres", DELETE_FOR_GOOD);
    append(&cluster, "b", 1);
    let third = read(&source, Some(second.since())).await.unwrap();
    assert!(matches!(third.reading, Reading::Whole(Whole::NotPossible(_))), "{:?}", third.reading);
    assert_eq!(places(&third), [place("b", 1, 3), place("b", 2, 5), place("b", 3, 6)]);
    append(&cluster, "c", 1);
    let fourth = read(&source, Some(third.since())).await.unwrap();
    assert_eq!(fourth.reading, Reading::Further(Proof::Identified { events: 4 }));
    assert_eq!(places(&fourth), [place("c", 1, 7)]);
}

#[tokio::test]
async fn links_into_other_streams_are_kept_beside_and_no_others() {
    let cluster = Cluster::start();
    store("commanded-jsonb").make(&cluster, "postgres", "");
    let commanded = source(&cluster, "postgres", SchemaChoice::default());
    let links = read(&commanded, None).await.unwrap();
    let links = links.file("stream_events.copy");
    assert_eq!(links.lines().count(), 2);
    for linked in ["e0000000-0000-4000-8000-000000000004", "e0000000-0000-4000-8000-000000000002"] {
        assert!(links.contains(linked), "{links}");
    }

    cluster.create_database("rails");
    store("rails-event-store-json").make(&cluster, "rails", "");
    let rails = source(&cluster, "rails", SchemaChoice::default());
    let given = read(&rails, None).await.unwrap();
    let links: Vec<&str> = given.file("event_store_events_in_streams.copy").lines().collect();
    assert_eq!(links.len(), 3);
    assert!(links.iter().all(|link| link.contains("\t$by_")), "{links:?}");
}

#[tokio::test]
async fn an_event_whose_oldest_link_goes_is_read_anew() {
    let cluster = Cluster::start();
    let store = store("rails-event-store-jsonb");
    store.make(&cluster, "postgres", "");
    let source = source(&cluster, "postgres", SchemaChoice::default());
    let first = read(&source, None).await.unwrap();
    let delete = "DELETE FROM event_store_events_in_streams WHERE stream = 'Order$1'";
    cluster.psql("postgres", delete);
    let changed = read(&source, Some(first.since())).await.unwrap();
    assert!(matches!(changed.reading, Reading::Whole(Whole::Changed(_))), "{:?}", changed.reading);
    assert_eq!(changed.sorted(), store.expected.events(&cluster, "postgres", ""));
    // One more link, which is not the oldest, changes no event.
    cluster.psql(
        "postgres",
        "INSERT INTO event_store_events_in_streams (stream, event_id, created_at) \
         VALUES ('more', 'f0000000-0000-4000-8000-000000000001', now())",
    );
    let nothing = read(&source, Some(changed.since())).await.unwrap();
    assert!(matches!(nothing.reading, Reading::Further(_)), "{:?}", nothing.reading);
    assert_eq!(nothing.events, []);
}

#[tokio::test]
async fn json_that_is_kept_as_it_was_written_comes_as_it_was_written() {
    let cluster = Cluster::start();
    let store = store("commanded-jsonb");
    store.make(&cluster, "postgres", "");
    cluster.psql(
        "postgres",
        "ALTER TABLE events ALTER COLUMN data TYPE json, ALTER COLUMN metadata TYPE json; \
         ALTER TABLE snapshots ALTER COLUMN data TYPE json, ALTER COLUMN metadata TYPE json",
    );
    let append = store.append.replace("{\"n\": 1.50}", "{ \"n\" :1.50 , \"n\":1e2}");
    cluster.psql("postgres", &append);
    let source = source(&cluster, "postgres", SchemaChoice::default());
    let given = read(&source, None).await.unwrap();
    assert_eq!(given.sorted(), store.expected.events(&cluster, "postgres", ""));
    let written = "7b20226e22203a312e3530202c20226e223a3165327d";
    assert_eq!(given.events.iter().filter(|event| event.payload == written).count(), 2);
}

#[tokio::test]
async fn chosen_streams_alone_are_read() {
    let cluster = Cluster::start();
    for (folder, stream, count) in [
        ("commanded-jsonb", "account-1", 4),
        ("rails-event-store-jsonb", "návštěvy", 2),
        ("rails-event-store-binary", "all", 2),
        ("postgres-es", "account/ACC-1", 3),
        ("marten-string", "tenant-a/invoice/1", 2),
        ("marten-guid", "c0000000-0000-4000-8000-000000000003", 2),
        ("emmett", "tenant-ž/shopping_cart:123", 1),
    ] {
        cluster.create_database(folder);
        store(folder).make(&cluster, folder, "");
        let source = source(&cluster, folder, SchemaChoice::default());
        let streams = StreamSelection::new(vec![stream.to_owned()]).unwrap();
        let request = SourceRequest { streams, ..SourceRequest::default() };
        let given = read_as(&source, request).await.unwrap();
        assert_eq!(given.events.len(), count, "{folder}");
        assert!(given.events.iter().all(|event| event.stream == stream), "{folder}");
    }
}
