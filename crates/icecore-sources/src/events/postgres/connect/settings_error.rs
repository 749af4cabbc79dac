//! Why a text is no settings of a connection.

use std::io;
use std::path::PathBuf;

/// What is wrong with settings. No message shows a value of them: a password may have slipped in
/// anywhere.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Neither a URL nor keywords.
    #[error(
        "a PostgreSQL source is a URL such as postgres://db.example/shop, or keywords such as \
         'postgres:host=db.example dbname=shop'"
    )]
    Scheme,
    /// There is a password where everyone can read it.
    #[error(
        "the source has a password in it, which other users can see and logs keep: give it in a \
         password file (~/.pgpass, mode 0600), in a service file (~/.pg_service.conf and \
         service=NAME), or in the environment variable PGPASSWORD; where it is no password, \
         percent-encode '@' as %40"
    )]
    Password,
    /// A parameter that PostgreSQL's client library does not know.
    #[error("there is no connection parameter '{name}'")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// A parameter that has no effect here.
    #[error("the connection parameter '{parameter}' is not supported with this value")]
    Unsupported {
        /// Its name.
        parameter: &'static str,
    },
    /// A value that is none of its parameter.
    #[error("the connection parameter '{parameter}' is none of what it can be: {expected}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// What it can be.
        expected: String,
    },
    /// The URL cannot be read.
    #[error("the URL of the source is wrong: {what}")]
    Url {
        /// What is wrong.
        what: &'static str,
    },
    /// The keywords cannot be read.
    #[error("the keywords of the source are wrong {place}: {what}")]
    Keywords {
        /// Where.
        place: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Lists of hosts, addresses and ports that do not fit each other.
    #[error("there are {hosts} hosts and {others} of '{parameter}', which must be one for each")]
    Count {
        /// The list that does not fit.
        parameter: &'static str,
        /// How many hosts there are.
        hosts: usize,
        /// How many it has.
        others: usize,
    },
    /// No role is named.
    #[error("no role is given, and the name of the system's user is not known: add user=NAME")]
    NoUser,
    /// System certificates without a check of the name are worth nothing.
    #[error("sslrootcert=system trusts everyone's certificates, so it needs sslmode=verify-full")]
    SystemRootsNeedNames,
    /// Direct TLS is TLS.
    #[error("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full")]
    DirectNeedsTls,
    /// A file cannot be read.
    #[error("cannot read the {what} {}", path.display())]
    Read {
        /// What it is.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No service file has the service.
    #[error("the service '{service}' is in no service file (looked in {looked})")]
    NoService {
        /// Its name.
        service: String,
        /// Where it was looked for.
        looked: String,
    },
    /// A line of a service file is wrong.
    #[error("line {line} of the service file {} is wrong: {what}", path.display())]
    ServiceLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A parameter in a service file is wrong.
    #[error("line {line} of the service file {} has a wrong parameter", path.display())]
    ServiceParameter {
        /// The file.
        path: PathBuf,
        /// The line, counted from one.
        line: usize,
        /// Which, and why.
        source: Box<SettingsError>,
    },
    /// Others may read or write the password file.
    #[error(
        "the password file {path} has mode {mode:04o}, so others may read it, and it is not used: \
         run chmod 0600 {path}",
        path = path.display()
    )]
    PasswordFileMode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}
