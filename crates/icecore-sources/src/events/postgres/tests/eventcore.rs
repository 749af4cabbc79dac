//! EventCore: events come as the server has them.

use super::reading::read_as;
use super::support::{Shop, id, published, visit};
use icecore::selection::StreamSelection;
use icecore::source::{Source, SourceRequest, WantedFiles};
use icecore_format::event::{EventTime, Payload};

/// What an event is, in the spelling of [`SQL`].
async fn events(shop: &Shop) -> Vec<String> {
    let mut reader = shop.source().open(&SourceRequest::default()).await.unwrap();
    let mut events = Vec::new();
    while let Some(batch) = reader.next().await.unwrap() {
        let batch = batch.parse().unwrap();
        let mut positions = batch.positions.iter();
        visit(&batch.records, |event| {
            let Payload::Inline(payload) = event.payload else { panic!("it is inline") };
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let time = match event.time {
                EventTime::At(time) => (time.0 / 1000).to_string(),
                EventTime::Text(text) => text.to_owned(),
                EventTime::None => String::new(),
            };
            let position = positions.next().copied().flatten();
            events.push(format!(
                "{}|{}|{}|{time}|{}|{}|{}",
                event.stream,
                event.version,
                event.event_type,
                text(payload),
                text(event.metadata.unwrap_or_default()),
                position.map_or(String::new(), |position| position.to_string()),
            ));
        });
    }
    reader.finish().await.unwrap();
    events
}

const SQL: &str = "SELECT stream_id, stream_version, event_type, \
    (extract(epoch FROM created_at) * 1000000)::bigint, event_data, metadata";

