//! The streams of one chunk: what its segment's directory and the heads need to know of them.

use super::heads::{Head, Oddities};
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
    pub(super) first: Head,
    pub(super) last: Head,
    pub(super) oddities: Oddities,
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
            first: (version, time),
            last: (version, time),
            oddities: Oddities::default(),
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
        self.oddities.compare(self.last, (version, time));
        self.events += 1;
        self.lowest = self.lowest.min(version);
        self.highest = self.highest.max(version);
        // A stream's events may be without a time in between.
        self.last = (version, time.or(self.last.1));
    }
}
