//! A storage that takes every put, answers late, and loses requests and answers.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::sleep;

use crate::{
    Content, MemoryStore, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// What a storage makes difficult.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Troubles {
    /// The longest way there, and back.
    pub(super) latency_max: Duration,
    /// How many of a hundred requests or answers are lost.
    pub(super) failures_of_100: u64,
    /// How long after its failure a put that was lost may land.
    pub(super) late_max: Duration,
    pub(super) denies_deletes: bool,
}

/// Chance that is the same in each run: Marsaglia's xorshift.
pub(super) fn next_random(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ state << 17
}

/// What one process sees of a storage that several share.
#[derive(Debug)]
pub(super) struct Careless {
    storage: Arc<MemoryStore>,
    troubles: Troubles,
    is_cut_off: AtomicBool,
    late: Mutex<Option<Duration>>,
    state: AtomicU64,
}

impl Careless {
    pub(super) fn new(storage: Arc<MemoryStore>, troubles: Troubles) -> Arc<Self> {
        let state = AtomicU64::new(troubles.latency_max.as_nanos() as u64 | 1);
        let (is_cut_off, late) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { storage, troubles, is_cut_off, late, state })
    }

    /// From here on nothing gets through.
    pub(super) fn cut_off(&self) {
        self.is_cut_off.store(true, Relaxed);
    }

    pub(super) fn connect(&self) {
        self.is_cut_off.store(false, Relaxed);
    }

    /// The next put fails, and lands so much later.
    pub(super) fn land_late(&self, after: Duration) {
        *self.late.lock().unwrap() = Some(after);
    }

    fn random(&self, below: u64) -> u64 {
        let state = next_random(self.state.load(Relaxed));
        self.state.store(state, Relaxed);
        (state >> 20) % below.max(1)
    }

    /// The way there or back; whether it is lost.
    async fn way(&self) -> bool {
        let nanoseconds = self.random(self.troubles.latency_max.as_nanos() as u64);
        sleep(Duration::from_nanos(nanoseconds)).await;
        self.is_cut_off.load(Relaxed) || self.random(100) < self.troubles.failures_of_100
    }

    fn failed(&self, operation: Operation, name: &ObjectName) -> StoreError {
        StoreError::of_object(StoreErrorKind::Transient, operation, name, self.place())
    }
}

#[async_trait]
impl Store for Careless {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let late = self.late.lock().unwrap().take();
        if late.is_some() || self.way().await {
            let late_max = self.troubles.late_max.as_nanos() as u64;
            let after = late.unwrap_or_else(|| Duration::from_nanos(self.random(late_max)));
            if !after.is_zero() && !self.is_cut_off.load(Relaxed) {
                let (storage, name) = (self.storage.clone(), name.clone());
                let _landing = tokio::spawn(async move {
                    sleep(after).await;
                    storage.insert(name, content.to_bytes());
                });
            }
            return Err(self.failed(Operation::PutNew, name));
        }
        self.storage.insert(name.clone(), content.to_bytes());
        if self.way().await { Err(self.failed(Operation::PutNew, name)) } else { Ok(()) }
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        if self.way().await {
            return Err(self.failed(Operation::Get, name));
        }
        let content = self.storage.get(name, bytes_max).await;
        if self.way().await { Err(self.failed(Operation::Get, name)) } else { content }
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        if self.way().await {
            return Err(self.failed(Operation::GetRange, name));
        }
        let content = self.storage.get_range(name, range).await;
        if self.way().await { Err(self.failed(Operation::GetRange, name)) } else { content }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let failed = || StoreError::of_listing(StoreErrorKind::Transient, prefix, self.place());
        if self.way().await {
            return Err(failed());
        }
        let listed = self.storage.list(prefix).await;
        if self.way().await { Err(failed()) } else { listed }
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        if self.troubles.denies_deletes {
            let kind = StoreErrorKind::Denied;
            return Err(StoreError::of_object(kind, Operation::Delete, name, self.place()));
        }
        if self.way().await {
            return Err(self.failed(Operation::Delete, name));
        }
        let deleted = self.storage.delete(name).await;
        if self.way().await { Err(self.failed(Operation::Delete, name)) } else { deleted }
    }

    fn place(&self) -> String {
        self.storage.place()
    }
}
