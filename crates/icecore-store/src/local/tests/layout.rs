//! What the store makes of a directory, and what it passes over.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::{WAYS, name, store};
use crate::{LocalStore, Operation, Store, StoreErrorKind};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test]
async fn an_object_is_a_private_file_in_private_directories() {
    for way in WAYS {
        let (directory, store) = store();
        drop(store);
        let root = directory.path().join("store");
        let store = way.open(&root);
        store.put_new(&name("packs/0f/1"), b"ice"[..].into()).await.unwrap();
        assert_eq!(fs::read(root.join("packs/0f/1")).unwrap(), b"ice");
        assert_eq!(mode(&root), 0o700);
        assert_eq!(mode(&root.join("packs/0f")), 0o700);
        assert_eq!(mode(&root.join("packs/0f/1")), 0o600, "{way:?}");
        let links = fs::metadata(root.join("packs/0f/1")).unwrap().nlink();
        assert_eq!(links, 1, "{way:?} left another name");
    }
}

#[tokio::test]
async fn create_makes_what_is_missing_above_and_takes_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("a/b/c");
    let store = LocalStore::create(&root).unwrap();
    store.put_new(&name("config"), vec![1].into()).await.unwrap();
    assert_eq!(store.place(), root.display().to_string());
    let again = LocalStore::create(&root).unwrap();
    assert_eq!(again.list("").await.unwrap().len(), 1);
}

#[test]
fn open_takes_a_directory_and_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let error = LocalStore::open(&missing).unwrap_err();
    assert_eq!((error.kind(), error.operation()), (StoreErrorKind::NotFound, Operation::Open));
    assert_eq!(error.to_string(), format!("cannot open {}: it is not there", missing.display()));
    assert!(!missing.exists());

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(LocalStore::open(&file).unwrap_err().kind(), StoreErrorKind::Permanent);
    assert_eq!(LocalStore::create(&file).unwrap_err().kind(), StoreErrorKind::Permanent);
}

#[tokio::test]
async fn a_listing_passes_over_what_is_no_object() {
    let (directory, store) = store();
    let root = directory.path().join("store");
    store.put_new(&name("packs/1"), vec![1].into()).await.unwrap();
    for other in ["tmp", "lost+found", "packs/Upper"] {
        fs::create_dir_all(root.join(other)).unwrap();
        fs::write(root.join(other).join("1"), "").unwrap();
    }
    fs::write(root.join("README.md"), "").unwrap();
    fs::write(root.join(".hidden"), "").unwrap();
    symlink("1", root.join("packs/link")).unwrap();
    symlink("packs", root.join("linked")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("packs/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let objects = store.list("").await.unwrap();
    assert_eq!(objects.len(), 1, "{objects:?}");
    // Nor does a request for one of these hang or find it.
    for other in ["packs/pipe", "packs/link", "linked/1", "packs"] {
        let error = store.get(&name(other), 100).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound, "{other}");
        let error = store.delete(&name(other)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound, "{other}");
    }
    assert!(store.list("linked/").await.unwrap().is_empty());
}

#[tokio::test]
async fn no_link_leads_a_request_out_of_the_root() {
    let (directory, store) = store();
    let outside = directory.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink(&outside, directory.path().join("store/packs")).unwrap();
    let secret = name("packs/secret");
    let error = store.get(&secret, 100).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    let error = store.delete(&secret).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
    let error = store.put_new(&name("packs/new"), vec![1].into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permanent);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[tokio::test]
async fn a_name_that_is_a_directory_or_below_an_object_cannot_be_put() {
    let (_directory, store) = store();
    store.put_new(&name("a/b"), vec![1].into()).await.unwrap();
    for impossible in ["a", "a/b/c"] {
        let error = store.put_new(&name(impossible), vec![1].into()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Permanent, "{impossible}");
    }
}

#[tokio::test]
async fn a_store_goes_on_with_the_directory_that_it_opened() {
    let (directory, store) = store();
    let old = directory.path().join("store");
    fs::rename(&old, directory.path().join("moved")).unwrap();
    store.put_new(&name("a"), vec![1].into()).await.unwrap();
    assert!(directory.path().join("moved/a").exists());
    assert!(!old.exists());
}
