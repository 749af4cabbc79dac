//! Named immutable objects, and the places that hold them.
//!
//! Everything above this crate rests on three promises of a [`Store`]: a put happens whole or not
//! at all, an acknowledged object is durable and readable under its name, and of several puts to
//! one name exactly one succeeds. Nothing rests on clocks, or on a listing being fresh.
//! [`prove_exclusive_by_race`] tells whether a storage keeps the third promise.
//!
//! This crate knows bytes and names. What they mean is the business of its callers.
//!
//! Specified in docs/durability.md.

#[cfg(any(feature = "local", feature = "object-storage", feature = "sftp"))]
mod bandwidth;
mod content;
mod error;
mod exclusive;
#[cfg(feature = "single-writer")]
mod lease;
#[cfg(feature = "local")]
mod local;
mod memory;
mod metered;
mod name;
#[cfg(feature = "object-storage")]
mod object;
#[cfg(any(feature = "object-storage", feature = "sftp"))]
mod retrying;
#[cfg(feature = "sftp")]
mod sftp;
#[cfg(feature = "single-writer")]
mod single_writer;
mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(feature = "object-storage")]
mod webdav;

#[cfg(any(feature = "local", feature = "object-storage", feature = "sftp"))]
pub use bandwidth::Bandwidth;
pub use content::Content;
pub use error::{BoxError, Operation, StoreError, StoreErrorKind};
pub use exclusive::{CONTENDERS, NotExclusive, prove_exclusive_by_race};
#[cfg(feature = "single-writer")]
pub use lease::{
    Lease, LeaseClock, LeaseError, LeaseHolder, LeaseLost, LeaseNews, LeaseTimes, time_since_boot,
};
#[cfg(feature = "local")]
pub use local::LocalStore;
pub use memory::MemoryStore;
pub use metered::{Meter, MeteredStore, Requests};
pub use name::{LEASE_PREFIX, NameError, OBJECT_NAME_BYTES_MAX, ObjectName};
#[cfg(feature = "object-storage")]
pub use object::{
    AccessKey, AzureCredential, AzureSettings, GoogleSettings, ObjectSettings, ObjectStore,
    S3Settings, Secret, Service,
};
#[cfg(any(feature = "object-storage", feature = "sftp"))]
pub use retrying::{Patience, RetryingStore};
#[cfg(feature = "sftp")]
pub use sftp::{SftpSettings, SftpStore};
#[cfg(feature = "single-writer")]
pub use single_writer::SingleWriterStore;
pub use store::{ObjectInfo, Store};
#[cfg(feature = "object-storage")]
pub use webdav::{WebDavCredential, WebDavSettings, WebDavStore};
