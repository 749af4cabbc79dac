//! Keys: what each role holds, and the slots that hold it.
//!
//! Format: docs/format.md, "Keys".

pub mod class;
pub mod key_set;
pub mod paper;
pub mod signing;
pub mod slot;

pub use key_set::{KeySet, Role};
