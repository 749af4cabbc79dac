//! Columns: a block of events taken apart into what repeats and what does not.
//!
//! The records' fields and the values in their JSON are written side by side, by kind and place;
//! what stands between values is written once, as the steps of a walk through a document. Nothing
//! here parses: a step fits or does not, and what no step fits is kept as it is. Columns are read
//! again and compared before they are used, so an error costs bytes, and never an event.
//!
//! Format: docs/format.md, "Columns".

#![allow(clippy::inline_always, reason = "measured: these are the inner loop, and few calls long")]

mod columns_read;
mod decode;
mod dictionary;
mod encode;
mod fit;
pub(crate) mod hex;
mod kind;
mod known;
mod lanes;
mod numbers;
mod output;
mod scan;
mod slot;
mod spell;
mod steps;
mod steps_read;
mod store;
mod stream_table;
mod token;
mod uuids;

use crate::record::{DecodeError, Reader, put_varint};
use decode::Joiner;
use encode::Splitter;
use kind::Kind;
use lanes::{Lanes, LanesRead, SLACK_BYTES};
use output::Output;

use crate::limits::COLUMNS_BYTES_MAX;
use crate::zstandard::{Compressor, Decompressor};

const RECORD: &str = "the block of columns";

/// What stands in the column of flags: a record's flags, or one of these.
mod item {
    pub(super) const SPECIAL: u8 = 0x80;
    /// The version of a chunk.
    pub(super) const VERSION: u8 = 0x80;
    /// A record that is kept as it is.
    pub(super) const VERBATIM: u8 = 0x81;
    /// Bytes that are no record.
    pub(super) const TAIL: u8 = 0x82;

    pub(super) const ID_UUID: u8 = 1;
    pub(super) const ID_TEXT: u8 = 2;
    pub(super) const ID_MASK: u8 = 3;
    pub(super) const TIME_AT: u8 = 1 << 2;
    pub(super) const TIME_TEXT: u8 = 2 << 2;
    pub(super) const TIME_MASK: u8 = 3 << 2;
    pub(super) const METADATA: u8 = 1 << 4;
    pub(super) const MEMBERS: u8 = 1 << 5;
    /// An unknown flag, or a payload in chunks of its own.
    pub(super) const NOT_TAKEN_APART: u8 = 0x80 | 1 << 6;
}

/// The steps from which documents start.
mod root {
    pub(super) const STREAM: u32 = 0;
    pub(super) const ID: u32 = 1;
    pub(super) const TIME: u32 = 2;
    pub(super) const MEMBERS: u32 = 3;
    pub(super) const METADATA: u32 = 4;
    /// Payloads of types without a code.
    pub(super) const PAYLOAD: u32 = 5;
    pub(super) const COUNT: usize = 6;
}

/// The columns that every block has.
struct Fields;

impl Fields {
    const FLAGS: u16 = 0;
    const TYPE: u16 = 1;
    const STREAM: u16 = 2;
    const VERSION: u16 = 3;
    const TIME: u16 = 4;
    const ID_KIND: u16 = 5;
    const ID_TIMED: u16 = 6;
    const ID_RANDOM: u16 = 7;
    const ID_OTHER: u16 = 8;
    const VERBATIM: u16 = 9;

    const KINDS: [Kind; 10] = [
        Kind::Plain,
        Kind::Text,
        Kind::Plain,
        Kind::Plain,
        Kind::Plain,
        Kind::Plain,
        Kind::UuidTimed,
        Kind::Uuid(4),
        Kind::UuidOther,
        Kind::Text,
    ];
}

/// Encodes blocks; kept from block to block for the memory that it has.
#[derive(Debug, Default)]
pub struct Encoder {
    splitter: Splitter,
    lanes: Lanes,
    compressor: Compressor,
    joiner: Joiner,
    data: Vec<u8>,
    joined: Vec<u8>,
}

