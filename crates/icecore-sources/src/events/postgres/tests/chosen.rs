//! Streams that are chosen by their ids: the server finds them, and nothing else is read.

use super::reading::{Found, Given, read, read_as, source};
use super::stores::STORES;
use super::support::{DATABASE, Shop};
use crate::events::postgres::SchemaChoice;
use icecore::selection::StreamSelection;
use icecore::source::{Reading, Since, Source, SourceRequest};
use icecore_test_cluster::Cluster;
use std::collections::BTreeSet;

fn request(ids: &BTreeSet<String>, since: Option<Since>) -> SourceRequest {
    let streams = StreamSelection::with_ids(Vec::new(), ids.clone()).unwrap();
    SourceRequest { streams, since, ..SourceRequest::default() }
}

/// The events of these streams, in their order.
fn of_streams(events: &[Found], ids: &BTreeSet<String>) -> Vec<Found> {
    events.iter().filter(|event| ids.contains(&event.stream)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_every_store_exactly_the_chosen_streams_are_read() {
    let cluster = Cluster::start();
    for store in STORES {
        let database = store.folder;
        cluster.create_database(database);
        store.make(&cluster, database, "");
        let source = source(&cluster, database, SchemaChoice::default());
        let all = read(&source, None).await.unwrap();
        let streams: BTreeSet<&String> = all.events.iter().map(|event| &event.stream).collect();
        let mut ids: BTreeSet<String> = streams.into_iter().step_by(2).cloned().collect();
        // What no store has, and what must not end a text in SQL.
        for odd in ["nobody", "a'b", "a\"b", "a\\b", "{a,b}", "NULL", "", " ", "nul\0"] {
            ids.insert(odd.to_owned());
        }
        let mut chosen = read_as(&source, request(&ids, None)).await.unwrap().events;
        let mut expected = of_streams(&all.events, &ids);
        chosen.sort();
        expected.sort();
        assert!(!expected.is_empty(), "{database}");
        assert_eq!(chosen, expected, "{database}");
    }
}

/// Appends so many events to each of so many streams, in turn.
fn fill(shop: &Shop, streams: u32, events: u32) {
    shop.sql(&format!(
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
         SELECT gen_random_uuid(), 'order-' || stream, 'Happened', \
                jsonb_build_object('text', repeat(md5(stream::text), 20)) \
         FROM generate_series(1, {events}) number, generate_series(1, {streams}) stream \
         ORDER BY number, stream"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_come_in_the_order_of_the_store_and_a_later_reading_goes_on() {
    for schema in ["eventcore", "eventcore-delivery"] {
        let shop = Shop::new(schema);
        fill(&shop, 2000, 2);
        let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
        let ids: BTreeSet<String> =
            (1..=1500).map(|number| format!("order-{}", number * 3)).collect();
        let all = read(&source, None).await.unwrap();
        let expected = of_streams(&all.events, &ids);
        assert_eq!(expected.len(), 1332);
        let first = read_as(&source, request(&ids, None)).await.unwrap();
        assert_in_order(schema, &first, &expected);

        fill(&shop, 2000, 1);
        let second = read_as(&source, request(&ids, Some(first.since()))).await.unwrap();
        assert!(matches!(second.reading, Reading::Further(_)), "{schema}: {:?}", second.reading);
        let all = read(&source, None).await.unwrap();
        let expected = of_streams(&all.events, &ids);
        assert_eq!(second.events.len(), 666);
        assert!(second.events.iter().all(|event| event.version == 3));
        // All of it at once is the same.
        let whole = read_as(&source, request(&ids, None)).await.unwrap();
        assert_in_order(schema, &whole, &expected);
        if schema == "eventcore-delivery" {
            assert!([first.events, second.events].concat() == whole.events);
        }
    }
}

/// Whether these are the events, with those of each stream in order, and all of them where the store
/// has an order.
fn assert_in_order(schema: &str, given: &Given, expected: &[Found]) {
    if schema == "eventcore-delivery" {
        assert!(given.events == expected);
    }
    let sorted = |events: &[Found]| {
        let mut events = events.to_vec();
        // Stable: of one stream they stay as they are.
        events.sort_by(|a, b| a.stream.cmp(&b.stream));
        events
    };
    assert!(sorted(&given.events) == sorted(expected), "{schema}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_stream_with_an_event_that_cannot_be_taken_is_named() {
    let shop = Shop::new("eventcore");
    shop.append(1, "good");
    shop.append(2, "bad");
    shop.sql(
        "ALTER TABLE eventcore_events ALTER event_type TYPE text; \
         ALTER TABLE eventcore_events DISABLE TRIGGER USER; \
         UPDATE eventcore_events SET event_type = repeat('x', 65537) WHERE stream_id = 'bad'",
    );
    let why = "\"public\".\"eventcore_events\": the event at version 1 of stream 'bad': \
               its type is longer than 64 KiB";
    let source = shop.source();
    let all = read(&source, None).await.err().unwrap();
    assert_eq!(all.to_string(), why);
    let ids = ["bad", "good"].map(str::to_owned).into();
    let mut request = request(&ids, None);
    let mut reader = source.open(&request).await.unwrap();
    let mut defects = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        defects.append(&mut batch.parse().unwrap().defects);
    }
    let [defect] = defects.try_into().unwrap();
    assert_eq!((defect.stream.as_str(), defect.defect.to_string().as_str()), ("bad", why));
    // Without it, the other can be read, by its id or a pattern.
    request.streams = request.streams.without([&defect.stream]);
    let given = read_as(&source, request.clone()).await.unwrap();
    assert_eq!(given.events.len(), 1);
    request.streams = StreamSelection::new(vec!["go*".to_owned()]).unwrap();
    assert_eq!(read_as(&source, request).await.unwrap().events, given.events);
}
