//! Policies: which rules there are, and what each keeps.

use super::{Candidate, GroupBy, Period, Reason};
use icecore_format::Timestamp;
use icecore_format::snapshot::Tag;
use jiff::Span;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// What is kept of each group, and which snapshots this is about. Whatever a rule keeps is kept.
#[derive(Clone, Debug)]
pub struct Policy {
    /// So many of the newest.
    pub last: Option<Count>,
    /// The newest of each of so many periods that have one.
    pub periods: Vec<(Period, Count)>,
    /// All that are not so much older than the newest.
    pub within: Option<Span>,
    /// Of those that are not so much older than the newest, the newest of each period.
    pub within_periods: Vec<(Period, Span)>,
    /// All that have one of these labels.
    pub tags: Vec<Tag>,
    /// All that is needed to recover any moment that is not so much older than the newest.
    pub recovery_window: Option<Span>,
    /// In which time zone hours, days, weeks, months and years are meant.
    pub zone: TimeZone,
    /// What snapshots of a group have in common.
    pub group_by: GroupBy,
    /// Only snapshots of this source.
    pub only_source: Option<String>,
    /// Only snapshots of this host.
    pub only_host: Option<String>,
    /// Only snapshots that have all of these labels.
    pub only_tags: Vec<Tag>,
    /// Which of these may be removed.
    pub scope: Scope,
    /// Whether nothing may be left of a group, and what is likely a mistake is meant so.
    pub may_remove_all: bool,
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Of(u32),
    /// However many there are.
    Unlimited,
}

/// Which snapshots may be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All that no rule keeps.
    #[default]
    All,
    /// Of these, those that were to be kept until a time that has passed.
    Expired,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            last: None,
            periods: Vec::new(),
            within: None,
            within_periods: Vec::new(),
            tags: Vec::new(),
            recovery_window: None,
            zone: TimeZone::UTC,
            group_by: GroupBy::default(),
            only_source: None,
            only_host: None,
            only_tags: Vec::new(),
            scope: Scope::All,
            may_remove_all: false,
        }
    }
}

impl Count {
    fn has_room(self, taken: usize) -> bool {
        match self {
            Self::Of(count) => taken < count as usize,
            Self::Unlimited => true,
        }
    }
}

impl Policy {
    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.last.is_none()
            && self.periods.is_empty()
            && self.within.is_none()
            && self.within_periods.is_empty()
            && self.tags.is_empty()
            && self.recovery_window.is_none()
    }

    /// Whether it is about some snapshots only.
    pub fn has_filter(&self) -> bool {
        self.only_source.is_some() || self.only_host.is_some() || !self.only_tags.is_empty()
    }

    /// Whether it is about this snapshot.
    pub(super) fn considers(&self, candidate: &Candidate) -> bool {
        let has = |tag: &Tag| has_tag(candidate, tag);
        self.only_source.as_ref().is_none_or(|name| *name == candidate.source.name)
            && self.only_host.as_ref().is_none_or(|host| *host == candidate.host)
            && self.only_tags.iter().all(has)
    }

    /// Tells `keep` what the rules keep of the snapshots of a group, newest first.
    pub(super) fn apply(
        &self,
        newest_first: &[&Candidate],
        keep: &mut impl FnMut(&Candidate, Reason),
    ) {
        if let Some(count) = self.last {
            let numbered = newest_first.iter().enumerate();
            for (_, candidate) in numbered.take_while(|(place, _)| count.has_room(*place)) {
                keep(candidate, Reason::Last);
            }
        }
        for (period, count) in &self.periods {
            self.keep_periods(*period, *count, newest_first, keep);
        }
        if let Some(span) = self.within {
            for candidate in within(newest_first, span) {
                keep(candidate, Reason::Within);
            }
        }
        for (period, span) in &self.within_periods {
            let mut seen = BTreeSet::new();
            for candidate in within(newest_first, *span) {
                if seen.insert(period.of(candidate.time, &self.zone)) {
                    keep(candidate, Reason::WithinOf(*period));
                }
            }
        }
        for candidate in newest_first {
            for tag in self.tags.iter().filter(|tag| has_tag(candidate, tag)) {
                keep(candidate, Reason::Tag(tag.clone()));
            }
        }
    }

    fn keep_periods(
        &self,
        period: Period,
        count: Count,
        newest_first: &[&Candidate],
        keep: &mut impl FnMut(&Candidate, Reason),
    ) {
        let mut seen = BTreeSet::new();
        for (place, candidate) in newest_first.iter().enumerate() {
            if !count.has_room(seen.len()) {
                return;
            }
            if seen.insert(period.of(candidate.time, &self.zone)) {
                keep(candidate, Reason::Of(period));
            } else if place + 1 == newest_first.len() {
                // There is room for periods that are still to come: what came first stays for them.
                keep(candidate, Reason::Oldest(period));
            }
        }
    }
}

/// Whether a snapshot has a label; one without a value is meant with any.
pub(super) fn has_tag(candidate: &Candidate, wanted: &Tag) -> bool {
    candidate
        .tags
        .iter()
        .any(|tag| tag.key == wanted.key && (wanted.value.is_none() || tag.value == wanted.value))
}

/// Those that are not so much older than the newest of them.
fn within<'a>(newest_first: &[&'a Candidate], span: Span) -> Vec<&'a Candidate> {
    let Some(newest) = newest_first.iter().map(|candidate| candidate.time).max() else {
        return Vec::new();
    };
    let oldest = before(newest, span);
    newest_first.iter().copied().filter(|candidate| candidate.time >= oldest).collect()
}

/// The moment so long before `time`; before everything if it is beyond all times that can be told.
///
/// Days are of 24 hours, months and years those of the calendar in UTC.
pub(super) fn before(time: Timestamp, span: Span) -> Timestamp {
    let moment = || {
        let moment = jiff::Timestamp::from_nanosecond(time.0.into()).ok()?;
        let moment = moment.to_zoned(TimeZone::UTC).checked_sub(span).ok()?.timestamp();
        i64::try_from(moment.as_nanosecond()).ok()
    };
    Timestamp(moment().unwrap_or(i64::MIN))
}
