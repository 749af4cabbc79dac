//! Backup repositories for event-sourced systems, and what can be done with one.
//!
//! The library never prints, reads no environment variable, and asks no clock and no generator of
//! random numbers that it was not given.
//!
//! A [`Repository`] lies in a [`Store`](store::Store). Verbs are functions that take it:
//! [`backup`](backup::backup), [`follow`](follow::follow), [`restore`](restore::restore),
//! [`recover`](recover::recover), [`check`](check::check), [`prune`](prune::prune). What is backed up is a
//! [`Source`](source::Source), where it comes back to a [`Target`](target::Target);
//! `icecore-sources` has those that exist, and one of your own takes fifty lines.
//! [`streams`](streams::streams) and [`events`](streams::events) look into a snapshot without
//! restoring it.
//!
//! ```
//! use icecore::{Environment, Repository, local::LocalState, repository::InitOptions};
//! use std::sync::Arc;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(icecore::store::MemoryStore::new());
//! let environment = Environment::of_this_machine(LocalState::default())?;
//! let repository =
//!     Repository::init(store, environment, b"secret", &InitOptions::default()).await?;
//! assert!(repository.state().await.snapshots.is_empty());
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```
//!
//! # Runtimes
//!
//! Everything works on any tokio runtime, with one thread or many, and needs its timer and its I/O. Work
//! for processors is done by a pool of its own ([`environment::TokioExecutor`]), so nothing blocks the
//! runtime for long. A program that is not asynchronous makes a runtime and calls `block_on`.
//!
//! # Progress, and the wish to stop
//!
//! Verbs take a [`Monitor`], of which all clones are one: [`Monitor::view`] tells how far they are, and
//! [`Monitor::request_stop`] ends them soon, with an error that says so and nothing half done.
//!
//! # Futures that are dropped
//!
//! A future may be dropped at any moment, as `select!` or a closed connection do it, and the repository
//! can be used on at once. What reads is ended by that and nothing else. What writes is as if the process had been
//! killed there: a backup has committed or has not, and the next one takes what it stored; a follower's
//! flushes count, and the next one goes on from them; a restore leaves its target as it was, or
//! complete. Which of both it is, only a wish to stop tells.
//!
//! # Errors
//!
//! One enum for each verb, to match on; the message names the step and the thing, and the cause is its
//! `source()`.

pub mod backup;
pub mod check;
pub mod drill;
pub mod environment;
pub mod error;
pub mod follow;
pub mod forget;
pub mod index;
pub mod key_slots;
pub mod layout;
pub mod ledger;
pub mod local;
pub mod monitor;
pub mod prune;
pub mod recover;
pub mod repository;
pub mod restore;
pub mod retention;
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
mod read_ahead;
mod storage;

pub use async_trait::async_trait;
pub use environment::Environment;
pub use icecore_format as format;
pub use icecore_store as store;
/// What policies of [`retention`] count with: its spans and time zones.
pub use jiff;
pub use monitor::Monitor;
pub use repository::Repository;
