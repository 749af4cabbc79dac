//! Pages of stream directories: what a segment has of each of its streams, sorted by id.
//!
//! A page is laid out in columns, its ids without what they share with the one before: directories
//! are most of what a log takes beside its events.
//!
//! Format: docs/format.md, "Event logs".

use crate::limits::{NAME_BYTES_MAX, STREAM_PAGE_IDS_BYTES_MAX};
use crate::record::{DecodeError, Reader, put_signed_varint, put_varint};

const VERSION: u8 = 1;
const RECORD: &str = "the stream directory's page";

/// A page of a stream directory: streams of one segment, sorted by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamPage {
    /// The streams.
    pub streams: Vec<StreamEntry>,
}

/// What a segment has of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEntry {
    /// The stream's id.
    pub stream: String,
    /// Its events in this segment.
    pub events: u64,
    /// The smallest version among them.
    pub first_version: u64,
    /// The largest version among them.
    pub last_version: u64,
    /// The chunks that hold them: the first's index in the segment, then differences.
    pub chunks: Vec<u32>,
}

impl StreamEntry {
    /// The chunks' indices in the segment, rising.
    pub fn chunk_indices(&self) -> impl Iterator<Item = u64> {
        self.chunks.iter().scan(0u64, |index, step| {
            *index += u64::from(*step);
            Some(*index)
        })
    }

    /// How far the largest version is beyond that of a stream without holes.
    fn last_beyond(&self) -> i64 {
        self.last_version.wrapping_sub(self.first_version).wrapping_sub(self.events) as i64
    }
}

impl StreamPage {
    /// The page's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let streams = &self.streams;
        put_varint(&mut bytes, streams.len() as u64);
        let shared: Vec<usize> = streams
            .iter()
            .scan("", |before, entry| {
                let length = shared_bytes(before, &entry.stream);
                *before = &entry.stream;
                Some(length)
            })
            .collect();
        put_column(&mut bytes, shared.iter().map(|shared| *shared as u64));
        let own = streams.iter().zip(&shared).map(|(entry, shared)| entry.stream.len() - shared);
        put_column(&mut bytes, own.map(|own| own as u64));
        for (entry, shared) in streams.iter().zip(&shared) {
            bytes.extend_from_slice(entry.stream.as_bytes().get(*shared..).unwrap_or_default());
        }
        put_column(&mut bytes, streams.iter().map(|entry| entry.events));
        put_column(&mut bytes, streams.iter().map(|entry| entry.first_version));
        for entry in streams {
            put_signed_varint(&mut bytes, entry.last_beyond());
        }
        put_column(&mut bytes, streams.iter().map(|entry| entry.chunks.len() as u64));
        let steps = streams.iter().flat_map(|entry| &entry.chunks);
        put_column(&mut bytes, steps.map(|step| u64::from(*step)));
        bytes
    }

    /// Decodes exactly `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(RECORD, bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version { record: RECORD, version });
        }
        // Each stream takes six bytes at least.
        let count = reader.length("the number of streams", bytes.len() / 6)?;
        let ids = read_ids(&mut reader, count)?;
        let events = read_column(&mut reader, count, Reader::varint)?;
        let first_versions = read_column(&mut reader, count, Reader::varint)?;
        let last_beyond = read_column(&mut reader, count, Reader::signed_varint)?;
        let chunk_counts = read_column(&mut reader, count, |reader| {
            reader.length("the number of chunks", reader.remaining())
        })?;
        let mut streams = Vec::with_capacity(count);
        for (index, stream) in ids.into_iter().enumerate() {
            let (events, first_version) = (events[index], first_versions[index]);
            let beyond = last_beyond[index] as u64;
            let chunks = read_column(&mut reader, chunk_counts[index], |reader| {
                u32::try_from(reader.varint()?)
                    .map_err(|_| reader.malformed("a chunk that no segment can have"))
            })?;
            streams.push(StreamEntry {
                stream,
                events,
                first_version,
                last_version: first_version.wrapping_add(events).wrapping_add(beyond),
                chunks,
            });
        }
        reader.finish()?;
        Ok(Self { streams })
    }
}

fn put_column(bytes: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    for value in values {
        put_varint(bytes, value);
    }
}

fn shared_bytes(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

fn read_column<'a, T>(
    reader: &mut Reader<'a>,
    count: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    // A value takes a byte at least.
    if count > reader.remaining() {
        return Err(DecodeError::Short { record: RECORD });
    }
    (0..count).map(|_| read(reader)).collect()
}

/// The streams' ids, which rise.
fn read_ids(reader: &mut Reader<'_>, count: usize) -> Result<Vec<String>, DecodeError> {
    let length = |reader: &mut Reader<'_>| reader.length("a stream's id", NAME_BYTES_MAX);
    let shared = read_column(reader, count, length)?;
    let own = read_column(reader, count, length)?;
    let total: u64 = shared.iter().chain(&own).map(|length| *length as u64).sum();
    if total > STREAM_PAGE_IDS_BYTES_MAX as u64 {
        let (found, limit) = (total, STREAM_PAGE_IDS_BYTES_MAX as u64);
        return Err(DecodeError::Limit { record: RECORD, what: "the streams' ids", found, limit });
    }
    let mut ids: Vec<String> = Vec::with_capacity(count);
    for (shared, own) in shared.into_iter().zip(own) {
        let before = ids.last().map_or("", String::as_str).as_bytes();
        let own = reader.take(own)?;
        let is_all_shared = own.first().is_none_or(|first| before.get(shared) != Some(first));
        let shared = before
            .get(..shared)
            .filter(|_| is_all_shared)
            .ok_or_else(|| reader.malformed("an id that shares more or less than it says"))?;
        let id = String::from_utf8([shared, own].concat())
            .map_err(|_| reader.malformed("a stream's id is not UTF-8"))?;
        if id.as_bytes() <= before && !ids.is_empty() {
            return Err(reader.malformed("its streams are not sorted"));
        }
        ids.push(id);
    }
    Ok(ids)
}
