//! A store whose listing lags behind, as that of an eventually consistent storage.
//!
//! Only listings are stale. Reads see every object at once, as the contract of
//! [`Store`](crate::Store) demands.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::lock;
use crate::{Content, ObjectInfo, ObjectName, Store, StoreError};

/// Passes everything on to another store, and leaves the newest objects out of listings.
#[derive(Debug)]
pub struct StaleListingStore {
    inner: Arc<dyn Store>,
    hidden_max: usize,
    /// What was put through here since the listing last caught up, oldest first.
    recent: Mutex<Vec<ObjectName>>,
}

impl StaleListingStore {
    /// Hides the newest `hidden_max` objects of those that are put through this double.
    pub fn new(inner: Arc<dyn Store>, hidden_max: usize) -> Arc<Self> {
        Arc::new(Self { inner, hidden_max, recent: Mutex::default() })
    }

    /// The listing catches up with all that is there now; what comes later is hidden again.
    pub fn catch_up(&self) {
        lock(&self.recent).clear();
    }

    /// What a listing leaves out now, oldest first.
    pub fn hidden(&self) -> Vec<ObjectName> {
        let recent = lock(&self.recent);
        let shown = recent.len().saturating_sub(self.hidden_max);
        recent.iter().skip(shown).cloned().collect()
    }
}

#[async_trait]
impl Store for StaleListingStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        self.inner.put_new(name, content).await?;
        lock(&self.recent).push(name.clone());
        Ok(())
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.inner.get(name, bytes_max).await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let hidden = self.hidden();
        let mut objects = self.inner.list(prefix).await?;
        objects.retain(|object| !hidden.contains(&object.name));
        Ok(objects)
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.inner.delete(name).await?;
        lock(&self.recent).retain(|recent| recent != name);
        Ok(())
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}
