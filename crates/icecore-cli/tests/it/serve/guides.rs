//! The programs of the guides do what the guides say.

use super::client::{Server, TOKEN};
use crate::support::{Sandbox, outcome_of};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What stands in the fence of this language.
fn program(guide: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides").join(guide);
    let text = fs::read_to_string(path).unwrap();
    let (_, begun) = text.split_once(&format!("```{language}\n")).expect("it has a program");
    begun.split_once("```\n").expect("which ends").0.to_owned()
}

/// Runs a program that backs up the shop, and then one stream that is not there; what it says.
fn run(sandbox: &Sandbox, command: impl Fn() -> Command, label: &str) {
    let server = Server::start(sandbox);
    fs::write(sandbox.path("token"), format!("{TOKEN}\n")).unwrap();
    let source = format!("ndjson:{}", sandbox.write_shop(2));
    let run = |source: &str, stream: &str| {
        let mut command = command();
        outcome_of(command.args([&server.url(), "token", source, stream]))
    };
    let outcome = run(&source, "order-2").expect(0);
    let snapshot = sandbox.json(["show", "latest"]).remove(0);
    let id = snapshot["snapshot_id"].as_str().unwrap();
    assert_eq!(snapshot["tags"], serde_json::json!([label]));
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], format!("snapshot {id}: 4 new events"));
    assert!(lines[1].ends_with(&format!("Z 4 events {label}")), "{}", lines[1]);
    assert!(lines[2].starts_with("1 OrderPlaced {"), "{}", lines[2]);
    assert!(lines[3].starts_with("2 OrderPaid {"), "{}", lines[3]);
    assert_eq!(lines.len(), 4);
    assert!(outcome.stderr.ends_with(" events\n"), "{}", outcome.stderr);

    let missing = format!("ndjson:{}", sandbox.text("missing"));
    let outcome = run(&missing, "order-2").expect(1);
    assert!(outcome.stderr.contains("failed: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("nothing was backed up; "), "{}", outcome.stderr);
}

#[test]
fn the_program_in_python_backs_up_and_reads() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("backup.py"), program("from-python.md", "python")).unwrap();
    let command = || {
        let mut command = sandbox.program("python3");
        command.arg("backup.py");
        command
    };
    run(&sandbox, command, "by=python");
}

#[test]
fn the_program_in_typescript_backs_up_and_reads_where_node_is() {
    // What Node has learned only lately: to leave types out.
    let without_types = program("from-typescript.md", "typescript")
        .replace("problem: any", "problem")
        .replace("  code: string;\n  hint: string;\n\n", "")
        .replace("  address: string;\n  token: string;\n\n", "")
        .replace("address: string, token: string", "address, token")
        .replace("path: string, body?: object", "path, body")
        .replace("operation: string, options: object", "operation, options")
        .replace("snapshot: string, stream: string", "snapshot, stream")
        .replace("): Promise<Response> {", ") {")
        .replace("): Promise<any> {", ") {")
        .replace("): AsyncGenerator<any> {", ") {")
        .replace("answer.body as any", "answer.body");
    let Ok(version) = Command::new("node").arg("--version").output() else { return };
    let version = String::from_utf8(version.stdout).unwrap();
    let major: u32 = version.trim_start_matches('v').split('.').next().unwrap().parse().unwrap();
    if major < 18 {
        return;
    }
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("backup.mjs"), without_types).unwrap();
    let command = || {
        let mut command = sandbox.program("node");
        command.arg("backup.mjs");
        command
    };
    run(&sandbox, command, "by=typescript");
}
