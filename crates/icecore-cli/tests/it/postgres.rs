//! Backups of stores in PostgreSQL, by the command.

use crate::support::{FILTERS, Sandbox, outcome_of};
use icecore_test_cluster::{Cluster, ClusterOptions};
use serde_json::json;
use std::fs;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often what a server does is looked at, and how long it may take on a machine that is busy.
const POLL: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_mins(1);

/// A database with a store of published schema.
fn store(cluster: &Cluster, folder: &str) -> String {
    cluster.create_database("shop");
    let path = format!("../icecore-sources/tests/postgres-schemas/{folder}/schema.sql");
    cluster.psql("shop", &fs::read_to_string(path).unwrap());
    cluster.url("shop")
}

/// The words of the command in a document that has this in it.
fn documented(document: &str, with: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("../../docs/{document}")).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|after| after.split("```").next().unwrap());
    let command = blocks.into_iter().find(|block| block.contains(with)).unwrap();
    let words = command.split_whitespace().filter(|word| *word != "\\");
    words.skip(1).map(str::to_owned).collect()
}

#[test]
fn a_table_is_described_as_the_document_shows() {
    let cluster = Cluster::start();
    cluster.create_database("shop");
    cluster.psql(
        "shop",
        "CREATE SCHEMA sales; \
         CREATE TABLE sales.journal (entry_no bigserial PRIMARY KEY, entry_id uuid NOT NULL, \
             account text NOT NULL, revision int NOT NULL, kind text NOT NULL, \
             happened_at timestamptz NOT NULL DEFAULT now(), body json, clerk text); \
         INSERT INTO sales.journal (entry_id, account, revision, kind, body, clerk) VALUES \
             (gen_random_uuid(), 'a-1', 1, 'Opened', '{\"owner\": \"Ann\"}', 'Zoe'), \
             (gen_random_uuid(), 'a-2', 1, 'Opened', '{\"owner\": \"Bob\"}', NULL)",
    );
    let sandbox = Sandbox::new();
    let url = cluster.url("shop");
    let words = documented("event-stores.md", "--schema mapping");
    let place = words.iter().find(|word| word.starts_with("postgres://")).unwrap().clone();
    let words: Vec<&str> =
        words.iter().map(|word| if *word == place { url.as_str() } else { word }).collect();
    assert_eq!(words[..2], ["backup", "events"]);
    assert_eq!(sandbox.json(&words[..]).last().unwrap()["events_total"], 2);
    let restored = sandbox.run(["restore", "latest", "--target", "-"]).expect(0).stdout;
    let events: Vec<serde_json::Value> =
        restored.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["stream_id"], "a-1");
    assert_eq!(events[0]["data"], json!({ "owner": "Ann" }));
    assert_eq!(events[0]["clerk"], "Zoe");
    cluster.psql(
        "shop",
        "INSERT INTO sales.journal (entry_id, account, revision, kind, body) \
         VALUES (gen_random_uuid(), 'a-1', 2, 'Closed', 'null')",
    );
    let summary = sandbox.json(&words[..]).pop().unwrap();
    assert_eq!((&summary["reading"], &summary["events_new"]), (&json!("further"), &json!(1)));
    let chosen = [&words[..], &["--stream", "a-1"]].concat();
    assert_eq!(sandbox.json(&chosen[..]).last().unwrap()["events_total"], 2);
}

#[test]
fn a_person_is_told_what_was_found_read_and_compared() {
    let cluster = Cluster::start();
    let url = store(&cluster, "eventcore-delivery");
    let fill = "../icecore-sources/tests/postgres-schemas/eventcore-delivery/fill.sql";
    cluster.psql("shop", &fs::read_to_string(fill).unwrap());
    cluster.create_database("staging");
    let sandbox = Sandbox::new();
    let back_up = ["backup", "events", &url, "--name", "shop"];
    let first = sandbox.run(back_up).expect(0).stdout;
    let second = sandbox.run(back_up).expect(0).stdout;
    let target = cluster.url("staging");
    let restored = sandbox.run(["restore", "latest", "--target", &target]).expect(0).stdout;
    let anew = ["restore", "latest", "--overwrite", "--verify", "full", "--target", &target];
    let read_back = sandbox.run(anew).expect(0).stdout;
    let mut filters = FILTERS.to_vec();
    filters.push((r"127\.0\.0\.1:\d+", "[SERVER]"));
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!([first, second, restored, read_back].join("\n"));
    });
}

