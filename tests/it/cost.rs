//! What things cost, in requests and bytes, counted on a recording store.
//!
//! A bound is what was counted when it was written, with little to spare: who makes something cost
//! more changes the bound and says why.

use icecore::check::CheckOptions;
use icecore::environment::{Clock, Environment};
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;
use icecore::{Monitor, Repository, check};
use icecore_format::Timestamp;
use icecore_store::testing::{RecordingStore, Request};
use icecore_store::{Operation, Store as _};
use icecore_tests::host::TINY_CHUNKS;
use icecore_tests::lines::{large_line, lines_of};
use icecore_tests::{Expected, Host, PASSWORD, lines};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A repository whose requests are recorded, and the machine that made it.
async fn recorded(host: &Host) -> (Arc<RecordingStore>, Repository) {
    let (store, _) = host.init_small().await;
    let recording = RecordingStore::new(Arc::new(store));
    let repository = host.open(recording.clone()).await.unwrap();
    (recording, repository)
}

/// The names of what was put, but for the proof of exclusiveness.
fn written(recording: &RecordingStore) -> Vec<String> {
    let is_put =
        |request: &Request| request.operation == Operation::PutNew && request.failed.is_none();
    recording.requests().into_iter().filter(is_put).map(|request| request.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_of_an_unchanged_source_writes_an_entry_and_its_witness() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    host.back_up(&repository, lines(0..5_000)).await.unwrap();
    recording.reset();
    let report = host.back_up(&repository, lines(0..5_000)).await.unwrap();
    assert_eq!(
        written(&recording),
        ["ledger/00000000000000000001", "witness/00000000000000000001"]
    );
    assert_eq!((report.events_new, report.snapshot.bytes_stored), (0, 0));
    // The entry holds the snapshot and its peaks; 1 KiB is what it may grow to unnoticed.
    assert!(recording.bytes_put() < 1536, "{} bytes", recording.bytes_put());
    // The proof, the next number, the entry, the witness, and the number again before appending.
    assert!(recording.total() <= 6, "{:#?}", recording.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_source_backed_up_on_another_host_under_another_name_stores_nothing_again() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    host.back_up(&repository, lines(0..5_000)).await.unwrap();
    let other = host.stranger(1);
    let repository = other.open(recording.clone()).await.unwrap();
    recording.reset();
    other.back_up_as(&repository, "copy", lines(0..5_000)).await.unwrap();
    assert_eq!(recording.count_in(Operation::PutNew, "packs"), 0);
    assert_eq!(recording.count_in(Operation::PutNew, "index"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_takes_a_few_requests_and_writes_nothing() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    host.back_up(&repository, lines(0..100)).await.unwrap();
    for host in [host.stranger(1), host] {
        recording.reset();
        host.open(recording.clone()).await.unwrap();
        assert_eq!(recording.count(Operation::PutNew), 0);
        // The config, the list of slots, the slot, the list of checkpoints; then the ledger, whose
        // end is looked for once with 32 requests at a time.
        assert!(recording.total() - recording.count_in(Operation::Get, "ledger") <= 4);
        assert!(recording.count_in(Operation::Get, "ledger") <= 35, "{:#?}", recording.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_costs_no_more_with_two_hundred_snapshots_than_with_a_few() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    for _ in 0..200 {
        host.back_up(&repository, lines(0..10)).await.unwrap();
    }
    recording.reset();
    host.stranger(1).open(recording.clone()).await.unwrap();
    // A checkpoint stands for the entries before it; at most 64 entries come after it, and the end
    // is looked for with up to 32 requests more.
    assert!(recording.count_in(Operation::Get, "checkpoint") == 1, "{:#?}", recording.requests());
    assert!(recording.count_in(Operation::Get, "ledger") <= 64 + 33, "{}", recording.total());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_appended_events_cost_a_few_puts_and_about_their_own_bytes() {
    let host = Host::new();
    let recording = RecordingStore::new(Arc::new(icecore_store::MemoryStore::new()));
    let repository = host.init(recording.clone()).await;
    host.back_up(&repository, lines(0..20_000)).await.unwrap();
    recording.reset();
    let report = host.back_up(&repository, lines(0..20_100)).await.unwrap();
    assert_eq!(report.events_new, 100);
    // A data pack, an index run, the entry, the witness: the events join the tail, which has no
    // metadata.
    assert_eq!(written(&recording).len(), 4, "{:?}", written(&recording));
    // The events take 15 KB as NDJSON.
    assert!(recording.bytes_put() < 6 << 10, "{} bytes", recording.bytes_put());
    let ledger_reads = recording.count_in(Operation::Get, "ledger");
    assert!(recording.total() - ledger_reads <= 6, "{:#?}", recording.requests());
}

/// Segments end where their chunks' ids say so, and not after a number of chunks: so what comes
/// after a change is cut as it was before.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_turn_up_at_the_beginning_leave_later_segments_as_they_were() {
    let host = Host::new();
    let store = Arc::new(icecore_store::MemoryStore::new());
    let recording = RecordingStore::new(store);
    let repository = host.init_with_chunks(recording.clone(), TINY_CHUNKS).await;
    let before = lines(0..24_000);
    let first = host.back_up(&repository, &before).await.unwrap();
    recording.reset();
    // A stream of another's, so that no directory but the first changes by its streams.
    let after = lines_of("early", 0..1) + &before;
    let second = host.back_up(&repository, &after).await.unwrap();
    assert!(first.snapshot.event_log.as_ref().unwrap().span().segments >= 8);
    let metadata = recording.bytes_put();
    // Of about 20 segments of some hundred chunks, one or two are new.
    assert!(metadata < 150 << 10, "{metadata} bytes");
    let expected = Expected::default().and(&first, &before).and(&second, &after);
    expected.assert_is_all_of(&host, &repository).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_one_stream_of_thousands_reads_little() {
    let host = Host::new();
    let store = Arc::new(icecore_store::MemoryStore::new());
    let recording = RecordingStore::new(store);
    let repository = host.init(recording.clone()).await;
    // Streams come one after the other, as an export sorted by stream has them.
    let of_stream = |stream: u64| -> String {
        let id = format!("{stream:0100}");
        (0..20).map(|version| large_line(&id, stream * 20 + version, 500)).collect()
    };
    let input: String = (0..1_000).map(of_stream).collect();
    let report = host.back_up(&repository, &input).await.unwrap();
    let stored: u64 = recording.list("packs/").await.unwrap().iter().map(|it| it.bytes).sum();
    recording.reset();
    let options = RestoreOptions {
        streams: StreamSelection::new(vec![format!("{:0100}", 517)]).unwrap(),
        ..RestoreOptions::default()
    };
    let (bytes, _) = host.restore_with(&repository, &report.snapshot, &options).await.unwrap();
    assert_eq!(bytes, of_stream(517).as_bytes());
    // A segment and a page of its directory, their pack's header once, and the block that holds its
    // events, which is all of 2 MiB before compression, or two of them.
    assert!(recording.bytes_read() * 2 < stored, "{} of {stored}", recording.bytes_read());
    assert!(recording.count(Operation::GetRange) <= 6, "{:#?}", recording.requests());
    assert_eq!(recording.count_in(Operation::Get, "packs"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_without_read_data_reads_no_pack_of_data() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    // Payloads of their own chunks, too.
    let input = lines(0..2_000) + &large_line("scan", 1, 3 << 20);
    host.back_up(&repository, input).await.unwrap();
    let stored: u64 = recording.list("packs/").await.unwrap().iter().map(|it| it.bytes).sum();
    recording.reset();
    let options = CheckOptions::default();
    let report = check::check(&repository, &options, &Monitor::default()).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(recording.count_in(Operation::Get, "packs"), 0);
    assert_eq!(recording.count(Operation::PutNew), 0, "a check writes nothing");
    let packs: std::collections::BTreeSet<String> = recording
        .requests()
        .into_iter()
        .filter(|request| request.first_segment() == "packs")
        .map(|request| request.name)
        .collect();
    assert_eq!(packs.len(), 1, "the metadata pack alone: {packs:?}");
    assert!(recording.bytes_read() * 10 < stored, "{} of {stored}", recording.bytes_read());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_all_data_reads_each_pack_once() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    for end in [1_000, 1_500, 2_000] {
        host.back_up(&repository, lines(0..end)).await.unwrap();
    }
    let packs = recording.list("packs/").await.unwrap().len();
    recording.reset();
    let report = host.check(&repository).await;
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!(recording.count_in(Operation::Get, "packs"), packs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_reads_the_index_runs_of_others_once_and_its_own_never() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    for backup in 1..=20 {
        host.back_up(&repository, lines(0..backup * 50)).await.unwrap();
    }
    let runs = recording.list("index/").await.unwrap().len();
    assert_eq!(runs, 20);
    let stranger = host.stranger(1);
    for (host, reads) in [(&host, 0), (&stranger, runs), (&stranger, 0)] {
        recording.reset();
        let repository = host.open(recording.clone()).await.unwrap();
        host.restore(&repository, "latest").await.unwrap();
        assert_eq!(recording.count_in(Operation::Get, "index"), reads);
    }
}

/// A clock on which a minute passes whenever somebody looks: a session writes a run for each chunk.
#[derive(Default)]
struct RushingClock(AtomicI64);

impl Clock for RushingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(61_000_000_000, Ordering::Relaxed))
    }

    fn passed(&self) -> Duration {
        Duration::ZERO
    }
}

/// Packs that one backup stores on a [`RushingClock`], and index runs.
async fn stored_in_a_hurry(lines: &str) -> (usize, usize) {
    let host = Host::new();
    let (store, _) = host.init_small().await;
    let recording = RecordingStore::new(Arc::new(store));
    let environment = Environment { clock: Arc::<RushingClock>::default(), ..host.environment() };
    let repository = Repository::open(recording.clone(), environment, PASSWORD).await.unwrap();
    recording.reset();
    let report = host.back_up(&repository, lines).await.unwrap();
    Expected::default().and(&report, lines).assert_is_all_of(&host, &repository).await;
    let puts = |directory| recording.count_in(Operation::PutNew, directory);
    (puts("packs"), puts("index"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_has_in_earlier_index_runs_is_not_stored_again() {
    let (packs, runs) = stored_in_a_hurry(&lines(0..300)).await;
    assert!(runs > 20, "{runs}");
    let (packs_of_twice, _) = stored_in_a_hurry(&lines(0..300).repeat(2)).await;
    // The chunk at the seam with what stands beside it, and the segment.
    assert!(packs_of_twice <= packs + 8, "{packs_of_twice} packs, not {packs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn open_check_and_restore_write_nothing_to_storage() {
    let host = Host::new();
    let (recording, repository) = recorded(&host).await;
    host.back_up(&repository, lines(0..500)).await.unwrap();
    recording.reset();
    let other = host.stranger(1);
    let repository = other.open(recording.clone()).await.unwrap();
    other.check(&repository).await;
    other.restore(&repository, "latest").await.unwrap();
    assert_eq!(recording.count(Operation::PutNew) + recording.count(Operation::Delete), 0);
}
