//! Templates: how a source wrote an event, with holes where the record's values go.
//!
//! Most lines of an export share one template. What a hole cannot render exactly is kept beside,
//! verbatim, so a line always comes back byte for byte.
//!
//! Format: docs/format.md, "Templates".

mod sink;

use self::sink::{Comparison, Sink};
use super::json;
use super::record::{Event, EventId, EventTime, Members};
use super::time_text::{self, TimeStyle};
use crate::limits::FORM_BYTES_MAX;
use crate::record::{DecodeError, Reader, put_bytes};

const RECORD: &str = "the template";
const LITERAL: u8 = 0;
const VERBATIM: u8 = 0xff;

/// What a form of events is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum FormKind {
    /// Nothing is known beyond the records.
    #[default]
    None = 0,
    /// Each template renders the bytes of one event in a file, line ends included.
    Lines = 1,
    /// Each template has only holes: how the values of a row are spelled.
    Rows = 2,
}

/// What goes into a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Member {
    /// The stream's id, as a JSON string.
    Stream = 1,
    /// The version, in digits.
    Version = 2,
    /// The type, as a JSON string.
    Type = 3,
    /// The global position, in digits.
    Position = 4,
    /// The event's id, as a JSON string.
    Id = 5,
    /// The recorded time, as a JSON string.
    Time = 6,
    /// The metadata's bytes.
    Metadata = 7,
    /// The payload's bytes.
    Payload = 8,
    /// The value of the next further member.
    Further = 9,
    /// Something that is in no record: always verbatim.
    Other = 10,
}

impl Member {
    const ALL: [Self; 10] = [
        Self::Stream,
        Self::Version,
        Self::Type,
        Self::Position,
        Self::Id,
        Self::Time,
        Self::Metadata,
        Self::Payload,
        Self::Further,
        Self::Other,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|member| *member as u8 == byte)
    }
}

/// How a hole's value is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As we would write it ourselves.
    Canonical,
    /// A time in this style.
    Time(TimeStyle),
    /// As the next verbatim piece has it.
    Verbatim,
}

impl Style {
    fn byte(self) -> u8 {
        match self {
            Self::Canonical => 0,
            Self::Time(style) => style.byte(),
            Self::Verbatim => VERBATIM,
        }
    }

    fn from_byte(member: Member, byte: u8) -> Option<Self> {
        match (member, byte) {
            (_, VERBATIM) => Some(Self::Verbatim),
            (Member::Time, _) => TimeStyle::from_byte(byte).map(Self::Time),
            (_, 0) => Some(Self::Canonical),
            _ => None,
        }
    }
}

/// A template, encoded: literals and holes in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Template(Vec<u8>);

/// One part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// These bytes.
    Literal(&'a [u8]),
    /// A value.
    Hole(Member, Style),
}

/// The verbatim pieces of one event, taken in the order of its template's holes.
#[derive(Clone, Debug)]
pub struct Pieces<'a>(Reader<'a>);

impl<'a> Pieces<'a> {
    /// Pieces that [`Pieces::put`] wrote one after the other.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new("the verbatim pieces", bytes))
    }

    /// Appends a piece to `bytes`.
    pub fn put(bytes: &mut Vec<u8>, piece: &[u8]) {
        put_bytes(bytes, piece);
    }

    /// The pieces that were not taken yet, as [`Pieces::put`] wrote them.
    pub fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }

    fn take(&mut self) -> Result<&'a [u8], DecodeError> {
        self.0.bytes()
    }
}

impl Template {
    /// A template that is one verbatim piece.
    pub fn verbatim() -> Self {
        let mut template = Self::default();
        template.hole(Member::Other, Style::Verbatim);
        template
    }

