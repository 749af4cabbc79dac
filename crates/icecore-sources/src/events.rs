//! Event stores.

#[cfg(feature = "ndjson")]
pub mod ndjson;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
