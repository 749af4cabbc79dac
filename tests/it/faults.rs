//! Storage on a bad day: lost answers, full disks, errors, writes that land late or torn, reads that
//! come back changed.
//!
//! Each is told as what it is, none loses anything that was acknowledged, and when it is over the
//! next backup works. Every test ends with the proof that its faults struck.

use icecore::backup::{BackupError, BackupReport};
use icecore::check::{CheckError, CheckOptions};
use icecore::error::ReadError;
use icecore::ledger::AppendError;
use icecore::repository::{ExclusiveError, OpenError};
use icecore::restore::RestoreStep;
use icecore::session::SessionError;
use icecore::{Monitor, Repository, check};
use icecore_store::testing::{Effect, FaultyStore, Matcher, RecordingStore};
use icecore_store::{MemoryStore, Operation, StoreError, StoreErrorKind};
use icecore_tests::error_chain::chain;
use icecore_tests::{Expected, Host, lines};
use std::sync::Arc;

const WAYS_TO_FAIL: [StoreErrorKind; 4] = [
    StoreErrorKind::Denied,
    StoreErrorKind::NoSpace,
    StoreErrorKind::ReadOnly,
    StoreErrorKind::Permanent,
];

/// What a backup puts: the proof of exclusiveness, packs, an index run, the entry, the witness.
const PUTS: [&str; 5] = ["config", "packs/", "index/", "ledger/", "witness/"];

/// A repository with one snapshot, on storage that does as it is told.
struct Start {
    store: MemoryStore,
    faulty: Arc<FaultyStore>,
    host: Host,
    expected: Expected,
}

impl Start {
    async fn new() -> Self {
        let host = Host::new();
        let (store, repository) = host.init_small().await;
        let report = host.back_up(&repository, lines(0..60)).await.unwrap();
        let expected = Expected::default().and(&report, lines(0..60));
        Self { faulty: FaultyStore::new(Arc::new(store.clone())), store, host, expected }
    }

    /// The same on storage of its own.
    fn again(&self) -> Self {
        let store = self.store.snapshot();
        Self {
            faulty: FaultyStore::new(Arc::new(store.clone())),
            store,
            host: self.host.duplicate(1),
            expected: self.expected.clone(),
        }
    }

    fn fault(&self, matcher: Matcher, effect: Effect) {
        self.faulty.add(matcher, effect);
    }

    async fn open(&self) -> Repository {
        self.host.open(self.faulty.clone()).await.unwrap()
    }

    async fn back_up(&self) -> Result<BackupReport, BackupError> {
        let repository = self.open().await;
        self.host.back_up(&repository, lines(0..120)).await
    }

    /// After the fault: what was acknowledged is there, and the next backup works.
    async fn assert_nothing_is_lost(mut self, outcome: &Result<BackupReport, BackupError>) {
        self.faulty.assert_all_exercised();
        self.faulty.make_room();
        let repository = self.host.open(self.faulty.clone()).await.unwrap();
        let input = lines(0..120);
        if let Ok(report) = outcome {
            self.expected.add(report, &input);
        } else {
            self.expected.add_unacknowledged(&repository, input.as_bytes()).await;
        }
        self.expected.assert_is_all_of(&self.host, &repository).await;
        let report = self.host.back_up(&repository, lines(0..150)).await.unwrap();
        self.expected.add(&report, lines(0..150));
        let other = self.host.stranger(2);
        self.expected.assert_is_all(&other, Arc::new(self.store)).await;
    }
}

