//! Values that a backup could change on their way: times, ids, payloads, and what is no UTF-8.

use super::reading::{read, read_as, source};
use super::stores::store;
use super::support::{DATABASE, Shop, id, published, visit};
use crate::events::postgres::{PostgresSource, SchemaChoice, TableMapping};
use icecore::selection::StreamSelection;
use icecore::source::{Reading, Source, SourceRequest};
use icecore_format::event::Payload;
use icecore_test_cluster::{Cluster, ClusterOptions};

#[tokio::test(flavor = "multi_thread")]
async fn times_do_not_depend_on_time_zones_of_sessions() {
    let cluster = Cluster::start();
    for folder in ["eventcore", "disintegrate", "marten-guid", "rails-event-store-json"] {
        cluster.create_database(folder);
        store(folder).make(&cluster, folder, "");
        let source = source(&cluster, folder, SchemaChoice::default());
        let before = read(&source, None).await.unwrap();
        assert!(before.events.iter().any(|event| event.time.is_some()), "{folder}");
        cluster.psql(
            folder,
            &format!(
                "ALTER DATABASE \"{folder}\" SET TimeZone = 'Asia/Kathmandu'; \
                 ALTER DATABASE \"{folder}\" SET DateStyle = 'German'; \
                 ALTER ROLE postgres SET IntervalStyle = 'iso_8601'; \
                 ALTER ROLE postgres IN DATABASE \"{folder}\" SET extra_float_digits = -5; \
                 ALTER DATABASE \"{folder}\" SET bytea_output = 'escape'"
            ),
        );
        assert_eq!(cluster.psql(folder, "SHOW TimeZone"), "Asia/Kathmandu");
        let after = read(&source, None).await.unwrap();
        assert_eq!(after.events, before.events, "{folder}");
        let nothing = read(&source, Some(before.since())).await.unwrap();
        assert!(matches!(nothing.reading, Reading::Further(_)), "{folder}: {:?}", nothing.reading);
        assert_eq!(nothing.events, [], "{folder}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_ids_are_what_they_are_to_the_letter() {
    let shop = Shop::new("eventcore");
    let odd = [
        "x".repeat(255),
        "é😀".repeat(100),
        "e\u{301}".to_owned(),
        "é".to_owned(),
        " leading and trailing ".to_owned(),
        "%_*?[a]{b}\\".to_owned(),
        "tab\tand\nline".to_owned(),
        "\u{feff}\u{200b}\u{202e}".to_owned(),
        "'; DROP TABLE eventcore_events; --".to_owned(),
    ];
    for (number, stream) in odd.iter().enumerate() {
        shop.append(number as u32, &stream.replace('\'', "''"));
    }
    let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
    let all = read(&source, None).await.unwrap();
    let streams: Vec<&str> = all.events.iter().map(|event| event.stream.as_str()).collect();
    assert_eq!(streams, odd);
    for (number, stream) in odd.iter().enumerate() {
        let streams = StreamSelection::with_ids(Vec::new(), [stream.clone()].into()).unwrap();
        let request = SourceRequest { streams, ..SourceRequest::default() };
        let found = read_as(&source, request).await.unwrap();
        assert_eq!(found.ids(), [id(number as u32)], "{stream:?}");
    }
}

/// The payload of each event, in order.
async fn payloads(source: &PostgresSource) -> Vec<Vec<u8>> {
    let mut reader = source.open(&SourceRequest::default()).await.unwrap();
    let mut payloads = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        visit(&batch.parse().unwrap().records, |event| {
            let Payload::Inline(payload) = event.payload else { panic!("it is inline") };
            payloads.push(payload.to_vec());
        });
    }
    reader.finish().await.unwrap();
    payloads
}

fn mapped(cluster: &Cluster, table: &str) -> PostgresSource {
    let mapping = TableMapping {
        table: table.to_owned(),
        payload: "data".to_owned(),
        order: Some("no".to_owned()),
        ..TableMapping::default()
    };
    let choice = SchemaChoice { mapping: Some(mapping), ..SchemaChoice::default() };
    source(cluster, "postgres", choice)
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_come_byte_for_byte_from_none_to_64_mib() {
    const LARGE_BYTES: usize = 64 << 20;
    let cluster = Cluster::start();
    cluster.psql(
        "postgres",
        &format!(
            "CREATE TABLE bytes (no int, data bytea); CREATE TABLE texts (no int, data json); \
             INSERT INTO bytes VALUES (1, ''), (2, '\\x00ff80c3280a'), \
                 (3, decode(repeat('00ff', {half}), 'hex')); \
             INSERT INTO texts VALUES (1, '\"\"'), (2, ' {{ \"a\" : 1.0, \"a\":1e400}} '), \
                 (3, ('\"' || repeat('ab', {half} - 1) || '\"')::json)",
            half = LARGE_BYTES / 2
        ),
    );
    let found = payloads(&mapped(&cluster, "bytes")).await;
    assert_eq!(found[..2], [b"".to_vec(), b"\x00\xff\x80\xc3\x28\x0a".to_vec()]);
    assert!(found[2] == b"\x00\xff".repeat(LARGE_BYTES / 2));
    let found = payloads(&mapped(&cluster, "texts")).await;
    assert_eq!(found[..2], [b"\"\"".to_vec(), b" { \"a\" : 1.0, \"a\":1e400} ".to_vec()]);
    assert_eq!(found[2].len(), LARGE_BYTES);
    assert!(found[2][1..LARGE_BYTES - 1] == *b"ab".repeat(LARGE_BYTES / 2 - 1));
}

/// A server whose databases have this encoding, with an EventCore store.
fn encoded(encoding: &str) -> Shop {
    let options = ClusterOptions { encoding: encoding.to_owned(), ..ClusterOptions::default() };
    let shop = Shop { cluster: Cluster::start_with(&options) };
    shop.cluster.create_database(DATABASE);
    shop.sql(&published("eventcore", "schema.sql"));
    shop
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_another_encoding_are_the_same_texts() {
    let shop = encoded("LATIN1");
    shop.sql(
        "SET client_encoding = 'UTF8'; \
         INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) VALUES \
         ('019a0000-0000-7000-8000-000000000001', 'Zoë', 'Grüße', '{\"a\": \"é\"}')",
    );
    assert_eq!(shop.sql("SELECT octet_length(stream_id) FROM eventcore_events"), "3");
    let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
    let given = read(&source, None).await.unwrap();
    let [event] = given.events.as_slice() else { panic!("it is one") };
    assert_eq!((event.stream.as_str(), event.event_type.as_str()), ("Zoë", "Grüße"));
    // Of UTF-8: `{"a": "é"}`.
    assert_eq!(event.payload, "7b2261223a2022c3a9227d");
    // Also where it is chosen by an id, beside one that the database cannot have.
    let ids = ["Zoë", "😀"].map(str::to_owned).into();
    let streams = StreamSelection::with_ids(Vec::new(), ids).unwrap();
    let request = SourceRequest { streams, ..SourceRequest::default() };
    assert_eq!(read_as(&source, request).await.unwrap().ids().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_no_encoding_are_refused_and_never_changed() {
    let shop = encoded("SQL_ASCII");
    let add = |number: u32, stream: &str, data: &str| {
        shop.sql(&format!(
            "SET client_encoding = 'SQL_ASCII'; \
             INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             VALUES ('{}', {stream}, 'T', {data})",
            id(number)
        ));
    };
    // What is UTF-8 there is what it is.
    add(1, "'Zoë'", "'{}'");
    let source = source(&shop.cluster, DATABASE, SchemaChoice::default());
    let given = read(&source, None).await.unwrap();
    assert_eq!(given.events[0].stream, "Zoë");
    for (number, stream, data) in
        [(2, "E'Zo\\xeb'", "'{}'"), (3, "'s'", "E'{\"name\": \"Zo\\xeb\"}'")]
    {
        add(number, stream, data);
        let error = read(&source, None).await.err().expect("it is refused").to_string();
        assert!(error.contains("a text in the database is no UTF-8"), "{error}");
        let error = read(&source, Some(given.since())).await.err().expect("it is refused");
        assert!(error.to_string().contains("a text in the database is no UTF-8"), "{error}");
        shop.sql(&format!(
            "SET session_replication_role = replica; DELETE FROM eventcore_events \
             WHERE event_id = '{}'",
            id(number)
        ));
    }
    let given = read(&source, Some(given.since())).await.unwrap();
    assert_eq!(given.events, []);
}
