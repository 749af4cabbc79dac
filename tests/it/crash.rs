//! The process dies: at every write, and whether or not that write still happened.
//!
//! After each cut a machine that remembers nothing and the machine that died look at what is left:
//! the repository opens, checks clean, has exactly the snapshots that were acknowledged (and at
//! most the one that was being committed), all of them come back byte for byte, and the next
//! backup succeeds.

use icecore::Repository;
use icecore::backup::{BackupError, BackupReport};
use icecore::repository::OpenError;
use icecore_format::random::CountingRandom;
use icecore_store::testing::{CrashingStore, Interrupted, RecordingStore};
use icecore_store::{MemoryStore, Operation, Store};
use icecore_tests::host::{SMALL_CHUNKS, init_options};
use icecore_tests::{Expected, Host, PASSWORD, lines};
use std::sync::Arc;

const BOTH: [Interrupted; 2] = [Interrupted::Landed, Interrupted::Vanished];

/// A repository at rest, the machine that made it, and what it holds.
struct Start {
    store: MemoryStore,
    host: Host,
    expected: Expected,
}

impl Start {
    /// A repository without snapshots.
    async fn empty() -> Self {
        let host = Host::new();
        // Every chunk gets a pack and an index run of its own, so there is much to cut between.
        host.clock.step_seconds(60);
        let (store, _) = host.init_small().await;
        Self { store, host, expected: Expected::default() }
    }

    async fn and_backup(mut self, input: &str) -> Self {
        let repository = self.host.open(Arc::new(self.store.clone())).await.unwrap();
        let report = self.host.back_up(&repository, input).await.unwrap();
        self.expected.add(&report, input);
        self
    }

    /// The same after a backup that died at a write.
    async fn and_interrupted_backup(self, input: &str, write: u64, how: Interrupted) -> Self {
        let crashing = Arc::new(CrashingStore::new(self.store, write, how));
        attempt(&self.host, crashing.clone(), input).await.unwrap_err();
        assert!(crashing.crashed());
        Self { store: crashing.survivors(), ..self }
    }

    /// The writes of a backup of `input`.
    async fn count_writes(&self, input: &str) -> u64 {
        let counting = Arc::new(CrashingStore::counting(self.store.snapshot()));
        attempt(&self.host.duplicate(1000), counting.clone(), input).await.unwrap();
        counting.writes()
    }

    /// Cuts a backup of `input` at every write; how many writes there are.
    async fn cut_everywhere(&self, input: &str) -> u64 {
        let writes = self.count_writes(input).await;
        for write in 1..=writes {
            for how in BOTH {
                self.cut(input, write, how).await;
            }
        }
        writes
    }