impl Encoder {
    /// Appends `raw` in columns to `bytes`; false, with nothing appended, if that is not shorter,
    /// does not come back, or is not worth it because most of `raw` is no event that can be taken
    /// apart.
    pub fn encode(&mut self, raw: &[u8], level: i32, bytes: &mut Vec<u8>) -> bool {
        if raw.len() > COLUMNS_BYTES_MAX {
            return false;
        }
        let kept_bytes = self.splitter.split(raw, &mut self.lanes);
        let is_worth_it = kept_bytes <= raw.len() / 2 && self.lanes.bytes() < raw.len();
        if !is_worth_it {
            return false;
        }
        if !self.comes_back(raw) {
            // Two hashes may be equal, but what tests see is an error of ours.
            debug_assert!(false, "columns did not come back");
            return false;
        }
        let start = bytes.len();
        let Self { lanes, data, compressor, .. } = self;
        data.clear();
        for lane in [&lanes.plan, &lanes.codes, &lanes.text] {
            let stored = data.len();
            if !compressor.append(level, lane, data) {
                data.extend_from_slice(lane);
            }
            put_varint(bytes, lane.len() as u64);
            put_varint(bytes, (data.len() - stored) as u64);
        }
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(&lanes.random);
        let is_shorter = bytes.len() - start < raw.len();
        if !is_shorter {
            bytes.truncate(start);
        }
        is_shorter
    }

    /// Whether the lanes make `raw` again.
    fn comes_back(&mut self, raw: &[u8]) -> bool {
        let Self { lanes, data, joiner, joined, .. } = self;
        data.clear();
        data.extend_from_slice(&lanes.codes);
        data.extend_from_slice(&lanes.random);
        for lane in [&mut lanes.plan, &mut lanes.text, data] {
            lane.resize(lane.len() + SLACK_BYTES, 0);
        }
        if joined.len() < raw.len() + SLACK_BYTES {
            joined.resize(raw.len() + SLACK_BYTES, 0);
        }
        let codes = lanes.codes.len();
        let read = LanesRead::new(&lanes.plan, data, codes, &lanes.text, raw.len());
        let comes_back = joiner.join(read, Output::comparing(joined, raw)).is_ok();
        for lane in [&mut lanes.plan, &mut lanes.text] {
            lane.truncate(lane.len() - SLACK_BYTES);
        }
        comes_back
    }
}

/// Decodes blocks; kept from block to block for the memory that it has.
#[derive(Debug, Default)]
pub struct Decoder {
    joiner: Joiner,
    decompressor: Decompressor,
}

impl Decoder {
    /// Decodes `body` to exactly `raw_bytes` bytes.
    pub fn decode(&mut self, body: &[u8], raw_bytes: usize) -> Result<Vec<u8>, DecodeError> {
        let mut reader = Reader::new(RECORD, body);
        if raw_bytes > COLUMNS_BYTES_MAX {
            return Err(reader.malformed("it is too long"));
        }
        let mut lengths = [(0, 0); 3];
        for (length, stored) in &mut lengths {
            *length = reader.length("the length of a lane", raw_bytes)?;
            *stored = reader.length("the stored length of a lane", *length)?;
        }
        let [plan, codes, text] = lengths;
        let plan = self.lane(&mut reader, plan)?;
        let mut data = self.lane(&mut reader, codes)?;
        let text = self.lane(&mut reader, text)?;
        let random = reader.rest();
        if random.len() > raw_bytes {
            return Err(reader.malformed("more bytes than it decodes to"));
        }
        data.truncate(codes.0);
        data.extend_from_slice(random);
        data.resize(data.len() + SLACK_BYTES, 0);
        let lanes = LanesRead::new(&plan, &data, codes.0, &text, raw_bytes);
        let mut output = vec![0; raw_bytes + SLACK_BYTES];
        self.joiner.join(lanes, Output::new(&mut output))?;
        output.truncate(raw_bytes);
        Ok(output)
    }

    /// A lane of this length, stored in so many bytes; slack behind it.
    fn lane(
        &mut self,
        reader: &mut Reader<'_>,
        (length, stored): (usize, usize),
    ) -> Result<Vec<u8>, DecodeError> {
        let stored = reader.take(stored)?;
        let mut bytes = if stored.len() == length {
            let mut bytes = Vec::with_capacity(length + SLACK_BYTES);
            bytes.extend_from_slice(stored);
            bytes
        } else {
            self.decompressor
                .decompress(stored, length, SLACK_BYTES)
                .ok_or_else(|| reader.malformed("a lane that does not decompress"))?
        };
        bytes.resize(length + SLACK_BYTES, 0);
        Ok(bytes)
    }
}
