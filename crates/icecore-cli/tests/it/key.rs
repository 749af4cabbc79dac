//! `icecore key`.

use crate::support::{FILTERS, Outcome, PASSWORD, Sandbox, outcome_of};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Runs the command with another password.
fn with<'a>(sandbox: &Sandbox, password: &str, arguments: impl AsRef<[&'a str]>) -> Outcome {
    outcome_of(sandbox.command(arguments).env("ICECORE_PASSWORD", password))
}

/// Adds a key whose password is the role's name; its id.
fn add(sandbox: &Sandbox, role: &str) -> String {
    fs::write(sandbox.path(role), format!("{role}\n")).unwrap();
    let file = sandbox.text(role);
    let arguments = ["key", "add", "--role", role, "--new-password-file", &file];
    let summary = sandbox.json(arguments).pop().unwrap();
    assert_eq!(summary["role"], role);
    summary["key_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_writers_password_backs_up_and_a_readers_restores() {
    let sandbox = Sandbox::with_snapshot();
    add(&sandbox, "writer");
    add(&sandbox, "reader");
    let source = format!("ndjson:{}", sandbox.write_shop(4));
    with(&sandbox, "writer", ["backup", "events", &source, "--name", "shop"]).expect(0);
    let restore = ["restore", "latest", "--target", "-"];
    let refused = with(&sandbox, "writer", restore).expect(1);
    assert!(refused.stdout.is_empty(), "{refused:?}");
    assert_eq!(with(&sandbox, "reader", restore).expect(0).stdout, crate::support::shop(4));
    with(&sandbox, "reader", ["backup", "events", &source]).expect(1);
    let refused = with(&sandbox, "writer", ["forget", "--keep-last", "1"]).expect(1);
    insta::assert_snapshot!(refused.stderr, @"
    error: a writer key cannot forget snapshots
    hint: nothing was written; open the repository with an admin's password
    ");
    for arguments in [
        &["key", "add", "--role", "admin", "--new-password-command", "echo mine"][..],
        &["key", "export"],
    ] {
        with(&sandbox, "writer", arguments).expect(1);
    }
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn keys_are_listed_and_removed_but_for_the_last_admins() {
    let sandbox = Sandbox::with_snapshot();
    let writer = add(&sandbox, "writer");
    let table = sandbox.run(["key", "list"]).expect(0).stdout;
    let rows: Vec<_> = table.lines().filter(|line| line.contains("counts")).collect();
    assert_eq!(rows.len(), 2, "{table}");
    assert!(table.contains("admin   counts  founder, this one"), "{table}");
    sandbox.run(["key", "remove", &writer[..6]]).expect(0);
    let listed = sandbox.json(["key", "list"]);
    let removed = listed.iter().find(|key| key["key_id"] == writer.as_str()).unwrap();
    assert_eq!((&removed["state"], &removed["slots"]), (&"removed".into(), &0.into()));
    with(&sandbox, "writer", ["snapshots"]).expect(12);
    let founder = listed.iter().find(|key| key["founder"] == true).unwrap();
    let refused = sandbox.run(["key", "remove", founder["key_id"].as_str().unwrap()]).expect(1);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(refused.stderr, @"
        error: key [ID] is the last admin's
        hint: nothing was written; `icecore key add --role admin` adds another first, as nobody could add or remove keys any more
        ");
    });
    sandbox.run(["key", "remove", &writer]).expect(1);
    sandbox.run(["key", "remove", "zzzz"]).expect(1);
    let kinds: Vec<_> = sandbox.json(["log"]).iter().map(|it| it["kind"].clone()).collect();
    assert_eq!(kinds, ["commit", "key-added", "key-removed"]);
}

#[test]
fn a_password_is_changed_by_what_a_command_prints() {
    let sandbox = Sandbox::with_snapshot();
    let id = sandbox.json(["key", "list"])[0]["key_id"].clone();
    let changed = sandbox.json(["key", "passwd", "--new-password-command", "printf 'from a kms'"]);
    assert_eq!((&changed[0]["key_id"], &changed[0]["slots_left"]), (&id, &serde_json::json!([])));
    sandbox.run(["snapshots"]).expect(12);
    let command = ["snapshots", "--password-command", "printf 'from a kms'"];
    assert!(!sandbox.run(command).expect(0).stdout.is_empty());
    with(&sandbox, "from a kms", ["check"]).expect(0);
    let failing = ["key", "passwd", "--new-password-command", "false"];
    with(&sandbox, "from a kms", failing).expect(1);
    with(&sandbox, "from a kms", ["snapshots"]).expect(0);
}

#[test]
fn a_recovery_key_is_printed_typed_with_a_mistake_and_typed_right() {
    let sandbox = Sandbox::with_snapshot();
    let image = sandbox.text("recovery.svg");
    let printed = sandbox.run(["key", "export", "--qr-file", &image]).expect(0).stdout;
    let digits: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("  ") && line.chars().any(|it| it.is_ascii_digit()))
        .flat_map(|line| line.split_whitespace().skip(1))
        .collect();
    assert_eq!(digits.len(), 10, "{printed}");
    let typed = digits.join(" ");
    with(&sandbox, &typed, ["snapshots"]).expect(0);
    with(&sandbox, &digits.concat(), ["check"]).expect(0);
    let mut wrong = digits.clone();
    wrong.swap(2, 6);
    let refused = with(&sandbox, &wrong.join("-"), ["snapshots"]).expect(12);
    insta::assert_snapshot!(refused.stderr, @"
    error: the recovery key has a mistake in groups 3 and 7
    hint: groups are counted from 1, as they are on the paper
    ");
    assert!(fs::read_to_string(&image).unwrap().contains("<svg"));
    assert_eq!(fs::metadata(&image).unwrap().permissions().mode() & 0o777, 0o600);
    // On a terminal the code is drawn; in JSON the key is a member.
    assert!(sandbox.run(["key", "export"]).expect(0).stdout.contains('█'));
    let summary = sandbox.json(["key", "export", "--reader"]).pop().unwrap();
    let secret = summary["recovery_key"].as_str().unwrap();
    assert_eq!((secret.len(), &summary["role"]), (69, &"reader".into()));
    with(&sandbox, secret, ["restore", "latest", "--target", "-"]).expect(0);
    assert_ne!(secret, PASSWORD);
}
