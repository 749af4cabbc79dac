//! The rules as they are said on the command line.

use crate::arguments::{parse_age, parse_tag};
use crate::times::Age;
use clap::Args;
use icecore::retention::{Count, GroupBy, Period, Policy, Scope};
use icecore_format::snapshot::Tag;
use jiff::tz::TimeZone;

/// What to keep, and of what.
#[derive(Debug, Args)]
pub(super) struct Rules {
    /// Keep so many of the newest; a number, or `unlimited`
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_last: Option<Count>,
    /// Keep the newest of each of the last N hours that have one
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_hourly: Option<Count>,
    /// The same of days
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_daily: Option<Count>,
    /// The same of weeks, from Monday
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_weekly: Option<Count>,
    /// The same of months
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_monthly: Option<Count>,
    /// The same of years
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_yearly: Option<Count>,
    /// Keep all that are no more than so much older than the newest: 24h, 7d, 1y
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within: Option<Age>,
    /// Of those that are no more than so much older, keep the newest of each hour
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within_hourly: Option<Age>,
    /// The same of each day
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within_daily: Option<Age>,
    /// The same of each week
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within_weekly: Option<Age>,
    /// The same of each month
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within_monthly: Option<Age>,
    /// The same of each year
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_within_yearly: Option<Age>,
    /// Keep all with this label; may be given again
    #[arg(long = "keep-tag", value_name = "KEY[=VALUE]", value_parser = parse_tag)]
    keep_tags: Vec<Tag>,
    /// Keep what is needed to recover any moment since so long before the newest snapshot, tails included
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    keep_recovery_window: Option<Age>,
    /// Only forget what was backed up with --retain and whose time is up
    #[arg(long)]
    expired: bool,
    /// Only decide about snapshots of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only decide about snapshots of this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Only decide about snapshots with this label; may be given again, and then all are asked for
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = parse_tag)]
    tags: Vec<Tag>,
    /// Which snapshots push each other out: those of one source, host, key, or all labels; or `none`
    #[arg(long, value_name = "WHAT,...", default_value = "source,host,key", value_parser = parse_group_by)]
    group_by: GroupBy,
    /// Whose hours, days, weeks, months and years are meant, such as Europe/Berlin
    #[arg(long, value_name = "NAME", default_value = "UTC", value_parser = parse_zone)]
    time_zone: TimeZone,
}

impl Rules {
    /// Whether there is any rule, or anything that is said about rules.
    pub(super) fn are_given(&self) -> bool {
        let policy = self.policy(false);
        !policy.is_empty() || policy.has_filter() || self.expired
    }

    /// The policy that they are.
    pub(super) fn policy(&self, may_remove_all: bool) -> Policy {
        let counts = [
            (Period::Hour, self.keep_hourly),
            (Period::Day, self.keep_daily),
            (Period::Week, self.keep_weekly),
            (Period::Month, self.keep_monthly),
            (Period::Year, self.keep_yearly),
        ];
        let spans = [
            (Period::Hour, self.keep_within_hourly),
            (Period::Day, self.keep_within_daily),
            (Period::Week, self.keep_within_weekly),
            (Period::Month, self.keep_within_monthly),
            (Period::Year, self.keep_within_yearly),
        ];
        let given = |(period, count): (Period, Option<Count>)| Some((period, count?));
        let long = |(period, age): (Period, Option<Age>)| Some((period, age?.span()));
        Policy {
            last: self.keep_last,
            periods: counts.into_iter().filter_map(given).collect(),
            within: self.keep_within.map(Age::span),
            within_periods: spans.into_iter().filter_map(long).collect(),
            tags: self.keep_tags.clone(),
            recovery_window: self.keep_recovery_window.map(Age::span),
            zone: self.time_zone.clone(),
            group_by: self.group_by,
            only_source: self.source.clone(),
            only_host: self.host.clone(),
            only_tags: self.tags.clone(),
            scope: if self.expired { Scope::Expired } else { Scope::All },
            may_remove_all,
        }
    }
}

/// Reads how many: `7`, `unlimited`.
fn parse_count(text: &str) -> Result<Count, String> {
    if text == "unlimited" {
        return Ok(Count::Unlimited);
    }
    match text.parse() {
        Ok(count) if count > 0 => Ok(Count::Of(count)),
        _ => Err("expected a number from 1 on, or `unlimited`".to_owned()),
    }
}

/// Reads what groups have in common: `source,host`, `none`.
fn parse_group_by(text: &str) -> Result<GroupBy, String> {
    let mut by = GroupBy { source: false, host: false, key: false, tags: false };
    if text == "none" {
        return Ok(by);
    }
    for name in text.split(',') {
        match name.trim() {
            "source" => by.source = true,
            "host" => by.host = true,
            "key" => by.key = true,
            "tags" => by.tags = true,
            _ => return Err("expected some of source, host, key and tags, or none".to_owned()),
        }
    }
    Ok(by)
}

/// Reads the name of a time zone.
fn parse_zone(text: &str) -> Result<TimeZone, String> {
    if text == "UTC" {
        return Ok(TimeZone::UTC);
    }
    TimeZone::get(text).map_err(|_| {
        "this machine knows no such time zone; names are those of /usr/share/zoneinfo".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_keeps_nothing_is_no_rule() {
        assert_eq!(parse_count("7"), Ok(Count::Of(7)));
        assert_eq!(parse_count("unlimited"), Ok(Count::Unlimited));
        for text in ["0", "-1", "", "seven", "99999999999"] {
            assert!(parse_count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn groups_are_named_by_what_they_have_in_common() {
        let none = GroupBy { source: false, host: false, key: false, tags: false };
        assert_eq!(parse_group_by("none"), Ok(none));
        assert_eq!(parse_group_by("source,host,key"), Ok(GroupBy::default()));
        assert_eq!(parse_group_by("tags, host"), Ok(GroupBy { host: true, tags: true, ..none }));
        for text in ["", "paths", "source,", "none,host"] {
            assert!(parse_group_by(text).is_err(), "{text}");
        }
    }
}
