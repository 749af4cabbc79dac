//! A directory with a home, a repository and an event store, and a way to run the command in it.

use serde_json::Value;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "correct horse";

/// A directory of its own for one test.
pub(crate) struct Sandbox(TempDir);

/// How a run of the command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sandbox {
    /// Without a repository.
    pub(crate) fn without_repository() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        fs::create_dir(sandbox.path("home")).unwrap();
        sandbox
    }

    /// With an empty repository.
    pub(crate) fn new() -> Self {
        Self::like("empty", |sandbox| {
            sandbox.run(["init"]).expect(0);
        })
    }

    /// With a repository that has one snapshot of [`Self::write_shop`].
    pub(crate) fn with_snapshot() -> Self {
        let sandbox = Self::like("backed-up", |sandbox| {
            let source = format!("ndjson:{}", sandbox.write_shop(3));
            sandbox.run(["init"]).expect(0);
            sandbox.run(["backup", "events", &source, "--name", "shop"]).expect(0);
        });
        sandbox.write_shop(3);
        sandbox
    }

    /// With a copy of the repository that `make` makes. A key costs a fifth of a second on purpose,
    /// so it is made once for all processes that run tests of this executable.
    fn like(name: &str, make: impl FnOnce(&Self)) -> Self {
        let built = fs::metadata(env!("CARGO_BIN_EXE_icecore")).unwrap().modified().unwrap();
        let built = built.duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let template = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{built}"));
        if !template.exists() {
            let maker = Self::without_repository();
            make(&maker);
            let beside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            copy(&maker.path("repository"), &beside.path().join("repository")).unwrap();
            // Another process may have been faster: all the same.
            drop(fs::rename(beside.path().join("repository"), &template));
        }
        let sandbox = Self::without_repository();
        copy(&template, &sandbox.path("repository")).unwrap();
        sandbox
    }

    /// A path in the sandbox.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A path in the sandbox, as text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes `shop.ndjson`, some orders of two events each; returns its path.
    pub(crate) fn write_shop(&self, orders: u64) -> String {
        fs::write(self.path("shop.ndjson"), shop(orders)).unwrap();
        self.text("shop.ndjson")
    }

    /// The command, about to run with these arguments, the sandbox's repository and its password.
    pub(crate) fn command<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_icecore"));
        command.args(arguments.as_ref());
        command
    }

    /// A program, about to run as the command would.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.0.path())
            .env("ICECORE_REPOSITORY", self.path("repository"))
            .env("ICECORE_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the command with these arguments.
    pub(crate) fn run<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Outcome {
        outcome_of(&mut self.command(arguments))
    }

    /// Runs the command with these arguments and `--json`; the lines that it prints.
    pub(crate) fn json<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Vec<Value> {
        let outcome = outcome_of(self.command(arguments).arg("--json"));
        outcome.expect(0).messages()
    }

    /// All files below a directory of the sandbox, sorted.
    pub(crate) fn files(&self, name: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.path(name), &mut files);
        files.sort();
        files
    }
}

impl Outcome {
    /// Has the run ended with this code?
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The lines of JSON on standard output, without `status`.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let lines = self.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|message| message["message_type"] != "status").collect()
    }
}

/// Lets a command run to its end.
pub(crate) fn outcome_of(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Some orders of two events each, as NDJSON.
pub(crate) fn shop(orders: u64) -> String {
    let event = |order: u64, version: u64, kind: &str| {
        format!(
            "{{\"stream_id\":\"order-{order}\",\"version\":{version},\"type\":\"{kind}\",\
             \"data\":{{\"total\":{}}},\"recorded_at\":\"2026-11-2{version}T06:00:00Z\"}}\n",
            order * 10
        )
    };
    (1..=orders)
        .map(|order| event(order, 1, "OrderPlaced") + &event(order, 2, "OrderPaid"))
        .collect()
}

/// What differs from run to run, for snapshots of what is printed.
pub(crate) const FILTERS: [(&str, &str); 7] = [
    (r"\b[0-9a-f]{32}\b", "[ID]"),
    (r"\b[0-9a-f]{8}\b", "[SHORT]"),
    (r"\b\d{4}-\d\d-\d\dT[0-9:.]+Z", "[TIME]"),
    (r"\b\d+\.\d s\b", "[DURATION]"),
    // The order of random keys decides how well what is stored compresses.
    (r"\d\.\d\d kB stored", "[SIZE] stored"),
    (r"stored  ( *)\d\.\d\d kB", "stored  $1[SIZE]"),
    (r"/[^ ]*/\.tmp[^/ ]*", "[DIRECTORY]"),
];

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        } else {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
