//! Rows as SQLite has them, and what the pool makes of them: records and the form of each.

use super::moment::invalid;
use crate::events::sqlite::schema::EVENTS;
use crate::events::sqlite::value::{integer, text};
use icecore::selection::StreamSelection;
use icecore::source::{EventBatch, EventForms, SourceError, StreamDefect};
use icecore_format::event::time_text::{self, TimeStyle};
use icecore_format::event::{
    Event, EventId, EventTime, FormKind, Member, Members, Payload, Style, Template, json,
};
use icecore_format::limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX};
use std::path::Path;
use std::sync::Arc;

/// What is selected, in the order of [`Rows::push`].
pub(super) const COLUMNS: &str = "rowid, stream_id, stream_version, event_type, event_data, \
                                  metadata, created_at, event_id";

/// The columns that are text, each with its place among those selected.
const TEXTS: [(&str, usize); 6] = [
    ("stream_id", 1),
    ("event_type", 3),
    ("event_data", 4),
    ("metadata", 5),
    ("created_at", 6),
    ("event_id", 7),
];

/// What a record has beyond its values, at most, in bytes: flags, lengths and a version.
const RECORD_BYTES_BEYOND_VALUES_MAX: usize = 64;

/// Rows of the table of events, copied out of the database.
pub(super) struct Rows {
    path: Arc<Path>,
    /// The values that are text, one after the other.
    values: Vec<u8>,
    copied: Vec<Row>,
    streams: StreamSelection,
    defects: Vec<StreamDefect>,
}

struct Row {
    id: i64,
    version: u64,
    /// Where each of the [`TEXTS`] ends, in bytes.
    ends: [usize; TEXTS.len()],
}

impl Rows {
    /// No rows of these streams of the database at `path`.
    pub(super) fn new(path: Arc<Path>, streams: StreamSelection) -> Self {
        Self { path, values: Vec::new(), copied: Vec::new(), streams, defects: Vec::new() }
    }

    /// Whether there is nothing to be made of it.
    pub(super) fn is_empty(&self) -> bool {
        self.copied.is_empty() && self.defects.is_empty()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.copied.len()
    }

