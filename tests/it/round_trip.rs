//! What goes in comes out, byte for byte, and is described as what it is.

use icecore::backup::{BackupOptions, BackupReport};
use icecore::restore::{RestoreOptions, RestoreStep};
use icecore::selection::StreamSelection;
use icecore::source::SourceRequest;
use icecore::streams::{StreamSummary, streams};
use icecore::target::TargetErrorKind;
use icecore::{Monitor, Repository, backup, restore};
use icecore_benches::events::{Generator, Shape};
use icecore_format::Timestamp;
use icecore_format::block::Compression;
use icecore_format::cipher::Cipher;
use icecore_format::snapshot::{Snapshot, Tag};
use icecore_sources::events::ndjson::NdjsonTarget;
use icecore_sources::events::sqlite::{SqliteSource, SqliteTarget};
use icecore_store::{MemoryStore, Store as _};
use icecore_tests::host::{TINY_CHUNKS, init_options};
use icecore_tests::lines::{large_line, lines_of, lines_over, odd_lines};
use icecore_tests::{Expected, Host, PASSWORD, assert_clean, lines, ndjson_source};
use std::fmt::Write as _;
use std::sync::Arc;

/// Backs up `input`, looks at all of the repository as another machine, and gives the snapshot.
async fn there_and_back(input: impl AsRef<[u8]>) -> Snapshot {
    let host = Host::new();
    let (store, repository) = host.init_in_memory().await;
    let report = host.back_up(&repository, &input).await.unwrap();
    let expected = Expected::default().and(&report, &input);
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
    report.snapshot
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_back_byte_for_byte() {
    let snapshot = there_and_back(lines(0..10_000)).await;
    assert_eq!((snapshot.counts.events, snapshot.counts.streams), (10_000, 7));
    assert_eq!(snapshot.bytes_read, lines(0..10_000).len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_files_come_back_byte_for_byte() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let mut expected = Expected::default();
    for seed in 0..60 {
        let input = odd_lines(seed, seed * 3);
        expected.add(&host.back_up(&repository, &input).await.unwrap(), &input);
    }
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_events_of_every_shape_come_back_byte_for_byte() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let mut expected = Expected::default();
    for (name, shape) in Shape::ALL {
        let input = Generator::lines(shape, 7, 150);
        expected.add(&host.back_up_as(&repository, name, &input).await.unwrap(), &input);
    }
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_an_event_come_back_byte_for_byte() {
    for input in ["", "\u{feff}", "\n", " \r\n\n\t\n", "\u{feff}\n\n", "   "] {
        let snapshot = there_and_back(input).await;
        assert_eq!((snapshot.counts.events, snapshot.counts.streams), (0, 0));
        assert_eq!(snapshot.bytes_read, input.len() as u64, "of {input:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_its_last_newline_comes_back_so() {
    there_and_back(lines(0..50).trim_end()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_up_to_64_mebibytes_come_back_byte_for_byte() {
    const MIB: usize = 1 << 20;
    let mut input = lines(0..100);
    for (version, bytes) in [(1, MIB - 40), (2, MIB), (3, MIB + 1), (4, 3 * MIB), (5, 9 * MIB)] {
        input += &large_line("scan", version, bytes);
        input += &lines(100 * version..100 * version + 10);
    }
    input += &large_line("scan", 6, 64 * MIB);
    let host = Host::new();
    let (store, repository) = host.init_in_memory().await;
    let first = host.back_up(&repository, &input).await.unwrap();
    // Chunks of payloads are shared even where the events around them are not.
    let moved = large_line("scan", 4, 3 * MIB).replace("Scanned", "Moved");
    let second = host.back_up(&repository, &moved).await.unwrap();
    assert!(second.snapshot.bytes_stored < 64 << 10, "{}", second.snapshot.bytes_stored);
    let expected = Expected::default().and(&first, &input).and(&second, &moved);
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

/// A chunk of events is what a backup and a restore hold at once, with its payloads.
#[tokio::test(flavor = "multi_thread")]
async fn events_with_large_payloads_do_not_gather_in_one_chunk() {
    let host = Host::new();
    let (_, repository) = host.init_in_memory().await;
    // Without their payloads, all of these records are far below the length of a chunk.
    let events: Vec<String> =
        (0..4).map(|version| large_line("scan", version, 1_100_000)).collect();
    let mut record_bytes = Vec::new();
    for input in events.iter().chain([&events.concat()]) {
        let report = host.back_up(&repository, input).await.unwrap();
        record_bytes.push(report.snapshot.event_log.unwrap().span().record_bytes);
        assert_eq!(host.restore(&repository, "latest").await.unwrap(), input.as_bytes());
    }
    // Every chunk begins with a byte of its own, so one chunk for all would be shorter than this.
    let together = record_bytes.pop().unwrap();
    assert_eq!(together, record_bytes.iter().sum::<u64>());
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_streams_in_many_segments_below_log_nodes_come_back() {
    let host = Host::new();
    let store = Arc::new(MemoryStore::new());
    let repository = host.init_with_chunks(store.clone(), TINY_CHUNKS).await;
    let input = lines_over("order", 10_000, 0..30_000);
    let report = host.back_up(&repository, &input).await.unwrap();
    let root = report.snapshot.event_log.clone().unwrap();
    assert!(root.peaks.iter().any(|peak| peak.height > 0), "{:?}", root.peaks);
    assert!(root.span().segments > 16);
    assert_eq!(report.snapshot.counts.streams, 10_000);
    let appended = input.clone() + &lines_over("late", 10, 0..500);
    let second = host.back_up(&repository, &appended).await.unwrap();
    let expected = Expected::default().and(&report, &input).and(&second, &appended);
    expected.assert_is_all(&host.stranger(1), store).await;

    let all = streams(&repository, &report.snapshot, &StreamSelection::default()).await.unwrap();
    assert_eq!(all.len(), 10_000);
    assert!(all.is_sorted_by(|a, b| a.stream < b.stream));
    for summary in all {
        let StreamSummary { events, first_version, last_version, .. } = summary;
        assert_eq!((events, first_version, last_version), (3, 1, 3), "{}", summary.stream);
    }
    for stream in ["order-0", "order-1234", "order-9999"] {
        let (restored, report) = restore_streams(&host, &repository, &report, stream).await;
        let number: u64 = stream["order-".len()..].parse().unwrap();
        let wanted = lines_with(&input, &[&format!("\"order-{number}\"")]);
        assert_eq!(restored, wanted);
        assert_eq!(report, (3, 1));
    }
}

/// The lines that have one of these parts.
fn lines_with(input: &str, parts: &[&str]) -> String {
    let has_one = |line: &&str| parts.iter().any(|part| line.contains(part));
    input.split_inclusive('\n').filter(has_one).collect()
}

/// The chosen streams as NDJSON; events and streams that were restored.
async fn restore_streams(
    host: &Host,
    repository: &Repository,
    report: &BackupReport,
    pattern: &str,
) -> (String, (u64, u64)) {
    let options = RestoreOptions {
        streams: StreamSelection::new(vec![pattern.to_owned()]).unwrap(),
        ..RestoreOptions::default()
    };
    let (bytes, report) = host.restore_with(repository, &report.snapshot, &options).await.unwrap();
    assert!(report.written.verified.is_some());
    (String::from_utf8(bytes).unwrap(), (report.events_restored, report.streams_restored))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ciphers_and_all_compressions_bring_a_file_back() {
    let input = lines(0..300) + &large_line("scan", 1, 2 << 20);
    for cipher in [Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305] {
        let host = Host::new();
        let store = Arc::new(MemoryStore::new());
        let options = icecore::repository::InitOptions { cipher, ..init_options() };
        let environment = host.environment();
        let repository =
            Repository::init(store.clone(), environment, PASSWORD, &options).await.unwrap();
        assert_eq!(repository.config().cipher, cipher);
        let mut expected = Expected::default();
        for compression in
            [Compression::None, Compression::Low, Compression::Medium, Compression::High]
        {
            // Other events each time, or they would not be stored again.
            let input = lines_of(&format!("{compression:?}"), 0..200);
            let source = ndjson_source(&host.write("source", &input));
            let options = BackupOptions { compression, ..host.backup_options() };
            let monitor = Monitor::default();
            let report = backup::backup(&repository, &source, &options, &monitor).await.unwrap();
            expected.add(&report, &input);
        }
        expected.add(&host.back_up(&repository, &input).await.unwrap(), &input);
        expected.assert_is_all(&host.stranger(1), store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stronger_compression_stores_less_of_compressible_events() {
    let mut stored = Vec::new();
    for compression in [Compression::None, Compression::Low, Compression::High] {
        let host = Host::new();
        let (store, repository) = host.init_in_memory().await;
        let source = ndjson_source(&host.write("source", lines(0..3_000)));
        let options = BackupOptions { compression, ..host.backup_options() };
        backup::backup(&repository, &source, &options, &Monitor::default()).await.unwrap();
        stored.push(store.list("packs/").await.unwrap().iter().map(|it| it.bytes).sum::<u64>());
    }
    assert!(stored[0] > 3 * stored[1] && stored[1] > stored[2], "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_restored_by_id_by_pattern_and_under_another_name() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let input = lines_of("order", 0..70) + &lines_of("user", 0..35) + &lines_of("a*b", 0..7);
    let report = host.back_up(&repository, &input).await.unwrap();
    let only = |wanted: &str| lines_with(&input, &[wanted]);
    for (pattern, wanted, streams) in [
        ("order-3", "\"order-3\"", 1),
        ("user-*", "\"user-", 7),
        ("*", "", 21),
        ("order-[3]", "\"order-3\"", 1),
        // A stream whose id looks like a pattern is meant by its id.
        ("a*b-0", "\"a*b-0\"", 1),
        ("a\\*b-*", "\"a*b-", 7),
    ] {
        let (restored, counts) = restore_streams(&host, &repository, &report, pattern).await;
        assert_eq!(restored, only(wanted), "{pattern}");
        assert_eq!(counts, (only(wanted).lines().count() as u64, streams), "{pattern}");
    }

    let renamed = |pattern: &str| RestoreOptions {
        streams: StreamSelection::new(vec![pattern.to_owned()]).unwrap(),
        rename: Some("another \"name\"".to_owned()),
        ..RestoreOptions::default()
    };
    let options = renamed("order-3");
    let (bytes, _) = host.restore_with(&repository, &report.snapshot, &options).await.unwrap();
    let wanted = only("\"order-3\"").replace("\"order-3\"", "\"another \\\"name\\\"\"");
    assert_eq!(String::from_utf8(bytes).unwrap(), wanted);

    let several = host.restore_with(&repository, &report.snapshot, &renamed("order-*")).await;
    assert!(matches!(several.unwrap_err().step(), RestoreStep::SeveralStreams { streams: 7 }));
    let none = host.restore_with(&repository, &report.snapshot, &renamed("order-8")).await;
    assert!(matches!(none.unwrap_err().step(), RestoreStep::NoStream));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_and_said_at_the_backup_is_recorded() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let tag = |key: &str, value: Option<&str>| Tag {
        key: key.to_owned(),
        value: value.map(str::to_owned),
    };
    let tags = vec![tag("env", Some("prod=1")), tag("nightly", None)];
    let patterns = vec!["order-1".to_owned(), "order-[23]".to_owned()];
    let options = BackupOptions {
        name: Some("shop".to_owned()),
        host: "db1".to_owned(),
        tags: tags.clone(),
        description: Some("before the migration ❄".to_owned()),
        retain_until: Some(Timestamp(1_900_000_000_000_000_000)),
        request: SourceRequest {
            streams: StreamSelection::new(patterns.clone()).unwrap(),
            ..SourceRequest::default()
        },
        full: false,
        compression: Compression::default(),
    };
    let source = ndjson_source(&host.write("source", lines(0..70)));
    host.clock.advance_seconds(100);
    backup::backup(&repository, &source, &options, &Monitor::default()).await.unwrap();

    let other = host.stranger(1);
    let repository = other.open(Arc::new(store)).await.unwrap();
    let state = repository.state().await;
    let snapshot = &icecore::snapshots::find(&state, "latest", Some("shop")).unwrap().snapshot;
    assert_eq!(
        (&*snapshot.source, &*snapshot.source_kind, &*snapshot.host),
        ("shop", "ndjson", "db1")
    );
    assert_eq!((&snapshot.tags, &snapshot.selection), (&tags, &patterns));
    assert_eq!(snapshot.description.as_deref(), Some("before the migration ❄"));
    assert_eq!(snapshot.retain_until, options.retain_until);
    assert_eq!(snapshot.started, Timestamp(1_795_219_300_000_000_000));
    assert!(snapshot.program.starts_with("icecore "));
    assert_eq!((snapshot.counts.events, snapshot.counts.streams), (30, 3));
    assert_eq!(
        (snapshot.counts.first_position, snapshot.counts.last_position),
        (Some(1), Some(66))
    );
    let restored = other.restore(&repository, "latest").await.unwrap();
    let wanted = lines_with(&lines(0..70), &["-1\"", "-2\"", "-3\""]);
    assert_eq!(String::from_utf8(restored).unwrap(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_repeats_and_times_that_go_backwards_are_counted_and_are_no_error() {
    let event = |stream: &str, version: u64, second: u64| {
        format!(
            "{{\"stream_id\":\"{stream}\",\"version\":{version},\"type\":\"\",\
             \"recorded_at\":\"2026-11-21T05:00:{second:02}Z\",\"data\":null}}\n"
        )
    };
    let mut input = String::new();
    // It starts anywhere; two holes, in one of which an event comes late; a repeat; one time goes
    // backwards.
    for (version, second) in [(7, 1), (8, 2), (11, 3), (12, 4), (12, 5), (9, 6), (20, 1), (21, 2)] {
        input += &event("a", version, second);
    }
    // In another stream all is well, though it goes back in time against the first.
    for version in 0..5 {
        input += &event("b", version, 0);
    }
    input += &event("b", u64::MAX, 0);
    let counts = there_and_back(&input).await.counts;
    assert_eq!((counts.events, counts.streams), (14, 2));
    assert_eq!(counts.version_holes, 3);
    assert_eq!(counts.version_repeats, 1);
    assert_eq!(counts.times_backwards, 1);

    // The same counts where every event has a chunk of its own.
    let host = Host::new();
    let store = Arc::new(MemoryStore::new());
    let repository = host.init_with_chunks(store, TINY_CHUNKS).await;
    let report = host.back_up(&repository, &input).await.unwrap();
    assert_eq!(report.snapshot.counts, counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_empty_is_left_alone_unless_told() {
    let host = Host::new();
    let (_, repository) = host.init_in_memory().await;
    let report = host.back_up(&repository, lines(0..10)).await.unwrap();
    let path = host.write("target", "mine");
    let target = NdjsonTarget::new(path.clone());
    let restore_to = async |overwrite| {
        let options = RestoreOptions { overwrite, ..RestoreOptions::default() };
        let monitor = Monitor::default();
        restore::restore(&repository, &report.snapshot, &target, &options, &monitor).await
    };
    let error = restore_to(false).await.unwrap_err();
    assert!(
        matches!(error.step(), RestoreStep::Target(error) if error.kind == TargetErrorKind::NotEmpty)
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    restore_to(true).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), lines(0..10).as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_stream_id_or_payload_stands_readable_in_storage() {
    let host = Host::new();
    let (store, repository) = host.init_in_memory().await;
    let source = ndjson_source(&host.write("source", lines_of("geheimnis", 0..50)));
    let options = BackupOptions { compression: Compression::None, ..host.backup_options() };
    backup::backup(&repository, &source, &options, &Monitor::default()).await.unwrap();
    for name in store.names() {
        let content = store.content(&name).unwrap();
        let found = content.windows(9).any(|window| window == b"geheimnis");
        assert!(!found, "{name} shows a stream's id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_asked_to_stop_commits_nothing() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let monitor = Monitor::default();
    monitor.request_stop();
    let source = ndjson_source(&host.write("source", lines(0..50)));
    let stopped = backup::backup(&repository, &source, &host.backup_options(), &monitor).await;
    assert_eq!(stopped.unwrap_err().to_string(), "stopped as asked");
    Expected::default().assert_is_all(&host, Arc::new(store)).await;
}

/// What EventCore needs of an event, with values that are easy to get wrong.
fn event_core_lines() -> String {
    let mut lines = String::new();
    for number in 0..60_u64 {
        writeln!(
            lines,
            "{{\"stream_id\":\"order-{}\",\"version\":{},\"type\":\"Placed\",\
             \"event_id\":\"0192f8a0-1c2b-7d3e-8f4a-{number:012x}\",\
             \"recorded_at\":\"2026-11-21T05:00:{number:02}.123456Z\",\
             \"metadata\":{{\"user\": \"ada\"}},\
             \"data\":{{\"number\": {number}, \"note\":\"ä\\n\"}}}}",
            number % 4,
            number / 4 + 1,
        )
        .unwrap();
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_from_ndjson_to_sqlite_and_back() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let input = event_core_lines();
    let report = host.back_up(&repository, &input).await.unwrap();

    let database = host.path("shop.db");
    let target = SqliteTarget::new(&database);
    let (options, monitor) = (RestoreOptions::default(), Monitor::default());
    let restored =
        restore::restore(&repository, &report.snapshot, &target, &options, &monitor).await.unwrap();
    assert_eq!((restored.events_restored, restored.streams_restored), (60, 4));
    assert!(restored.written.verified.is_some());

    let source = SqliteSource::new(&database);
    let options = BackupOptions { name: Some("database".to_owned()), ..host.backup_options() };
    let second = backup::backup(&repository, &source, &options, &monitor).await.unwrap();
    assert_eq!(second.snapshot.source_kind, "sqlite");
    assert_eq!((second.snapshot.counts.events, second.snapshot.counts.streams), (60, 4));
    let exported = host.restore(&repository, &second.snapshot.id.to_string()).await.unwrap();
    assert_eq!(semantic(&exported), semantic(input.as_bytes()));

    // And once more, into a database of its own: the same rows.
    let copy = host.path("copy.db");
    let (target, options) = (SqliteTarget::new(&copy), RestoreOptions::default());
    restore::restore(&repository, &second.snapshot, &target, &options, &monitor).await.unwrap();
    let options = host.backup_options();
    let third =
        backup::backup(&repository, &SqliteSource::new(&copy), &options, &monitor).await.unwrap();
    assert_eq!(third.snapshot.event_log, second.snapshot.event_log, "the same chunks");
    let other = host.stranger(1);
    assert_clean(&other.check(&other.open(Arc::new(store)).await.unwrap()).await);
}

/// The events of a file by their members, whatever their spelling.
fn semantic(file: &[u8]) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut event: serde_json::Map<_, _> = serde_json::from_slice(line).unwrap();
            // Where a store puts an event is its own business.
            event.remove("position");
            event
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_one_store_share_their_chunks_whatever_their_spelling_and_positions() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let input: String = (0..400).map(|version| large_line("scan", version, 500)).collect();
    let first = host.back_up(&repository, &input).await.unwrap();
    let mut copy = String::new();
    for (number, line) in input.lines().enumerate() {
        copy += &line.replace("{\"stream_id", &format!("{{ \"position\":1{number}, \"stream_id"));
        copy.push('\n');
    }
    let second = host.back_up(&repository, &copy).await.unwrap();
    let stored = (first.snapshot.bytes_stored, second.snapshot.bytes_stored);
    assert!(stored.1 * 2 < stored.0, "{stored:?}");
    let expected = Expected::default().and(&first, &input).and(&second, &copy);
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}
