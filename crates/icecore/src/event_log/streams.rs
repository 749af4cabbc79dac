//! The streams of one chunk: what its segment's directory and the heads need to know of them.

use super::heads::{Timed, goes_backwards};
use hashbrown::HashTable;
use icecore_format::Timestamp;
use std::ops::Range;

/// The streams of one chunk, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct ChunkStreams {
    /// Their ids, one after the other.
    names: String,
    runs: Vec<StreamRun>,
    /// Indices into `runs`.
    by_name: HashTable<u32>,
}

/// What one chunk has of one stream.
#[derive(Clone, Debug)]
pub(super) struct StreamRun {
    name: Range<usize>,
    /// The keyed hash of the stream's id.
    pub(super) hash: u64,
    pub(super) events: u64,
    pub(super) lowest: u64,
    pub(super) highest: u64,
    /// The first event with a time, and the last one.
    pub(super) timed: Option<(Timed, Timed)>,
    /// How often an event was recorded before the one that precedes it.
    pub(super) backwards: u64,
    /// The first and last of the versions that came last and follow each other.
    newest: (u64, u64),
    /// The same of what came before them. Mostly there is nothing.
    before: Vec<(u64, u64)>,
}

impl ChunkStreams {
    /// Adds an event of the stream whose id is `stream`, with `hash` to hash an id.
    pub(super) fn add(
        &mut self,
        stream: &str,
        version: u64,
        time: Option<Timestamp>,
        hash: impl FnOnce(&str) -> u64,
    ) {
        // An append of several events to one stream is common: look there first.
        if let Some(last) = self.runs.last_mut()
            && self.names.get(last.name.clone()) == Some(stream)
        {
            last.add(version, time);
            return;
        }
        let hash = hash(stream);
        let (names, runs) = (&self.names, &self.runs);
        let found = self.by_name.find(hash, |index| {
            runs.get(*index as usize).and_then(|run| names.get(run.name.clone())) == Some(stream)
        });
        if let Some(run) = found.and_then(|index| self.runs.get_mut(*index as usize)) {
            run.add(version, time);
            return;
        }
        let index = self.runs.len() as u32;
        let first = self.names.len();
        self.names.push_str(stream);
        self.runs.push(StreamRun {
            name: first..self.names.len(),
            hash,
            events: 1,
            lowest: version,
            highest: version,
            timed: time.map(|time| ((version, time), (version, time))),
            backwards: 0,
            newest: (version, version),
            before: Vec::new(),
        });
        let runs = &self.runs;
        self.by_name.insert_unique(hash, index, |index| {
            runs.get(*index as usize).map_or(0, |run| run.hash)
        });
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Each with its id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &StreamRun)> {
        self.runs.iter().map(|run| (self.names.get(run.name.clone()).unwrap_or_default(), run))
    }
}

impl StreamRun {
    fn add(&mut self, version: u64, time: Option<Timestamp>) {
        if self.newest.1.checked_add(1) != Some(version) {
            self.before.push(self.newest);
            self.newest.0 = version;
        }
        self.newest.1 = version;
        self.events += 1;
        self.lowest = self.lowest.min(version);
        self.highest = self.highest.max(version);
        let Some(time) = time else { return };
        let next = (version, time);
        let (first, last) = self.timed.unwrap_or((next, next));
        self.backwards += u64::from(goes_backwards(last, next));
        self.timed = Some((first, next));
    }

    /// The versions in the order in which they came: the first and last of those that follow each
    /// other.
    pub(super) fn versions(&self) -> impl Iterator<Item = (u64, u64)> {
        self.before.iter().copied().chain([self.newest])
    }
}
