//! What each rule keeps.

use super::{NOW, at, id, kept, snapshots, tag};
use crate::retention::{Count, Period, Policy, Reason, Scope, plan};
use icecore_format::snapshot::Tag;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

fn of(period: Period, count: u32) -> Policy {
    Policy { periods: vec![(period, Count::Of(count))], ..Policy::default() }
}

#[test]
fn the_last_ones_are_the_newest_in_the_ledger() {
    let all = snapshots(&[
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-04T00:00:00Z",
    ]);
    let last = |count| Policy { last: Some(count), ..Policy::default() };
    assert_eq!(kept(&all, &last(Count::Of(2))), [3, 4]);
    assert_eq!(kept(&all, &last(Count::Of(9))), [1, 2, 3, 4]);
    assert_eq!(kept(&all, &last(Count::Unlimited)), [1, 2, 3, 4]);
}

#[test]
fn of_each_period_that_has_one_the_newest_is_kept() {
    let all = snapshots(&[
        "2024-12-30T10:00:00Z",
        "2025-12-31T10:00:00Z",
        "2026-01-01T10:00:00Z",
        "2026-11-15T10:00:00Z",
        "2026-11-16T10:00:00Z",
        "2026-11-21T09:10:00Z",
        "2026-11-21T10:10:00Z",
        "2026-11-21T10:50:00Z",
    ]);
    assert_eq!(kept(&all, &of(Period::Hour, 2)), [6, 8]);
    // Days without a snapshot do not count.
    assert_eq!(kept(&all, &of(Period::Day, 3)), [4, 5, 8]);
    // 2025-12-31 and 2026-01-01 are of one week, the first of 2026; so is Monday the 16th with the 21st.
    assert_eq!(kept(&all, &of(Period::Week, 3)), [3, 4, 8]);
    assert_eq!(kept(&all, &of(Period::Month, 3)), [2, 3, 8]);
    assert_eq!(kept(&all, &of(Period::Year, 2)), [2, 8]);
}

#[test]
fn a_rule_that_is_not_used_up_keeps_the_oldest() {
    let all = snapshots(&[
        "2026-10-03T00:00:00Z",
        "2026-10-20T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-04T00:00:00Z",
    ]);
    assert_eq!(kept(&all, &of(Period::Month, 2)), [2, 4]);
    assert_eq!(kept(&all, &of(Period::Month, 3)), [1, 2, 4]);
    let plan = plan(&all, &of(Period::Month, 3), at(NOW)).unwrap();
    assert_eq!(plan.groups[0].kept[0].1, [Reason::Oldest(Period::Month)]);
    assert_eq!(plan.groups[0].kept[2].1, [Reason::Newest, Reason::Of(Period::Month)]);
    assert_eq!(plan.removed(), [id(3)]);
}

#[test]
fn what_is_not_much_older_than_the_newest_is_kept_however_long_ago_that_was() {
    let all = snapshots(&[
        "2020-01-01T00:00:00Z",
        "2020-01-30T12:00:00Z",
        "2020-01-31T12:00:00Z",
        "2020-02-01T12:00:00Z",
    ]);
    let within = |span| Policy { within: Some(span), ..Policy::default() };
    assert_eq!(kept(&all, &within(2.days())), [2, 3, 4]);
    assert_eq!(kept(&all, &within(24.hours())), [3, 4]);
    assert_eq!(kept(&all, &within(1.month().days(1))), [1, 2, 3, 4]);
    assert_eq!(kept(&all, &within(9_000.years())), [1, 2, 3, 4]);
}

#[test]
fn of_what_is_not_much_older_one_of_each_period_is_kept() {
    let all = snapshots(&[
        "2026-11-10T00:00:00Z",
        "2026-11-19T06:00:00Z",
        "2026-11-19T08:00:00Z",
        "2026-11-20T06:00:00Z",
        "2026-11-20T08:00:00Z",
    ]);
    let policy = Policy { within_periods: vec![(Period::Day, 7.days())], ..Policy::default() };
    assert_eq!(kept(&all, &policy), [3, 5]);
}

