//! Index runs: which chunk is where, for the packs of one session.
//!
//! A run is sorted by chunk id and laid out in rows of fixed width, so that it can be searched as
//! it is. It repeats what the directories of its packs say.
//!
//! Format: docs/format.md, "Index runs".

use crate::id::{ChunkId, ChunkKind, Hash, PackClass, PackId};
use crate::limits::{BLOCK_BYTES_MAX, BLOCK_STORED_BYTES_MAX};
use crate::pack::Directory;
use crate::record::{DecodeError, Reader};

const VERSION: u8 = 1;
const RECORD: &str = "the index run";
const PACK_ROW_BYTES: usize = PackId::BYTES + 1 + 8 + 32;
const BLOCK_ROW_BYTES: usize = 4 + 4 + 4 + 4 + 4 + 1;
const CHUNK_ROW_BYTES: usize = 32 + 4 + 4 + 4;

/// One pack, as a run lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunPack {
    /// The pack.
    pub id: PackId,
    /// Its class.
    pub class: PackClass,
    /// Its whole length, in bytes.
    pub bytes: u64,
    /// The BLAKE3 hash of the whole object: says without any key whether it is intact.
    pub hash: Hash,
}

/// One block, as a run lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunBlock {
    /// Its pack: an index into [`IndexRun::packs`].
    pub pack: u32,
    /// Its number in that pack.
    pub number: u32,
    /// Where it begins in that pack, in bytes.
    pub offset: u32,
    /// Its sealed length, in bytes.
    pub stored_bytes: u32,
    /// Its decoded length, in bytes.
    pub raw_bytes: u32,
    /// What its chunks are.
    pub kind: ChunkKind,
}

/// One chunk, as a run lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunChunk {
    /// The chunk's id.
    pub id: ChunkId,
    /// Its block: an index into [`IndexRun::blocks`].
    pub block: u32,
    /// Where it begins in the decoded block, in bytes.
    pub offset: u32,
    /// Its length, in bytes.
    pub bytes: u32,
}

/// A run, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexRun {
    /// The packs.
    pub packs: Vec<RunPack>,
    /// The blocks of these packs.
    pub blocks: Vec<RunBlock>,
    /// The chunks of these blocks, sorted by id, then block.
    pub chunks: Vec<RunChunk>,
}

impl IndexRun {
    /// Adds a pack and what its directory lists. Call [`Self::sort`] when all are added.
    pub fn add(&mut self, pack: RunPack, directory: &Directory) {
        let pack_index = self.packs.len() as u32;
        self.packs.push(pack);
        for (number, block) in directory.blocks.iter().enumerate() {
            let block_index = self.blocks.len() as u32;
            self.blocks.push(RunBlock {
                pack: pack_index,
                number: number as u32,
                offset: block.offset,
                stored_bytes: block.stored_bytes,
                raw_bytes: block.raw_bytes,
                kind: block.kind,
            });
            let mut offset = 0;
            for chunk in &block.chunks {
                self.chunks.push(RunChunk {
                    id: chunk.id,
                    block: block_index,
                    offset,
                    bytes: chunk.bytes,
                });
                offset += chunk.bytes;
            }
        }
    }

    /// Sorts the chunks, as [`Self::encode`] and [`Self::find_all`] need them.
    pub fn sort(&mut self) {
        self.chunks.sort_unstable();
    }

