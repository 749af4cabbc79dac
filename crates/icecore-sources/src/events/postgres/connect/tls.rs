//! Encryption, as far as it is wanted.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-ssl.html>. Two things differ from libpq, both
//! towards caution: a certificate file that is named and missing is an error in every mode, and
//! `allow` and `prefer` do not look at root certificates, since their answer to one that does not
//! fit is to go on without encryption.

mod files;
mod verifier;

pub(super) use files::connector;

use super::environment::Environment;
use super::parameters::Parameters;
use super::settings_error::SettingsError;
use std::path::PathBuf;

/// Where libpq looks for certificates, in the home directory.
const ROOTS: &str = ".postgresql/root.crt";
const REVOKED: &str = ".postgresql/root.crl";
const CERTIFICATE: &str = ".postgresql/postgresql.crt";
const KEY: &str = ".postgresql/postgresql.key";

/// Instead of a file with root certificates: those of the system.
const SYSTEM: &str = "system";

/// How a connection is encrypted.
#[derive(Clone, Debug)]
pub(super) struct TlsSettings {
    pub(super) mode: TlsMode,
    /// Whether TLS begins without asking the server in plain text first.
    pub(super) is_direct: bool,
    sends_name: bool,
    roots: Roots,
    revoked: File,
    certificate: File,
    key: File,
}

/// libpq's `sslmode`, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TlsMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
enum Roots {
    System,
    File(File),
}

/// A file that is named, or that is used if it is there.
#[derive(Clone, Debug)]
enum File {
    Named(PathBuf),
    Usual(Option<PathBuf>),
}

/// Why a connection cannot be encrypted as the settings say, before any server is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// A file cannot be read, or is none of its kind.
    #[error("cannot read the {what} {}", path.display())]
    Read {
        /// What it is.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There are no root certificates, and the mode needs them.
    #[error(
        "sslmode={mode} needs the root certificate that the server's was signed with: name its \
         file with sslrootcert=FILE (usual is ~/.postgresql/root.crt), or take the system's with \
         sslrootcert=system"
    )]
    NoRoots {
        /// The mode.
        mode: &'static str,
    },
    /// The system has no root certificates.
    #[error("the system has no root certificates, which sslrootcert=system asks for")]
    NoSystemRoots,
    /// There is a client certificate, and no key.
    #[error("there is a client certificate {}, and no private key for it: name it with sslkey=FILE", certificate.display())]
    NoKey {
        /// The certificate.
        certificate: PathBuf,
    },
    /// Others may read the private key.
    #[error(
        "the private key {path} has mode {mode:04o}, so others may read it, and it is not used: \
         run chmod 0600 {path}",
        path = path.display()
    )]
    KeyMode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Certificates that cannot be used.
    #[error("the {what} cannot be used")]
    Unusable {
        /// Which.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl TlsSettings {
    /// What parameters say about encryption.
    pub(super) fn of(
        parameters: &Parameters,
        environment: &Environment,
    ) -> Result<Self, SettingsError> {
        let file = |name, usual| match parameters.get(name) {
            Some(path) => File::Named(PathBuf::from(path)),
            None => File::Usual(environment.home_file(usual)),
        };
        let uses_system = parameters.get("sslrootcert") == Some(SYSTEM);
        let usual = if uses_system { TlsMode::VerifyFull } else { TlsMode::Prefer };
        let choices = [
            TlsMode::Disable,
            TlsMode::Allow,
            TlsMode::Prefer,
            TlsMode::Require,
            TlsMode::VerifyCa,
            TlsMode::VerifyFull,
        ];
        let choices = choices.map(|mode| (mode.text(), mode));
        let mode = parameters.choice("sslmode", &choices)?.unwrap_or(usual);
        if uses_system && mode != TlsMode::VerifyFull {
            return Err(SettingsError::SystemRootsNeedNames);
        }
        let negotiations = [("postgres", false), ("direct", true)];
        let is_direct = parameters.choice("sslnegotiation", &negotiations)?.unwrap_or(false);
        if is_direct && mode < TlsMode::Require {
            return Err(SettingsError::DirectNeedsTls);
        }
        let roots =
            if uses_system { Roots::System } else { Roots::File(file("sslrootcert", ROOTS)) };
        Ok(Self {
            mode,
            is_direct,
            sends_name: parameters.choice("sslsni", &[("0", false), ("1", true)])?.unwrap_or(true),
            roots,
            revoked: file("sslcrl", REVOKED),
            certificate: file("sslcert", CERTIFICATE),
            key: file("sslkey", KEY),
        })
    }
}

impl TlsMode {
    /// Its name.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl File {
    /// The file, if it is named or there.
    fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Named(path) => Some(path),
            Self::Usual(path) => path.as_ref().filter(|path| path.exists()),
        }
    }
}
