//! Objects as files of a server that speaks WebDAV.
//!
//! An object is put under a name that nobody reads, whole, and then moved to its own name, which fails
//! where the name is taken. Servers keep what was sent of a put that was cut off, some of them under
//! its name, so nothing is put under an object's own. Whether a server keeps to the condition of a
//! move is tried out before it is written to, as for every store. No request is repeated here.
//!
//! Specified in docs/object-storage.md, "WebDAV".

mod connection;
mod directories;
mod failure;
mod listing;
mod multistatus;
mod put;
mod read;
mod settings;
#[cfg(test)]
mod tests;

pub use settings::{WebDavCredential, WebDavSettings};

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::connection::Connection;
use self::directories::Directories;
use self::failure::Failure;
use crate::name::check_prefix;
use crate::{
    Bandwidth, Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// Requests that run at the same time: as many as object storage takes would be many for a server of
/// one's own, which has a thread or a process for each.
const REQUESTS_MAX: usize = 16;

/// A directory of a WebDAV server. Requests need a tokio runtime with I/O and time.
#[derive(Debug)]
pub struct WebDavStore {
    connection: Connection,
    directories: Directories,
    requests: Semaphore,
    place: String,
}

impl WebDavStore {
    /// A store at the place that `settings` tell. Makes no request.
    pub fn open(settings: &WebDavSettings) -> Result<Self, StoreError> {
        let place = settings.place();
        let connection = Connection::new(settings).map_err(|failure| {
            failure.onto(|kind| StoreError::of_place(kind, Operation::Open, &place))
        })?;
        let directories = Directories::default();
        Ok(Self { connection, directories, requests: Semaphore::new(REQUESTS_MAX), place })
    }

    /// The same within these limits.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.connection.bandwidth = bandwidth;
        self
    }

    /// Waits for its turn.
    async fn turn(&self) -> SemaphorePermit<'_> {
        self.requests.acquire().await.expect("the semaphore is never closed")
    }

    fn on_object<T>(
        &self,
        operation: Operation,
        name: &ObjectName,
        result: Result<T, Failure>,
    ) -> Result<T, StoreError> {
        result.map_err(|failure| {
            failure.onto(|kind| StoreError::of_object(kind, operation, name, &self.place))
        })
    }
}

#[async_trait]
impl Store for WebDavStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        let result = self.put_file(name, &content).await;
        self.on_object(Operation::PutNew, name, result)
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        let _turn = self.turn().await;
        let result = read::get(&self.connection, name, bytes_max).await;
        self.on_object(Operation::Get, name, result)
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        let _turn = self.turn().await;
        let result = read::get_range(&self.connection, name, &range).await;
        self.on_object(Operation::GetRange, name, result)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let of_listing = |kind| StoreError::of_listing(kind, prefix, &self.place);
        if let Err(error) = check_prefix(prefix) {
            return Err(of_listing(StoreErrorKind::Permanent).with_source(error));
        }
        self.list_files(prefix).await.map_err(|failure| failure.onto(of_listing))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let _turn = self.turn().await;
        let result = put::delete(&self.connection, name).await;
        self.on_object(Operation::Delete, name, result)
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
