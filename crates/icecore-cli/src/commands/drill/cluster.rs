//! A PostgreSQL server for one drill. It listens on a socket in a directory that only this user can
//! enter, so nobody else reaches it and no password is needed. What it has is lost in a crash, which
//! makes it fast and harms nothing.

use super::process::{self, VERSIONS, newest_binaries};
use super::scratch::{CLUSTER_DATA, Scratch, ScratchError};
use crate::error::CommandError;
use crate::locator::programs_environment;
use icecore_sources::events::postgres::connect::ConnectionSettings;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who owns the cluster.
const USER: &str = "icecore";
/// Every cluster has it.
const DATABASE: &str = "postgres";
/// Part of the socket's name; there is no other server in the directory.
const PORT: &str = "5432";
/// The longest path of a socket that every system takes, in bytes.
const SOCKET_BYTES_MAX: usize = 103;

/// What the server says goes here.
const LOG: &str = "server.log";

/// Settings that every cluster has beside the place of its socket.
const SETTINGS: &str = "\
listen_addresses = ''
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
logging_collector = off
";

/// A server that runs until its scratch directory is removed.
pub(super) struct ScratchCluster {
    directory: PathBuf,
}

impl ScratchCluster {
    /// Makes a cluster in a scratch directory, and starts its server.
    pub(super) fn start(scratch: &Scratch) -> Result<Self, ScratchError> {
        let directory = scratch.path().to_owned();
        if rustix::process::geteuid().is_root() {
            return Err(ScratchError::Root);
        }
        let socket = directory.join(format!(".s.PGSQL.{PORT}"));
        if socket.as_os_str().len() > SOCKET_BYTES_MAX || directory.to_str().is_none() {
            return Err(ScratchError::LongPath { directory });
        }
        let binaries = newest_binaries()
            .ok_or_else(|| ScratchError::NoPrograms { directory: VERSIONS.into() })?;
        let data = directory.join(CLUSTER_DATA);
        let mut initdb = process::program(&binaries.join("initdb"));
        initdb.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--username", USER, "--pgdata"]).arg(&data);
        run(&mut initdb, &directory)?;
        let server = |error: io::Error| ScratchError::Server {
            directory: directory.clone(),
            complaint: error.to_string(),
        };
        set(&data, &directory).map_err(server)?;
        let mut start = process::program(&binaries.join("pg_ctl"));
        start.args(["start", "--wait", "--pgdata"]).arg(&data);
        start.arg("--log").arg(directory.join(LOG));
        // A server that goes on would keep a pipe open.
        start.stdout(Stdio::null()).stderr(Stdio::null());
        let started = start.status().map_err(server)?;
        if !started.success() {
            let said = std::fs::read_to_string(directory.join(LOG)).unwrap_or_default();
            let complaint = last_line(&said);
            return Err(ScratchError::Server { directory, complaint });
        }
        Ok(Self { directory })
    }

    /// How to connect to it.
    pub(super) fn settings(&self) -> Result<ConnectionSettings, CommandError> {
        Ok(ConnectionSettings::parse(&self.url(), &programs_environment())?)
    }

    /// Its only database.
    pub(super) fn url(&self) -> String {
        let mut host = String::new();
        for byte in self.directory.as_os_str().as_bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(byte) {
                host.push(char::from(*byte));
            } else {
                // Texts can always be added to.
                let _ = write!(host, "%{byte:02X}");
            }
        }
        format!("postgres://{USER}@/{DATABASE}?host={host}&port={PORT}")
    }

    /// What leads other programs there.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PGHOST", self.directory.display().to_string()),
            ("PGPORT", PORT.to_owned()),
            ("PGUSER", USER.to_owned()),
            ("PGDATABASE", DATABASE.to_owned()),
        ]
    }
}

/// Adds settings; what is said later holds.
fn set(data: &Path, socket_directory: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
    let socket = socket_directory.to_string_lossy().replace('\'', "''");
    write!(file, "\n{SETTINGS}port = {PORT}\nunix_socket_directories = '{socket}'\n")
}

fn run(command: &mut Command, directory: &Path) -> Result<(), ScratchError> {
    let failed = |complaint| ScratchError::Server { directory: directory.to_owned(), complaint };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(last_line(&String::from_utf8_lossy(&output.stderr))))
}

/// The last thing that a program said.
fn last_line(said: &str) -> String {
    said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
