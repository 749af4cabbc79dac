//! A server with its directory.

use crate::binaries::{self, command, run};
use crate::copy_in::CopyIn;
use crate::directory::{Directory, write};
use crate::server::{self, Mode};
use crate::template::{self, SUPERUSER};
use crate::{ClusterOptions, port};
use std::fmt::Write as _;
use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

/// What every cluster has set: nothing survives a power cut, and it is small.
const SETTINGS: [(&str, &str); 6] = [
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("shared_buffers", "16MB"),
    ("max_connections", "40"),
    ("logging_collector", "off"),
    ("timezone", "UTC"),
];

/// Always let in: whoever makes the cluster, and its standbys.
const ALWAYS: &str = "local all postgres trust\nlocal replication postgres trust\n";

/// Who is let in where a test does not say.
const EVERYONE: &str = "local all all trust\nhost all all 127.0.0.1/32 trust\n";

/// What ends a statement that waits for what never comes, so that the test says which one it was.
const STATEMENT_TIMEOUT: &str = "2min";

/// A PostgreSQL server, which is gone when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    port: u16,
    server: Option<Child>,
    directory: Directory,
    /// Kept for the next cluster.
    template: Arc<Directory>,
}

impl Cluster {
    /// A server that lets everyone in.
    pub fn start() -> Self {
        Self::start_with(&ClusterOptions::default())
    }

    /// A server as a test wants it.
    pub fn start_with(options: &ClusterOptions) -> Self {
        let template = template::template(options);
        let directory = Directory::create();
        template::copy(&template, directory.path());
        let data = directory.path().join("data");
        let lines = options.hba.as_deref().unwrap_or(EVERYONE);
        write(&data.join("pg_hba.conf"), &format!("{ALWAYS}{lines}\n"));
        for (name, content) in &options.files {
            write(&data.join(name), content);
        }
        let usual = SETTINGS.iter().map(|(name, value)| (*name, *value));
        let own = options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        set(directory.path(), usual.chain(own));
        Self::start_in(directory, template)
    }

    /// The URL of a database, for its superuser over TCP.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Where the socket is.
    pub fn socket_directory(&self) -> &Path {
        self.directory.path()
    }

    /// The port, of the loopback address and of the socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server said since its last start.
    pub fn log(&self) -> String {
        server::log(self.directory.path())
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) {
        self.psql("postgres", &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")));
    }

    /// Runs SQL as the superuser, each statement in a transaction of its own; what it prints, values
    /// separated by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        // In a file, since a pipe could fill up while psql waits for its own output to be read.
        let mut script = tempfile::tempfile().expect("a file can be made");
        script.write_all(sql.as_bytes()).expect("there is room");
        script.rewind().expect("it can be read again");
        let mut psql = self.client("psql");
        psql.env("PGOPTIONS", format!("--statement-timeout={STATEMENT_TIMEOUT}"));
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]);
        psql.args(["--set=ON_ERROR_STOP=1", "--dbname", database, "--file=-"]);
        psql.stdin(script);
        let output = run(&mut psql).stdout;
        String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned()
    }

    /// Starts `psql` with a statement that copies rows in, which are still to be given.
    pub fn copy_in(&self, database: &str, sql: &str) -> CopyIn {
        let mut psql = self.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", database]);
        CopyIn::start(psql.args(sql.split_inclusive(';').flat_map(|sql| ["--command", sql])))
    }

    /// `psql` on a connection of its own, which waits for statements, each with its semicolon.
    pub fn session(&self, database: &str) -> CopyIn {
        let mut psql = self.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", database]);
        CopyIn::start(&mut psql)
    }

    /// Where one of PostgreSQL's programs is, of the server's version.
    pub fn program(&self, name: &str) -> PathBuf {
        binaries::program(name)
    }

    /// The lines that `pg_dump` prints of a database, without comments and what differs from run to
    /// run.
    pub fn pg_dump(&self, database: &str, options: &[&str]) -> Vec<String> {
        let mut pg_dump = self.client("pg_dump");
        let output = run(pg_dump.args(options).args(["--dbname", database])).stdout;
        let text = String::from_utf8_lossy(&output);
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("--") && !line.starts_with('\\'));
        lines.map(str::to_owned).collect()
    }

    /// Stops the server.
    pub fn stop(&mut self, mode: Mode) {
        if let Some(server) = self.server.take() {
            server::stop(server, mode);
        }
    }

    /// Ends the server without warning.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server::kill(server);
        }
    }

    /// Starts a server that was stopped or killed, on the same port.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server runs");
        let server = server::start(self.directory.path());
        self.server = Some(server.expect("the port is free, as it was"));
    }

    /// Another server, which follows this one.
    #[must_use]
    pub fn standby(&self) -> Self {
        let directory = Directory::create();
        let mut backup = self.client("pg_basebackup");
        backup.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]);
        backup.arg("--no-sync").arg("--pgdata").arg(directory.path().join("data"));
        run(&mut backup);
        Self::start_in(directory, Arc::clone(&self.template))
    }

    /// Makes a standby a server of its own.
    pub fn promote(&self) {
        let promoted = self.psql("postgres", "SELECT pg_promote()");
        assert_eq!(promoted, "t", "the standby was not promoted:\n{}", self.log());
    }

    fn start_in(directory: Directory, template: Arc<Directory>) -> Self {
        loop {
            let port = port::free();
            let path = directory.path();
            let socket = path.to_str().expect("directories of tests are UTF-8");
            let number = port.to_string();
            set(path, [("port", number.as_str()), ("unix_socket_directories", socket)].into_iter());
            if let Ok(server) = server::start(path) {
                return Self { port, server: Some(server), directory, template };
            }
        }
    }

    fn client(&self, program: &str) -> Command {
        let mut client = command(program, self.directory.path());
        client.arg("--host").arg(self.socket_directory());
        client.args(["--username", SUPERUSER, "--port"]).arg(self.port.to_string());
        client
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop(Mode::Immediate);
    }
}

/// Adds settings; what is said later holds.
fn set<'a>(directory: &Path, settings: impl Iterator<Item = (&'a str, &'a str)>) {
    let path = directory.join("data/postgresql.conf");
    let mut text = fs::read_to_string(&path).expect("a cluster has settings");
    for (name, value) in settings {
        writeln!(text, "{name} = '{}'", value.replace('\'', "''")).expect("texts can be added to");
    }
    write(&path, &text);
}
