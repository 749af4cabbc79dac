//! `icecore drill` into PostgreSQL, and all that root cannot show: root starts no server, and nothing
//! is read-only for it.

use crate::support::{Outcome, Sandbox, outcome_of};
use icecore_test_cluster::{Cluster, unprivileged_ids};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Child;
use std::time::Duration;

/// Gives a directory with all that is in it to the user that drills run as.
fn give(path: &Path, ids: (u32, u32)) {
    chown(path, Some(ids.0), Some(ids.1)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), ids);
        }
    }
}

/// Runs a drill as a user who is not root, and has the sandbox.
fn drill(sandbox: &Sandbox, arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command([&["drill"], arguments].concat());
    if let Some(ids) = unprivileged_ids() {
        give(&sandbox.path("."), ids);
        command.uid(ids.0).gid(ids.1);
    }
    let outcome = outcome_of(&mut command);
    let entries = fs::read_dir(sandbox.path(".")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.starts_with("icecore-drill-")).collect();
    assert!(left.is_empty(), "{left:?} {outcome:#?}");
    outcome
}

/// A server with a shop of 30 orders, which is backed up.
fn shop(sandbox: &Sandbox) -> (Cluster, String) {
    let cluster = Cluster::start();
    let schema = "../icecore-sources/tests/postgres-schemas/eventcore-delivery/schema.sql";
    let schema = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(schema)).unwrap();
    cluster.create_database("shop");
    cluster.psql("shop", &schema);
    for order in 1..=30 {
        let sql = format!(
            "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             VALUES (gen_random_uuid(), 'order-{order}', 'Placed', '{{\"total\": {order}}}')"
        );
        cluster.psql("shop", &sql);
    }
    let url = cluster.url("shop");
    sandbox.run(["backup", "events", &url, "--name", "shop"]).expect(0);
    (cluster, url)
}

#[test]
fn a_database_is_proven_in_a_server_of_its_own() {
    let sandbox = Sandbox::new();
    let (cluster, url) = shop(&sandbox);
    let sql = "SELECT count(*) = 30 FROM eventcore_events;\n\
               SELECT stream_id = 'order-7' FROM eventcore_events WHERE event_data ->> 'total' = '7';";
    fs::write(sandbox.path("checks.sql"), sql).unwrap();
    let psql = format!(
        "test \"$({} -XAtc 'SELECT count(*) FROM eventcore_events')\" = 30",
        cluster.program("psql").display()
    );
    let arguments = ["shop", "--live", &url, "--check-sql", "checks.sql", "--check-command", &psql];
    let outcome = drill(&sandbox, &[&arguments[..], &["--json"]].concat()).expect(0);
    let summary = outcome.messages().pop().unwrap();
    let checks = summary["checks"].as_array().unwrap();
    let passed = |check: &Value| check["outcome"] == "passed";
    assert_eq!((checks.len(), checks.iter().all(passed)), (5, true), "{summary:#}");

    fs::write(
        sandbox.path("checks.sql"),
        "SELECT true; SELECT count(*) = 31 FROM eventcore_events",
    )
    .unwrap();
    let changed = "UPDATE eventcore_events SET event_data = '{}' WHERE stream_id = 'order-9'";
    // The store's own trigger keeps events as they are.
    cluster.psql("shop", &format!("SET session_replication_role = replica; {changed}"));
    let outcome = drill(&sandbox, &arguments).expect(1);
    assert!(
        outcome.stdout.contains("order-9 has other events than those recovered"),
        "{outcome:#?}"
    );
    assert!(outcome.stdout.contains("checks.sql: statement 2 failed"), "{outcome:#?}");
    assert!(outcome.stdout.contains("NOT PROVEN: 2 of 5 checks failed."), "{outcome:#?}");
}

/// What is in the fences of this kind in a guide, without their comments.
fn fenced<'a>(guide: &'a str, kind: &str) -> Vec<&'a str> {
    let begin = format!("```{kind}\n");
    guide.split(&begin).skip(1).filter_map(|block| Some(block.split_once("```")?.0)).collect()
}

