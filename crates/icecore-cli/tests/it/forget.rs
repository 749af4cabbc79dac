//! `icecore forget`, `unforget`, `protect` and `unprotect`.

use crate::support::{FILTERS, Sandbox};
use serde_json::Value;

/// Backs up the shop, with this further; the snapshot's id.
fn back_up(sandbox: &Sandbox, further: &[&str]) -> String {
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    let arguments = ["backup", "events", &source, "--name", "shop", "--host", "h"];
    let summary = sandbox.json([&arguments, further].concat()).pop().unwrap();
    summary["snapshot_id"].as_str().unwrap().to_owned()
}

/// With three snapshots of one source; their ids.
fn three() -> (Sandbox, Vec<String>) {
    let sandbox = Sandbox::new();
    sandbox.write_shop(3);
    let ids = (0..3).map(|_| back_up(&sandbox, &[])).collect();
    (sandbox, ids)
}

fn listed(sandbox: &Sandbox, further: &[&str]) -> Vec<String> {
    let lines = sandbox.json([&["snapshots"], further].concat());
    lines.iter().map(|line| line["snapshot_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_plan_says_what_stays_and_why_and_a_dry_run_does_nothing() {
    let (sandbox, ids) = three();
    let told = sandbox.run(["forget", "--keep-last", "1", "--keep-daily", "2", "--dry-run"]);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(told.expect(0).stdout, @"
        shop on h by key [SHORT]: 2 snapshots kept, 1 removed
                  snapshot  time                  why
          keep    [SHORT]  [TIME]  oldest daily
          forget  [SHORT]  [TIME]
          keep    [SHORT]  [TIME]  newest, last, daily
        1 snapshot would be forgotten
          0 B that nothing else needs: freed when they are released and pruned
        ");
    });
    assert_eq!(listed(&sandbox, &[]), ids);
    let told = sandbox.run(["forget", "--keep-last", "2"]).expect(0).stdout;
    assert!(told.contains("\n1 snapshot forgotten\n"), "{told}");
    assert_eq!(listed(&sandbox, &[]), ids[1..]);
    let told = sandbox.run(["forget", "--keep-last", "2"]).expect(0).stdout;
    assert!(told.ends_with("nothing is to be forgotten\n"), "{told}");
}

#[test]
fn programs_are_told_each_snapshot_and_the_window() {
    let (sandbox, ids) = three();
    let told = sandbox.json(["forget", "--keep-last", "2"]);
    let types: Vec<_> = told.iter().map(|line| line["message_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["kept", "kept", "removed", "window", "summary"]);
    assert_eq!(told[1]["reasons"], serde_json::json!(["newest", "last"]));
    assert_eq!(told[2]["snapshot_id"], ids[0].as_str());
    assert!(told[3]["before"]["from"].as_str() < told[3]["after"]["from"].as_str());
    assert_eq!(told[3]["before"]["until"], told[3]["after"]["until"]);
    let summary = &told[4];
    assert_eq!((&summary["kept"], &summary["removed"]), (&2.into(), &1.into()));
    assert_eq!((&summary["bytes_freed"], &summary["ledger_entry"]), (&0.into(), &3.into()));
    let quick = sandbox.json(["forget", "--keep-last", "1", "--quick", "-n"]).pop().unwrap();
    assert_eq!((&quick["bytes_freed"], &quick["ledger_entry"]), (&Value::Null, &Value::Null));
    assert_eq!(quick["dry_run"], true);
}

#[test]
fn what_is_forgotten_is_listed_with_all_and_shown_again() {
    let (sandbox, ids) = three();
    sandbox.run(["forget", &ids[0][..8], &ids[1]]).expect(0);
    assert_eq!(listed(&sandbox, &[]), ids[2..]);
    assert_eq!(listed(&sandbox, &["--all"]), ids);
    let table = sandbox.run(["snapshots", "--all"]).expect(0).stdout;
    assert_eq!(last_words(&table), ["retention", "forgotten", "forgotten", "B"]);
    sandbox.run(["show", &ids[0]]).expect(1);
    let told = sandbox.run(["unforget", &ids[0][..8], &ids[0]]).expect(0).stdout;
    assert_eq!(told, "1 snapshot shown again\n");
    assert_eq!(listed(&sandbox, &[]), [&ids[0], &ids[2]].map(String::clone));
    let refused = sandbox.run(["unforget", &ids[0]]).expect(1);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(refused.stderr, @"
        error: snapshot [ID] is not forgotten
        hint: nothing was written; `icecore snapshots --all` shows what each one is
        ");
    });
}

/// The last word of each line.
fn last_words(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_whitespace().last()).collect()
}

#[test]
fn what_is_protected_or_retained_is_told_and_stays() {
    let (sandbox, ids) = three();
    let protected = back_up(&sandbox, &["--protect"]);
    let retained = back_up(&sandbox, &["--retain", "30d"]);
    let last = back_up(&sandbox, &[]);
    sandbox.run(["protect", &ids[1]]).expect(0);
    // Whatever is meant by a name is what `show` shows.
    sandbox.run(["protect", "latest"]).expect(0);
    assert_eq!(sandbox.json(["show", &last])[0]["protected"], true);
    sandbox.run(["unprotect", "latest"]).expect(0);
    sandbox.run(["forget", "--keep-last", "1", "--quiet"]).expect(0);
    let expected = [&ids[1], &protected, &retained, &last].map(String::clone);
    assert_eq!(listed(&sandbox, &[]), expected);
    let table = sandbox.run(["snapshots"]).expect(0).stdout;
    assert_eq!(last_words(&table)[..3], ["retention", "protected", "protected"]);
    assert!(table.lines().nth(3).unwrap().contains("  until 20"), "{table}");

    let refused = sandbox.run(["forget", &protected]).expect(1);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(refused.stderr, @"
        error: snapshot [ID] is protected
        hint: nothing was written; `icecore snapshots --all` shows what each one is
        ");
    });
    let refused = sandbox.run(["forget", &retained]).expect(1);
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(refused.stderr, @"
        error: snapshot [ID] is to be kept until its time is up
        hint: nothing was written; --despite-retention forgets it before its time
        ");
    });
    sandbox.run(["forget", &retained, "--despite-retention"]).expect(0);
    sandbox.run(["unprotect", &protected, &ids[1]]).expect(0);
    sandbox.run(["unprotect", &protected]).expect(1);
    sandbox.run(["forget", "--keep-last", "1"]).expect(0);
    assert_eq!(listed(&sandbox, &[]), [last]);
}