#[test]
fn a_description_that_fits_no_table_is_refused_with_what_is_there() {
    let cluster = Cluster::start();
    cluster.psql("postgres", "CREATE TABLE journal (no int, body text)");
    let sandbox = Sandbox::new();
    let url = cluster.url("postgres");
    let back_up = |more: &[&str]| {
        let outcome = sandbox.run([&["backup", "events", &url][..], more].concat());
        (outcome.code, outcome.stderr)
    };
    let whole = ["--column", "payload=body", "--column", "order=no"];
    for (code, arguments, message) in [
        (2, vec!["--schema", "mapping"], "--schema mapping needs --table"),
        (2, vec!["--column", "order=no"], "--table <TABLE>"),
        (2, vec!["--table", "journal", "--column", "order=no"], "--column payload=COLUMN"),
        (2, vec!["--table", "journal", "--column", "body=body"], "PART is one of: stream, version"),
        (
            2,
            [&["--schema", "marten", "--table", "journal"][..], &whole].concat(),
            "leave --schema out",
        ),
        (
            1,
            [&["--table", "ledger"][..], &whole].concat(),
            "there is no table \"ledger\" that this user may see; there are: \"public\".\"journal\"",
        ),
        (
            1,
            [&["--table", "public.journal", "--column", "type=kind"][..], &whole].concat(),
            "has no column \"kind\"; it has: \"no\", \"body\"",
        ),
    ] {
        let (found, stderr) = back_up(&arguments);
        assert_eq!(found, code, "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
    let other = ["backup", "events", "sqlite:shop.db", "--table", "journal"];
    assert!(sandbox.run(other).expect(2).stderr.contains("are for PostgreSQL"));
    let (code, stderr) = back_up(&[&["--table", "journal"][..], &whole].concat());
    assert_eq!(code, 0, "{stderr}");
}

/// Waits until the server says so.
fn wait_until(cluster: &Cluster, condition: &str) {
    let began = Instant::now();
    while cluster.psql("postgres", &format!("SELECT {condition}")) != "t" {
        assert!(began.elapsed() < PATIENCE, "it is never so that {condition}");
        sleep(POLL);
    }
}

/// A store of some events, with a table beside them that nobody may read until `release` is called.
fn held_store() -> (Cluster, String) {
    let options = ClusterOptions::default().setting("max_prepared_transactions", "5");
    let cluster = Cluster::start_with(&options);
    let url = store(&cluster, "eventcore");
    append(&cluster, 2000);
    // A transaction without a session holds the lock.
    cluster.psql(
        "shop",
        "BEGIN; LOCK TABLE eventcore_subscription_versions IN ACCESS EXCLUSIVE MODE; \
         PREPARE TRANSACTION 'held'",
    );
    (cluster, url)
}

fn release(cluster: &Cluster) {
    cluster.psql("shop", "ROLLBACK PREPARED 'held'");
}

fn append(cluster: &Cluster, events: u32) {
    cluster.psql(
        "shop",
        &format!(
            "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             SELECT gen_random_uuid(), 'order-' || n % 50, 'Happened', \
                    jsonb_build_object('text', repeat(md5(n::text), 10)) \
             FROM generate_series(1, {events}) n"
        ),
    );
}

/// A backup that has read the events and waits for the table beside them.
fn waiting_backup(sandbox: &Sandbox, cluster: &Cluster, url: &str) -> Child {
    let mut command = sandbox.command(["backup", "events", url, "--name", "shop"]);
    let child = command.spawn().unwrap();
    wait_until(
        cluster,
        "count(*) = 1 FROM pg_stat_activity \
         WHERE application_name = 'icecore' AND wait_event_type = 'Lock'",
    );
    child
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_in_the_server() {
    let (cluster, url) = held_store();
    let sandbox = Sandbox::new();
    let mut child = waiting_backup(&sandbox, &cluster, &url);
    child.kill().unwrap();
    child.wait().unwrap();
    // While the lock is held, too: who waits for it is gone.
    wait_until(
        &cluster,
        "NOT EXISTS (SELECT FROM pg_stat_activity \
         WHERE datname = 'shop' AND backend_type = 'client backend')",
    );
    release(&cluster);
    assert!(sandbox.json(["snapshots"]).is_empty());
    let summary = sandbox.json(["backup", "events", &url, "--name", "shop"]).pop().unwrap();
    assert_eq!(summary["events_total"], 2000);
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_server_that_is_killed_ends_a_backup_and_the_next_one_is_complete() {
    let (mut cluster, url) = held_store();
    let sandbox = Sandbox::new();
    for is_killed in [false, true] {
        let child = waiting_backup(&sandbox, &cluster, &url);
        if is_killed {
            cluster.kill();
        } else {
            cluster.stop(icecore_test_cluster::Mode::Immediate);
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let is_told = ["the connection to the server was lost", "is shutting down or starting"];
        assert!(is_told.iter().any(|told| said.contains(told)), "{said}");
        assert!(said.contains("nothing was committed"), "{said}");
        assert!(sandbox.json(["snapshots"]).is_empty());
        cluster.start_again();
    }
    release(&cluster);
    append(&cluster, 10);
    let summary = sandbox.json(["backup", "events", &url, "--name", "shop"]).pop().unwrap();
    assert_eq!(summary["events_total"], 2010);
    append(&cluster, 5);
    cluster.kill();
    cluster.start_again();
    // A crash that lost nothing is no reason to read all of it again.
    let outcome =
        outcome_of(sandbox.command(["backup", "events", &url, "--name", "shop"]).arg("--json"));
    let summary = outcome.expect(0).messages().pop().unwrap();
    assert_eq!((&summary["reading"], &summary["events_new"]), (&json!("further"), &json!(5)));
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_recovery_that_is_killed_at_any_moment_leaves_the_store_as_it_was_or_recovered() {
    let cluster = Cluster::start();
    let url = store(&cluster, "eventcore");
    append(&cluster, 2000);
    let sandbox = Sandbox::new();
    sandbox.run(["backup", "events", &url, "--name", "shop"]).expect(0);
    let events =
        || cluster.psql("shop", "SELECT count(*), max(stream_version) FROM eventcore_events");
    let mut before = events();
    let recover =
        ["recover", "shop", "--to-version", "order-7@20", "--target", &url, "--overwrite"];
    let began = Instant::now();
    sandbox.run(recover).expect(0);
    let duration = began.elapsed();
    let recovered = events();
    assert_ne!(recovered, before);
    for round in 1..=6 {
        append(&cluster, 50);
        before = events();
        let mut child = sandbox.command(recover).spawn().unwrap();
        sleep(duration * round / 6);
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until(
            &cluster,
            "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'shop' \
             AND pid <> pg_backend_pid() AND backend_type = 'client backend')",
        );
        let found = events();
        assert!(found == before || found == recovered, "round {round}: {found}");
    }
    sandbox.run(recover).expect(0);
    assert_eq!(events(), recovered);
}
