//! What the command says of itself.

use crate::support::Sandbox;
use std::fs;

#[test]
fn help_lists_commands_options_and_exit_codes() {
    let sandbox = Sandbox::without_repository();
    for (name, arguments) in [
        ("icecore", &["--help"][..]),
        ("icecore-backup-events", &["backup", "events", "--help"]),
        ("icecore-restore", &["restore", "--help"]),
        ("icecore-follow", &["follow", "--help"]),
        ("icecore-timeline", &["timeline", "--help"]),
        ("icecore-recover", &["recover", "--help"]),
        ("icecore-drill", &["drill", "--help"]),
        ("icecore-dump", &["dump", "--help"]),
        ("icecore-forget", &["forget", "--help"]),
        ("icecore-snapshots", &["snapshots", "--help"]),
        ("icecore-check", &["check", "--help"]),
        ("icecore-prune", &["prune", "--help"]),
        ("icecore-log", &["log", "--help"]),
        ("icecore-key", &["key", "--help"]),
        ("icecore-key-add", &["key", "add", "--help"]),
        #[cfg(feature = "serve")]
        ("icecore-serve", &["serve", "--help"]),
    ] {
        let help = sandbox.run(arguments).expect(0).stdout;
        insta::with_settings!({
            snapshot_path => "help",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, help);
        });
    }
}

#[test]
fn help_tells_no_secret_of_the_environment() {
    let sandbox = Sandbox::without_repository();
    for arguments in [["--help"], ["-h"]] {
        let help = sandbox.run(arguments).expect(0).stdout;
        assert!(!help.contains(crate::support::PASSWORD), "{help}");
        assert!(!help.contains(&sandbox.text("repository")), "{help}");
    }
}

#[test]
fn completions_and_manual_pages_need_no_repository() {
    let sandbox = Sandbox::without_repository();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(["completions", shell]).expect(0).stdout;
        assert!(script.contains("snapshots"), "{shell}");
    }
    assert!(sandbox.run(["man"]).expect(0).stdout.contains(".TH icecore 1"));
    let directory = sandbox.text("man");
    sandbox.run(["man", "--directory", &directory]).expect(0);
    assert!(fs::exists(sandbox.path("man/icecore-backup-events.1")).unwrap());
}

#[test]
fn the_version_is_told() {
    let version = Sandbox::without_repository().run(["--version"]).expect(0).stdout;
    assert_eq!(version, concat!("icecore ", env!("CARGO_PKG_VERSION"), "\n"));
}
