//! Objects in an object storage: S3 and what speaks like it, Azure Blob Storage, Google Cloud Storage.
//!
//! A put is conditional: the service itself refuses a name that is taken. Whether a server keeps to
//! that is tried out before it is written to, as for every store. No request is repeated here, and
//! none waits for ever: a connection on which no byte moves is given up. [`RetryingStore`] repeats.
//!
//! Nothing of the client that does the talking is in a signature here.
//!
//! [`RetryingStore`]: crate::RetryingStore
//!
//! Specified in docs/object-storage.md.

mod failure;
mod listing;
mod operator;
mod pacing;
mod progress;
mod put;
mod read;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub(crate) use progress::{Progress, SILENCE_MAX};
pub(crate) use transport::{client, request_body};

pub use settings::{
    AccessKey, AzureCredential, AzureSettings, GoogleSettings, ObjectSettings, S3Settings, Secret,
    Service,
};

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::failure::Failure;
use self::operator::{Connection, Request};
use crate::name::check_prefix;
use crate::{
    Bandwidth, Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// Requests that run at the same time. Enough to hide the way to the service, few enough for a
/// home's router and for the memory that their bodies take.
const REQUESTS_MAX: usize = 32;

/// A prefix of a bucket or container. Requests need a tokio runtime with I/O and time.
#[derive(Debug)]
pub struct ObjectStore {
    connection: Connection,
    requests: Semaphore,
    place: String,
}

impl ObjectStore {
    /// A store at the place that `settings` tell. Makes no request: whether the bucket is there, and
    /// who may use it, the first request tells.
    pub fn open(settings: &ObjectSettings) -> Result<Self, StoreError> {
        let place = settings.place();
        let connection = Connection::new(settings).map_err(|failure| {
            failure.onto(|kind| StoreError::of_place(kind, Operation::Open, &place))
        })?;
        Ok(Self { connection, requests: Semaphore::new(REQUESTS_MAX), place })
    }

    /// The same, with so much time in which no byte need move; a minute otherwise.
    #[must_use]
    pub fn with_silence_max(mut self, silence_max: Duration) -> Self {
        self.connection.line.silence_max = silence_max;
        self
    }

    /// The same within these limits.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.connection.line.bandwidth = bandwidth;
        self
    }

    /// Waits for its turn.
    async fn request(&self) -> (Request, SemaphorePermit<'_>) {
        let permit = self.requests.acquire().await.expect("the semaphore is never closed");
        (self.connection.request(), permit)
    }

    /// `result` with an error that says which step of which object it was.
    fn on_object<T>(
        &self,
        operation: Operation,
        name: &ObjectName,
        result: Result<T, Failure>,
    ) -> Result<T, StoreError> {
        result.map_err(|failure| {
            let is_place = failure.is_of_place();
            failure.onto(|kind| {
                if is_place {
                    StoreError::of_place(kind, Operation::Open, &self.place)
                } else {
                    StoreError::of_object(kind, operation, name, &self.place)
                }
            })
        })
    }
}

#[async_trait]
impl Store for ObjectStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let (request, _permit) = self.request().await;
        let result = put::put_new(&request, name, &content).await;
        self.on_object(Operation::PutNew, name, result)
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        let (request, _permit) = self.request().await;
        let result = read::get(&request, name, bytes_max).await;
        self.on_object(Operation::Get, name, result)
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        let (request, _permit) = self.request().await;
        let result = read::get_range(&request, name, &range).await;
        self.on_object(Operation::GetRange, name, result)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let of_listing = |kind| StoreError::of_listing(kind, prefix, &self.place);
        if let Err(error) = check_prefix(prefix) {
            return Err(of_listing(StoreErrorKind::Permanent).with_source(error));
        }
        let (request, _permit) = self.request().await;
        listing::list(&request, prefix).await.map_err(|failure| {
            let is_place = failure.is_of_place();
            failure.onto(|kind| {
                if is_place {
                    StoreError::of_place(kind, Operation::Open, &self.place)
                } else {
                    of_listing(kind)
                }
            })
        })
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let (request, _permit) = self.request().await;
        let result = put::delete(&request, name).await;
        self.on_object(Operation::Delete, name, result)
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
