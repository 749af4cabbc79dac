//! Trees: named files, each a list of chunks, in one node per directory.
//!
//! For now a tree holds what belongs to an event store and is no event (consumers' checkpoints,
//! saved states, the schema): regular files only. Entries of other kinds get kinds of their own.
//!
//! Format: docs/format.md, "Trees".

use crate::id::ChunkId;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// One directory: its entries, sorted by name, no name twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// The entries.
    pub entries: Vec<TreeEntry>,
}

/// One named thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeEntry {
    /// The name: any bytes but `/` and NUL, neither empty nor `.` nor `..`.
    pub name: Vec<u8>,
    /// What it is.
    pub content: TreeContent,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TreeContent {
    /// A regular file.
    File {
        /// Its length, in bytes.
        bytes: u64,
        /// Its chunks, of kind `Data`, in order.
        chunks: Vec<ChunkId>,
    },
}

impl Record for TreeNode {
    const NAME: &'static str = "the tree node";
    const VERSION: u8 = 1;

    fn check(&self) -> Result<(), &'static str> {
        if !self.entries.iter().all(|entry| is_name(&entry.name)) {
            return Err("a name that cannot be a name");
        }
        if !self.entries.is_sorted_by(|a, b| a.name < b.name) {
            return Err("its names are not sorted");
        }
        Ok(())
    }
}

/// Whether a name stays within its directory: a forged tree must not write outside of a target.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

impl TreeNode {
    /// The entry called `name`.
    pub fn find(&self, name: &[u8]) -> Option<&TreeEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}
