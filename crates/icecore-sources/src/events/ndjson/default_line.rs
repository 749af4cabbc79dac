//! The line that we write for an event whose source's own line is not known or no longer true.
//!
//! It has our own member names, in one order, and nothing that the event does not have. In a dump, whose
//! lines are to be exact whatever the values are, those that a line cannot hold as they are stand in
//! base64.

use super::is_space;
use super::member_map::Field;
use super::skim::Skimmer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// The member that lists the members of a dumped line that stand in base64.
pub(super) const BASE64_MEMBER: &str = "icecore_base64";

/// Appends the event's line and its end.
pub(super) fn put(
    bytes: &mut Vec<u8>,
    restored: &RestoredEvent<'_>,
    changes: &mut Changes,
) -> Result<(), TargetError> {
    put_line(bytes, restored, Unfit::Changed(changes))
}

/// Appends the event's line of a dump and its end: every value in it is exactly what the event has.
pub(super) fn put_exact(
    bytes: &mut Vec<u8>,
    restored: &RestoredEvent<'_>,
) -> Result<(), TargetError> {
    put_line(bytes, restored, Unfit::Base64(Vec::new()))
}

/// What becomes of values that a line cannot hold as they are.
enum Unfit<'a> {
    /// They become such as it can.
    Changed(&'a mut Changes),
    /// They stand in base64: those of these members.
    Base64(Vec<String>),
}

fn put_line(
    bytes: &mut Vec<u8>,
    restored: &RestoredEvent<'_>,
    unfit: Unfit<'_>,
) -> Result<(), TargetError> {
    let event = &restored.event;
    let is_exact = matches!(unfit, Unfit::Base64(_));
    let mut line = Line { bytes, separator: b'{', event: restored, unfit };
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
            let of_source = source_style(restored).filter(|_| !is_exact);
            let style = of_source.unwrap_or_else(|| shortest_style(time));
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
    line.end();
    Ok(())
}

struct Line<'a> {
    bytes: &'a mut Vec<u8>,
    /// What stands before the next member.
    separator: u8,
    event: &'a RestoredEvent<'a>,
    unfit: Unfit<'a>,
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

    /// Appends a member whose value is JSON, or becomes such.
    fn put_value(&mut self, name: &str, value: &[u8]) -> Result<(), TargetError> {
        if matches!(self.unfit, Unfit::Base64(_)) {
            self.put_exact_value(name, value);
            return Ok(());
        }
        let text = std::str::from_utf8(value).map_err(|error| {
            let event = &self.event.event;
            let message = format!(
                "NDJSON cannot hold \"{name}\" of version {} of the stream '{}': it is not text",
                event.version, event.stream
            );
            TargetError::new(TargetErrorKind::Unsuitable, message).because(error)
        })?;
        if !is_json(text) {
            self.count(|changes| changes.quoted += 1);
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
            self.count(|changes| changes.joined += 1);
        }
        Ok(())
    }

    /// Appends a member whose value comes back as it is, byte for byte.
    fn put_exact_value(&mut self, name: &str, value: &[u8]) {
        if is_exact_in_line(name, value) {
            self.member(name).extend_from_slice(value);
            return;
        }
        let encoded = STANDARD.encode(value);
        json::put_string(self.member(name), &encoded);
        if let Unfit::Base64(names) = &mut self.unfit {
            names.push(name.to_owned());
        }
    }

    fn count(&mut self, count: impl FnOnce(&mut Changes)) {
        if let Unfit::Changed(changes) = &mut self.unfit {
            count(changes);
        }
    }

    /// Ends the line, with the list of what stands in base64. An event may have a member of that name:
    /// then the list is there in any case, since of two members with one name the last counts.
    fn end(mut self) {
        let names = match &mut self.unfit {
            Unfit::Changed(_) => Vec::new(),
            Unfit::Base64(names) => std::mem::take(names),
        };
        let is_exact = matches!(self.unfit, Unfit::Base64(_));
        let has_own = self.event.event.members.iter().any(|(name, _)| name == BASE64_MEMBER);
        if !names.is_empty() || (is_exact && has_own) {
            let bytes = self.member(BASE64_MEMBER);
            for (number, name) in names.iter().enumerate() {
                bytes.push(if number == 0 { b'[' } else { b',' });
                json::put_string(bytes, name);
            }
            bytes.extend_from_slice(if names.is_empty() { b"[]" } else { b"]" });
        }
        self.bytes.extend_from_slice(b"}\n");
    }
}

fn is_json(text: &str) -> bool {
    Skimmer::default().skim(text, drop).is_ok()
}

/// Whether a reader of the line finds this value as it is: it is JSON without white space around it
/// and without line breaks, and not `null` where that says that there is none.
fn is_exact_in_line(name: &str, value: &[u8]) -> bool {
    let is_bare = |end: Option<&u8>| end.is_some_and(|byte| !is_space(*byte));
    is_bare(value.first())
        && is_bare(value.last())
        && memchr::memchr2(b'\n', b'\r', value).is_none()
        && !(name == Field::Metadata.name() && value == b"null")
        && std::str::from_utf8(value).is_ok_and(is_json)
}

/// How the source spelled the time.
fn source_style(restored: &RestoredEvent<'_>) -> Option<TimeStyle> {
    restored.template?.parts().find_map(|part| match part {
        Ok(Part::Hole(_, Style::Time(style))) => Some(style),
        _ => None,
    })
}

/// The time as a dump has it.
pub(super) fn exact_time(time: Timestamp) -> Vec<u8> {
    let mut text = Vec::new();
    time_text::put(&mut text, time, shortest_style(time));
    text
}

/// Microseconds, as our own event stores have them, unless that would cut something off.
fn shortest_style(time: Timestamp) -> TimeStyle {
    if time.subsecond_nanoseconds().is_multiple_of(1000) {
        TimeStyle::MICROSECONDS
    } else {
        TimeStyle::NANOSECONDS
    }
}
