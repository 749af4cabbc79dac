//! The name of a source: what is read, and not how one gets at it.
//!
//! It identifies a source in a repository, so it depends on hosts, ports and the database alone,
//! and no two sources that differ in these have the same. It is a URL of the source.

use super::percent::encode;
use super::servers::{DEFAULT_PORT, Place, SOCKET_DIRECTORIES, Server};

/// The name of a database on these servers.
pub(super) fn name(servers: &[Server], database: &str) -> String {
    let hosts: Vec<String> = servers.iter().map(host).collect();
    format!("postgres://{}/{}", hosts.join(","), encode(database))
}

fn host(server: &Server) -> String {
    let host = match &server.place {
        Place::Network { host, .. } if host.contains(':') => format!("[{}]", host.to_lowercase()),
        Place::Network { host, .. } => encode(&host.to_lowercase()),
        Place::Socket(directory) => match directory.to_string_lossy() {
            path if SOCKET_DIRECTORIES.contains(&&*path) => String::new(),
            path => encode(&path),
        },
    };
    match server.port {
        DEFAULT_PORT => host,
        port => format!("{host}:{port}"),
    }
}
