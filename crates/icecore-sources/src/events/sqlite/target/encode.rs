//! Makes rows of events: of any source's, if they have what a row needs and no more than it holds.

use super::rows::Row;
use icecore::target::{
    Encoded, EventChunk, EventEncoder, RestoredEvent, TargetError, TargetErrorKind,
};
use icecore_format::Timestamp;
use icecore_format::event::template::Part;
use icecore_format::event::time_text::{self, TimeStyle};
use icecore_format::event::{EventId, EventTime, FormKind, Member, Style, json};
use serde::de::IgnoredAny;

/// First byte of what is encoded: some of the events have a global position.
pub(super) const HAS_POSITIONS: u8 = 1;
/// The same: some of the events are renamed.
pub(super) const HAS_RENAMED: u8 = 2;

/// What EventCore itself writes as metadata.
const NO_METADATA: &[u8] = b"{}";

/// Encodes chunks of events as packed rows after a byte of flags.
pub(super) struct RowEncoder {
    /// Whether the source may have payloads that EventCore could not read.
    pub(super) requires_json: bool,
}

impl EventEncoder for RowEncoder {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut encoded = Encoded { bytes: vec![0], events: 0 };
        let mut flags = 0;
        let (mut id, mut time) = (Vec::new(), Vec::new());
        chunk.visit(|restored| {
            flags |= if restored.position.is_some() { HAS_POSITIONS } else { 0 };
            flags |= if restored.renamed { HAS_RENAMED } else { 0 };
            self.row(&restored, &mut id, &mut time)?.pack(&mut encoded.bytes);
            encoded.events += 1;
            Ok::<_, TargetError>(())
        })?;
        encoded.bytes[0] = flags;
        Ok(encoded)
    }
}

impl RowEncoder {
    /// The row of an event; `id` and `time` are room for what has to be spelled.
    fn row<'a>(
        &self,
        restored: &'a RestoredEvent<'_>,
        id: &'a mut Vec<u8>,
        time: &'a mut Vec<u8>,
    ) -> Result<Row<'a>, TargetError> {
        let event = &restored.event;
        let unsuitable = |what: &str| {
            let (version, stream) = (event.version, event.stream);
            let message = format!("event {version} of stream '{stream}' {what}");
            TargetError::new(TargetErrorKind::Unsuitable, message)
        };
        if !event.members.is_empty() {
            let names: Vec<_> = event.members.iter().map(|(name, _)| name).collect();
            let names = names.join(", ");
            return Err(unsuitable(&format!(
                "has members that EventCore has no column for: {names}"
            )));
        }
        let metadata = event.metadata.unwrap_or(NO_METADATA);
        if self.requires_json {
            for (name, json) in [("a payload", restored.payload), ("metadata", metadata)] {
                if !is_json(json) {
                    return Err(unsuitable(&format!("has {name} that is no JSON")));
                }
            }
        }
        Ok(Row {
            id: match event.id {
                EventId::None => return Err(unsuitable("has no id")),
                EventId::Text(text) => text.as_bytes(),
                EventId::Uuid(uuid) => {
                    id.clear();
                    json::put_uuid(id, &uuid);
                    id
                }
            },
            stream: event.stream.as_bytes(),
            version: i64::try_from(event.version)
                .map_err(|_| unsuitable("has a version beyond those of SQLite"))?,
            event_type: event.event_type.as_bytes(),
            data: restored.payload,
            metadata,
            created_at: match event.time {
                EventTime::None => return Err(unsuitable("has no recorded time")),
                EventTime::Text(text) => text.as_bytes(),
                EventTime::At(moment) => {
                    let style = row_style(restored)?.unwrap_or_else(|| exact_style(moment));
                    time.clear();
                    time_text::put(time, moment, style);
                    time
                }
            },
        })
    }
}

/// EventCore reads payloads with the same parser.
fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// How the time was spelled, if it was in a row.
fn row_style(restored: &RestoredEvent<'_>) -> Result<Option<TimeStyle>, TargetError> {
    if let (FormKind::Rows, Some(template)) = (restored.form, restored.template) {
        for part in template.parts() {
            if let Part::Hole(Member::Time, Style::Time(style)) = part? {
                return Ok(Some(style));
            }
        }
    }
    Ok(None)
}

/// As EventCore spells times, in milliseconds; with more digits where these would not do.
fn exact_style(moment: Timestamp) -> TimeStyle {
    let digits = match moment.subsecond_nanoseconds() {
        nanoseconds if nanoseconds % 1_000_000 == 0 => 3,
        nanoseconds if nanoseconds % 1_000 == 0 => 6,
        _ => 9,
    };
    TimeStyle::from_byte(digits).unwrap_or(TimeStyle::MICROSECONDS)
}
