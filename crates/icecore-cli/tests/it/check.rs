//! `icecore check`.

use crate::support::{FILTERS, Sandbox};
use std::fs;

#[test]
fn a_good_repository_has_no_problems() {
    let sandbox = Sandbox::with_snapshot();
    let structure = sandbox.run(["check"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(structure, @"
        checked 1 snapshot and 1 pack in [DURATION]
          the structure only: --read-data reads and verifies all data
          no problems were found
        ");
    });
    let messages = sandbox.json(["check", "latest", "--read-data"]);
    let [summary] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(summary["message_type"], "summary");
    assert_eq!((&summary["findings"], &summary["snapshots"]), (&0.into(), &1.into()));
    assert!(summary["chunks_verified"].as_u64().unwrap() > 0);
    sandbox.run(["check", "ffffffff"]).expect(1);
}

#[test]
fn damage_is_a_finding_and_exit_code_1() {
    let sandbox = Sandbox::with_snapshot();
    for pack in sandbox.files("repository/packs") {
        let mut bytes = fs::read(&pack).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&pack, bytes).unwrap();
    }
    let outcome = sandbox.run(["check", "--read-data", "--json"]).expect(1);
    let messages = outcome.messages();
    let (summary, findings) = messages.split_last().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert_eq!(finding["message_type"], "finding");
        assert!(finding["subject"].is_string() && finding["problem"].is_string(), "{finding}");
    }
    assert_eq!(summary["findings"], findings.len());
    let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!((&error["message_type"], &error["code"]), (&"exit_error".into(), &1.into()));

    let told = sandbox.run(["check", "--read-data"]).expect(1);
    assert!(told.stdout.starts_with("damage: "), "{}", told.stdout);
    assert!(told.stderr.starts_with("error: "), "{}", told.stderr);
}

#[test]
fn what_a_backup_that_never_ended_left_behind_is_no_damage() {
    let sandbox = Sandbox::with_snapshot();
    let pack = &sandbox.files("repository/packs")[0];
    let left = format!("{}-7", pack.to_str().unwrap().rsplit_once('-').unwrap().0);
    fs::copy(pack, left).unwrap();
    let outcome = sandbox.run(["check"]).expect(0);
    assert!(outcome.stdout.contains("note: "), "{}", outcome.stdout);
}

#[test]
fn a_backup_with_verify_reads_all_of_it_back() {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    let told = sandbox.run(["backup", "events", &source, "--verify"]).expect(0).stdout;
    assert!(told.contains("verified"), "{told}");
}
