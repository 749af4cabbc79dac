//! The canonical record of one event: the same bytes wherever the event was read.
//!
//! Positions, which differ between copies of a store, and the form of the source (spacing, member
//! order) are not in it, so copies and exports of one store share chunks.
//!
//! Format: docs/format.md, "Event records".

use crate::id::ChunkId;
use crate::limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX};
use crate::record::{DecodeError, Reader, put_bytes, put_varint};
use crate::time::Timestamp;

/// First byte of a chunk of kind `Events`.
pub const VERSION: u8 = 1;
const RECORD: &str = "the event record";

const ID_UUID: u8 = 1;
const ID_TEXT: u8 = 2;
const ID_MASK: u8 = 3;
const TIME_AT: u8 = 1 << 2;
const TIME_TEXT: u8 = 2 << 2;
const TIME_MASK: u8 = 3 << 2;
const HAS_METADATA: u8 = 1 << 4;
const HAS_MEMBERS: u8 = 1 << 5;
const IS_CHUNKED: u8 = 1 << 6;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The stream's id: not empty.
    pub stream: &'a str,
    /// The event's version in its stream.
    pub version: u64,
    /// The event's type; may be empty.
    pub event_type: &'a str,
    /// The event's id.
    pub id: EventId<'a>,
    /// When it was recorded.
    pub time: EventTime<'a>,
    /// Metadata, as the source prints it: JSON for most.
    pub metadata: Option<&'a [u8]>,
    /// Members beyond those that every event store knows.
    pub members: Members<'a>,
    /// The payload, as the source prints it: JSON for most.
    pub payload: Payload<'a>,
}

/// An event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventId<'a> {
    /// It has none.
    None,
    /// A UUID.
    Uuid([u8; 16]),
    /// Anything else.
    Text(&'a str),
}

/// When an event was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventTime<'a> {
    /// It does not say.
    None,
    /// A moment.
    At(Timestamp),
    /// Something that is no moment we can represent.
    Text(&'a str),
}

impl EventTime<'_> {
    /// The moment, if it is one.
    pub fn timestamp(&self) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(*time),
            Self::None | Self::Text(_) => None,
        }
    }
}

/// A payload, or where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The bytes.
    Inline(&'a [u8]),
    /// A payload that was chunked by itself.
    Chunked(ChunkedPayload<'a>),
}

/// The chunks of a large payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkedPayload<'a> {
    /// The payload's length, in bytes.
    pub bytes: u64,
    ids: &'a [u8],
}

impl<'a> ChunkedPayload<'a> {
    /// A payload of `bytes` whose chunks, of kind `Data`, have the ids in `ids`, 32 bytes each.
    pub fn new(bytes: u64, ids: &'a [u8]) -> Self {
        Self { bytes, ids }
    }

    /// The chunks' ids in order.
    pub fn ids(&self) -> impl Iterator<Item = ChunkId> + use<'a> {
        self.ids.as_chunks::<32>().0.iter().map(|id| ChunkId(*id))
    }
}

/// Further members: names and their values, in the order of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Members<'a>(&'a [u8]);

impl<'a> Members<'a> {
    /// Appends a member to `bytes`, for [`Self::new`].
    pub fn put(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
        put_bytes(bytes, name.as_bytes());
        put_bytes(bytes, value);
    }

    /// The members that [`Self::put`] wrote one after the other.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let mut members = *self;
        std::iter::from_fn(move || members.take_first())
    }

    /// Takes the first name and its value.
    pub fn take_first(&mut self) -> Option<(&'a str, &'a [u8])> {
        let mut reader = Reader::new(RECORD, self.0);
        // Decoding an event went through all of them, so this ends at the end.
        let first = (reader.text().ok()?, reader.bytes().ok()?);
        self.0 = reader.rest();
        Some(first)
    }

    fn check(&self) -> Result<(), DecodeError> {
        let mut reader = Reader::new(RECORD, self.0);
        while reader.remaining() > 0 {
            reader.text()?;
            reader.bytes()?;
        }
        Ok(())
    }
}

