//! What somebody can do who has the host that backs up: its storage credentials, its password, its state.
//!
//! The bucket keeps every version of each object and lets nobody delete one, but where a test says that
//! it does not. docs/guides/ransomware.md names these tests.

use crate::elsewhere::Elsewhere;
use crate::support::shop;
use icecore_test_servers::S3Server;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Command;

/// A version of an object: its key and its id.
type Version = (String, String);

/// A repository in a bucket that locks objects, of two backups.
struct Locked {
    server: S3Server,
    elsewhere: Elsewhere,
}

impl Locked {
    fn new() -> Option<Self> {
        let server = S3Server::start()?;
        server.create_locked_bucket("locked");
        let url = format!("s3://locked/shop?endpoint={}", server.endpoint());
        let keys = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
        let elsewhere = Elsewhere::new(&url, keys);
        elsewhere.run(["init"]).expect(0);
        elsewhere.back_up(3);
        elsewhere.back_up(5);
        Some(Self { server, elsewhere })
    }

    /// All versions that are no delete markers.
    fn versions(&self) -> BTreeSet<Version> {
        versions(&self.server, "locked")
    }

    /// Hides an object, as anybody does who deletes it.
    fn delete(&self, key: &str) {
        let (status, answer) = self.server.ask(&format!("DELETE /locked/{key}"), "");
        assert_eq!(status, 204, "{answer}");
    }

    fn put_over(&self, key: &str, content: &str) {
        let (status, answer) = self.server.ask(&format!("PUT /locked/{key}"), content);
        assert_eq!(status, 200, "{answer}");
    }

    /// A repository in a directory, of the first versions.
    fn first_versions(&self, directory: &str) -> Option<String> {
        let directory = self.elsewhere.sandbox.text(directory);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scripts/first-versions");
        let output = Command::new(S3Server::python()?)
            .args([script, "locked", "shop/", &directory, "--endpoint", &self.server.endpoint()])
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Some(directory)
    }

    /// What is in a repository in a directory, for a machine that knows nothing of it.
    fn assert_whole(&mut self, directory: String, orders: u64) {
        let home = self.elsewhere.sandbox.path("home");
        fs::remove_dir_all(&home).unwrap();
        fs::create_dir(&home).unwrap();
        let place = std::mem::replace(&mut self.elsewhere.url, directory);
        self.elsewhere.assert_restores(orders);
        self.elsewhere.run(["check", "--read-data"]).expect(0);
        self.elsewhere.url = place;
    }
}

