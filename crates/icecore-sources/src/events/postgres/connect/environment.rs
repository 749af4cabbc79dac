//! What is around a connection: the caller reads it, this library never does.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What libpq would ask the system for.
#[derive(Clone, Default)]
pub struct Environment {
    /// The environment variables whose names begin with `PG`, and `PATH`, where PostgreSQL's own
    /// programs are looked for. There is no directory of the system for service files other than
    /// `PGSYSCONFDIR`.
    pub variables: BTreeMap<String, String>,
    /// The home directory, where password file, service file and certificates are looked for.
    pub home: Option<PathBuf>,
    /// The user's name on the system: the role, where none is given.
    pub user: Option<String>,
}

impl Environment {
    /// A variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A file in the home directory.
    pub(super) fn home_file(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }
}

/// Names only: one of the values is a password.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("user", &self.user)
            .finish()
    }
}