impl<'a> Event<'a> {
    /// Appends the event's record to `bytes`.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) {
        // The length comes first and is known only afterwards: write after room for the length of
        // most records, and move the body in the rare case that it needs more or less.
        const ROOM: usize = 2;
        let start = bytes.len();
        bytes.extend_from_slice(&[0; ROOM]);
        self.encode_body(bytes);
        let length = (bytes.len() - start - ROOM) as u64;
        if (0x80..0x4000).contains(&length) {
            bytes[start..start + ROOM].copy_from_slice(&[length as u8 | 0x80, (length >> 7) as u8]);
        } else {
            let mut prefix = Vec::with_capacity(5);
            put_varint(&mut prefix, length);
            bytes.splice(start..start + ROOM, prefix);
        }
    }

    fn encode_body(&self, bytes: &mut Vec<u8>) {
        let id = match self.id {
            EventId::None => 0,
            EventId::Uuid(_) => ID_UUID,
            EventId::Text(_) => ID_TEXT,
        };
        let time = match self.time {
            EventTime::None => 0,
            EventTime::At(_) => TIME_AT,
            EventTime::Text(_) => TIME_TEXT,
        };
        let has = |condition, flag| if condition { flag } else { 0 };
        bytes.push(
            id | time
                | has(self.metadata.is_some(), HAS_METADATA)
                | has(!self.members.is_empty(), HAS_MEMBERS)
                | has(matches!(self.payload, Payload::Chunked(_)), IS_CHUNKED),
        );
        // What most repeats the record before comes first, and what is random last but for the
        // JSON: measured to compress best (docs/decisions/0002-event-chunks.md).
        put_bytes(bytes, self.event_type.as_bytes());
        put_bytes(bytes, self.stream.as_bytes());
        put_varint(bytes, self.version);
        match self.time {
            EventTime::None => {}
            EventTime::At(time) => bytes.extend_from_slice(&time.0.to_le_bytes()),
            EventTime::Text(text) => put_bytes(bytes, text.as_bytes()),
        }
        match self.id {
            EventId::None => {}
            EventId::Uuid(uuid) => bytes.extend_from_slice(&uuid),
            EventId::Text(text) => put_bytes(bytes, text.as_bytes()),
        }
        match self.payload {
            Payload::Inline(payload) => put_bytes(bytes, payload),
            Payload::Chunked(payload) => {
                put_varint(bytes, payload.bytes);
                put_bytes(bytes, payload.ids);
            }
        }
        if !self.members.is_empty() {
            put_bytes(bytes, self.members.0);
        }
        if let Some(metadata) = self.metadata {
            bytes.extend_from_slice(metadata);
        }
    }

    /// Decodes exactly `body`, a record without its length.
    pub fn decode_body(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, body);
        let flags = reader.byte()?;
        if flags & 0x80 != 0 {
            return Err(reader.malformed("an unknown flag"));
        }
        let event_type = name(&mut reader)?;
        let stream = name(&mut reader)?;
        if stream.is_empty() {
            return Err(reader.malformed("an empty stream id"));
        }
        let version = reader.varint()?;
        let time = match flags & TIME_MASK {
            0 => EventTime::None,
            TIME_AT => EventTime::At(Timestamp(reader.array().map(i64::from_le_bytes)?)),
            TIME_TEXT => EventTime::Text(reader.text()?),
            _ => return Err(reader.malformed("an unknown kind of time")),
        };
        let id = match flags & ID_MASK {
            0 => EventId::None,
            ID_UUID => EventId::Uuid(reader.array()?),
            ID_TEXT => EventId::Text(reader.text()?),
            _ => return Err(reader.malformed("an unknown kind of id")),
        };
        let payload = if flags & IS_CHUNKED == 0 {
            Payload::Inline(reader.bytes()?)
        } else {
            let bytes = reader.length("a payload's length", EVENT_BYTES_MAX)? as u64;
            let ids = reader.bytes()?;
            if ids.is_empty() || !ids.len().is_multiple_of(32) {
                return Err(reader.malformed("a list of chunks that is none"));
            }
            Payload::Chunked(ChunkedPayload { bytes, ids })
        };
        let members =
            if flags & HAS_MEMBERS == 0 { Members::default() } else { Members(reader.bytes()?) };
        members.check()?;
        if flags & HAS_MEMBERS != 0 && members.is_empty() {
            return Err(reader.malformed("a list of members without any"));
        }
        let metadata = if flags & HAS_METADATA == 0 {
            reader.finish()?;
            None
        } else {
            Some(reader.rest())
        };
        Ok(Self { stream, version, event_type, id, time, metadata, members, payload })
    }
}

fn name<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let length = reader.length("a name's length", NAME_BYTES_MAX)?;
    let bytes = reader.take(length)?;
    std::str::from_utf8(bytes).map_err(|_| reader.malformed("a name that is not UTF-8"))
}

/// The bodies of the records in a chunk of kind `Events`, in order.
pub fn records(chunk: &[u8]) -> Result<RecordBodies<'_>, DecodeError> {
    let mut reader = Reader::new("the chunk of events", chunk);
    match reader.byte()? {
        VERSION => Ok(RecordBodies(reader)),
        version => Err(DecodeError::Version { record: "the chunk of events", version }),
    }
}

/// An iterator over the bodies of records; see [`records`] and [`RecordBodies::unversioned`].
#[derive(Clone, Debug)]
pub struct RecordBodies<'a>(Reader<'a>);

impl<'a> RecordBodies<'a> {
    /// The bodies of records that stand one after the other without a version before them.
    pub fn unversioned(records: &'a [u8]) -> Self {
        Self(Reader::new("the event records", records))
    }

    /// What follows the records that were given so far, in bytes.
    pub fn remaining(&self) -> usize {
        self.0.remaining()
    }
}

impl<'a> Iterator for RecordBodies<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.remaining() == 0 {
            return None;
        }
        let body = self.0.bytes();
        if body.is_err() {
            // What follows a length that is wrong cannot be told apart.
            self.0 = Reader::new(RECORD, &[]);
        }
        Some(body)
    }
}
