//! The highest version and last time of each stream: what tells holes, repeats and times that go
//! backwards, in whatever order the events of a stream come.

use super::gaps::Gaps;
use super::streams::{ChunkStreams, StreamRun};
use hashbrown::HashTable;
use icecore_format::Timestamp;
use icecore_format::snapshot::Counts;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An event's version, and when it was recorded.
pub(super) type Timed = (u64, Timestamp);

/// Whether the event `next` was recorded before `last`, which precedes it in its stream among those
/// with a time. One that comes late does not tell.
pub(super) fn goes_backwards(last: Timed, next: Timed) -> bool {
    next.0 >= last.0 && next.1 < last.1
}

/// The heads of all streams seen so far, each under a hash of its id: 64 bits tell a million
/// streams apart but for a chance of one in thirty million.
#[derive(Debug, Default)]
pub(super) struct Heads {
    rows: Vec<Row>,
    /// Indices into `rows`, by the hash: a table that doubles takes little if it has these alone.
    by_hash: HashTable<u32>,
    oddities: Oddities,
    /// What there is of each stream that is counted by itself, by the hash of its id.
    tallies: BTreeMap<u64, Tally>,
}

/// What there is of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    pub(crate) first_version: u64,
    pub(crate) last_version: u64,
}

impl Tally {
    fn add(&mut self, run: &StreamRun) {
        let first = if self.events == 0 { run.lowest } else { self.first_version };
        self.first_version = first.min(run.lowest);
        self.last_version = self.last_version.max(run.highest);
        self.events += run.events;
    }
}

/// The head of one stream: the hash of its id, its highest version, and its last event with a time.
type Row = (u64, u64, Option<Timed>);

/// What is odd about the order of streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Oddities {
    gaps: Gaps,
    repeats: u64,
    backwards: u64,
}

/// [`Heads`], as they are kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KeptHeads {
    rows: Vec<Row>,
    oddities: Oddities,
    tallies: Vec<(u64, Tally)>,
}

impl Heads {
    /// Counts the streams with these hashes by themselves, from the first event on.
    pub(super) fn tally(&mut self, streams: impl Iterator<Item = u64>) {
        self.tallies.extend(streams.map(|hash| (hash, Tally::default())));
    }

    /// What there is of the stream with this hash, which is counted by itself.
    pub(super) fn tally_of(&self, hash: u64) -> Tally {
        self.tallies.get(&hash).copied().unwrap_or_default()
    }

    /// Adds what the next chunk has of its streams.
    pub(super) fn add(&mut self, streams: &ChunkStreams) {
        for (_, run) in streams.iter() {
            self.oddities.backwards += run.backwards;
            if let Some(tally) = self.tallies.get_mut(&run.hash) {
                tally.add(run);
            }
            let last = run.timed.map(|(_, last)| last);
            let rows = &mut self.rows;
            let is_same = |row: &u32| rows.get(*row as usize).is_some_and(|row| row.0 == run.hash);
            let found = self.by_hash.find(run.hash, is_same).copied();
            if let Some((_, highest, timed)) = found.and_then(|row| rows.get_mut(row as usize)) {
                if let (Some(timed), Some((first, _))) = (*timed, run.timed) {
                    self.oddities.backwards += u64::from(goes_backwards(timed, first));
                }
                *highest = self.oddities.follow(run, Some(*highest));
                *timed = last.or(*timed);
            } else {
                let highest = self.oddities.follow(run, None);
                self.insert((run.hash, highest, last));
            }
        }
    }

    fn insert(&mut self, row: Row) {
        let Self { rows, by_hash, .. } = self;
        let index = rows.len() as u32;
        rows.push(row);
        by_hash.insert_unique(row.0, index, |row| rows.get(*row as usize).map_or(0, |row| row.0));
    }

    /// Fills in what is counted here.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.streams = self.rows.len() as u64;
        counts.version_holes = self.oddities.gaps.holes();
        counts.version_repeats = self.oddities.repeats;
        counts.times_backwards = self.oddities.backwards;
    }

    /// What is kept of them.
    pub(super) fn keep(&self) -> KeptHeads {
        let mut rows = self.rows.clone();
        rows.sort_unstable_by_key(|row| row.0);
        let tallies = self.tallies.iter().map(|(hash, tally)| (*hash, *tally)).collect();
        KeptHeads { rows, oddities: self.oddities.clone(), tallies }
    }
}

