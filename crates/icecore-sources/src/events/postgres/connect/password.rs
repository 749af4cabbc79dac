//! Passwords, and where they come from.

use super::environment::Environment;
use super::parameters::Parameters;
use super::password_file::PasswordFile;
use super::servers::{Place, SOCKET_DIRECTORIES, Server};
use super::settings_error::SettingsError;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A password. Nothing shows it.
#[derive(Clone)]
pub(super) struct Password {
    pub(super) secret: Zeroizing<String>,
    pub(super) origin: PasswordOrigin,
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Password({})", self.origin)
    }
}

/// Where a password was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PasswordOrigin {
    Variable,
    Service { path: PathBuf },
    File { path: PathBuf, line: usize },
}

impl fmt::Display for PasswordOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => formatter.write_str("the environment variable PGPASSWORD"),
            Self::Service { path } => write!(formatter, "the service file {}", path.display()),
            Self::File { path, line } => {
                write!(formatter, "line {line} of the password file {}", path.display())
            }
        }
    }
}

/// The password file, whether it is there or not.
#[derive(Clone, Debug)]
pub(super) struct LookedIn {
    pub(super) path: Option<PathBuf>,
    pub(super) is_there: bool,
}

impl fmt::Display for LookedIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PGPASSWORD is not set, ")?;
        match &self.path {
            None => formatter.write_str("and there is no home directory with a password file"),
            Some(path) if self.is_there => {
                write!(formatter, "and no line of the password file {} fits", path.display())
            }
            Some(path) => write!(formatter, "and there is no password file {}", path.display()),
        }
    }
}

/// Gives servers their passwords; where they were looked for. `service` is the file of the service
/// that gave the parameter `password`, if one did.
pub(super) fn give(
    servers: &mut [Server],
    parameters: &Parameters,
    service: Option<&Path>,
    [database, user]: [&str; 2],
    environment: &Environment,
) -> Result<LookedIn, SettingsError> {
    if let Some(secret) = parameters.get("password") {
        let origin = match service {
            Some(path) => PasswordOrigin::Service { path: path.to_owned() },
            None => PasswordOrigin::Variable,
        };
        let password = Password { secret: Zeroizing::new(secret.to_owned()), origin };
        for server in servers {
            server.password = Some(password.clone());
        }
        return Ok(LookedIn { path: None, is_there: false });
    }
    let path = parameters.get("passfile").map(PathBuf::from);
    let Some(path) = path.or_else(|| environment.home_file(".pgpass")) else {
        return Ok(LookedIn { path: None, is_there: false });
    };
    let file = PasswordFile::read(&path)?;
    for server in servers {
        let port = server.port.to_string();
        let found = file.as_ref().and_then(|file| {
            let [host, port] = [host_in_file(&server.place), port.as_str()];
            file.find([host, port, database, user])
        });
        server.password = found.map(|(secret, line)| Password {
            secret,
            origin: PasswordOrigin::File { path: path.clone(), line },
        });
    }
    Ok(LookedIn { path: Some(path), is_there: file.is_some() })
}

/// What a password file calls a server: one whose socket is where sockets are is `localhost`.
fn host_in_file(place: &Place) -> &str {
    match place {
        Place::Network { host, .. } => host,
        Place::Socket(directory) => match directory.to_str() {
            Some(path) if !SOCKET_DIRECTORIES.contains(&path) => path,
            _ => "localhost",
        },
    }
}
