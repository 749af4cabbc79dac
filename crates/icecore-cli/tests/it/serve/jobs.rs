//! Jobs: what the command does and says, and how they end.

use super::client::Server;
use crate::support::{Sandbox, outcome_of, shop};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;

/// The names of all members, and those of members that are objects.
fn shape(value: &Value) -> Vec<String> {
    let Value::Object(members) = value else { return Vec::new() };
    let names = members.iter().flat_map(|(name, value)| {
        let below = shape(value).into_iter().map(move |below| format!("{name}.{below}"));
        std::iter::once(name.clone()).chain(below)
    });
    names.collect()
}

/// The last line that the command prints.
fn summary(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    sandbox.json(arguments).pop().unwrap()
}

#[test]
fn a_backup_ends_with_what_the_command_tells() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.write_shop(5));
    let server = Server::start(&sandbox);
    let job = server.run_job(
        "backup",
        &json!({"source": source, "name": "shop", "tag": ["nightly", "by=http"], "verify": true}),
    );
    assert_eq!((&job["state"], &job["error"]), (&json!("done"), &Value::Null));
    assert_eq!(job["operation"], "backup");
    assert_eq!(job["request"]["tag"], json!(["nightly", "by=http"]));
    let result = &job["result"];
    assert_eq!((&result["events_total"], &result["events_new"]), (&json!(10), &json!(4)));
    assert_eq!(result["verified"], true);
    assert!(result["requests"]["put"]["count"].as_u64().unwrap() > 0, "{result}");
    let snapshot = sandbox.json(["snapshots", "--tag", "nightly"]);
    assert_eq!(snapshot[0]["snapshot_id"], result["snapshot_id"]);
    assert_eq!(snapshot[0]["tags"], json!(["nightly", "by=http"]));
    let arguments = ["backup", "events", &source, "--name", "shop", "--verify"];
    assert_eq!(shape(result), shape(&summary(&sandbox, &arguments)));
}

#[test]
fn streams_go_back_into_a_store_and_come_to_a_point() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let target = |name: &str| format!("ndjson:{}", sandbox.text(name));
    let restored = server.run_job(
        "restore",
        &json!({"snapshot": "latest", "target": target("one.ndjson"), "stream": ["order-2"]}),
    );
    assert_eq!(restored["state"], "done", "{restored}");
    let arguments = ["restore", "latest", "--target", &target("two.ndjson"), "--stream", "order-2"];
    let told = sandbox.json(arguments);
    let [stream, summary] = &told[..] else { panic!("{told:?}") };
    assert_eq!(restored["messages"], json!([stream]));
    assert_eq!(shape(&restored["result"]), shape(summary));
    assert_eq!(
        fs::read(sandbox.path("one.ndjson")).unwrap(),
        fs::read(sandbox.path("two.ndjson")).unwrap()
    );

    let body = json!({"source": "shop", "to_time": "2026-11-21T06:00:00Z", "target": target("then.ndjson")});
    let recovered = server.run_job("recover", &body);
    assert_eq!(recovered["state"], "done", "{recovered}");
    assert_eq!(recovered["result"]["events_restored"], 3);
    assert_eq!(recovered["result"]["point"]["kind"], "time");
    assert_eq!(fs::read_to_string(sandbox.path("then.ndjson")).unwrap().lines().count(), 3);
}

#[test]
fn a_drill_proves_and_a_check_finds() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    let drilled = server.run_job("drill", &json!({"source": "shop", "live": source}));
    assert_eq!(drilled["state"], "done", "{drilled}");
    assert_eq!(drilled["result"]["proven"], true);
    assert_eq!(server.get_json("/v1/timeline?source=shop")["drill"]["proven"], true);

    let checked = server.run_job("check", &json!({"snapshot": ["latest"], "read_data": true}));
    assert_eq!((&checked["state"], &checked["result"]["findings"]), (&json!("done"), &json!(0)));
    for pack in sandbox.files("repository/packs") {
        let mut bytes = fs::read(&pack).unwrap();
        bytes[0] ^= 1;
        fs::set_permissions(&pack, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(&pack, bytes).unwrap();
    }
    let checked = server.run_job("check", &json!({"read_data": true}));
    assert_eq!(
        (&checked["state"], &checked["error"]["code"]),
        (&json!("failed"), &json!("damaged"))
    );
    assert_eq!(checked["error"]["exit_code"], 1);
    let findings = checked["result"]["findings"].as_u64().unwrap();
    assert!(findings > 0 && checked["messages"].as_array().unwrap().len() as u64 == findings);
    assert_eq!(checked["messages"][0]["message_type"], "finding");
}

#[test]
fn a_job_fails_with_what_the_command_says() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let missing = format!("ndjson:{}", sandbox.text("missing.ndjson"));
    for (operation, body, arguments, code) in [
        ("backup", json!({"source": missing}), &["backup", "events", &missing][..], "failed"),
        (
            "restore",
            json!({"snapshot": "ffff", "target": missing}),
            &["restore", "ffff", "--target", &missing],
            "no_snapshot",
        ),
        (
            "recover",
            json!({"source": "other", "latest": true, "target": missing}),
            &["recover", "other", "--latest", "--target", &missing],
            "no_source",
        ),
        (
            "backup",
            json!({"source": format!("ndjson:{}", sandbox.text("shop.ndjson")), "stream": ["["]}),
            &["backup", "events", "ndjson:shop.ndjson", "--stream", "["],
            "invalid_request",
        ),
    ] {
        let job = server.run_job(operation, &body);
        assert_eq!(job["state"], "failed", "{job}");
        let outcome = outcome_of(sandbox.command(arguments).arg("--json"));
        let said: Value = serde_json::from_str(outcome.stderr.lines().last().unwrap()).unwrap();
        let error = &job["error"];
        let causes = error["causes"].as_array().unwrap().iter();
        let steps: Vec<_> = std::iter::once(&error["message"]).chain(causes).collect();
        let steps: Vec<_> = steps.iter().map(|step| step.as_str().unwrap()).collect();
        assert_eq!(said["message"], steps.join(": "));
        assert_eq!((&said["code"], &said["hint"]), (&error["exit_code"], &error["hint"]));
        assert_eq!(error["code"], code, "{error}");
    }
}

