//! `icecore drill`.

use crate::support::{PASSWORD, Sandbox, outcome_of, shop};
use icecore::Repository;
use icecore_format::Role;
use icecore_store::LocalStore;
use icecore_tests::Host;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the scratch directory of a drill is called.
const SCRATCH: &str = "icecore-drill-";

/// Scratch directories in the sandbox, which is where its temporary files go.
fn scratches(sandbox: &Sandbox) -> usize {
    let entries = fs::read_dir(sandbox.path(".")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(SCRATCH)).count()
}

/// What is said of the check of this name.
fn check<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let checks = summary["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap()
}

/// The summary of a drill that ends with this code.
fn drill(sandbox: &Sandbox, arguments: &[&str], code: i32) -> Value {
    let mut command = sandbox.command([&["drill"], arguments].concat());
    let mut messages = outcome_of(command.arg("--json")).expect(code).messages();
    assert_eq!(scratches(sandbox), 0);
    messages.pop().unwrap()
}

#[test]
fn what_was_recovered_is_proven_and_recorded() {
    let sandbox = Sandbox::with_snapshot();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson"]).expect(0);
    let summary = drill(&sandbox, &["ndjson:shop.ndjson", "--rto", "1h", "--rpo", "1h"], 0);
    assert_eq!((&summary["proven"], &summary["events"]), (&json!(true), &json!(6)));
    for name in ["recovery", "streams", "live", "rto", "rpo"] {
        assert_eq!(check(&summary, name)["outcome"], "passed", "{name}");
    }
    let said = check(&summary, "live")["said"].as_str().unwrap();
    assert!(
        said.contains("all 3 streams with 6 events byte for byte, and 0 later events"),
        "{said}"
    );
    let log = sandbox.json(["log"]);
    let entry = log.last().unwrap();
    assert_eq!((&entry["kind"], &entry["number"]), (&json!("drilled"), &summary["ledger_entry"]));
    assert!(entry["detail"].as_str().unwrap().ends_with(", 6 events: proven"), "{entry}");
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn the_timeline_has_the_newest_drill_of_the_source() {
    let sandbox = Sandbox::with_snapshot();
    let shown = || sandbox.run(["timeline", "shop"]).expect(0).stdout;
    assert!(shown().ends_with("\nno drill of it is recorded\n"), "{}", shown());
    let of = |kind: &str| {
        let messages = sandbox.json(["timeline", "shop"]);
        messages.into_iter().find(|message| message["message_type"] == kind)
    };
    assert_eq!(of("drill"), None);
    let summary = drill(&sandbox, &["shop", "--to-time", "2026-11-21T12:00:00Z"], 0);
    let found = of("drill").unwrap();
    assert_eq!(found["entry"], summary["ledger_entry"]);
    assert_eq!((&found["proven"], &found["failed"]), (&json!(true), &json!([])));
    assert_eq!((&found["events"], &found["point"]), (&json!(3), &json!("time")));
    let said = shown();
    assert!(said.contains("what was recorded until 2026-11-21T12:00:00Z, 3 events"), "{said}");
    assert!(said.ends_with(": proven\n"), "{said}");

    drill(&sandbox, &["shop", "--check-command", "exit 1"], 1);
    let found = of("drill").unwrap();
    assert_eq!((&found["proven"], &found["failed"]), (&json!(false), &json!(["command"])));
    let said = shown();
    assert!(said.contains(", everything, 6 events recovered into ndjson in "), "{said}");
    assert!(said.ends_with(": NOT PROVEN, failed: command\n"), "{said}");
    // That of another source is not its.
    sandbox.run(["backup", "events", "ndjson:shop.ndjson", "--name", "other"]).expect(0);
    let other = sandbox.run(["timeline", "other"]).expect(0).stdout;
    assert!(other.ends_with("\nno drill of it is recorded\n"), "{other}");
}

#[test]
fn a_source_that_is_named_is_compared_with_no_store() {
    let sandbox = Sandbox::with_snapshot();
    let summary = drill(&sandbox, &["shop", "--to-time", "2026-11-21T12:00:00Z"], 0);
    assert_eq!(summary["events"], 3);
    assert_eq!(summary["point"]["kind"], "time");
    assert_eq!(check(&summary, "live")["outcome"], "skipped");
    let live = ["shop", "--to-time", "2026-11-21T12:00:00Z", "--live", "ndjson:shop.ndjson"];
    let summary = drill(&sandbox, &live, 0);
    let said = check(&summary, "live")["said"].as_str().unwrap();
    assert!(said.contains("with 3 events byte for byte, and 3 later events"), "{said}");
}

/// Follows the shop of three orders, which gets some more, until these are captured.
fn capture(sandbox: &Sandbox, orders: u64) {
    let arguments = ["follow", "ndjson:shop.ndjson", "--name", "shop", "--flush-interval", "20ms"];
    let mut follower = sandbox.command(arguments).arg("--json").spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut captured = 0;
    while captured < 2 * (orders - 3) {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if line["message_type"] == "begun" {
            let mut file = File::options().append(true).open(sandbox.path("shop.ndjson")).unwrap();
            file.write_all(&shop(orders).as_bytes()[shop(3).len()..]).unwrap();
        }
        captured +=
            line["events"].as_u64().filter(|_| line["message_type"] == "flush").unwrap_or(0);
    }
    kill_process(Pid::from_child(&follower), Signal::TERM).unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn a_drill_has_the_tail_and_any_point_in_it() {
    let sandbox = Sandbox::with_snapshot();
    capture(&sandbox, 5);
    let live = ["shop", "--live", "ndjson:shop.ndjson"];
    for (point, events, has_tail, later) in [
        (&["--latest"][..], 10, true, 0),
        (&["--to-version", "order-4@1"], 7, true, 3),
        (&["--to-version", "order-5@1"], 9, true, 1),
        // Orders are placed on one day and paid on the next: in each stream the first event is in.
        (&["--to-time", "2026-11-21T12:00:00Z"], 3, false, 7),
        (&["--from", "latest", "--latest"], 6, false, 4),
    ] {
        let summary = drill(&sandbox, &[&live[..], point].concat(), 0);
        assert_eq!((&summary["proven"], &summary["events"]), (&json!(true), &json!(events)));
        assert_eq!(summary["has_tail"], has_tail, "{point:?}");
        let said = check(&summary, "live")["said"].as_str().unwrap();
        let compared = format!("with {events} events byte for byte, and {later} later event");
        assert!(said.contains(&compared), "{point:?}: {said}");
    }
    // What was lost of it cannot be had.
    let flush = sandbox.files("repository/tail").swap_remove(0);
    fs::remove_file(flush).unwrap();
    let summary = drill(&sandbox, &[&live[..], &["--to-version", "order-5@2"]].concat(), 1);
    assert_eq!(check(&summary, "recovery")["outcome"], "failed");
}

#[test]
fn a_reader_proves_a_tail_and_records_nothing() {
    const READER: &str = "may read alone";
    let sandbox = Sandbox::with_snapshot();
    capture(&sandbox, 4);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (host, store) = (Host::new(), LocalStore::open(sandbox.path("repository")).unwrap());
        let (environment, shared) = (host.environment(), Arc::new(store.clone()));
        let founder = Repository::open(shared, environment, PASSWORD.as_bytes()).await.unwrap();
        host.add_key(&store, &founder, Role::Reader, READER.as_bytes()).await;
    });
    let entries = sandbox.json(["log"]).len();
    let arguments =
        ["drill", "shop", "--live", "ndjson:shop.ndjson", "--verify", "hashes", "--json"];
    let mut command = sandbox.command(arguments);
    command.env("ICECORE_PASSWORD", READER);
    let outcome = outcome_of(&mut command).expect(0);
    let summary = outcome.messages().pop().unwrap();
    assert_eq!((&summary["proven"], &summary["events"]), (&json!(true), &json!(8)));
    assert_eq!((&summary["has_tail"], &summary["ledger_entry"]), (&json!(true), &Value::Null));
    assert!(outcome.stderr.contains("a reader key cannot add to the ledger"), "{outcome:#?}");
    assert_eq!(sandbox.json(["log"]).len(), entries);
}