#[tokio::test(flavor = "multi_thread")]
async fn every_event_comes_with_all_that_the_table_has_of_it() {
    let shop = Shop::new("eventcore");
    shop.sql(&published("eventcore", "fill.sql"));
    let mut expected: Vec<String> = shop
        .sql(&format!("SET TimeZone = 'UTC'; {SQL}, '' FROM eventcore_events"))
        .lines()
        .map(str::to_owned)
        .collect();
    let mut found = events(&shop).await;
    assert!(found.len() >= 8, "{}", found.len());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_with_positions_come_in_their_order() {
    let shop = Shop::new("eventcore-delivery");
    shop.sql(&published("eventcore-delivery", "fill.sql"));
    let sql = format!(
        "{SQL}, delivery_position FROM eventcore_events \
         JOIN eventcore_projection_delivery USING (event_id) ORDER BY delivery_position"
    );
    assert_eq!(events(&shop).await, shop.sql(&sql).lines().collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_position_is_not_left_out() {
    let shop = Shop::new("eventcore-delivery");
    shop.append(1, "order-1");
    shop.sql("ALTER TABLE eventcore_events DISABLE TRIGGER eventcore_projection_delivery_trigger");
    shop.append(2, "order-1");
    let first = shop.read(None).await;
    assert_eq!(first.ids(), [id(1), id(2)]);
    shop.append(3, "order-1");
    let second = shop.read(Some(first.since())).await;
    assert!(second.is_further(), "{:?}", second.reading);
    assert_eq!(second.ids(), [id(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_times_and_large_payloads_come_as_they_are() {
    let shop = Shop::new("eventcore");
    shop.sql("SET TimeZone = 'Asia/Kathmandu'");
    for (number, time) in
        ["infinity", "-infinity", "4713-01-01 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00"]
            .iter()
            .enumerate()
    {
        let id = id(number as u32);
        shop.sql(&format!(
            "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data, created_at) \
             VALUES ('{id}', '\u{e9}\u{1f600} \"x\" ''y''', 'T', \
                     jsonb_build_object('text', repeat('x', {number} * 700000)), '{time}')"
        ));
    }
    let found = events(&shop).await;
    let times: Vec<&str> = found.iter().map(|event| event.split('|').nth(3).unwrap()).collect();
    assert_eq!(
        times,
        [
            "infinity",
            "-infinity",
            "4713-01-01 00:00:00.000000+00 BC",
            "294276-12-31 23:59:59.999999+00"
        ]
    );
    assert!(found[3].len() > 2_100_000);
    assert!(found.iter().all(|event| event.starts_with("\u{e9}\u{1f600} \"x\" 'y'|")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_streams_that_are_wanted_are_read() {
    let shop = Shop::new("eventcore");
    for (number, stream) in ["order-1", "order-2", "user-1", "order-1", "a'b\\c"].iter().enumerate()
    {
        shop.append(number as u32, &stream.replace('\'', "''"));
    }
    for (patterns, expected) in [
        (vec!["order-1"], vec![0, 3]),
        (vec!["order-*"], vec![0, 1, 3]),
        (vec!["user-1", "order-2"], vec![1, 2]),
        (vec!["a'b\\\\c"], vec![4]),
        (vec!["nobody"], vec![]),
    ] {
        let streams = StreamSelection::new(patterns.iter().map(|it| (*it).to_owned()).collect());
        let request = SourceRequest { streams: streams.unwrap(), ..SourceRequest::default() };
        let found = read_as(&shop.source(), request.clone()).await.unwrap();
        let expected: Vec<String> = expected.into_iter().map(id).collect();
        assert_eq!(found.ids(), expected, "{patterns:?}");
        // What is new is that of these streams.
        let request = SourceRequest { since: Some(found.since()), ..request };
        let again = read_as(&shop.source(), request).await.unwrap();
        assert!(again.is_further());
        assert_eq!(again.ids(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_beside_the_events_is_there() {
    let shop = Shop::new("eventcore-delivery");
    shop.sql(&published("eventcore-delivery", "fill.sql"));
    let names = |files| {
        let shop = &shop;
        async move {
            let request = SourceRequest { files, ..SourceRequest::default() };
            let end = read_as(&shop.source(), request).await.unwrap().end;
            end.files.into_iter().map(|file| (file.name, file.content.len())).collect::<Vec<_>>()
        }
    };
    let without = names(WantedFiles::Usual).await;
    let of = |name: &str| without.iter().find(|(found, _)| found == name).map(|(_, bytes)| *bytes);
    assert!(of("eventcore_subscription_versions.copy").unwrap() > 0);
    assert!(of("eventcore_projection_delivery_frontier.copy").unwrap() > 0);
    assert!(of("_sqlx_migrations.copy").unwrap() > 0);
    assert!(of("store.json").unwrap() > 0);
    let states = "eventcore_command_state_snapshots.copy";
    assert_eq!(of(states), None);
    let with = names(WantedFiles::WithState).await;
    assert!(with.iter().any(|(name, bytes)| name == states && *bytes > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_to_read_is_estimated_beforehand() {
    for store in ["eventcore", "eventcore-delivery"] {
        let shop = Shop::new(store);
        let source = shop.source();
        let expected = async |since| {
            let request = SourceRequest { since, ..SourceRequest::default() };
            source.open(&request).await.unwrap().bytes_expected()
        };
        assert_eq!(expected(None).await, Some(0), "{store}");
        shop.sql(
            "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             SELECT gen_random_uuid(), 'order-' || n, 'Placed', to_jsonb(repeat(n::text, 50)) \
             FROM generate_series(1, 4000) n",
        );
        let all = shop.read(None).await;
        let bytes = expected(None).await.unwrap();
        assert!((400_000..4_000_000).contains(&bytes), "{store}: {bytes}");

        assert_eq!(expected(Some(all.since())).await, Some(0), "{store}");
        shop.sql(
            "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             SELECT gen_random_uuid(), 'order-' || n, 'Paid', '{}' FROM generate_series(1, 400) n",
        );
        let of_new = expected(Some(all.since())).await.unwrap();
        assert!(of_new > 0 && of_new < bytes / 5, "{store}: {of_new} of {bytes}");
    }
}
