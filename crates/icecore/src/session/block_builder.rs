//! Gathering chunks of one kind into a block.

use super::NewChunk;
use icecore_format::ChunkKind;
use icecore_format::pack::DirectoryChunk;

/// Chunks of one kind, one after the other.
#[derive(Debug, Default)]
pub(super) struct BlockBuilder {
    pub(super) raw: Vec<u8>,
    pub(super) chunks: Vec<DirectoryChunk>,
}

impl BlockBuilder {
    /// Adds a chunk; whether the block is full now.
    pub(super) fn add(&mut self, chunk: &NewChunk) -> bool {
        if self.raw.is_empty() {
            self.raw.reserve_exact(block_bytes(chunk.kind).max(chunk.plaintext.len()));
        }
        self.raw.extend_from_slice(&chunk.plaintext);
        let bytes = chunk.plaintext.len() as u32;
        self.chunks.push(DirectoryChunk { id: chunk.id, bytes });
        self.raw.len() >= block_bytes(chunk.kind)
    }

    /// Whether a chunk would make the block larger than its kind's blocks are to be.
    pub(super) fn is_too_full_for(&self, chunk: &NewChunk) -> bool {
        !self.raw.is_empty() && self.raw.len() + chunk.plaintext.len() > block_bytes(chunk.kind)
    }
}

/// About how large blocks of a kind are before compression, in bytes: large where neighbours are
/// read together and compress together, small where one of them is wanted alone.
fn block_bytes(kind: ChunkKind) -> usize {
    match kind {
        ChunkKind::Events => 2 << 20,
        ChunkKind::Data => 512 << 10,
        ChunkKind::Beside
        | ChunkKind::Tree
        | ChunkKind::Segment
        | ChunkKind::LogNode
        | ChunkKind::StreamPage => 64 << 10,
    }
}
