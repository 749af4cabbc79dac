//! `icecore prune`.

use crate::support::{FILTERS, Sandbox};
use serde_json::Value;

#[test]
fn where_nobody_forgot_anything_there_is_nothing_to_delete() {
    let sandbox = Sandbox::with_snapshot();
    for arguments in [["prune", "--dry-run"].as_slice(), &["prune"]] {
        let told = sandbox.run(arguments).expect(0).stdout;
        assert!(told.contains("there is nothing to delete"), "{told}");
    }
    let told = sandbox.run(["prune"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(told, @"
        pruned 1 pack (237 B) in [DURATION]
          there is nothing to delete
        ");
    });
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn an_empty_repository_is_no_error() {
    let sandbox = Sandbox::new();
    let [summary] = sandbox.json(["prune"]).try_into().unwrap();
    assert_eq!(summary["message_type"], "summary");
    assert_eq!(summary["packs_usable"], 0);
    assert_eq!(summary["waiting_until"], Value::Null);
}

/// What no session that has ended has left is deleted when it was given up.
#[test]
fn what_a_backup_left_that_never_ended_is_kept_until_it_is_given_up() {
    let sandbox = Sandbox::with_snapshot();
    let pack = &sandbox.files("repository/packs")[0];
    let text = pack.to_str().unwrap();
    let (directory, name) = text.rsplit_once('/').unwrap();
    // A session of another machine that began when that one did.
    let (session, _) = name.split_once('-').unwrap();
    let other = format!("{}{}", &session[..16], "0f".repeat(10));
    let left = format!("{}/0f/{other}-0", directory.rsplit_once('/').unwrap().0);
    std::fs::create_dir_all(std::path::Path::new(&left).parent().unwrap()).unwrap();
    std::fs::copy(pack, &left).unwrap();

    let [summary] = sandbox.json(["prune"]).try_into().unwrap();
    assert_eq!((&summary["objects_open"], &summary["objects_deleted"]), (&1.into(), &0.into()));
    let [summary] = sandbox.json(["prune", "--abandon-after", "0s", "-n"]).try_into().unwrap();
    assert_eq!((&summary["dry_run"], &summary["objects_deleted"]), (&true.into(), &1.into()));
    assert!(std::fs::exists(&left).unwrap());
    let told = sandbox.run(["prune", "--abandon-after", "0s"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(told, @"
        pruned 1 pack (237 B) in [DURATION]
          backups that began before ledger entry 1 and have not ended were given up
          1 object (1.52 kB) deleted
        ");
    });
    assert!(!std::fs::exists(&left).unwrap());
    let log = sandbox.run(["log"]).expect(0).stdout;
    assert!(log.contains("sessions that began before entry 1"), "{log}");
    sandbox.run(["check", "--read-data"]).expect(0);
}

#[test]
fn durations_are_never_negative() {
    let sandbox = Sandbox::with_snapshot();
    for odd in ["-1d", "7", "soon"] {
        sandbox.run(["prune", &format!("--grace={odd}")]).expect(2);
    }
}
