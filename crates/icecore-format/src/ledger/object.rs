//! Ledger objects: one or more consecutive entries, stored under the number of the first.
//!
//! The chain runs over items, not objects, so a replica may put many entries into one object and
//! still have the same chain.
//!
//! Format: docs/format.md, "Ledger objects".

use crate::hash::hash_parts;
use crate::id::Hash;
use crate::limits::LEDGER_OBJECT_ITEMS_MAX;
use crate::record::{DecodeError, Reader, Record};
use serde::{Deserialize, Serialize};

/// The items of one object, in order: each the bytes of a signed entry, or of anything else that
/// was found at its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerObject {
    /// At least one.
    pub items: Vec<Vec<u8>>,
}

impl Record for LedgerObject {
    const NAME: &'static str = "the ledger object";
    const VERSION: u8 = 1;
}

impl LedgerObject {
    /// Decodes exactly `bytes`, and requires an item.
    pub fn open(bytes: &[u8]) -> Result<Self, DecodeError> {
        // An empty item takes one byte here and many more once decoded, so their number is looked
        // at first: it follows the version.
        let mut reader = Reader::new(Self::NAME, bytes.get(1..).unwrap_or_default());
        reader.length("the number of entries", LEDGER_OBJECT_ITEMS_MAX)?;
        let object = Self::decode(bytes)?;
        if object.items.is_empty() {
            return Err(DecodeError::Malformed { record: Self::NAME, what: "it has no entries" });
        }
        Ok(object)
    }
}

/// The chain's hash after `item`, which follows `previous`.
pub fn chain(previous: &Hash, item: &[u8]) -> Hash {
    hash_parts("icecore 2026 ledger chain", &[&previous.0, item])
}