    async fn cut(&self, input: &str, write: u64, how: Interrupted) {
        let died = self.host.duplicate(1);
        let crashing = Arc::new(CrashingStore::new(self.store.snapshot(), write, how));
        let outcome = attempt(&died, crashing.clone(), input).await;
        assert!(crashing.crashed(), "there is no write {write}");
        for host in [self.host.stranger(2), died] {
            let left = crashing.survivors();
            let mut expected = self.expected.clone();
            let repository = host.open(Arc::new(left.clone())).await.unwrap();
            match &outcome {
                Ok(report) => expected.add(report, input),
                Err(_) => expected.add_unacknowledged(&repository, input.as_bytes()).await,
            }
            expected.assert_is_all_of(&host, &repository).await;
            // What is left behind is named as what it is.
            let next = input.to_owned() + &lines(900..950);
            let report = host.back_up(&repository, &next).await.unwrap();
            expected.add(&report, &next);
            expected.assert_is_all(&host, Arc::new(left)).await;
        }
    }
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown when a test fails")]
enum Failure {
    Open(OpenError),
    Backup(BackupError),
}

async fn attempt(host: &Host, store: Arc<dyn Store>, input: &str) -> Result<BackupReport, Failure> {
    let repository = host.open(store).await.map_err(Failure::Open)?;
    host.back_up(&repository, input).await.map_err(Failure::Backup)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_may_die_at_any_write_and_be_run_again() {
    let init = async |host: &Host, store: Arc<dyn Store>| {
        Repository::init(store, host.environment(), PASSWORD, &init_options()).await
    };
    let host = Host::new();
    let counting = Arc::new(CrashingStore::counting(MemoryStore::new()));
    init(&host, counting.clone()).await.unwrap();
    for write in 1..=counting.writes() {
        for how in BOTH {
            let host = Host::new();
            let crashing = Arc::new(CrashingStore::new(MemoryStore::new(), write, how));
            // The writes of the race are in no order, so the last may be a deletion that nobody
            // waits to succeed.
            let _outcome = init(&host, crashing.clone()).await;
            assert!(crashing.crashed());
            let store: Arc<dyn Store> = Arc::new(crashing.survivors());
            let again = host.stranger(1);
            match again.open(store.clone()).await {
                Ok(_) => {}
                Err(OpenError::NoRepository { .. }) => {
                    init(&again, store.clone()).await.unwrap();
                }
                Err(error) => panic!("an interrupted init is not told as such: {error}"),
            }
            let repository = again.open(store.clone()).await.unwrap();
            let report = again.back_up(&repository, lines(0..10)).await.unwrap();
            let expected = Expected::default().and(&report, lines(0..10));
            expected.assert_is_all(&again, store).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_backup_may_die_at_any_write() {
    let writes = Start::empty().await.cut_everywhere(&lines(0..60)).await;
    // Several packs, as many index runs, the entry, its witness, and the proof of exclusiveness.
    assert!(writes > 12, "there are only {writes} writes to cut at");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_backup_may_die_at_any_write() {
    let start = Start::empty().await.and_backup(&lines(0..60)).await;
    start.cut_everywhere(&lines(0..110)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_an_unchanged_source_may_die_at_any_write() {
    let start = Start::empty().await.and_backup(&lines(0..60)).await;
    let writes = start.cut_everywhere(&lines(0..60)).await;
    assert_eq!(writes, 3, "the proof of exclusiveness, the entry, its witness");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_after_an_interrupted_one_may_die_at_any_write() {
    let start = Start::empty().await.and_backup(&lines(0..30)).await;
    let writes = start.count_writes(&lines(0..100)).await;
    // The last write is the witness, the one before it the entry.
    for (write, how) in [(writes - 1, Interrupted::Vanished), (writes / 2, Interrupted::Landed)] {
        let host = start.host.duplicate(3);
        let again = Start { store: start.store.snapshot(), host, ..clone(&start) }
            .and_interrupted_backup(&lines(0..100), write, how)
            .await;
        again.cut_everywhere(&lines(0..120)).await;
    }
}

fn clone(start: &Start) -> Start {
    Start {
        store: start.store.snapshot(),
        host: start.host.duplicate(4),
        expected: start.expected.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_dies_again_and_again_gets_further_each_time() {
    let mut start = Start::empty().await;
    let input = lines(0..200);
    let mut deaths = 0;
    loop {
        // Enough for a few packs and their index runs; each attempt begins with one write.
        let crashing = Arc::new(CrashingStore::new(start.store, 9, Interrupted::Vanished));
        let outcome = attempt(&start.host, crashing.clone(), &input).await;
        start.store = crashing.survivors();
        if let Ok(report) = outcome {
            start.expected.add(&report, &input);
            break;
        }
        deaths += 1;
        assert!(deaths < 100, "no attempt gets further than the one before it");
    }
    assert!(deaths >= 3, "{deaths} deaths show nothing");
    start.expected.assert_is_all(&start.host, Arc::new(start.store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_interrupted_backup_had_flushed_is_not_uploaded_again() {
    let start = Start::empty().await;
    let input = lines(0..2_000);
    let writes = start.count_writes(&input).await;
    // It dies at its ledger entry.
    let start = start.and_interrupted_backup(&input, writes - 1, Interrupted::Vanished).await;
    let bytes: u64 = start.store.list("packs/").await.unwrap().iter().map(|it| it.bytes).sum();

    let recording = RecordingStore::new(Arc::new(start.store.clone()));
    let report = attempt(&start.host, recording.clone(), &input).await.unwrap();
    assert_eq!(recording.count_in(Operation::PutNew, "packs"), 0, "of {bytes} bytes");
    assert_eq!(recording.count_in(Operation::PutNew, "index"), 0);
    let expected = Expected::default().and(&report, &input);
    expected.assert_is_all(&start.host.stranger(5), Arc::new(start.store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_uploads_again_what_an_interrupted_backup_had_not_committed() {
    let start = Start::empty().await;
    let input = lines(0..200);
    let writes = start.count_writes(&input).await;
    let start = start.and_interrupted_backup(&input, writes - 1, Interrupted::Vanished).await;
    let other = start.host.stranger(5);
    let recording = RecordingStore::new(Arc::new(start.store.clone()));
    let report = attempt(&other, recording.clone(), &input).await.unwrap();
    // An index run that no entry names may name packs that will be collected.
    assert!(recording.count_in(Operation::PutNew, "packs") > 0);
    let expected = Expected::default().and(&report, &input);
    let repository = expected.assert_is_all(&other, Arc::new(start.store)).await;
    let check = other.check(&repository).await;
    assert!(check.notes.iter().any(|note| note.contains("have not finished")), "{:?}", check.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_interrupted_backups_left_is_taken_over_by_a_third() {
    let start = Start::empty().await;
    let writes = start.count_writes(&lines(0..80)).await;
    let start = start
        .and_interrupted_backup(&lines(0..80), writes - 1, Interrupted::Vanished)
        .await
        .and_interrupted_backup(&lines(0..160), writes, Interrupted::Landed)
        .await;
    let recording = RecordingStore::new(Arc::new(start.store.clone()));
    let report = attempt(&start.host, recording.clone(), &lines(0..160)).await.unwrap();
    let expected = start.expected.clone().and(&report, lines(0..160));
    expected.assert_is_all(&start.host.stranger(6), Arc::new(start.store)).await;
}

/// Randomness that repeats itself makes a name that is taken: nothing is overwritten, nothing lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_set_back_with_its_random_numbers_overwrites_nothing() {
    let host = Host::new();
    let store = MemoryStore::new();
    host.init_with_chunks(Arc::new(store.clone()), SMALL_CHUNKS).await;
    let twin = |host: &Host| {
        let random = Arc::new(CountingRandom::default());
        icecore::Environment { random, ..host.environment_without_local_state() }
    };
    for input in [lines(0..40), lines(50..90)] {
        let crashing = CrashingStore::new(store.clone(), 4, Interrupted::Vanished);
        let repository = Repository::open(Arc::new(crashing), twin(&host), PASSWORD).await.unwrap();
        host.back_up(&repository, input).await.unwrap_err();
    }
    let repository = host.open(Arc::new(store.clone())).await.unwrap();
    let report = host.back_up(&repository, lines(0..40)).await.unwrap();
    let expected = Expected::default().and(&report, lines(0..40));
    expected.assert_is_all(&host, Arc::new(store)).await;
}
