//! A server's process, and who ends it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{http, port};

/// How long a server may take to answer; only a machine that is much too busy takes so long.
const PATIENCE: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(20);

/// Runs a server, and ends it when the input ends, which it does when the test's process ends in
/// whatever way.
const KEEPER: &str = r#""$@" & server=$!; read -r _; kill "$server"; wait "$server""#;

/// A server that answers, and its directory.
#[derive(Debug)]
pub(crate) struct Process {
    keeper: Child,
    directory: TempDir,
    port: u16,
}

impl Process {
    /// Starts what `command` makes of a port and a directory, until it finds a port that stays free.
    pub(crate) fn start(command: impl Fn(u16, &Path) -> Command) -> Self {
        Self::start_with(command, |port| http::send(port, "GET /", &[], "").is_ok())
    }

    /// The same for a server that does not speak HTTP; `answers` tells whether one does on a port.
    pub(crate) fn start_with(
        command: impl Fn(u16, &Path) -> Command,
        answers: impl Fn(u16) -> bool,
    ) -> Self {
        loop {
            let directory = tempfile::tempdir().expect("a directory can be made");
            let port = port::free();
            let server = command(port, directory.path());
            let mut keeper = keep(&server, directory.path());
            let began = Instant::now();
            loop {
                if answers(port) {
                    return Self { keeper, directory, port };
                }
                let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
                if log.contains("ddress already in use")
                    || log.contains("Bind to port")
                    || log.contains("EADDRINUSE")
                {
                    break;
                }
                assert!(began.elapsed() < PATIENCE, "{server:?} does not answer:\n{log}");
                sleep(POLL);
            }
            end(&mut keeper);
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it has its data, if it has any.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        end(&mut self.keeper);
    }
}

fn keep(server: &Command, directory: &Path) -> Child {
    let log = File::create(directory.join("log")).expect("a log can be made");
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "keeper"]).arg(server.get_program()).args(server.get_args());
    for (name, value) in server.get_envs() {
        match value {
            Some(value) => keeper.env(name, value),
            None => keeper.env_remove(name),
        };
    }
    keeper
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a log can have two writers"))
        .stderr(log)
        .spawn()
        .expect("a shell can be started")
}

fn end(keeper: &mut Child) {
    drop(keeper.stdin.take());
    drop(keeper.wait());
}
