//! Exit codes and `exit_error`: what scripts decide on. See docs/scripting.md.

use crate::support::{Sandbox, outcome_of};
use serde_json::Value;

fn exit_error(stderr: &str) -> Value {
    serde_json::from_str(stderr.lines().last().unwrap()).unwrap()
}

#[test]
fn every_way_to_fail_has_its_code() {
    let sandbox = Sandbox::new();
    let nowhere = sandbox.text("nowhere");
    let missing = format!("ndjson:{nowhere}");
    for (arguments, code) in [
        (&["init"][..], 1),
        (&["backup", "events", &missing], 1),
        (&["restore", "latest", "--target", &missing], 1),
        (&["show", "latest"], 1),
        (&[], 2),
        (&["frobnicate"], 2),
        (&["snapshots", "--frobnicate"], 2),
        (&["snapshots", "--since", "yesterday"], 2),
        (&["backup", "events", "postgres://me:secret@host/shop"], 2),
        (&["backup", "events", "-", "--retain", "soon"], 2),
        (&["backup", "events", "-", "--retain", "9000y"], 2),
        (&["backup", "events", "-", "--tag", "=x"], 2),
        (&["backup", "events", "-", "--stream", "["], 2),
        (&["restore", "latest", "--target", "shop.db"], 2),
        (&["restore", "latest"], 2),
        (&["snapshots", "--repo", "s3:https://me:secret@host/bucket"], 2),
        (&["snapshots", "--repo", ""], 2),
        (&["snapshots", "--repo", &nowhere], 10),
        (&["check", "--repo", &nowhere], 10),
        (&["backup", "events", "-", "--repo", &nowhere], 10),
    ] {
        let outcome = sandbox.run(arguments).expect(code);
        assert!(!outcome.stderr.is_empty(), "{arguments:?}");
        assert!(!outcome.stderr.contains("secret"), "{arguments:?}: {}", outcome.stderr);
        let outcome = outcome_of(sandbox.command(arguments).arg("--json")).expect(code);
        let error = exit_error(&outcome.stderr);
        assert_eq!(error["message_type"], "exit_error", "{arguments:?}");
        assert_eq!(error["code"], code, "{arguments:?}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_wrong_password_and_a_missing_place_have_theirs() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(["snapshots", "--json"]);
    let outcome = outcome_of(command.env("ICECORE_PASSWORD", "wrong")).expect(12);
    assert_eq!(exit_error(&outcome.stderr)["code"], 12);
    let mut command = sandbox.command(["snapshots"]);
    let outcome = outcome_of(command.env_remove("ICECORE_REPOSITORY")).expect(2);
    insta::assert_snapshot!(outcome.stderr, @"
    error: which repository?
    hint: say --repo PATH, or set ICECORE_REPOSITORY
    ");
}
