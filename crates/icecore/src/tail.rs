//! Tails: what followers captured of sources, one epoch for each run of one.
//!
//! An epoch is a sequence of objects. Each is put only when the one before was acknowledged, so
//! those that count are a prefix; an object that ends the epoch takes the next number, and with it
//! the name that its follower would put under.
//!
//! Specification: docs/recovery.md, "The tail"; docs/concurrency.md, rule 12.

mod absorb;
mod chunks;
mod gathered;
mod keys;
mod log;
mod open;
mod reader;
mod scan;
mod standing;
mod writer;

pub(crate) use absorb::{Absorbable, absorbable};
pub(crate) use chunks::TailChunks;
pub(crate) use keys::open as open_key;
pub use log::TailGap;
pub(crate) use log::TailLog;
pub use open::OpenError;
pub(crate) use open::{Request, StartsAt, open};
pub(crate) use reader::EpochReader;
pub(crate) use scan::{Scanned, scan};
pub(crate) use standing::{Chain, chain, complete, find, is_trimmed_after, needed};
pub(crate) use writer::{FlushError, TailWriter};
