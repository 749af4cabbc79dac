//! Several at once: every backup commits, whoever else backs up; a session that was ended meanwhile does
//! not, and its backup begins another.

use futures::future::{BoxFuture, join_all};
use icecore::backup::{BackupError, BackupReport};
use icecore::layout::ObjectRole;
use icecore::source::SourceError;
use icecore::{Monitor, Repository, backup};
use icecore_format::ledger::EntryBody;
use icecore_format::ledger::body::{Abort, Condemn, Forget, Release, SessionRange};
use icecore_format::{PackId, SessionId};
use icecore_store::testing::{Effect, FaultyStore, Matcher, StaleListingStore};
use icecore_store::{LocalStore, MemoryStore, Operation, Store, StoreErrorKind};
use icecore_tests::entry::append_entry;
use icecore_tests::hooked_source::HookedSource;
use icecore_tests::host::SMALL_CHUNKS;
use icecore_tests::lines::lines_of;
use icecore_tests::random::SeededRandom;
use icecore_tests::{Expected, Host, lines, ndjson_source};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// Who backs up what at the same time.
#[derive(Clone, Copy, Debug)]
struct Crowd {
    backups: u64,
    one_host: bool,
    one_source: bool,
}

const CROWDS: [Crowd; 5] = [
    Crowd { backups: 2, one_host: false, one_source: true },
    Crowd { backups: 2, one_host: true, one_source: false },
    Crowd { backups: 8, one_host: false, one_source: false },
    Crowd { backups: 8, one_host: true, one_source: true },
    Crowd { backups: 5, one_host: true, one_source: false },
];

impl Crowd {
    fn input(self, number: u64) -> String {
        // What they have in common is stored by whoever is first, or by several.
        let shared = lines(0..200);
        if self.one_source { shared } else { shared + &lines_of(&number.to_string(), 0..100) }
    }

