//! The examples do what they say.

#![allow(dead_code, reason = "each has a `main` of its own, too")]

#[path = "../examples/browse.rs"]
mod browse;
#[path = "../examples/eventcore_service.rs"]
mod eventcore_service;
#[path = "../examples/own_source.rs"]
mod own_source;
#[path = "../examples/progress_and_cancel.rs"]
mod progress_and_cancel;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_backs_itself_up_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    eventcore_service::run(directory.path()).await.unwrap();
}

#[test]
fn a_source_and_a_target_of_ones_own_are_backed_up_and_restored() {
    own_source::main().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_seen_and_a_backup_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    progress_and_cancel::run(directory.path()).await.unwrap();
}

// On a runtime with one thread, too.
#[tokio::test]
async fn a_snapshot_is_looked_into() {
    let directory = tempfile::tempdir().unwrap();
    browse::run(directory.path()).await.unwrap();
}
