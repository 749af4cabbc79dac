//! Witnesses: written after an entry, so that a newest entry that is missing or unreadable is
//! known to be damage and not a crash before the commit.
//!
//! Format: docs/format.md, "Witnesses".

use crate::id::Hash;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// That the entry of this witness's number was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// The entry's number.
    pub number: u64,
    /// The chain's hash after it.
    pub head: Hash,
}

impl Record for Witness {
    const NAME: &'static str = "the witness";
    const VERSION: u8 = 1;
}
