//! Backups that go on from the last one: the same log as a backup of everything, at the cost of what
//! is new; and a new epoch where the source is no longer what it was.

use icecore::backup::{BackupOptions, BackupReport, History};
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;
use icecore::source::{Proof, Reading, SourceRequest, Whole};
use icecore::{Monitor, Repository, backup};
use icecore_format::event_log::EventLogRoot;
use icecore_store::MemoryStore;
use icecore_store::testing::RecordingStore;
use icecore_tests::host::TINY_CHUNKS;
use icecore_tests::lines::{large_line, lines_of, lines_over, odd_lines};
use icecore_tests::{Expected, Host, assert_clean, lines, ndjson_source};
use proptest::prelude::*;
use std::sync::Arc;

/// The root of a report's log.
fn root(report: &BackupReport) -> &EventLogRoot {
    report.snapshot.event_log.as_ref().unwrap()
}

fn is_further(report: &BackupReport) -> bool {
    matches!(report.reading, Reading::Further(_))
}

/// Backs up everything, whatever is known.
async fn back_up_in_full(host: &Host, repository: &Repository, input: &[u8]) -> BackupReport {
    let name = Some("source".to_owned());
    let options = BackupOptions { name, full: true, ..host.backup_options() };
    let source = ndjson_source(&host.write("whole", input));
    backup::backup(repository, &source, &options, &Monitor::default()).await.unwrap()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    runtime.unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever the pieces, what is stored in the end is what one backup would have stored: the same
    /// closed segments, the same digest and counts; and every snapshot comes back byte for byte.
    #[test]
    fn a_log_that_grew_in_pieces_is_the_log_of_all_of_it(
        seed in any::<u64>(),
        pieces in prop::collection::vec((0..60u64, any::<bool>(), any::<bool>()), 1..14),
    ) {
        run(async {
            let host = Host::new();
            let (store, repository) = host.init_small().await;
            let (mut input, mut expected) = (Vec::new(), Expected::default());
            let mut number = 0;
            for (piece, (events, is_odd, is_large)) in pieces.into_iter().enumerate() {
                if is_odd && is_large {
                    let line = large_line("scan", seed % 1000 + piece as u64, 1 << 21);
                    input.extend_from_slice(line.as_bytes());
                } else if is_odd {
                    // A mark of the byte order belongs at the beginning of a file.
                    let lines = odd_lines(seed ^ piece as u64, events);
                    input.extend_from_slice(lines.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&lines));
                } else {
                    input.extend_from_slice(lines(number..number + events).as_bytes());
                    number += events;
                }
                let ended = input.is_empty() || input.ends_with(b"\n");
                let report = host.back_up(&repository, &input).await.unwrap();
                prop_assert_ne!(report.history, History::Rewritten { events_before: 0 });
                expected.add(&report, &input);
                if !ended {
                    // What follows a line without its end belongs to that line.
                    input.push(b'\n');
                }
            }
            let grown = host.back_up(&repository, &input).await.unwrap();
            let whole = back_up_in_full(&host, &repository, &input).await;
            prop_assert_eq!(whole.history, History::Continued);
            prop_assert_eq!(&root(&whole).peaks, &root(&grown).peaks);
            prop_assert_eq!(root(&whole).digest, root(&grown).digest);
            prop_assert_eq!(whole.snapshot.counts, grown.snapshot.counts);
            prop_assert_eq!(whole.snapshot.epoch, 0);
            let expected = expected.and(&grown, &input).and(&whole, &input);
            expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_appended_is_read_and_nothing_else() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let (before, after) = (lines(0..5_000), lines(0..5_100));
    let first = host.back_up(&repository, &before).await.unwrap();
    assert_eq!((&first.reading, first.history), (&Reading::Whole(Whole::First), History::First));
    let second = host.back_up(&repository, &after).await.unwrap();
    let bytes = before.len() as u64;
    assert_eq!(second.reading, Reading::Further(Proof::Hashed { bytes }));
    assert_eq!((second.history, second.events_new), (History::Continued, 100));
    assert_eq!(second.snapshot.bytes_read, after.len() as u64 - bytes);
    let third = host.back_up(&repository, &after).await.unwrap();
    assert_eq!((third.events_new, third.snapshot.bytes_read), (0, 0));
    let expected =
        Expected::default().and(&first, &before).and(&second, &after).and(&third, &after);
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_lost_or_changed_events_begins_a_new_epoch_beside_the_old() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let inputs = [
        // Event 40 is gone, the last 50 are gone, one is another, all are others.
        lines(0..40) + &lines(41..200),
        lines(0..150),
        lines(0..40) + &lines_of("other", 40..41) + &lines(41..200),
        lines_of("other", 0..300),
    ];
    let mut expected = Expected::default();
    for (number, input) in inputs.iter().enumerate() {
        let original = lines(0..200);
        let name = format!("source-{number}");
        let first = host.back_up_as(&repository, &name, &original).await.unwrap();
        let second = host.back_up_as(&repository, &name, input).await.unwrap();
        assert!(
            matches!(second.reading, Reading::Whole(Whole::Changed(_) | Whole::Shrank(_))),
            "{number}: {:?}",
            second.reading
        );
        assert_eq!(second.history, History::Rewritten { events_before: 200 });
        assert_eq!((first.snapshot.epoch, second.snapshot.epoch), (0, 1));
        // The new epoch goes on like any other.
        let grown = input.clone() + &lines_of("late", 0..10);
        let third = host.back_up_as(&repository, &name, &grown).await.unwrap();
        assert!(is_further(&third), "{:?}", third.reading);
        assert_eq!((third.snapshot.epoch, third.events_new), (1, 10));
        expected = expected.and(&first, &original).and(&second, input).and(&third, &grown);
    }
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_the_same_events_is_no_new_epoch() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let original = lines(0..100);
    host.back_up(&repository, &original).await.unwrap();
    let respelled = original.replace("{\"stream_id\":", "{ \"stream_id\": ");
    let second = host.back_up(&repository, &respelled).await.unwrap();
    assert!(matches!(second.reading, Reading::Whole(Whole::Changed(_))), "{:?}", second.reading);
    assert_eq!((second.history, second.snapshot.epoch), (History::Continued, 0));
    assert_eq!(second.events_new, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_kept_nothing_reads_everything_and_stores_almost_nothing() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let (before, after) = (lines(0..5_000), lines(0..5_050));
    let first = host.back_up(&repository, &before).await.unwrap();
    host.lose_cache();
    let second = host.back_up(&repository, &after).await.unwrap();
    assert!(
        matches!(second.reading, Reading::Whole(Whole::NotPossible(_))),
        "{:?}",
        second.reading
    );
    assert_eq!((second.history, second.events_new), (History::Continued, 50));
    // The open segment and the rest are new; the chunks are not.
    assert!(second.snapshot.bytes_stored < 24 << 10, "{} bytes", second.snapshot.bytes_stored);
    let expected = Expected::default().and(&first, &before).and(&second, &after);
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

/// What is kept is used as it is only if it is what was stored: anything else is read from the
/// source again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_and_is_damaged_is_not_used() {
    let input = lines(0..3_000);
    let grown = lines(0..3_010);
    for number in 0..3 {
        let host = Host::new();
        let (store, repository) = host.init_small().await;
        let first = host.back_up(&repository, &input).await.unwrap();
        let mut damaged = 0;
        for path in host.cached_files("sources") {
            let mut bytes = std::fs::read(&path).unwrap();
            match number {
                0 => bytes.truncate(bytes.len() / 2),
                1 => bytes.clear(),
                _ => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 4;
                }
            }
            std::fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
        assert!(damaged >= 2, "a log and a segment are kept");
        let second = host.back_up(&repository, &grown).await.unwrap();
        assert!(!is_further(&second), "{:?}", second.reading);
        assert_eq!((second.history, second.events_new), (History::Continued, 10));
        let expected = Expected::default().and(&first, &input).and(&second, &grown);
        expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
    }
}

/// Two machines that back up one source under one name each go on from their own last snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn machines_that_take_turns_each_go_on_from_their_own() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let other = host.stranger(1);
    let theirs = other.open(Arc::new(store.clone())).await.unwrap();
    let mut expected = Expected::default();
    for round in 1..5 {
        let input = lines(0..200 * round);
        for (host, repository) in [(&host, &repository), (&other, &theirs)] {
            let report = host.back_up(repository, &input).await.unwrap();
            assert_eq!(is_further(&report), round > 1, "{:?}", report.reading);
            assert_eq!(report.snapshot.epoch, 0);
            expected.add(&report, &input);
        }
    }
    expected.assert_is_all(&host, Arc::new(store)).await;
}

/// Open segments are merged from what this machine keeps, closed ones from open ones: whatever was
/// appended how often, there are few, and every stream is found in them.
#[tokio::test(flavor = "multi_thread")]
async fn segments_stay_few_and_close_as_those_of_one_backup_do() {
    let host = Host::new();
    let store = Arc::new(MemoryStore::new());
    let repository = host.init_with_chunks(store.clone(), TINY_CHUNKS).await;
    let (mut newest, mut most) = (None, 0);
    for round in 1..=60 {
        let report = host.back_up(&repository, lines(0..60 * round)).await.unwrap();
        assert_eq!(is_further(&report), round > 1, "{:?}", report.reading);
        most = most.max(root(&report).open.len());
        newest = Some(report);
    }
    let newest = newest.unwrap();
    assert!(most <= 6, "{most} open segments");
    assert!(!root(&newest).peaks.is_empty());
    let input = lines(0..3_600);
    let whole = back_up_in_full(&host, &repository, input.as_bytes()).await;
    assert_eq!(root(&whole).peaks, root(&newest).peaks);
    let stranger = host.stranger(1);
    let repository = stranger.open(store).await.unwrap();
    let streams = StreamSelection::new(vec!["order-3".to_owned()]).unwrap();
    let options = RestoreOptions { streams, ..RestoreOptions::default() };
    let (restored, _) =
        stranger.restore_with(&repository, &newest.snapshot, &options).await.unwrap();
    let wanted: String =
        input.split_inclusive('\n').filter(|line| line.contains("\"order-3\"")).collect();
    assert_eq!(String::from_utf8(restored).unwrap(), wanted);
    assert_clean(&stranger.check(&repository).await);
}

/// Requests beside opening for one stream of three events, the first, one from the middle and the
/// newest of a hundred times as many as there are backups, on a machine that made none of them.
async fn requests_for_one_stream(incrementals: u64) -> (usize, std::time::Duration) {
    let host = Host::new();
    let recording = RecordingStore::new(Arc::new(MemoryStore::new()));
    let repository = host.init(recording.clone()).await;
    let path = host.path("events");
    let mut file = std::fs::File::create(&path).unwrap();
    // Hashing all of a growing file for each of ten thousand backups is for another test.
    let name = Some("source".to_owned());
    let request = SourceRequest { trust_append: true, ..SourceRequest::default() };
    let options = BackupOptions { name, request, ..host.backup_options() };
    let mut newest = None;
    for round in 0..incrementals {
        let new = lines_of("order", 99 * round..99 * (round + 1));
        std::io::Write::write_all(&mut file, new.as_bytes()).unwrap();
        if round == 0 || round == incrementals / 2 || round + 1 == incrementals {
            let line = lines_over("rare", 1, round..round + 1);
            std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
        }
        let source = ndjson_source(&path);
        let report = backup::backup(&repository, &source, &options, &Monitor::default()).await;
        newest = Some(report.unwrap());
    }
    let stranger = host.stranger(1);
    let repository = stranger.open(recording.clone()).await.unwrap();
    // Fetches the index, which belongs to opening.
    let nobody = StreamSelection::new(vec!["nobody".to_owned()]).unwrap();
    let snapshot = &newest.as_ref().unwrap().snapshot;
    assert_eq!(icecore::streams::streams(&repository, snapshot, &nobody).await.unwrap(), []);
    recording.reset();
    let streams = StreamSelection::new(vec!["rare-0".to_owned()]).unwrap();
    let options = RestoreOptions { streams, ..RestoreOptions::default() };
    let started = std::time::Instant::now();
    let (_, report) = stranger.restore_with(&repository, snapshot, &options).await.unwrap();
    let elapsed = started.elapsed();
    assert_eq!(report.events_restored, 3);
    (recording.total(), elapsed)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_takes_a_few_requests_however_many_backups_it_came_with() {
    for incrementals in [3, 40, 120] {
        let (requests, _) = requests_for_one_stream(incrementals).await;
        assert!(requests <= 20, "{requests} after {incrementals}");
    }
}

/// `just incrementals` runs this.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; `just incrementals` runs it"]
async fn one_stream_takes_a_few_requests_after_ten_thousand_backups() {
    let (requests, elapsed) = requests_for_one_stream(10_000).await;
    assert!(requests <= 20, "{requests}");
    // A second is what was asked for; an idle machine takes a tenth of it.
    assert!(elapsed.as_secs() < 10, "{elapsed:?}");
}
