//! What a store can fail with, sorted by what a caller may do about it.
//!
//! A message names the step and the thing. The cause is the error's `source()`, to be printed once
//! by whoever prints the chain.

use std::error::Error;
use std::fmt;

use crate::ObjectName;

/// Any error, as the cause of a [`StoreError`].
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A request that a store did not fulfil.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {subject}: {kind}")]
pub struct StoreError {
    kind: StoreErrorKind,
    operation: Operation,
    subject: Subject,
    place: String,
    source: Option<BoxError>,
}

impl StoreError {
    /// A request for one object failed.
    pub fn of_object(
        kind: StoreErrorKind,
        operation: Operation,
        name: &ObjectName,
        place: impl Into<String>,
    ) -> Self {
        let subject = Subject::Object(name.clone());
        Self { kind, operation, subject, place: place.into(), source: None }
    }

    /// A listing of `prefix` failed.
    pub fn of_listing(kind: StoreErrorKind, prefix: &str, place: impl Into<String>) -> Self {
        let subject = Subject::Prefix(prefix.to_owned());
        Self { kind, operation: Operation::List, subject, place: place.into(), source: None }
    }

    /// The store as a whole could not be created or opened.
    pub fn of_place(kind: StoreErrorKind, operation: Operation, place: impl Into<String>) -> Self {
        let place = place.into();
        Self { kind, operation, subject: Subject::Place(place.clone()), place, source: None }
    }

    /// The same error, with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a caller may do about it.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The step that failed.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The object that was asked for, unless this was a listing or about the store as a whole.
    pub fn object(&self) -> Option<&ObjectName> {
        match &self.subject {
            Subject::Object(name) => Some(name),
            Subject::Prefix(_) | Subject::Place(_) => None,
        }
    }

    /// The prefix that was listed, if this was a listing.
    pub fn prefix(&self) -> Option<&str> {
        match &self.subject {
            Subject::Prefix(prefix) => Some(prefix),
            Subject::Object(_) | Subject::Place(_) => None,
        }
    }

    /// Which store failed, as [`Store::place`](crate::Store::place) has it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether the write may have happened all the same, now or later.
    ///
    /// Then only a read can tell: put again, and on `AlreadyExists` compare what is there with what
    /// was put. After any other failure nothing was written, and nothing will be.
    pub fn outcome_unknown(&self) -> bool {
        self.operation.is_write() && self.kind == StoreErrorKind::Transient
    }
}

/// The kinds of failure, told apart by what a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The object or the store is not there. Go on without it, or report it as missing.
    NotFound,
    /// The name is taken, and what is there is durable. Take another name, or read it.
    AlreadyExists,
    /// The storage knows who asks and refuses. A person has to grant it.
    Denied,
    /// The disk or the quota is full. Make room, then go on; nothing was written.
    NoSpace,
    /// The storage takes no writes. Reading still works.
    ReadOnly,
    /// The object is larger than the caller was ready to hold. Nothing was allocated for it.
    TooLarge,
    /// The object ends before the range that was asked for: it is damaged, or not what it seemed.
    TooShort,
    /// It may work when tried again. A write that failed so may still have landed, or land later.
    Transient,
    /// Trying again will not help: the hardware, the file system or the request is at fault.
    Permanent,
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotFound => "it is not there",
            Self::AlreadyExists => "the name is taken",
            Self::Denied => "the storage denies it",
            Self::NoSpace => "no space left on the storage",
            Self::ReadOnly => "the storage is read-only",
            Self::TooLarge => "it is larger than what is accepted here",
            Self::TooShort => "it ends before the range that was asked for",
            Self::Transient => "the storage failed, perhaps only for the moment",
            Self::Permanent => "the storage failed",
        })
    }
}

/// What was asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// Make an empty store.
    Create,
    /// Open a store.
    Open,
    /// [`Store::put_new`](crate::Store::put_new).
    PutNew,
    /// [`Store::get`](crate::Store::get).
    Get,
    /// [`Store::get_range`](crate::Store::get_range).
    GetRange,
    /// [`Store::list`](crate::Store::list).
    List,
    /// [`Store::delete`](crate::Store::delete).
    Delete,
}

impl Operation {
    /// Whether it changes what is stored.
    pub fn is_write(self) -> bool {
        matches!(self, Self::Create | Self::PutNew | Self::Delete)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::PutNew => "write",
            Self::Get | Self::GetRange => "read",
            Self::List => "list",
            Self::Delete => "delete",
        })
    }
}

/// What the failed step was about.
#[derive(Debug)]
enum Subject {
    Object(ObjectName),
    Prefix(String),
    Place(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(name) => fmt::Display::fmt(name, formatter),
            Self::Prefix(prefix) if prefix.is_empty() => formatter.write_str("all objects"),
            Self::Prefix(text) | Self::Place(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_step_and_the_thing_and_leaves_the_cause_to_source() {
        let name: ObjectName = "packs/0f/1".parse().unwrap();
        let error =
            StoreError::of_object(StoreErrorKind::NoSpace, Operation::PutNew, &name, "/srv/backup")
                .with_source("ENOSPC");
        assert_eq!(error.to_string(), "cannot write packs/0f/1: no space left on the storage");
        assert_eq!(error.source().unwrap().to_string(), "ENOSPC");
        assert_eq!((error.object(), error.prefix()), (Some(&name), None));
        assert_eq!(error.place(), "/srv/backup");

        let error = StoreError::of_listing(StoreErrorKind::Denied, "", "/srv/backup");
        assert_eq!(error.to_string(), "cannot list all objects: the storage denies it");
        let error = StoreError::of_place(StoreErrorKind::NotFound, Operation::Open, "/srv/backup");
        assert_eq!(error.to_string(), "cannot open /srv/backup: it is not there");
    }

    #[test]
    fn only_a_write_that_failed_transiently_may_have_happened() {
        let name: ObjectName = "config".parse().unwrap();
        let unknown = |kind, operation| {
            StoreError::of_object(kind, operation, &name, "memory").outcome_unknown()
        };
        assert!(unknown(StoreErrorKind::Transient, Operation::PutNew));
        assert!(unknown(StoreErrorKind::Transient, Operation::Delete));
        assert!(!unknown(StoreErrorKind::Transient, Operation::Get));
        assert!(!unknown(StoreErrorKind::Permanent, Operation::PutNew));
    }
}
