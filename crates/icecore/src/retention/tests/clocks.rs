//! Which clocks disagree.

use super::{NOW, at, id, snapshots, tag};
use crate::retention::{Count, Disagreement, GroupBy, Policy, plan};

/// The numbers of those that are flagged, and with what they disagree.
fn flagged(times: &[&str]) -> Vec<(u64, Disagreement)> {
    let policy = Policy { last: Some(Count::Unlimited), ..Policy::default() };
    let plan = plan(&snapshots(times), &policy, at(NOW)).unwrap();
    plan.disagreeing()
        .into_iter()
        .map(|(found, disagreement)| (found.number, disagreement))
        .collect()
}

#[test]
fn times_in_the_order_of_the_ledger_agree() {
    assert_eq!(flagged(&["2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", NOW]), []);
}

#[test]
fn backups_that_ran_at_the_same_time_agree_in_any_order() {
    let times = ["2026-11-01T01:00:00Z", "2026-11-01T00:00:00Z", "2026-11-01T00:30:00Z", NOW];
    assert_eq!(flagged(&times), []);
    // Nor does one that is an hour ahead of this machine's clock.
    assert_eq!(flagged(&["2026-11-22T07:00:00Z"]), []);
}

#[test]
fn a_time_that_is_yet_to_come_disagrees_alone() {
    let times = ["2026-11-01T00:00:00Z", "2099-01-01T00:00:00Z", "2026-11-02T00:00:00Z"];
    assert_eq!(flagged(&times), [(2, Disagreement::AfterNow)]);
}

#[test]
fn of_two_that_disagree_both_are_in_doubt() {
    let ahead = ["2026-11-01T00:00:00Z", "2026-11-09T00:00:00Z", "2026-11-02T00:00:00Z", NOW];
    let expected = [(2, Disagreement::AfterLater(id(3))), (3, Disagreement::BeforeEarlier(id(2)))];
    assert_eq!(flagged(&ahead), expected);
    let behind = ["2026-11-01T00:00:00Z", "2026-11-09T00:00:00Z", "2026-11-07T00:00:00Z", NOW];
    assert_eq!(flagged(&behind), expected);
}

#[test]
fn a_clock_that_is_ahead_is_in_doubt_with_all_that_came_before_its_time() {
    let times = [
        "2026-11-01T00:00:00Z",
        "2026-11-05T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-06T00:00:00Z",
    ];
    let numbers: Vec<u64> = flagged(&times).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [2, 3, 4]);
}

#[test]
fn a_clock_that_is_behind_puts_only_one_other_in_doubt() {
    let times = [
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-04T00:00:00Z",
        "2026-11-01T12:00:00Z",
    ];
    let expected = [(2, Disagreement::AfterLater(id(5))), (5, Disagreement::BeforeEarlier(id(4)))];
    assert_eq!(flagged(&times), expected);
}

/// What is forgotten by its id is no witness any more.
#[test]
fn doubts_end_when_the_wrong_one_is_gone() {
    let policy = Policy { last: Some(Count::Of(1)), ..Policy::default() };
    let mut all =
        snapshots(&["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "1970-01-01T00:00:00Z"]);
    assert_eq!(plan(&all, &policy, at(NOW)).unwrap().removed(), []);
    all.pop();
    assert_eq!(plan(&all, &policy, at(NOW)).unwrap().removed(), [id(1)]);
}

/// A machine whose clock shows the local time is hours ahead of all others, and of none of its own.
#[test]
fn a_clock_that_is_always_ahead_of_others_agrees_with_itself() {
    let mut all = snapshots(&[
        "2026-11-01T02:00:00Z",
        "2026-11-01T00:10:00Z",
        "2026-11-01T03:00:00Z",
        "2026-11-01T01:10:00Z",
        "2026-11-01T04:00:00Z",
        "2026-11-01T02:10:00Z",
    ]);
    for number in [0, 2, 4] {
        all[number].host = "ahead".to_owned();
    }
    let policy = Policy { last: Some(Count::Of(2)), ..Policy::default() };
    let apart = plan(&all, &policy, at(NOW)).unwrap();
    assert_eq!((apart.disagreeing().len(), apart.removed()), (0, vec![id(1), id(2)]));
    // Where they push each other out, they are compared.
    let group_by = GroupBy { host: false, ..GroupBy::default() };
    let together = plan(&all, &Policy { group_by, ..policy }, at(NOW)).unwrap();
    assert_eq!((together.disagreeing().len(), together.removed()), (6, vec![]));
}

/// What a policy is not about is a witness all the same.
#[test]
fn what_a_policy_is_not_about_still_tells_the_time() {
    let mut all =
        snapshots(&["2026-11-01T00:00:00Z", "2026-11-05T00:00:00Z", "2026-11-02T00:00:00Z"]);
    for number in [0, 2] {
        all[number].tags = vec![tag("a")];
    }
    let policy =
        Policy { last: Some(Count::Of(1)), only_tags: vec![tag("a")], ..Policy::default() };
    let plan = plan(&all, &policy, at(NOW)).unwrap();
    assert_eq!(plan.disagreeing().len(), 1);
    assert_eq!(plan.removed(), []);
}