#[test]
fn a_live_store_that_lost_or_changed_events_is_no_proof() {
    let sandbox = Sandbox::with_snapshot();
    let live = ["shop", "--live", "ndjson:live.ndjson"];
    let lines: Vec<String> = shop(3).split_inclusive('\n').map(str::to_owned).collect();
    for (lines, detail) in [
        (
            lines[1..].concat(),
            "order-1 has 1 where 2 were recovered, up to the last version of these",
        ),
        (lines[2..].concat(), "order-1 is not there"),
        (
            shop(3).replace("\"total\":20", "\"total\":21"),
            "order-2 has other events than those recovered",
        ),
    ] {
        fs::write(sandbox.path("live.ndjson"), lines).unwrap();
        let summary = drill(&sandbox, &live, 1);
        assert_eq!(summary["proven"], false);
        assert_eq!(check(&summary, "live")["details"], json!([detail]));
    }
    // The order of events is not theirs.
    let reversed = [&lines[4..], &lines[2..4], &lines[..2]].concat().concat();
    fs::write(sandbox.path("live.ndjson"), reversed).unwrap();
    drill(&sandbox, &live, 0);
    let sampled = [&live[..], &["--sample", "2", "--seed", "7"]].concat();
    let said = drill(&sandbox, &sampled, 0);
    let said = check(&said, "live")["said"].as_str().unwrap();
    assert!(said.contains("2 streams of 3, chosen with --seed 7, with 4 events"), "{said}");
}

