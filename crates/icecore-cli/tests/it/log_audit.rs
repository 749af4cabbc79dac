//! `icecore log`: filters, exports, and what is said when the ledger is not what it should be.

use crate::support::{FILTERS, Sandbox};
use serde_json::Value;
use std::fs;

/// Two snapshots by two hosts, one of them forgotten; their ids.
fn history() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    let source = format!("ndjson:{}", sandbox.write_shop(3));
    let ids = ["db-1", "db-2"].map(|host| {
        let arguments = ["backup", "events", &source, "--name", "shop", "--host", host];
        let summary = sandbox.json(arguments).pop().unwrap();
        summary["snapshot_id"].as_str().unwrap().to_owned()
    });
    sandbox.run(["forget", &ids[0], "--allow-remove-all"]).expect(0);
    (sandbox, ids.into())
}

fn numbers(sandbox: &Sandbox, further: &[&str]) -> Vec<u64> {
    let entries = sandbox.json([&["log"], further].concat());
    entries.iter().map(|entry| entry["number"].as_u64().unwrap()).collect()
}

#[test]
fn entries_are_asked_for_by_kind_host_key_snapshot_and_time() {
    let (sandbox, ids) = history();
    let key = sandbox.json(["log"])[0]["author"].as_str().unwrap().to_owned();
    for (arguments, expected) in [
        (&["--kind", "commit"][..], &[0, 1][..]),
        (&["--kind", "forget", "--kind", "commit"], &[0, 1, 2]),
        (&["--kind", "unforget"], &[]),
        (&["--host", "db-2"], &[1]),
        (&["--snapshot", &ids[0][..8]], &[0, 2]),
        (&["--snapshot", &ids[0], "--kind", "forget"], &[2]),
        (&["--key", &key[..6]], &[0, 1, 2]),
        (&["--key", "ffffffffffff"], &[]),
        (&["--since", "1h"], &[0, 1, 2]),
        (&["--since", "2260-01-01"], &[]),
        (&["--void"], &[]),
    ] {
        assert_eq!(numbers(&sandbox, arguments), expected, "{arguments:?}");
    }
    sandbox.run(["log", "--kind", "nonsense"]).expect(2);
    sandbox.run(["log", "--snapshot", "ffff0000"]).expect(1);
    let entry = &sandbox.json(["log", "--kind", "forget"])[0];
    assert_eq!((&entry["role"], &entry["host"]), (&"admin".into(), &Value::Null));
    assert_eq!(entry["snapshots"], serde_json::json!([ids[0]]));
}

#[test]
fn a_log_is_exported_as_comma_separated_values() {
    let (sandbox, _) = history();
    let table = sandbox.run(["log", "--csv"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(table, @r#"
        number,time,kind,key,role,host,snapshots,void,detail
        0,[TIME],commit,[ID],admin,db-1,[ID],,"snapshot [SHORT] of shop, 6 events"
        1,[TIME],commit,[ID],admin,db-2,[ID],,"snapshot [SHORT] of shop, 6 events"
        2,[TIME],forget,[ID],admin,,[ID],,[SHORT]
        "#);
    });
    sandbox.run(["log", "--csv", "--json"]).expect(2);
}

#[test]
fn a_ledger_that_is_as_it_was_written_is_said_to_be() {
    let (sandbox, _) = history();
    let told = sandbox.run(["log", "--verify"]).expect(0).stdout;
    let told = told.lines().map(|line| line.split(" hash ").next().unwrap());
    let told = told.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(told, @"
    read 3 entries, of which 0 are void and change nothing
      the ledger ends before entry 3, with the
      every entry that counts is signed by a key that the founder's goes back to, in one chain
    ");
    let summary = sandbox.json(["log", "--verify"]).pop().unwrap();
    for (member, expected) in
        [("entries", 3), ("valid", 3), ("void", 0), ("next", 3), ("alarms", 0)]
    {
        assert_eq!(summary[member], expected, "{member}");
    }
    assert_eq!(summary["head"].as_str().unwrap().len(), 64);
}

/// What `log --verify` says after something happened to the storage.
fn verified_after(happens: impl FnOnce(&Sandbox)) -> (Vec<Value>, String) {
    let (sandbox, _) = history();
    happens(&sandbox);
    let outcome = sandbox.run(["log", "--verify", "--json"]).expect(1);
    let alarms = outcome.messages().into_iter().filter(|line| line["message_type"] == "alarm");
    let told = sandbox.run(["log", "--verify"]).expect(1);
    for part in ["ALARM: ", "  it means: ", "  to do: "] {
        assert!(told.stdout.contains(part), "{told:?}");
    }
    (alarms.collect(), told.stderr)
}

fn object(sandbox: &Sandbox, directory: &str, number: u64) -> std::path::PathBuf {
    sandbox.path(&format!("repository/{directory}/{number:020}"))
}

#[test]
fn a_missing_a_damaged_and_a_cut_off_entry_are_alarms_that_say_what_to_do() {
    let (missing, _) = verified_after(|it| fs::remove_file(object(it, "ledger", 1)).unwrap());
    assert_eq!((&missing[0]["alarm"], missing.len()), (&"missing".into(), 1));
    assert!(missing[0]["to_do"].as_str().unwrap().contains("ledger/00000000000000000001"));
    let (damaged, stderr) =
        verified_after(|it| fs::write(object(it, "ledger", 1), "pay 3 bitcoin").unwrap());
    assert_eq!((&damaged[0]["alarm"], damaged.len()), (&"damaged".into(), 1));
    assert!(stderr.contains("error: the ledger has 1 alarm\n"), "{stderr}");
    // What remembers it says it, and its witness does not say it again.
    let (newest, _) = verified_after(|it| fs::remove_file(object(it, "ledger", 2)).unwrap());
    assert_eq!((&newest[0]["alarm"], newest.len()), (&"rolled_back".into(), 1));
    let (cut, _) = verified_after(|it| {
        for directory in ["ledger", "witness"] {
            fs::remove_file(object(it, directory, 2)).unwrap();
        }
    });
    assert_eq!((&cut[0]["alarm"], cut.len()), (&"rolled_back".into(), 1));
}

/// Another machine has no memory of the ledger, but finds the witness.
#[test]
fn a_cut_off_entry_is_found_by_its_witness_where_nothing_is_remembered() {
    let (sandbox, _) = history();
    fs::remove_file(object(&sandbox, "ledger", 2)).unwrap();
    fs::remove_dir_all(sandbox.path("home")).unwrap();
    fs::create_dir(sandbox.path("home")).unwrap();
    let outcome = sandbox.run(["log", "--verify", "--json"]).expect(1);
    let alarms: Vec<_> =
        outcome.messages().into_iter().filter(|it| it["message_type"] == "alarm").collect();
    assert_eq!((&alarms[0]["alarm"], alarms.len()), (&"witness".into(), 1));
}