    /// Removes all parts.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends bytes.
    pub fn literal(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0.push(LITERAL);
            put_bytes(&mut self.0, bytes);
        }
    }

    /// Appends a hole.
    pub fn hole(&mut self, member: Member, style: Style) {
        self.0.extend_from_slice(&[member as u8, style.byte()]);
    }

    /// The template's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Decodes exactly `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let template = Self(bytes.to_vec());
        template.parts().try_for_each(|part| part.map(drop))?;
        Ok(template)
    }

    /// The parts in order.
    pub fn parts(&self) -> impl Iterator<Item = Result<Part<'_>, DecodeError>> {
        let mut reader = Reader::new(RECORD, &self.0);
        std::iter::from_fn(move || (reader.remaining() > 0).then(|| read_part(&mut reader)))
    }

    /// Takes the pieces that this template needs for one event off the front of `pieces`.
    pub fn take_pieces<'a>(&self, pieces: &mut Pieces<'a>) -> Result<Pieces<'a>, DecodeError> {
        let before = pieces.rest();
        for part in self.parts() {
            if matches!(part?, Part::Hole(_, Style::Verbatim)) {
                pieces.take()?;
            }
        }
        let taken = before.len() - pieces.rest().len();
        Ok(Pieces::new(before.get(..taken).unwrap_or_default()))
    }

    /// Appends what the source wrote for `event`, whose payload is `payload`.
    ///
    /// Values that the event does not have are an error: template and event do not fit.
    pub fn render(
        &self,
        event: &Event<'_>,
        position: Option<u64>,
        payload: &[u8],
        pieces: &mut Pieces<'_>,
        bytes: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        self.render_to(event, position, payload, pieces, bytes)
    }

    /// Whether [`Self::render`] would append exactly `expected`; `scratch` is overwritten.
    pub fn renders(
        &self,
        event: &Event<'_>,
        position: Option<u64>,
        payload: &[u8],
        pieces: &mut Pieces<'_>,
        expected: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Result<bool, DecodeError> {
        let mut comparison = Comparison::with(expected, scratch);
        self.render_to(event, position, payload, pieces, &mut comparison)?;
        Ok(comparison.is_equal())
    }

    fn render_to(
        &self,
        event: &Event<'_>,
        position: Option<u64>,
        payload: &[u8],
        pieces: &mut Pieces<'_>,
        sink: &mut impl Sink,
    ) -> Result<(), DecodeError> {
        let mut values = HoleValues::new(event, position, payload);
        let before = sink.kept_bytes();
        for part in self.parts() {
            match part? {
                Part::Literal(literal) => sink.put(literal),
                Part::Hole(_, Style::Verbatim) => sink.put(pieces.take()?),
                Part::Hole(member, style) => {
                    values.put(member, style, sink).ok_or(DecodeError::Malformed {
                        record: RECORD,
                        what: "a hole for a value that the event does not have",
                    })?;
                }
            }
            let found = sink.kept_bytes() - before;
            if found > FORM_BYTES_MAX {
                let (found, limit) = (found as u64, FORM_BYTES_MAX as u64);
                let what = "what it renders";
                return Err(DecodeError::Limit { record: RECORD, what, found, limit });
            }
        }
        Ok(())
    }
}

/// An event's values, for the holes of a template from the first to the last.
#[derive(Clone, Debug)]
pub struct HoleValues<'a> {
    event: &'a Event<'a>,
    position: Option<u64>,
    payload: &'a [u8],
    further: Members<'a>,
}

impl<'a> HoleValues<'a> {
    /// The values of `event`, whose payload is `payload`.
    pub fn new(event: &'a Event<'a>, position: Option<u64>, payload: &'a [u8]) -> Self {
        Self { event, position, payload, further: event.members }
    }

    /// Whether the next hole, which is not verbatim, renders exactly `expected`; `scratch` is
    /// overwritten.
    pub fn next_renders(
        &mut self,
        member: Member,
        style: Style,
        expected: &[u8],
        scratch: &mut Vec<u8>,
    ) -> bool {
        let mut comparison = Comparison::with(expected, scratch);
        self.put(member, style, &mut comparison).is_some() && comparison.is_equal()
    }

    /// Puts the next value, which is not verbatim; `None` if the event does not have it.
    fn put(&mut self, member: Member, style: Style, sink: &mut impl Sink) -> Option<()> {
        match member {
            Member::Metadata => self.event.metadata.map(|value| sink.put(value)),
            Member::Payload => {
                sink.put(self.payload);
                Some(())
            }
            Member::Further => self.further.take_first().map(|(_, value)| sink.put(value)),
            Member::Position => {
                sink.put_with(|bytes| self.position.map(|value| json::put_number(bytes, value)))
            }
            _ => sink.put_with(|bytes| put_value(self.event, member, style, bytes)),
        }
    }
}

/// Appends one of the values that have a spelling of our own.
fn put_value(event: &Event<'_>, member: Member, style: Style, bytes: &mut Vec<u8>) -> Option<()> {
    match (member, style) {
        (Member::Stream, _) => json::put_string(bytes, event.stream),
        (Member::Version, _) => json::put_number(bytes, event.version),
        (Member::Type, _) => json::put_string(bytes, event.event_type),
        (Member::Id, _) => match event.id {
            EventId::None => return None,
            EventId::Uuid(uuid) => {
                bytes.push(b'"');
                json::put_uuid(bytes, &uuid);
                bytes.push(b'"');
            }
            EventId::Text(text) => json::put_string(bytes, text),
        },
        (Member::Time, Style::Time(style)) => match event.time {
            EventTime::At(time) => {
                bytes.push(b'"');
                time_text::put(bytes, time, style);
                bytes.push(b'"');
            }
            EventTime::None | EventTime::Text(_) => return None,
        },
        _ => return None,
    }
    Some(())
}

fn read_part<'a>(reader: &mut Reader<'a>) -> Result<Part<'a>, DecodeError> {
    let byte = reader.byte()?;
    if byte == LITERAL {
        return reader.bytes().map(Part::Literal);
    }
    let member =
        Member::from_byte(byte).ok_or_else(|| reader.malformed("a hole for an unknown member"))?;
    let style = Style::from_byte(member, reader.byte()?)
        .ok_or_else(|| reader.malformed("a hole of an unknown style"))?;
    Ok(Part::Hole(member, style))
}
