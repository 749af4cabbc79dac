//! Where printing goes, and what happens when it cannot.

use crate::support::{Sandbox, outcome_of};
use std::fs::{self, File};

#[test]
fn a_reader_that_went_away_is_no_error() {
    let sandbox = Sandbox::with_snapshot();
    for arguments in [
        &["snapshots"][..],
        &["snapshots", "--json"],
        &["streams", "latest"],
        &["dump", "latest"],
        &["dump", "latest", "--format", "messagepack"],
        &["check"],
        &["log"],
        &["--help"],
        &["man"],
        &["completions", "bash"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let outcome = outcome_of(sandbox.command(arguments).stdout(writer));
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_below_standard_output_is_told() {
    let sandbox = Sandbox::with_snapshot();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let outcome = outcome_of(sandbox.command(["snapshots"]).stdout(full)).expect(1);
    insta::assert_snapshot!(outcome.stderr, @"
    error: cannot print to standard output
      because: No space left on device (os error 28)
    ");
}

#[test]
fn names_cannot_command_the_terminal() {
    let sandbox = Sandbox::new();
    let event = r#"{"stream_id":"a\u001b[2Jb","version":1,"type":"t","data":1}"#;
    fs::write(sandbox.path("odd.ndjson"), event).unwrap();
    let source = format!("ndjson:{}", sandbox.text("odd.ndjson"));
    let name = "odd\u{1b}]0;name\u{7}";
    sandbox.run(["backup", "events", &source, "--name", name]).expect(0);
    for arguments in [&["snapshots"][..], &["streams", "latest"], &["show", "latest"], &["log"]] {
        let told = sandbox.run(arguments).expect(0).stdout;
        assert!(!told.contains(['\u{1b}', '\u{7}']), "{told:?}");
    }
    assert_eq!(sandbox.json(["snapshots"])[0]["source"], name);
}

#[test]
fn quiet_leaves_out_all_but_what_was_asked_for() {
    let sandbox = Sandbox::with_snapshot();
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    let target = format!("ndjson:{}", sandbox.text("restored.ndjson"));
    for arguments in [
        &["backup", "events", &source, "-q"][..],
        &["restore", "latest", "--target", &target, "-q"],
        &["check", "-q"],
    ] {
        let outcome = sandbox.run(arguments).expect(0);
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""), "{arguments:?}");
    }
    assert!(!sandbox.run(["snapshots", "-q"]).expect(0).stdout.is_empty());
}
