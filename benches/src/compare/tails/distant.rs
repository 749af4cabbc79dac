//! A store that is far away, without the time that it would take: requests that are made at the same
//! time are answered together, when nobody makes any more. How often that is so are the round trips.

use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::oneshot::{self, Sender};
use icecore_store::{Content, MemoryStore, ObjectInfo, ObjectName, Store, StoreError};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Names that one request lists, in the object stores that there are.
const LISTED_MAX: usize = 1_000;
/// How long nobody has to have asked anything. One who reads a file meanwhile may be late: that counts
/// as one round trip more.
const QUIET: Duration = Duration::from_millis(2);

/// A store that answers in rounds.
#[derive(Debug)]
pub(super) struct DistantStore {
    inner: MemoryStore,
    waiting: Mutex<Vec<Sender<()>>>,
    requests: AtomicU64,
    round_trips: AtomicU64,
}

impl DistantStore {
    pub(super) fn new(inner: MemoryStore) -> Self {
        let (requests, round_trips) = Default::default();
        Self { inner, waiting: Mutex::default(), requests, round_trips }
    }

    /// Requests that were made.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How often answers were waited for.
    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Relaxed)
    }

    /// Answers what is asked, for as long as it is polled.
    pub(super) async fn answer(self: Arc<Self>) {
        loop {
            let before = self.requests();
            tokio::time::sleep(QUIET).await;
            if self.requests() > before {
                continue;
            }
            let waiting =
                std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            if !waiting.is_empty() {
                self.round_trips.fetch_add(1, Ordering::Relaxed);
            }
            for request in waiting {
                // Whoever made it may have gone.
                let _gone = request.send(());
            }
        }
    }

    /// Waits for the answers of so many requests, of which each is made after the one before.
    async fn wait(&self, requests: usize) {
        for _ in 0..requests {
            let (sender, answered) = oneshot::channel();
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            self.requests.fetch_add(1, Ordering::Relaxed);
            let _cancelled = answered.await;
        }
    }
}

#[async_trait]
impl Store for DistantStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        self.wait(1).await;
        self.inner.put_new(name, content).await
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.wait(1).await;
        self.inner.get(name, bytes_max).await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.wait(1).await;
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let listed = self.inner.list(prefix).await?;
        self.wait(listed.len().div_ceil(LISTED_MAX).max(1)).await;
        Ok(listed)
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.wait(1).await;
        self.inner.delete(name).await
    }

    fn place(&self) -> String {
        "far away".to_owned()
    }
}
