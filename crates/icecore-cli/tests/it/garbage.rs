//! Garbage in arguments and in repositories: an error, never a panic.

use crate::support::{Outcome, Sandbox};
use std::fs;

#[track_caller]
fn assert_is_error(outcome: &Outcome, what: &str) {
    assert!([1, 2, 10, 12].contains(&outcome.code), "{what}: {outcome:#?}");
    assert!(!outcome.stderr.contains("panicked"), "{what}: {outcome:#?}");
}

#[test]
fn garbage_arguments_are_refused() {
    let sandbox = Sandbox::with_snapshot();
    let long = "x".repeat(100_000);
    let odd = ["", " ", "\u{1b}[2J", "\u{202e}", "--", "-1", "é\n", "[[[", "{a,{b", "\\", &long];
    for garbage in odd {
        for arguments in [
            &["show", "--", garbage][..],
            &["streams", "--", garbage],
            &["check", "--", garbage],
            &["restore", "latest", "--target", garbage],
            &["backup", "events", "--", garbage],
            &["snapshots", "--since", garbage],
            &["completions", "--", garbage],
        ] {
            assert_is_error(&sandbox.run(arguments), &format!("{arguments:.80?}"));
        }
    }
}

#[test]
fn a_place_that_is_no_repository_is_refused() {
    let sandbox = Sandbox::without_repository();
    fs::write(sandbox.path("repository"), "a file").unwrap();
    assert_is_error(&sandbox.run(["snapshots"]), "a file");
    assert_is_error(&sandbox.run(["init"]), "a file");
    let sandbox = Sandbox::without_repository();
    fs::create_dir(sandbox.path("repository")).unwrap();
    sandbox.run(["snapshots"]).expect(10);
    fs::create_dir(sandbox.path("repository/config")).unwrap();
    assert_is_error(&sandbox.run(["snapshots"]), "a directory instead of the config");
}

#[test]
fn no_object_of_a_repository_can_be_garbage_unnoticed() {
    let names = Sandbox::with_snapshot().files("repository").len();
    for index in 0..names {
        for content in [&b""[..], b"garbage", &[0xff; 5000]] {
            let sandbox = Sandbox::with_snapshot();
            let file = &sandbox.files("repository")[index];
            fs::write(file, content).unwrap();
            let outcome = sandbox.run(["check", "--read-data"]);
            assert_is_error(&outcome, &format!("{} of {}", file.display(), content.len()));
        }
    }
}
