//! What is at the target already, and what stands beside it.

use super::drive::{Restore, Snapshot, back_up, files, restore, restore_as, told};
use super::store::{all, append, contents, open, shop};
use crate::events::sqlite::SqliteTarget;
use icecore::target::TargetErrorKind::{NotEmpty, Unwritable};
use icecore::target::{RestoreEnd, Target, TargetRequest};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

fn overwriting() -> Restore {
    Restore { overwrite: true, ..Restore::default() }
}

/// A snapshot, what its store had, and where to restore it.
async fn snapshot() -> (TempDir, Snapshot, PathBuf, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("shop.db");
    drop(shop(&path).await);
    let snapshot = back_up(&path).await.unwrap();
    fs::create_dir(directory.path().join("target")).unwrap();
    let target = directory.path().join("target/new.db");
    (directory, snapshot, path, target)
}

/// A store as a crash leaves it: its newest events are only in the log beside it.
async fn crashed_store(path: &Path) {
    let directory = tempdir().unwrap();
    let running = directory.path().join("running.db");
    let store = open(&running).await;
    append(&store, "previous", 0, &["in the log"]).await;
    for suffix in ["", "-wal", "-shm"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        fs::copy(name(&running), name(path)).unwrap();
    }
    assert!(fs::metadata(format!("{}-wal", path.display())).unwrap().len() > 0);
}

#[tokio::test]
async fn a_file_that_is_not_empty_is_replaced_only_if_it_may_be() {
    let (_directory, snapshot, path, target) = snapshot().await;
    fs::write(&target, "").unwrap();
    restore(&snapshot, &target).await.unwrap();
    let error = restore(&snapshot, &target).await.unwrap_err();
    assert_eq!(error.kind, NotEmpty);
    assert!(told(&error).ends_with("new.db' exists and is not empty"), "{}", told(&error));
    fs::write(&target, "something else").unwrap();
    restore(&snapshot, &target).await.unwrap_err();
    assert_eq!(fs::read(&target).unwrap(), b"something else");
    restore_as(&snapshot, &target, &overwriting()).await.unwrap();
    assert_eq!(contents(&target), contents(&path));
}

#[tokio::test]
async fn a_file_that_appears_during_a_restore_is_not_replaced() {
    let (_directory, snapshot, _, target) = snapshot().await;
    let request = TargetRequest { files: snapshot.end.files, ..TargetRequest::default() };
    let writer = SqliteTarget::new(&target).open(&request).await.unwrap();
    fs::write(&target, "another's").unwrap();
    let error = writer.finish(RestoreEnd::default()).await.unwrap_err();
    assert_eq!(error.kind, NotEmpty);
    let message = "no store was restored, and '";
    assert!(told(&error).starts_with(message), "{}", told(&error));
    assert_eq!(fs::read(&target).unwrap(), b"another's");
    assert_eq!(files(target.parent().unwrap()), ["new.db"]);
}

#[tokio::test]
async fn what_another_database_left_beside_the_target_never_gets_into_a_restored_one() {
    let (_directory, snapshot, path, target) = snapshot().await;
    crashed_store(&target).await;
    // Even if the database itself is gone: its log would be taken for the restored one's.
    for database_is_there in [true, false] {
        if !database_is_there {
            fs::remove_file(&target).unwrap();
            fs::remove_file(target.with_extension("db-shm")).unwrap();
        }
        let error = restore(&snapshot, &target).await.unwrap_err();
        assert_eq!(error.kind, NotEmpty);
        let message = if database_is_there { "is not empty" } else { "new.db-wal' was left by" };
        assert!(told(&error).contains(message), "{}", told(&error));
    }
    for _ in 0..2 {
        restore_as(&snapshot, &target, &overwriting()).await.unwrap();
        assert_eq!(files(target.parent().unwrap()), ["new.db"]);
        assert_eq!(contents(&target), contents(&path));
        fs::remove_file(&target).unwrap();
        crashed_store(&target).await;
    }
}

#[tokio::test]
async fn a_store_that_is_lost_after_its_backup_is_restored_under_its_name() {
    let (directory, snapshot, path, _) = snapshot().await;
    let before = contents(&path);
    back_up(&path).await.unwrap();
    // The backup was the only one to have it open, and could not tidy up.
    assert_eq!(files(directory.path()), ["shop.db", "shop.db-shm", "shop.db-wal", "target"]);
    fs::remove_file(&path).unwrap();
    restore(&snapshot, &path).await.unwrap();
    assert_eq!(files(directory.path()), ["shop.db", "target"]);
    assert_eq!(contents(&path), before);
}

#[tokio::test]
async fn a_store_that_is_in_use_is_not_replaced() {
    let (_directory, snapshot, path, target) = snapshot().await;
    let store = open(&target).await;
    append(&store, "in-use", 0, &["one"]).await;
    let error = restore_as(&snapshot, &target, &overwriting()).await.unwrap_err();
    assert_eq!(error.kind, Unwritable);
    assert!(told(&error).contains("new.db' is in use"), "{}", told(&error));
    append(&store, "in-use", 1, &["two"]).await;
    assert_eq!(all(&store).await.len(), 2);
    drop(store);
    restore_as(&snapshot, &target, &overwriting()).await.unwrap();
    assert_eq!(contents(&target), contents(&path));
}

#[tokio::test]
async fn a_link_stays_a_link_and_permissions_stay() {
    let (directory, snapshot, path, target) = snapshot().await;
    fs::write(&target, "old").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    restore_as(&snapshot, &link, &overwriting()).await.unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(contents(&target), contents(&path));
}
