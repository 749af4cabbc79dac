//! The last version and time of each stream: what tells holes, repeats and times that go backwards.

use super::streams::ChunkStreams;
use hashbrown::HashTable;
use icecore_format::Timestamp;
use icecore_format::snapshot::Counts;
use serde::{Deserialize, Serialize};

/// A version and the newest time so far.
pub(super) type Head = (u64, Option<Timestamp>);

/// What is odd about the order of streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Oddities {
    holes: u64,
    repeats: u64,
    backwards: u64,
}

impl Oddities {
    /// Compares an event with the one before it in its stream.
    pub(super) fn compare(&mut self, last: Head, next: Head) {
        if next.0 <= last.0 {
            self.repeats += 1;
        } else if next.0 - last.0 > 1 {
            self.holes += 1;
        }
        if let (Some(last), Some(next)) = (last.1, next.1)
            && next < last
        {
            self.backwards += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.holes += other.holes;
        self.repeats += other.repeats;
        self.backwards += other.backwards;
    }
}

/// The heads of all streams seen so far, each under a hash of its id: 64 bits tell a million
/// streams apart but for a chance of one in thirty million.
#[derive(Debug, Default)]
pub(super) struct Heads {
    rows: HashTable<Row>,
    oddities: Oddities,
}

/// The head of one stream: the hash of its id, and where it is.
type Row = (u64, Head);

/// [`Heads`], as they are kept.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KeptHeads {
    rows: Vec<Row>,
    oddities: Oddities,
}

impl Heads {
    /// Adds what the next chunk has of its streams.
    pub(super) fn add(&mut self, streams: &ChunkStreams) {
        for (_, run) in streams.iter() {
            self.oddities.add(&run.oddities);
            let is_same = |row: &Row| row.0 == run.hash;
            if let Some((_, head)) = self.rows.find_mut(run.hash, is_same) {
                self.oddities.compare(*head, run.first);
                *head = (run.last.0, run.last.1.or(head.1));
            } else {
                self.rows.insert_unique(run.hash, (run.hash, run.last), |row| row.0);
            }
        }
    }

    /// Fills in what is counted here.
    pub(super) fn count(&self, counts: &mut Counts) {
        counts.streams = self.rows.len() as u64;
        counts.version_holes = self.oddities.holes;
        counts.version_repeats = self.oddities.repeats;
        counts.times_backwards = self.oddities.backwards;
    }

    /// What is kept of them.
    pub(super) fn keep(&self) -> KeptHeads {
        let mut rows: Vec<Row> = self.rows.iter().copied().collect();
        rows.sort_unstable_by_key(|row| row.0);
        KeptHeads { rows, oddities: self.oddities }
    }
}

impl From<KeptHeads> for Heads {
    fn from(kept: KeptHeads) -> Self {
        let mut rows = HashTable::with_capacity(kept.rows.len());
        for row in kept.rows {
            rows.insert_unique(row.0, row, |row| row.0);
        }
        Self { rows, oddities: kept.oddities }
    }
}
