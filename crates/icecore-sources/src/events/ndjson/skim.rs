//! Skims JSON: finds where values end, or where text stops being JSON, in one pass.
//!
//! Exactly the grammar of RFC 8259 is accepted. Nothing is built and nothing recurses: an open
//! object or array costs one bit, so nesting is as deep as a line is long.
//!
//! Most texts have between their members' values what the text before had. That is compared, and
//! read only where it differs.

use super::grammar::{Flaw, colon_end, name_end, space_end, value_end};
use super::is_space;
use super::nesting::Nesting;
use std::mem;
use std::ops::Range;

/// The name of a member, which is not known to be that of the text before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberName {
    /// How many members precede this one.
    pub(super) index: usize,
    /// Where the name is in the text, with its quotation marks.
    pub(super) span: Range<usize>,
}

/// Skims texts one after the other.
#[derive(Debug, Default)]
pub(super) struct Skimmer<'a> {
    nesting: Nesting,
    /// The text before, if it is an object.
    last: &'a [u8],
    /// Where the values of the last object's members stand in it.
    pub(super) values: Vec<Range<usize>>,
}

impl<'a> Skimmer<'a> {
    /// Skims a text that is one value with white space around it. If that is an object, finds its
    /// members' values, and gives those of their names to `take_name` that may be others than in
    /// the text before. Returns whether it is.
    pub(super) fn skim(
        &mut self,
        text: &'a str,
        take_name: impl FnMut(MemberName),
    ) -> Result<bool, Flaw> {
        self.nesting.clear();
        let bytes = text.as_bytes();
        let start = space_end(bytes, 0);
        let is_object = bytes.get(start) == Some(&b'{');
        let end = if is_object {
            self.object_end(bytes, take_name)?
        } else {
            value_end(bytes, start, &mut self.nesting)?
        };
        let end = space_end(bytes, end);
        if end < bytes.len() {
            return Err(Flaw { at: end, what: "expected the end of the line" });
        }
        self.last = if is_object { bytes } else { &[] };
        Ok(is_object)
    }

    fn object_end(
        &mut self,
        bytes: &[u8],
        mut take_name: impl FnMut(MemberName),
    ) -> Result<usize, Flaw> {
        // Until this one is known to be whole, there is no text to compare the next with.
        let last = mem::take(&mut self.last);
        let (mut at, mut last_at, mut index) = (0, 0, 0);
        loop {
            let last_value = self.values.get(index).cloned().unwrap_or_default();
            let lead = last.get(last_at..last_value.start).unwrap_or_default();
            last_at = last_value.end;
            let start = if starts_with_lead(bytes.get(at..).unwrap_or_default(), lead) {
                at + lead.len()
            } else {
                at = space_end(bytes, at);
                let is_end = match bytes.get(at) {
                    Some(b'{') if index == 0 => {
                        at = space_end(bytes, at + 1);
                        bytes.get(at) == Some(&b'}')
                    }
                    Some(b',') if index > 0 => {
                        at = space_end(bytes, at + 1);
                        false
                    }
                    Some(b'}') => true,
                    _ => return Err(Flaw { at, what: "expected a comma or a closing brace" }),
                };
                if is_end {
                    self.values.truncate(index);
                    return Ok(at + 1);
                }
                let name_end = name_end(bytes, at, "expected a member's name or a closing brace")?;
                take_name(MemberName { index, span: at..name_end });
                colon_end(bytes, name_end)?
            };
            at = value_end(bytes, start, &mut self.nesting)?;
            match self.values.get_mut(index) {
                Some(value) => *value = start..at,
                None => self.values.push(start..at),
            }
            index += 1;
        }
    }
}

/// Whether `text` begins with `lead`, all that the text before had before a value, and goes on with
/// a value.
fn starts_with_lead(text: &[u8], lead: &[u8]) -> bool {
    let after = text.strip_prefix(lead).filter(|_| !lead.is_empty());
    after.and_then(<[u8]>::first).is_some_and(|byte| !is_space(*byte))
}
