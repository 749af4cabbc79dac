//! Policies that are refused, and mistakes of other programs that are not repeated.

use super::{NOW, at, id, kept, snapshot_at, snapshots, tag};
use crate::retention::{Count, Period, Policy, PolicyRefused, Reason, Scope, plan};
use icecore_format::Timestamp;

fn refused(policy: &Policy) -> PolicyRefused {
    let all = snapshots(&["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]);
    plan(&all, policy, at(NOW)).unwrap_err()
}

#[test]
fn a_policy_without_a_rule_is_refused() {
    assert_eq!(refused(&Policy::default()), PolicyRefused::Empty);
    // Even by somebody who means it, unless it is about something.
    let meant = Policy { may_remove_all: true, ..Policy::default() };
    assert_eq!(refused(&meant), PolicyRefused::Empty);
    let all = snapshots(&["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]);
    let about = Policy { only_source: Some("shop".to_owned()), ..meant };
    assert_eq!(kept(&all, &about), [0_u64; 0]);
    let unmeant = Policy { may_remove_all: false, ..about };
    assert_eq!(refused(&unmeant), PolicyRefused::Empty);
}

/// restic #4568: a label that was misspelt, as the only rule, removed every snapshot.
#[test]
fn a_label_that_is_misspelt_removes_nothing() {
    let mut all = snapshots(&["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]);
    all[0].tags = vec![tag("keep")];
    let policy = Policy { tags: vec![tag("keeep")], ..Policy::default() };
    let refused = plan(&all, &policy, at(NOW));
    assert_eq!(refused, Err(PolicyRefused::TagOfNothing(tag("keeep"))));
    // Also beside rules that keep something.
    let policy = Policy { last: Some(Count::Of(1)), ..policy };
    assert!(plan(&all, &policy, at(NOW)).is_err());
    assert!(plan(&all, &Policy { may_remove_all: true, ..policy }, at(NOW)).is_ok());
}

#[test]
fn a_source_that_is_misspelt_is_refused() {
    let last = Some(Count::Of(1));
    let about = Policy { last, only_source: Some("shpo".to_owned()), ..Policy::default() };
    assert_eq!(refused(&about), PolicyRefused::NothingChosen);
}

#[test]
fn nothing_is_to_be_done_in_an_empty_repository() {
    let policy = Policy { last: Some(Count::Of(1)), ..Policy::default() };
    assert_eq!(plan(&[], &policy, at(NOW)).unwrap().removed(), []);
}

/// restic #22057: who had a host's key made snapshots with times of the past, and `forget` removed the
/// good ones for them.
#[test]
fn forged_times_of_the_past_push_out_no_good_snapshot() {
    let days = |number: u64| {
        Timestamp(at("2026-11-01T00:00:00Z").0 + number as i64 * 86_400 * 1_000_000_000)
    };
    let good: Vec<_> = (0..14).map(|day| snapshot_at(day, days(day))).collect();
    let daily = Policy { periods: vec![(Period::Day, Count::Of(7))], ..Policy::default() };
    let before = kept(&good, &daily);
    // Each an hour later than the good one of its day, and many more than those.
    let forged = (0..13_u64).flat_map(|day| (1..=9).map(move |hour| (day, hour)));
    let forged = forged.enumerate().map(|(place, (day, hour))| {
        snapshot_at(100 + place as u64, Timestamp(days(day).0 + hour * 3600 * 1_000_000_000))
    });
    let all: Vec<_> = good.iter().cloned().chain(forged).collect();
    let plan = plan(&all, &daily, at(NOW)).unwrap();
    let after = super::kept_of(&plan);
    assert!(before.iter().all(|number| after.contains(number)), "{before:?} {after:?}");
    let flagged = plan.disagreeing();
    assert!(
        plan.groups[0].kept.iter().filter(|(it, _)| it.number >= 100).all(|(_, reasons)| {
            reasons.iter().any(|reason| matches!(reason, Reason::Clock(_)))
        })
    );
    assert!(flagged.len() >= 13 * 9);
}

/// The same with times to come: they are flagged for as long as they have not come.
#[test]
fn forged_times_of_the_future_push_out_no_good_snapshot() {
    let mut all =
        snapshots(&["2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"]);
    for year in 0..9 {
        all.push(snapshot_at(10 + year, at(&format!("20{}-01-01T00:00:00Z", 30 + year))));
    }
    let policy = Policy { last: Some(Count::Of(2)), ..Policy::default() };
    let plan = plan(&all, &policy, at(NOW)).unwrap();
    assert_eq!(plan.removed(), [id(1)]);
    assert_eq!(plan.disagreeing().len(), 9);
}

/// A machine without a battery behind its clock backs up in 1970. It pushes out nothing, and of all that it
/// contradicts only the first is in doubt.
#[test]
fn a_machine_that_lives_in_1970_does_not_stop_retention() {
    let mut all = snapshots(&[
        "2026-11-15T00:00:00Z",
        "2026-11-16T00:00:00Z",
        "2026-11-17T00:00:00Z",
        "2026-11-18T00:00:00Z",
    ]);
    for number in 10..15 {
        all.push(snapshot_at(number, Timestamp(number as i64 * 60_000_000_000)));
    }
    all.push(snapshot_at(20, at("2026-11-19T00:00:00Z")));
    let policy = Policy { last: Some(Count::Of(2)), ..Policy::default() };
    assert_eq!(plan(&all, &policy, at(NOW)).unwrap().removed(), [id(2), id(3)]);
}

/// A clock of this machine that went wrong decides nothing either.
#[test]
fn a_machine_that_believes_to_be_in_the_past_removes_nothing() {
    let all = snapshots(&["2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"]);
    let policy = Policy { last: Some(Count::Of(1)), ..Policy::default() };
    assert_eq!(plan(&all, &policy, at("1970-01-01T00:00:00Z")).unwrap().removed(), []);
    // And one that believes to be in the future keeps what rules keep: they count from the newest.
    let within = Policy { within: Some(jiff::Span::new().days(7)), ..Policy::default() };
    assert_eq!(plan(&all, &within, at("2199-01-01T00:00:00Z")).unwrap().removed(), []);
}

#[test]
fn what_is_expired_alone_is_no_mistake() {
    let all = snapshots(&["2026-11-01T00:00:00Z"]);
    let policy = Policy { scope: Scope::Expired, ..Policy::default() };
    assert_eq!(kept(&all, &policy), [1]);
}