impl Oddities {
    /// Follows a stream from its highest version so far, if it has any, to what it is then.
    fn follow(&mut self, run: &StreamRun, mut highest: Option<u64>) -> u64 {
        for (first, last) in run.versions() {
            let next = match highest {
                None => 0,
                Some(highest) => {
                    if first <= highest {
                        self.repeats += self.gaps.fill(run.hash, first..=last.min(highest));
                    }
                    highest.saturating_add(1)
                }
            };
            if first > next {
                self.gaps.pass_over(run.hash, next..=first - 1, highest.is_some());
            }
            highest = highest.max(Some(last));
        }
        highest.unwrap_or_default()
    }
}

impl From<KeptHeads> for Heads {
    fn from(kept: KeptHeads) -> Self {
        let KeptHeads { rows, oddities, tallies } = kept;
        let tallies = tallies.into_iter().collect();
        let by_hash = HashTable::with_capacity(rows.len());
        let mut heads = Self { rows: Vec::with_capacity(rows.len()), by_hash, oddities, tallies };
        for row in rows {
            heads.insert(row);
        }
        heads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A stream, a version and a time.
    type Event = (u8, u64, Option<i64>);

    fn counts(chunks: &[Vec<Event>]) -> Counts {
        let mut heads = Heads::default();
        for chunk in chunks {
            let mut streams = ChunkStreams::default();
            for (stream, version, time) in chunk {
                let name = stream.to_string();
                streams.add(&name, *version, time.map(Timestamp), |_| u64::from(*stream) << 32);
            }
            heads.add(&streams);
            // As from one backup to the next.
            heads = heads.keep().into();
        }
        let mut counts = Counts::default();
        heads.count(&mut counts);
        counts
    }

    fn of_one(versions: &[u64]) -> (u64, u64) {
        let counts = counts(&[versions.iter().map(|version| (0, *version, None)).collect()]);
        (counts.version_holes, counts.version_repeats)
    }

    #[test]
    fn versions_that_are_missing_are_holes_and_those_that_come_again_are_repeats() {
        assert_eq!(of_one(&[1, 2, 3]), (0, 0));
        assert_eq!(of_one(&[0, 1, 3, 7]), (2, 0));
        assert_eq!(of_one(&[5, 6]), (0, 0), "a stream may begin anywhere");
        assert_eq!(of_one(&[1, 2, 2, 1]), (0, 2));
    }

    #[test]
    fn a_version_that_comes_late_is_neither() {
        assert_eq!(of_one(&[1, 3, 2]), (0, 0));
        assert_eq!(of_one(&[2, 1]), (0, 0));
        assert_eq!(of_one(&[1, 5, 3]), (2, 0));
        assert_eq!(of_one(&[u64::MAX, 0]), (1, 0));
    }

    proptest! {
        #[test]
        fn the_order_of_events_and_their_division_into_chunks_do_not_matter(
            chunks in prop::collection::vec(
                prop::collection::vec(
                    (0u8..3, 0u64..12, prop::option::of(0i64..4)), 1..12), 1..6),
        ) {
            let found = counts(&chunks);
            let (mut holes, mut repeats) = (0, 0);
            for stream in 0..3 {
                let all = chunks.iter().flatten().filter(|event| event.0 == stream);
                let versions: Vec<u64> = all.map(|event| event.1).collect();
                let distinct: BTreeSet<u64> = versions.iter().copied().collect();
                repeats += (versions.len() - distinct.len()) as u64;
                let pairs = distinct.iter().zip(distinct.iter().skip(1));
                holes += pairs.filter(|(one, next)| *one + 1 < **next).count() as u64;
            }
            prop_assert_eq!((found.version_holes, found.version_repeats), (holes, repeats));
            prop_assert_eq!(found, counts(&[chunks.concat()]));
        }
    }
}
