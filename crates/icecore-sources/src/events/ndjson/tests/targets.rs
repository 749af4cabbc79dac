//! Targets that are files, and lines for events that have none of their own.

use super::fixture::{Options, chunk, encode, read};
use crate::events::ndjson::NdjsonTarget;
use icecore::source::SourceFile;
use icecore::target::{
    Encoded, EventChunk, EventEncoder, EventWriter, RestoreEnd, Target, TargetErrorKind,
    TargetRequest, Verification,
};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::time::Timestamp;
use std::fs;
use std::path::Path;

const LINE: &str = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1}\n";

fn lines(count: usize) -> Encoded {
    Encoded { bytes: LINE.repeat(count).into_bytes(), events: count as u64 }
}

async fn open(path: &Path, overwrite: bool) -> Box<dyn EventWriter> {
    let request = TargetRequest { overwrite, whole: true, ..TargetRequest::default() };
    NdjsonTarget::new(path).open(&request).await.expect("it opens")
}

/// Names of the files in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn a_file_appears_when_it_is_complete_and_was_read_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    let mut writer = open(&path, false).await;
    writer.write(lines(3)).await.expect("there is room");
    let bytes = LINE.trim_end().as_bytes().to_vec();
    writer.write(Encoded { bytes, events: 1 }).await.expect("there is room");
    writer.write(lines(1)).await.expect("there is room");
    assert!(!path.exists());
    let end = RestoreEnd { epilogue: b"\n\n".to_vec() };
    let written = writer.finish(end).await.expect("it is what was written");
    assert_eq!((written.events, written.verified), (5, Some(Verification::ReadBack)));
    assert!(written.notes.is_empty());
    assert_eq!(fs::read_to_string(&path).expect("it is there"), LINE.repeat(5) + "\n\n");
    assert_eq!(written.bytes, LINE.len() as u64 * 5 + 2);
    assert_eq!(names(directory.path()), ["shop.ndjson"]);
}

#[tokio::test]
async fn a_file_that_is_not_empty_is_replaced_only_on_request() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, "precious").expect("there is room");
    let refused = NdjsonTarget::new(&path).open(&TargetRequest::default()).await;
    let error = refused.map(drop).expect_err("it is not empty");
    assert_eq!(error.kind, TargetErrorKind::NotEmpty);
    assert_eq!(error.to_string(), format!("{} exists and has 8 bytes", path.display()));

    let mut writer = open(&path, true).await;
    writer.write(lines(1)).await.expect("there is room");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
    writer.finish(RestoreEnd::default()).await.expect("it is what was written");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), LINE);
}

#[cfg(unix)]
#[tokio::test]
async fn through_a_link_its_file_is_replaced_and_stays_as_private_as_it_was() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let directory = tempfile::tempdir().expect("a directory");
    let (path, link) = (directory.path().join("shop.ndjson"), directory.path().join("link"));
    fs::write(&path, "old").expect("there is room");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    symlink(&path, &link).expect("links are known");
    let mut writer = open(&link, true).await;
    writer.write(lines(1)).await.expect("there is room");
    writer.finish(RestoreEnd::default()).await.expect("it is what was written");
    let metadata = fs::symlink_metadata(&path).expect("it is there");
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (LINE.len() as u64, 0o600));
    assert!(link.is_symlink());
}

#[tokio::test]
async fn an_empty_file_is_no_obstacle() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, "").expect("there is room");
    let mut writer = open(&path, false).await;
    writer.write(lines(1)).await.expect("there is room");
    writer.finish(RestoreEnd::default()).await.expect("it is what was written");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), LINE);
}

#[tokio::test]
async fn a_file_that_appears_meanwhile_is_not_lost() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    let mut writer = open(&path, false).await;
    writer.write(lines(1)).await.expect("there is room");
    fs::write(&path, "precious").expect("there is room");
    let error = writer.finish(RestoreEnd::default()).await.expect_err("the name is taken");
    assert_eq!(error.kind, TargetErrorKind::NotEmpty);
    let expected = format!("{} appeared while its replacement was being written", path.display());
    assert_eq!(error.to_string(), expected);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
    assert_eq!(names(directory.path()), ["shop.ndjson"]);
}

#[tokio::test]
async fn what_is_read_back_must_be_what_was_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    let mut writer = open(&path, false).await;
    writer.write(lines(2)).await.expect("there is room");
    let temporary = directory.path().join(&names(directory.path())[0]);
    let damaged = LINE.repeat(2).replace('T', "t");
    fs::write(&temporary, damaged).expect("there is room");
    let error = writer.finish(RestoreEnd::default()).await.expect_err("it was damaged");
    assert_eq!(error.kind, TargetErrorKind::Differs);
    assert!(names(directory.path()).is_empty());
}

#[tokio::test]
async fn the_number_of_lines_must_be_the_number_of_events() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut writer = open(&directory.path().join("shop.ndjson"), false).await;
    writer.write(Encoded { events: 3, ..lines(2) }).await.expect("there is room");
    let error = writer.finish(RestoreEnd::default()).await.expect_err("one is missing");
    assert_eq!(error.kind, TargetErrorKind::Differs);
}

#[tokio::test]
async fn giving_up_leaves_what_was_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, "precious").expect("there is room");
    let mut writer = open(&path, true).await;
    writer.write(lines(1)).await.expect("there is room");
    assert_eq!(writer.abandon().await, format!("{} was not touched", path.display()));
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "precious");
    assert_eq!(names(directory.path()), ["shop.ndjson"]);
}