/// So many events that hardly compress.
fn noise(events: u64) -> String {
    let mut state = 1_u64;
    let mut number = || {
        // Marsaglia's xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut text = |_| (0..16).map(|_| format!("{:016x}", number())).collect::<Vec<_>>().concat();
    let event = |version| {
        format!(
            "{{\"stream_id\":\"noise\",\"version\":{version},\"type\":\"Noise\",\
             \"data\":{{\"text\":\"{}\"}},\"recorded_at\":\"2026-11-21T06:00:00Z\"}}\n",
            text(version)
        )
    };
    (1..=events).map(event).collect()
}

fn versions(server: &S3Server, bucket: &str) -> BTreeSet<Version> {
    let (status, list) = server.ask(&format!("GET /{bucket}?versions"), "");
    assert_eq!(status, 200, "{list}");
    assert!(list.contains("<IsTruncated>false</IsTruncated>"), "{list}");
    let field = |entry: &str, name: &str| {
        let (_, after) = entry.split_once(&format!("<{name}>")).unwrap();
        after.split('<').next().unwrap().to_owned()
    };
    let entries = list.split("<Version>").skip(1);
    entries.map(|entry| (field(entry, "Key"), field(entry, "VersionId"))).collect()
}

#[test]
fn everything_works_where_nothing_can_be_deleted_or_overwritten() {
    let Some(mut locked) = Locked::new() else { return };
    let first = locked.versions();
    let elsewhere = &locked.elsewhere;
    // A pack of several parts.
    let path = elsewhere.sandbox.path("large.ndjson");
    let large = noise(60_000);
    fs::write(&path, &large).unwrap();
    let source = format!("ndjson:{}", path.display());
    elsewhere.run(["backup", "events", &source, "--name", "large"]).expect(0);

    let source = format!("ndjson:{}", elsewhere.sandbox.text("shop.ndjson"));
    let follow = ["follow", &source, "--name", "shop", "--json", "--flush-interval", "20ms"];
    let mut follower = elsewhere.command(follow).spawn().unwrap();
    let mut messages = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut wait_for = |message_type: &str| loop {
        let line = messages.next().expect("it goes on").unwrap();
        let message: Value = serde_json::from_str(&line).unwrap();
        if message["message_type"] == message_type {
            return message;
        }
    };
    wait_for("begun");
    let new = shop(6).strip_prefix(&shop(5)).unwrap().to_owned();
    let file = File::options().append(true).open(elsewhere.sandbox.path("shop.ndjson"));
    file.unwrap().write_all(new.as_bytes()).unwrap();
    wait_for("flush");
    kill_process(Pid::from_child(&follower), Signal::TERM).unwrap();
    assert!(follower.wait().unwrap().success());

    let recovered = elsewhere.run(["recover", "shop", "--latest", "--target", "-"]).expect(0);
    assert_eq!(recovered.stdout, shop(6));
    let restored = ["restore", "latest", "--source", "large", "--target", "-"];
    assert_eq!(elsewhere.run(restored).expect(0).stdout, large);
    elsewhere.run(["check", "--read-data"]).expect(0);
    elsewhere.run(["drill", "shop"]).expect(0);
    let now = locked.versions();
    assert!(now.is_superset(&first), "versions are gone");
    let keys: BTreeSet<_> = now.iter().map(|(key, _)| key).collect();
    let probes = now.iter().filter(|(key, _)| key.starts_with("shop/probe/")).count();
    assert_eq!((keys.len(), probes), (now.len(), 1), "something was put twice: {now:?}");
    let Some(directory) = locked.first_versions("copied") else { return };
    locked.assert_whole(directory, 5);
}

#[test]
fn whoever_has_the_storage_credentials_of_a_host_can_delete_no_version_that_is_locked() {
    let Some(locked) = Locked::new() else { return };
    let before = locked.versions();
    for (key, version) in &before {
        let path = format!("/locked/{key}?versionId={version}");
        let (status, answer) = locked.server.ask(&format!("DELETE {path}"), "");
        assert_eq!(status, 403, "{key}: {answer}");
    }
    let (status, answer) = locked.server.ask("DELETE /locked", "");
    assert_eq!(status, 409, "{answer}");
    assert_eq!(locked.versions(), before);
}

#[test]
fn what_was_hidden_or_put_over_is_restored_from_first_versions() {
    let Some(mut locked) = Locked::new() else { return };
    let before = locked.versions();
    for (number, (key, _)) in before.iter().enumerate() {
        match number % 3 {
            0 => locked.delete(key),
            1 => locked.put_over(key, "pay 3 bitcoin"),
            _ => {
                locked.delete(key);
                locked.put_over(key, "pay 3 bitcoin");
                locked.delete(key);
            }
        }
    }
    let restore = ["restore", "latest", "--source", "shop", "--target", "-"];
    let outcome = locked.elsewhere.run(restore);
    assert_ne!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.is_empty(), "{outcome:?}");
    assert!(locked.versions().is_superset(&before));
    let Some(directory) = locked.first_versions("rescued") else { return };
    locked.assert_whole(directory, 5);
}

#[test]
fn a_ledger_whose_newest_entries_are_hidden_is_noticed_by_a_machine_that_knows_them() {
    let Some(locked) = Locked::new() else { return };
    let keys: Vec<_> = locked.versions().into_iter().map(|(key, _)| key).collect();
    let newest = keys.iter().filter(|key| key.starts_with("shop/ledger/")).max().unwrap();
    locked.delete(newest);
    locked.delete(&newest.replace("/ledger/", "/witness/"));
    let elsewhere = &locked.elsewhere;
    let outcome = elsewhere.run(["snapshots"]);
    assert!(outcome.stderr.contains("warning: "), "{outcome:?}");
    let source = format!("ndjson:{}", elsewhere.sandbox.write_shop(7));
    let outcome = elsewhere.run(["backup", "events", &source, "--name", "shop"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
}

#[test]
fn an_entry_that_nobody_signed_changes_nothing() {
    let Some(locked) = Locked::new() else { return };
    let ledger = locked.versions().into_iter().filter(|(key, _)| key.contains("/ledger/")).count();
    locked.put_over(&format!("shop/ledger/{ledger:020}"), "forged");
    locked.elsewhere.assert_restores(5);
    locked.elsewhere.back_up(6);
    locked.elsewhere.assert_restores(6);
}

#[test]
fn what_is_stored_tells_nothing_of_events_to_whoever_has_no_password() {
    let Some(locked) = Locked::new() else { return };
    let event = shop(1).lines().next().unwrap().to_owned();
    for (key, version) in locked.versions() {
        let (status, content) =
            locked.server.ask(&format!("GET /locked/{key}?versionId={version}"), "");
        assert_eq!(status, 200, "{key}");
        assert!(!content.contains(&event[..event.len().min(40)]), "{key}");
        assert!(!content.contains("shop.ndjson"), "{key}");
    }
}

#[test]
fn without_a_lock_whoever_may_delete_deletes_everything() {
    let Some(server) = S3Server::start() else { return };
    let elsewhere = Elsewhere::s3(&server);
    elsewhere.run(["init"]).expect(0);
    elsewhere.back_up(3);
    for (key, version) in versions(&server, "backups") {
        let (status, _) = server.ask(&format!("DELETE /backups/{key}?versionId={version}"), "");
        assert_eq!(status, 204);
    }
    assert_eq!(versions(&server, "backups"), BTreeSet::new());
    elsewhere.run(["snapshots"]).expect(10);
}
