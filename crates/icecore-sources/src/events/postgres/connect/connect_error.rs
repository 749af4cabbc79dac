//! Why there is no connection, in words for whoever has to bring it about.

use super::tls::TlsFileError;
use std::error::Error;

/// What another library or the system said.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why there is no connection. Servers are named as they were looked for.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are what the messages say")]
#[non_exhaustive]
pub enum ConnectError {
    /// Certificates or keys of our own are wrong.
    #[error("cannot encrypt connections as the settings say")]
    TlsFiles(#[from] TlsFileError),
    /// The host has no address.
    #[error("the host '{host}' is not found: is its name right, and does name resolution work?")]
    HostNotFound { host: String, source: Cause },
    /// Nobody listens.
    #[error("nobody listens at {server}: does the server run, and is this its port?")]
    Refused { server: String, source: Cause },
    /// There is no socket.
    #[error(
        "there is no socket {server}: does the server run on this machine, and is this the \
         directory of its sockets, and its port?"
    )]
    NoSocket { server: String, source: Cause },
    /// The network does not get there.
    #[error("cannot reach {server}")]
    Unreachable { server: String, source: Cause },
    /// It took too long.
    #[error(
        "{server} did not answer within {seconds} seconds (connect_timeout): is a firewall in \
         between, or is the server overloaded?"
    )]
    TimedOut { server: String, seconds: u64 },
    /// The server ended the connection without a reason.
    #[error("{server} closed the connection before it was made: see the server's log")]
    Closed { server: String },
    /// The password is wrong.
    #[error(
        "the password of the role '{user}' is wrong at {server}, or there is no such role; it came \
         from {origin}"
    )]
    PasswordWrong { server: String, user: String, origin: String, source: Cause },
    /// No password is known.
    #[error("{server} wants a password for the role '{user}', and there is none: {looked}")]
    PasswordMissing { server: String, user: String, looked: String },
    /// `pg_hba.conf` does not let the role in.
    #[error(
        "{server} does not let the role '{user}' connect to '{database}' from here like this: its \
         pg_hba.conf has no entry for it, or one that rejects it"
    )]
    NotAdmitted { server: String, user: String, database: String, source: Cause },
    /// Another way than a password was to show who we are, and it did not.
    #[error("{server} does not take it that we are the role '{user}'")]
    NotAuthenticated { server: String, user: String, source: Cause },
    /// The server asks for something that is not supported.
    #[error("{server} wants a way of authentication that is not supported or not allowed")]
    Authentication { server: String, source: Cause },
    /// There is no such role.
    #[error("there is no role '{user}' at {server}, or it may not log in")]
    RoleMissing { server: String, user: String, source: Cause },
    /// There is no such database.
    #[error("there is no database '{database}' at {server}")]
    DatabaseMissing { server: String, database: String, source: Cause },
    /// The role may not use the database.
    #[error("the role '{user}' may not connect to the database '{database}' at {server}")]
    DatabaseForbidden { server: String, user: String, database: String, source: Cause },
    /// The server does not encrypt.
    #[error(
        "{server} offers no encryption, and sslmode={mode} requires it: set ssl = on at the server"
    )]
    TlsNotOffered { server: String, mode: &'static str },
    /// Nobody whom we trust signed the certificate.
    #[error(
        "the certificate of {server} is not trusted: no root certificate that we have signed it \
         (sslrootcert)"
    )]
    CertificateUntrusted { server: String, source: Cause },
    /// The certificate is another host's.
    #[error(
        "the certificate of {server} is for another name: connect by a name that it is for, or \
         have it made for this one"
    )]
    CertificateForOtherName { server: String, source: Cause },
    /// The certificate is too old.
    #[error("the certificate of {server} has expired (or the clock of this machine is wrong)")]
    CertificateExpired { server: String, source: Cause },
    /// The certificate is too new.
    #[error("the certificate of {server} is not valid yet (or the clock of this machine is wrong)")]
    CertificateNotYetValid { server: String, source: Cause },
    /// The certificate was revoked.
    #[error("the certificate of {server} is revoked")]
    CertificateRevoked { server: String, source: Cause },
    /// The certificate is wrong in another way.
    #[error("the certificate of {server} cannot be used")]
    CertificateUnusable { server: String, source: Cause },
    /// The server wants a certificate of ours, or does not take the one that it got.
    #[error(
        "{server} wants a client certificate that it trusts (sslcert and sslkey; usual are \
         ~/.postgresql/postgresql.crt and .key)"
    )]
    ClientCertificate { server: String, source: Cause },
    /// Encryption failed in another way.
    #[error("cannot encrypt the connection to {server}")]
    Tls { server: String, source: Cause },
    /// All connections are taken.
    #[error("{server} has no connection left: all that it allows are taken (max_connections)")]
    TooManyConnections { server: String, source: Cause },
    /// The server is not ready.
    #[error("{server} takes no connections now: it is starting up, shutting down or recovering")]
    NotReady { server: String, source: Cause },
    /// The server is of another kind than is wanted.
    #[error("{server} is {found}, and target_session_attrs={wanted} is wanted")]
    OtherSession { server: String, found: &'static str, wanted: &'static str },
    /// The server refuses for a reason that is all its own.
    #[error("{server} refuses the connection (SQLSTATE {code})")]
    ServerRefused { server: String, code: String, source: Cause },
    /// The network or the server broke.
    #[error("the connection to {server} broke while it was made")]
    Broken { server: String, source: Cause },
    /// None of several servers could be connected to.
    #[error("none of {} servers could be connected to: {}", failures.len(), list(failures))]
    AllFailed { failures: Vec<ConnectError> },
}

impl ConnectError {
    /// Whether the next of several servers is to be tried. One that answered, and does not want
    /// us, would be hidden by what others say.
    pub(super) fn leads_on(&self) -> bool {
        matches!(
            self,
            Self::HostNotFound { .. }
                | Self::Refused { .. }
                | Self::NoSocket { .. }
                | Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::Closed { .. }
                | Self::Broken { .. }
                | Self::NotReady { .. }
                | Self::OtherSession { .. }
        )
    }
}

fn list(failures: &[ConnectError]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