#[tokio::test]
async fn a_target_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("none").join("shop.ndjson");
    for (path, expected) in [
        (missing.as_path(), format!("cannot create {}", missing.display())),
        (directory.path(), format!("{} is a directory", directory.path().display())),
    ] {
        let request = TargetRequest { overwrite: true, ..TargetRequest::default() };
        let refused = NdjsonTarget::new(path).open(&request).await;
        let error = refused.map(drop).expect_err("it cannot be written");
        assert_eq!(error.kind, TargetErrorKind::Unwritable);
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn what_a_file_of_events_cannot_hold_is_noted() {
    let directory = tempfile::tempdir().expect("a directory");
    let content = Vec::new();
    let files = vec![SourceFile { name: "checkpoints".to_owned(), content }];
    let request = TargetRequest { files, ..TargetRequest::default() };
    let target = NdjsonTarget::new(directory.path().join("shop.ndjson"));
    let writer = target.open(&request).await.expect("it opens");
    let written = writer.finish(RestoreEnd::default()).await.expect("it is what was written");
    assert_eq!(written.notes, ["left out, since NDJSON has events only: checkpoints"]);
}

/// The chunk of one event that comes from a source of another kind.
fn foreign(event: &Event<'_>) -> EventChunk {
    let read = read(LINE.as_bytes(), &Options::default()).expect("it is an event");
    let mut records = vec![icecore_format::event::record::VERSION];
    event.encode_into(&mut records);
    EventChunk { records: records.into(), beside: None, ..chunk(&read.batches[0]) }
}

fn event(payload: &[u8]) -> Event<'_> {
    Event {
        stream: "a \"b\"",
        version: 7,
        event_type: "T",
        id: EventId::Uuid([0x11; 16]),
        time: EventTime::At(Timestamp(1_500_000_000)),
        metadata: Some(b"{\"by\":1}"),
        members: Members::default(),
        payload: Payload::Inline(payload),
    }
}

#[test]
fn an_event_of_another_source_gets_our_own_line() {
    let mut members = Vec::new();
    Members::put(&mut members, "tenant", b"[1]");
    Members::put(&mut members, "data", b"2");
    let event = Event { members: Members::new(&members), ..event(b"{\"a\": 1}") };
    assert_eq!(
        encode(&foreign(&event)),
        "{\"data\":2,\"stream_id\":\"a \\\"b\\\"\",\"version\":7,\"type\":\"T\",\
         \"event_id\":\"11111111-1111-1111-1111-111111111111\",\
         \"recorded_at\":\"1970-01-01T00:00:01.500000Z\",\"data\":{\"a\": 1},\
         \"metadata\":{\"by\":1},\"tenant\":[1]}\n"
    );
    let time = EventTime::At(Timestamp(1));
    let plain = Event { id: EventId::None, time, metadata: None, ..self::event(b"1") };
    assert_eq!(
        encode(&foreign(&plain)),
        "{\"stream_id\":\"a \\\"b\\\"\",\"version\":7,\"type\":\"T\",\
         \"recorded_at\":\"1970-01-01T00:00:00.000000001Z\",\"data\":1}\n"
    );
}

#[test]
fn values_that_cannot_stand_in_a_line_are_changed_and_noted_or_refused() {
    let encoder = crate::events::ndjson::encode::LineEncoder::default();
    let data = |payload: &[u8]| {
        let lines = encoder.encode(&foreign(&event(payload))).ok()?;
        let line: serde_json::Value = serde_json::from_slice(&lines.bytes).expect("JSON");
        assert_eq!(memchr::memchr_iter(b'\n', &lines.bytes).count(), 1);
        Some(line["data"].clone())
    };
    assert_eq!(data(b"<a>\n\"b\"</a>"), Some("<a>\n\"b\"</a>".into()));
    assert_eq!(data(b"{\n\"a\":\r\n1}"), Some(serde_json::json!({"a": 1})));
    assert_eq!(data(b"\xff"), None);
    assert_eq!(
        encoder.notes(),
        [
            "values that are no JSON, written as JSON strings: 1",
            "values with line breaks, which were written as spaces: 1",
        ]
    );
}

#[test]
fn a_renamed_event_keeps_its_line_where_the_old_name_stands_in_no_other_form() {
    let renamed = |line: &str| {
        let read = read(line.as_bytes(), &Options::default()).expect("it is an event");
        encode(&EventChunk { rename: Some("z".to_owned()), ..chunk(&read.batches[0]) })
    };
    assert_eq!(
        renamed("{ \"version\":1,\"stream_id\" : \"a\",\"type\":\"T\",\"data\":1}\r\n"),
        "{ \"version\":1,\"stream_id\" : \"z\",\"type\":\"T\",\"data\":1}\r\n"
    );
    let expected = "{\"stream_id\":\"z\",\"version\":1,\"type\":\"T\",\"data\":2}\n";
    assert_eq!(
        renamed("{\"version\":1, \"stream_id\":\"\\u0061\", \"type\":\"T\", \"data\":2}"),
        expected
    );
    assert_eq!(
        renamed("{\"version\":1,\"stream_id\":\"a\",\"type\":\"T\",\"data\":1,\"data\":2}"),
        expected
    );
}
