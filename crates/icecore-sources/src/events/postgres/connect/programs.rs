//! The same connection for PostgreSQL's own programs: everything is in their environment, so that no
//! password is on a command line, where others may read it.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-envars.html>.

use super::environment::Environment;
use super::parameters::Parameters;
use super::password::PasswordOrigin;
use super::servers::Place;
use super::settings::ConnectionSettings;
use std::ffi::OsString;
use std::path::PathBuf;

/// Variables whose values are worked out, or that name what was read already.
const NOT_PASSED_ON: [&str; 9] = [
    "PGAPPNAME",
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGPASSFILE",
    "PGPORT",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLMODE",
];

/// What PostgreSQL's own programs are told beyond what settings say anyway.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    variables: Vec<(&'static str, String)>,
    home: Option<PathBuf>,
    /// Where programs are looked for.
    path: Option<String>,
}

impl Programs {
    pub(super) fn of(parameters: &Parameters, environment: &Environment) -> Self {
        let given = parameters.variables().filter(|(name, _)| !NOT_PASSED_ON.contains(name));
        Self {
            variables: given.map(|(name, value)| (name, value.to_owned())).collect(),
            home: environment.home.clone(),
            path: environment.variable("PATH").map(str::to_owned),
        }
    }
}

impl ConnectionSettings {
    /// Where programs are looked for, as `PATH` says it.
    pub(in crate::events::postgres) fn program_path(&self) -> Option<&str> {
        self.programs.path.as_deref()
    }

    /// The whole environment of a program that is to connect as these settings say. One of the
    /// values may be a password.
    pub(in crate::events::postgres) fn program_environment(&self) -> Vec<(&'static str, OsString)> {
        let list = |text: &dyn Fn(&super::servers::Server) -> OsString| {
            let texts: Vec<OsString> = self.servers.iter().map(text).collect();
            texts.join(&OsString::from(","))
        };
        let host = |server: &super::servers::Server| match &server.place {
            Place::Socket(directory) => directory.clone().into_os_string(),
            Place::Network { host, .. } => host.into(),
        };
        let address = |server: &super::servers::Server| match &server.place {
            Place::Network { address: Some(address), .. } => address.to_string().into(),
            _ => OsString::new(),
        };
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("LC_ALL", "C".into()),
            ("PGHOST", list(&host)),
            ("PGPORT", list(&|server| server.port.to_string().into())),
            ("PGDATABASE", (&self.database).into()),
            ("PGUSER", (&self.user).into()),
            ("PGSSLMODE", self.tls.mode.text().into()),
            ("PGAPPNAME", (&self.application_name).into()),
        ];
        let has_address = self.servers.iter().any(|server| !address(server).is_empty());
        variables.extend(has_address.then(|| ("PGHOSTADDR", list(&address))));
        let passwords = self.servers.iter().filter_map(|server| server.password.as_ref());
        let common = passwords.clone().find(|it| !matches!(it.origin, PasswordOrigin::File { .. }));
        match (common, &self.looked_in.path) {
            (Some(password), _) => {
                variables.push(("PGPASSWORD", password.secret.as_str().into()));
            }
            (None, Some(path)) => variables.push(("PGPASSFILE", path.into())),
            (None, None) => {}
        }
        let Programs { variables: given, home, path } = &self.programs;
        variables.extend(given.iter().map(|(name, value)| (*name, value.into())));
        variables.extend(home.as_ref().map(|home| ("HOME", home.into())));
        variables.extend(path.as_ref().map(|path| ("PATH", path.into())));
        variables
    }
}
