//! A store that answers when it is told to: all requests that wait, at once. What a caller asks for in
//! one go is answered in one go, so the number of answers is that of sequential round trips.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::channel::oneshot;

use super::lock;
use crate::{Content, ObjectInfo, ObjectName, Operation, Store, StoreError};

/// Names that one request lists, in the object stores that there are.
const LISTED_MAX: usize = 1_000;

/// Holds every request back until [`GatedStore::answer`].
#[derive(Debug)]
pub struct GatedStore {
    inner: Arc<dyn Store>,
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    operation: Operation,
    name: String,
    answer: oneshot::Sender<()>,
}

impl GatedStore {
    /// Holds back what is asked of `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, waiting: Mutex::default() })
    }

    /// Lets all requests through that wait now. Returns what they ask, e.g. `read config`, in the
    /// order in which they came; those of callers that are gone are not among them.
    pub fn answer(&self) -> Vec<String> {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut answered = Vec::new();
        for Waiting { operation, name, answer } in waiting {
            if answer.send(()).is_ok() {
                answered.push(format!("{operation} {name}"));
            }
        }
        answered
    }

    async fn wait(&self, operation: Operation, name: &str) {
        let (answer, answered) = oneshot::channel();
        lock(&self.waiting).push(Waiting { operation, name: name.to_owned(), answer });
        // An answer that was thrown away is one.
        let _answered = answered.await;
    }
}

#[async_trait]
impl Store for GatedStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        self.wait(Operation::PutNew, name.as_str()).await;
        self.inner.put_new(name, content).await
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.wait(Operation::Get, name.as_str()).await;
        self.inner.get(name, bytes_max).await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.wait(Operation::GetRange, name.as_str()).await;
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        self.wait(Operation::List, prefix).await;
        let listed = self.inner.list(prefix).await?;
        // Each further request says where the one before ended.
        for _ in 1..listed.len().div_ceil(LISTED_MAX) {
            self.wait(Operation::List, prefix).await;
        }
        Ok(listed)
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.wait(Operation::Delete, name.as_str()).await;
        self.inner.delete(name).await
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
