//! Lines that are no events, and what is said about them.

use super::fixture::{Options, read};
use crate::events::ndjson::{MemberMap, piece::Sizes};

const EVENT: &str = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1}\n";

#[track_caller]
fn fault(file: &[u8], options: &Options) -> String {
    let error = read(file, options).expect_err("it is no file of events");
    assert_eq!(error.kind, icecore::source::SourceErrorKind::Invalid);
    error.to_string()
}

#[test]
fn a_line_that_is_no_event_is_named_with_what_is_wrong() {
    let name = "n".repeat(65_537);
    let long_stream = format!(r#"{{"stream_id":"{name}","version":1,"type":"T","data":1}}"#);
    let long_name = format!(r#"{{"stream_id":"a","version":1,"type":"T","data":1,"{name}":1}}"#);
    for (line, expected) in [
        ("x", "not JSON at byte 1: expected a value"),
        ("{\"stream_id\" 1}", "not JSON at byte 14: expected a colon"),
        ("{\"a\":1", "not JSON at byte 7: expected a comma or a closing brace"),
        ("{a:1}", "not JSON at byte 2: expected a member's name or a closing brace"),
        ("{\"a\":1,}", "not JSON at byte 8: expected a member's name or a closing brace"),
        ("{\"a\":{\"b\":1,}}", "not JSON at byte 13: expected a member's name"),
        ("{\"a\":[1 2]}", "not JSON at byte 9: expected a comma or a closing bracket"),
        ("{\"a\":[1,]}", "not JSON at byte 9: expected a value"),
        ("{\"a\":tru}", "not JSON at byte 6: expected a value"),
        ("{\"a\":01}", "not JSON at byte 7: expected a comma or a closing brace"),
        ("{\"a\":1.}", "not JSON at byte 8: expected a digit"),
        ("{\"a\":\"\t\"}", "not JSON at byte 7: a control character in a string"),
        ("{\"a\":\"\\x\"}", "not JSON at byte 8: an unknown escape"),
        ("{\"a\":\"\\u12\"}", "not JSON at byte 11: expected four hexadecimal digits"),
        ("{\"a\":1} {}", "not JSON at byte 9: expected the end of the line"),
        ("\u{feff}{}", "not JSON at byte 1: expected a value"),
        ("[1]", "not an object"),
        ("{}", "\"stream_id\" is missing"),
        (r#"{"stream_id":"a"}"#, "\"version\" is missing"),
        (r#"{"stream_id":"a","version":1}"#, "\"type\" is missing"),
        (r#"{"stream_id":"a","version":1,"type":""}"#, "\"data\" is missing"),
        (r#"{"stream_id":1}"#, "\"stream_id\" is not a string"),
        (r#"{"stream_id":null}"#, "\"stream_id\" is not a string"),
        (r#"{"stream_id":""}"#, "\"stream_id\" is empty"),
        (
            r#"{"stream_id":"\ud800"}"#,
            "\"stream_id\" has half of a surrogate pair, which is no text",
        ),
        (r#"{"type":"x\udc00"}"#, "\"type\" has half of a surrogate pair, which is no text"),
        (r#"{"type":[]}"#, "\"type\" is not a string"),
        (r#"{"version":"1"}"#, "\"version\" is not a number"),
        (r#"{"version":-1}"#, "\"version\" is negative"),
        (r#"{"version":1.5}"#, "\"version\" has a fraction"),
        (r#"{"version":1e20}"#, "\"version\" is larger than 18446744073709551615"),
        (&long_stream, "\"stream_id\" is longer than 65536 bytes"),
        (&long_name, "a member's name is longer than 65536 bytes"),
    ] {
        let file = format!("{EVENT}\r\n{EVENT}{line}\n{EVENT}");
        let expected = format!("line 4 of shop.ndjson is no event: {expected}");
        assert_eq!(fault(file.as_bytes(), &Options::default()), expected);
    }
}

#[test]
fn text_that_is_not_utf8_is_named_after_whatever_is_wrong_before_it() {
    let lines = |first: &str| [EVENT.as_bytes(), first.as_bytes(), b"{\"a\":\"\xff\"}\n"].concat();
    assert_eq!(
        fault(&lines(EVENT), &Options::default()),
        "line 3 of shop.ndjson is no event: not UTF-8 at byte 7"
    );
    assert_eq!(
        fault(&lines("[]\n"), &Options::default()),
        "line 2 of shop.ndjson is no event: not an object"
    );
}

#[test]
fn lines_are_counted_across_pieces() {
    let file = EVENT.repeat(100) + "\n\n[]\n";
    let sizes = Sizes { piece_bytes: 64, ..Sizes::default() };
    assert_eq!(
        fault(file.as_bytes(), &Options { sizes, ..Options::default() }),
        "line 103 of shop.ndjson is no event: not an object"
    );
}

#[test]
fn a_line_longer_than_any_event_is_refused_before_all_of_it_is_read() {
    let sizes = Sizes { piece_bytes: 64, event_bytes_max: 1000, ..Sizes::default() };
    let file = format!("{EVENT}\n{EVENT}[{}", "1,".repeat(1000));
    assert_eq!(
        fault(file.as_bytes(), &Options { sizes, ..Options::default() }),
        "line 4 of shop.ndjson is no event: longer than 268435456 bytes"
    );
}

#[test]
fn a_mapped_member_is_missed_under_its_own_name() {
    let members = MemberMap::new([("stream_id", "aggregateId")]).expect("a map");
    assert_eq!(
        fault(EVENT.as_bytes(), &Options { members, ..Options::default() }),
        "line 1 of shop.ndjson is no event: \"aggregateId\" is missing"
    );
}

#[test]
fn a_map_of_unknown_fields_or_of_one_member_to_two_fields_is_refused() {
    for (pairs, expected) in [
        (
            vec![("stream", "id")],
            "'stream' is no field of an event; the fields are stream_id, version, type, data, \
             position, event_id, recorded_at, metadata",
        ),
        (vec![("type", "kind"), ("type", "name")], "'type' is mapped more than once"),
        (
            vec![("stream_id", "id"), ("event_id", "id")],
            "the member 'id' cannot be read for both stream_id and event_id",
        ),
        (
            vec![("stream_id", "type")],
            "the member 'type' cannot be read for both stream_id and type",
        ),
    ] {
        assert_eq!(MemberMap::new(pairs).expect_err("no map").to_string(), expected);
    }
    assert!(MemberMap::new([("stream_id", "type"), ("type", "stream_id")]).is_ok());
}
