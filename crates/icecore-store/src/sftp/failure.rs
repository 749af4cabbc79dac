//! What a server of SFTP answers, as what a store reports.
//!
//! The protocol has few words: that a name is taken, that the disk is full and that the disk is
//! broken are all "failure". Who gets that has to look.

use openssh_sftp_client::Error;
use openssh_sftp_client::error::SftpErrorKind;

use crate::{BoxError, StoreError, StoreErrorKind};

/// Why a request was not fulfilled.
#[derive(Debug)]
pub(super) struct Failure {
    kind: StoreErrorKind,
    cause: Option<BoxError>,
    is_of_connection: bool,
}

impl Failure {
    pub(super) fn new(kind: StoreErrorKind, cause: impl Into<BoxError>) -> Self {
        Self { kind, cause: Some(cause.into()), is_of_connection: false }
    }

    /// Why there is no connection; `said` is what `ssh` said.
    pub(super) fn of_connecting(said: &str, error: Error) -> Self {
        let refusals =
            ["Permission denied", "Host key verification failed", "Too many authentication"];
        let kind = if refusals.iter().any(|refusal| said.contains(refusal)) {
            StoreErrorKind::Denied
        } else if said.contains("Could not resolve") || said.contains("Bad configuration") {
            StoreErrorKind::Permanent
        } else {
            StoreErrorKind::Transient
        };
        if said.is_empty() {
            return Self::new(kind, error);
        }
        Self::new(kind, format!("ssh: {said}"))
    }

    /// What a caller may do about it.
    pub(super) fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the connection is of no more use.
    pub(super) fn is_of_connection(&self) -> bool {
        self.is_of_connection
    }

    /// Whether the server answered with the word that says nothing.
    pub(super) fn is_unclear(error: &Error) -> bool {
        matches!(error, Error::SftpError(SftpErrorKind::Failure, _))
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
        Self { kind, cause: None, is_of_connection: false }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::SftpError(SftpErrorKind::NoSuchFile, _) => StoreErrorKind::NotFound,
            Error::SftpError(SftpErrorKind::PermDenied, _) => StoreErrorKind::Denied,
            Error::SftpError(..) | Error::UnsupportedExtension(_) => StoreErrorKind::Permanent,
            _ => StoreErrorKind::Transient,
        };
        let is_of_connection = kind == StoreErrorKind::Transient;
        Self { kind, cause: Some(error.into()), is_of_connection }
    }
}
