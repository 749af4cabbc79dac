//! How a table is laid out: pages of rows, each with a code, and the rows.
//!
//! | part | content |
//! |---|---|
//! | page 0 | the header: where the other parts are |
//! | for each shard | pages of chunk rows sorted by id, then the shard's filter |
//! | fences | for each page of chunk rows the first eight bytes of its first id |
//! | block rows | in the order of their packs |
//! | pack rows | with the run that each was listed by |
//! | run rows | the index runs that are in the table |
//! | shard rows | first id, place and filter of each shard |
//!
//! A page has 4096 bytes: rows that do not straddle pages, zeros, and the code. Filters are whole
//! pages of fingerprints, whose one code is in the shard row. Numbers are little-endian. This is no
//! part of the format of repositories: a table is made of index runs, and a program that lays
//! tables out in another way keeps them in another directory.

use icecore_format::index_run::RunBlock;
use icecore_format::ledger::body::SessionRange;
use icecore_format::record::{DecodeError, Reader};
use icecore_format::{ChunkId, ChunkKind, PackClass, PackId, RunId, SessionId};

/// Bytes of a page: what the system reads at once.
pub(super) const PAGE_BYTES: usize = 4096;
/// Bytes of the code of a page.
pub(super) const CODE_BYTES: usize = 16;
/// Bytes of a page that hold rows.
pub(super) const PAGE_ROWS_BYTES: usize = PAGE_BYTES - CODE_BYTES;

const MAGIC: [u8; 16] = *b"icecore table 1\n";
const RECORD: &str = "the index table";

/// What ends a page: says that it is whole, in its place, and made with the repository's keys.
pub(super) type Code = [u8; CODE_BYTES];

/// The key under which all tables of a repository are made.
#[derive(Clone)]
pub(in crate::index) struct TableKey([u8; 32]);

/// Random bytes that no other table has: its name, and part of every code in it.
pub(in crate::index) type Nonce = [u8; 16];

impl TableKey {
    /// The key for a repository with this ledger key, which whoever reads index runs has.
    pub(in crate::index) fn new(ledger_key: &[u8; 32]) -> Self {
        Self(blake3::derive_key("icecore 2026 index table key", ledger_key))
    }

    /// The key of the codes of one table.
    pub(super) fn of_table(&self, nonce: &Nonce) -> PageKey {
        PageKey(*blake3::keyed_hash(&self.0, nonce).as_bytes())
    }
}

/// The key of the codes of one table.
#[derive(Clone)]
pub(super) struct PageKey([u8; 32]);

impl PageKey {
    /// The code of what begins with this page.
    pub(super) fn code(&self, page: u64, bytes: &[u8]) -> Code {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(bytes).update(&page.to_le_bytes());
        let mut code = [0; CODE_BYTES];
        hasher.finalize_xof().fill(&mut code);
        code
    }
}

/// A row of fixed width.
pub(super) trait Row: Sized {
    /// Bytes of a row.
    const BYTES: usize;
    /// Rows of a page.
    const PER_PAGE: u64 = (PAGE_ROWS_BYTES / Self::BYTES) as u64;

    fn encode(&self, bytes: &mut Vec<u8>);
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Decodes the row that `bytes` are.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode(&mut Reader::new(RECORD, bytes))
    }
}

/// Rows of one kind, on consecutive pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) first_page: u64,
    pub(super) rows: u64,
}

/// What page 0 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) nonce: Nonce,
    /// All pages, this one too.
    pub(super) pages: u64,
    pub(super) chunks: u64,
    pub(super) fences: Section,
    pub(super) blocks: Section,
    pub(super) packs: Section,
    pub(super) runs: Section,
    pub(super) shards: Section,
}

/// The key of a page's first id: finds the page of an id without a look at others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fence(pub(super) u64);

/// Where a chunk is: a row, sorted by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::index) struct ChunkRow {
    pub(in crate::index) id: ChunkId,
    /// The block's row.
    pub(in crate::index) block: u32,
    pub(in crate::index) offset: u32,
    pub(in crate::index) bytes: u32,
}

/// A block: what an index run says of it, with the row of its pack in this table.
pub(in crate::index) type BlockRow = RunBlock;

/// A pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::index) struct PackRow {
    pub(in crate::index) id: PackId,
    pub(in crate::index) class: PackClass,
    /// The index run that listed it.
    pub(in crate::index) run: RunId,
    /// The row of its first block; the others follow, up to those of the next pack.
    pub(in crate::index) first_block: u32,
}

