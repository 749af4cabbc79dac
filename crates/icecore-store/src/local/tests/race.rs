//! Many writers of one name, in threads and in processes.

use std::process::Child;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::super::put::put_new;
use super::process::{start_process, store_of_this_process};
use super::{WAYS, name};
use crate::{Content, LocalStore, Store, StoreErrorKind};

const WRITERS: u8 = 16;

const ROUNDS: u8 = 20;

#[tokio::test]
async fn of_sixteen_threads_with_stores_of_their_own_one_succeeds() {
    for way in WAYS {
        let directory = tempfile::tempdir().unwrap();
        for round in 0..ROUNDS {
            let object = name(&format!("race/{round}"));
            let start = Arc::new(Barrier::new(usize::from(WRITERS)));
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (object, start) = (object.clone(), Arc::clone(&start));
                    let store = way.open(directory.path());
                    thread::spawn(move || {
                        start.wait();
                        put_new(&store.root, &object, &vec![writer; 100].into()).is_ok()
                    })
                })
                .collect();
            let won: Vec<bool> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
            let winners: Vec<usize> = (0..won.len()).filter(|writer| won[*writer]).collect();
            assert_eq!(winners.len(), 1, "{way:?}");
            let store = way.open(directory.path());
            assert_eq!(store.get(&object, 100).await.unwrap(), vec![winners[0] as u8; 100]);
        }
    }
}

#[tokio::test]
async fn of_sixteen_processes_one_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::create(directory.path()).unwrap();
    let processes: Vec<Child> =
        (0..WRITERS).map(|_| start_process("race::process_that_races", directory.path())).collect();
    // All wait for this object.
    store.put_new(&name("start"), Content::default()).await.unwrap();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    for round in 0..ROUNDS {
        let winner = store.get(&name(&format!("race/{round}")), 100).await.unwrap();
        let claims = store.list(&format!("claims/{round}/")).await.unwrap();
        assert_eq!(claims.len(), 1, "several processes say that they won: {claims:?}");
        assert_eq!(claims[0].name.last_segment().as_bytes(), winner);
    }
}

#[tokio::test]
#[ignore = "a process that another test starts"]
async fn process_that_races() {
    let Some(store) = store_of_this_process() else { return };
    let writer = std::process::id().to_string();
    while store.get(&name("start"), 0).await.is_err() {
        thread::sleep(Duration::from_millis(1));
    }
    for round in 0..ROUNDS {
        let object = name(&format!("race/{round}"));
        match store.put_new(&object, writer.clone().into_bytes().into()).await {
            Ok(()) => {
                let claim = name(&format!("claims/{round}/{writer}"));
                store.put_new(&claim, Content::default()).await.unwrap();
            }
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::AlreadyExists),
        }
    }
}
