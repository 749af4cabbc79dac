//! The tail of a source: events that were captured one flush after the other.
//!
//! An epoch of a tail is one endless pack, cut into objects. Its header, and with it the key of all
//! its events, stands in the ledger entry that opened the epoch; an object is a record that every
//! role can read, and the pack's next blocks, each of which holds one chunk. Every so many objects one
//! repeats what it and those before it have, so that a reader need not get them all.
//!
//! Format: docs/format.md, "Tails".

use crate::block::Compression;
use crate::envelope::{self, EnvelopeKind};
use crate::event_log::{SegmentChunk, Span};
use crate::id::{ChunkId, ChunkKind, Hash, PackId, SessionId};
use crate::keys::KeySet;
use crate::limits::{
    BLOCK_BYTES_MAX, BLOCK_STORED_BYTES_MAX, TAIL_OBJECT_BYTES_MAX, TAIL_REPEATED_OBJECTS,
};
use crate::pack::PackKey;
use crate::random::Random;
use crate::record::{DecodeError, Reader, Record};
use crate::time::Timestamp;
use crate::{cipher::Cipher, hash::hash_parts};
use serde::{Deserialize, Serialize};

/// First bytes of every object of a tail.
pub const MAGIC: [u8; 4] = *b"ICET";

const VERSION: u8 = 1;
const OBJECT: &str = "the tail's object";
const HASH_CONTEXT: &str = "icecore 2026 tail object";
const BLOCKS_CONTEXT: &str = "icecore 2026 tail blocks";

/// The pack that the epoch of a session is.
pub fn pack_of(session: SessionId) -> PackId {
    PackId { session, number: 0 }
}

/// What an object of a tail says to every role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TailRecord {
    /// It has events.
    Flush(Box<Flush>),
    /// It ends the epoch: this session's epoch goes on after it.
    Terminator(SessionId),
}

/// What an object with events says to every role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flush {
    /// The hash of the object before; zeros in the first.
    pub previous: Hash,
    /// When it was sealed.
    pub time: Timestamp,
    /// The events' chunks, in order.
    pub chunks: Vec<SegmentChunk>,
    /// What the chunks span; no segments.
    pub span: Span,
    /// What was captured since the snapshot that the tail goes on from, these events among them.
    pub total: Span,
    /// Where the source can be gone on from; its meaning is the source's own. None if more has to
    /// follow before it can be: then the flush counts only if that does.
    pub resume: Option<Vec<u8>>,
    /// What else is needed for that, if it is little.
    pub kept: Option<Vec<u8>>,
    /// The number of the first block in the epoch's pack.
    pub first_block: u32,
    /// The blocks, as they follow the record.
    pub blocks: Vec<TailBlock>,
    /// The hash of the blocks, so that every role can tell whether they are damaged.
    pub blocks_hash: Hash,
    /// What it and the objects before it have, once more; see [`repeats_from`].
    pub repeat: Option<Repeat>,
    /// How many objects of the epoch so far, this one among them, might repeat those before them and
    /// do not. As long as there are none, the objects that do are all that has to be there.
    pub unrepeated: u64,
}

/// The events of an object and of those before it, in chunks that have them together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// The hash of the object before the first of them; zeros if that is the epoch's first.
    pub previous: Hash,
    /// The events' chunks, in order.
    pub chunks: Vec<SegmentChunk>,
    /// What these chunks span; no segments.
    pub span: Span,
}

/// The first of the objects that the one with this number may repeat, itself the last of them; `None`
/// if it may repeat none. Numbers tell, so that a reader knows without a look which to read.
pub fn repeats_from(number: u64) -> Option<u64> {
    (repeated_by(number) == number).then(|| number - (TAIL_REPEATED_OBJECTS - 1))
}

/// A block, which holds one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailBlock {
    /// The kind of the chunk.
    pub kind: u8,
    /// The chunk.
    pub id: ChunkId,
    /// Its length, in bytes.
    pub raw_bytes: u32,
    /// The block's sealed length, in bytes.
    pub stored_bytes: u32,
}

/// The object that may repeat the one with this number.
pub fn repeated_by(number: u64) -> u64 {
    number - number % TAIL_REPEATED_OBJECTS + (TAIL_REPEATED_OBJECTS - 1)
}

/// Which group of objects the one with this number is of: those that one object may repeat, itself
/// the last of them.
pub fn group_of(number: u64) -> u64 {
    number / TAIL_REPEATED_OBJECTS
}

impl Record for TailRecord {
    const NAME: &'static str = "the tail's record";
    const VERSION: u8 = 1;

    fn check(&self) -> Result<(), &'static str> {
        let Self::Flush(flush) = self else { return Ok(()) };
        let is_in_limits = |block: &TailBlock| {
            block.raw_bytes as usize <= BLOCK_BYTES_MAX
                && block.stored_bytes as usize <= BLOCK_STORED_BYTES_MAX
                && ChunkKind::from_byte(block.kind).is_some()
        };
        if !flush.blocks.iter().all(is_in_limits) {
            return Err("a block of an unknown kind, or beyond the limits");
        }
        let count = u32::try_from(flush.blocks.len()).ok();
        if count.and_then(|count| flush.first_block.checked_add(count)).is_none() {
            return Err("its blocks have no numbers");
        }
        Ok(())
    }
}

/// A chunk on its way into an object.
#[derive(Clone, Copy, Debug)]
pub struct TailChunk<'a> {
    /// Its kind.
    pub kind: ChunkKind,
    /// Its id.
    pub id: ChunkId,
    /// Its plaintext.
    pub plaintext: &'a [u8],
}

/// Seals objects of one epoch.
#[derive(Debug)]
pub struct TailSealer {
    key: PackKey,
    next_block: u32,
}

