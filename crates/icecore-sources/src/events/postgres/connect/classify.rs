//! What an error of the client means for whoever has to do something about it.
//!
//! Servers say what they mean in their own language, so what decides is the SQLSTATE, and where
//! one stands for several things, the routine of the server that it comes from.
//!
//! Source: <https://www.postgresql.org/docs/18/errcodes-appendix.html>,
//! <https://www.postgresql.org/docs/18/protocol-error-fields.html>.

use super::connect_error::{Cause, ConnectError};
use super::servers::Server;
use super::settings::ConnectionSettings;
use rustls::{AlertDescription, CertificateError};
use std::error::Error;
use std::io;
use tokio_postgres::error::{DbError, SqlState};

/// The routine of a server that finds no such role, or one that may not log in.
const ROLE_ROUTINE: &str = "InitializeSessionUserId";

/// The routine of a server that looks into `pg_hba.conf`, and what its messages are about: entries,
/// or else certificates.
const ADMISSION_ROUTINE: &str = "ClientAuthentication";
const ADMISSION_FILE: &str = "pg_hba";

/// What the client says; it has no kinds for these.
const PASSWORD_MISSING: &str = "password missing";
const TLS_NOT_OFFERED: &str = "server does not support TLS";
const AUTHENTICATION: &str = "authentication error";

/// What an error of a connection to this server means.
pub(super) fn classify(
    error: tokio_postgres::Error,
    server: &Server,
    settings: &ConnectionSettings,
) -> ConnectError {
    let is_authentication = error.to_string() == AUTHENTICATION;
    let is_closed = error.is_closed();
    // What it says itself is only that there is a cause.
    let Some(cause) = error.into_source() else {
        let server = server.to_string();
        return if is_closed {
            ConnectError::Closed { server }
        } else {
            ConnectError::Broken { server, source: "the client gave up".into() }
        };
    };
    if let Some(said) = cause.downcast_ref::<DbError>() {
        let (code, routine) = (said.code().clone(), said.routine().unwrap_or_default().to_owned());
        let is_of_file = said.message().contains(ADMISSION_FILE);
        return refused(&code, &routine, is_of_file, cause, server, settings);
    }
    if let Some(tls) = tls_error(&*cause) {
        let tls = tls.clone();
        return encryption(&tls, server.to_string(), cause);
    }
    if let Some(kind) = cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        return network(kind, cause, server);
    }
    let server_name = server.to_string();
    match cause.to_string().as_str() {
        PASSWORD_MISSING => ConnectError::PasswordMissing {
            server: server_name,
            user: settings.user.clone(),
            looked: settings.looked_in.to_string(),
        },
        TLS_NOT_OFFERED => {
            ConnectError::TlsNotOffered { server: server_name, mode: settings.tls.mode.text() }
        }
        _ if is_authentication => {
            ConnectError::Authentication { server: server_name, source: cause }
        }
        _ => ConnectError::Broken { server: server_name, source: cause },
    }
}

fn refused(
    code: &SqlState,
    routine: &str,
    is_of_file: bool,
    source: Cause,
    at: &Server,
    settings: &ConnectionSettings,
) -> ConnectError {
    let server = at.to_string();
    let user = settings.user.clone();
    let database = settings.database.clone();
    if *code == SqlState::INVALID_PASSWORD {
        let origin = at.password.as_ref().map(|password| password.origin.to_string());
        let origin = origin.unwrap_or_else(|| "nowhere".to_owned());
        ConnectError::PasswordWrong { server, user, origin, source }
    } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
        match routine {
            ROLE_ROUTINE => ConnectError::RoleMissing { server, user, source },
            ADMISSION_ROUTINE if is_of_file => {
                ConnectError::NotAdmitted { server, user, database, source }
            }
            ADMISSION_ROUTINE => ConnectError::ClientCertificate { server, source },
            _ => ConnectError::NotAuthenticated { server, user, source },
        }
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        ConnectError::DatabaseMissing { server, database, source }
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        ConnectError::DatabaseForbidden { server, user, database, source }
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        ConnectError::TooManyConnections { server, source }
    } else if [SqlState::CANNOT_CONNECT_NOW, SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN]
        .contains(code)
    {
        ConnectError::NotReady { server, source }
    } else {
        ConnectError::ServerRefused { server, code: code.code().to_owned(), source }
    }
}

fn encryption(error: &rustls::Error, server: String, source: Cause) -> ConnectError {
    match error {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::UnknownIssuer => {
                ConnectError::CertificateUntrusted { server, source }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                ConnectError::CertificateForOtherName { server, source }
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ConnectError::CertificateExpired { server, source }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ConnectError::CertificateNotYetValid { server, source }
            }
            CertificateError::Revoked => ConnectError::CertificateRevoked { server, source },
            _ => ConnectError::CertificateUnusable { server, source },
        },
        // What a server says about our certificate.
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError,
        ) => ConnectError::ClientCertificate { server, source },
        _ => ConnectError::Tls { server, source },
    }
}

fn network(kind: io::ErrorKind, source: Cause, at: &Server) -> ConnectError {
    let server = at.to_string();
    match kind {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused { server, source },
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if at.socket().is_some() => {
            ConnectError::NoSocket { server, source }
        }
        io::ErrorKind::UnexpectedEof => ConnectError::Closed { server },
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            ConnectError::Broken { server, source }
        }
        _ => ConnectError::Unreachable { server, source },
    }
}

/// The error of TLS in another's causes; I/O errors do not count what they wrap as their cause.
fn tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    loop {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error = match wrapped {
            Some(wrapped) => wrapped,
            None => error.source()?,
        };
    }
}
