//! Errors as programs get them: RFC 9457.
//!
//! Codes are a promise: docs/http.md.

use crate::error::CommandError;
use crate::explain::{self, Explanation};
use crate::output::steps;
use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use icecore::check::CheckError;
use icecore::error::ReadError;
use icecore::recover::{RecoverError, StatesError};
use icecore::restore::{RestoreError, RestoreStep};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::ToSchema;

/// What the body of an error is.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which a job that was one too many may be tried again.
const RETRY_AFTER_SECONDS: u16 = 5;

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    code: Code,
    detail: String,
    causes: Vec<String>,
    hint: Option<String>,
}

/// What went wrong (RFC 9457)
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView<'a> {
    /// `urn:icecore:problem:` and the code
    #[serde(rename = "type")]
    kind: String,
    /// The code in words
    title: &'static str,
    /// The status of the answer
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What programs tell errors apart by
    code: &'static str,
    /// What went wrong here
    detail: &'a str,
    /// Why, from the nearest cause to the farthest
    causes: &'a [String],
    /// What to do about it
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<&'a str>,
}

/// What ended a job, in the words of the command
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct JobError {
    /// What programs tell errors apart by
    code: &'static str,
    /// The exit code of the command
    exit_code: u8,
    /// What went wrong
    message: String,
    /// Why, from the nearest cause to the farthest
    causes: Vec<String>,
    /// What to do about it
    hint: Option<String>,
}

/// Kinds of errors: what a code is in a status and in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    BadRequest,
    Unauthorized,
    NotFound,
    NoJob,
    NoSnapshot,
    NoStream,
    NoSource,
    MethodNotAllowed,
    Concurrency,
    TooLarge,
    UnsupportedMediaType,
    WrongHost,
    InvalidRequest,
    TooManyJobs,
    Ending,
    Damaged,
    Failed,
    Incomplete,
    NotProven,
    Cancelled,
    Internal,
}

impl Code {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as Status;
        match self {
            Self::BadRequest => (Status::BAD_REQUEST, "bad_request", "The request is malformed"),
            Self::Unauthorized => (Status::UNAUTHORIZED, "unauthorized", "The token is missing"),
            Self::NotFound => (Status::NOT_FOUND, "not_found", "There is nothing here"),
            Self::NoJob => (Status::NOT_FOUND, "no_job", "There is no such job"),
            Self::NoSnapshot => (Status::NOT_FOUND, "no_snapshot", "There is no such snapshot"),
            Self::NoStream => (Status::NOT_FOUND, "no_stream", "There is no such stream"),
            Self::NoSource => (Status::NOT_FOUND, "no_source", "There is no such source"),
            Self::MethodNotAllowed => (
                Status::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "This cannot be done with what is here",
            ),
            Self::Concurrency => (Status::CONFLICT, "concurrency", "Another was in the way"),
            Self::TooLarge => (Status::PAYLOAD_TOO_LARGE, "too_large", "The body is too large"),
            Self::UnsupportedMediaType => (
                Status::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body is of another kind",
            ),
            Self::WrongHost => {
                (Status::MISDIRECTED_REQUEST, "wrong_host", "This is not the host that was named")
            }
            Self::InvalidRequest => {
                (Status::UNPROCESSABLE_ENTITY, "invalid_request", "The request makes no sense")
            }
            Self::TooManyJobs => {
                (Status::TOO_MANY_REQUESTS, "too_many_jobs", "Too many jobs are waiting")
            }
            Self::Ending => (Status::SERVICE_UNAVAILABLE, "ending", "The server is ending"),
            Self::Damaged => (Status::INTERNAL_SERVER_ERROR, "damaged", "Damage was found"),
            Self::Failed => (Status::INTERNAL_SERVER_ERROR, "failed", "It did not work"),
            Self::Incomplete => (Status::OK, "incomplete", "The snapshot lacks part of its source"),
            Self::NotProven => (Status::OK, "not_proven", "A check of the drill failed"),
            Self::Cancelled => (Status::OK, "cancelled", "It was asked to stop"),
            Self::Internal => {
                (Status::INTERNAL_SERVER_ERROR, "internal", "The server made a mistake")
            }
        }
    }

    fn of(error: &CommandError, explanation: &Explanation) -> Self {
        match error {
            CommandError::Find(_) => Self::NoSnapshot,
            CommandError::States(StatesError::Unknown { .. }) => Self::NoSource,
            CommandError::States(_) => Self::InvalidRequest,
            CommandError::Incomplete { .. } => Self::Incomplete,
            CommandError::NotProven { .. } => Self::NotProven,
            CommandError::Damaged { .. } | CommandError::TailGaps { .. } => Self::Damaged,
            CommandError::Read(error)
            | CommandError::Check(CheckError::Read(error))
            | CommandError::Recover(RecoverError::Read(error)) => Self::of_read(error),
            CommandError::Restore(error) | CommandError::Recover(RecoverError::Restore(error)) => {
                Self::of_restore(error)
            }
            _ => match explanation.code {
                explain::USAGE => Self::InvalidRequest,
                explain::CONCURRENCY => Self::Concurrency,
                explain::INTERRUPTED => Self::Cancelled,
                _ => Self::Failed,
            },
        }
    }

    fn of_read(error: &ReadError) -> Self {
        match error {
            ReadError::Shared(error) => Self::of_read(error),
            ReadError::Store(_) | ReadError::NotAllowed { .. } => Self::Failed,
            _ => Self::Damaged,
        }
    }

    fn of_restore(error: &RestoreError) -> Self {
        match error.step() {
            RestoreStep::Read(error) => Self::of_read(error),
            RestoreStep::Stopped(_) => Self::Cancelled,
            RestoreStep::NoStream => Self::NoStream,
            _ => Self::Failed,
        }
    }
}

