//! The ledger: the numbered, hash-chained, signed list of everything that ever changed a
//! repository.
//!
//! This module says what entries are and how they chain. Which entries are valid at their number,
//! and what they change, is decided by replay in the crate `icecore`.
//!
//! Format: docs/format.md, "Ledger".

pub mod body;
pub mod entry;
pub mod object;
pub mod witness;

pub use body::EntryBody;
pub use entry::{Entry, SignedEntry};
pub use object::{LedgerObject, chain};
pub use witness::Witness;
