//! Each system call of a put fails in turn (strace lets it): what is left, and what the caller is
//! told.

use std::fs;

use super::process::{start_traced, store_of_this_process};
use super::{name, skip};
use crate::{LocalStore, Store, StoreErrorKind};

/// A call that fails, what the put then says, and whether the object is there. A put of a name
/// without directories syncs twice: first the content, then the root.
const CASES: [(&str, Option<StoreErrorKind>, bool); 10] = [
    ("writev:error=ENOSPC", Some(StoreErrorKind::NoSpace), false),
    ("writev:error=EINTR:when=1", None, true),
    ("fsync:error=EIO:when=1", Some(StoreErrorKind::Permanent), false),
    ("fsync:error=EDQUOT:when=1", Some(StoreErrorKind::NoSpace), false),
    // Old kernels, and no /proc: falls back to a named file.
    ("linkat:error=ENOENT:when=1", None, true),
    ("linkat:error=ENOENT:when=1..2", None, true),
    // No hard links at all: falls back to renaming.
    ("linkat:error=EPERM", None, true),
    ("linkat:error=EACCES", Some(StoreErrorKind::Denied), false),
    // The file system may or may not have kept the name when it fails in the middle.
    ("linkat:error=EIO", Some(StoreErrorKind::Transient), false),
    ("fsync:error=EIO:when=2", Some(StoreErrorKind::Transient), true),
];

#[tokio::test]
async fn a_failing_call_leaves_nothing_or_is_told_as_an_unknown_outcome() {
    for (injection, kind, there) in CASES {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("store");
        let store = LocalStore::create(&root).unwrap();
        let process = start_traced(injection, "failing_calls::process_that_puts_once", &root);
        let Some(mut process) = process else { return skip("there is no strace") };
        assert!(process.wait().unwrap().success(), "{injection}");
        let outcome = fs::read_to_string(directory.path().join("outcome")).unwrap();
        assert_eq!(outcome, format!("{kind:?}"), "{injection}");
        let found = store.get(&name("a"), 100).await.ok();
        assert_eq!(found.as_deref(), there.then_some(&b"ice"[..]), "{injection}");
        let unfinished = fs::read_dir(root.join("tmp")).map_or(0, Iterator::count);
        assert_eq!(unfinished, 0, "{injection} left something behind");
    }
}

#[tokio::test]
async fn a_name_is_only_called_taken_once_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let store = LocalStore::create(&root).unwrap();
    store.put_new(&name("a"), b"of another"[..].into()).await.unwrap();
    let injection = "fsync:error=EIO:when=1";
    let process = start_traced(injection, "failing_calls::process_that_puts_once", &root);
    let Some(mut process) = process else { return skip("there is no strace") };
    assert!(process.wait().unwrap().success());
    let outcome = fs::read_to_string(directory.path().join("outcome")).unwrap();
    assert_eq!(outcome, format!("{:?}", Some(StoreErrorKind::Transient)));
}

#[tokio::test]
async fn a_directory_that_another_process_made_is_made_durable_before_it_is_used() {
    // So there are three syncs: of what is above the directory, of the content, of the directory.
    for (nth, kind) in [(1, StoreErrorKind::Permanent), (3, StoreErrorKind::Transient)] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("store");
        fs::create_dir_all(root.join("packs")).unwrap();
        let injection = format!("fsync:error=EIO:when={nth}");
        let process =
            start_traced(&injection, "failing_calls::process_that_puts_into_packs", &root);
        let Some(mut process) = process else { return skip("there is no strace") };
        assert!(process.wait().unwrap().success());
        let outcome = fs::read_to_string(directory.path().join("outcome")).unwrap();
        assert_eq!(outcome, format!("{:?}", Some(kind)), "sync number {nth}");
    }
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn process_that_puts_once() {
    put_in_this_process("a").await;
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn process_that_puts_into_packs() {
    put_in_this_process("packs/1").await;
}

/// Puts once, and leaves how that failed, if it did, in a file beside the store.
async fn put_in_this_process(object: &str) {
    let Some(store) = store_of_this_process() else { return };
    let result = store.put_new(&name(object), b"ice"[..].into()).await;
    let kind = result.err().map(|error| error.kind());
    fs::write(store.place() + "/../outcome", format!("{kind:?}")).unwrap();
}