#[test]
fn what_newer_snapshots_have_otherwise_is_explained_and_fails_nothing() {
    let sandbox = Sandbox::with_snapshot();
    let changed = shop(3).replace("\"total\":20", "\"total\":21");
    fs::write(sandbox.path("shop.ndjson"), changed).unwrap();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson", "--name", "shop"]).expect(0);
    let live = ["--live", "ndjson:shop.ndjson"];
    let before = [&["shop", "--to-time", "2026-11-21T12:00:00Z"], &live[..]].concat();
    let summary = drill(&sandbox, &before, 0);
    let said = check(&summary, "live");
    assert_eq!((&said["outcome"], &said["name"]), (&json!("explained"), &json!("live")));
    let detail = "order-2 has other events than those recovered";
    assert_eq!(said["details"], json!([detail]));
    let summary = drill(&sandbox, &[&["shop"], &live[..]].concat(), 0);
    assert_eq!(check(&summary, "live")["outcome"], "passed");
}

#[test]
fn a_check_that_fails_is_told_and_is_in_the_report() {
    let sandbox = Sandbox::with_snapshot();
    let good =
        "grep -q order-3 \"${ICECORE_DRILL_TARGET#ndjson:}\" && test -z \"$ICECORE_PASSWORD\"";
    let bad = "echo there is no order-4; exit 3";
    let arguments = ["drill", "shop", "--check-command", good, "--check-command", bad];
    for (report, is_json) in [("report.md", false), ("report.json", true)] {
        let outcome = sandbox.run([&arguments[..], &["--report", report]].concat()).expect(1);
        assert!(outcome.stdout.contains("NOT PROVEN: 1 of 4 checks failed."), "{outcome:#?}");
        assert!(outcome.stdout.contains("\n    there is no order-4\n"), "{outcome:#?}");
        assert!(outcome.stderr.contains("1 check of the drill failed"), "{outcome:#?}");
        let written = fs::read_to_string(sandbox.path(report)).unwrap();
        if is_json {
            let written: Value = serde_json::from_str(&written).unwrap();
            assert_eq!(written["proven"], false);
        } else {
            assert!(written.contains("| command | FAILED | "), "{written}");
        }
    }
    assert_eq!(scratches(&sandbox), 0);
}