/// How objects are sealed.
pub struct SealOptions<'a> {
    /// The repository's keys.
    pub keys: &'a KeySet,
    /// How records are sealed.
    pub cipher: Cipher,
    /// How hard blocks are compressed.
    pub compression: Compression,
    /// For salts.
    pub random: &'a dyn Random,
}

impl TailSealer {
    /// A sealer for an epoch that nothing was sealed for yet.
    pub fn new(key: PackKey) -> Self {
        Self { key, next_block: 0 }
    }

    /// Seals an object to be stored as `name`. What `flush` says of blocks is filled in.
    pub fn seal(
        &mut self,
        name: &str,
        mut flush: Flush,
        chunks: &[TailChunk<'_>],
        options: &SealOptions<'_>,
    ) -> Vec<u8> {
        flush.first_block = self.next_block;
        let mut blocks = Vec::new();
        for chunk in chunks {
            let TailChunk { kind, id, plaintext } = *chunk;
            // What is repeated can be the same.
            if flush.blocks.iter().any(|block| block.id == id) {
                continue;
            }
            let sealed = self.key.seal_block(self.next_block, kind, options.compression, plaintext);
            self.next_block += 1;
            flush.blocks.push(TailBlock {
                kind: kind as u8,
                id,
                raw_bytes: plaintext.len() as u32,
                stored_bytes: sealed.len() as u32,
            });
            blocks.extend_from_slice(&sealed);
        }
        flush.blocks_hash = blocks_hash(&blocks);
        let mut object = seal_record(name, &TailRecord::Flush(Box::new(flush)), options);
        object.extend_from_slice(&blocks);
        object
    }
}

/// Seals the object that ends an epoch, to be stored as `name`.
pub fn seal_terminator(name: &str, next: SessionId, options: &SealOptions<'_>) -> Vec<u8> {
    seal_record(name, &TailRecord::Terminator(next), options)
}

fn seal_record(name: &str, record: &TailRecord, options: &SealOptions<'_>) -> Vec<u8> {
    let sealed = envelope::seal(
        EnvelopeKind::Tail,
        options.cipher,
        &options.keys.ledger_key,
        name,
        &record.encode(),
        options.random,
    );
    let mut bytes = Vec::with_capacity(9 + sealed.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&sealed);
    bytes
}

/// An object of a tail, its record opened.
#[derive(Clone, Debug)]
pub struct TailObject<'a> {
    /// Its record.
    pub record: TailRecord,
    /// Its blocks.
    pub blocks: &'a [u8],
}

impl<'a> TailObject<'a> {
    /// Opens what is stored as `name`; its blocks are as they were sealed.
    pub fn open(keys: &KeySet, name: &str, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(OBJECT, bytes);
        if reader.array()? != MAGIC {
            return Err(reader.malformed("it does not begin as an object of a tail does"));
        }
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { record: OBJECT, version });
        }
        let length = reader.u32()? as usize;
        let sealed = reader.take(length)?;
        let plaintext = envelope::open(EnvelopeKind::Tail, &keys.ledger_key, name, sealed)?;
        let record = TailRecord::decode(&plaintext)?;
        let blocks = reader.rest();
        let expected: u64 = match &record {
            TailRecord::Flush(flush) => {
                flush.blocks.iter().map(|block| u64::from(block.stored_bytes)).sum()
            }
            TailRecord::Terminator(_) => 0,
        };
        if blocks.len() as u64 != expected {
            return Err(DecodeError::Malformed {
                record: OBJECT,
                what: "its blocks are not as long as its record says",
            });
        }
        if let TailRecord::Flush(flush) = &record
            && blocks_hash(blocks) != flush.blocks_hash
        {
            let what = "its blocks are not what its record says";
            return Err(DecodeError::Malformed { record: OBJECT, what });
        }
        Ok(Self { record, blocks })
    }

    /// Opens the chunk with this id, verified; `None` if it has none.
    pub fn chunk(
        &self,
        keys: &KeySet,
        key: &PackKey,
        id: ChunkId,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        match &self.record {
            TailRecord::Flush(flush) => flush.chunk(self.blocks, keys, key, id),
            TailRecord::Terminator(_) => Ok(None),
        }
    }
}

impl Flush {
    /// Opens the chunk with this id out of the object's blocks, verified; `None` if it has none.
    pub fn chunk(
        &self,
        blocks: &[u8],
        keys: &KeySet,
        key: &PackKey,
        id: ChunkId,
    ) -> Result<Option<Vec<u8>>, DecodeError> {
        let mut reader = Reader::new(OBJECT, blocks);
        for (number, block) in (self.first_block..).zip(&self.blocks) {
            let sealed = reader.take(block.stored_bytes as usize)?;
            if block.id != id {
                continue;
            }
            let kind = ChunkKind::from_byte(block.kind)
                .ok_or_else(|| reader.malformed("an unknown kind of chunk"))?;
            let plaintext = key.open_block(number, kind, block.raw_bytes, sealed.to_vec())?;
            if keys.chunk_id(kind, &plaintext) != id {
                return Err(reader.malformed("a chunk is not what its id says"));
            }
            return Ok(Some(plaintext));
        }
        Ok(None)
    }
}

/// What the next object says of the one before it.
pub fn hash(object: &[u8]) -> Hash {
    hash_parts(HASH_CONTEXT, &[object])
}

fn blocks_hash(blocks: &[u8]) -> Hash {
    hash_parts(BLOCKS_CONTEXT, &[blocks])
}

/// How long an object may be, for whoever reads it.
pub const OBJECT_BYTES_MAX: u64 = TAIL_OBJECT_BYTES_MAX as u64;
