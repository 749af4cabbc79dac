//! Programs that a drill runs.

use icecore::Monitor;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// Where Debian puts each version's programs.
pub(super) const VERSIONS: &str = "/usr/lib/postgresql";

/// Time between two looks at whether a program has ended: short for people, long for a processor.
const LOOK: Duration = Duration::from_millis(50);

/// Runs a command to its end, or until the drill is asked to stop; `None` if it was. Then it is gone
/// with all that it has started.
pub(super) fn run_until_stopped(
    command: &mut Command,
    monitor: &Monitor,
) -> io::Result<Option<ExitStatus>> {
    let mut child = command.process_group(0).spawn()?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if monitor.stop_point().is_err() {
            // It may have ended meanwhile, and then there is nobody to tell.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _status = child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// One of PostgreSQL's programs, with nothing of the environment that would lead it elsewhere.
pub(super) fn program(path: &Path) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if is_for_servers(name.as_encoded_bytes()) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).env("LC_ALL", "C");
    command
}

/// Whether a variable says which server is meant, or is a secret.
pub(super) fn is_for_servers(name: &[u8]) -> bool {
    name.starts_with(b"PG")
        || name.starts_with(b"ICECORE_PASSWORD")
        || name.starts_with(b"ICECORE_TOKEN")
}

/// Where the newest `initdb` and `pg_ctl` are.
pub(super) fn newest_binaries() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the command line reads the environment")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let of_versions = std::fs::read_dir(VERSIONS).into_iter().flatten();
    let of_versions = of_versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let places = std::env::split_paths(&path).chain(of_versions);
    let found = places.filter(|place| place.join("initdb").exists());
    found.filter_map(|place| Some((version(&place)?, place))).max().map(|(_, place)| place)
}

/// The version of the programs in a directory: numbers that can be compared.
fn version(binaries: &Path) -> Option<Vec<u32>> {
    let output = program(&binaries.join("pg_ctl")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    numbers(&text)
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    let is_version = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    let word = text.split_whitespace().find(is_version)?;
    Some(word.split('.').map_while(|number| number.parse().ok()).collect())
}

/// Stops the server of a cluster that is to be removed.
pub(super) fn stop_server(data: &Path) {
    let Some(binaries) = newest_binaries() else { return };
    let mut command = program(&binaries.join("pg_ctl"));
    command.args(["stop", "--mode=immediate", "--wait", "--pgdata"]).arg(data);
    // One that does not run any more needs no stop.
    drop(command.output());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let debian = numbers("pg_ctl (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n");
        assert_eq!(debian, Some(vec![15, 14]));
        assert!(numbers("pg_ctl (PostgreSQL) 9.6.24") < numbers("pg_ctl (PostgreSQL) 10.1"));
        assert_eq!(numbers("pg_ctl (PostgreSQL) 18devel"), Some(vec![]));
    }
}
