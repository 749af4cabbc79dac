//! The names of a line's members, and what is read from them.
//!
//! What was found out about the names of one line is kept for the next, which has the same in
//! nearly all files.

use super::member_map::{Field, MemberMap};
use super::string;
use std::borrow::Cow;
use std::collections::HashSet;

/// Up to so many names, comparing each with each is cheaper than a set.
const PAIRWISE_MAX: usize = 24;

/// A member's name.
#[derive(Debug)]
pub(super) struct Name<'a> {
    /// As the line spells it.
    quoted: &'a str,
    /// What it says; its spelling, if that is no text.
    pub(super) text: Cow<'a, str>,
    /// What is read from the member.
    pub(super) field: Option<Field>,
    /// Whether another member of the line with this name follows, which is the one that counts.
    pub(super) is_repeated: bool,
}

/// The names of a line.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// The names, from left to right.
    pub(super) list: Vec<Name<'a>>,
    /// Whether one of them stands there more than once.
    pub(super) has_duplicates: bool,
    is_changed: bool,
}

impl<'a> Names<'a> {
    /// Sets the name at `index` of the line that is being read; it may be that of the last line.
    #[inline]
    pub(super) fn set(&mut self, index: usize, quoted: &'a str, map: &MemberMap) {
        if self.list.get(index).is_none_or(|name| name.quoted != quoted) {
            self.change(index, quoted, map);
        }
    }

    /// Ends the line after `length` names.
    pub(super) fn finish(&mut self, length: usize) {
        self.is_changed |= length < self.list.len();
        self.list.truncate(length);
        if std::mem::take(&mut self.is_changed) {
            self.find_duplicates();
        }
    }

    fn change(&mut self, index: usize, quoted: &'a str, map: &MemberMap) {
        self.is_changed = true;
        let text = string::unquote(quoted).unwrap_or(Cow::Borrowed(quoted));
        let field = map.field(&text);
        let name = Name { quoted, text, field, is_repeated: false };
        match self.list.get_mut(index) {
            Some(place) => *place = name,
            None => self.list.push(name),
        }
    }

    fn find_duplicates(&mut self) {
        self.has_duplicates = false;
        for name in &mut self.list {
            name.is_repeated = false;
        }
        let is_new = |(index, name): (usize, &Name<'_>)| {
            self.list.iter().take(index).all(|other| other.text != name.text)
        };
        if self.list.len() <= PAIRWISE_MAX && self.list.iter().enumerate().all(is_new) {
            return;
        }
        let mut seen = HashSet::with_capacity(self.list.len());
        for name in self.list.iter_mut().rev() {
            name.is_repeated = !seen.insert(&*name.text);
            self.has_duplicates |= name.is_repeated;
        }
    }
}
