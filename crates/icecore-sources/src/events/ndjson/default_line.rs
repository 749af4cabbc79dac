//! The line that we write for an event whose source's own line is not known or no longer true.
//!
//! It has our own member names, in one order, and nothing that the event does not have.

use super::member_map::Field;
use super::skim::Skimmer;
use icecore::target::{RestoredEvent, TargetError, TargetErrorKind};
use icecore_format::event::template::Part;
use icecore_format::event::time_text::{self, TimeStyle};
use icecore_format::event::{EventId, EventTime, Style, json};
use icecore_format::time::Timestamp;

/// How many values could not be written as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// Values that are no JSON, written as strings.
    pub(super) quoted: u64,
    /// Values with line breaks, written as spaces.
    pub(super) joined: u64,
}

/// Appends the event's line and its end.
pub(super) fn put(
    bytes: &mut Vec<u8>,
    restored: &RestoredEvent<'_>,
    changes: &mut Changes,
) -> Result<(), TargetError> {
    let event = &restored.event;
    let mut line = Line { bytes, separator: b'{', event: restored, changes };
    // A further member with the name of a field comes before it: of two members with one name,
    // readers take the last.
    let is_shadowed = |name: &str| Field::ALL.iter().any(|field| field.name() == name);
    for (name, value) in event.members.iter().filter(|(name, _)| is_shadowed(name)) {
        line.put_value(name, value)?;
    }
    json::put_string(line.field(Field::Stream), event.stream);
    json::put_number(line.field(Field::Version), event.version);
    json::put_string(line.field(Field::Type), event.event_type);
    if let Some(position) = restored.position {
        json::put_number(line.field(Field::Position), position);
    }
    match event.id {
        EventId::None => {}
        EventId::Text(text) => json::put_string(line.field(Field::Id), text),
        EventId::Uuid(uuid) => {
            let bytes = line.field(Field::Id);
            bytes.push(b'"');
            json::put_uuid(bytes, &uuid);
            bytes.push(b'"');
        }
    }
    match event.time {
        EventTime::None => {}
        EventTime::Text(text) => json::put_string(line.field(Field::Time), text),
        EventTime::At(time) => {
            let style = source_style(restored).unwrap_or_else(|| shortest_style(time));
            let bytes = line.field(Field::Time);
            bytes.push(b'"');
            time_text::put(bytes, time, style);
            bytes.push(b'"');
        }
    }
    line.put_value(Field::Data.name(), restored.payload)?;
    if let Some(metadata) = event.metadata {
        line.put_value(Field::Metadata.name(), metadata)?;
    }
    for (name, value) in event.members.iter().filter(|(name, _)| !is_shadowed(name)) {
        line.put_value(name, value)?;
    }
    bytes.extend_from_slice(b"}\n");
    Ok(())
}

struct Line<'a> {
    bytes: &'a mut Vec<u8>,
    /// What stands before the next member.
    separator: u8,
    event: &'a RestoredEvent<'a>,
    changes: &'a mut Changes,
}

impl Line<'_> {
    /// Begins a field; its value is to be appended.
    fn field(&mut self, field: Field) -> &mut Vec<u8> {
        self.member(field.name())
    }

    fn member(&mut self, name: &str) -> &mut Vec<u8> {
        self.bytes.push(self.separator);
        self.separator = b',';
        json::put_string(self.bytes, name);
        self.bytes.push(b':');
        self.bytes
    }

    /// Appends a member whose value is JSON, or becomes a string.
    fn put_value(&mut self, name: &str, value: &[u8]) -> Result<(), TargetError> {
        let text = std::str::from_utf8(value).map_err(|error| {
            let event = &self.event.event;
            let message = format!(
                "NDJSON cannot hold \"{name}\" of version {} of the stream '{}': it is not text",
                event.version, event.stream
            );
            TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
        })?;
        if Skimmer::default().skim(text, drop).is_err() {
            self.changes.quoted += 1;
            json::put_string(self.member(name), text);
            return Ok(());
        }
        let bytes = self.member(name);
        let start = bytes.len();
        bytes.extend_from_slice(value);
        // In JSON, line breaks are white space between tokens and nothing else.
        if memchr::memchr2(b'\n', b'\r', value).is_some() {
            let written = bytes.get_mut(start..).unwrap_or_default();
            written
                .iter_mut()
                .filter(|byte| matches!(byte, b'\n' | b'\r'))
                .for_each(|byte| *byte = b' ');
            self.changes.joined += 1;
        }
        Ok(())
    }
}

/// How the source spelled the time.
fn source_style(restored: &RestoredEvent<'_>) -> Option<TimeStyle> {
    restored.template?.parts().find_map(|part| match part {
        Ok(Part::Hole(_, Style::Time(style))) => Some(style),
        _ => None,
    })
}

/// Microseconds, as our own event stores have them, unless that would cut something off.
fn shortest_style(time: Timestamp) -> TimeStyle {
    if time.subsecond_nanoseconds().is_multiple_of(1000) {
        TimeStyle::MICROSECONDS
    } else {
        TimeStyle::NANOSECONDS
    }
}
