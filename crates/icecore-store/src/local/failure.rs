//! What the operating system's errors mean to the caller of a store.
//!
//! The same error means different things at different steps: a missing directory on the way to
//! an object that is read makes that object `NotFound`, on the way to one that is written it is a
//! damaged store.

use rustix::io::Errno;

use crate::{BoxError, StoreError, StoreErrorKind};

/// A failed step, not yet saying of which object.
#[derive(Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    source: Option<BoxError>,
}

impl Failure {
    pub(super) fn new(kind: StoreErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// Looking for, reading or deleting something failed.
    pub(super) fn finding(errno: Errno) -> Self {
        let kind = match errno {
            // A file or a symbolic link where a directory would be: below it, there is no object.
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP => StoreErrorKind::NotFound,
            other => kind_of(other),
        };
        Self { kind, source: Some(errno.into()) }
    }

    /// Something before the object got its name failed: nothing is stored.
    ///
    /// `Transient` is kept though it says less: the caller learns that trying again may help.
    pub(super) fn preparing(errno: Errno) -> Self {
        Self { kind: kind_of(errno), source: Some(errno.into()) }
    }

    /// Giving the object its name failed: nothing is stored, unless this is `Transient`.
    pub(super) fn publishing(errno: Errno) -> Self {
        let kind = match kind_of(errno) {
            // The disk or the server failed in the middle; it may have kept the name or not.
            StoreErrorKind::Permanent => StoreErrorKind::Transient,
            known => known,
        };
        Self { kind, source: Some(errno.into()) }
    }

    /// Making a change of names durable failed: it is done, and a power cut may undo it.
    pub(super) fn settling(errno: Errno) -> Self {
        Self { kind: StoreErrorKind::Transient, source: Some(errno.into()) }
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.kind == StoreErrorKind::NotFound
    }

    /// Completes the error that `make` makes for this failure's kind.
    pub(super) fn onto(self, make: impl FnOnce(StoreErrorKind) -> StoreError) -> StoreError {
        let error = make(self.kind);
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

impl From<StoreErrorKind> for Failure {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// The error number inside an error of the standard library.
pub(super) fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn kind_of(errno: Errno) -> StoreErrorKind {
    match errno {
        Errno::EXIST => StoreErrorKind::AlreadyExists,
        Errno::ACCESS | Errno::PERM => StoreErrorKind::Denied,
        Errno::NOSPC | Errno::DQUOT => StoreErrorKind::NoSpace,
        Errno::ROFS => StoreErrorKind::ReadOnly,
        // Something ran out, or a file server was away: memory, open files, time.
        Errno::AGAIN
        | Errno::BUSY
        | Errno::INTR
        | Errno::MFILE
        | Errno::NFILE
        | Errno::NOBUFS
        | Errno::NOMEM
        | Errno::STALE
        | Errno::TIMEDOUT => StoreErrorKind::Transient,
        _ => StoreErrorKind::Permanent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_while_publishing_or_settling_is_never_called_permanent() {
        assert_eq!(Failure::preparing(Errno::IO).kind, StoreErrorKind::Permanent);
        assert_eq!(Failure::publishing(Errno::IO).kind, StoreErrorKind::Transient);
        assert_eq!(Failure::publishing(Errno::NOSPC).kind, StoreErrorKind::NoSpace);
        assert_eq!(Failure::settling(Errno::NOSPC).kind, StoreErrorKind::Transient);
    }

    #[test]
    fn a_missing_directory_hides_what_is_read_and_breaks_what_is_written() {
        assert_eq!(Failure::finding(Errno::NOENT).kind, StoreErrorKind::NotFound);
        assert_eq!(Failure::finding(Errno::NOTDIR).kind, StoreErrorKind::NotFound);
        assert_eq!(Failure::preparing(Errno::NOENT).kind, StoreErrorKind::Permanent);
        assert_eq!(Failure::preparing(Errno::NOTDIR).kind, StoreErrorKind::Permanent);
    }

    #[test]
    fn full_forbidden_and_read_only_are_told_apart() {
        assert_eq!(kind_of(Errno::NOSPC), StoreErrorKind::NoSpace);
        assert_eq!(kind_of(Errno::DQUOT), StoreErrorKind::NoSpace);
        assert_eq!(kind_of(Errno::ACCESS), StoreErrorKind::Denied);
        assert_eq!(kind_of(Errno::PERM), StoreErrorKind::Denied);
        assert_eq!(kind_of(Errno::ROFS), StoreErrorKind::ReadOnly);
        assert_eq!(kind_of(Errno::MFILE), StoreErrorKind::Transient);
        assert_eq!(kind_of(Errno::IO), StoreErrorKind::Permanent);
    }
}
