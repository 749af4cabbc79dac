//! `icecore follow`, killed and stopped, and what `timeline` and `recover` make of its tail.

use crate::support::{Outcome, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

/// A line for each of these events.
fn lines(range: std::ops::Range<u64>) -> String {
    let line = |number: u64| {
        let (stream, version) = (number % 5, number / 5 + 1);
        let (minute, second) = (number / 60 % 60, number % 60);
        format!(
            "{{\"stream_id\":\"order-{stream}\",\"version\":{version},\"type\":\"Placed\",\
             \"recorded_at\":\"2099-11-21T05:{minute:02}:{second:02}Z\",\"data\":{number}}}\n"
        )
    };
    range.map(line).collect()
}

fn append(sandbox: &Sandbox, range: std::ops::Range<u64>) {
    let mut file =
        File::options().create(true).append(true).open(sandbox.path("shop.ndjson")).unwrap();
    file.write_all(lines(range).as_bytes()).unwrap();
}

fn source(sandbox: &Sandbox) -> String {
    format!("ndjson:{}", sandbox.text("shop.ndjson"))
}

/// A follower.
struct Follower(Child);

impl Follower {
    fn start(sandbox: &Sandbox) -> Self {
        let source = source(sandbox);
        let arguments = ["follow", &source, "--name", "shop", "--json", "--flush-interval", "20ms"];
        Self(sandbox.command(arguments).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Reads what it says up to a message of this type.
    fn wait_for(&mut self, message_type: &str) -> Value {
        let mut lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        loop {
            let line = lines.next().expect("it goes on").unwrap();
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["message_type"] == message_type {
                return message;
            }
        }
    }

    fn stop(self) -> Outcome {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let output = self.0.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[test]
fn a_person_is_told_how_new_events_are_found() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let source = source(&sandbox);
    let follower =
        Follower(sandbox.command(["follow", &source, "--name", "shop"]).spawn().unwrap());
    let mut follower = follower;
    let mut lines = BufReader::new(follower.0.stdout.as_mut().unwrap()).lines();
    let said: Vec<_> = (0..3).map(|_| lines.next().unwrap().unwrap()).collect();
    assert!(said[1].starts_with("following shop: 0 events captured since snapshot "), "{said:?}");
    assert_eq!(said[2], "  new events are looked for again and again");
    follower.stop().expect(0);
}

#[test]
fn a_repository_that_cannot_be_written_to_is_waited_for() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let mut follower = Follower::start(&sandbox);
    follower.wait_for("begun");
    append(&sandbox, 10..13);
    follower.wait_for("flush");
    // Something else is where objects of the tail belong.
    let (tail, away) = (sandbox.path("repository/tail"), sandbox.path("tail-away"));
    std::fs::rename(&tail, &away).unwrap();
    File::create(&tail).unwrap();
    append(&sandbox, 13..20);
    let failed = follower.wait_for("failed");
    assert!(
        failed["message"].as_str().unwrap().contains("cannot write to the repository"),
        "{failed}"
    );
    append(&sandbox, 20..22);
    follower.wait_for("failed");
    std::fs::remove_file(&tail).unwrap();
    std::fs::rename(&away, &tail).unwrap();
    let mut captured = 3;
    while captured < 12 {
        captured += follower.wait_for("flush")["events"].as_u64().unwrap();
    }
    follower.stop().expect(0);
    let target = format!("ndjson:{}", sandbox.text("latest.ndjson"));
    sandbox.run(["recover", "shop", "--latest", "--target", &target]).expect(0);
    assert_eq!(std::fs::read_to_string(sandbox.path("latest.ndjson")).unwrap(), lines(0..22));
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_repository_that_is_moved_away_and_back_has_what_was_captured_meanwhile() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let mut follower = Follower::start(&sandbox);
    follower.wait_for("begun");
    append(&sandbox, 10..13);
    follower.wait_for("flush");
    let (repository, away) = (sandbox.path("repository"), sandbox.path("repository-away"));
    std::fs::rename(&repository, &away).unwrap();
    // As where a disk is to be mounted: nothing is written to what only has the name.
    std::fs::create_dir(&repository).unwrap();
    append(&sandbox, 13..16);
    follower.wait_for("flush");
    assert!(sandbox.files("repository").is_empty());
    std::fs::remove_dir(&repository).unwrap();
    std::fs::rename(&away, &repository).unwrap();
    append(&sandbox, 16..20);
    follower.wait_for("flush");
    follower.stop().expect(0);
    let target = format!("ndjson:{}", sandbox.text("latest.ndjson"));
    sandbox.run(["recover", "shop", "--latest", "--target", &target]).expect(0);
    assert_eq!(std::fs::read_to_string(sandbox.path("latest.ndjson")).unwrap(), lines(0..20));
    sandbox.run(["check", "--read-data"]).expect(0);
}

/// Follows until everything is durable: one look after the other finds nothing.
fn catch_up(sandbox: &Sandbox, events: u64) {
    for _ in 0..200 {
        let mut follower = Follower::start(sandbox);
        let begun = follower.wait_for("begun");
        let mut captured = begun["events_before"].as_u64().unwrap();
        while captured < events {
            captured += follower.wait_for("flush")["events"].as_u64().unwrap();
        }
        follower.stop().expect(0);
        if captured == events {
            return;
        }
    }
    panic!("it never caught up");
}

#[test]
fn a_follower_says_what_it_does_and_stops_when_it_is_told_to() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let metrics = sandbox.text("metrics.prom");
    let source = source(&sandbox);
    let arguments = ["follow", &source, "--name", "shop", "--json", "--metrics-file", &metrics];
    let mut follower = Follower(sandbox.command(arguments).spawn().unwrap());
    let begun = follower.wait_for("begun");
    assert_eq!(
        (begun["source"].as_str(), begun["events_before"].as_u64()),
        (Some("shop"), Some(0))
    );
    append(&sandbox, 10..13);
    let flush = follower.wait_for("flush");
    assert_eq!(flush["events"], 3);
    assert_eq!(flush["newest_event"], "2099-11-21T05:00:12Z");
    // A second follower is refused by name.
    let refused = sandbox.run(["follow", &source, "--name", "shop"]).expect(11);
    assert!(refused.stderr.contains("shop is followed on the host"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--take-over"), "{}", refused.stderr);

    let stopped = follower.stop().expect(0);
    let summary: Value = serde_json::from_str(stopped.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((summary["events"].as_u64(), summary["flushes"].as_u64()), (Some(3), Some(1)));
    let text = std::fs::read_to_string(metrics).unwrap();
    assert!(text.contains("icecore_follow_events_total{source=\"shop\"} 3\n"), "{text}");
    assert!(text.contains("icecore_follow_failing{source=\"shop\"} 0\n"), "{text}");
    assert!(text.contains("icecore_follow_decoding{source=\"shop\"} 0\n"), "{text}");
}

#[test]
fn a_follower_that_is_killed_again_and_again_skips_nothing_and_doubles_nothing() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..100);
    let mut written = 100;
    for kill in 0..12u64 {
        let mut follower = Follower::start(&sandbox);
        follower.wait_for("begun");
        // Somewhere in the midst of flushes.
        for step in 0..=kill % 4 {
            append(&sandbox, written..written + 7);
            written += 7;
            std::thread::sleep(Duration::from_millis(3 + 11 * ((kill * 5 + step) % 7)));
        }
        follower.0.kill().unwrap();
        follower.0.wait().unwrap();
        if kill % 5 == 4 {
            let source = source(&sandbox);
            sandbox.run(["backup", "events", &source, "--name", "shop"]).expect(0);
        }
    }
    let timeline = sandbox.json(["timeline", "shop"]);
    let captured = timeline.last().unwrap()["events_captured"].as_u64().unwrap();
    append(&sandbox, written..written + 7);
    written += 7;
    // What the last follower did not come to, and the last events.
    let mut follower = Follower::start(&sandbox);
    let before = follower.wait_for("begun")["events_before"].as_u64().unwrap();
    assert!(before >= captured || before == 0);
    let path = sandbox.path("latest.ndjson");
    let target = format!("ndjson:{}", path.display());
    let mut recovered = String::new();
    for _ in 0..100 {
        sandbox.run(["recover", "shop", "--latest", "--target", &target, "--overwrite"]).expect(0);
        recovered = std::fs::read_to_string(&path).unwrap();
        assert!(lines(0..written).starts_with(&recovered), "it is not what was written");
        if recovered == lines(0..written) {
            break;
        }
    }
    assert_eq!(recovered, lines(0..written));
    follower.stop().expect(0);
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn the_timeline_shows_what_can_be_recovered_and_what_is_missing() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let mut follower = Follower::start(&sandbox);
    follower.wait_for("begun");
    for step in 0..4 {
        append(&sandbox, 10 + step..11 + step);
        follower.wait_for("flush");
    }
    follower.stop().expect(0);
    let shown = sandbox.run(["timeline", "shop"]).expect(0).stdout;
    for line in
        ["snapshot ", "4 events in 4 flushes", "recoverable: any moment from 2099-11-21T05:00:00Z"]
    {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    let flushes = sandbox.files("repository/tail");
    std::fs::remove_file(&flushes[1]).unwrap();
    let shown = sandbox.run(["timeline", "shop"]).expect(1);
    assert!(shown.stdout.contains("gap: tail/"), "{}", shown.stdout);
    assert!(shown.stdout.contains("it is missing"), "{}", shown.stdout);
    assert!(shown.stderr.contains("the tail has 1 gap"), "{}", shown.stderr);
    let found = sandbox.run(["check"]).expect(1);
    assert!(found.stdout.contains("damage: tail/"), "{}", found.stdout);
    // What is before the gap can be had.
    let target = format!("ndjson:{}", sandbox.text("before.ndjson"));
    sandbox.run(["recover", "shop", "--latest", "--target", &target]).expect(0);
    assert_eq!(std::fs::read_to_string(sandbox.path("before.ndjson")).unwrap(), lines(0..11));
}

#[test]
fn the_machine_that_followed_notices_that_the_newest_flush_is_lost() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let mut follower = Follower::start(&sandbox);
    follower.wait_for("begun");
    for step in 0..3 {
        append(&sandbox, 10 + step..11 + step);
        follower.wait_for("flush");
    }
    follower.stop().expect(0);
    let newest = sandbox.files("repository/tail").pop().unwrap();
    std::fs::remove_file(&newest).unwrap();
    let name = newest.strip_prefix(sandbox.path("repository")).unwrap().to_str().unwrap();
    let shown = sandbox.run(["timeline", "shop"]).expect(1);
    assert!(shown.stdout.contains(&format!("gap: {name}: it is missing")), "{}", shown.stdout);
    for check in [&["check"][..], &["check", "--read-data"]] {
        let found = sandbox.run(check).expect(1);
        assert!(found.stdout.contains(&format!("damage: {name}: it is missing")), "{found:#?}");
    }
    // The next follower says so, and captures again what the source has.
    let mut follower = Follower::start(&sandbox);
    assert_eq!(follower.wait_for("begun")["events_before"], 2);
    assert_eq!(follower.wait_for("flush")["events"], 1);
    let stopped = follower.stop().expect(0);
    let warned = format!("this machine had put 1 more into the tail of shop, and {name}");
    assert!(stopped.stderr.contains(&warned), "{}", stopped.stderr);
    sandbox.run(["timeline", "shop"]).expect(0);
    sandbox.run(["check", "--read-data"]).expect(0);
    let target = format!("ndjson:{}", sandbox.text("latest.ndjson"));
    sandbox.run(["recover", "shop", "--latest", "--target", &target]).expect(0);
    assert_eq!(std::fs::read_to_string(sandbox.path("latest.ndjson")).unwrap(), lines(0..13));
}

#[test]
fn a_moment_in_the_tail_is_recovered() {
    let sandbox = Sandbox::new();
    append(&sandbox, 0..10);
    let mut follower = Follower::start(&sandbox);
    follower.wait_for("begun");
    append(&sandbox, 10..40);
    follower.wait_for("flush");
    follower.stop().expect(0);
    catch_up(&sandbox, 30);
    let target = format!("ndjson:{}", sandbox.text("then.ndjson"));
    let point = "2099-11-21T05:00:24Z";
    sandbox.run(["recover", "shop", "--to-time", point, "--target", &target]).expect(0);
    assert_eq!(std::fs::read_to_string(sandbox.path("then.ndjson")).unwrap(), lines(0..25));
    let refused = sandbox.run(["recover", "shop", "--to-commit-time", point, "--target", &target]);
    let refused = refused.expect(1);
    assert!(refused.stderr.contains("when transactions were committed"), "{}", refused.stderr);
}
