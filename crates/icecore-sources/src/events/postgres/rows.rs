//! Rows as the server copies them out, and what the pool makes of them: records of events.
//!
//! Source of the layout: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use super::layout::{Layout, Part};
use super::value::{Encoding, Moment};
use icecore::selection::StreamSelection;
use icecore::source::{EventBatch, SourceError, SourceErrorKind, StreamDefect};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX};
use std::collections::HashSet;

/// What a record has beyond its values, at most, in bytes: flags, lengths and a version.
const RECORD_BYTES_BEYOND_VALUES_MAX: usize = 64;

/// The members that say that a payload or a type, which every record has, is null: empty ones exist.
pub(super) const NULL_PAYLOAD: &str = "payload_is_null";
pub(super) const NULL_TYPE: &str = "type_is_null";

/// How rows become events.
#[derive(Clone, Debug)]
pub(super) struct RowReader {
    /// The table, for messages.
    table: String,
    columns: Vec<(Part, Encoding)>,
    streams: StreamSelection,
    /// Events that are known, by the hashes of their identities. If there are any, rows have that
    /// hash after their columns.
    known: HashSet<i64>,
}

impl RowReader {
    /// Reads rows of `layout` whose columns are sent in these encodings.
    pub(super) fn new(
        layout: &Layout,
        encodings: Vec<Encoding>,
        streams: StreamSelection,
        known: HashSet<i64>,
    ) -> Self {
        let parts = layout.columns.iter().map(|column| column.part.clone());
        Self {
            table: layout.events.to_string(),
            columns: parts.zip(encodings).collect(),
            streams,
            known,
        }
    }

    /// Makes events of rows.
    pub(super) fn parse(&self, rows: &[u8]) -> Result<EventBatch, SourceError> {
        let mut batch = EventBatch {
            records: Vec::with_capacity(rows.len()),
            source_bytes: rows.len() as u64,
            ..EventBatch::default()
        };
        let mut fields = Fields { rest: rows };
        let mut row = Row::default();
        let expected = self.columns.len() + usize::from(!self.known.is_empty());
        while !fields.rest.is_empty() {
            if fields.count().ok_or_else(|| self.malformed())? != expected {
                return Err(self.malformed());
            }
            row.clear();
            let mut defect = None;
            for (part, encoding) in &self.columns {
                let value = fields.next().ok_or_else(|| self.malformed())?;
                if let Err(what) = row.take(part, *encoding, value) {
                    defect.get_or_insert((part.clone(), what));
                }
            }
            let is_known = !self.known.is_empty() && {
                let value = fields.next().flatten().ok_or_else(|| self.malformed())?;
                let hash = value.try_into().map_err(|_| self.malformed())?;
                self.known.contains(&i64::from_be_bytes(hash))
            };
            // A row whose stream is not known is wanted until it is known otherwise.
            if is_known || (!row.stream.is_empty() && !self.streams.includes(row.stream)) {
                continue;
            }
            row.note_nulls();
            let event = match defect.map_or_else(|| row.event(), Err) {
                Ok(event) => event,
                Err((part, what)) => {
                    let defect = self.defect(&row, &part, what);
                    if !self.streams.names(row.stream) {
                        return Err(defect);
                    }
                    batch.defects.push(StreamDefect { stream: row.stream.to_owned(), defect });
                    continue;
                }
            };
            event.encode_into(&mut batch.records);
            batch.record_ends.push(batch.records.len());
            if self.columns.iter().any(|(part, _)| *part == Part::Position) {
                batch.positions.push(row.position);
            }
        }
        Ok(batch)
    }

    fn malformed(&self) -> SourceError {
        let message =
            format!("the server sent rows of {} that are not laid out as asked", self.table);
        SourceError::new(SourceErrorKind::Unreadable, message)
    }

    fn defect(&self, row: &Row<'_>, part: &Part, what: &str) -> SourceError {
        let (table, stream, version) = (&self.table, row.stream, row.version);
        let message =
            format!("{table}: the event at version {version} of stream '{stream}': {part} {what}");
        SourceError::new(SourceErrorKind::Invalid, message)
    }
}

/// Fields of rows, each with its length before it.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The number of fields of the row that begins here.
    fn count(&mut self) -> Option<usize> {
        let (count, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        usize::try_from(i16::from_be_bytes(*count)).ok()
    }

    /// The next field; `None` inside if it is null.
    #[allow(clippy::option_option)]
    fn next(&mut self) -> Option<Option<&'a [u8]>> {
        let (length, rest) = self.rest.split_first_chunk()?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.rest = rest;
            return Some(None);
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(Some(value))
    }
}

/// One row, taken apart.
#[derive(Debug, Default)]
struct Row<'a> {
    stream: &'a str,
    version: u64,
    event_type: &'a str,
    uuid: Option<[u8; 16]>,
    id_text: Option<String>,
    time: Option<Moment>,
    time_text: Vec<u8>,
    metadata: Option<&'a [u8]>,
    payload: Option<&'a [u8]>,
    is_type_null: bool,
    members: Vec<u8>,
    position: Option<u64>,
    bytes: usize,
}