#[test]
fn a_snapshot_whose_time_is_up_is_forgotten_when_that_is_asked_for() {
    let (sandbox, ids) = three();
    let short = back_up(&sandbox, &["--retain", "1ms"]);
    let last = back_up(&sandbox, &[]);
    sandbox.run(["forget", "--expired"]).expect(0);
    assert_eq!(listed(&sandbox, &[]), [&ids[0], &ids[1], &ids[2], &last].map(String::clone));
    assert!(!short.is_empty());
}

#[test]
fn what_is_likely_a_mistake_is_refused_and_nothing_is_done() {
    let (sandbox, ids) = three();
    for (arguments, code) in [
        (&["forget"][..], 2),
        (&["forget", "--allow-remove-all"], 2),
        (&["forget", "--keep-last", "0"], 2),
        (&["forget", "--keep-last", "1", "--time-zone", "Atlantis"], 2),
        (&["forget", "--keep-last", "1", "--group-by", "paths"], 2),
        (&["forget", "--keep-last", "1", &ids[0]], 2),
        (&["forget", "--despite-retention", "--keep-last", "1"], 2),
        (&["forget", "--keep-tag", "nothing"], 1),
        (&["forget", "--keep-last", "1", "--source", "shpo"], 1),
        (&["forget", "ffff0000"], 1),
        (&["forget", &ids[0], &ids[1], &ids[2]], 1),
    ] {
        let outcome = sandbox.run(arguments).expect(code);
        assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    }
    assert_eq!(listed(&sandbox, &[]), ids);
    sandbox.run(["forget", "--allow-remove-all", "--source", "shop"]).expect(0);
    assert_eq!(listed(&sandbox, &[]), Vec::<String>::new());
}

#[test]
fn days_are_those_of_a_time_zone() {
    let (sandbox, ids) = three();
    sandbox.run(["forget", "--keep-daily", "3", "--time-zone", "Europe/Berlin", "-n"]).expect(0);
    assert_eq!(listed(&sandbox, &[]), ids);
}
