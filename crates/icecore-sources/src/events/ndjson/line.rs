//! One line as an event: its fields, and where in the line they stand.
//!
//! An optional field whose value is of another kind than the field (a position that is a UUID, say)
//! is kept as a further member; one that is `null` is absent.

use super::fields::{Fields, LineId, LineTime};
use super::grammar::Flaw;
use super::member_map::{Field, MemberMap};
use super::names::Names;
use super::skim::Skimmer;
use icecore_format::event::{Event, EventId, EventTime, Member, Members, Payload, Style};
use icecore_format::limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX};
use std::borrow::Cow;
use std::ops::Range;

/// Why a line is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineFault {
    #[error("not JSON at byte {}: {}", .0.at + 1, .0.what)]
    NotJson(Flaw),
    #[error("not UTF-8 at byte {}", .at + 1)]
    NotUtf8 { at: usize },
    #[error("not an object")]
    NotObject,
    #[error("\"{member}\" is missing")]
    Missing { member: String },
    #[error("\"{member}\" {what}")]
    Unfit { member: String, what: &'static str },
    #[error("a member's name is longer than {NAME_BYTES_MAX} bytes")]
    LongName,
    #[error("longer than {EVENT_BYTES_MAX} bytes")]
    TooLong,
}

/// What a line says, but for its further members.
pub(super) struct EventLine<'a> {
    stream: Cow<'a, str>,
    version: u64,
    event_type: Cow<'a, str>,
    payload: &'a str,
    id: LineId<'a>,
    time: LineTime<'a>,
    metadata: Option<&'a str>,
    pub(super) position: Option<u64>,
    /// Whether a name stands there more than once: the last one counts.
    pub(super) has_duplicates: bool,
}

impl EventLine<'_> {
    /// The event, whose further members are `members`.
    pub(super) fn event<'b>(&'b self, members: &'b [u8]) -> Event<'b> {
        Event {
            stream: &self.stream,
            version: self.version,
            event_type: &self.event_type,
            id: match &self.id {
                LineId::None => EventId::None,
                LineId::Uuid(uuid) => EventId::Uuid(*uuid),
                LineId::Text(text) => EventId::Text(text),
            },
            time: match &self.time {
                LineTime::None => EventTime::None,
                LineTime::At(time) => EventTime::At(*time),
                LineTime::Text(text) => EventTime::Text(text),
            },
            metadata: self.metadata.map(str::as_bytes),
            members: Members::new(members),
            payload: Payload::Inline(self.payload.as_bytes()),
        }
    }
}

/// A value in a line that its template has a hole for.
#[derive(Clone, Debug)]
pub(super) struct Hole {
    pub(super) span: Range<usize>,
    pub(super) member: Member,
    pub(super) style: Style,
}

/// Reads lines one after the other, in memory that it keeps.
#[derive(Default)]
pub(super) struct LineReader<'a> {
    skimmer: Skimmer<'a>,
    /// The names of the last line: most lines have those of the line before.
    names: Names<'a>,
    /// The holes of the last line, from left to right.
    pub(super) holes: Vec<Hole>,
    /// The further members of the last line, for [`Members::new`].
    pub(super) further: Vec<u8>,
}

impl<'a> LineReader<'a> {
    /// Reads `line`.
    pub(super) fn read(
        &mut self,
        line: &'a str,
        map: &MemberMap,
    ) -> Result<EventLine<'a>, LineFault> {
        let Self { skimmer, names, holes, further } = self;
        holes.clear();
        further.clear();
        let is_object =
            skimmer.skim(line, |name| names.set(name.index, slice(line, &name.span), map));
        if !is_object.map_err(LineFault::NotJson)? {
            return Err(LineFault::NotObject);
        }
        names.finish(skimmer.values.len());
        let mut fields = Fields::default();
        for (name, span) in names.list.iter().zip(&skimmer.values) {
            let value = slice(line, span);
            let hole = match name.field {
                _ if name.is_repeated => continue,
                Some(field) if value == "null" && !field.is_required() => continue,
                Some(field) => fields.take(field, &name.text, value)?,
                None => None,
            };
            let (member, style) = match hole {
                Some(hole) => hole,
                None if name.text.len() > NAME_BYTES_MAX => return Err(LineFault::LongName),
                None => {
                    Members::put(further, &name.text, value.as_bytes());
                    (Member::Further, Style::Canonical)
                }
            };
            holes.push(Hole { span: span.clone(), member, style });
        }
        let missing = |field| LineFault::Missing { member: map.member(field).to_owned() };
        Ok(EventLine {
            stream: fields.stream.ok_or_else(|| missing(Field::Stream))?,
            version: fields.version.ok_or_else(|| missing(Field::Version))?,
            event_type: fields.event_type.ok_or_else(|| missing(Field::Type))?,
            payload: fields.payload.ok_or_else(|| missing(Field::Data))?,
            id: fields.id,
            time: fields.time,
            metadata: fields.metadata,
            position: fields.position,
            has_duplicates: names.has_duplicates,
        })
    }
}

/// A part of a line that begins and ends at structural characters.
fn slice<'a>(line: &'a str, span: &Range<usize>) -> &'a str {
    line.get(span.clone()).unwrap_or_default()
}
