//! A store that writes down every request: for tests of cost and of order.
//!
//! A request is written down when it is finished, so of two that did not overlap the earlier one
//! comes first.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::lock;
use crate::{Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind};

/// Passes everything on to another store, and remembers it.
#[derive(Debug)]
pub struct RecordingStore {
    inner: Arc<dyn Store>,
    requests: Mutex<Vec<Request>>,
}

/// One request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What was asked.
    pub operation: Operation,
    /// The object's name, or the prefix of a listing.
    pub name: String,
    /// How many bytes of content it moved: the content's length for a put, whether or not it
    /// succeeded, what was returned for a read, none for others.
    pub bytes: u64,
    /// How it failed, if it did.
    pub failed: Option<StoreErrorKind>,
}

impl Request {
    /// The name's first segment, e.g. `packs`.
    pub fn first_segment(&self) -> &str {
        self.name.split_once('/').map_or(&*self.name, |(first, _)| first)
    }
}

impl RecordingStore {
    /// Records what is asked of `inner` from here on.
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, requests: Mutex::default() })
    }

    /// All requests since the start or the last reset, in the order in which they finished.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }

    /// How many requests there were.
    pub fn total(&self) -> usize {
        lock(&self.requests).len()
    }

    /// How many requests of one operation there were.
    pub fn count(&self, operation: Operation) -> usize {
        self.matching(|request| request.operation == operation).count
    }

    /// How many requests of one operation there were for names whose first segment is this one.
    pub fn count_in(&self, operation: Operation, first_segment: &str) -> usize {
        self.matching(|request| {
            request.operation == operation && request.first_segment() == first_segment
        })
        .count
    }

    /// How many bytes of content were put, failed puts included.
    pub fn bytes_put(&self) -> u64 {
        self.matching(|request| request.operation == Operation::PutNew).bytes
    }

    /// How many bytes of content were read.
    pub fn bytes_read(&self) -> u64 {
        self.matching(|request| matches!(request.operation, Operation::Get | Operation::GetRange))
            .bytes
    }

    /// Forgets all requests so far.
    pub fn reset(&self) {
        lock(&self.requests).clear();
    }

    fn matching(&self, matches: impl Fn(&Request) -> bool) -> Sum {
        let requests = lock(&self.requests);
        requests.iter().filter(|request| matches(request)).fold(Sum::default(), |sum, request| {
            Sum { count: sum.count + 1, bytes: sum.bytes + request.bytes }
        })
    }

    fn record<T>(
        &self,
        operation: Operation,
        name: &str,
        result: &Result<T, StoreError>,
        bytes: impl FnOnce(Option<&T>) -> u64,
    ) {
        let failed = result.as_ref().err().map(StoreError::kind);
        let bytes = bytes(result.as_ref().ok());
        lock(&self.requests).push(Request { operation, name: name.to_owned(), bytes, failed });
    }
}

#[derive(Default)]
struct Sum {
    count: usize,
    bytes: u64,
}

fn length(content: Option<&Bytes>) -> u64 {
    content.map_or(0, |content| content.len() as u64)
}

#[async_trait]
impl Store for RecordingStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let bytes = content.len();
        let result = self.inner.put_new(name, content).await;
        self.record(Operation::PutNew, name.as_str(), &result, |_| bytes);
        result
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        let result = self.inner.get(name, bytes_max).await;
        self.record(Operation::Get, name.as_str(), &result, length);
        result
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        let result = self.inner.get_range(name, range).await;
        self.record(Operation::GetRange, name.as_str(), &result, length);
        result
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let result = self.inner.list(prefix).await;
        self.record(Operation::List, prefix, &result, |_| 0);
        result
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let result = self.inner.delete(name).await;
        self.record(Operation::Delete, name.as_str(), &result, |_| 0);
        result
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
