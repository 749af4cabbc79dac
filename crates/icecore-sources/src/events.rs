//! Event stores.

#[cfg(feature = "ndjson")]
pub mod ndjson;
#[cfg(feature = "sqlite")]
pub mod sqlite;
