//! A piece of a file as a batch of events.

use super::form::FormsBuilder;
use super::is_space;
use super::line::{LineFault, LineReader};
use super::member_map::MemberMap;
use super::piece::Piece;
use icecore::selection::StreamSelection;
use icecore::source::{EventBatch, SourceError, SourceErrorKind};
use std::io;

/// What reading a file needs to know throughout.
#[derive(Debug)]
pub(super) struct Context {
    /// What messages call the file.
    pub(super) name: String,
    /// Which member is read for which field.
    pub(super) members: MemberMap,
    /// Which streams are wanted.
    pub(super) streams: StreamSelection,
}

impl Context {
    /// The error that line `line`, counted from 1, is no event.
    pub(super) fn no_event(&self, line: u64, fault: &LineFault) -> SourceError {
        let message = format!("line {line} of {} is no event: {fault}", self.name);
        SourceError::new(SourceErrorKind::Invalid, message)
    }

    /// The error that the file cannot be read.
    pub(super) fn unreadable(&self, cause: io::Error) -> SourceError {
        let message = format!("cannot read {}", self.name);
        SourceError::new(SourceErrorKind::Unreadable, message).because(cause)
    }

    /// The error that somebody cut the file off.
    pub(super) fn became_shorter(&self) -> SourceError {
        let message = format!("{} became shorter while it was read", self.name);
        SourceError::new(SourceErrorKind::Unreadable, message)
    }
}

/// Parses a piece. What stands before an event's line (blank lines) is part of the event's form;
/// both go if its stream is not wanted.
pub(super) fn parse(piece: &Piece, context: &Context) -> Result<EventBatch, SourceError> {
    let bytes = piece.bytes.as_slice();
    // One pass over all of it is faster than one for each string.
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    let mut batch = EventBatch { source_bytes: bytes.len() as u64, ..EventBatch::default() };
    batch.records.reserve(bytes.len());
    let mut reader = LineReader::default();
    let mut forms = FormsBuilder::default();
    let mut start = 0;
    let mut line_start = piece.mark_bytes;
    let mut number = piece.first_line;
    while let Some(rest) = bytes.get(line_start..).filter(|rest| !rest.is_empty()) {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
        let line_end = line_start + length;
        if line_end > text.len() {
            let at = text.len() - line_start;
            return Err(context.no_event(number, &LineFault::NotUtf8 { at }));
        }
        let line = text.get(line_start..line_end).unwrap_or_default();
        if !line.bytes().all(is_space) {
            let event_line = reader
                .read(line.trim_end_matches(['\n', '\r']), &context.members)
                .map_err(|fault| context.no_event(number, &fault))?;
            let event = event_line.event(&reader.further);
            if context.streams.includes(event.stream) {
                let record_start = batch.records.len();
                event.encode_into(&mut batch.records);
                batch.record_ends.push(batch.records.len());
                batch.positions.push(event_line.position);
                for hole in &mut reader.holes {
                    hole.span.start += line_start - start;
                    hole.span.end += line_start - start;
                }
                forms.push(
                    bytes.get(start..line_end).unwrap_or_default(),
                    (!event_line.has_duplicates).then_some(&reader.holes),
                    event_line.position,
                    batch.records.get(record_start..).unwrap_or_default(),
                );
            }
            start = line_end;
        }
        line_start = line_end;
        number += 1;
    }
    if batch.positions.iter().all(Option::is_none) {
        batch.positions.clear();
    }
    batch.forms = forms.finish();
    Ok(batch)
}
