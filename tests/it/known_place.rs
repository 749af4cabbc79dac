//! A machine that opened a repository at a place remembers the key slot that its password opened. That makes
//! opening faster, and nothing else: what counts is what is stored.

use icecore::Repository;
use icecore::layout::ObjectRole;
use icecore::repository::OpenError;
use icecore_format::RepositoryId;
use icecore_store::testing::RecordingStore;
use icecore_store::{MemoryStore, ObjectName, Operation, Store};
use icecore_tests::{Host, PASSWORD};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

/// A repository that this machine has opened.
async fn opened(host: &Host) -> (MemoryStore, RepositoryId) {
    let (store, _) = host.init_small().await;
    let repository = host.open(Arc::new(store.clone())).await.unwrap();
    (store, repository.config().repository)
}

async fn key_slots(store: &MemoryStore) -> Vec<ObjectName> {
    let listed = store.list(ObjectRole::KEYS_PREFIX).await.unwrap();
    listed.into_iter().map(|object| object.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_opened_before_is_not_read_again() {
    let host = Host::new();
    let (store, _) = opened(&host).await;
    for (host, reads) in [(host.stranger(1), 1), (host, 0)] {
        let recording = RecordingStore::new(Arc::new(store.clone()));
        host.open(recording.clone()).await.unwrap();
        assert_eq!(recording.count_in(Operation::Get, "keys"), reads);
        assert_eq!(recording.count_in(Operation::List, "keys"), 1, "whether it is still there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_gone_opens_nothing() {
    let host = Host::new();
    let (store, _) = opened(&host).await;
    for name in key_slots(&store).await {
        assert!(store.remove(&name));
    }
    let error = host.open(Arc::new(store)).await.unwrap_err();
    assert!(matches!(error, OpenError::NoKeySlot { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_is_refused_where_the_right_one_was_given_before() {
    let host = Host::new();
    let (store, _) = opened(&host).await;
    let error = Repository::open(Arc::new(store), host.environment(), b"another").await;
    assert!(matches!(error, Err(OpenError::WrongPassword)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_repository_at_the_same_place_is_opened_with_its_own_slot() {
    let host = Host::new();
    let (first, one) = opened(&host).await;
    let (second, other) = opened(&host).await;
    assert_ne!(one, other);
    assert_eq!(first.place(), second.place());
    for (store, repository) in [(&first, one), (&second, other), (&second, other), (&first, one)] {
        let found = host.open(Arc::new(store.clone())).await.unwrap();
        assert_eq!(found.config().repository, repository);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_a_place_is_the_users_and_may_be_damaged_or_lost() {
    let host = Host::new();
    let (store, repository) = opened(&host).await;
    let open = async || {
        let environment = host.environment();
        let found = Repository::open(Arc::new(store.clone()), environment, PASSWORD).await.unwrap();
        assert_eq!(found.config().repository, repository);
        let kept = host.cached_files_of_places();
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.into_iter().next().unwrap()
    };
    let slot = open().await;
    assert_eq!(slot.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for damage in [&b""[..], b"no slot at all", &[0xff; 4096]] {
        std::fs::write(&slot, damage).unwrap();
        assert_eq!(open().await, slot);
        assert_ne!(std::fs::read(&slot).unwrap(), damage);
    }
    std::fs::remove_file(&slot).unwrap();
    assert_eq!(open().await, slot);
}