    /// The places of the chunk with this id.
    pub fn find_all(&self, id: &ChunkId) -> impl Iterator<Item = &RunChunk> + use<'_> {
        let id = *id;
        let first = self.chunks.partition_point(|chunk| chunk.id < id);
        let from_first = self.chunks.get(first..).unwrap_or_default();
        from_first.iter().take_while(move |chunk| chunk.id == id)
    }

    /// The run's bytes, before sealing.
    pub fn encode(&self) -> Vec<u8> {
        let rows = self.packs.len() * PACK_ROW_BYTES
            + self.blocks.len() * BLOCK_ROW_BYTES
            + self.chunks.len() * CHUNK_ROW_BYTES;
        let mut bytes = Vec::with_capacity(1 + 12 + rows);
        bytes.push(VERSION);
        for count in [self.packs.len(), self.blocks.len(), self.chunks.len()] {
            bytes.extend_from_slice(&(count as u32).to_le_bytes());
        }
        for pack in &self.packs {
            bytes.extend_from_slice(&pack.id.to_bytes());
            bytes.push(pack.class as u8);
            bytes.extend_from_slice(&pack.bytes.to_le_bytes());
            bytes.extend_from_slice(&pack.hash.0);
        }
        for block in &self.blocks {
            for value in
                [block.pack, block.number, block.offset, block.stored_bytes, block.raw_bytes]
            {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            bytes.push(block.kind as u8);
        }
        for chunk in &self.chunks {
            bytes.extend_from_slice(&chunk.id.0);
            for value in [chunk.block, chunk.offset, chunk.bytes] {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
        bytes
    }

    /// Decodes exactly `bytes`, and checks that every row points at a row that exists.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { record: RECORD, version });
        }
        let (packs, blocks, chunks) =
            (reader.u32()? as usize, reader.u32()? as usize, reader.u32()? as usize);
        let rows = packs as u64 * PACK_ROW_BYTES as u64
            + blocks as u64 * BLOCK_ROW_BYTES as u64
            + chunks as u64 * CHUNK_ROW_BYTES as u64;
        if rows != reader.remaining() as u64 {
            return Err(reader.malformed("its rows do not fill it"));
        }
        let packs = (0..packs).map(|_| read_pack(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let blocks = (0..blocks)
            .map(|_| read_block(&mut reader, packs.len()))
            .collect::<Result<Vec<_>, _>>()?;
        let chunks =
            (0..chunks).map(|_| read_chunk(&mut reader, &blocks)).collect::<Result<Vec<_>, _>>()?;
        if !chunks.is_sorted() {
            return Err(reader.malformed("its chunks are not sorted"));
        }
        Ok(Self { packs, blocks, chunks })
    }
}

fn read_pack(reader: &mut Reader<'_>) -> Result<RunPack, DecodeError> {
    Ok(RunPack {
        id: PackId::from_bytes(reader.array()?),
        class: PackClass::from_byte(reader.byte()?)
            .ok_or_else(|| reader.malformed("an unknown class of pack"))?,
        bytes: reader.u64()?,
        hash: Hash(reader.array()?),
    })
}

fn read_block(reader: &mut Reader<'_>, packs: usize) -> Result<RunBlock, DecodeError> {
    let block = RunBlock {
        pack: reader.u32()?,
        number: reader.u32()?,
        offset: reader.u32()?,
        stored_bytes: reader.u32()?,
        raw_bytes: reader.u32()?,
        kind: ChunkKind::from_byte(reader.byte()?)
            .ok_or_else(|| reader.malformed("an unknown kind of chunk"))?,
    };
    if block.pack as usize >= packs {
        return Err(reader.malformed("a block of a pack that it does not list"));
    }
    // Readers allocate what a row says.
    if block.stored_bytes as usize > BLOCK_STORED_BYTES_MAX
        || block.raw_bytes as usize > BLOCK_BYTES_MAX
    {
        return Err(reader.malformed("a block longer than any may be"));
    }
    Ok(block)
}

fn read_chunk(reader: &mut Reader<'_>, blocks: &[RunBlock]) -> Result<RunChunk, DecodeError> {
    let chunk = RunChunk {
        id: ChunkId(reader.array()?),
        block: reader.u32()?,
        offset: reader.u32()?,
        bytes: reader.u32()?,
    };
    let block = blocks
        .get(chunk.block as usize)
        .ok_or_else(|| reader.malformed("a chunk of a block that it does not list"))?;
    if u64::from(chunk.offset) + u64::from(chunk.bytes) > u64::from(block.raw_bytes) {
        return Err(reader.malformed("a chunk beyond the end of its block"));
    }
    Ok(chunk)
}

#[cfg(test)]
mod tests;
