//! Backup repositories for event-sourced systems, and what can be done with one.
//!
//! The library never prints, reads no environment variable, and asks no clock and no generator of
//! random numbers that it was not given.

pub mod backup;
pub mod check;
pub mod drill;
pub mod environment;
pub mod error;
pub mod follow;
pub mod index;
pub mod layout;
pub mod ledger;
pub mod local;
pub mod monitor;
pub mod recover;
pub mod repository;
pub mod restore;
pub mod selection;
pub mod session;
pub mod snapshots;
pub mod source;
pub mod streams;
pub mod tail;
pub mod target;
pub mod timeline;

mod chunks;
mod event_log;
mod pipeline;
mod storage;

pub use async_trait::async_trait;
pub use environment::Environment;
pub use icecore_format as format;
pub use icecore_store as store;
pub use monitor::Monitor;
pub use repository::Repository;
