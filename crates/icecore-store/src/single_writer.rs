//! A store that puts only what is not there, by looking first: for a storage that takes the condition of
//! a put and ignores it.
//!
//! Between the look and the put another writer could put, so both are done only while this process
//! holds the [`Lease`], and a put that is on its way when the lease ends is given up. One that lands
//! all the same, later, is what this cannot guard against.
//!
//! Specified in docs/object-storage.md, "A single writer".

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Content, Lease, LeaseLost, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// A store that one process at a time writes to.
#[derive(Debug)]
pub struct SingleWriterStore {
    inner: Arc<dyn Store>,
    lease: Lease,
    /// Names that are put just now: of two puts in this process one waits.
    names: Mutex<HashMap<ObjectName, Arc<tokio::sync::Mutex<()>>>>,
}

impl SingleWriterStore {
    /// A store that writes to `inner` while it holds the lease. It is to be as near to the storage as can
    /// be: what repeats requests belongs around it, so that each try is checked.
    pub fn new(inner: Arc<dyn Store>, lease: Lease) -> Self {
        Self { inner, lease, names: Mutex::default() }
    }

    fn failed(&self, kind: StoreErrorKind, operation: Operation, name: &ObjectName) -> StoreError {
        StoreError::of_object(kind, operation, name, self.place())
    }

    fn lost(&self, operation: Operation, name: &ObjectName, lost: LeaseLost) -> StoreError {
        self.failed(StoreErrorKind::Permanent, operation, name).with_source(lost)
    }

    async fn look_and_put(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let operation = Operation::PutNew;
        self.lease.check().map_err(|lost| self.lost(operation, name, lost))?;
        match self.inner.get_range(name, 0..0).await {
            Ok(_) => {
                self.lease.close_put(name);
                return Err(self.failed(StoreErrorKind::AlreadyExists, operation, name));
            }
            Err(error) if error.kind() == StoreErrorKind::NotFound => {}
            Err(error) => {
                return Err(self.failed(error.kind(), operation, name).with_source(error));
            }
        }
        self.lease.check().map_err(|lost| self.lost(operation, name, lost))?;
        let has_open_put = self.lease.open_put(name);
        let put = self.lease.while_valid(self.inner.put_new(name, content)).await;
        match put {
            // It may still land.
            Err(lost) => {
                Err(self.failed(StoreErrorKind::Transient, operation, name).with_source(lost))
            }
            Ok(Err(error)) if error.outcome_unknown() => Err(error),
            Ok(Ok(())) => {
                self.lease.close_put(name);
                Ok(())
            }
            // This try did nothing, but one before it may still land.
            Ok(Err(error)) => {
                if !has_open_put {
                    self.lease.close_put(name);
                }
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Store for SingleWriterStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let turn = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody waits for or has.
            names.retain(|_, turn| Arc::strong_count(turn) > 1);
            names.entry(name.clone()).or_default().clone()
        };
        let _turn = turn.lock().await;
        self.look_and_put(name, content).await
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.inner.get(name, bytes_max).await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let operation = Operation::Delete;
        let deleted = self.lease.while_valid(self.inner.delete(name)).await;
        deleted.map_err(|lost| self.lost(operation, name, lost))?
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
