//! What holds for any snapshots and any policy.

use super::{id, kept_of, snapshot_at, source, tag};
use crate::retention::{
    CLOCK_TOLERANCE_SECONDS, Candidate, Count, Group, GroupBy, Period, Policy, Scope, TailBase,
    plan,
};
use icecore_format::{KeyId, SnapshotId, Timestamp};
use jiff::Span;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeSet;

const HOUR: i64 = 3600 * 1_000_000_000;

/// Some months, in nanoseconds.
const NOW: i64 = 24 * 120 * HOUR;

fn now() -> Timestamp {
    Timestamp(NOW)
}

/// Snapshots with times in the order of the ledger, some of other groups.
fn honest() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0..NOW, 0..8_u8, 0..4_u8, option::weighted(0.2, 0..2 * NOW), any::<u8>());
    vec(one, 1..40).prop_map(|mut drawn| {
        drawn.sort_unstable_by_key(|one| one.0);
        let numbered = (1..).zip(drawn);
        let candidate = |(number, drawn): (u64, (i64, u8, u8, Option<i64>, u8))| {
            let (time, kind, label, retain, rare) = drawn;
            let time = Timestamp(time);
            Candidate {
                author: KeyId([u8::from(kind == 1); 16]),
                source: source(if kind == 2 { "stock" } else { "shop" }),
                host: if kind == 3 { "other" } else { "host" }.to_owned(),
                tags: (label == 1).then(|| tag("a")).into_iter().collect(),
                moment: Timestamp(time.0 - i64::from(rare) * HOUR / 8),
                is_protected: rare == 0,
                retain_until: retain.map(Timestamp),
                tail: match rare {
                    1 => Some(TailBase::Newest),
                    2 => Some(TailBase::EndedBefore(Timestamp(time.0 + 5 * HOUR))),
                    _ => None,
                },
                ..snapshot_at(number * 1000, time)
            }
        };
        numbered.map(candidate).collect()
    })
}

fn span() -> impl Strategy<Value = Span> {
    (1..2000_i64).prop_map(jiff::ToSpan::hours)
}

fn count() -> impl Strategy<Value = Count> {
    prop_oneof![9 => (1..20_u32).prop_map(Count::Of), 1 => Just(Count::Unlimited)]
}

fn group_by() -> impl Strategy<Value = GroupBy> {
    any::<[bool; 4]>().prop_map(|[source, host, key, tags]| GroupBy { source, host, key, tags })
}

/// A policy with a rule at least.
fn policy() -> impl Strategy<Value = Policy> {
    let period = || select(Period::ALL.to_vec());
    (
        option::of(count()),
        vec((period(), count()), 0..3),
        option::of(span()),
        vec((period(), span()), 0..2),
        option::of(span()),
        group_by(),
        any::<bool>(),
    )
        .prop_map(
            |(last, periods, within, within_periods, recovery_window, group_by, expired)| {
                let scope = if expired { Scope::Expired } else { Scope::All };
                let policy = Policy {
                    periods,
                    within,
                    within_periods,
                    recovery_window,
                    group_by,
                    scope,
                    ..Policy::default()
                };
                let last = last.or_else(|| policy.is_empty().then_some(Count::Of(1)));
                Policy { last, ..policy }
            },
        )
}

/// All rules of both.
fn both(one: &Policy, other: &Policy) -> Policy {
    let more = |one: Option<Count>, other: Option<Count>| match (one, other) {
        (Some(Count::Of(one)), Some(Count::Of(other))) => Some(Count::Of(one.max(other))),
        (None, count) | (count, None) => count,
        _ => Some(Count::Unlimited),
    };
    let longer = |one: Option<Span>, other: Option<Span>| {
        one.into_iter().chain(other).max_by_key(Span::get_hours)
    };
    Policy {
        last: more(one.last, other.last),
        periods: one.periods.iter().chain(&other.periods).copied().collect(),
        within: longer(one.within, other.within),
        within_periods: one.within_periods.iter().chain(&other.within_periods).copied().collect(),
        recovery_window: longer(one.recovery_window, other.recovery_window),
        ..one.clone()
    }
}

fn removed(all: &[Candidate], policy: &Policy) -> BTreeSet<SnapshotId> {
    plan(all, policy, now()).unwrap().removed().into_iter().collect()
}

