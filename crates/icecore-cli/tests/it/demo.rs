//! `icecore demo`.

use crate::support::{Sandbox, outcome_of};
use std::fs;

#[test]
fn the_demo_tells_a_true_story_and_leaves_nothing_behind() {
    let sandbox = Sandbox::without_repository();
    // Whatever repository and password the user has are not its business.
    let mut command = sandbox.command(["demo"]);
    command.env("ICECORE_REPOSITORY", "/nowhere").env("ICECORE_PASSWORD", "");
    let outcome = outcome_of(&mut command).expect(0);
    assert!(outcome.stdout.lines().count() >= 10);
    assert_eq!(outcome.stderr, "");
    let fragments = [
        "3,000 events in 660 streams",
        "3,300 events, 300 new",
        "all 3,300 rows are what they were",
        "eventcore-sqlite reads all 720 streams",
        "order-00042 takes version 5",
        "no problems",
        "Try next:",
    ];
    for fragment in fragments {
        assert!(outcome.stdout.contains(fragment), "{fragment} in {}", outcome.stdout);
    }
    let last = outcome.stdout.lines().last().unwrap();
    assert_eq!(last, "  icecore check --read-data");
    assert!(sandbox.files("home").is_empty());
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 1);
}

#[test]
fn a_demo_that_is_kept_can_be_gone_on_with() {
    let sandbox = Sandbox::without_repository();
    let told = sandbox.run(["demo", "--keep"]).expect(0).stdout;
    let value = |variable: &str| {
        told.lines().find_map(|line| line.trim().strip_prefix(variable)).unwrap().to_owned()
    };
    let mut command = sandbox.command(["check", "--read-data"]);
    command
        .env_remove("ICECORE_PASSWORD")
        .env("ICECORE_REPOSITORY", value("export ICECORE_REPOSITORY="))
        .env("ICECORE_PASSWORD_FILE", value("export ICECORE_PASSWORD_FILE="));
    outcome_of(&mut command).expect(0);
}