impl<'a> Row<'a> {
    /// Forgets everything but the memory that it has.
    fn clear(&mut self) {
        let (mut members, mut time_text) =
            (std::mem::take(&mut self.members), std::mem::take(&mut self.time_text));
        members.clear();
        time_text.clear();
        *self = Self { time_text, members, ..Self::default() };
    }

    /// Takes a value; an error says what is wrong with it.
    fn take(
        &mut self,
        part: &Part,
        encoding: Encoding,
        value: Option<&'a [u8]>,
    ) -> Result<(), &'static str> {
        let Some(value) = value else {
            self.is_type_null |= *part == Part::Type;
            return null(part);
        };
        self.bytes += value.len();
        match part {
            Part::Stream => self.stream = name(encoding, value)?,
            Part::Type => self.event_type = name(encoding, value)?,
            Part::Version => {
                let version = encoding.integer(value).ok_or("is no integer")?;
                self.version = u64::try_from(version).map_err(|_| "is negative")?;
            }
            Part::Position => {
                let position = encoding.integer(value).ok_or("is no integer")?;
                self.position = Some(u64::try_from(position).map_err(|_| "is negative")?);
            }
            Part::Id => match encoding.uuid(value) {
                Some(uuid) => self.uuid = Some(uuid),
                None => self.id_text = Some(text_of(encoding, value)?),
            },
            Part::Time => {
                let time = encoding.moment(value).ok_or("is no time")?;
                if !matches!(time, Moment::At(_)) {
                    time.put(&mut self.time_text);
                }
                self.time = Some(time);
            }
            Part::Payload => {
                self.payload = Some(encoding.bytes(value).ok_or("is no text, JSON or bytes")?);
            }
            Part::Metadata => {
                self.metadata = Some(encoding.bytes(value).ok_or("is no text, JSON or bytes")?);
            }
            Part::Member(name) => {
                let mut json = Vec::new();
                encoding.put_json(value, &mut json).ok_or("has another type than it says")?;
                Members::put(&mut self.members, name, &json);
            }
        }
        Ok(())
    }

    /// Tells null from empty where the record itself cannot.
    fn note_nulls(&mut self) {
        let nulls = [(self.payload.is_none(), NULL_PAYLOAD), (self.is_type_null, NULL_TYPE)];
        for (is_null, member) in nulls {
            if is_null {
                Members::put(&mut self.members, member, b"true");
            }
        }
    }

    fn event(&self) -> Result<Event<'_>, (Part, &'static str)> {
        if self.stream.is_empty() {
            return Err((Part::Stream, "is empty"));
        }
        if self.bytes + self.members.len() > EVENT_BYTES_MAX - RECORD_BYTES_BEYOND_VALUES_MAX {
            return Err((Part::Payload, "makes the event longer than 256 MiB"));
        }
        Ok(Event {
            stream: self.stream,
            version: self.version,
            event_type: self.event_type,
            id: match (self.uuid, &self.id_text) {
                (Some(uuid), _) => EventId::Uuid(uuid),
                (None, Some(text)) => EventId::Text(text),
                (None, None) => EventId::None,
            },
            time: match self.time {
                None => EventTime::None,
                Some(Moment::At(time)) => EventTime::At(time),
                Some(_) => EventTime::Text(
                    std::str::from_utf8(&self.time_text)
                        .map_err(|_| (Part::Time, "is no UTF-8"))?,
                ),
            },
            metadata: self.metadata,
            members: Members::new(&self.members),
            payload: Payload::Inline(self.payload.unwrap_or_default()),
        })
    }
}

/// Whether a part may be missing.
fn null(part: &Part) -> Result<(), &'static str> {
    match part {
        Part::Stream | Part::Version => Err("is null"),
        // A member that is not there says null, and one that is there says it of payload and type;
        // all else has a place for nothing.
        Part::Member(_)
        | Part::Type
        | Part::Id
        | Part::Time
        | Part::Payload
        | Part::Metadata
        | Part::Position => Ok(()),
    }
}

/// A stream or a type.
fn name(encoding: Encoding, value: &[u8]) -> Result<&str, &'static str> {
    let text = encoding.bytes(value).ok_or("is no text")?;
    if text.len() > NAME_BYTES_MAX {
        return Err("is longer than 64 KiB");
    }
    std::str::from_utf8(text).map_err(|_| "is no UTF-8")
}

/// An id that is no UUID.
fn text_of(encoding: Encoding, value: &[u8]) -> Result<String, &'static str> {
    if let Some(number) = encoding.integer(value) {
        return Ok(number.to_string());
    }
    name(encoding, value).map(str::to_owned)
}