/// The answer of the storage that a failed backup reports.
fn answer(error: &BackupError) -> &StoreError {
    match error {
        BackupError::Session(
            SessionError::Write(error) | SessionError::Append(AppendError::Write(error)),
        ) => error,
        error => panic!("it is not told as a write that failed: {}", chain(error)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_of_any_put_is_found_out_and_harms_nothing() {
    let start = Start::new().await;
    for prefix in PUTS {
        let start = start.again();
        start.fault(Matcher::first(Operation::PutNew, prefix), Effect::LoseAcknowledgement);
        let outcome = start.back_up().await;
        let error = outcome.as_ref().err().map(|error| chain(error));
        assert_eq!(error, None, "the acknowledgement of {prefix} was lost");
        start.assert_nothing_is_lost(&outcome).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_did_not_happen_and_got_no_answer_is_made_again() {
    let start = Start::new().await;
    for prefix in PUTS {
        let start = start.again();
        let effect = Effect::Fail(StoreErrorKind::Transient);
        start.fault(Matcher::first(Operation::PutNew, prefix), effect);
        let outcome = start.back_up().await;
        let error = outcome.as_ref().err().map(|error| chain(error));
        assert_eq!(error, None, "{prefix} was not put at first");
        start.assert_nothing_is_lost(&outcome).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_fails_is_told_as_what_it_is() {
    let start = Start::new().await;
    for kind in WAYS_TO_FAIL {
        for prefix in PUTS {
            let start = start.again();
            start.fault(Matcher::first(Operation::PutNew, prefix), Effect::Fail(kind));
            let outcome = start.back_up().await;
            if prefix == "witness/" {
                // The entry stands, and losing its witness is harmless.
                outcome.as_ref().unwrap();
            } else {
                let answer = answer(outcome.as_ref().unwrap_err());
                assert_eq!(answer.kind(), kind);
                assert!(answer.object().unwrap().as_str().starts_with(prefix), "{answer}");
            }
            start.assert_nothing_is_lost(&outcome).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_any_put_is_told_and_is_not_taken_for_a_source_that_fails() {
    let start = Start::new().await;
    start.host.clock.step_seconds(60);
    let recording = RecordingStore::new(Arc::new(start.store.snapshot()));
    let counting = start.host.duplicate(3);
    let repository = counting.open(recording.clone()).await.unwrap();
    counting.back_up(&repository, lines(0..120)).await.unwrap();
    let puts = recording.count(Operation::PutNew) as u64;
    assert!(puts > 8);
    for put in 1..=puts {
        let start = start.again();
        start.fault(Matcher::nth(put, Operation::PutNew, ""), Effect::FullDisk);
        let outcome = start.back_up().await;
        if put < puts {
            let error = outcome.as_ref().unwrap_err();
            assert_eq!(answer(error).kind(), StoreErrorKind::NoSpace);
            assert!(chain(error).contains("no space left on the storage"), "{}", chain(error));
        } else {
            outcome.as_ref().expect("the witness does not matter");
        }
        start.assert_nothing_is_lost(&outcome).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_an_answer_is_told_as_unknown_and_named_by_its_entry() {
    for lands in [true, false] {
        let start = Start::new().await;
        for _ in 0..5 {
            let effect = Effect::LandLate { after_requests: None };
            start.fault(Matcher::first(Operation::PutNew, "ledger/"), effect);
        }
        let outcome = start.back_up().await;
        let error = outcome.as_ref().unwrap_err();
        assert!(
            matches!(
                error,
                BackupError::Session(SessionError::Append(AppendError::Unknown { number: 1, .. }))
            ),
            "{}",
            chain(error)
        );
        assert_eq!(
            chain(error),
            "cannot commit the snapshot: storage gave no answer, so it is not known whether ledger \
             entry 1 was written: cannot write ledger/00000000000000000001: the storage failed, \
             perhaps only for the moment: a scripted fault"
        );
        if lands {
            let landed = start.faulty.release_late().await;
            assert_eq!(landed.len(), 1, "one of five puts of a name lands");
        }
        start.assert_nothing_is_lost(&outcome).await;
    }
}

/// The next backup takes the number that was left open, and a put that lands days later finds it
/// taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_would_land_after_the_next_backup_changes_nothing() {
    let mut start = Start::new().await;
    for _ in 0..5 {
        let effect = Effect::LandLate { after_requests: None };
        start.fault(Matcher::first(Operation::PutNew, "ledger/"), effect);
    }
    start.back_up().await.unwrap_err();
    start.faulty.assert_all_exercised();
    let repository = start.open().await;
    let report = start.host.back_up(&repository, lines(0..150)).await.unwrap();
    start.expected.add(&report, lines(0..150));
    assert!(start.faulty.release_late().await.is_empty());
    start.expected.assert_is_all(&start.host, Arc::new(start.store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_lands_late_is_the_same_as_one_that_landed() {
    let start = Start::new().await;
    for prefix in PUTS {
        for after_requests in [Some(0), Some(1), Some(2), Some(5), None] {
            let start = start.again();
            let effect = Effect::LandLate { after_requests };
            start.fault(Matcher::first(Operation::PutNew, prefix), effect);
            let outcome = start.back_up().await;
            let error = outcome.as_ref().err().map(|error| chain(error));
            assert_eq!(error, None, "{prefix} lands after {after_requests:?} requests");
            start.faulty.release_late().await;
            start.assert_nothing_is_lost(&outcome).await;
        }
    }
}

/// A storage that tears puts keeps none of the promises that the design asks for. What it tore is
/// never taken for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_torn_pack_or_index_run_fails_the_backup_and_the_next_one_works() {
    let start = Start::new().await;
    for prefix in ["packs/", "index/"] {
        for keep in [0, 1, 100] {
            let start = start.again();
            start.fault(Matcher::first(Operation::PutNew, prefix), Effect::Torn { keep });
            let outcome = start.back_up().await;
            let error = outcome.as_ref().unwrap_err();
            assert!(
                matches!(error, BackupError::Session(SessionError::NameTaken { object })
                    if object.as_str().starts_with(prefix)),
                "{}",
                chain(error)
            );
            start.assert_nothing_is_lost(&outcome).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_entry_is_passed_over_by_the_commit_and_told_by_the_check() {
    let start = Start::new().await;
    for keep in [0, 1, 100] {
        let mut start = start.again();
        start.fault(Matcher::first(Operation::PutNew, "ledger/"), Effect::Torn { keep });
        let report = start.back_up().await.unwrap();
        start.faulty.assert_all_exercised();
        assert_eq!(report.entry, 2, "the torn one is entry 1");
        start.expected.add(&report, lines(0..120));
        let host = start.host.stranger(4);
        let repository = host.open(Arc::new(start.store.clone())).await.unwrap();
        let check = host.check(&repository).await;
        assert_eq!(check.findings.len(), 1, "{:?}", check.findings);
        assert_eq!(check.findings[0].subject, "ledger entry 1");
        for (id, bytes) in start.expected.iter() {
            assert!(&host.restore(&repository, &id.to_string()).await.unwrap() == bytes);
        }
        host.back_up(&repository, lines(0..10)).await.unwrap();
    }
}

/// What an operation reads: each request of this kind, by number.
async fn reads(start: &Start, operation: Operation, what: What) -> u64 {
    let start = start.again();
    let recording = RecordingStore::new(start.faulty.clone());
    let host = start.host.stranger(5);
    let repository = host.open(recording.clone()).await.unwrap();
    recording.reset();
    what.run(&host, &repository).await.unwrap();
    recording.count(operation) as u64
}

#[derive(Clone, Copy, Debug)]
enum What {
    BackUp,
    Restore,
    Check,
}

#[derive(Debug)]
enum Failure {
    BackUp(BackupError),
    Restore(icecore::restore::RestoreError),
    Check(CheckError),
    /// Findings of a check, as text.
    Found(String),
}

impl Failure {
    fn text(&self) -> String {
        match self {
            Self::BackUp(error) => chain(error),
            Self::Restore(error) => chain(error),
            Self::Check(error) => chain(error),
            Self::Found(text) => text.clone(),
        }
    }
}

impl What {
    /// Does it. A backup and a restore are of the first snapshot's bytes, which a restore has to
    /// give exactly.
    async fn run(self, host: &Host, repository: &Repository) -> Result<(), Failure> {
        match self {
            Self::BackUp => {
                let report = host.back_up(repository, lines(0..120)).await;
                report.map(|_| ()).map_err(Failure::BackUp)
            }
            Self::Restore => match host.restore(repository, "latest").await {
                Ok(bytes) => {
                    assert!(bytes == lines(0..60).as_bytes(), "other bytes were restored");
                    Ok(())
                }
                Err(error) => Err(Failure::Restore(error)),
            },
            Self::Check => {
                let options = CheckOptions { read_data: true, ..CheckOptions::default() };
                match check::check(repository, &options, &Monitor::default()).await {
                    Ok(report) if report.findings.is_empty() => Ok(()),
                    Ok(report) => Err(Failure::Found(format!("{:?}", report.findings))),
                    Err(error) => Err(Failure::Check(error)),
                }
            }
        }
    }
}

/// Lets every read of every operation fail so, one at a time; gives the failures to `judge`.
async fn fail_each_read(
    operations: &[Operation],
    effect: &Effect,
    mut judge: impl FnMut(&str, Result<(), Failure>),
) {
    let start = Start::new().await;
    for what in [What::BackUp, What::Restore, What::Check] {
        for &operation in operations {
            let reads = reads(&start, operation, what).await;
            for read in 1..=reads {
                let start = start.again();
                // A machine without copies reads more.
                let host = start.host.stranger(6);
                let repository = host.open(start.faulty.clone()).await.unwrap();
                start.fault(Matcher::nth(read, operation, ""), effect.clone());
                let outcome = what.run(&host, &repository).await;
                let backed_up = matches!((what, &outcome), (What::BackUp, Ok(())));
                judge(&format!("{what:?}, {operation:?} {read} of {reads}: {effect:?}"), outcome);
                start.faulty.assert_all_exercised();
                // Whatever it was, nothing is damaged.
                let repository = host.open(start.faulty.clone()).await.unwrap();
                let mut expected = start.expected.clone();
                if backed_up {
                    expected.add_unacknowledged(&repository, lines(0..120).as_bytes()).await;
                }
                expected.assert_is_all_of(&host, &repository).await;
                host.back_up(&repository, lines(0..150)).await.unwrap();
            }
        }
    }
}

const READS: [Operation; 3] = [Operation::Get, Operation::GetRange, Operation::List];

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_for_the_moment_is_made_again() {
    let effect = Effect::Fail(StoreErrorKind::Transient);
    fail_each_read(&READS, &effect, |case, outcome| {
        if let Err(failure) = outcome {
            panic!("{case}: {}", failure.text());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_denied_is_told_as_that_and_is_no_damage() {
    let effect = Effect::Fail(StoreErrorKind::Denied);
    fail_each_read(&READS, &effect, |case, outcome| {
        // What is read ahead of the ledger's end may fail without harm.
        let Err(failure) = outcome else { return };
        let text = failure.text();
        assert!(text.contains("the storage denies it"), "{case}: {text}");
        match failure {
            Failure::BackUp(BackupError::Session(
                SessionError::Read(_) | SessionError::Append(_),
            ))
            | Failure::Check(CheckError::Read(_)) => {}
            Failure::Restore(error) => {
                assert!(matches!(error.step(), RestoreStep::Read(_)), "{case}: {text}");
            }
            _ => panic!("{case}: {text}"),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_read_is_told_and_a_check_counts_it_as_damage() {
    let effect = Effect::Fail(StoreErrorKind::Permanent);
    fail_each_read(&READS, &effect, |case, outcome| {
        let Err(failure) = outcome else { return };
        let text = failure.text();
        assert!(text.contains("the storage failed"), "{case}: {text}");
    })
    .await;
}

/// `What::run` panics where a restore gives other bytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_comes_back_changed_is_an_error_and_never_restored_as_good() {
    for byte in [0, 50, u64::MAX] {
        let effect = Effect::FlipBit { byte, bit: 5 };
        fail_each_read(&[Operation::Get, Operation::GetRange], &effect, |_, _| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_comes_back_short_is_an_error_and_never_restored_as_good() {
    for keep in [0, 60] {
        let effect = Effect::Truncate { keep };
        fail_each_read(&[Operation::Get, Operation::GetRange], &effect, |_, _| {}).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_that_cannot_read_says_what_and_the_next_one_works() {
    let start = Start::new().await;
    let recording = RecordingStore::new(Arc::new(start.store.snapshot()));
    start.host.stranger(7).open(recording.clone()).await.unwrap();
    for operation in READS {
        for read in 1..=recording.count(operation) as u64 {
            for kind in [StoreErrorKind::Denied, StoreErrorKind::Permanent] {
                let start = start.again();
                let host = start.host.stranger(8);
                start.fault(Matcher::nth(read, operation, ""), Effect::Fail(kind));
                match host.open(start.faulty.clone()).await {
                    Ok(_) => {}
                    Err(error) => {
                        assert!(chain(&error).contains(&kind.to_string()), "{}", chain(&error));
                        assert!(
                            matches!(
                                error,
                                OpenError::Read(ReadError::Store(_)) | OpenError::NoKeySlot { .. }
                            ),
                            "{}",
                            chain(&error)
                        );
                    }
                }
                start.faulty.assert_all_exercised();
                start.expected.assert_is_all(&host, start.faulty.clone()).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_that() {
    let start = Start::new().await;
    let environment = start.host.stranger(9).environment();
    let error =
        Repository::open(start.faulty.clone(), environment, b"something else").await.unwrap_err();
    assert!(matches!(error, OpenError::WrongPassword), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_overwrites_is_refused() {
    let start = Start::new().await;
    let repository = start.open().await;
    // What a storage without put-if-absent looks like: the config can be put again.
    let config = icecore::layout::ObjectRole::Config.object_name();
    assert!(start.store.remove(&config));
    let error = start.host.back_up(&repository, lines(0..120)).await.unwrap_err();
    assert!(
        matches!(
            error,
            BackupError::Session(SessionError::Exclusive(ExclusiveError::NotExclusive { .. }))
        ),
        "{}",
        chain(&error)
    );
    let host = start.host.stranger(10);
    start.expected.assert_is_all(&host, Arc::new(start.store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_source_that_fails_commits_nothing_and_says_so() {
    let start = Start::new().await;
    let repository = start.open().await;
    let broken = lines(0..500) + "{\"stream_id\":\"a\"}\n" + &lines(500..600);
    let error = start.host.back_up(&repository, broken).await.unwrap_err();
    assert!(matches!(error, BackupError::Source(_)), "{}", chain(&error));
    assert!(chain(&error).contains("501"), "the line's number: {}", chain(&error));
    start.expected.assert_is_all(&start.host, start.faulty.clone()).await;
    start.host.back_up(&repository, lines(0..500)).await.unwrap();
}
