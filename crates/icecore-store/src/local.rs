//! Objects as files below one directory of a local or mounted file system (Linux).
//!
//! An object's name is its path. A file has its final name only once its content is durable, and
//! gets it by an operation that fails where the name is taken; so a reader finds a whole object or
//! none, and a killed writer leaves nothing behind that looks like an object. Directories are
//! made when needed and never removed, so a put cannot lose the one it works in. Symbolic links
//! below the root are never followed. Files get mode 0600 and directories 0700.
//!
//! The root is held open: a store whose path comes to mean something else, because a disk was
//! unmounted or a directory renamed, goes on working on what it opened.
//!
//! Specified in docs/durability.md, "The local store".

mod failure;
mod list;
mod publish;
mod put;
mod read;
mod root;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use self::failure::Failure;
use self::root::Root;
use crate::{
    Bandwidth, Content, ObjectInfo, ObjectName, Operation, Store, StoreError, StoreErrorKind,
};

/// Objects as files below a directory. A clone is the same store.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: Arc<Root>,
    place: String,
}

impl LocalStore {
    /// Makes the directory, with whatever is missing above it, and opens it.
    ///
    /// A directory that is already there is taken as it is: whether it holds a repository is for
    /// the repository's first object to say. Blocks for a few system calls.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::begin(path.as_ref(), Operation::Create, |path| {
            root::create_directories(path)?;
            Root::open(path)
        })
    }

    /// Opens a directory that is there, and changes nothing in it; a read-only mount will do.
    ///
    /// `NotFound` if there is none. Blocks for a few system calls.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::begin(path.as_ref(), Operation::Open, Root::open)
    }

    fn begin(
        path: &Path,
        operation: Operation,
        work: impl FnOnce(&Path) -> Result<Root, Failure>,
    ) -> Result<Self, StoreError> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let place = absolute.display().to_string();
        match work(&absolute) {
            Ok(root) => Ok(Self { root: Arc::new(root), place }),
            Err(failure) => {
                Err(failure.onto(|kind| StoreError::of_place(kind, operation, &*place)))
            }
        }
    }

    /// The same within these limits.
    ///
    /// # Panics
    ///
    /// If requests are on their way.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        Arc::get_mut(&mut self.root).expect("there are no requests yet").bandwidth = bandwidth;
        self
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let root = Arc::clone(&self.root);
        match tokio::task::spawn_blocking(move || work(&root)).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down; the work may still be running.
                Err(error) => Err(Failure::new(StoreErrorKind::Transient, error)),
            },
        }
    }

    /// Runs `work` on an object, and says of a failure which object and which step it was.
    async fn on_object<T: Send + 'static>(
        &self,
        operation: Operation,
        name: &ObjectName,
        work: impl FnOnce(&Root, &ObjectName) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let object = name.clone();
        let result = self.blocking(move |root| work(root, &object)).await;
        result.map_err(|failure| {
            failure.onto(|kind| StoreError::of_object(kind, operation, name, &*self.place))
        })
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        self.on_object(Operation::PutNew, name, move |root, name| {
            put::put_new(root, name, &content)
        })
        .await
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.on_object(Operation::Get, name, move |root, name| read::get(root, name, bytes_max))
            .await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.on_object(Operation::GetRange, name, move |root, name| {
            read::get_range(root, name, &range)
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        let below = prefix.to_owned();
        let result = self.blocking(move |root| list::list(root, &below)).await;
        result.map_err(|failure| {
            failure.onto(|kind| StoreError::of_listing(kind, prefix, &*self.place))
        })
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.on_object(Operation::Delete, name, root::delete).await
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}
