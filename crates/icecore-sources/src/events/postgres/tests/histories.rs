//! Histories that tempt a backup to pass over events: numbers that are dealt early and committed late,
//! clocks that go backwards, streams that begin anew, and copies in other servers.

use super::reading::{Found, Given, read, settings, source};
use super::stores::store;
use super::support::{DATABASE, Shop, id, insert};
use crate::events::postgres::SchemaChoice;
use crate::events::postgres::connect::connect;
use icecore::source::{Reading, Whole};
use icecore_test_cluster::Cluster;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use tokio_postgres::Client;

async fn client(cluster: &Cluster, database: &str) -> Client {
    connect(&settings(cluster, database)).await.unwrap()
}

/// The positions of the events, sorted.
fn positions(given: &Given) -> Vec<u64> {
    let mut positions: Vec<u64> = given.events.iter().filter_map(|event| event.position).collect();
    positions.sort_unstable();
    positions
}

/// Whether the versions of each stream come one after the other.
fn assert_gapless<'a>(events: impl IntoIterator<Item = &'a Found>) {
    let mut last = BTreeMap::<&str, u64>::new();
    for event in events {
        let before = last.insert(&event.stream, event.version);
        let is_next = before.is_none_or(|before| before + 1 == event.version);
        assert!(is_next, "{event:?} comes after {before:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_a_session_keeps_for_later_are_in_the_backup_after_their_commit() {
    let append_message = |number: u32| {
        format!(
            "SET search_path TO message_store, public; SELECT write_message( \
                 'a1000000-0000-4000-8000-{number:012}', 'cached-1', 'Happened', '{{}}')"
        )
    };
    let append_event = |number: u32| {
        format!(
            "SELECT mt_quick_append_events('cached-1', NULL, '*DEFAULT*', \
                 ARRAY['d1000000-0000-7000-8000-{number:012}']::uuid[], ARRAY['a']::varchar[], \
                 ARRAY[NULL]::varchar[], ARRAY['{{}}']::jsonb[], ARRAY[NULL]::bytea[], \
                 ARRAY[NULL]::varchar[], ARRAY[NULL]::varchar[], ARRAY[NULL]::jsonb[], \
                 ARRAY[NULL]::varchar[], ARRAY[now()]::timestamptz[])"
        )
    };
    let cluster = Cluster::start();
    for (folder, sequence) in [
        ("message-db", "message_store.messages_global_position_seq"),
        ("marten-string", "mt_events_sequence"),
    ] {
        let append = |number: u32| match folder {
            "message-db" => append_message(number),
            _ => append_event(number),
        };
        cluster.create_database(folder);
        store(folder).make(&cluster, folder, "");
        cluster.psql(folder, &format!("ALTER SEQUENCE {sequence} CACHE 50"));
        let source = source(&cluster, folder, SchemaChoice::default());
        // Each takes fifty numbers with its first.
        let (low, high) = (client(&cluster, folder).await, client(&cluster, folder).await);
        low.batch_execute(&append(901)).await.unwrap();
        high.batch_execute(&append(902)).await.unwrap();
        let first = read(&source, None).await.unwrap();
        low.batch_execute(&append(903)).await.unwrap();
        let second = read(&source, Some(first.since())).await.unwrap();
        assert!(matches!(second.reading, Reading::Further(_)), "{folder}: {:?}", second.reading);
        let highest = *positions(&first).last().unwrap();
        assert!(positions(&second)[0] < highest, "{folder}: it is no test");
        // In one backup they come in the order of their stream, not of the numbers.
        high.batch_execute(&append(904)).await.unwrap();
        low.batch_execute(&append(905)).await.unwrap();
        let third = read(&source, Some(second.since())).await.unwrap();
        assert_eq!(third.events.len(), 2, "{folder}");
        assert!(third.events[0].position > third.events[1].position, "{folder}: it is no test");
        let of_it = [first.events, second.events, third.events].concat();
        let of_it: Vec<&Found> =
            of_it.iter().filter(|event| event.stream.ends_with("cached-1")).collect();
        assert_eq!(of_it.len(), 5, "{folder}");
        assert_gapless(of_it);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_a_clock_that_goes_backwards_are_read_in_the_order_of_their_stream() {
    let shop = Shop::new("eventcore");
    shop.append(500, "order-1");
    let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
    let first = read(&source, None).await.unwrap();
    for (number, time) in [(400, "2026-03-01"), (300, "2026-02-01"), (200, "2001-01-01")] {
        let at = format!("'{{}}', '{time}')");
        let sql = insert(number, "order-1").replace(&format!("'{{\"number\": {number}}}')"), &at);
        shop.sql(&sql.replace("event_data)", "event_data, created_at)"));
        shop.append(number + 1000, "order-2");
    }
    let second = read(&source, Some(first.since())).await.unwrap();
    assert!(matches!(second.reading, Reading::Further(_)), "{:?}", second.reading);
    assert_eq!(second.events.len(), 6);
    assert_gapless(first.events.iter().chain(&second.events));
    let of_one: Vec<_> = second.events.iter().filter(|event| event.stream == "order-1").collect();
    assert_eq!(of_one[2].id, Some(id(200)));
    assert_eq!(of_one[2].time.as_deref(), Some("2001-01-01T00:00:00.000000Z"));
    let third = read(&source, Some(second.since())).await.unwrap();
    assert_eq!(third.events, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_four_writers_over_several_streams_are_whole() {
    for schema in ["eventcore", "eventcore-delivery"] {
        let shop = Shop::new(schema);
        let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
        let (is_over, next) = (AtomicBool::new(false), AtomicU32::new(1));
        let write = async |writer: u32| {
            let mut client = shop.client().await;
            while !is_over.load(Relaxed) {
                let transaction = client.transaction().await.unwrap();
                // Streams in one order, so that nobody waits in a circle.
                for stream in 0..3 {
                    let number = next.fetch_add(1, Relaxed);
                    let lock = format!("SELECT pg_advisory_xact_lock({stream})");
                    transaction.batch_execute(&lock).await.unwrap();
                    let data = format!("{{\"writer\": {writer}, \"last\": {}}}", stream == 2);
                    let sql = insert(number, &format!("s-{stream}"));
                    let sql = sql.replace(&format!("{{\"number\": {number}}}"), &data);
                    transaction.batch_execute(&sql).await.unwrap();
                }
                transaction.commit().await.unwrap();
            }
        };
        let back_up = async {
            let mut events = Vec::<Found>::new();
            let mut since = None;
            for _ in 0..8 {
                let given = read(&source, since).await.unwrap();
                // One event in each of the three streams, or none.
                let mut of_stream = BTreeMap::<&str, usize>::new();
                for event in &given.events {
                    *of_stream.entry(&event.stream).or_default() += 1;
                }
                let counts: Vec<usize> = of_stream.into_values().collect();
                let is_whole = matches!(counts.as_slice(), [] | [_, _, _])
                    && counts.iter().all(|count| *count == counts[0]);
                assert!(is_whole, "{schema}: {counts:?}");
                since = Some(given.since());
                events.extend(given.events);
            }
            is_over.store(true, Relaxed);
            events
        };
        let (.., events) = tokio::join!(write(0), write(1), write(2), write(3), back_up);
        assert!(events.len() > 10, "{}", events.len());
        let mut events: Vec<&Found> = events.iter().collect();
        // What is read whole first lies as it was written.
        events.sort_by_key(|event| (&event.stream, event.version));
        assert_gapless(events);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logical_copy_in_a_younger_server_is_read_whole_and_gone_on_from() {
    let cluster = Cluster::start();
    for folder in ["emmett", "eventcore", "message-db"] {
        cluster.create_database(folder);
        // Its transactions have numbers that the copy reaches much later.
        cluster.psql(
            folder,
            "CREATE PROCEDURE age() LANGUAGE plpgsql AS $$ BEGIN \
            FOR n IN 1..5000 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$; CALL age()",
        );
        store(folder).make(&cluster, folder, "");
        let original = source(&cluster, folder, SchemaChoice::default());
        let first = read(&original, None).await.unwrap();

        // Both are copies of one data directory, so the server looks like the same one.
        let younger = Cluster::start();
        younger.create_database(folder);
        let copied = cluster.pg_dump(folder, &["--inserts", "--rows-per-insert=1"]);
        younger.psql(folder, &copied.join("\n"));
        let copy = source(&younger, folder, SchemaChoice::default());
        let whole = read(&copy, Some(first.since())).await.unwrap();
        assert!(matches!(whole.reading, Reading::Whole(_)), "{folder}: {:?}", whole.reading);
        assert_eq!(whole.sorted(), first.sorted(), "{folder}");
        younger.psql(folder, store(folder).append);
        let further = read(&copy, Some(whole.since())).await.unwrap();
        assert!(matches!(further.reading, Reading::Further(_)), "{folder}: {:?}", further.reading);
        let mut all = [whole.events, further.events].concat();
        all.sort();
        assert_eq!(all, store(folder).expected.events(&younger, folder, ""), "{folder}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_archived_and_begun_anew_is_there_twice() {
    let cluster = Cluster::start();
    cluster.create_database("emmett");
    let emmett = store("emmett");
    emmett.make(&cluster, "emmett", "");
    let source = source(&cluster, "emmett", SchemaChoice::default());
    let append = |number: u32| {
        cluster.psql(
            "emmett",
            &format!(
                "SELECT emt_append_to_stream(ARRAY['id-{number}']::text[], ARRAY['{{}}']::jsonb[], \
                 ARRAY['{{}}']::jsonb[], ARRAY['1']::text[], ARRAY['Opened']::text[], \
                 ARRAY['E']::text[], 'till:9'::text, 'till'::text, NULL::bigint, 'emt:default'::text)"
            ),
        );
    };
    append(1);
    append(2);
    let first = read(&source, None).await.unwrap();
    cluster.psql(
        "emmett",
        "BEGIN; UPDATE emt_messages SET is_archived = true WHERE stream_id = 'till:9'; \
         UPDATE emt_streams SET is_archived = true WHERE stream_id = 'till:9'; COMMIT",
    );
    append(3);
    let second = read(&source, Some(first.since())).await.unwrap();
    assert!(matches!(second.reading, Reading::Whole(Whole::Changed(_))), "{:?}", second.reading);
    let of_till = |given: &Given| {
        let of = given.events.iter().filter(|event| event.stream.ends_with("/till:9"));
        let mut of: Vec<(u64, String)> = of
            .map(|event| {
                let member = event.members.iter().find(|(name, _)| name == "is_archived");
                (event.version, member.unwrap().1.clone())
            })
            .collect();
        of.sort();
        of
    };
    let expected = [(1, "false"), (1, "true"), (2, "true")];
    assert_eq!(of_till(&second), expected.map(|(version, text)| (version, text.to_owned())));
    assert_eq!(second.sorted(), emmett.expected.events(&cluster, "emmett", ""));
    append(4);
    let third = read(&source, Some(second.since())).await.unwrap();
    assert!(matches!(third.reading, Reading::Further(_)), "{:?}", third.reading);
    assert_eq!(of_till(&third), [(2, "false".to_owned())]);
}
