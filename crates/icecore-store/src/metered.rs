//! A store that counts what is asked of another: what a provider bills, and what a command reports.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Content, ObjectInfo, ObjectName, Operation, Store, StoreError};

/// The operations that are counted, in the order in which they are told.
const OPERATIONS: [Operation; 5] =
    [Operation::PutNew, Operation::Get, Operation::GetRange, Operation::List, Operation::Delete];

/// How often an operation was asked for, repeated requests included, and how many bytes of content
/// went with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many requests, whatever became of them.
    pub requests: u64,
    /// Bytes that were sent, of puts, or that came.
    pub bytes: u64,
}

/// Counts requests; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<[Counter; OPERATIONS.len()]>);

#[derive(Debug, Default)]
struct Counter {
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    /// What was asked for so far, by operation.
    pub fn read(&self) -> [(Operation, Requests); OPERATIONS.len()] {
        OPERATIONS.map(|operation| {
            let counter = self.counter(operation);
            let count = |number: &AtomicU64| number.load(Relaxed);
            let requests =
                Requests { requests: count(&counter.requests), bytes: count(&counter.bytes) };
            (operation, requests)
        })
    }

    fn note(&self, operation: Operation, bytes: u64) {
        let counter = self.counter(operation);
        counter.requests.fetch_add(1, Relaxed);
        counter.bytes.fetch_add(bytes, Relaxed);
    }

    fn counter(&self, operation: Operation) -> &Counter {
        let place = OPERATIONS.iter().position(|other| *other == operation);
        &self.0[place.expect("only these are asked of a store")]
    }
}

/// Passes everything on to another store, and counts it.
#[derive(Debug)]
pub struct MeteredStore {
    inner: Arc<dyn Store>,
    meter: Meter,
}

impl MeteredStore {
    /// A store whose requests to `inner` are counted by `meter`.
    pub fn new(inner: Arc<dyn Store>, meter: Meter) -> Self {
        Self { inner, meter }
    }

    fn note_read(
        &self,
        operation: Operation,
        result: Result<Bytes, StoreError>,
    ) -> Result<Bytes, StoreError> {
        self.meter.note(operation, result.as_ref().map_or(0, |content| content.len() as u64));
        result
    }
}

#[async_trait]
impl Store for MeteredStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        self.meter.note(Operation::PutNew, content.len());
        self.inner.put_new(name, content).await
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.note_read(Operation::Get, self.inner.get(name, bytes_max).await)
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.note_read(Operation::GetRange, self.inner.get_range(name, range).await)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        self.meter.note(Operation::List, 0);
        self.inner.list(prefix).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.meter.note(Operation::Delete, 0);
        self.inner.delete(name).await
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;
    use crate::testing::conformance;

    #[tokio::test]
    async fn requests_and_bytes_are_counted_by_operation_and_nothing_is_changed() {
        let meter = Meter::default();
        let store = MeteredStore::new(Arc::new(MemoryStore::new()), meter.clone());
        let name: ObjectName = "a".parse().unwrap();
        store.put_new(&name, vec![1, 2, 3].into()).await.unwrap();
        store.put_new(&name, vec![1, 2, 3].into()).await.unwrap_err();
        store.get(&name, 10).await.unwrap();
        store.get(&name, 2).await.unwrap_err();
        store.get_range(&name, 1..3).await.unwrap();
        store.list("").await.unwrap();
        let counted = meter.read().map(|(_, count)| (count.requests, count.bytes));
        assert_eq!(counted, [(2, 6), (2, 3), (1, 2), (1, 0), (0, 0)]);

        store.delete(&name).await.unwrap();
        conformance::assert_conforms(&store).await;
    }
}
