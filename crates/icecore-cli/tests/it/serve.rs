//! `icecore serve`: what the command does, over HTTP.

mod client;
mod guides;
mod jobs;
mod refusals;
mod schemathesis;
mod tls;

use crate::support::{Sandbox, outcome_of};
use client::{Server, TOKEN};
use serde_json::{Value, json};

#[test]
fn snapshots_are_told_as_by_the_command() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let without_type = |mut message: Value| {
        drop(message.as_object_mut().unwrap().remove("message_type"));
        message
    };
    let told: Vec<_> = sandbox.json(["snapshots"]).into_iter().map(without_type).collect();
    assert_eq!(server.get_json("/v1/snapshots"), json!({"snapshots": told}));
    assert_eq!(server.get_json("/v1/snapshots?source=shop&since=1d"), json!({"snapshots": told}));
    assert_eq!(server.get_json("/v1/snapshots?source=other"), json!({"snapshots": []}));
    assert_eq!(server.get_json("/v1/snapshots/latest?source=shop"), told[0]);
    let id = told[0]["snapshot_id"].as_str().unwrap();
    assert_eq!(server.get_json(&format!("/v1/snapshots/{}", &id[..6])), told[0]);
    let entries = sandbox.json(["log"]).into_iter().map(without_type);
    let entries: Vec<_> = entries.collect();
    assert_eq!(server.get_json("/v1/log"), json!({"entries": entries, "next": null}));
    let timeline = server.get_json("/v1/timeline?source=shop");
    assert_eq!(timeline["snapshots"][0]["snapshot_id"], told[0]["snapshot_id"]);
    assert_eq!(timeline["summary"]["source"], "shop");
}

#[test]
fn streams_come_in_pages_and_their_events_as_in_a_dump() {
    let sandbox = Sandbox::with_snapshot();
    let server = Server::start(&sandbox);
    let page = |query: &str| server.get_json(&format!("/v1/snapshots/latest/streams{query}"));
    let ids = |page: &Value| {
        let streams = page["streams"].as_array().unwrap().iter();
        streams.map(|it| it["stream_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let first = page("?limit=2");
    assert_eq!(
        (ids(&first).join(" "), &first["next"]),
        ("order-1 order-2".to_owned(), &json!("order-2"))
    );
    let second = page("?limit=2&after=order-2");
    assert_eq!((ids(&second).join(" "), &second["next"]), ("order-3".to_owned(), &Value::Null));
    assert_eq!(ids(&page("?stream=*-1")), ["order-1"]);
    assert_eq!(page("?after=order-3"), json!({"streams": [], "next": null}));

    let path = "/v1/snapshots/latest/streams/order-2/events";
    let events = server.get(path).expect(200);
    assert_eq!(events.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        events.body,
        sandbox.run(["dump", "latest", "--stream", "order-2"]).expect(0).stdout
    );
    assert_eq!(events.body.lines().count(), 2);
}

#[test]
fn a_stream_may_be_called_anything() {
    let sandbox = Sandbox::new();
    let line = r#"{"stream_id":"a/b?*é","version":1,"type":"T","data":1}"#;
    std::fs::write(sandbox.path("odd.ndjson"), format!("{line}\n")).unwrap();
    sandbox.run(["backup", "events", "ndjson:odd.ndjson"]).expect(0);
    let server = Server::start(&sandbox);
    let events = server.get("/v1/snapshots/latest/streams/a%2Fb%3F*%C3%A9/events").expect(200);
    assert_eq!(events.body, format!("{line}\n"));
    let missing = server.get("/v1/snapshots/latest/streams/*/events").expect(404);
    assert_eq!(missing.code(), "no_stream");
}

#[test]
fn what_others_backed_up_is_there_at_once() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    assert_eq!(server.get_json("/v1/snapshots"), json!({"snapshots": []}));
    let source = format!("ndjson:{}", sandbox.write_shop(1));
    sandbox.run(["backup", "events", &source]).expect(0);
    let streams = server.get_json("/v1/snapshots/latest/streams");
    assert_eq!(streams["streams"][0]["events"], 2);
}

#[test]
fn it_ends_by_a_signal_with_code_0() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    server.signal();
    let outcome = server.outcome().expect(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn it_does_not_start_without_a_token_that_is_one() {
    let sandbox = Sandbox::new();
    let run = || sandbox.command(["serve", "--listen", "127.0.0.1:0"]);
    let outcome = outcome_of(&mut run()).expect(1);
    insta::assert_snapshot!(outcome.stderr, @"
    error: there is no token
    hint: say --token-file, or set ICECORE_TOKEN_FILE or ICECORE_TOKEN; `head -c 32 /dev/urandom | base64` makes one
    ");
    let outcome = outcome_of(run().env("ICECORE_TOKEN", "short")).expect(1);
    insta::assert_snapshot!(outcome.stderr, @"
    error: the token is shorter than 16 bytes
    hint: `head -c 32 /dev/urandom | base64` makes one
    ");
    let outcome = outcome_of(run().args(["--token-file", "nowhere"])).expect(1);
    insta::assert_snapshot!(outcome.stderr, @"
    error: cannot read the token file nowhere
      because: No such file or directory (os error 2)
    ");
    let mut open = sandbox.command(["serve", "--listen", "0.0.0.0:0"]);
    let outcome = outcome_of(open.env("ICECORE_TOKEN", TOKEN)).expect(2);
    insta::assert_snapshot!(outcome.stderr, @"
    error: 0.0.0.0:0 is no loopback address, and there is no TLS
    hint: say --tls-certificate and --tls-key, or listen on a loopback address such as 127.0.0.1:8417
    ");
}

#[test]
fn the_token_is_in_a_file_or_in_the_environment_and_nowhere_else() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("token"), "another-token-in-a-file\n").unwrap();
    let mut command = sandbox.command(["serve", "--listen", "127.0.0.1:0", "--json", "-vv"]);
    command.args(["--token-file", "token"]);
    let server = Server::run(command);
    // What is said on the command line comes before the environment.
    assert_eq!(server.get("/v1/jobs").expect(401).code(), "unauthorized");
    let headers = |token: &'static str| [("Host", server.host.as_str()), ("Authorization", token)];
    let path = "/v1/jobs?x=another-token-in-a-file";
    server.send_with("GET", path, &headers("Basic another-token-in-a-file"), "").expect(401);
    server.send_with("GET", path, &headers("Bearer another-token-in-a-file"), "").expect(200);
    server.signal();
    let outcome = server.outcome().expect(0);
    assert!(!outcome.stderr.contains("another-token"), "{}", outcome.stderr);
}

#[test]
fn the_description_is_what_it_was() {
    let sandbox = Sandbox::without_repository();
    let described = sandbox.run(["serve", "--openapi"]).expect(0).stdout;
    insta::with_settings!({
        snapshot_path => "help",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("openapi", described);
    });
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox);
    assert_eq!(server.get("/v1/openapi.json").expect(200).body, described);
}
