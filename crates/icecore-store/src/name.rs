//! Object names: what an object is stored and found under.
//!
//! A name is one or more segments of `a-z`, `0-9` and `-`, joined by `/`. So every name is a safe
//! relative path on any file system (no `..`, no case folding, no Unicode) and a plain key in any
//! object store. Names order by their bytes.
//!
//! Specified in docs/format.md, "Names".

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name, in bytes: leaves room for a long storage prefix within the 1024 bytes that object
/// stores allow for a key, and bounds the depth of directories.
pub const OBJECT_NAME_BYTES_MAX: usize = 200;

/// Where the leases of single writers are: below it are no objects of whoever keeps objects here.
pub const LEASE_PREFIX: &str = "lease/";

/// The first segment that no name has: the local store keeps unfinished writes below it.
pub(crate) const RESERVED_SEGMENT: &str = "tmp";

/// The name of an object, e.g. `packs/0f/31c2-7`. Cheap to clone.
///
/// A name must not be the beginning of another up to a `/`: where `keys` is an object, `keys/1`
/// cannot be one, since a file system has no place for both.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(Arc<str>);

impl ObjectName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `/`, or the whole name where there is none.
    pub fn first_segment(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(first, _)| first)
    }

    /// What stands after the last `/`, or the whole name where there is none.
    pub fn last_segment(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, last)| last)
    }

    /// What stands before the last `/`, or the empty string where there is none.
    pub fn directory(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(directory, _)| directory)
    }
}

impl TryFrom<&str> for ObjectName {
    type Error = NameError;

    fn try_from(name: &str) -> Result<Self, NameError> {
        check(name)?;
        Ok(Self(name.into()))
    }
}

impl TryFrom<String> for ObjectName {
    type Error = NameError;

    fn try_from(name: String) -> Result<Self, NameError> {
        check(&name)?;
        Ok(Self(name.into()))
    }
}

impl FromStr for ObjectName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::try_from(name)
    }
}

impl AsRef<str> for ObjectName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ObjectName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// Why a text is no object name, or no prefix of object names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty, or longer than [`OBJECT_NAME_BYTES_MAX`].
    #[error("an object name has 1 to {OBJECT_NAME_BYTES_MAX} bytes, not {bytes}")]
    Length {
        /// How many bytes it has.
        bytes: usize,
    },
    /// It begins or ends with `/`, or has two in a row.
    #[error("an object name has no empty segment")]
    EmptySegment,
    /// It has a character other than `a-z`, `0-9`, `-` and `/`.
    #[error("an object name consists of a-z, 0-9, - and /, not {character:?}")]
    Character {
        /// The first such character.
        character: char,
    },
    /// Its first segment is `tmp`.
    #[error("the names below {RESERVED_SEGMENT}/ are reserved for unfinished writes")]
    Reserved,
    /// A prefix is neither empty nor ends in `/`.
    #[error("a prefix of object names is empty or ends in /")]
    OpenPrefix,
}

/// Checks a prefix as [`Store::list`](crate::Store::list) takes it: empty, or a name and a `/`.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), NameError> {
    if prefix.is_empty() {
        return Ok(());
    }
    check(prefix.strip_suffix('/').ok_or(NameError::OpenPrefix)?)
}

fn is_segment_character(character: char) -> bool {
    matches!(character, 'a'..='z' | '0'..='9' | '-')
}

fn check(name: &str) -> Result<(), NameError> {
    if name.is_empty() || name.len() > OBJECT_NAME_BYTES_MAX {
        return Err(NameError::Length { bytes: name.len() });
    }
    for segment in name.split('/') {
        if let Some(character) = segment.chars().find(|&character| !is_segment_character(character))
        {
            return Err(NameError::Character { character });
        }
        if segment.is_empty() {
            return Err(NameError::EmptySegment);
        }
    }
    if name.split('/').next() == Some(RESERVED_SEGMENT) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_segments_of_small_letters_digits_and_hyphens() {
        for good in ["a", "config", "packs/0f/31c2-7", "-", "a/-/0", "tmpfile", "a/tmp"] {
            assert_eq!(ObjectName::try_from(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_could_leave_a_directory_or_mean_two_things_is_no_name() {
        for bad in ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "A", "a b", "ä", "a\0", "a_b"]
        {
            assert!(ObjectName::try_from(bad).is_err(), "{bad:?}");
        }
        assert_eq!(ObjectName::try_from("tmp/a"), Err(NameError::Reserved));
        assert_eq!(ObjectName::try_from("tmp"), Err(NameError::Reserved));
    }

    #[test]
    fn two_hundred_bytes_are_a_name_and_one_more_is_none() {
        assert!(ObjectName::try_from("a".repeat(200)).is_ok());
        let error = ObjectName::try_from("a".repeat(201)).unwrap_err();
        assert_eq!(error, NameError::Length { bytes: 201 });
    }

    #[test]
    fn a_name_splits_at_its_first_and_last_slash() {
        let name: ObjectName = "packs/0f/1".parse().unwrap();
        assert_eq!(name.first_segment(), "packs");
        assert_eq!(name.directory(), "packs/0f");
        assert_eq!(name.last_segment(), "1");
        let name: ObjectName = "config".parse().unwrap();
        assert_eq!(
            (name.first_segment(), name.directory(), name.last_segment()),
            ("config", "", "config")
        );
    }

    #[test]
    fn a_prefix_is_empty_or_a_name_and_a_slash() {
        assert_eq!(check_prefix(""), Ok(()));
        assert_eq!(check_prefix("packs/0f/"), Ok(()));
        assert_eq!(check_prefix("packs"), Err(NameError::OpenPrefix));
        assert_eq!(check_prefix("/"), Err(NameError::Length { bytes: 0 }));
        assert_eq!(check_prefix("../"), Err(NameError::Character { character: '.' }));
        assert_eq!(check_prefix("tmp/"), Err(NameError::Reserved));
    }
}
