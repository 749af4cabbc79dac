//! What the record of an event has of its line.

use super::fixture::{Options, chunk, read};
use crate::events::ndjson::MemberMap;
use icecore_format::event::{EventId, EventTime};
use icecore_format::time::Timestamp;

/// What a test looks at of an event.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    stream: String,
    version: u64,
    event_type: String,
    payload: String,
    position: Option<u64>,
    uuid: Option<[u8; 16]>,
    id: Option<String>,
    time: Option<Timestamp>,
    time_text: Option<String>,
    metadata: Option<String>,
    further: Vec<(String, String)>,
}

fn see(line: &str, options: &Options) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let read = read(line.as_bytes(), options).expect("it is an event");
    let mut seen = Seen::default();
    let visited = chunk(&read.batches[0]).visit(|restored| {
        let event = restored.event;
        seen = Seen {
            stream: event.stream.to_owned(),
            version: event.version,
            event_type: event.event_type.to_owned(),
            payload: text(restored.payload),
            position: restored.position,
            uuid: if let EventId::Uuid(uuid) = event.id { Some(uuid) } else { None },
            id: if let EventId::Text(text) = event.id { Some(text.to_owned()) } else { None },
            time: event.time.timestamp(),
            time_text: match event.time {
                EventTime::Text(text) => Some(text.to_owned()),
                EventTime::None | EventTime::At(_) => None,
            },
            metadata: event.metadata.map(text),
            further: event
                .members
                .iter()
                .map(|(name, value)| (name.to_owned(), text(value)))
                .collect(),
        };
        Ok::<(), icecore_format::DecodeError>(())
    });
    visited.expect("the chunk decodes");
    seen
}

/// What is seen of a line with these members beyond the required ones.
fn see_with(members: &str) -> Seen {
    let line = r#"{"stream_id":"a","version":1,"type":"T","data":0,"#.to_owned() + members + "}";
    see(&line, &Options::default())
}

#[test]
fn a_record_has_every_field_of_its_line() {
    let line = r#" { "tenant" : {"a": 1} , "stream_id":"\u0061\n" , "version":1e2,"type":"",
        "data": [ 1 , "\ud800" ], "position":7, "event_id":"00112233-4455-6677-8899-aabbccddeeff",
        "recorded_at":"1970-01-01T00:00:01Z", "metadata":false , "x":null } "#
        .replace('\n', " ");
    let uuid = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff_u128.to_be_bytes();
    let expected = Seen {
        stream: "a\n".to_owned(),
        version: 100,
        event_type: String::new(),
        payload: r#"[ 1 , "\ud800" ]"#.to_owned(),
        position: Some(7),
        uuid: Some(uuid),
        time: Some(Timestamp(1_000_000_000)),
        metadata: Some("false".to_owned()),
        further: vec![
            ("tenant".to_owned(), "{\"a\": 1}".to_owned()),
            ("x".to_owned(), "null".to_owned()),
        ],
        ..Seen::default()
    };
    assert_eq!(see(&line, &Options::default()), expected);
}

#[test]
fn null_in_an_optional_field_is_its_absence() {
    let seen = see_with(r#""position":null,"event_id":null,"recorded_at":null,"metadata":null"#);
    assert_eq!(seen, see_with(r#""metadata":null"#));
    assert!(seen.metadata.is_none() && seen.further.is_empty());
}

#[test]
fn ids_and_times_of_other_kinds_are_text() {
    let seen = see_with(r#""event_id":"00112233-4455-6677-8899-AABBCCDDEEFF","recorded_at":"now""#);
    assert_eq!(seen.id.as_deref(), Some("00112233-4455-6677-8899-AABBCCDDEEFF"));
    assert_eq!(seen.time_text.as_deref(), Some("now"));
    let seen = see_with(r#""event_id":17,"recorded_at":1.5e9"#);
    assert_eq!((seen.id.as_deref(), seen.time_text.as_deref()), (Some("17"), Some("1.5e9")));
}

#[test]
fn a_value_of_another_kind_than_its_optional_field_is_a_further_member() {
    for member in [
        r#""position":"00112233-4455-6677-8899-aabbccddeeff""#,
        r#""position":-1"#,
        r#""event_id":{"high":1}"#,
        r#""event_id":"\udc00""#,
        r#""recorded_at":{"$date":1}"#,
    ] {
        let (name, value) = member.split_once(':').expect("a member");
        let further = vec![(name.trim_matches('"').to_owned(), value.to_owned())];
        assert_eq!(see_with(member), Seen { further, ..see_with(r#""metadata":null"#) });
    }
}

#[test]
fn of_members_with_one_name_the_last_one_counts() {
    let seen = see_with(r#""x":1,"position":"p","version":2,"\u0078":3,"position":4"#);
    assert_eq!((seen.version, seen.position), (2, Some(4)));
    assert_eq!(seen.further, [("x".to_owned(), "3".to_owned())]);
}

#[test]
fn a_line_may_have_very_many_members() {
    let members: Vec<_> =
        (0..20_000).map(|number| format!("\"m{}\":{number}", number % 15_000)).collect();
    let seen = see_with(&members.join(","));
    assert_eq!(seen.further.len(), 15_000);
    assert_eq!(seen.further.last(), Some(&("m4999".to_owned(), "19999".to_owned())));
}

#[test]
fn a_map_reads_other_members_and_keeps_those_that_it_replaces() {
    let members = MemberMap::new([("stream_id", "aggregateId"), ("data", "payload")]);
    let options = Options { members: members.expect("a map"), ..Options::default() };
    let line = r#"{"aggregateId":"a","version":1,"type":"T","payload":2,"data":3}"#;
    let seen = see(line, &options);
    assert_eq!((seen.stream.as_str(), seen.payload.as_str()), ("a", "2"));
    assert_eq!(seen.further, [("data".to_owned(), "3".to_owned())]);
}
