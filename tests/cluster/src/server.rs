//! The process of a server.

use crate::binaries::command;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often what a server does is looked at.
const POLL: Duration = Duration::from_millis(5);

/// How long a server may take for what takes a moment, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// The line of `postmaster.pid` that says what the server does, counted from zero.
/// Source: <https://doxygen.postgresql.org/pidfile_8h.html>.
const STATUS_LINE: usize = 7;

/// What a server says whose predecessor was killed and left processes that are still ending.
const PREDECESSOR: &str = "pre-existing shared memory block";

/// What a server says whose port was taken.
const TAKEN: [&str; 2] = ["Address already in use", "could not create any TCP/IP sockets"];

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Sessions are ended, and all is written.
    Fast,
    /// Everything ends at once, and the next start recovers from the log.
    Immediate,
}

/// A server did not start, because its port is another's.
#[derive(Debug)]
pub(crate) struct PortTaken;

/// Starts the server of `directory/data`, and waits until it takes connections.
pub(crate) fn start(directory: &Path) -> Result<Child, PortTaken> {
    let began = Instant::now();
    loop {
        let mut server = spawn(directory);
        if wait_until_ready(&mut server, directory, began) {
            return Ok(server);
        }
        let log = log(directory);
        if TAKEN.iter().any(|taken| log.contains(taken)) {
            return Err(PortTaken);
        }
        let is_early = log.contains(PREDECESSOR) && began.elapsed() < PATIENCE;
        assert!(is_early, "the server did not start:\n{log}");
        sleep(POLL);
    }
}

/// Asks a server to stop, and waits for it.
pub(crate) fn stop(mut server: Child, mode: Mode) {
    let signal = match mode {
        Mode::Fast => Signal::INT,
        Mode::Immediate => Signal::QUIT,
    };
    // One that has ended already cannot be told.
    let _sent = kill_process(Pid::from_child(&server), signal);
    let began = Instant::now();
    while matches!(server.try_wait(), Ok(None)) {
        if began.elapsed() > PATIENCE {
            return kill(server);
        }
        sleep(POLL);
    }
}

/// Ends a server without warning.
pub(crate) fn kill(mut server: Child) {
    drop(server.kill());
    drop(server.wait());
}

/// What a server said since its last start.
pub(crate) fn log(directory: &Path) -> String {
    let log = fs::read(directory.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

fn spawn(directory: &Path) -> Child {
    let log = File::create(directory.join("log")).expect("a log can be made");
    command("postgres", directory)
        .arg("-D")
        .arg(directory.join("data"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("PostgreSQL's server is installed (scripts/test installs it)")
}

/// Whether it takes connections; `false` if it ended.
fn wait_until_ready(server: &mut Child, directory: &Path, began: Instant) -> bool {
    let identity = server.id().to_string();
    loop {
        let file = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = file.lines().collect();
        let is_ready = lines.get(STATUS_LINE).is_some_and(|status| status.trim_end() == "ready");
        // A file of a server that was killed stays behind, with another number.
        if is_ready && lines.first() == Some(&identity.as_str()) {
            return true;
        }
        if !matches!(server.try_wait(), Ok(None)) {
            return false;
        }
        if began.elapsed() > PATIENCE {
            drop(server.kill());
            drop(server.wait());
            panic!("the server is not ready:\n{}", log(directory));
        }
        sleep(POLL);
    }
}
