//! Sources that are files.

use crate::events::ndjson::piece::Sizes;
use crate::events::ndjson::token::ResumeToken;
use crate::events::ndjson::{MemberMap, NdjsonSource};
use icecore::source::{
    Reading, Since, Source, SourceEnd, SourceError, SourceErrorKind, SourceRequest, Whole,
};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const EVENT: &str = "{\"stream_id\":\"a\",\"version\":1,\"type\":\"T\",\"data\":1}\n";

/// A source that reads in pieces of at most two events.
fn source(path: &Path) -> NdjsonSource {
    let mut source = NdjsonSource::new(path, MemberMap::default());
    source.sizes = Sizes { piece_bytes: 2 * EVENT.len(), ..Sizes::default() };
    source
}

/// Opens `source`, lets `meanwhile` happen, and reads to the end: events and what follows.
async fn read(
    source: &NdjsonSource,
    meanwhile: impl FnOnce(),
) -> Result<(usize, SourceEnd), SourceError> {
    read_since(source, None, meanwhile).await
}

/// Likewise what is new since another backup.
async fn read_since(
    source: &NdjsonSource,
    since: Option<&SourceEnd>,
    meanwhile: impl FnOnce(),
) -> Result<(usize, SourceEnd), SourceError> {
    let since = since.map(|SourceEnd { resume, kept, .. }| Since {
        resume: resume.clone(),
        kept: kept.clone(),
        ..Since::default()
    });
    let mut reader = source.open(&SourceRequest { since, ..SourceRequest::default() }).await?;
    meanwhile();
    let mut events = 0;
    while let Some(batch) = reader.next().await? {
        events += batch.parse()?.record_ends.len();
    }
    Ok((events, reader.finish().await?))
}

fn append(path: &Path, text: &str) {
    let mut file = File::options().append(true).open(path).expect("the file is there");
    file.write_all(text.as_bytes()).expect("there is room");
}

#[tokio::test]
async fn a_file_is_read_to_its_end_in_pieces() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, EVENT.repeat(100) + " \n").expect("there is room");
    let source = source(&path);
    assert_eq!(source.default_name(), format!("ndjson:{}", path.display()));
    let reader = source.open(&SourceRequest::default()).await.expect("it opens");
    assert_eq!(reader.bytes_expected(), Some(100 * EVENT.len() as u64 + 2));
    let (events, end) = read(&source, || {}).await.expect("it is events");
    assert_eq!((events, end.epilogue.as_slice()), (100, b" \n".as_slice()));
    let token = ResumeToken::decode(&end.resume).expect("a token");
    assert_eq!((token.offset, token.lines), (100 * EVENT.len() as u64, 100));
}

#[tokio::test]
async fn what_is_appended_while_a_file_is_read_is_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, EVENT.repeat(100)).expect("there is room");
    let (events, end) = read(&source(&path), || append(&path, EVENT)).await.expect("it is events");
    assert_eq!((events, end.epilogue.len()), (100, 0));
}

#[tokio::test]
async fn a_line_that_was_being_written_is_left_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    let (half, rest) = EVENT.split_at(20);
    fs::write(&path, EVENT.repeat(100) + half).expect("there is room");
    let (events, end) = read(&source(&path), || append(&path, rest)).await.expect("it is events");
    assert_eq!((events, end.epilogue.len()), (100, 0));
    let token = ResumeToken::decode(&end.resume).expect("a token");
    assert_eq!(token.offset, 100 * EVENT.len() as u64);
}

#[tokio::test]
async fn a_file_that_becomes_shorter_while_it_is_read_is_an_error() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, EVENT.repeat(100)).expect("there is room");
    let shorten = || {
        let file = File::options().write(true).open(&path).expect("the file is there");
        file.set_len(EVENT.len() as u64).expect("it can be cut");
    };
    let error = read(&source(&path), shorten).await.expect_err("it is not all there");
    assert_eq!(error.kind, SourceErrorKind::Unreadable);
    let expected = format!("{} became shorter while it was read", path.display());
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn what_happens_to_a_file_while_its_end_is_read_is_seen_by_the_next_backup() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.ndjson");
    fs::write(&path, EVENT.repeat(100)).expect("there is room");
    let source = source(&path);
    let (_, known) = read(&source, || {}).await.expect("it is events");
    append(&path, &EVENT.repeat(10));

    let write = || append(&path, EVENT);
    let (events, end) = read_since(&source, Some(&known), write).await.expect("it is events");
    assert_eq!(events, 10);
    // The file that was opened is read, whatever its name stands for now.
    let replace = || {
        let other = directory.path().join("other.ndjson");
        fs::write(&other, EVENT.repeat(50)).expect("there is room");
        fs::rename(&other, &path).expect("it can be replaced");
    };
    let (events, end) = read_since(&source, Some(&end), replace).await.expect("it is events");
    assert_eq!(events, 1);
    let (events, end) = read_since(&source, Some(&end), || {}).await.expect("it is events");
    assert_eq!(events, 50);

    // More than is read ahead.
    append(&path, &EVENT.repeat(1000));
    let shorten = || {
        let file = File::options().write(true).open(&path).expect("the file is there");
        file.set_len(EVENT.len() as u64).expect("it can be cut");
    };
    let error = read_since(&source, Some(&end), shorten).await.expect_err("it is not all there");
    assert!(error.to_string().ends_with("became shorter while it was read"), "{error}");
}

#[tokio::test]
async fn a_pipe_is_read_whole_and_leaves_nothing_to_go_on_from() {
    let source = source(Path::new("/dev/null"));
    let since = Some(Since::default());
    let request = SourceRequest { since, trust_append: true, ..SourceRequest::default() };
    let reader = source.open(&request).await.expect("it opens");
    let why = "a pipe cannot be read from its middle".to_owned();
    assert_eq!(reader.reading(), &Reading::Whole(Whole::NotPossible(why)));
    let (_, end) = read(&source, || {}).await.expect("it is empty");
    assert!(end.resume.is_empty() && end.kept.is_empty());
}

#[tokio::test]
async fn what_is_no_file_is_named_as_what_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("none.ndjson");
    let error = read(&source(&missing), || {}).await.expect_err("there is none");
    assert_eq!(error.kind, SourceErrorKind::Missing);
    assert_eq!(error.to_string(), format!("there is no file {}", missing.display()));

    let error = read(&source(directory.path()), || {}).await.expect_err("no file");
    assert_eq!(error.kind, SourceErrorKind::Unreadable);
    let expected = format!("{} is a directory, not a file of events", directory.path().display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn standard_input_has_a_name_of_its_own() {
    assert_eq!(NdjsonSource::new("-", MemberMap::default()).default_name(), "stdin");
}
