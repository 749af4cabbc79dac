//! Turns chunks of events into lines, or into what a dump has of them.
//!
//! An event that comes from a file of lines, under its own stream id, is written as that file had
//! it, byte for byte; all others get our default line. In a dump all events are written alike.

use super::default_line::{self, Changes};
use super::{DumpFormat, message_pack};
use icecore::target::{Encoded, EventChunk, EventEncoder, RestoredEvent, TargetError};
use icecore_format::event::template::Part;
use icecore_format::event::{FormKind, Member, Style, Template};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Encodes chunks, and remembers what it had to change.
#[derive(Debug, Default)]
pub(super) struct LineEncoder {
    /// How a dump is written, if this is one.
    dump: Option<DumpFormat>,
    quoted: AtomicU64,
    joined: AtomicU64,
}

impl LineEncoder {
    pub(super) fn new(dump: Option<DumpFormat>) -> Self {
        Self { dump, ..Self::default() }
    }

    /// Sentences about the values that could not be written as they are.
    pub(super) fn notes(&self) -> Vec<String> {
        let quoted = self.quoted.load(Relaxed);
        let joined = self.joined.load(Relaxed);
        let quoted = (quoted > 0)
            .then(|| format!("values that are no JSON, written as JSON strings: {quoted}"));
        let joined = (joined > 0)
            .then(|| format!("values with line breaks, which were written as spaces: {joined}"));
        quoted.into_iter().chain(joined).collect()
    }
}

impl EventEncoder for LineEncoder {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut encoded = Encoded::default();
        let mut changes = Changes::default();
        // Lines are about a third longer than records.
        encoded.bytes.reserve(chunk.records.len() + chunk.records.len() / 2);
        if let Some(format) = self.dump {
            chunk.visit(|restored| {
                encoded.events += 1;
                match format {
                    DumpFormat::JsonLines => default_line::put_exact(&mut encoded.bytes, &restored),
                    DumpFormat::MessagePack => message_pack::put(&mut encoded.bytes, &restored),
                }
            })?;
            return Ok(encoded);
        }
        chunk.visit(|mut restored| {
            end_line(&mut encoded.bytes);
            encoded.events += 1;
            match own_template(&restored) {
                Some(template) => {
                    let RestoredEvent { event, position, payload, pieces, .. } = &mut restored;
                    template.render(event, *position, payload, pieces, &mut encoded.bytes)?;
                    Ok(())
                }
                None => default_line::put(&mut encoded.bytes, &restored, &mut changes),
            }
        })?;
        self.quoted.fetch_add(changes.quoted, Relaxed);
        self.joined.fetch_add(changes.joined, Relaxed);
        Ok(encoded)
    }
}

/// Ends the last line of `bytes`: a file's last line may have no end, and stand before others now.
fn end_line(bytes: &mut Vec<u8>) {
    if bytes.last().is_some_and(|last| *last != b'\n') {
        bytes.push(b'\n');
    }
}

/// The template that renders the event's own line, if what it renders is still true.
fn own_template<'a>(restored: &RestoredEvent<'a>) -> Option<&'a Template> {
    let template = restored.template.filter(|_| restored.form == FormKind::Lines)?;
    let takes_stream = |part| matches!(part, Ok(Part::Hole(Member::Stream, Style::Canonical)));
    (!restored.renamed || template.parts().any(takes_stream)).then_some(template)
}
