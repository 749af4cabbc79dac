//! The contract between IceCore and a storage.
//!
//! Five requests on whole, immutable, named objects. What an implementation promises is written at
//! each of them, and `testing::conformance` checks it.
//!
//! Specified in docs/durability.md.

use std::fmt::Debug;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Content, ObjectName, StoreError, StoreErrorKind};

/// A place that holds objects.
///
/// All requests may run at the same time. A future that is dropped before it is ready leaves the
/// request with an unknown outcome: the write may happen all the same, now or later.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// Stores a new object, whole or not at all.
    ///
    /// When this returns `Ok`, the object survives a power cut. Of several puts to one name, by
    /// any number of hosts, at most one returns `Ok`.
    ///
    /// - `AlreadyExists`: the name is taken, whatever its content. What is there is durable too, so
    ///   whoever loses a race, or repeats a put whose outcome was unknown, may build on it.
    /// - `Transient`: the outcome is unknown, see [`StoreError::outcome_unknown`].
    /// - any other: nothing is stored, and nothing will be.
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError>;

    /// Reads a whole object.
    ///
    /// An object can be read before its put has returned: then it is whole, but a power cut may
    /// still take it away.
    ///
    /// `bytes_max` bounds what hostile storage can make us allocate; `TooLarge` if the object has
    /// more bytes. `NotFound` if there is none.
    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError>;

    /// Reads exactly the bytes of `range`, counted from the object's start.
    ///
    /// `TooShort` if the object ends before the range does, `NotFound` if there is none, and
    /// `Permanent` for a range that ends before it starts. An empty range within the object, or
    /// at its very end, gives no bytes.
    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError>;

    /// Lists every object below `prefix`, sorted by name.
    ///
    /// `prefix` is empty or ends in `/`, else `Permanent`. A prefix without objects gives an empty
    /// list. The list may be stale: it may lack what was just put, and show what was just deleted.
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError>;

    /// Deletes an object for good. When this returns `Ok`, no power cut brings it back.
    ///
    /// `NotFound` if it was not there.
    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError>;

    /// A short name of this place for messages, without credentials, e.g. `/srv/backup`.
    fn place(&self) -> String;
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The object's name.
    pub name: ObjectName,
    /// The object's length in bytes.
    pub bytes: u64,
}

/// Checks that an object of `bytes` bytes holds all of `range`.
pub(crate) fn check_range(range: &Range<u64>, bytes: u64) -> Result<(), StoreErrorKind> {
    if range.start > range.end {
        Err(StoreErrorKind::Permanent)
    } else if range.end > bytes {
        Err(StoreErrorKind::TooShort)
    } else {
        Ok(())
    }
}
