//! A directory that goes away, whatever happens to the test.

use crate::binaries::{command_as_runner, runner};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// Waits for its input to end, which it does when the test's process ends in whatever way, then
/// ends the server of the directory, if one is there, and removes the directory.
const KEEPER: &str = r#"
read -r _
process=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$process" 2>/dev/null
attempts=50
while [ -d "$1" ] && [ $attempts -gt 0 ]; do
    rm -rf "$1" 2>/dev/null
    attempts=$((attempts - 1))
    [ ! -d "$1" ] || sleep 0.1
done
"#;

/// A directory of whoever runs the server.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Taken when it is dropped.
    temporary: Option<TempDir>,
    keeper: Child,
}

impl Directory {
    pub(crate) fn create() -> Self {
        // Short, because the path of a socket may not be long.
        let temporary =
            tempfile::Builder::new().prefix("pg-").tempdir().expect("a directory can be made");
        own(temporary.path(), 0o700);
        let keeper = command_as_runner(OsStr::new("sh"), Path::new("/"))
            .args(["-c", KEEPER, "keeper"])
            .arg(temporary.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Who ends a test ends its group, and the keeper is to outlive that.
            .process_group(0)
            .spawn()
            .expect("a shell can be started");
        Self { temporary: Some(temporary), keeper }
    }

    pub(crate) fn path(&self) -> &Path {
        self.temporary.as_ref().expect("it is there until it is dropped").path()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.temporary.take());
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// Writes a file for whoever runs the server, and nobody else.
pub(crate) fn write(path: &Path, content: &str) {
    fs::write(path, content)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    own(path, 0o600);
}

fn own(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode can be set");
    if let Some(runner) = runner() {
        chown(path, Some(runner.user), Some(runner.group)).expect("root can give files away");
    }
}
