//! What the client reports as what a store reports.
//!
//! A write that may have happened is `Transient`, and what is told to be refused is not. So the
//! question after each failed write is whether the service refused it, and its last answer tells:
//! one of the 400s, but for those that mean "later", is a refusal; anything else leaves it open.

use std::error::Error as _;

use http::StatusCode;
use opendal::{Error, ErrorKind};

use super::operator::Request;
use crate::{BoxError, StoreError, StoreErrorKind};

/// Why a request was not fulfilled.
#[derive(Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    cause: Option<BoxError>,
    is_of_place: bool,
}

impl Failure {
    pub(super) fn new(kind: StoreErrorKind, cause: impl Into<BoxError>) -> Self {
        Self { kind, cause: Some(cause.into()), is_of_place: false }
    }

    /// What is wrong with settings, before any request.
    pub(super) fn of_settings(error: &Error) -> Self {
        Self::new(StoreErrorKind::Permanent, said_with_causes(error))
    }

    /// Why something was not read, or not listed.
    pub(super) fn of_read(error: &Error, request: &Request) -> Self {
        let words = words(error, request);
        if is_of_place(&words) {
            return Self { is_of_place: true, ..Self::new(StoreErrorKind::NotFound, words) };
        }
        let kind = match error.kind() {
            ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
                StoreErrorKind::NotFound
            }
            ErrorKind::RangeNotSatisfied => StoreErrorKind::TooShort,
            _ if request.answers.last() == Some(StatusCode::RANGE_NOT_SATISFIABLE) => {
                StoreErrorKind::TooShort
            }
            _ => told(error, request).unwrap_or(if error.is_temporary() {
                StoreErrorKind::Transient
            } else {
                StoreErrorKind::Permanent
            }),
        };
        Self::new(kind, words)
    }

    /// Why a put or a delete is not known to have happened.
    pub(super) fn of_write(error: &Error, request: &Request) -> Self {
        let words = words(error, request);
        if is_of_place(&words) {
            return Self { is_of_place: true, ..Self::new(StoreErrorKind::NotFound, words) };
        }
        let kind = match error.kind() {
            ErrorKind::ConditionNotMatch | ErrorKind::AlreadyExists => {
                StoreErrorKind::AlreadyExists
            }
            _ if request.answers.last() == Some(StatusCode::PRECONDITION_FAILED) => {
                StoreErrorKind::AlreadyExists
            }
            // Another put of the name is on its way, or the parts are gone: because somebody cleaned
            // up, or because an earlier try put them together.
            ErrorKind::Conflict | ErrorKind::NotFound => StoreErrorKind::Transient,
            // Nothing was asked.
            ErrorKind::ConfigInvalid | ErrorKind::Unsupported => StoreErrorKind::Permanent,
            _ => told(error, request).unwrap_or(match request.answers.last() {
                Some(status) if is_refusal(status) => StoreErrorKind::Permanent,
                _ => StoreErrorKind::Transient,
            }),
        };
        Self::new(kind, words)
    }

    /// What a caller may do about it.
    pub(super) fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether it is about the bucket or container as a whole.
    pub(super) fn is_of_place(&self) -> bool {
        self.is_of_place
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
        Self { kind, cause: None, is_of_place: false }
    }
}

/// The kind, where the service said it in so many words.
fn told(error: &Error, request: &Request) -> Option<StoreErrorKind> {
    let status = request.answers.last();
    match error.kind() {
        ErrorKind::PermissionDenied if is_quota(error) => Some(StoreErrorKind::NoSpace),
        ErrorKind::PermissionDenied => Some(StoreErrorKind::Denied),
        ErrorKind::RateLimited => Some(StoreErrorKind::Transient),
        // Nobody was found to sign for, so nothing was asked. A service that hands out credentials
        // and does not answer is another matter.
        _ if is_without_credentials(error) => Some(StoreErrorKind::Denied),
        _ => match status? {
            StatusCode::UNAUTHORIZED => Some(StoreErrorKind::Denied),
            StatusCode::INSUFFICIENT_STORAGE => Some(StoreErrorKind::NoSpace),
            _ if is_quota(error) => Some(StoreErrorKind::NoSpace),
            _ => None,
        },
    }
}

/// Whether the service will not do it, now or later.
fn is_refusal(status: StatusCode) -> bool {
    let is_later = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS
    );
    // Some put a client that went away among the 400s.
    let is_gone = status.as_u16() == 499;
    status == StatusCode::NOT_IMPLEMENTED || (status.is_client_error() && !is_later && !is_gone)
}

/// Source: the lists of error codes of S3-compatible servers, which have no common one.
fn is_quota(error: &Error) -> bool {
    let message = error.message();
    ["QuotaExceeded", "XMinioStorageFull", "StorageFull", "NoSpaceLeft"]
        .iter()
        .any(|code| message.contains(code))
}

fn is_of_place(words: &str) -> bool {
    // By S3, by Azure, by Google: the last has no code of its own for it.
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
        .iter()
        .any(|code| words.contains(code))
}

/// Not where a service that hands out credentials only failed for the moment.
fn is_without_credentials(error: &Error) -> bool {
    !error.is_temporary() && said_with_causes(error).contains("load signing credential")
}

/// The cause that is told: without what surrounds it, as addresses may carry signatures.
fn words(error: &Error, request: &Request) -> String {
    if is_without_credentials(error) {
        return "no credentials were found where the provider's own programs look for them"
            .to_owned();
    }
    match (said_with_causes(error), request.answers.last()) {
        (words, Some(status)) if words.is_empty() => format!("the service answers {status}"),
        (words, _) => words,
    }
}

fn said_with_causes(error: &Error) -> String {
    let mut words = said(error.message());
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !text.is_empty() && !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}

/// Code and message of what services answer, or all of a text that is none.
fn said(text: &str) -> String {
    let field = |name: &str| {
        let (_, after) = text.split_once(&format!("{name}: \""))?;
        let (value, _) = after.split_once('"')?;
        (!value.is_empty()).then_some(value)
    };
    match (field("code"), field("message")) {
        (Some(code), Some(message)) => {
            // Azure adds the number of the request and the time below the first line.
            format!("{code}: {}", message.split("\\n").next().unwrap_or_default())
        }
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => text.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_service_says_code_and_message_are_told() {
        let s3 = r#"S3Error { code: "SlowDown", message: "Reduce your rate.", resource: "/b/k", request_id: "7" }"#;
        assert_eq!(said(s3), "SlowDown: Reduce your rate.");
        assert_eq!(said("cannot reach the service"), "cannot reach the service");
    }

    #[test]
    fn a_refusal_is_what_will_not_be_otherwise_later() {
        for status in [400, 403, 405, 413, 501] {
            assert!(is_refusal(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [200, 408, 409, 429, 499, 500, 502, 503, 504] {
            assert!(!is_refusal(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
