//! Objects as files behind an SSH server that speaks SFTP.
//!
//! Written as on a disk: under a name that nobody reads, made durable, then linked to its own name,
//! which fails where the name is taken, and made durable again. That needs two extensions of
//! OpenSSH's server, hard links and fsync; without them nothing is written. `ssh` makes the
//! connection, with its own configuration, keys and known hosts, and asks nobody anything.
//!
//! Specified in docs/object-storage.md, "SFTP".

mod connection;
mod failure;
mod files;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use self::connection::Connection;
use self::failure::Failure;
use crate::name::check_prefix;
use crate::{
    Bandwidth, Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// Requests that run at the same time: each holds a file open, and servers allow some.
const REQUESTS_MAX: usize = 16;

/// A directory of an SSH server.
#[derive(Clone, Debug, Default)]
pub struct SftpSettings {
    /// The server, by its name or by one of `ssh`'s configuration.
    pub host: String,
    /// The port, if it is not what `ssh` would take.
    pub port: Option<u16>,
    /// The user, if it is not whom `ssh` would take.
    pub user: Option<String>,
    /// The directory; one that does not begin with `/` is below the one that a login begins in.
    pub path: String,
    /// A configuration for `ssh` instead of the user's.
    pub configuration: Option<PathBuf>,
}

impl SftpSettings {
    /// A short name of the place for messages.
    pub fn place(&self) -> String {
        let separator = if self.path.starts_with('/') { "" } else { "/~/" };
        format!("sftp://{}{separator}{}", self.host, self.path)
    }
}

/// A directory of an SSH server. Requests need a tokio runtime with I/O and time.
#[derive(Debug)]
pub struct SftpStore {
    settings: SftpSettings,
    /// The connection, until it breaks.
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Directories that are there, as this process has seen.
    directories: Mutex<HashSet<String>>,
    requests: Semaphore,
    bandwidth: Bandwidth,
    place: String,
}

impl SftpStore {
    /// A store at the place that `settings` tell. Nothing is connected before the first request.
    pub fn open(settings: SftpSettings) -> Self {
        Self {
            place: settings.place(),
            settings,
            connection: tokio::sync::Mutex::default(),
            directories: Mutex::default(),
            requests: Semaphore::new(REQUESTS_MAX),
            bandwidth: Bandwidth::default(),
        }
    }

    /// The same within these limits.
    #[must_use]
    pub fn with_bandwidth(self, bandwidth: Bandwidth) -> Self {
        Self { bandwidth, ..self }
    }

    /// The connection; made if there is none.
    async fn connected(&self) -> Result<Arc<Connection>, Failure> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let new = Arc::new(Connection::make(&self.settings).await?);
        *connection = Some(new.clone());
        Ok(new)
    }

    /// Does `work` on the connection, which is given up if it breaks.
    async fn on_connection<T>(
        &self,
        work: impl AsyncFnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _permit = self.requests.acquire().await.expect("the semaphore is never closed");
        let connection = self.connected().await?;
        let result = work(&connection).await;
        if matches!(&result, Err(failure) if failure.is_of_connection()) {
            let mut kept = self.connection.lock().await;
            if kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, &connection)) {
                *kept = None;
            }
        }
        result
    }

    /// Whether this process has seen that a directory is there; notes that it is.
    fn has_seen(&self, directory: &str) -> bool {
        self.directories().contains(directory)
    }

    fn note(&self, directory: &str) {
        self.directories().insert(directory.to_owned());
    }

    fn directories(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where an object, or a directory below the store's, is on the server.
    fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.settings.path.trim_end_matches('/'))
    }

    fn of_object(&self, operation: Operation, name: &ObjectName, failure: Failure) -> StoreError {
        failure.onto(|kind| StoreError::of_object(kind, operation, name, &self.place))
    }
}

#[async_trait]
impl Store for SftpStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let put = async |connection: &Connection| self.put_file(connection, name, &content).await;
        let result = self.on_connection(put).await;
        result.map_err(|failure| self.of_object(Operation::PutNew, name, failure))
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        let get = async |connection: &Connection| self.read(connection, name, bytes_max).await;
        let result = self.on_connection(get).await;
        result.map_err(|failure| self.of_object(Operation::Get, name, failure))
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        let get = async |connection: &Connection| self.read_range(connection, name, &range).await;
        let result = self.on_connection(get).await;
        result.map_err(|failure| self.of_object(Operation::GetRange, name, failure))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let of_listing = |kind| StoreError::of_listing(kind, prefix, &self.place);
        if let Err(error) = check_prefix(prefix) {
            return Err(of_listing(StoreErrorKind::Permanent).with_source(error));
        }
        let list = async |connection: &Connection| self.list_files(connection, prefix).await;
        self.on_connection(list).await.map_err(|failure| failure.onto(of_listing))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let delete = async |connection: &Connection| self.delete_file(connection, name).await;
        let result = self.on_connection(delete).await;
        result.map_err(|failure| self.of_object(Operation::Delete, name, failure))
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
