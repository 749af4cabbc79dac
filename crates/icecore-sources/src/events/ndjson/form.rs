//! The form of lines: for each a template and pieces which are known to render it exactly.
//!
//! A line that its template does not render to the byte is kept whole.

use super::line::Hole;
use icecore::source::EventForms;
use icecore_format::event::{
    Event, FormKind, HoleValues, Member, Payload, Pieces, RecordBodies, Style, Template,
};
use std::collections::HashMap;

/// Longest literal of a template, in bytes. What is longer (blank lines, the name of a member) is
/// likely to differ from line to line, and is kept as a piece.
const LITERAL_BYTES_MAX: usize = 256;

/// Collects the forms of a batch.
#[derive(Default)]
pub(super) struct FormsBuilder<'a> {
    forms: EventForms,
    numbers: HashMap<Template, u32>,
    last: LastLine<'a>,
    draft: Template,
    scratch: Vec<u8>,
}

/// The last line, and its form.
#[derive(Default)]
struct LastLine<'a> {
    text: &'a [u8],
    /// Its holes; none if it was kept whole.
    holes: Vec<Hole>,
    /// The number of its template.
    number: u32,
}

impl<'a> FormsBuilder<'a> {
    /// Adds the form of a line whose text, with what stands before it, is `text`, whose values
    /// stand at `holes`, and whose record is `record`.
    pub(super) fn push(
        &mut self,
        text: &'a [u8],
        holes: Option<&[Hole]>,
        position: Option<u64>,
        record: &[u8],
    ) {
        let pieces_start = self.forms.pieces.len();
        let exact = holes.and_then(|holes| self.put_exact(text, holes, position, record));
        if exact.is_none() {
            self.forms.pieces.truncate(pieces_start);
            self.draft.clear();
            self.put_piece(Member::Other, text);
            self.last = LastLine { number: self.number(), ..LastLine::default() };
        }
        self.forms.template_of.push(self.last.number);
        self.forms.piece_ends.push(self.forms.pieces.len());
    }

    /// The forms.
    pub(super) fn finish(self) -> EventForms {
        EventForms { kind: FormKind::Lines, ..self.forms }
    }

    /// Makes this the last line, with a template that a restore will render `text` from and with
    /// its pieces; `None` if that is not so.
    fn put_exact(
        &mut self,
        text: &'a [u8],
        holes: &[Hole],
        position: Option<u64>,
        record: &[u8],
    ) -> Option<()> {
        let event = Event::decode_body(RecordBodies::unversioned(record).next()?.ok()?).ok()?;
        let Payload::Inline(payload) = event.payload else { return None };
        if self.last.is_like(text, holes) {
            // A template that rendered the last line to the byte renders this one if each of its
            // holes does.
            let mut values = HoleValues::new(&event, position, payload);
            for hole in holes {
                let value = text.get(hole.span.clone())?;
                if hole.style == Style::Verbatim {
                    Pieces::put(&mut self.forms.pieces, value);
                } else if !values.next_renders(hole.member, hole.style, value, &mut self.scratch) {
                    return None;
                }
            }
        } else {
            let pieces_start = self.forms.pieces.len();
            self.draft(text, holes);
            let mut pieces = Pieces::new(self.forms.pieces.get(pieces_start..)?);
            let Self { draft, scratch, .. } = self;
            if !draft.renders(&event, position, payload, &mut pieces, text, scratch).ok()? {
                return None;
            }
            self.last.number = self.number();
        }
        self.last.text = text;
        self.last.holes.clear();
        self.last.holes.extend_from_slice(holes);
        Some(())
    }

    fn draft(&mut self, text: &[u8], holes: &[Hole]) {
        self.draft.clear();
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

    /// The number of the draft among the batch's templates.
    fn number(&mut self) -> u32 {
        if let Some(number) = self.numbers.get(&self.draft) {
            return *number;
        }
        let number = self.forms.templates.len() as u32;
        self.forms.templates.push(self.draft.clone());
        self.numbers.insert(self.draft.clone(), number);
        number
    }
}

impl LastLine<'_> {
    /// Whether a line with this text and these holes has the template of this line.
    fn is_like(&self, text: &[u8], holes: &[Hole]) -> bool {
        let (mut end, mut last_end) = (0, 0);
        for (hole, last) in holes.iter().zip(&self.holes) {
            let literal = text.get(end..hole.span.start);
            if (hole.member, hole.style) != (last.member, last.style)
                || !is_same_literal(literal, self.text.get(last_end..last.span.start))
            {
                return false;
            }
            (end, last_end) = (hole.span.end, last.span.end);
        }
        holes.len() == self.holes.len()
            && is_same_literal(text.get(end..), self.text.get(last_end..))
    }
}

/// Whether two lines have the same between two values, and templates have it as a literal.
fn is_same_literal(text: Option<&[u8]>, last: Option<&[u8]>) -> bool {
    text == last && text.is_some_and(|literal| literal.len() <= LITERAL_BYTES_MAX)
}