impl Problem {
    pub(super) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into().into_owned(), causes: Vec::new(), hint: None }
    }

    /// As programs get it.
    pub(super) fn view(&self) -> ProblemView<'_> {
        let (status, code, title) = self.code.parts();
        ProblemView {
            kind: format!("urn:icecore:problem:{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: &self.detail,
            causes: &self.causes,
            hint: self.hint.as_deref(),
        }
    }

    pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(Code::Unauthorized, "this needs the header `Authorization: Bearer TOKEN`")
    }

    pub(super) fn wrong_host() -> Self {
        Self::new(Code::WrongHost, "the server is asked by the loopback address that it listens on")
    }
}

impl JobError {
    /// What ended a job, and whether that was a wish.
    pub(super) fn new(error: &CommandError) -> (Self, bool) {
        let explanation = explain::explain(error);
        let code = Code::of(error, &explanation);
        let mut steps = steps(error).into_iter();
        let error = Self {
            code: code.parts().1,
            exit_code: explanation.code,
            message: steps.next().unwrap_or_default(),
            causes: steps.collect(),
            hint: explanation.hint,
        };
        (error, code == Code::Cancelled)
    }

    /// What ended a job that panicked.
    pub(super) fn internal() -> Self {
        let (_, code, title) = Code::Internal.parts();
        Self { code, exit_code: 1, message: title.to_owned(), causes: Vec::new(), hint: None }
    }
}

impl<E: Into<CommandError>> From<E> for Problem {
    fn from(error: E) -> Self {
        let error = error.into();
        let explanation = explain::explain(&error);
        let code = Code::of(&error, &explanation);
        let mut steps = steps(&error).into_iter();
        let detail = steps.next().unwrap_or_default();
        Self { code, detail, causes: steps.collect(), hint: explanation.hint }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, ..) = self.code.parts();
        let mut response = (status, Json(self.view())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let further: Option<(HeaderName, HeaderValue)> = match status {
            StatusCode::UNAUTHORIZED => {
                Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            StatusCode::TOO_MANY_REQUESTS => Some((RETRY_AFTER, RETRY_AFTER_SECONDS.into())),
            _ => None,
        };
        headers.extend(further);
        response
    }
}
