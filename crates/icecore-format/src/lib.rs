//! Every byte that `IceCore` persists: how it is encoded, decoded, sealed and opened.
//!
//! This crate is pure: it reads no storage, asks no clock, and takes its randomness as an
//! argument. Whatever bytes it is handed, a decoder returns a value or a [`DecodeError`]; it
//! never panics, and never allocates more than a named limit allows.
//!
//! The normative description is `docs/format.md`; each module here names its section.

pub mod block;
pub mod checkpoint;
pub mod cipher;
pub mod columns;
pub mod config;
pub mod envelope;
pub mod event;
pub mod event_log;
pub mod hash;
pub mod id;
pub mod index_run;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod pack;
pub mod random;
pub mod record;
pub mod snapshot;
pub mod tail;
pub mod time;
pub mod tree;
mod zstandard;

pub use id::{
    ChunkId, ChunkKind, Hash, KeyId, PackClass, PackId, RepositoryId, RunId, SessionId, SnapshotId,
};
pub use keys::Role;
pub use random::Random;
pub use record::DecodeError;
pub use time::Timestamp;
