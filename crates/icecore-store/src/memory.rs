//! A store in memory: for tests, and for what need not outlive the process.
//!
//! Every request is one step under one lock, so it is exclusive, never stale and never torn.
//! Tests damage it on purpose through [`MemoryStore::flip_bit`] and its siblings.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::name::check_prefix;
use crate::store::check_range;
use crate::{Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind};

const PLACE: &str = "memory";

/// Objects in memory. A clone shares them; [`MemoryStore::snapshot`] copies them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    objects: Arc<Mutex<BTreeMap<ObjectName, Bytes>>>,
}

impl MemoryStore {
    /// A store without objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of its own with the same objects. Copies no content.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self { objects: Arc::new(Mutex::new(self.objects().clone())) }
    }

    /// The names of all objects, sorted.
    pub fn names(&self) -> Vec<ObjectName> {
        self.objects().keys().cloned().collect()
    }

    /// The object's content, if there is one; not a request, so no double sees it.
    pub fn content(&self, name: &ObjectName) -> Option<Bytes> {
        self.objects().get(name).cloned()
    }

    /// Sets an object to `content`, whether or not it was there.
    pub fn insert(&self, name: ObjectName, content: impl Into<Bytes>) {
        self.objects().insert(name, content.into());
    }

    /// Loses an object. Says whether it was there.
    #[must_use = "a test that damages nothing proves nothing"]
    pub fn remove(&self, name: &ObjectName) -> bool {
        self.objects().remove(name).is_some()
    }

    /// Inverts bit `bit` (0 to 7, 0 the lowest) of byte `byte`. Says whether there was such a byte.
    #[must_use = "a test that damages nothing proves nothing"]
    pub fn flip_bit(&self, name: &ObjectName, byte: u64, bit: u8) -> bool {
        self.change(name, |content| {
            let byte = usize::try_from(byte).ok().and_then(|byte| content.get_mut(byte));
            byte.map(|byte| *byte ^= 1 << (bit % 8)).is_some()
        })
    }

    /// Keeps the first `bytes` bytes of an object. Says whether it was longer.
    #[must_use = "a test that damages nothing proves nothing"]
    pub fn truncate(&self, name: &ObjectName, bytes: u64) -> bool {
        self.change(name, |content| {
            let longer = content.len() as u64 > bytes;
            if longer {
                content.truncate(bytes as usize);
            }
            longer
        })
    }

    /// Replaces an object by what `change` makes of it. False if there is none.
    fn change(&self, name: &ObjectName, change: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let mut objects = self.objects();
        let Some(object) = objects.get_mut(name) else { return false };
        let mut content = object.to_vec();
        let changed = change(&mut content);
        *object = content.into();
        changed
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Bytes>> {
        // Every change is a single step of the map, so a panic elsewhere left it whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, operation: Operation, name: &ObjectName) -> Result<Bytes, StoreError> {
        self.content(name).ok_or_else(|| failed(StoreErrorKind::NotFound, operation, name))
    }
}

fn failed(kind: StoreErrorKind, operation: Operation, name: &ObjectName) -> StoreError {
    StoreError::of_object(kind, operation, name, PLACE)
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let content = content.to_bytes();
        let mut objects = self.objects();
        if objects.contains_key(name) {
            return Err(failed(StoreErrorKind::AlreadyExists, Operation::PutNew, name));
        }
        objects.insert(name.clone(), content);
        Ok(())
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        let content = self.find(Operation::Get, name)?;
        if content.len() as u64 > bytes_max {
            return Err(failed(StoreErrorKind::TooLarge, Operation::Get, name));
        }
        Ok(content)
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        let content = self.find(Operation::GetRange, name)?;
        check_range(&range, content.len() as u64)
            .map_err(|kind| failed(kind, Operation::GetRange, name))?;
        Ok(content.slice(range.start as usize..range.end as usize))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        check_prefix(prefix).map_err(|error| {
            StoreError::of_listing(StoreErrorKind::Permanent, prefix, PLACE).with_source(error)
        })?;
        let objects = self.objects();
        let below = objects.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        Ok(below
            .take_while(|(name, _)| name.as_str().starts_with(prefix))
            .map(|(name, content)| ObjectInfo { name: name.clone(), bytes: content.len() as u64 })
            .collect())
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        match self.objects().remove(name) {
            Some(_) => Ok(()),
            None => Err(failed(StoreErrorKind::NotFound, Operation::Delete, name)),
        }
    }

    fn place(&self) -> String {
        PLACE.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        text.parse().unwrap()
    }

    #[test]
    fn a_clone_shares_and_a_snapshot_does_not() {
        let store = MemoryStore::new();
        let clone = store.clone();
        let snapshot = store.snapshot();
        store.insert(name("a"), "1");
        assert_eq!(clone.names(), [name("a")]);
        assert!(snapshot.names().is_empty());
    }

    #[test]
    fn a_flipped_bit_comes_back_when_flipped_again() {
        let store = MemoryStore::new();
        store.insert(name("a"), "xyz");
        assert!(store.flip_bit(&name("a"), 2, 7));
        assert_eq!(store.content(&name("a")).unwrap(), &b"xy\xfa"[..]);
        assert!(store.flip_bit(&name("a"), 2, 7));
        assert_eq!(store.content(&name("a")).unwrap(), "xyz");
    }

    #[test]
    fn damage_that_changes_nothing_says_so() {
        let store = MemoryStore::new();
        store.insert(name("a"), "xyz");
        assert!(!store.flip_bit(&name("a"), 3, 0));
        assert!(!store.flip_bit(&name("b"), 0, 0));
        assert!(!store.truncate(&name("a"), 3));
        assert!(!store.remove(&name("b")));
        assert!(store.truncate(&name("a"), 1));
        assert_eq!(store.content(&name("a")).unwrap(), "x");
        assert!(store.remove(&name("a")));
    }
}