#[test]
fn a_snapshot_that_lacks_streams_is_there_and_its_job_failed() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(2));
    fs::write(sandbox.path("ids"), "order-1\norder-9\n").unwrap();
    let server = Server::start(&sandbox);
    let job =
        server.run_job("backup", &json!({"source": source, "streams_from": sandbox.text("ids")}));
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("incomplete")));
    assert_eq!(
        (&job["error"]["exit_code"], &job["result"]["events_total"]),
        (&json!(3), &json!(2))
    );
    let outcomes: Vec<_> =
        job["messages"].as_array().unwrap().iter().map(|it| &it["outcome"]).collect();
    assert_eq!(outcomes, ["backed_up", "missing"]);
}

/// A backup of a pipe that has begun to be read: it goes on until all who write to it have closed it.
fn start_reading(server: &Server, sandbox: &Sandbox, name: &str) -> (String, File) {
    let path = sandbox.path(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let job = start(server, &format!("ndjson:{}", sandbox.text(name)));
    // Waits until the other end is open.
    let mut pipe = File::options().write(true).open(&path).unwrap();
    pipe.write_all(shop(3).as_bytes()).unwrap();
    (job, pipe)
}

fn start(server: &Server, source: &str) -> String {
    let answer = server.post("/v1/jobs/backup", &json!({"source": source})).expect(202);
    answer.header("location").unwrap().to_owned()
}

#[test]
fn a_job_that_is_cancelled_commits_nothing_and_makes_room() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let (running, pipes): (Vec<_>, Vec<_>) =
        ["a", "b"].map(|name| start_reading(&server, &sandbox, name)).into_iter().unzip();
    let source = format!("ndjson:{}", sandbox.write_shop(1));
    let [waiting, unwanted] = [(); 2].map(|()| start(&server, &source));
    assert_eq!(server.get_json(&waiting)["state"], "queued");
    let cancelled = server.post(&format!("{unwanted}/cancel"), &json!({})).expect(202);
    assert_eq!(cancelled.json()["job_id"].as_str(), unwanted.rsplit('/').next());
    let unwanted = server.wait(&unwanted);
    assert_eq!((&unwanted["state"], &unwanted["started"]), (&json!("cancelled"), &Value::Null));

    server.post(&format!("{}/cancel", running[0]), &json!({})).expect(202);
    // What it waits for on its own has to end; what it has read looks complete then.
    drop(pipes);
    let ended = server.wait(&running[0]);
    assert_eq!((&ended["state"], &ended["error"]["exit_code"]), (&json!("cancelled"), &json!(130)));
    assert_eq!(server.wait(&running[1])["state"], "done");
    assert_eq!(server.wait(&waiting)["state"], "done");
    // Only those that ended well made one.
    assert_eq!(server.get_json("/v1/snapshots")["snapshots"].as_array().unwrap().len(), 2);
    // One that has ended stays as it is.
    server.post(&format!("{waiting}/cancel"), &json!({})).expect(202);
    assert_eq!(server.get_json(&waiting)["state"], "done");
    let jobs = server.get_json("/v1/jobs");
    let states: Vec<_> = jobs["jobs"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["cancelled", "done", "done", "cancelled"]);
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn a_server_that_ends_waits_for_its_jobs() {
    let sandbox = Sandbox::new();
    let mut server = Server::start(&sandbox);
    let (_, pipe) = start_reading(&server, &sandbox, "a");
    server.signal();
    assert!(server.is_running());
    let refused = server.post("/v1/jobs/check", &json!({})).expect(503);
    assert_eq!(refused.code(), "ending");
    drop(pipe);
    server.outcome().expect(0);
    assert!(sandbox.json(["snapshots"]).is_empty());
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn too_many_jobs_are_refused() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let _pipes = ["a", "b"].map(|name| start_reading(&server, &sandbox, name));
    for _ in 0..64 {
        server.post("/v1/jobs/check", &json!({})).expect(202);
    }
    let refused = server.post("/v1/jobs/check", &json!({})).expect(429);
    assert_eq!(
        (refused.code().as_str(), refused.header("retry-after")),
        ("too_many_jobs", Some("5"))
    );
}

#[test]
fn progress_is_sent_while_it_is_made() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    let (path, pipe) = start_reading(&server, &sandbox, "a");
    assert_eq!(server.get_json(&path)["progress"]["message_type"], "status");
    drop(pipe);
    let events = server.get(&format!("{path}/events")).expect(200);
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let names: Vec<_> = events.body.lines().filter(|line| line.starts_with("event: ")).collect();
    let (ended, before) = names.split_last().unwrap();
    assert_eq!(*ended, "event: ended");
    assert!(before.iter().all(|name| *name == "event: progress"), "{names:?}");
}