#[test]
fn sql_needs_a_database() {
    let sandbox = Sandbox::with_snapshot();
    fs::write(sandbox.path("checks.sql"), "SELECT 1").unwrap();
    let outcome = sandbox.run(["drill", "shop", "--check-sql", "checks.sql"]).expect(2);
    assert!(outcome.stderr.contains("--check-sql needs a database"), "{outcome:#?}");
}

/// Changes one byte in the middle of every pack.
fn damage(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn a_damaged_repository_is_no_proof() {
    let sandbox = Sandbox::with_snapshot();
    damage(&sandbox.path("repository/packs"));
    let summary = drill(&sandbox, &["shop", "--no-cache"], 1);
    assert_eq!(summary["proven"], false);
    assert_eq!(check(&summary, "recovery")["outcome"], "failed");
    let log = sandbox.json(["log"]);
    let detail = log.last().unwrap()["detail"].as_str().unwrap();
    assert_eq!(detail, "shop, 0 events: 1 check failed");
}

#[test]
fn an_interrupted_drill_removes_its_scratch() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = Sandbox::with_snapshot();
        let check = "touch began; sleep 600";
        let mut child =
            sandbox.command(["drill", "shop", "--check-command", check]).spawn().unwrap();
        while !sandbox.path("began").exists() {
            assert_eq!(child.try_wait().unwrap(), None);
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(scratches(&sandbox), 1);
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert_eq!(scratches(&sandbox), 0);
    }
}

#[test]
fn what_a_killed_drill_left_is_removed_by_the_next() {
    let sandbox = Sandbox::with_snapshot();
    let check = "touch began; while test -e began; do sleep 0.1; done";
    let mut child = sandbox.command(["drill", "shop", "--check-command", check]).spawn().unwrap();
    while !sandbox.path("began").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    let _status = child.wait().unwrap();
    assert_eq!(scratches(&sandbox), 1);
    // Or what it had started goes on for ever.
    fs::remove_file(sandbox.path("began")).unwrap();
    let outcome = sandbox.run(["drill", "shop"]).expect(0);
    assert!(
        outcome.stderr.contains("removed the scratch of 1 drill that was killed"),
        "{outcome:#?}"
    );
    assert_eq!(scratches(&sandbox), 0);
}

#[test]
#[cfg(feature = "sqlite")]
fn statements_are_asked_of_a_database_file() {
    let sandbox = Sandbox::new();
    let mut lines = String::new();
    for version in 1..=6 {
        writeln!(
            lines,
            "{{\"stream_id\":\"order-1\",\"version\":{version},\"type\":\"Happened\",\
             \"event_id\":\"019a0000-0000-7000-8000-{version:012}\",\
             \"recorded_at\":\"2026-11-20T10:00:00Z\",\"data\":{{}}}}"
        )
        .unwrap();
    }
    fs::write(sandbox.path("shop.ndjson"), lines).unwrap();
    sandbox.run(["backup", "events", "ndjson:shop.ndjson", "--name", "shop"]).expect(0);
    let arguments = ["shop", "--into", "sqlite", "--check-sql", "checks.sql"];
    fs::write(sandbox.path("checks.sql"), "SELECT count(*) = 6 FROM eventcore_events;").unwrap();
    let summary = drill(&sandbox, &arguments, 0);
    assert_eq!(check(&summary, "sql")["said"], "checks.sql: 1 statement");
    fs::write(sandbox.path("checks.sql"), "SELECT count(*) = 7 FROM eventcore_events").unwrap();
    let summary = drill(&sandbox, &arguments, 1);
    let details = &check(&summary, "sql")["details"];
    assert_eq!(details, &json!(["a row begins with 0, which is not true"]));
}