    async fn run(self, store: Arc<dyn Store>) {
        let first = Arc::new(Host::new());
        first.clock.step_seconds(10);
        first.init_with_chunks(store.clone(), SMALL_CHUNKS).await;
        let tasks = (0..self.backups).map(|number| {
            let host =
                if self.one_host { first.clone() } else { Arc::new(first.stranger(number + 1)) };
            let (store, input) = (store.clone(), self.input(number));
            tokio::spawn(async move {
                let repository = host.open(store).await.unwrap();
                host.back_up_as(&repository, &number.to_string(), &input).await
            })
        });
        let mut expected = Expected::default();
        for (number, report) in (0..).zip(join_all(tasks).await) {
            expected.add(&report.unwrap().unwrap(), self.input(number));
        }
        assert_eq!(expected.len() as u64, self.backups, "{self:?}");
        expected.assert_is_all(&first, store.clone()).await;
        expected.assert_is_all(&first.stranger(100), store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_at_once_all_commit_in_memory() {
    for crowd in CROWDS {
        crowd.run(Arc::new(MemoryStore::new())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_at_once_all_commit_on_a_local_disk() {
    for crowd in CROWDS {
        let directory = TempDir::new().unwrap();
        crowd.run(Arc::new(LocalStore::create(directory.path()).unwrap())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_at_once_need_no_fresh_listing() {
    for crowd in CROWDS {
        let inner = Arc::new(MemoryStore::new());
        let stale = StaleListingStore::new(inner.clone(), 0);
        let first = Host::new();
        first.init_with_chunks(stale, SMALL_CHUNKS).await;
        // From here on nothing new is listed, but for a check, which names what it sees.
        let stale = StaleListingStore::new(inner.clone(), usize::MAX);
        let mut expected = Expected::default();
        for number in 0..crowd.backups {
            let host = first.stranger(number);
            let repository = host.open(stale.clone()).await.unwrap();
            let input = crowd.input(number);
            expected.add(&host.back_up(&repository, &input).await.unwrap(), &input);
        }
        expected.assert_is_all(&first, stale).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_open_repository_makes_several_backups_at_once() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let inputs: Vec<String> = (0..4).map(|number| lines_of(&number.to_string(), 0..150)).collect();
    let backups = inputs.iter().map(|input| host.back_up_as(&repository, &input[14..19], input));
    let mut expected = Expected::default();
    for (report, input) in join_all(backups).await.into_iter().zip(&inputs) {
        expected.add(&report.unwrap(), input);
    }
    expected.assert_is_all(&host.stranger(1), Arc::new(store)).await;
}

/// Commits lean on packs that others name: both restores have to find them.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_commits_during_another_of_the_same_source_spoils_neither() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let (other, other_store) = (host.stranger(1), store.clone());
    let inner: Arc<std::sync::Mutex<Option<BackupReport>>> = Arc::default();
    let seen = inner.clone();
    let report = back_up_with_hook(&host, &repository, lines(0..300), move || {
        Box::pin(async move {
            let repository = other.open(Arc::new(other_store)).await.unwrap();
            let report = other.back_up(&repository, lines(0..300)).await.unwrap();
            *seen.lock().unwrap() = Some(report);
            Ok(())
        })
    })
    .await
    .unwrap();
    let inner = inner.lock().unwrap().take().unwrap();
    assert!(inner.entry < report.entry);
    let expected = Expected::default().and(&report, lines(0..300)).and(&inner, lines(0..300));
    expected.assert_is_all(&host.stranger(2), Arc::new(store)).await;
}

async fn back_up_with_hook(
    host: &Host,
    repository: &Repository,
    input: String,
    hook: impl FnOnce() -> BoxFuture<'static, Result<(), SourceError>> + Send + 'static,
) -> Result<BackupReport, BackupError> {
    let source = ndjson_source(&host.write("hooked", input));
    let source = HookedSource::new(source, hook);
    backup::backup(repository, &source, &host.backup_options(), &Monitor::default()).await
}

/// The sessions that packs in storage belong to.
fn sessions(store: &MemoryStore) -> Vec<SessionId> {
    let roles = store.names().into_iter().filter_map(|name| ObjectRole::of(&name));
    let mut sessions: Vec<_> = roles
        .filter_map(|role| match role {
            ObjectRole::Pack(pack) => Some(pack.session),
            _ => None,
        })
        .collect();
    sessions.sort_unstable();
    sessions.dedup();
    sessions
}

/// Which entry ends the session that is under way, given what storage holds and the next number.
type Ending = fn(&MemoryStore, u64) -> Abort;

async fn end_a_session_with(ending: Ending) {
    let host = Host::new();
    // Packs are stored while the source is read, so that the session can be seen.
    host.clock.step_seconds(60);
    let (store, repository) = host.init_small().await;
    let admin = host.stranger(1);
    let admin_store = store.clone();
    let ended = Arc::new(AtomicBool::new(false));
    let has_ended = ended.clone();
    let large = lines(0..12_000);
    let outcome = back_up_with_hook(&host, &repository, large, move || {
        Box::pin(async move {
            let shared: Arc<dyn Store> = Arc::new(admin_store.clone());
            // Another's commit moves the ledger on.
            let repository = admin.open(shared.clone()).await.unwrap();
            admin.back_up(&repository, lines_of("other", 0..10)).await.unwrap();
            let next = repository.state().await.next;
            let abort = ending(&admin_store, next);
            let random = SeededRandom::new(77);
            append_entry(&repository, &*shared, &random, EntryBody::from(abort)).await;
            has_ended.store(true, Ordering::Relaxed);
            Ok(())
        })
    })
    .await;
    assert!(ended.load(Ordering::Relaxed));
    // It stored everything again in a new session, and took nothing over from the one that was ended, whose
    // packs may be deleted at any time.
    let report = outcome.unwrap();
    let left: Vec<_> = sessions(&store);
    let ended_packs = |range: &SessionRange| range.session == left[0];
    assert!(!repository.state().await.packs.iter().any(ended_packs), "it committed all the same");
    for name in store.names() {
        if let Some(ObjectRole::Pack(pack)) = ObjectRole::of(&name)
            && pack.session == left[0]
        {
            assert!(store.remove(&name));
        }
    }
    let repository = host.open(Arc::new(store.clone())).await.unwrap();
    let id = report.snapshot.id.to_string();
    assert_eq!(host.restore(&repository, &id).await.unwrap(), lines(0..12_000).as_bytes());
    assert_eq!(report.entry, 2);
    let report = host.back_up(&repository, lines(0..300)).await.unwrap();
    assert_eq!(host.restore(&repository, "latest").await.unwrap(), lines(0..300).as_bytes());
    assert_eq!(report.entry, 3);
    icecore_tests::assert_clean(&host.check(&repository).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_session_an_admin_ended_by_name_commits_another() {
    end_a_session_with(|store, _| {
        // The oldest session is the one under way.
        Abort { sessions: vec![sessions(store)[0]], floor: 0 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_whose_session_began_below_a_floor_commits_another() {
    end_a_session_with(|_, next| Abort { sessions: Vec::new(), floor: next }).await;
}

/// What a collector says before it deletes: every snapshot so far is gone for good, and so is every
/// pack. Gives the packs.
async fn collect_everything(host: &Host, store: &MemoryStore) -> Vec<PackId> {
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let repository = host.open(shared.clone()).await.unwrap();
    let state = repository.state().await;
    let snapshots: Vec<_> = state.snapshots.keys().copied().collect();
    let packs: Vec<SessionRange> = state.packs.iter().copied().collect();
    let condemn = Condemn { plan: [1; 16], marked_at: state.next + 2, packs: packs.clone() };
    let entries = [
        EntryBody::from(Forget { snapshots: snapshots.clone() }),
        EntryBody::from(Release { snapshots }),
        EntryBody::from(condemn),
    ];
    for (seed, entry) in (80..).zip(entries) {
        append_entry(&repository, &*shared, &SeededRandom::new(seed), entry).await;
        repository.refresh().await.unwrap();
    }
    assert!(repository.state().await.packs.is_empty(), "the entries count");
    packs.into_iter().flat_map(SessionRange::packs).collect()
}

fn delete(store: &MemoryStore, packs: &[PackId]) {
    for pack in packs {
        assert!(store.remove(&ObjectRole::Pack(*pack).object_name()));
    }
}

/// Proxmox PSA-2025-00019, and what restic needs an exclusive lock for: a backup reuses chunks of a
/// snapshot that is collected before the backup commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_leans_on_what_is_collected_meanwhile_stores_it_again() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    host.back_up(&repository, lines(0..300)).await.unwrap();
    let (admin, admin_store) = (host.stranger(1), store.clone());
    let outcome = back_up_with_hook(&host, &repository, lines(0..310), move || {
        Box::pin(async move {
            let packs = collect_everything(&admin, &admin_store).await;
            delete(&admin_store, &packs);
            Ok(())
        })
    })
    .await;
    let report = outcome.unwrap();
    let expected = Expected::default().and(&report, lines(0..310));
    expected.assert_is_all(&host.stranger(2), Arc::new(store)).await;
}

/// borg #9748: a cache that claims that deleted chunks are there makes snapshots that dangle.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_copies_name_collected_packs_stores_their_chunks_again() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    host.back_up(&repository, lines(0..300)).await.unwrap();
    let packs = collect_everything(&host.stranger(1), &store).await;
    delete(&store, &packs);
    // The one that stayed open, and one that is opened with the copies of before.
    let first = host.back_up(&repository, lines(0..300)).await.unwrap();
    let expected = Expected::default().and(&first, lines(0..300));
    let repository = expected.assert_is_all(&host, Arc::new(store.clone())).await;
    let second = host.back_up(&repository, lines(0..320)).await.unwrap();
    expected.and(&second, lines(0..320)).assert_is_all(&host.stranger(2), Arc::new(store)).await;
}

/// A session that died and was ended is not resumed, whatever its machine remembers.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_session_that_was_ended_is_not_taken_over() {
    let host = Host::new();
    host.clock.step_seconds(60);
    let (store, repository) = host.init_small().await;
    // It dies at its ledger entry.
    let dying = FaultyStore::new(Arc::new(store.clone()));
    dying
        .add(Matcher::first(Operation::PutNew, "ledger/"), Effect::Fail(StoreErrorKind::Permanent));
    let dying = host.open(dying).await.unwrap();
    host.back_up(&dying, lines(0..100)).await.unwrap_err();
    drop(dying);
    let dead = sessions(&store);
    assert_eq!(dead.len(), 1);
    let abort = EntryBody::from(Abort { sessions: dead, floor: 0 });
    append_entry(&repository, &store, &SeededRandom::new(90), abort).await;
    for name in store.names() {
        if name.as_str().starts_with("packs/") {
            assert!(store.remove(&name));
        }
    }
    let repository = host.open(Arc::new(store.clone())).await.unwrap();
    let report = host.back_up(&repository, lines(0..100)).await.unwrap();
    let expected = Expected::default().and(&report, lines(0..100));
    expected.assert_is_all(&host.stranger(2), Arc::new(store)).await;
}