/// Consecutive chunk rows with a filter of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) first: ChunkId,
    pub(super) chunks: Section,
    /// The fence of its first page.
    pub(super) first_fence: u64,
    pub(super) filter_page: u64,
    /// 0 if there is no filter.
    pub(super) filter_bytes: u64,
    pub(super) filter_code: Code,
    pub(super) descriptor: [u8; DESCRIPTOR_BYTES],
}

/// Bytes of what a binary fuse filter needs beside its fingerprints.
pub(super) const DESCRIPTOR_BYTES: usize = 20;

impl Row for Header {
    const BYTES: usize = 16 + 16 + 8 + 8 + 5 * 16;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(MAGIC);
        bytes.extend(self.nonce);
        bytes.extend(self.pages.to_le_bytes());
        bytes.extend(self.chunks.to_le_bytes());
        for section in [self.fences, self.blocks, self.packs, self.runs, self.shards] {
            bytes.extend(section.first_page.to_le_bytes());
            bytes.extend(section.rows.to_le_bytes());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.array()? != MAGIC {
            return Err(reader.malformed("it does not begin as a table does"));
        }
        Ok(Self {
            nonce: reader.array()?,
            pages: reader.u64()?,
            chunks: reader.u64()?,
            fences: section(reader)?,
            blocks: section(reader)?,
            packs: section(reader)?,
            runs: section(reader)?,
            shards: section(reader)?,
        })
    }
}

fn section(reader: &mut Reader<'_>) -> Result<Section, DecodeError> {
    Ok(Section { first_page: reader.u64()?, rows: reader.u64()? })
}

impl Row for Fence {
    const BYTES: usize = 8;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.0.to_le_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.u64().map(Self)
    }
}

impl Row for ChunkRow {
    const BYTES: usize = 32 + 4 + 4 + 4;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.id.0);
        for value in [self.block, self.offset, self.bytes] {
            bytes.extend(value.to_le_bytes());
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: ChunkId(reader.array()?),
            block: reader.u32()?,
            offset: reader.u32()?,
            bytes: reader.u32()?,
        })
    }
}

impl Row for BlockRow {
    const BYTES: usize = 5 * 4 + 1;

    fn encode(&self, bytes: &mut Vec<u8>) {
        for value in [self.pack, self.number, self.offset, self.stored_bytes, self.raw_bytes] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.push(self.kind as u8);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            pack: reader.u32()?,
            number: reader.u32()?,
            offset: reader.u32()?,
            stored_bytes: reader.u32()?,
            raw_bytes: reader.u32()?,
            kind: ChunkKind::from_byte(reader.byte()?)
                .ok_or_else(|| reader.malformed("an unknown kind of chunk"))?,
        })
    }
}

impl Row for PackRow {
    const BYTES: usize = PackId::BYTES + 1 + RunId::BYTES + 4;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.id.to_bytes());
        bytes.push(self.class as u8);
        bytes.extend(self.run.to_bytes());
        bytes.extend(self.first_block.to_le_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            id: PackId::from_bytes(reader.array()?),
            class: PackClass::from_byte(reader.byte()?)
                .ok_or_else(|| reader.malformed("an unknown class of pack"))?,
            run: RunId::from_bytes(reader.array()?),
            first_block: reader.u32()?,
        })
    }
}

impl Row for SessionRange {
    const BYTES: usize = SessionId::BYTES + 4 + 4;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.session.to_bytes());
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(self.end.to_le_bytes());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            session: SessionId::from_bytes(reader.array()?),
            first: reader.u32()?,
            end: reader.u32()?,
        })
    }
}

impl Row for Shard {
    const BYTES: usize = 32 + 5 * 8 + CODE_BYTES + DESCRIPTOR_BYTES;

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.first.0);
        let Section { first_page, rows } = self.chunks;
        for value in [first_page, rows, self.first_fence, self.filter_page, self.filter_bytes] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(self.filter_code);
        bytes.extend(self.descriptor);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            first: ChunkId(reader.array()?),
            chunks: section(reader)?,
            first_fence: reader.u64()?,
            filter_page: reader.u64()?,
            filter_bytes: reader.u64()?,
            filter_code: reader.array()?,
            descriptor: reader.array()?,
        })
    }
}

/// The part of an id that filters and searches go by: ids are hashes, so it is as good as random.
pub(super) fn key_of(id: &ChunkId) -> u64 {
    let mut key = [0; 8];
    key.copy_from_slice(&id.0[..8]);
    u64::from_be_bytes(key)
}
