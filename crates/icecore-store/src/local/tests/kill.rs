//! A writer that is killed at any moment.

use std::fs;
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::name;
use super::process::{start_process, store_of_this_process};
use crate::{LocalStore, Store};

const PARTS: u64 = 64;
const PART_BYTES: u64 = 16 << 10;

#[tokio::test]
async fn a_killed_writer_leaves_whole_objects_and_no_garbage() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::create(directory.path()).unwrap();
    for round in 0..12 {
        let before = store.list("").await.unwrap().len();
        let mut process = start_process("kill::process_that_writes_until_killed", directory.path());
        // Not before it writes, and then at a moment of its work that differs every time.
        while store.list("").await.unwrap().len() == before {
            assert!(process.try_wait().unwrap().is_none(), "it ended by itself");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_micros(700 * round));
        process.kill().unwrap();
        process.wait().unwrap();
    }
    for object in store.list("").await.unwrap() {
        assert_eq!(object.bytes, PARTS * PART_BYTES, "{}", object.name);
    }
    assert!(!fs::exists(directory.path().join("tmp")).unwrap(), "garbage");
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn process_that_writes_until_killed() {
    let Some(store) = store_of_this_process() else { return };
    let writer = std::process::id();
    let parts: Vec<Bytes> = (0..PARTS).map(|_| vec![7; PART_BYTES as usize].into()).collect();
    for number in 0.. {
        let object = name(&format!("packs/{writer}-{number}"));
        store.put_new(&object, parts.clone().into()).await.unwrap();
    }
}
