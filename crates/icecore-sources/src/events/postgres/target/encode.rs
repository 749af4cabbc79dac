//! Makes rows of events, as `COPY ... FROM STDIN (FORMAT binary)` takes them.

use super::columns::{Columns, PayloadPlace, TargetColumn};
use super::failure::unsuitable;
use super::frame::Frame;
use super::value::Value;
use crate::events::postgres::layout::Part;
use crate::events::postgres::rows::{NULL_PAYLOAD, NULL_TYPE};
use icecore::target::{Encoded, EventChunk, EventEncoder, RestoredEvent, TargetError};
use icecore_format::event::{EventId, EventTime};
use std::collections::BTreeSet;

/// The length of a field that is null.
const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// What EventCore itself writes as metadata where there are none.
const NO_METADATA: &[u8] = b"{}";

/// Encodes chunks of events as [`Frame`]s.
pub(super) struct RowEncoder {
    pub(super) columns: Columns,
    /// Which columns are compared when events went beside others; if they do not, all are, and
    /// positions are written.
    pub(super) compared: Option<Vec<bool>>,
    /// The types of the columns that are compared, and of those of positions.
    pub(super) types: Vec<u32>,
    pub(super) position_types: Vec<u32>,
    /// Streams that stay as they are in the store.
    pub(super) skipped: BTreeSet<String>,
    /// The parts of a new id, for the columns that it is divided over.
    pub(super) new_parts: Vec<String>,
    /// Whether the snapshot says of types whether they are null.
    pub(super) tells_nulls: bool,
}

impl EventEncoder for RowEncoder {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut frame = Frame::default();
        chunk.visit(|restored| {
            if self.skipped.contains(restored.event.stream) {
                return Ok(());
            }
            frame.has_renamed |= restored.renamed;
            self.row(&restored, &mut frame)
        })?;
        let events = frame.events.count;
        Ok(Encoded { bytes: frame.encode(), events })
    }
}

impl RowEncoder {
    fn row(&self, restored: &RestoredEvent<'_>, frame: &mut Frame) -> Result<(), TargetError> {
        let event = &restored.event;
        let defect = |part: &Part, what: &str| {
            let (version, stream) = (event.version, event.stream);
            unsuitable(format!("event {version} of stream '{stream}': {part} {what}"))
        };
        let has_place =
            |name: &str| [NULL_PAYLOAD, NULL_TYPE].contains(&name) || self.columns.has_place(name);
        if let Some((name, _)) = event.members.iter().find(|(name, _)| !has_place(name)) {
            let part = Part::Member(name.to_owned());
            return Err(defect(&part, "has no place in the table of events"));
        }
        let start = frame.events.begin(self.columns.all.len());
        let shared = self.columns.positions.as_ref().map(|positions| positions.index);
        let mut shared_field = 0..0;
        let mut compared = self.compared.as_ref().map(|compared| {
            let count = compared.iter().filter(|is_compared| **is_compared).count();
            // A table has no more than 1600 columns.
            (count as u16).to_be_bytes().to_vec()
        });
        for (index, column) in self.columns.all.iter().enumerate() {
            let field_start = frame.events.bytes.len();
            match self.value(restored, column) {
                Some(value) => value
                    .put(column.encoding, column.is_canonical, &mut frame.events.bytes)
                    .map_err(|what| defect(&column.part, what))?,
                None if column.is_nullable => frame.events.bytes.extend_from_slice(&NULL),
                None => return Err(defect(&column.part, "is missing, and its column requires it")),
            }
            let field = field_start..frame.events.bytes.len();
            let is_compared = self.compared.as_ref().is_some_and(|it| it.get(index) == Some(&true));
            if let Some(row) = compared.as_mut().filter(|_| is_compared) {
                row.extend_from_slice(frame.events.bytes.get(field.clone()).unwrap_or_default());
            }
            if shared == Some(index) {
                shared_field = field;
            }
        }
        let Some(compared) = compared else {
            frame.events.end(start, &self.types);
            return self.position(restored, frame, shared_field);
        };
        frame.events.end_as(&compared, &self.types);
        Ok(())
    }

    /// The row of an event's position, if these have a table of their own.
    fn position(
        &self,
        restored: &RestoredEvent<'_>,
        frame: &mut Frame,
        shared_field: std::ops::Range<usize>,
    ) -> Result<(), TargetError> {
        let (Some(positions), Some(position)) = (&self.columns.positions, restored.position) else {
            return Ok(());
        };
        let shared = frame.events.bytes.get(shared_field).unwrap_or_default().to_vec();
        let start = frame.positions.begin(2);
        Value::Number(position)
            .put(positions.encoding, true, &mut frame.positions.bytes)
            .map_err(|what| unsuitable(format!("position {position}: it {what}")))?;
        frame.positions.bytes.extend_from_slice(&shared);
        frame.positions.end(start, &self.position_types);
        Ok(())
    }

    /// What goes into a column; `None` is null.
    fn value<'a>(
        &'a self,
        restored: &'a RestoredEvent<'_>,
        column: &TargetColumn,
    ) -> Option<Value<'a>> {
        let event = &restored.event;
        let member = |name: &str| {
            let found = event.members.iter().find(|(member, _)| *member == name);
            found.map(|(_, value)| value)
        };
        match &column.part {
            Part::Stream => Some(Value::Text(event.stream)),
            Part::Version => Some(Value::Number(event.version)),
            Part::Type if self.tells_nulls && member(NULL_TYPE).is_some() => None,
            Part::Type
                if !self.tells_nulls && event.event_type.is_empty() && column.is_nullable =>
            {
                None
            }
            Part::Type => Some(Value::Text(event.event_type)),
            Part::Id => match event.id {
                EventId::None => None,
                EventId::Uuid(uuid) => Some(Value::Uuid(uuid)),
                EventId::Text(text) => Some(Value::Text(text)),
            },
            Part::Time => match event.time {
                EventTime::None => None,
                EventTime::At(time) => Some(Value::Moment(time)),
                EventTime::Text(text) => Some(Value::Text(text)),
            },
            Part::Payload => {
                let payload = || match member(NULL_PAYLOAD) {
                    Some(_) if self.tells_nulls => None,
                    _ => Some(Value::Content(restored.payload)),
                };
                match &column.payload {
                    PayloadPlace::Always => payload(),
                    PayloadPlace::Unless(name) => member(name).map(Value::Json).or_else(payload),
                    PayloadPlace::If(name) => member(name).and_then(|_| payload()),
                }
            }
            Part::Metadata => match event.metadata {
                Some(metadata) => Some(Value::Content(metadata)),
                None if column.is_nullable => None,
                None => Some(Value::Content(NO_METADATA)),
            },
            Part::Position => restored.position.map(Value::Number),
            Part::Member(name) => {
                let parts = self.columns.stream_parts.iter().zip(&self.new_parts);
                if let Some((_, part)) = parts.into_iter().find(|(part, _)| *part == name) {
                    return Some(Value::Text(part));
                }
                member(name)
                    .filter(|value| *value != b"null" || (self.tells_nulls && column.is_json()))
                    .map(Value::Json)
            }
        }
    }
}
