//! The command on a disk that is full: what was there stays good, a person is told, and once there is room
//! everything goes on.

use crate::support::Sandbox;
use icecore_test_servers::SmallDisk;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::process::{Child, ChildStdout, Stdio};

/// A sandbox whose repository is on a disk of its own, with a megabyte to spare.
fn on_small_disk() -> Option<(Sandbox, SmallDisk)> {
    let sandbox = Sandbox::without_repository();
    fs::create_dir(sandbox.path("repository")).unwrap();
    let disk = SmallDisk::mount(&sandbox.path("repository"), 1)?;
    sandbox.run(["init"]).expect(0);
    Some((sandbox, disk))
}

/// A line for each of these events, whose payloads do not compress.
fn lines(range: Range<u64>) -> String {
    let line = |number: u64| {
        let (stream, version) = (number % 5, number / 5 + 1);
        let payload: String = (0..16).map(|part| chance(number * 16 + part)).collect();
        format!(
            "{{\"stream_id\":\"order-{stream}\",\"version\":{version},\"type\":\"Placed\",\
             \"recorded_at\":\"2026-11-21T05:00:00Z\",\"data\":\"{payload}\"}}\n"
        )
    };
    range.map(line).collect()
}

/// Sixteen digits that look like chance (`SplitMix64`).
fn chance(number: u64) -> String {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", bits ^ (bits >> 31))
}

fn append(sandbox: &Sandbox, range: Range<u64>) {
    let mut file =
        File::options().create(true).append(true).open(sandbox.path("shop.ndjson")).unwrap();
    file.write_all(lines(range).as_bytes()).unwrap();
}

fn source(sandbox: &Sandbox) -> String {
    format!("ndjson:{}", sandbox.text("shop.ndjson"))
}

/// The newest that can be had is these events, and the repository is whole.
fn prove(sandbox: &Sandbox, events: u64) {
    let target = format!("ndjson:{}", sandbox.text("back.ndjson"));
    let recover = ["recover", "shop", "--latest", "--overwrite", "--target", &target];
    sandbox.run(recover).expect(0);
    let back = fs::read_to_string(sandbox.path("back.ndjson")).unwrap();
    assert!(back == lines(0..events), "{} lines", back.lines().count());
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_backup_that_finds_no_room_leaves_what_was_there_and_the_next_one_goes_on() {
    let Some((sandbox, disk)) = on_small_disk() else { return };
    append(&sandbox, 0..500);
    let source = source(&sandbox);
    let backup = ["backup", "events", &source, "--name", "shop"];
    sandbox.run(backup).expect(0);
    append(&sandbox, 500..20_000);
    // Too large for the disk, and then on one that takes not even a byte.
    for is_filled in [false, true] {
        if is_filled {
            disk.fill();
        }
        let failed = sandbox.run(backup).expect(1);
        assert!(failed.stderr.contains("no space left on the storage"), "{}", failed.stderr);
        sandbox.run(["snapshots"]).expect(0);
        prove(&sandbox, 500);
    }
    disk.make_room();
    fs::write(sandbox.path("shop.ndjson"), lines(0..700)).unwrap();
    sandbox.run(backup).expect(0);
    prove(&sandbox, 700);
}

/// A follower, and what it says.
struct Follower {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn start(sandbox: &Sandbox) -> Self {
        let source = source(sandbox);
        let arguments = ["follow", &source, "--name", "shop", "--json", "--flush-interval", "20ms"];
        let mut child = sandbox.command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What it says next of this type.
    fn next(&mut self, message_type: &str) -> Value {
        loop {
            let line = self.lines.next().expect("it goes on").unwrap();
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["message_type"] == message_type {
                return message;
            }
        }
    }

    fn capture(&mut self, mut events: u64) {
        while events > 0 {
            events -= self.next("flush")["events"].as_u64().unwrap();
        }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It has ended, or a test failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_follower_waits_for_room_and_captures_everything_once() {
    let Some((sandbox, disk)) = on_small_disk() else { return };
    append(&sandbox, 0..100);
    let mut follower = Follower::start(&sandbox);
    follower.next("begun");
    append(&sandbox, 100..150);
    follower.capture(50);
    let mut events = 150;
    for round in 0..3 {
        disk.fill();
        append(&sandbox, events..events + 40);
        let failed = follower.next("failed")["message"].as_str().unwrap().to_owned();
        assert!(failed.contains("no space left on the storage"), "{failed}");
        if round == 1 {
            follower.kill();
            let source = source(&sandbox);
            // Whoever starts it is told that it cannot begin.
            let refused = sandbox.run(["follow", &source, "--name", "shop"]).expect(1);
            assert!(refused.stderr.contains("no space left on the storage"), "{}", refused.stderr);
        }
        prove(&sandbox, events);
        disk.make_room();
        if round == 1 {
            follower = Follower::start(&sandbox);
            let begun = follower.next("begun")["events_before"].as_u64().unwrap();
            assert_eq!(begun, events - 100);
        }
        follower.capture(40);
        events += 40;
    }
    follower.kill();
    prove(&sandbox, events);
}
