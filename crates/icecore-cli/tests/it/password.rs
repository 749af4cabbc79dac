//! Where passwords come from.

use crate::support::{Outcome, PASSWORD, Sandbox, outcome_of};
use std::fs;
use std::time::Instant;

fn snapshots(sandbox: &Sandbox, variables: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let mut command = sandbox.command(["snapshots"]);
    command.env_remove("ICECORE_PASSWORD").args(arguments).envs(variables.iter().copied());
    outcome_of(&mut command)
}

#[test]
fn passwords_come_from_variables_files_and_commands() {
    let sandbox = Sandbox::new();
    let file = sandbox.text("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let command = format!("echo '{PASSWORD}'");
    snapshots(&sandbox, &[("ICECORE_PASSWORD_FILE", &file)], &[]).expect(0);
    snapshots(&sandbox, &[("ICECORE_PASSWORD_COMMAND", &command)], &[]).expect(0);
    snapshots(&sandbox, &[], &["--password-file", &file]).expect(0);
    snapshots(&sandbox, &[], &["--password-command", &command]).expect(0);
    // What is said on the command line counts.
    let wrong = [("ICECORE_PASSWORD", "wrong"), ("ICECORE_PASSWORD_FILE", "/nowhere")];
    snapshots(&sandbox, &wrong, &["--password-file", &file]).expect(0);
    snapshots(&sandbox, &[], &["--password-file", &file, "--password-command", "true"]).expect(2);
}

#[test]
fn a_wrong_password_ends_after_one_attempt() {
    let sandbox = Sandbox::new();
    let began = Instant::now();
    let outcome = snapshots(&sandbox, &[("ICECORE_PASSWORD", "wrong")], &[]).expect(12);
    assert!(began.elapsed().as_secs() < 20);
    assert!(outcome.stderr.contains("no key slot accepts this password"), "{}", outcome.stderr);
    snapshots(&sandbox, &[("ICECORE_PASSWORD", &format!("{PASSWORD}\n"))], &[]).expect(12);
}

#[test]
fn no_password_an_empty_one_and_a_failing_command_are_refused() {
    let sandbox = Sandbox::new();
    let outcome = snapshots(&sandbox, &[], &[]).expect(1);
    assert!(outcome.stderr.contains("ICECORE_PASSWORD_FILE"), "{}", outcome.stderr);
    snapshots(&sandbox, &[("ICECORE_PASSWORD", "")], &[]).expect(1);
    snapshots(&sandbox, &[], &["--password-file", "/dev/null"]).expect(1);
    snapshots(&sandbox, &[], &["--password-file", "/nowhere"]).expect(1);
    let echo = format!("echo '{PASSWORD}'; false");
    snapshots(&sandbox, &[], &["--password-command", &echo]).expect(1);
}

#[test]
fn nobody_is_asked_for_a_password_where_there_is_no_repository() {
    let sandbox = Sandbox::without_repository();
    snapshots(&sandbox, &[], &[]).expect(10);
}
