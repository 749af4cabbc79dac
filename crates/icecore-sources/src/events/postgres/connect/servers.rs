//! The servers that settings name, in their order.
//!
//! Source: <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS>.

use super::parameters::Parameters;
use super::password::Password;
use super::settings_error::SettingsError;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// The port where none is given.
pub(super) const DEFAULT_PORT: u16 = 5432;

/// Where systems put sockets: Debian's and Red Hat's place under both of its names, and
/// PostgreSQL's own.
pub(super) const SOCKET_DIRECTORIES: [&str; 3] = ["/run/postgresql", "/var/run/postgresql", "/tmp"];

/// A server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) place: Place,
    pub(super) port: u16,
    pub(super) password: Option<Password>,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The directory of its socket.
    Socket(PathBuf),
    /// Its name, or its address.
    Network {
        host: String,
        /// Its address, if it is not to be looked up.
        address: Option<IpAddr>,
    },
}

impl Server {
    /// The path of its socket, if it is reached by one.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Socket(directory) => Some(directory.join(format!(".s.PGSQL.{}", self.port))),
            Place::Network { .. } => None,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.socket()) {
            (Place::Network { host, .. }, _) if host.contains(':') => {
                write!(formatter, "[{host}]:{}", self.port)
            }
            (Place::Network { host, .. }, _) => write!(formatter, "{host}:{}", self.port),
            (Place::Socket(directory), socket) => {
                write!(formatter, "{}", socket.as_ref().unwrap_or(directory).display())
            }
        }
    }
}

/// The servers that parameters name, without their passwords.
pub(super) fn servers(parameters: &Parameters) -> Result<Vec<Server>, SettingsError> {
    let hosts = list(parameters, "host");
    let addresses = list(parameters, "hostaddr");
    let ports = list(parameters, "port");
    let count = hosts.len().max(addresses.len()).max(1);
    let fits = |length: usize| length == 0 || length == count;
    // One port is everyone's.
    let of_ports = if ports.len() == 1 { count } else { ports.len() };
    for (parameter, others) in [("hostaddr", addresses.len()), ("port", of_ports)] {
        if !fits(others) {
            return Err(SettingsError::Count { parameter, hosts: count, others });
        }
    }
    if !fits(hosts.len()) {
        let others = addresses.len();
        return Err(SettingsError::Count { parameter: "hostaddr", hosts: hosts.len(), others });
    }
    let servers = (0..count).map(|index| {
        let text = |list: &[&str]| list.get(index).copied().unwrap_or_default().to_owned();
        let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or_default();
        let port = port_number(port)?;
        Ok(Server { place: place(&text(&hosts), &text(&addresses), port)?, port, password: None })
    });
    servers.collect()
}

fn list<'a>(parameters: &'a Parameters, name: &str) -> Vec<&'a str> {
    parameters.get(name).map(|text| text.split(',').map(str::trim).collect()).unwrap_or_default()
}

fn port_number(text: &str) -> Result<u16, SettingsError> {
    let port = if text.is_empty() { Some(DEFAULT_PORT) } else { text.parse().ok() };
    let expected = || "a number from 1 to 65535".to_owned();
    port.filter(|port| *port != 0)
        .ok_or_else(|| SettingsError::Value { parameter: "port", expected: expected() })
}

fn place(host: &str, address: &str, port: u16) -> Result<Place, SettingsError> {
    let wrong = |parameter, expected: &str| SettingsError::Value {
        parameter,
        expected: expected.to_owned(),
    };
    if !address.is_empty() {
        let parsed = address.parse().map_err(|_| wrong("hostaddr", "an IP address"))?;
        let host = if host.is_empty() || host.starts_with('/') { address } else { host };
        return Ok(Place::Network { host: host.to_owned(), address: Some(parsed) });
    }
    if host.starts_with('@') {
        return Err(wrong("host", "a name, an address, or the directory of a socket"));
    }
    if host.is_empty() {
        return Ok(Place::Socket(default_socket_directory(port)));
    }
    if host.starts_with('/') {
        return Ok(Place::Socket(PathBuf::from(host)));
    }
    Ok(Place::Network { host: host.to_owned(), address: None })
}

fn default_socket_directory(port: u16) -> PathBuf {
    let directories = || SOCKET_DIRECTORIES.iter().map(Path::new);
    let has_socket = |directory: &&Path| directory.join(format!(".s.PGSQL.{port}")).exists();
    let found = directories().find(has_socket).or_else(|| directories().find(|path| path.is_dir()));
    found.map_or_else(|| PathBuf::from("/tmp"), Path::to_owned)
}