#[test]
fn the_guide_to_drills_says_what_works() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides");
    let guide = fs::read_to_string(guide.join("prove-it-every-month.md")).unwrap();
    let sandbox = Sandbox::new();
    let (_cluster, url) = shop(&sandbox);
    fs::write(sandbox.path("checks.sql"), fenced(&guide, "sql")[0]).unwrap();
    // What a service would do with the store.
    let rebuild = "#!/bin/sh\ntest \"$1\" = --dry-run && test -S \"$PGHOST/.s.PGSQL.$PGPORT\"\n";
    fs::write(sandbox.path("rebuild-projections"), rebuild).unwrap();
    let executable = Permissions::from_mode(0o755);
    fs::set_permissions(sandbox.path("rebuild-projections"), executable).unwrap();
    // The guide's commands, with the store of this test.
    let directory = Path::new(env!("CARGO_BIN_EXE_icecore")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display());
    let commands = fenced(&guide, "sh");
    assert_eq!(commands.len(), 4);
    for command in commands {
        let command = command.replace("postgres://db.example/shop", &url);
        let mut shell = sandbox.program("sh");
        shell.env("PATH", &path).arg("-c").arg(&command);
        if let Some(ids) = unprivileged_ids() {
            give(&sandbox.path("."), ids);
            shell.uid(ids.0).gid(ids.1);
        }
        let outcome = outcome_of(&mut shell).expect(0);
        assert!(outcome.stdout.contains("Proven by "), "{command}: {outcome:#?}");
    }
    assert!(sandbox.path("shop.md").exists() && sandbox.path("shop.json").exists());
}

/// Whether a process runs. One that has ended has no command line, even if nobody has waited for it.
fn runs(process: u32) -> bool {
    fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Starts a drill whose check waits, and waits for that; also the server's process.
fn waiting(sandbox: &Sandbox) -> (Child, u32) {
    let check = "touch began; while test -e began; do sleep 0.1; done";
    let mut command = sandbox.command(["drill", "shop", "--check-command", check]);
    if let Some(ids) = unprivileged_ids() {
        give(&sandbox.path("."), ids);
        command.uid(ids.0).gid(ids.1);
    }
    let mut child = command.spawn().unwrap();
    while !sandbox.path("began").exists() {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(20));
    }
    let entries = fs::read_dir(sandbox.path(".")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path().join("data/postmaster.pid"));
    let text = paths.into_iter().find_map(|path| fs::read_to_string(path).ok()).unwrap();
    let server = text.lines().next().unwrap().parse().unwrap();
    (child, server)
}

#[test]
fn no_server_is_left_by_a_drill_that_was_interrupted_or_killed() {
    let sandbox = Sandbox::new();
    let (_cluster, _url) = shop(&sandbox);
    let (mut child, server) = waiting(&sandbox);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!runs(server));
    fs::remove_file(sandbox.path("began")).unwrap();

    let (mut child, server) = waiting(&sandbox);
    child.kill().unwrap();
    let _status = child.wait().unwrap();
    fs::remove_file(sandbox.path("began")).unwrap();
    assert!(runs(server));
    let outcome = drill(&sandbox, &["shop", "--into", "ndjson"]).expect(0);
    assert!(outcome.stderr.contains("removed the scratch of 1 drill"), "{outcome:#?}");
    assert!(!runs(server));
}

#[test]
fn root_starts_no_server() {
    if unprivileged_ids().is_none() {
        return;
    }
    let sandbox = Sandbox::with_snapshot();
    let outcome = sandbox.run(["drill", "shop", "--into", "postgres"]).expect(1);
    assert_eq!(
        outcome.stderr,
        "error: PostgreSQL does not run as root: run the drill as another user\n"
    );
}

#[test]
fn a_drill_of_read_only_storage_is_not_recorded_and_says_so() {
    let sandbox = Sandbox::with_snapshot();
    let ledger = sandbox.path("repository/ledger");
    fs::set_permissions(&ledger, Permissions::from_mode(0o500)).unwrap();
    let outcome = drill(&sandbox, &["shop"]).expect(0);
    assert!(outcome.stderr.contains("warning: the drill was not recorded: "), "{outcome:#?}");
    assert!(outcome.stdout.contains("Proven by 2 checks."), "{outcome:#?}");
    fs::set_permissions(&ledger, Permissions::from_mode(0o700)).unwrap();
}
