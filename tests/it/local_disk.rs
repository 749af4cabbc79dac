//! A repository on a local disk, with what a file system does to it.

use icecore::backup::BackupError;
use icecore::local::LocalState;
use icecore::session::SessionError;
use icecore::{Environment, Repository};
use icecore_store::testing::{Effect, FaultyStore, Matcher};
use icecore_store::{LocalStore, Operation, StoreErrorKind};
use icecore_tests::error_chain::chain;
use icecore_tests::host::{SMALL_CHUNKS, init_options};
use icecore_tests::{Expected, Host, PASSWORD, assert_clean, lines};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct OnDisk {
    host: Host,
    path: PathBuf,
    expected: Expected,
}

impl OnDisk {
    async fn new() -> Self {
        let host = Host::new();
        let path = host.path("repository");
        let store = LocalStore::create(&path).unwrap();
        let repository = host.init_with_chunks(Arc::new(store), SMALL_CHUNKS).await;
        let mut expected = Expected::default();
        for end in [100, 200] {
            expected.add(&host.back_up(&repository, lines(0..end)).await.unwrap(), lines(0..end));
        }
        Self { host, path, expected }
    }

    fn store(&self) -> Arc<LocalStore> {
        Arc::new(LocalStore::open(&self.path).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_on_a_disk_is_found_again_by_another_process() {
    let disk = OnDisk::new().await;
    disk.expected.assert_is_all(&disk.host.stranger(1), disk.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_init_changes_nothing() {
    let disk = OnDisk::new().await;
    let environment = disk.host.environment();
    let error =
        Repository::init(disk.store(), environment, b"another", &init_options()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("there is a repository at {} already", disk.path.display())
    );
    disk.expected.assert_is_all(&disk.host, disk.store()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_was_copied_is_the_same_repository() {
    let disk = OnDisk::new().await;
    let copy = disk.host.path("copy");
    copy_tree(&disk.path, &copy, |_| true);
    let store = Arc::new(LocalStore::open(&copy).unwrap());
    disk.expected.assert_is_all(&disk.host.stranger(1), store).await;
}

/// What a file system lost after a crash shows in a check, as with any storage.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_misses_a_file_is_found_damaged() {
    let disk = OnDisk::new().await;
    for part in ["packs", "index"] {
        let copy = disk.host.path(part);
        let mut left_out = false;
        copy_tree(&disk.path, &copy, |path| {
            let is_below = path.starts_with(disk.path.join(part));
            let keep = left_out || !is_below;
            left_out |= is_below;
            keep
        });
        assert!(left_out);
        let host = disk.host.stranger(2);
        let store = Arc::new(LocalStore::open(&copy).unwrap());
        let repository = host.open(store).await.unwrap();
        assert!(!host.check(&repository).await.findings.is_empty(), "a file of {part} is gone");
    }
}

/// Copies the files that `keep` wants.
fn copy_tree(from: &Path, to: &Path, mut keep: impl FnMut(&Path) -> bool) {
    let mut pending = vec![from.to_owned()];
    while let Some(directory) = pending.pop() {
        let target = to.join(directory.strip_prefix(from).unwrap());
        std::fs::create_dir_all(&target).unwrap();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else if keep(&path) {
                std::fs::copy(&path, target.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}

/// Read-only storage: nothing is written while reading, and a backup says why it cannot.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_cannot_be_written_lists_checks_and_restores() {
    let disk = OnDisk::new().await;
    // Root may write whatever the permissions say, so puts fail by themselves too.
    set_mode(&disk.path, 0o500);
    let store = FaultyStore::new(disk.store());
    store.add(Matcher::first(Operation::PutNew, ""), Effect::Fail(StoreErrorKind::ReadOnly));
    let host = disk.host.stranger(1);
    let repository = disk.expected.assert_is_all(&host, store.clone()).await;
    let error = host.back_up(&repository, lines(0..300)).await.unwrap_err();
    assert!(
        matches!(&error, BackupError::Session(SessionError::Write(error))
            if error.kind() == StoreErrorKind::ReadOnly),
        "{}",
        chain(&error)
    );
    store.assert_all_exercised();
    set_mode(&disk.path, 0o700);
    disk.expected.assert_is_all(&host, disk.store()).await;
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A home that takes nothing: a file stands where its directory would be.
#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_an_unwritable_home() {
    let disk = OnDisk::new().await;
    let blocker = disk.host.write("blocker", "");
    let host = disk.host.stranger(1);
    let local = LocalState {
        state_directory: Some(blocker.join("state")),
        cache_directory: Some(blocker.join("cache")),
    };
    let environment = Environment { local, ..host.environment() };
    let store = disk.store();
    let repository = Repository::open(store.clone(), environment, PASSWORD).await.unwrap();
    disk.expected.assert_is_all_of(&host, &repository).await;
    // Even a backup: what is lost is what would have helped the next one.
    let report = host.back_up(&repository, lines(0..300)).await.unwrap();
    let expected = disk.expected.clone().and(&report, lines(0..300));
    expected.assert_is_all(&disk.host, store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn local_state_that_is_damaged_is_told_to_the_log_and_stops_nothing() {
    for garbage in [&b""[..], b"garbage", &[0; 4096]] {
        let disk = OnDisk::new().await;
        for file in files_below(&disk.host.path("state"))
            .into_iter()
            .chain(files_below(&disk.host.path("cache")))
        {
            std::fs::write(file, garbage).unwrap();
        }
        let repository = disk.expected.assert_is_all(&disk.host, disk.store()).await;
        disk.host.back_up(&repository, lines(0..300)).await.unwrap();
        assert_clean(&disk.host.check(&repository).await);
    }
}

/// A table of the index that hides a chunk would stop a restore; one that has a chunk that is not
/// there would make a backup leave it out.
#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_the_cache_hides_nothing_and_makes_no_backup_leave_anything_out() {
    let disk = OnDisk::new().await;
    let mut expected = disk.expected.clone();
    let lengths = files_below(&disk.host.path("cache")).into_iter();
    let longest = lengths.map(|path| path.metadata().unwrap().len()).max().unwrap();
    for page in 0..longest.div_ceil(4096) {
        let host = disk.host.duplicate(100 + page);
        for path in files_below(&host.path("cache")) {
            let mut bytes = std::fs::read(&path).unwrap();
            if let Some(byte) = bytes.get_mut(page as usize * 4096 + 11) {
                *byte ^= 4;
            }
            std::fs::write(path, bytes).unwrap();
        }
        let repository = expected.assert_is_all(&host, disk.store()).await;
        let changed = lines(page * 100..400 + page);
        let report = host.back_up(&repository, &changed).await.unwrap();
        expected = expected.and(&report, changed);
    }
    let repository = expected.assert_is_all(&disk.host.stranger(1), disk.store()).await;
    assert_clean(&disk.host.check(&repository).await);
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { pending.push(path) } else { files.push(path) }
        }
    }
    assert!(!files.is_empty());
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_other_programs_beside_the_objects_harm_nothing_and_are_noted() {
    let disk = OnDisk::new().await;
    std::fs::write(disk.path.join("readme"), "do not delete").unwrap();
    std::fs::write(disk.path.join("README.txt"), "no name of an object").unwrap();
    std::fs::write(disk.path.join("ledger/7"), "an object's name, and none of ours").unwrap();
    std::fs::create_dir(disk.path.join("lost+found")).unwrap();
    let repository = disk.expected.assert_is_all(&disk.host, disk.store()).await;
    let report = disk.host.check(&repository).await;
    let notes = report.notes.join("\n");
    assert_eq!(notes, "ledger/7 is no object of ours\nreadme is no object of ours");
    // A ledger is read by its numbers: nothing that lies beside them is taken for an entry.
    let entry = disk.host.back_up(&repository, lines(0..300)).await.unwrap().entry;
    assert_eq!(entry, 2);
}
