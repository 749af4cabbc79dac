//! What a backup notes of a file, so that the next one can go on: the resume token, which stands
//! in the snapshot, and the hashes of blocks, which only this machine keeps.
//!
//! The token's hash covers all that precedes its offset, also where a backup has not read it: with
//! the hashes of blocks it is known without. So whatever was ever hashed is compared by the next
//! backup that hashes everything.
//!
//! Token: version 1 (`u8`), reading (8 bytes), offset (varint), lines (varint), whether the last
//! of them has an end (`u8`, 0 or 1), hash (32 bytes). Kept: version 1 (`u8`), turn (varint), hash
//! of each whole block (32 bytes each). Integers are as in docs/format.md, "Records".

use super::batch::Context;
use super::member_map::Field;
use blake3::{Hash, Hasher};
use icecore_format::record::{DecodeError, Reader, put_varint};

const VERSION: u8 = 1;

/// How lines are read: other member maps and other streams make other events of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadingId([u8; 8]);

impl ReadingId {
    pub(super) fn of(context: &Context) -> Self {
        let mut hasher = Hasher::new();
        let members = Field::ALL.map(|field| context.members.member(field));
        let patterns = context.streams.patterns().iter().map(String::as_str);
        for name in members.into_iter().chain(patterns) {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

/// Where the next backup can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResumeToken {
    /// How the lines were read.
    pub(super) reading: ReadingId,
    /// Where the line of the last event ends, in bytes.
    pub(super) offset: u64,
    /// The number of lines up to there.
    pub(super) lines: u64,
    /// Whether that line has an end.
    pub(super) is_line_ended: bool,
    /// The hash of all before the offset.
    pub(super) hash: Hash,
}

impl ResumeToken {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.reading.0);
        put_varint(&mut bytes, self.offset);
        put_varint(&mut bytes, self.lines);
        bytes.push(u8::from(self.is_line_ended));
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = reader("a resume token", bytes)?;
        let token = Self {
            reading: ReadingId(reader.array()?),
            offset: reader.varint()?,
            lines: reader.varint()?,
            is_line_ended: match reader.byte()? {
                0 => false,
                1 => true,
                _ => return Err(reader.malformed("a flag that is neither 0 nor 1")),
            },
            hash: Hash::from_bytes(reader.array()?),
        };
        // Every line has a byte, which also keeps what is counted from here below `u64::MAX`.
        if token.lines > token.offset || token.offset > i64::MAX as u64 {
            return Err(reader.malformed("an offset that no file has"));
        }
        reader.finish()?;
        Ok(token)
    }
}

/// What this machine keeps beside the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Which blocks are compared next, where not all are.
    pub(super) turn: u64,
    /// The hashes of the whole blocks before the offset.
    pub(super) blocks: Vec<Hash>,
}

impl Kept {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        put_varint(&mut bytes, self.turn);
        for block in &self.blocks {
            bytes.extend_from_slice(block.as_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = reader("what was kept of a file", bytes)?;
        let turn = reader.varint()?;
        let mut blocks = Vec::with_capacity(reader.remaining() / blake3::OUT_LEN);
        while reader.remaining() > 0 {
            blocks.push(Hash::from_bytes(reader.array()?));
        }
        Ok(Self { turn, blocks })
    }
}

fn reader<'a>(record: &'static str, bytes: &'a [u8]) -> Result<Reader<'a>, DecodeError> {
    let mut reader = Reader::new(record, bytes);
    match reader.byte()? {
        VERSION => Ok(reader),
        version => Err(DecodeError::Version { record, version }),
    }
}
