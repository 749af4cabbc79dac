//! What was read is written byte for byte, whatever it looks like.

use super::fixture::{Options, chunk, encode, read, write};
use super::spellings::file;
use crate::events::ndjson::piece::Sizes;
use icecore::selection::StreamSelection;
use icecore_format::event::Template;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_file_of_events_comes_back_byte_for_byte(file in file(), piece_bytes in 1usize..2000) {
        let sizes = Sizes { piece_bytes, ..Sizes::default() };
        let read = read(&file, &Options { sizes, ..Options::default() }).expect("it is events");
        prop_assert_eq!(
            String::from_utf8_lossy(&write(&read)).into_owned(),
            String::from_utf8_lossy(&file).into_owned()
        );
    }
}

#[track_caller]
fn assert_comes_back(file: &str) {
    let read = read(file.as_bytes(), &Options::default()).expect("it is events");
    assert_eq!(String::from_utf8_lossy(&write(&read)), file);
}

/// Templates of the only batch of `file`.
fn templates(file: &str) -> Vec<Template> {
    assert_comes_back(file);
    let mut read = read(file.as_bytes(), &Options::default()).expect("it is events");
    assert_eq!(read.batches.len(), 1);
    read.batches.remove(0).forms.templates
}

#[test]
fn lines_that_differ_in_values_alone_share_a_template_without_pieces() {
    let line = |number| {
        format!(
            "{{\"position\":{number},\"event_id\":\"00000000-0000-0000-0000-00000000000{number}\",\
             \"stream_id\":\"s-{number}\",\"version\":{number},\"type\":\"T\",\
             \"recorded_at\":\"2026-01-02T03:04:05.00000{number}Z\",\"data\":[{number}],\
             \"metadata\":{{}},\"tenant\":{number}}}\n"
        )
    };
    let file: String = (0..9).map(line).collect();
    assert_eq!(templates(&file).len(), 1);
    let read = read(file.as_bytes(), &Options::default()).expect("it is events");
    assert!(read.batches[0].forms.pieces.is_empty());
}

#[test]
fn a_line_with_a_name_twice_is_kept_whole() {
    let file = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1,\"data\":2}\n";
    assert_eq!(templates(file), [Template::verbatim()]);
}

#[test]
fn blank_lines_of_any_length_stay_with_the_event_after_them() {
    let event = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1}\n";
    for blank in ["\n", "\r\n \t\n", &" \n".repeat(500_000)] {
        assert_comes_back(&format!("{blank}{event}{blank}{event}{blank}"));
        assert_comes_back(&format!("\u{feff}{blank}{event}"));
        assert_comes_back(&format!("\u{feff}{blank}"));
    }
}

#[test]
fn a_payload_of_64_mebibytes_comes_back() {
    let data = "x".repeat(64 << 20);
    assert_comes_back(&format!(
        "{{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":\"{data}\"}}\n\
         {{\"stream_id\":\"a\",\"version\":2,\"type\":\"T\",\"data\":1}}"
    ));
}

#[test]
fn events_of_other_streams_are_left_out_with_their_blank_lines() {
    let line = |stream| {
        format!("{{\"stream_id\":\"{stream}\",\"version\":1,\"type\":\"T\",\"data\":1}}\n")
    };
    let file = format!("\n{}\n\n{} \n{}\t", line("a-1"), line("b-1"), line("a-2"));
    let streams = StreamSelection::new(vec!["a-*".to_owned()]).expect("a pattern");
    let read = read(file.as_bytes(), &Options { streams, ..Options::default() });
    let written = write(&read.expect("it is events"));
    let expected = format!("\n{} \n{}\t", line("a-1"), line("a-2"));
    assert_eq!(String::from_utf8_lossy(&written), expected);
}

#[test]
fn a_last_line_without_its_end_gets_one_when_another_follows() {
    let file = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1}";
    let read = read(file.as_bytes(), &Options::default()).expect("it is events");
    let mut twice = chunk(&read.batches[0]);
    let records = twice.records[1..].to_vec();
    twice.records = [&*twice.records, &*records].concat().into();
    let template = &read.batches[0].forms.templates[0];
    let mut beside = icecore_format::event::BesideBuilder::new(read.batches[0].forms.kind);
    beside.push(None, Some((template, &[])));
    beside.push(None, Some((template, &[])));
    let bytes = beside.finish().expect("lines have a form");
    twice.beside = icecore_format::event::Beside::decode(&bytes, 2).ok();
    assert_eq!(encode(&twice), format!("{file}\n{file}"));
}
