//! From a block's plaintext to lanes.

use super::fit::Document;
use super::kind::Kind;
use super::lanes::Lanes;
use super::steps::{StepId, Steps};
use super::store::{Columns, NO_CODE};
use super::stream_table::StreamTable;
use super::{Fields, item, root};
use crate::event::record::VERSION;
use crate::record::{Reader, put_varint};
use std::ops::Range;

/// Takes blocks apart; kept from block to block for the memory that it has.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    columns: Columns,
    steps: Steps,
    streams: StreamTable,
    /// Where documents of a type's payload start, by the type's code.
    payload_roots: Vec<StepId>,
    /// Of records and what is none, in bytes.
    kept_bytes: usize,
}

/// A record's parts, as places in the block.
#[derive(Debug, Default)]
struct Parts {
    flags: u8,
    event_type: Range<usize>,
    stream: Range<usize>,
    version: u64,
    time: Option<i64>,
    time_text: Range<usize>,
    id: Option<u128>,
    id_text: Range<usize>,
    payload: Range<usize>,
    members: Range<usize>,
    metadata: Range<usize>,
}

impl Splitter {
    /// Takes `raw` apart into `lanes`; how much of it stayed whole, in bytes.
    pub(super) fn split(&mut self, raw: &[u8], lanes: &mut Lanes) -> usize {
        self.columns.clear(raw.len());
        self.steps.clear(root::COUNT);
        self.streams.clear(raw.len());
        self.payload_roots.clear();
        self.kept_bytes = 0;
        let mut at = 0;
        while at < raw.len() {
            at = self.item(raw, at);
        }
        lanes.clear();
        self.columns.put(lanes);
        self.steps.put(lanes);
        put_varint(&mut lanes.plan, self.payload_roots.len() as u64);
        for root in &self.payload_roots {
            put_varint(&mut lanes.plan, (*root).into());
        }
        self.kept_bytes + self.steps.kept_bytes()
    }

    /// Takes the item at `at`; where the next one is.
    fn item(&mut self, raw: &[u8], at: usize) -> usize {
        let mut reader = Reader::new(super::RECORD, &raw[at..]);
        if raw[at] == VERSION {
            self.columns.number(Fields::FLAGS, item::VERSION.into());
            return at + 1;
        }
        let Some(body) = reader.varint().ok().map(|length| length as usize) else {
            return self.tail(raw, at);
        };
        let start = raw.len() - reader.remaining();
        if body > reader.remaining() {
            return self.tail(raw, at);
        }
        let mut parts = Parts::default();
        if parts.find(raw, start, start + body).is_some() {
            self.record(raw, &parts);
        } else {
            self.columns.number(Fields::FLAGS, item::VERBATIM.into());
            self.columns.text(Fields::VERBATIM, raw, start, body);
            self.kept_bytes += body;
        }
        start + body
    }

    fn tail(&mut self, raw: &[u8], at: usize) -> usize {
        self.columns.number(Fields::FLAGS, item::TAIL.into());
        self.columns.text(Fields::VERBATIM, raw, at, raw.len() - at);
        self.kept_bytes += raw.len() - at;
        raw.len()
    }

    fn record(&mut self, raw: &[u8], parts: &Parts) {
        let columns = &mut self.columns;
        columns.number(Fields::FLAGS, parts.flags.into());
        let event_type = &parts.event_type;
        let code = columns.text(Fields::TYPE, raw, event_type.start, event_type.len());
        let event_time = parts.time.unwrap_or(0);
        let event_millis = event_time.div_euclid(1_000_000);
        let document = |range: &Range<usize>| Document {
            at: range.start,
            end: range.end,
            event_time,
            event_millis,
        };

        let stream = &parts.stream;
        let (back, expected) = self.streams.find(raw, stream, parts.version);
        columns.number(Fields::STREAM, back);
        columns.number(Fields::VERSION, parts.version.wrapping_sub(expected) as i64);
        if back == 0 {
            self.steps.walk(root::STREAM, raw, &document(stream), columns);
        }
        if let Some(time) = parts.time {
            columns.number(Fields::TIME, time);
        } else if parts.flags & item::TIME_TEXT != 0 {
            self.steps.walk(root::TIME, raw, &document(&parts.time_text), columns);
        }
        if let Some(id) = parts.id {
            let (number, column) = match Kind::of_uuid(id) {
                Kind::UuidTimed => (0, Fields::ID_TIMED),
                Kind::Uuid(4) => (1, Fields::ID_RANDOM),
                _ => (2, Fields::ID_OTHER),
            };
            columns.number(Fields::ID_KIND, number);
            columns.id(column, id, event_millis);
        } else if parts.flags & item::ID_TEXT != 0 {
            self.steps.walk(root::ID, raw, &document(&parts.id_text), columns);
        }
        let payload_root = if code == NO_CODE {
            root::PAYLOAD
        } else {
            while self.payload_roots.len() <= usize::from(code) {
                self.payload_roots.push(self.steps.add_root(false, root::PAYLOAD.into()));
            }
            self.payload_roots[usize::from(code)]
        };
        self.steps.walk(payload_root, raw, &document(&parts.payload), columns);
        if parts.flags & item::MEMBERS != 0 {
            self.steps.walk(root::MEMBERS, raw, &document(&parts.members), columns);
        }
        if parts.flags & item::METADATA != 0 {
            self.steps.walk(root::METADATA, raw, &document(&parts.metadata), columns);
        }
    }
}

impl Parts {
    /// Finds the parts of the record whose body is there; `None` if it must be kept as it is.
    #[inline(always)]
    fn find(&mut self, raw: &[u8], start: usize, end: usize) -> Option<()> {
        let parts = self;
        let mut reader = Reader::new(super::RECORD, &raw[start..end]);
        let flags = reader.byte().ok()?;
        parts.flags = flags;
        if flags & item::NOT_TAKEN_APART != 0 {
            return None;
        }
        let place = |reader: &Reader<'_>| end - reader.remaining();
        let bytes = |reader: &mut Reader<'_>| {
            let length = reader.bytes().ok()?.len();
            let end = place(reader);
            Some(end - length..end)
        };
        parts.event_type = bytes(&mut reader)?;
        parts.stream = bytes(&mut reader)?;
        parts.version = reader.varint().ok()?;
        match flags & item::TIME_MASK {
            0 => {}
            item::TIME_AT => parts.time = Some(i64::from_le_bytes(reader.array().ok()?)),
            item::TIME_TEXT => parts.time_text = bytes(&mut reader)?,
            _ => return None,
        }
        match flags & item::ID_MASK {
            0 => {}
            item::ID_UUID => parts.id = Some(u128::from_be_bytes(reader.array().ok()?)),
            item::ID_TEXT => parts.id_text = bytes(&mut reader)?,
            _ => return None,
        }
        parts.payload = bytes(&mut reader)?;
        if flags & item::MEMBERS != 0 {
            parts.members = bytes(&mut reader)?;
        }
        if flags & item::METADATA != 0 {
            parts.metadata = place(&reader)..end;
        } else if reader.remaining() > 0 {
            return None;
        }
        Some(())
    }
}
