//! Full, read-only and forbidden file systems.

use std::fs;
use std::path::Path;

use bytes::Bytes;

use super::mount::Mount;
use super::{WAYS, name};
use crate::{Content, LocalStore, Store, StoreErrorKind};

const MIB: u64 = 1 << 20;

fn files_below(path: &Path) -> usize {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn a_full_disk_says_so_leaves_nothing_and_goes_on_when_there_is_room() {
    let Some(mount) = Mount::tmpfs(4 * MIB) else { return };
    for way in WAYS {
        let store = way.open(&mount.path());
        let large: Vec<Bytes> = (0..64).map(|_| vec![1; 50_000].into()).collect();
        store.put_new(&name("packs/1"), large.clone().into()).await.unwrap();
        let error = store.put_new(&name("packs/2"), large.clone().into()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NoSpace, "{way:?}");
        assert!(!error.outcome_unknown());
        assert_eq!(error.to_string(), "cannot write packs/2: no space left on the storage");
        assert_eq!(files_below(&mount.path()), 1, "{way:?} left something behind");
        store.delete(&name("packs/1")).await.unwrap();
        store.put_new(&name("packs/2"), large.into()).await.unwrap();
        store.delete(&name("packs/2")).await.unwrap();
    }
}

#[tokio::test]
async fn a_read_only_mount_can_be_opened_and_read() {
    let Some(mount) = Mount::tmpfs(4 * MIB) else { return };
    let object = name("packs/1");
    let store = LocalStore::create(mount.path()).unwrap();
    store.put_new(&object, b"ice"[..].into()).await.unwrap();
    drop(store);
    mount.make_read_only();
    for way in WAYS {
        let store = way.open(&mount.path());
        assert_eq!(store.get(&object, 100).await.unwrap(), "ice");
        assert_eq!(store.get_range(&object, 1..2).await.unwrap(), "c");
        assert_eq!(store.list("").await.unwrap().len(), 1);
        for other in ["packs/2", "new/1", "config"] {
            let error = store.put_new(&name(other), Content::default()).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{way:?} {other}");
        }
        let error = store.put_new(&object, Content::default()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{way:?}");
        let error = store.delete(&object).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{way:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_gone_while_open_fails_for_good() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let store = LocalStore::create(&root).unwrap();
    fs::remove_dir(&root).unwrap();
    let error = store.put_new(&name("packs/1"), Content::default()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permanent);
}
