//! Dumps: every value comes back exactly as it is, from lines and from MessagePack.

use super::fixture::{Options, chunk, read};
use crate::events::ndjson::DumpFormat;
use crate::events::ndjson::default_line::BASE64_MEMBER;
use crate::events::ndjson::encode::LineEncoder;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use icecore::target::{EventChunk, EventEncoder};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload, RecordBodies};
use icecore_format::time::Timestamp;
use rmp::decode::{read_bin_len, read_int, read_map_len, read_str_len};

const LINE: &[u8] =
    b"{ \"version\":1,\"type\":\"T\",\"data\" : 1,\"stream_id\":\"\\u0061\",\"x\":2}";

fn dump(chunk: &EventChunk, format: DumpFormat) -> Vec<u8> {
    LineEncoder::new(Some(format)).encode(chunk).expect("the chunk can be encoded").bytes
}

/// The chunk of one event that comes from a source of another kind.
fn foreign(event: &Event<'_>) -> EventChunk {
    let read = read(LINE, &Options::default()).expect("it is an event");
    let mut records = vec![icecore_format::event::record::VERSION];
    event.encode_into(&mut records);
    EventChunk { records: records.into(), beside: None, ..chunk(&read.batches[0]) }
}

/// The values of an event: payload, metadata and further members.
#[derive(Debug, PartialEq, Eq)]
struct Values {
    payload: Vec<u8>,
    metadata: Option<Vec<u8>>,
    members: Vec<(String, Vec<u8>)>,
}

/// What a dumped line says of these, read by its documentation alone.
fn values(line: &[u8]) -> Values {
    let read = read(line, &Options::default()).expect("a dumped line is an event");
    let batch = &read.batches[0];
    let body = RecordBodies::unversioned(&batch.records).next().expect("one event");
    let event = Event::decode_body(body.expect("a record")).expect("an event");
    let Payload::Inline(payload) = event.payload else { panic!("it is inline") };
    let last = |name: &str| event.members.iter().filter(|(it, _)| *it == name).last();
    let encoded: Vec<String> = last(BASE64_MEMBER)
        .map(|(_, names)| serde_json::from_slice(names).expect("a list of names"))
        .unwrap_or_default();
    let exact = |name: &str, value: &[u8]| {
        if !encoded.iter().any(|it| it == name) {
            return value.to_vec();
        }
        let text: String = serde_json::from_slice(value).expect("a string");
        STANDARD.decode(text).expect("base64")
    };
    let members = event.members.iter().filter(|(name, _)| *name != BASE64_MEMBER);
    let members = members.map(|(name, value)| (name.to_owned(), exact(name, value))).collect();
    let metadata = event.metadata.map(|it| exact("metadata", it));
    Values { payload: exact("data", payload), metadata, members }
}

#[test]
fn lines_are_alike_whatever_those_of_the_source_were() {
    let read = read(LINE, &Options::default()).expect("it is an event");
    let dumped = dump(&chunk(&read.batches[0]), DumpFormat::JsonLines);
    assert_eq!(
        String::from_utf8(dumped).expect("lines are text"),
        "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1,\"x\":2}\n"
    );
}

#[test]
fn every_value_comes_back_from_its_line_byte_for_byte() {
    let odd: [&[u8]; 11] = [
        b"{\"a\": 1}",
        b" {}",
        b"{}\t",
        b"{\n\"a\":\r\n1}",
        b"<a>\"b\"</a>",
        b"",
        b"\xff\x00\n",
        b"null",
        b"\"\xc3\xa4\"",
        b"1e400",
        b"{\"a\":1,\"a\":2}",
    ];
    for value in odd {
        for other in odd {
            let mut members = Vec::new();
            Members::put(&mut members, "tenant", value);
            let event = Event {
                stream: "a \"b\"\n",
                version: u64::MAX,
                event_type: "T",
                id: EventId::Uuid([0x11; 16]),
                time: EventTime::At(Timestamp(1)),
                metadata: Some(other),
                members: Members::new(&members),
                payload: Payload::Inline(value),
            };
            let line = dump(&foreign(&event), DumpFormat::JsonLines);
            assert_eq!(memchr::memchr_iter(b'\n', &line).count(), 1);
            let expected = Values {
                payload: value.to_vec(),
                metadata: Some(other.to_vec()),
                members: vec![("tenant".to_owned(), value.to_vec())],
            };
            assert_eq!(values(&line), expected);
        }
    }
}

