//! What a server answers, as what a store reports.
//!
//! Only a move gives an object its name, so only a move may have happened although it failed: the one
//! that it makes is [`Failure::of_move`]. What a server refuses of anything before changes nothing.

use http::StatusCode;

use crate::{BoxError, StoreError, StoreErrorKind};

/// Why a request was not fulfilled.
#[derive(Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    cause: Option<BoxError>,
}

impl Failure {
    pub(super) fn new(kind: StoreErrorKind, cause: impl Into<BoxError>) -> Self {
        Self { kind, cause: Some(cause.into()) }
    }

    /// No answer came, or not all of it.
    pub(super) fn unanswered(error: reqwest::Error) -> Self {
        Self::new(StoreErrorKind::Transient, error.without_url())
    }

    /// Why something was not read, listed or put under the name that nobody reads.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => StoreErrorKind::NotFound,
            _ => refused(status),
        };
        Self::new(kind, words(status))
    }

    /// Why an object is not known to have its name.
    pub(super) fn of_move(status: StatusCode) -> Self {
        let kind = match status {
            StatusCode::PRECONDITION_FAILED => StoreErrorKind::AlreadyExists,
            // What was to be moved, or the directory that it was to be moved to, is not there: somebody
            // removed it, or a proxy asked twice.
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::CONFLICT => {
                StoreErrorKind::Transient
            }
            // "Accepted" is a promise, and an answer for several files tells what went wrong.
            _ if status.is_success() => StoreErrorKind::Transient,
            _ => refused(status),
        };
        Self::new(kind, words(status))
    }

    /// What a caller may do about it.
    pub(super) fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// As an error of a stream that somebody else reads.
    pub(super) fn into_io(self) -> std::io::Error {
        match self.cause {
            Some(cause) => std::io::Error::new(std::io::ErrorKind::ConnectionAborted, cause),
            None => std::io::ErrorKind::ConnectionAborted.into(),
        }
    }

    /// As an error of a store, which `of` makes.
    pub(super) fn onto(self, of: impl FnOnce(StoreErrorKind) -> StoreError) -> StoreError {
        let error = of(self.kind);
        match self.cause {
            Some(cause) => error.with_source(cause),
            None => error,
        }
    }
}

impl From<StoreErrorKind> for Failure {
    fn from(kind: StoreErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

/// What a status means that means the same for every request.
fn refused(status: StatusCode) -> StoreErrorKind {
    let is_later = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::LOCKED
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS
    );
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => StoreErrorKind::Denied,
        StatusCode::INSUFFICIENT_STORAGE => StoreErrorKind::NoSpace,
        StatusCode::RANGE_NOT_SATISFIABLE => StoreErrorKind::TooShort,
        StatusCode::NOT_IMPLEMENTED => StoreErrorKind::Permanent,
        _ if is_later || status.is_server_error() => StoreErrorKind::Transient,
        _ => StoreErrorKind::Permanent,
    }
}

fn words(status: StatusCode) -> String {
    if status.is_redirection() {
        return format!("the server answers {status}: the repository has another address");
    }
    format!("the server answers {status}")
}
