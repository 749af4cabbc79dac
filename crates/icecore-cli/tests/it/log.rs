//! `icecore log`.

use crate::support::{FILTERS, Sandbox};

#[test]
fn the_log_tells_all_that_ever_happened() {
    let sandbox = Sandbox::with_snapshot();
    let told = sandbox.run(["log"]).expect(0).stdout;
    insta::with_settings!({ filters => FILTERS }, {
        insta::assert_snapshot!(told, @"
        entry  time                  kind    key       what
            0  [TIME]  commit  [SHORT]  snapshot [SHORT] of shop, 6 events
        ");
    });
    let entry = &sandbox.json(["log"])[0];
    assert_eq!(entry["message_type"], "entry");
    assert_eq!((&entry["number"], &entry["kind"]), (&0.into(), &"commit".into()));
    assert!(entry["void"].is_null());
    assert_eq!(Sandbox::new().run(["log"]).expect(0).stdout, "");
}

#[test]
fn a_ledger_that_was_cut_back_is_an_alarm_and_can_still_be_read() {
    let sandbox = Sandbox::with_snapshot();
    // This machine has seen the ledger with its entry.
    sandbox.run(["snapshots"]).expect(0);
    for directory in ["ledger", "witness", "checkpoint"] {
        for file in sandbox.files(&format!("repository/{directory}")) {
            std::fs::remove_file(file).unwrap();
        }
    }
    let outcome = sandbox.run(["snapshots"]).expect(0);
    assert!(outcome.stderr.starts_with("warning: the ledger ends before"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\nhint: reading works, backups are refused"));
    let json = sandbox.run(["snapshots", "--json"]).expect(0);
    assert!(json.stderr.starts_with("{\"message_type\":\"error\","), "{}", json.stderr);
    let source = format!("ndjson:{}", sandbox.text("shop.ndjson"));
    sandbox.run(["backup", "events", &source]).expect(1);
    sandbox.run(["check"]).expect(1);
}