proptest! {
    #[test]
    fn more_rules_never_keep_fewer(all in honest(), one in policy(), other in policy()) {
        let less = removed(&all, &one);
        let more = removed(&all, &both(&one, &other));
        prop_assert!(more.is_subset(&less), "{more:?} {less:?}");
    }

    #[test]
    fn a_larger_number_never_keeps_fewer(
        all in honest(),
        period in select(Period::ALL.to_vec()),
        count in 1..20_u32,
    ) {
        let of = |count| Policy { periods: vec![(period, Count::Of(count))], ..Policy::default() };
        prop_assert!(removed(&all, &of(count + 1)).is_subset(&removed(&all, &of(count))));
    }

    #[test]
    fn the_newest_of_each_group_is_kept(all in honest(), policy in policy()) {
        let plan = plan(&all, &policy, now()).unwrap();
        for group in &plan.groups {
            let newest_kept = group.kept.last().map(|(kept, _)| kept.number);
            let newest_removed = group.removed.last().map(|removed| removed.number);
            prop_assert!(newest_kept > newest_removed, "{group:?}");
        }
    }

    #[test]
    fn every_snapshot_is_kept_for_a_reason_or_removed(all in honest(), policy in policy()) {
        let plan = plan(&all, &policy, now()).unwrap();
        prop_assert!(plan.groups.iter().flat_map(|it| &it.kept).all(|(_, why)| !why.is_empty()));
        let mut found = kept_of(&plan);
        found.extend(plan.groups.iter().flat_map(|group| &group.removed).map(|it| it.number));
        found.sort_unstable();
        prop_assert_eq!(found, all.iter().map(|it| it.number).collect::<Vec<_>>());
    }

    #[test]
    fn what_must_stay_is_never_removed(all in honest(), policy in policy()) {
        let removed = removed(&all, &policy);
        for candidate in &all {
            let must_stay = candidate.is_protected
                || candidate.retain_until.is_some_and(|until| until > now())
                || candidate.tail == Some(TailBase::Newest);
            prop_assert!(!(must_stay && removed.contains(&candidate.id)), "{candidate:?}");
        }
    }

    #[test]
    fn the_order_in_which_snapshots_are_given_does_not_matter(
        (ordered, shuffled) in honest().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        policy in policy(),
    ) {
        prop_assert_eq!(plan(&ordered, &policy, now()), plan(&shuffled, &policy, now()));
    }

    #[test]
    fn a_policy_that_was_applied_has_nothing_more_to_do(all in honest(), policy in policy()) {
        let gone = removed(&all, &policy);
        let left: Vec<_> = all.into_iter().filter(|it| !gone.contains(&it.id)).collect();
        let again = removed(&left, &policy);
        prop_assert!(again.is_empty(), "{again:?}");
    }

    #[test]
    fn a_clock_that_is_far_off_is_flagged_and_pushes_none_out(
        all in honest(),
        policy in policy(),
        place in 0..40_usize,
        wrong in prop_oneof![
            (1..1_000_000_i64).prop_map(|hours| hours * HOUR),
            (-200_000..-1_i64).prop_map(|hours| hours * HOUR),
        ],
    ) {
        let place = place.min(all.len() - 1);
        // Right after this one, and far before it, or far after it and the next.
        let beside = &all[place];
        let group = |it: &Candidate| Group::of(it, policy.group_by);
        let next = all[place + 1..].iter().find(|it| group(it) == group(beside));
        let tolerance = CLOCK_TOLERANCE_SECONDS * 1_000_000_000;
        let time = if wrong < 0 {
            beside.time.0.saturating_add(wrong) - tolerance
        } else {
            next.map_or(NOW, |next| next.time.0).saturating_add(wrong) + tolerance
        };
        let odd = Candidate {
            number: beside.number + 1,
            id: id(beside.number + 1),
            time: Timestamp(time),
            tail: None,
            ..beside.clone()
        };
        let with: Vec<_> = all.iter().cloned().chain([odd.clone()]).collect();
        let plan = plan(&with, &policy, now()).unwrap();
        prop_assert!(plan.disagreeing().iter().any(|(flagged, _)| flagged.id == odd.id));
        let removed_with: BTreeSet<_> = plan.removed().into_iter().collect();
        prop_assert!(removed_with.is_subset(&removed(&all, &policy)));
    }

    #[test]
    fn however_many_snapshots_claim_what_was_before_they_push_none_out(
        all in honest(),
        policy in policy(),
        forged in vec((0..NOW, 0..40_usize), 1..60),
    ) {
        let last = all.last().unwrap().number;
        let group = |it: &Candidate| Group::of(it, policy.group_by);
        let newest_like = |like: &Candidate| {
            all.iter().filter(|it| group(it) == group(like)).map(|it| it.time.0).max().unwrap()
        };
        let forged = (last + 1..).zip(forged).map(|(number, (back, like))| {
            let like = all[like % all.len()].clone();
            let time = Timestamp(newest_like(&like) - HOUR - 1 - back);
            Candidate { number, id: id(number), time, tail: None, ..like }
        });
        let with: Vec<_> = all.iter().cloned().chain(forged).collect();
        let removed_with = removed(&with, &policy);
        prop_assert!(removed_with.is_subset(&removed(&all, &policy)));
    }
}
