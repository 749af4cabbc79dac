//! Blocks: one or more chunks of one kind, compressed together and sealed.
//!
//! A block is the unit of compression, encryption and ranged reads. Its frame tells codec and
//! length, and is inside the seal.
//!
//! Format: docs/format.md, "Blocks".

use crate::cipher::{SealingKey, TAG_BYTES};
use crate::columns;
use crate::id::{ChunkKind, PackId};
use crate::limits::BLOCK_BYTES_MAX;
use crate::record::{DecodeError, Reader};
use crate::zstandard::{Compressor, Decompressor};
use std::cell::RefCell;

const RECORD: &str = "the block";
const FRAME_BYTES: usize = 5;

/// How a block's plaintext is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Codec {
    Stored = 0,
    Zstd = 1,
    Columns = 2,
}

/// Largest block whose codecs are kept for the next one, in bytes: a rare large block must not
/// hold its memory for ever.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Blocks below this are encoded both ways, in bytes: columns of few events may say more of
/// themselves than they save. Above it they were never larger (docs/decisions/0004-columns.md).
const BOTH_BYTES_MAX: usize = 16 << 10;

/// What encodes and decodes, with the memory of earlier blocks.
#[derive(Default)]
struct Codecs {
    encoder: columns::Encoder,
    decoder: columns::Decoder,
    compressor: Compressor,
    decompressor: Decompressor,
    encoded: Vec<u8>,
    other: Vec<u8>,
}

thread_local! {
    /// Contexts and tables cost as much to make as a small block to encode.
    static CODECS: RefCell<Codecs> = RefCell::default();
}

fn with_codecs<T>(raw_bytes: usize, work: impl FnOnce(&mut Codecs) -> T) -> T {
    CODECS.with_borrow_mut(|codecs| {
        let outcome = work(codecs);
        if raw_bytes > KEPT_BYTES_MAX {
            *codecs = Codecs::default();
        }
        outcome
    })
}

/// How hard to compress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Store as it is.
    None,
    /// zstd level -3.
    Low,
    /// zstd level 1: on event records both faster and smaller than level 3.
    #[default]
    Medium,
    /// zstd level 9.
    High,
}

impl Compression {
    /// zstd's level, or `None` to store.
    pub fn level(self) -> Option<i32> {
        match self {
            Self::None => None,
            Self::Low => Some(-3),
            Self::Medium => Some(1),
            Self::High => Some(9),
        }
    }
}

/// Where a block is: its pack, its number there (which is its nonce), and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The pack.
    pub pack: PackId,
    /// The block's number in its pack, from 0.
    pub number: u32,
    /// What its chunks are.
    pub kind: ChunkKind,
}

impl BlockPlace {
    fn associated(&self) -> [u8; PackId::BYTES + 5] {
        let mut bytes = [0; PackId::BYTES + 5];
        bytes[..PackId::BYTES].copy_from_slice(&self.pack.to_bytes());
        bytes[PackId::BYTES..PackId::BYTES + 4].copy_from_slice(&self.number.to_le_bytes());
        bytes[PackId::BYTES + 4] = self.kind as u8;
        bytes
    }
}

/// Compresses and seals `raw`, the chunks of a block one after the other.
///
/// Events are put in columns where that is worth it. What does not shrink is stored as it is.
pub fn seal(place: &BlockPlace, key: &SealingKey, compression: Compression, raw: &[u8]) -> Vec<u8> {
    assert!(raw.len() <= BLOCK_BYTES_MAX, "a block of {} bytes", raw.len());
    let mut bytes = with_codecs(raw.len(), |codecs| {
        let codec = codecs.encode(place.kind, compression, raw);
        let body = if codec == Codec::Stored { raw } else { &codecs.encoded };
        // What is kept until the pack is full has no room that it does not need.
        let mut bytes = Vec::with_capacity(FRAME_BYTES + body.len() + TAG_BYTES);
        bytes.push(codec as u8);
        bytes.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        bytes.extend_from_slice(body);
        bytes
    });
    key.seal(u64::from(place.number), &place.associated(), &mut bytes, 0);
    bytes
}

impl Codecs {
    /// Encodes `raw` into `self.encoded`, unless it is best stored as it is.
    fn encode(&mut self, kind: ChunkKind, compression: Compression, raw: &[u8]) -> Codec {
        let Self { encoder, compressor, encoded, other, .. } = self;
        encoded.clear();
        let Some(level) = compression.level() else { return Codec::Stored };
        if kind == ChunkKind::Events && encoder.encode(raw, level, encoded) {
            other.clear();
            if raw.len() >= BOTH_BYTES_MAX
                || !compressor.append(level, raw, other)
                || other.len() >= encoded.len()
            {
                return Codec::Columns;
            }
            std::mem::swap(encoded, other);
            Codec::Zstd
        } else if compressor.append(level, raw, encoded) {
            Codec::Zstd
        } else {
            Codec::Stored
        }
    }
}

/// Opens the seal of a block and leaves what is in it encoded, to be sealed elsewhere by [`seal_encoded`].
pub fn unseal(
    place: &BlockPlace,
    key: &SealingKey,
    mut sealed: Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    let length = key.open(RECORD, u64::from(place.number), &place.associated(), &mut sealed)?.len();
    sealed.truncate(length);
    Ok(sealed)
}

/// Seals what [`unseal`] gave: the same chunks, not compressed again.
pub fn seal_encoded(place: &BlockPlace, key: &SealingKey, mut encoded: Vec<u8>) -> Vec<u8> {
    key.seal(u64::from(place.number), &place.associated(), &mut encoded, 0);
    encoded
}

/// Opens a sealed block and returns its chunks one after the other, exactly `raw_bytes` long.
pub fn open(
    place: &BlockPlace,
    key: &SealingKey,
    raw_bytes: u32,
    sealed: Vec<u8>,
) -> Result<Vec<u8>, DecodeError> {
    let mut sealed = unseal(place, key, sealed)?;
    let mut reader = Reader::new(RECORD, &sealed);
    let codec = reader.byte()?;
    if reader.u32()? != raw_bytes || raw_bytes as usize > BLOCK_BYTES_MAX {
        return Err(reader.malformed("its length is not what its directory says"));
    }
    let body = reader.rest();
    let raw_bytes = raw_bytes as usize;
    let raw = if codec == Codec::Stored as u8 {
        sealed.drain(..FRAME_BYTES);
        sealed
    } else if codec == Codec::Zstd as u8 {
        // The frame says how much comes out before anything is allocated for it.
        with_codecs(raw_bytes, |codecs| codecs.decompressor.decompress(body, raw_bytes, 0))
            .ok_or_else(|| reader.malformed("it does not decompress"))?
    } else if codec == Codec::Columns as u8 {
        with_codecs(raw_bytes, |codecs| codecs.decoder.decode(body, raw_bytes))?
    } else {
        return Err(reader.malformed("an unknown codec"));
    };
    if raw.len() == raw_bytes {
        Ok(raw)
    } else {
        Err(DecodeError::Malformed {
            record: RECORD,
            what: "its length is not what its frame says",
        })
    }
}