#[test]
fn a_label_without_a_value_is_meant_with_any() {
    let mut all = snapshots(&[
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-04T00:00:00Z",
    ]);
    let with = |value: &str| Tag { value: Some(value.to_owned()), ..tag("release") };
    all[0].tags = vec![with("1")];
    all[1].tags = vec![tag("other"), with("2")];
    let keeping = |tag| Policy { tags: vec![tag], ..Policy::default() };
    assert_eq!(kept(&all, &keeping(tag("release"))), [1, 2, 4]);
    assert_eq!(kept(&all, &keeping(with("2"))), [2, 4]);
}

#[test]
fn days_and_hours_are_those_of_the_time_zone() {
    let all = snapshots(&[
        "2026-11-20T22:30:00Z",
        "2026-11-20T23:30:00Z",
        "2026-11-21T22:30:00Z",
        "2026-11-21T23:30:00Z",
    ]);
    assert_eq!(kept(&all, &of(Period::Day, 2)), [2, 4]);
    let zone = TimeZone::fixed(jiff::tz::offset(1));
    assert_eq!(kept(&all, &Policy { zone, ..of(Period::Day, 2) }), [3, 4]);
}

#[test]
fn an_hour_that_comes_twice_is_two_hours_and_half_hour_offsets_are_kept_apart() {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let all = snapshots(&["2026-10-25T00:10:00Z", "2026-10-25T00:50:00Z", "2026-10-25T01:10:00Z"]);
    assert_eq!(kept(&all, &Policy { zone, ..of(Period::Hour, 2) }), [2, 3]);
    // Half past by UTC is the full hour there.
    let zone = TimeZone::fixed(jiff::tz::Offset::from_seconds(5 * 3600 + 1800).unwrap());
    let all = snapshots(&["2026-10-25T00:10:00Z", "2026-10-25T00:40:00Z", "2026-10-25T01:20:00Z"]);
    assert_eq!(kept(&all, &Policy { zone, ..of(Period::Hour, 2) }), [1, 3]);
}

#[test]
fn what_is_protected_retained_or_the_base_of_the_newest_tail_is_kept() {
    let mut all = snapshots(&[
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-04T00:00:00Z",
        "2026-11-05T00:00:00Z",
    ]);
    all[0].is_protected = true;
    all[1].retain_until = Some(at("2026-12-01T00:00:00Z"));
    all[2].retain_until = Some(at("2026-11-20T00:00:00Z"));
    all[3].tail = Some(crate::retention::TailBase::Newest);
    let policy = Policy { last: Some(Count::Of(1)), ..Policy::default() };
    assert_eq!(kept(&all, &policy), [1, 2, 4, 5]);
}

#[test]
fn only_snapshots_whose_time_is_up_are_removed_if_these_are_asked_for() {
    let mut all = snapshots(&[
        "2026-11-01T00:00:00Z",
        "2026-11-02T00:00:00Z",
        "2026-11-03T00:00:00Z",
        "2026-11-04T00:00:00Z",
    ]);
    for (number, until) in [(0, "2026-11-05T00:00:00Z"), (1, NOW), (3, "2026-11-05T00:00:00Z")] {
        all[number].retain_until = Some(at(until));
    }
    let expired = Policy { scope: Scope::Expired, ..Policy::default() };
    // The last one is the newest of its group.
    assert_eq!(kept(&all, &expired), [3, 4]);
    assert_eq!(kept(&all, &Policy { last: Some(Count::Of(3)), ..expired }), [2, 3, 4]);
}

#[test]
fn the_newest_may_go_only_where_nothing_has_to_be_left() {
    let mut all = snapshots(&["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]);
    all[0].tags = vec![tag("keep")];
    let policy = Policy { tags: vec![tag("keep")], ..Policy::default() };
    assert_eq!(kept(&all, &policy), [1, 2]);
    assert_eq!(kept(&all, &Policy { may_remove_all: true, ..policy }), [1]);
}
