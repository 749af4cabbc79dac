//! What the ledger says of the past: when its entries were written, and which of them hid a snapshot or
//! retired an object.
//!
//! Times are those of the entries, by their authors' clocks. An entry counts as written no earlier than any
//! before it, so a clock that was behind makes nothing look old; times beyond this machine's own are left
//! out, so a clock that was ahead keeps nothing for ever.

use crate::ledger::{LoggedContent, LoggedEntry};
use icecore_format::ledger::EntryBody;
use icecore_format::ledger::body::SessionRange;
use icecore_format::{PackId, RunId, SessionId, SnapshotId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the ledger says of the past, as of one moment.
pub(super) struct History {
    now: Timestamp,
    /// When each entry was written, from the first.
    times: Vec<Timestamp>,
    /// The entry that hid each snapshot last.
    forgotten: BTreeMap<SnapshotId, u64>,
    /// The entries that retired packs, with their ranges of numbers.
    packs: Retired,
    runs: Retired,
    /// The entries that let go of the first objects of epochs, with how many.
    trims: BTreeMap<SessionId, Vec<(u64, u64)>>,
}

#[derive(Default)]
struct Retired(BTreeMap<SessionId, Vec<(SessionRange, u64)>>);

impl History {
    /// What these entries say, which begin with the first of the ledger.
    pub(super) fn of(log: &[LoggedEntry], now: Timestamp) -> Self {
        let mut history = Self {
            now,
            times: Vec::with_capacity(log.len()),
            forgotten: BTreeMap::new(),
            packs: Retired::default(),
            runs: Retired::default(),
            trims: BTreeMap::new(),
        };
        let mut latest = Timestamp(i64::MIN);
        for logged in log {
            let LoggedContent::Valid(entry) = &logged.content else {
                history.times.push(latest);
                continue;
            };
            if entry.time <= now {
                latest = latest.max(entry.time);
            }
            history.times.push(if entry.time <= now { latest } else { now });
            match &entry.body {
                EntryBody::Forget(body) => {
                    let hidden = body.snapshots.iter().map(|id| (*id, logged.number));
                    history.forgotten.extend(hidden);
                }
                EntryBody::Condemn(body) => history.packs.add(&body.packs, logged.number),
                EntryBody::Repack(body) => history.packs.add(&body.condemn.packs, logged.number),
                EntryBody::Reindex(body) => history.runs.add(&body.old, logged.number),
                EntryBody::Trim(body) => {
                    for mark in &body.below {
                        let trims = history.trims.entry(mark.session).or_default();
                        trims.push((mark.objects, logged.number));
                    }
                }
                _ => {}
            }
        }
        history
    }

    /// Whether an entry was written at least so long ago. One that is not known was not.
    pub(super) fn is_older(&self, number: u64, age: Duration) -> bool {
        self.time(number).is_some_and(|time| time <= before(self.now, age))
    }

    /// Whether a moment is not to come, by this machine's clock.
    pub(super) fn is_past(&self, moment: Timestamp) -> bool {
        moment <= self.now
    }

    /// The number of the first entry that was not written at least so long ago.
    pub(super) fn first_younger(&self, age: Duration) -> u64 {
        let latest = before(self.now, age);
        self.times.iter().take_while(|time| **time <= latest).count() as u64
    }

    /// The entry that hid a snapshot last.
    pub(super) fn forgotten_by(&self, snapshot: &SnapshotId) -> Option<u64> {
        self.forgotten.get(snapshot).copied()
    }

    /// When an entry was written.
    pub(super) fn time(&self, number: u64) -> Option<Timestamp> {
        self.times.get(usize::try_from(number).ok()?).copied()
    }

    /// The entry that made a pack unusable.
    pub(super) fn pack_retired_by(&self, pack: PackId) -> Option<u64> {
        self.packs.find(pack.session, pack.number)
    }

    /// The entry that let go of an object of a tail.
    pub(super) fn trimmed_by(&self, epoch: SessionId, number: u64) -> Option<u64> {
        let trims = self.trims.get(&epoch)?;
        trims.iter().find(|(below, _)| number < *below).map(|(_, entry)| *entry)
    }

    /// The entry that retired an index run.
    pub(super) fn run_retired_by(&self, run: RunId) -> Option<u64> {
        self.runs.find(run.session, run.number)
    }
}

impl Retired {
    fn add(&mut self, ranges: &[SessionRange], entry: u64) {
        for range in ranges {
            self.0.entry(range.session).or_default().push((*range, entry));
        }
    }

    fn find(&self, session: SessionId, number: u32) -> Option<u64> {
        let ranges = self.0.get(&session)?;
        let has = |range: &SessionRange| (range.first..range.end).contains(&number);
        ranges.iter().rev().find(|(range, _)| has(range)).map(|(_, entry)| *entry)
    }
}

/// The moment so long before another.
pub(super) fn before(moment: Timestamp, age: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)))
}

/// The moment so long after another.
pub(super) fn after(moment: Timestamp, age: Duration) -> Timestamp {
    Timestamp(moment.0.saturating_add(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
