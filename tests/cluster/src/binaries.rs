//! The programs of PostgreSQL, and who runs them.
//!
//! The server refuses to run as root, so where a test does, everything runs as the user `postgres`
//! or, where there is none, `nobody`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Where Debian puts each version's programs.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Users that a server may run as instead of root.
const UNPRIVILEGED_USERS: [&str; 2] = ["postgres", "nobody"];

/// A user and a group that commands run as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

/// A command for one of PostgreSQL's programs, in a directory that its user may read.
pub(crate) fn command(name: &str, directory: &Path) -> Command {
    command_as_runner(program(name).as_os_str(), directory)
}

/// One of PostgreSQL's programs, of the newest version that is there.
pub(crate) fn program(name: &str) -> PathBuf {
    static NEWEST: OnceLock<Option<PathBuf>> = OnceLock::new();
    match NEWEST.get_or_init(newest) {
        Some(binaries) => binaries.join(name),
        None => PathBuf::from(name),
    }
}

/// A command that runs as who runs the server.
pub(crate) fn command_as_runner(program: &OsStr, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env("HOME", directory).env("LC_ALL", "C");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    if let Some(runner) = runner() {
        command.uid(runner.user).gid(runner.group);
    }
    command
}

/// Runs a command to its end, which must be a good one.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{complaint}", output.status);
    output
}

/// The user and the group that servers run as, if not as whoever runs the test: as root there is
/// nothing that permissions forbid, and no server.
pub fn unprivileged_ids() -> Option<(u32, u32)> {
    runner().map(|runner| (runner.user, runner.group))
}

/// Whom commands run as, if not as whoever runs the test.
pub(crate) fn runner() -> Option<Runner> {
    static RUNNER: OnceLock<Option<Runner>> = OnceLock::new();
    *RUNNER.get_or_init(|| rustix::process::geteuid().is_root().then(unprivileged))
}

fn unprivileged() -> Runner {
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
    let found = UNPRIVILEGED_USERS.iter().find_map(|name| {
        let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        fields.into_iter().find_map(|fields| match fields[..] {
            [user, _, id, group, ..] if user == *name => {
                Some(Runner { user: id.parse().ok()?, group: group.parse().ok()? })
            }
            _ => None,
        })
    });
    found.expect("there is a user that a server may run as: postgres or nobody")
}

fn newest() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(Result::ok);
    let numbered = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let binaries = version.path().join("bin");
        binaries.join("initdb").exists().then_some((number, binaries))
    });
    numbered.max().map(|(_, binaries)| binaries)
}
