//! What a backup notes of a store, so that the next one can go on: the resume token, which stands
//! in the snapshot.
//!
//! Token: version 1 (`u8`), streams (8 bytes), last row (signed varint), events (varint), hash (32
//! bytes). Integers are as in docs/format.md, "Records". What is kept on this machine is the id of
//! the last event, as it is.

use super::census::Count;
use blake3::{Hash, Hasher};
use icecore::selection::StreamSelection;
use icecore_format::record::{DecodeError, Reader, put_signed_varint, put_varint};

const VERSION: u8 = 1;
const NAME: &str = "a resume token";

/// Which streams were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamsId([u8; 8]);

impl StreamsId {
    pub(super) fn of(streams: &StreamSelection) -> Self {
        let mut hasher = Hasher::new();
        for pattern in streams.patterns() {
            hasher.update(&(pattern.len() as u64).to_le_bytes());
            hasher.update(pattern.as_bytes());
        }
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

/// Where the next backup can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResumeToken {
    /// Which streams were read.
    pub(super) streams: StreamsId,
    /// The greatest row id that there was.
    pub(super) last_row: i64,
    /// How many events there were of these streams.
    pub(super) events: u64,
    /// Which: see [`hash`].
    pub(super) hash: Hash,
}

impl ResumeToken {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.streams.0);
        put_signed_varint(&mut bytes, self.last_row);
        put_varint(&mut bytes, self.events);
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(NAME, bytes);
        match reader.byte()? {
            VERSION => {}
            version => return Err(DecodeError::Version { record: NAME, version }),
        }
        let token = Self {
            streams: StreamsId(reader.array()?),
            last_row: reader.signed_varint()?,
            events: reader.varint()?,
            hash: Hash::from_bytes(reader.array()?),
        };
        reader.finish()?;
        Ok(token)
    }
}

/// Tells these events from others: by their streams, versions and rows, and by the id of the last,
/// since a row that is deleted and inserted again has its number again only if all rows after it
/// were deleted too.
pub(super) fn hash(count: &Count, last_event: &[u8]) -> Hash {
    Hasher::new().update(count.hash.as_bytes()).update(last_event).finalize()
}