    /// The length of the values, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.values.len()
    }

    /// Copies a row, if its stream is wanted.
    pub(super) fn push(&mut self, id: i64, row: &rusqlite::Row<'_>) -> Result<(), SourceError> {
        if self.streams.is_all() {
            return self.copy(id, row);
        }
        let stream = self.text(id, row, TEXTS[0])?;
        let stream = std::str::from_utf8(stream)
            .map_err(|_| self.defect(id, TEXTS[0].0, "is no UTF-8"))?
            .to_owned();
        if !self.streams.includes(&stream) {
            return Ok(());
        }
        self.copy(id, row).or_else(|defect| self.note(stream, defect))
    }

    fn copy(&mut self, id: i64, row: &rusqlite::Row<'_>) -> Result<(), SourceError> {
        let mut texts = [&[][..]; TEXTS.len()];
        for (text, column) in texts.iter_mut().zip(TEXTS) {
            *text = self.text(id, row, column)?;
        }
        let version = row
            .get_ref(2)
            .map_err(|error| self.defect(id, "stream_version", "cannot be read").because(error))?;
        let version = integer(version)
            .and_then(|version| u64::try_from(version).map_err(|_| "is negative"))
            .map_err(|what| self.defect(id, "stream_version", what))?;
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        if bytes > EVENT_BYTES_MAX - RECORD_BYTES_BEYOND_VALUES_MAX {
            return Err(self.defect(id, "event_data", "makes the event longer than 256 MiB"));
        }
        let mut ends = [0; TEXTS.len()];
        for (end, text) in ends.iter_mut().zip(texts) {
            self.values.extend_from_slice(text);
            *end = self.values.len();
        }
        self.copied.push(Row { id, version, ends });
        Ok(())
    }

    fn text<'a>(
        &self,
        id: i64,
        row: &'a rusqlite::Row<'_>,
        (column, at): (&str, usize),
    ) -> Result<&'a [u8], SourceError> {
        let value = row
            .get_ref(at)
            .map_err(|error| self.defect(id, column, "cannot be read").because(error))?;
        text(value).map_err(|what| self.defect(id, column, what))
    }

    /// Notes an event of a stream that cannot be taken, if the stream was named; else that ends it.
    fn note(&mut self, stream: String, defect: SourceError) -> Result<(), SourceError> {
        if !self.streams.names(&stream) {
            return Err(defect);
        }
        self.defects.push(StreamDefect { stream, defect });
        Ok(())
    }

    /// Makes events of the rows.
    pub(super) fn parse(mut self) -> Result<EventBatch, SourceError> {
        let mut batch = EventBatch {
            records: Vec::with_capacity(self.values.len()),
            forms: EventForms { kind: FormKind::Rows, ..EventForms::default() },
            source_bytes: self.values.len() as u64,
            ..EventBatch::default()
        };
        let mut styles = Vec::new();
        let mut start = 0;
        for row in std::mem::take(&mut self.copied) {
            let (event, style) = match self.event(&row, start) {
                Ok(event) => event,
                Err(defect) => {
                    let stream = self.values.get(start..row.ends[0]).unwrap_or_default();
                    let stream = String::from_utf8_lossy(stream).into_owned();
                    self.note(stream, defect)?;
                    start = row.ends[TEXTS.len() - 1];
                    continue;
                }
            };
            event.encode_into(&mut batch.records);
            batch.record_ends.push(batch.records.len());
            let template = styles.iter().position(|known| *known == style).unwrap_or_else(|| {
                styles.push(style);
                batch.forms.templates.push(template(style));
                styles.len() - 1
            });
            batch.forms.template_of.push(template as u32);
            batch.forms.piece_ends.push(0);
            start = row.ends[TEXTS.len() - 1];
        }
        batch.defects = self.defects;
        Ok(batch)
    }

    /// A row's event, and how its time is spelled if it is a moment.
    fn event(
        &self,
        row: &Row,
        start: usize,
    ) -> Result<(Event<'_>, Option<TimeStyle>), SourceError> {
        let mut end_before = start;
        let [stream, event_type, data, metadata, time, id] = row.ends.map(|end| {
            let text = self.values.get(end_before..end).unwrap_or_default();
            end_before = end;
            text
        });
        let utf8 = |column: &str, text| {
            std::str::from_utf8(text).map_err(|_| self.defect(row.id, column, "is no UTF-8"))
        };
        for (column, name) in [("stream_id", stream), ("event_type", event_type)] {
            if name.len() > NAME_BYTES_MAX {
                return Err(self.defect(row.id, column, "is longer than 64 KiB"));
            }
        }
        if stream.is_empty() {
            return Err(self.defect(row.id, "stream_id", "is empty"));
        }
        let (time, style) = match time_text::parse(time) {
            Some((time, style)) => (EventTime::At(time), Some(style)),
            None => (EventTime::Text(utf8("created_at", time)?), None),
        };
        let id = match json::parse_uuid(id) {
            Some(uuid) => EventId::Uuid(uuid),
            None => EventId::Text(utf8("event_id", id)?),
        };
        let event = Event {
            stream: utf8("stream_id", stream)?,
            version: row.version,
            event_type: utf8("event_type", event_type)?,
            id,
            time,
            metadata: Some(metadata),
            members: Members::default(),
            payload: Payload::Inline(data),
        };
        Ok((event, style))
    }

    fn defect(&self, id: i64, column: &str, what: &str) -> SourceError {
        invalid(&self.path, &format!("row {id} of {}: {column} {what}", EVENTS.name))
    }
}

/// How a row is spelled whose time has this style: the only thing that a record does not say.
fn template(style: Option<TimeStyle>) -> Template {
    let mut template = Template::default();
    template.hole(Member::Id, Style::Canonical);
    if let Some(style) = style {
        template.hole(Member::Time, Style::Time(style));
    }
    template
}