#[test]
fn a_member_of_the_event_is_not_taken_for_the_list_of_what_stands_in_base64() {
    for payload in [b"1".as_slice(), b"\xff"] {
        let mut members = Vec::new();
        Members::put(&mut members, BASE64_MEMBER, b"[\"data\"]");
        let event = Event {
            stream: "a",
            version: 1,
            event_type: "T",
            id: EventId::None,
            time: EventTime::None,
            metadata: None,
            members: Members::new(&members),
            payload: Payload::Inline(payload),
        };
        assert_eq!(values(&dump(&foreign(&event), DumpFormat::JsonLines)).payload, payload);
    }
}

/// Reads MessagePack, and nothing else.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, bytes: u32) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(bytes as usize);
        self.0 = rest;
        taken.to_vec()
    }

    fn text(&mut self) -> String {
        let length = read_str_len(&mut self.0).expect("a string");
        String::from_utf8(self.take(length)).expect("text")
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = read_bin_len(&mut self.0).expect("bytes");
        self.take(length)
    }

    fn number(&mut self) -> u64 {
        read_int(&mut self.0).expect("a number")
    }

    fn map(&mut self) -> u32 {
        read_map_len(&mut self.0).expect("a map")
    }
}

#[test]
fn every_value_comes_back_from_messagepack_byte_for_byte() {
    let mut members = Vec::new();
    Members::put(&mut members, "tenant", b"\x00\xff");
    let full = Event {
        stream: "a \"b\"",
        version: u64::MAX,
        event_type: "T",
        id: EventId::Uuid([0x11; 16]),
        time: EventTime::At(Timestamp(1_500_000_000)),
        metadata: Some(b"{}"),
        members: Members::new(&members),
        payload: Payload::Inline(b"\xff\n"),
    };
    let plain = Event {
        id: EventId::Text("seven"),
        time: EventTime::None,
        metadata: None,
        members: Members::default(),
        ..full
    };
    let mut dumped = dump(&foreign(&full), DumpFormat::MessagePack);
    dumped.extend(dump(&foreign(&plain), DumpFormat::MessagePack));
    let mut reader = Reader(&dumped);
    for (is_full, count) in [(true, 8), (false, 5)] {
        assert_eq!(reader.map(), count);
        assert_eq!((reader.text(), reader.text()), ("stream_id".into(), "a \"b\"".into()));
        assert_eq!((reader.text(), reader.number()), ("version".into(), u64::MAX));
        assert_eq!((reader.text(), reader.text()), ("type".into(), "T".into()));
        let id = if is_full { "11111111-1111-1111-1111-111111111111" } else { "seven" };
        assert_eq!((reader.text(), reader.text()), ("event_id".into(), id.into()));
        if is_full {
            let time = "1970-01-01T00:00:01.500000Z";
            assert_eq!((reader.text(), reader.text()), ("recorded_at".into(), time.into()));
        }
        assert_eq!((reader.text(), reader.bytes()), ("data".into(), b"\xff\n".to_vec()));
        if is_full {
            assert_eq!((reader.text(), reader.bytes()), ("metadata".into(), b"{}".to_vec()));
            assert_eq!((reader.text(), reader.map()), ("members".into(), 1));
            assert_eq!((reader.text(), reader.bytes()), ("tenant".into(), b"\x00\xff".to_vec()));
        }
    }
    assert!(reader.0.is_empty());
}
