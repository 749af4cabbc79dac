//! Who pushes out whom.

use super::{kept, snapshots, source, tag};
use crate::retention::{Candidate, Count, GroupBy, Policy};
use icecore_format::KeyId;

fn last_one(group_by: GroupBy) -> Policy {
    Policy { last: Some(Count::Of(1)), group_by, ..Policy::default() }
}

fn three() -> Vec<Candidate> {
    snapshots(&["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z"])
}

#[test]
fn snapshots_of_other_sources_hosts_and_keys_do_not_push_each_other_out() {
    let policy = last_one(GroupBy::default());
    assert_eq!(kept(&three(), &policy), [3]);
    let mut all = three();
    all[1].source = source("stock");
    assert_eq!(kept(&all, &policy), [2, 3]);
    let mut all = three();
    all[1].host = "other".to_owned();
    assert_eq!(kept(&all, &policy), [2, 3]);
    let mut all = three();
    all[1].author = KeyId([2; 16]);
    assert_eq!(kept(&all, &policy), [2, 3]);
}

#[test]
fn a_snapshot_of_some_streams_pushes_out_none_of_all_streams() {
    let mut all = three();
    all[2].source.selection = vec!["order-*".to_owned()];
    assert_eq!(kept(&all, &last_one(GroupBy::default())), [2, 3]);
}

#[test]
fn groups_are_of_what_was_asked_for() {
    let mut all = three();
    all[0].author = KeyId([2; 16]);
    all[1].host = "other".to_owned();
    all[2].tags = vec![tag("b"), tag("a")];
    let none = GroupBy { source: false, host: false, key: false, tags: false };
    assert_eq!(kept(&all, &last_one(none)), [3]);
    assert_eq!(kept(&all, &last_one(GroupBy { host: true, ..none })), [2, 3]);
    assert_eq!(kept(&all, &last_one(GroupBy { key: true, ..none })), [1, 3]);
    assert_eq!(kept(&all, &last_one(GroupBy { tags: true, ..none })), [2, 3]);
    all[1].tags = vec![tag("a"), tag("b"), tag("a")];
    assert_eq!(kept(&all, &last_one(GroupBy { tags: true, ..none })), [1, 3]);
}

#[test]
fn a_policy_about_some_leaves_all_others_alone() {
    let mut all = three();
    all[0].host = "other".to_owned();
    all[1].tags = vec![tag("a")];
    all[2].tags = vec![tag("a"), tag("b")];
    let policy = last_one(GroupBy::default());
    let plan = |policy: Policy| {
        let plan = crate::retention::plan(&all, &policy, super::at(super::NOW)).unwrap();
        let about: usize = plan.groups.iter().map(|it| it.kept.len() + it.removed.len()).sum();
        (about, plan.removed())
    };
    let about_all = Policy { only_source: Some("shop".to_owned()), ..policy.clone() };
    assert_eq!(plan(about_all), (3, vec![super::id(2)]));
    let about_host = Policy { only_host: Some("other".to_owned()), ..policy.clone() };
    assert_eq!(plan(about_host), (1, vec![]));
    let about_both = Policy { only_tags: vec![tag("a"), tag("b")], ..policy };
    assert_eq!(plan(about_both), (1, vec![]));
}
