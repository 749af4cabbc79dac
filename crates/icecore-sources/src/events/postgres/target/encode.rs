//! Makes rows of events, as `COPY ... FROM STDIN (FORMAT binary)` takes them.

use super::columns::{Columns, TargetColumn};
use super::failure::unsuitable;
use super::frame::Frame;
use super::value::Value;
use crate::events::postgres::layout::Part;
use icecore::target::{Encoded, EventChunk, EventEncoder, RestoredEvent, TargetError};
use icecore_format::event::{EventId, EventTime};

/// The length of a field that is null.
const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// What EventCore itself writes as metadata where there are none.
const NO_METADATA: &[u8] = b"{}";

/// Encodes chunks of events as [`Frame`]s.
pub(super) struct RowEncoder {
    pub(super) columns: Columns,
    /// Whether positions are written.
    pub(super) with_positions: bool,
}

impl EventEncoder for RowEncoder {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut frame = Frame::default();
        chunk.visit(|restored| {
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
        let has_place = |name: &str| {
            let parts = self.columns.columns.iter().map(|column| &column.part);
            parts.into_iter().any(|part| matches!(part, Part::Member(member) if member == name))
        };
        if let Some((name, _)) = event.members.iter().find(|(name, _)| !has_place(name)) {
            let part = Part::Member(name.to_owned());
            return Err(defect(&part, "has no place in the table of events"));
        }
        let start = frame.events.begin(self.columns.columns.len());
        let shared = self.columns.positions.as_ref().map(|positions| positions.index);
        let mut shared_field = 0..0;
        for (index, column) in self.columns.columns.iter().enumerate() {
            let field_start = frame.events.bytes.len();
            match value(restored, column) {
                Some(value) => value
                    .put(column.encoding, column.is_canonical, &mut frame.events.bytes)
                    .map_err(|what| defect(&column.part, what))?,
                None if column.is_nullable => frame.events.bytes.extend_from_slice(&NULL),
                None => return Err(defect(&column.part, "is missing, and its column requires it")),
            }
            if shared == Some(index) {
                shared_field = field_start..frame.events.bytes.len();
            }
        }
        frame.events.end(start);
        match (&self.columns.positions, restored.position) {
            (Some(positions), Some(position)) if self.with_positions => {
                let shared = frame.events.bytes.get(shared_field).unwrap_or_default().to_vec();
                let start = frame.positions.begin(2);
                Value::Number(position)
                    .put(positions.encoding, true, &mut frame.positions.bytes)
                    .map_err(|what| defect(&Part::Position, what))?;
                frame.positions.bytes.extend_from_slice(&shared);
                frame.positions.end(start);
            }
            _ => {}
        }
        Ok(())
    }
}

/// What goes into a column; `None` is null.
fn value<'a>(restored: &'a RestoredEvent<'_>, column: &TargetColumn) -> Option<Value<'a>> {
    let event = &restored.event;
    match &column.part {
        Part::Stream => Some(Value::Text(event.stream)),
        Part::Version => Some(Value::Number(event.version)),
        Part::Type if event.event_type.is_empty() && column.is_nullable => None,
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
        Part::Payload => Some(Value::Content(restored.payload)),
        Part::Metadata => match event.metadata {
            Some(metadata) => Some(Value::Content(metadata)),
            None if column.is_nullable => None,
            None => Some(Value::Content(NO_METADATA)),
        },
        Part::Position => restored.position.map(Value::Number),
        Part::Member(name) => {
            let found = event.members.iter().find(|(member, _)| member == name);
            found.map(|(_, value)| value).filter(|value| *value != b"null").map(Value::Json)
        }
    }
}
