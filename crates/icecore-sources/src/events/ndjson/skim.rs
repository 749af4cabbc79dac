//! Skims JSON: finds where values end, or where text stops being JSON, in one pass.
//!
//! Exactly the grammar of RFC 8259 is accepted. Nothing is built and nothing recurses: an open
//! object or array costs one bit, so nesting is as deep as a line is long.

use super::cursor::{Cursor, Flaw};
use super::nesting::Nesting;
use std::ops::Range;

/// A member of an object: where it is in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MemberSpan {
    /// The name, with its quotation marks.
    pub(super) name: Range<usize>,
    /// The value.
    pub(super) value: Range<usize>,
}

/// Skims texts one after the other.
#[derive(Debug, Default)]
pub(super) struct Skimmer {
    nesting: Nesting,
}

impl Skimmer {
    /// Skims a text that is one value with white space around it. If that is an object, gives its
    /// members to `take_member`. Returns whether it is.
    pub(super) fn skim(
        &mut self,
        text: &str,
        mut take_member: impl FnMut(MemberSpan),
    ) -> Result<bool, Flaw> {
        self.nesting.clear();
        let mut cursor = Cursor::new(text);
        cursor.skip_space();
        let is_object = cursor.take(b'{');
        if is_object {
            cursor.skip_space();
            if !cursor.take(b'}') {
                loop {
                    let start = cursor.at();
                    cursor.string("expected a member's name or a closing brace")?;
                    let name = start..cursor.at();
                    cursor.colon()?;
                    let start = cursor.at();
                    cursor.value(&mut self.nesting)?;
                    take_member(MemberSpan { name, value: start..cursor.at() });
                    cursor.skip_space();
                    if cursor.take(b'}') {
                        break;
                    }
                    if !cursor.take(b',') {
                        return Err(cursor.flaw("expected a comma or a closing brace"));
                    }
                    cursor.skip_space();
                }
            }
        } else {
            cursor.value(&mut self.nesting)?;
        }
        cursor.skip_space();
        match cursor.peek() {
            None => Ok(is_object),
            Some(_) => Err(cursor.flaw("expected the end of the line")),
        }
    }
}
