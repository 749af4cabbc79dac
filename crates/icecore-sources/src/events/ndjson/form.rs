//! The form of lines: for each a template and pieces which are known to render it exactly.
//!
//! A line that its template does not render to the byte is kept whole.

use super::line::Hole;
use icecore::source::EventForms;
use icecore_format::DecodeError;
use icecore_format::event::{
    Event, FormKind, Member, Payload, Pieces, RecordBodies, Style, Template,
};
use std::collections::HashMap;

/// Longest literal of a template, in bytes. What is longer (blank lines, the name of a member) is
/// likely to differ from line to line, and is kept as a piece.
const LITERAL_BYTES_MAX: usize = 256;

/// Collects the forms of a batch.
#[derive(Default)]
pub(super) struct FormsBuilder {
    forms: EventForms,
    numbers: HashMap<Template, u32>,
    /// The number of the last line's template.
    last: u32,
    draft: Template,
    scratch: Vec<u8>,
}

impl FormsBuilder {
    /// Adds the form of a line whose text, with what stands before it, is `text`, whose values
    /// stand at `holes`, and whose record is `record`.
    pub(super) fn push(
        &mut self,
        text: &[u8],
        holes: Option<&[Hole]>,
        position: Option<u64>,
        record: &[u8],
    ) {
        let pieces_start = self.forms.pieces.len();
        self.draft.clear();
        if let Some(holes) = holes {
            self.draft(text, holes);
        }
        let is_exact =
            holes.is_some() && self.is_exact(text, position, record, pieces_start).unwrap_or(false);
        if !is_exact {
            self.forms.pieces.truncate(pieces_start);
            self.draft.clear();
            self.put_piece(Member::Other, text);
        }
        let number = self.number();
        self.last = number;
        self.forms.template_of.push(number);
        self.forms.piece_ends.push(self.forms.pieces.len());
    }

    /// The forms.
    pub(super) fn finish(self) -> EventForms {
        EventForms { kind: FormKind::Lines, ..self.forms }
    }

    fn draft(&mut self, text: &[u8], holes: &[Hole]) {
        let mut end = 0;
        for hole in holes {
            self.put_literal(text.get(end..hole.span.start).unwrap_or_default());
            end = hole.span.end;
            if hole.style == Style::Verbatim {
                self.put_piece(hole.member, text.get(hole.span.clone()).unwrap_or_default());
            } else {
                self.draft.hole(hole.member, hole.style);
            }
        }
        self.put_literal(text.get(end..).unwrap_or_default());
    }

    fn put_literal(&mut self, literal: &[u8]) {
        if literal.len() > LITERAL_BYTES_MAX {
            self.put_piece(Member::Other, literal);
        } else {
            self.draft.literal(literal);
        }
    }

    fn put_piece(&mut self, member: Member, piece: &[u8]) {
        self.draft.hole(member, Style::Verbatim);
        Pieces::put(&mut self.forms.pieces, piece);
    }

    /// Whether a restore will render `text` from the draft and `record`.
    fn is_exact(
        &mut self,
        text: &[u8],
        position: Option<u64>,
        record: &[u8],
        pieces_start: usize,
    ) -> Result<bool, DecodeError> {
        let Some(body) = RecordBodies::unversioned(record).next() else { return Ok(false) };
        let event = Event::decode_body(body?)?;
        let Payload::Inline(payload) = event.payload else { return Ok(false) };
        let mut pieces = Pieces::new(self.forms.pieces.get(pieces_start..).unwrap_or_default());
        self.draft.renders(&event, position, payload, &mut pieces, text, &mut self.scratch)
    }

    /// The number of the draft among the batch's templates.
    fn number(&mut self) -> u32 {
        if self.forms.templates.get(self.last as usize) == Some(&self.draft) {
            return self.last;
        }
        if let Some(number) = self.numbers.get(&self.draft) {
            return *number;
        }
        let number = self.forms.templates.len() as u32;
        self.forms.templates.push(self.draft.clone());
        self.numbers.insert(self.draft.clone(), number);
        number
    }
}
