//! `icecore backup` is killed with SIGKILL at any moment, on a local disk.
//!
//! After each kill the repository checks clean, data included, and has every snapshot that the
//! command had reported; at the end all snapshots come back byte for byte. When the kill comes is
//! left to chance; what must hold is not.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A machine with a repository and a source that grows.
struct Machine {
    directory: TempDir,
    source: String,
    events: u64,
    /// The bytes of each snapshot that is known.
    snapshots: BTreeMap<String, String>,
}

impl Machine {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let machine =
            Self { directory, source: String::new(), events: 0, snapshots: BTreeMap::new() };
        machine.succeed(&["init"]);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_icecore"));
        command
            .args(arguments)
            .arg("--json")
            .env_clear()
            .env("HOME", self.path("home"))
            .env("ICECORE_REPOSITORY", self.path("repository"))
            .env("ICECORE_PASSWORD", "correct horse battery staple")
            .stdin(Stdio::null());
        command
    }

    fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?} ended with {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        output
    }

    fn append(&mut self, events: u64) {
        for number in self.events..self.events + events {
            let (stream, version) = (number % 100, number / 100 + 1);
            writeln!(
                self.source,
                "{{\"stream_id\":\"order-{stream}\",\"version\":{version},\"type\":\"Placed\",\
                 \"data\":{{\"hash\":\"{:016x}\"}}}}",
                scatter(number)
            )
            .unwrap();
        }
        self.events += events;
        std::fs::write(self.path("source"), &self.source).unwrap();
    }

    fn backup(&self) -> Command {
        let source = format!("ndjson:{}", self.path("source").display());
        self.command(&["backup", "events", &source, "--name", "shop"])
    }

    /// Notes the snapshot that a backup reported, if it came to that.
    fn note_reported(&mut self, stdout: &[u8]) -> bool {
        let reported = objects(stdout)
            .into_iter()
            .find(|object| object["message_type"] == "summary")
            .and_then(|summary| Some(summary["snapshot_id"].as_str()?.to_owned()));
        let is_reported = reported.is_some();
        self.snapshots.extend(reported.map(|id| (id, self.source.clone())));
        is_reported
    }

    /// Compares the list of snapshots with what was reported. One that was not may be there, and
    /// then it is of what was being backed up.
    fn look(&mut self) {
        let listed = self.succeed(&["snapshots"]).stdout;
        let listed: Vec<String> = objects(&listed)
            .iter()
            .filter_map(|object| object["snapshot_id"].as_str().map(str::to_owned))
            .collect();
        for id in self.snapshots.keys() {
            assert!(listed.contains(id), "snapshot {id} was reported and is gone");
        }
        let unreported: Vec<_> =
            listed.into_iter().filter(|id| !self.snapshots.contains_key(id)).collect();
        assert!(unreported.len() <= 1, "{unreported:?}");
        for id in unreported {
            self.snapshots.insert(id, self.source.clone());
        }
        self.succeed(&["check", "--read-data"]);
    }

    fn restore_everything(&self) {
        for (id, bytes) in &self.snapshots {
            let target = self.path("restored");
            let locator = format!("ndjson:{}", target.display());
            self.succeed(&["restore", id, "--target", &locator, "--overwrite"]);
            let restored = std::fs::read(&target).unwrap();
            assert!(restored == bytes.as_bytes(), "snapshot {id} came back as other bytes");
        }
    }
}

fn objects(lines: &[u8]) -> Vec<serde_json::Value> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    // The last line of a command that was killed may be cut off.
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// A number that looks random (the finalizer of splitmix64).
fn scatter(number: u64) -> u64 {
    let mut value = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn kill_again_and_again(rounds: u32) {
    let mut machine = Machine::new();
    machine.append(4_000);
    let started = Instant::now();
    let output = machine.backup().output().unwrap();
    let duration = started.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(machine.note_reported(&output.stdout));

    let mut killed = 0;
    for round in 1..=rounds {
        machine.append(4_000);
        let mut child =
            machine.backup().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // Rounds are spread over the time that a backup takes.
        let share = f64::from(round) / f64::from(rounds) * 1.1;
        let jitter = Duration::from_micros(scatter(u64::from(round)) % 10_000);
        std::thread::sleep(duration.mul_f64(share) + jitter);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let reported = machine.note_reported(&output.stdout);
        assert!(reported || !output.status.success(), "it succeeded and said nothing");
        killed += u32::from(!output.status.success());
        machine.look();
    }
    // A backup in peace takes over what they left.
    let output = machine.backup().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    machine.note_reported(&output.stdout);
    machine.look();
    machine.restore_everything();
    assert!(killed > 0, "every backup was over before it was killed");
}

#[test]
fn a_backup_that_is_killed_at_any_moment_loses_nothing() {
    kill_again_and_again(20);
}

#[test]
#[ignore = "takes minutes; `just torture` runs it"]
fn a_backup_that_is_killed_a_hundred_times_loses_nothing() {
    kill_again_and_again(100);
}
