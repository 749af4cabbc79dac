//! `icecore init`.

use crate::support::{FILTERS, Sandbox};
use std::fs;

#[test]
fn a_new_repository_is_made_with_the_directories_above_it() {
    let sandbox = Sandbox::without_repository();
    let outcome = sandbox.run(["init", "--repo", &sandbox.text("a/b/c")]).expect(0);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(outcome.stdout.replace("chacha20-poly1305", "aes-256-gcm"), @"
        made repository [ID] at [DIRECTORY]/a/b/c (aes-256-gcm)
        Without its password nothing in it can be read, by anyone: keep it safe.
        ");
    });
    sandbox.run(["snapshots", "-r", &format!("file:{}", sandbox.text("a/b/c"))]).expect(0);
}

#[test]
fn both_ciphers_can_be_chosen() {
    for cipher in ["aes-256-gcm", "chacha20-poly1305"] {
        let sandbox = Sandbox::without_repository();
        let made = sandbox.json(["init", "--cipher", cipher]);
        assert_eq!(made[0]["message_type"], "summary");
        assert_eq!(made[0]["cipher"], cipher);
        assert_eq!(made[0]["repository_id"].as_str().unwrap().len(), 32);
    }
    Sandbox::without_repository().run(["init", "--cipher", "rot13"]).expect(2);
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let before = sandbox.files("repository");
    // Whatever the password.
    let mut command = sandbox.command(["init"]);
    let outcome = crate::support::outcome_of(command.env("ICECORE_PASSWORD", "another")).expect(1);
    assert!(outcome.stderr.contains("there is a repository at"), "{}", outcome.stderr);
    assert_eq!(sandbox.files("repository"), before);
    sandbox.run(["snapshots"]).expect(0);
}

#[test]
fn init_without_a_password_makes_nothing() {
    let sandbox = Sandbox::without_repository();
    let mut command = sandbox.command(["init"]);
    crate::support::outcome_of(command.env_remove("ICECORE_PASSWORD")).expect(1);
    assert!(!fs::exists(sandbox.path("repository")).unwrap());
}
