//! Processes that a test starts: this test program again, with an ignored test as what it does.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::LocalStore;

/// Where such a process finds the store.
const STORE_VARIABLE: &str = "ICECORE_STORE_TEST_STORE";

/// Starts a process that runs `test`, given as a path below `local::tests`.
pub(super) fn start_process(test: &str, store: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    start(Command::new(program), test, store)
}

/// The same under strace, which lets a system call fail as `injection` says, see strace(1). None
/// where there is no strace.
pub(super) fn start_traced(injection: &str, test: &str, store: &Path) -> Option<Child> {
    if Command::new("strace").arg("--version").stdout(Stdio::null()).status().is_err() {
        return None;
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={injection}")]);
    strace.arg(std::env::current_exe().unwrap());
    Some(start(strace, test, store))
}

fn start(mut command: Command, test: &str, store: &Path) -> Child {
    command
        .args(["--exact", "--ignored", "--quiet", &format!("local::tests::{test}")])
        .env(STORE_VARIABLE, store)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The store, if this is such a process.
#[expect(clippy::disallowed_methods, reason = "the variable belongs to these tests")]
pub(super) fn store_of_this_process() -> Option<LocalStore> {
    std::env::var_os(STORE_VARIABLE).map(|path| LocalStore::open(path).unwrap())
}
