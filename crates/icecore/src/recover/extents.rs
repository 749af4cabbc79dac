//! What is in and what is out of each stream, by versions: what tells where a stream has to be cut short.

use super::filter::{OfStreams, StreamKey};

/// What was seen of all streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extents(OfStreams<Extent>);

/// What was seen of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The lowest and the highest version that is in.
    pub(crate) included: Option<(u64, u64)>,
    /// The lowest version that is out.
    pub(crate) first_out: Option<u64>,
}

impl Extent {
    /// An event.
    pub(crate) fn of(version: u64, is_in: bool) -> Self {
        if is_in { Self::within(version, version) } else { Self::without(version) }
    }

    /// Events that are in.
    pub(crate) fn within(first: u64, last: u64) -> Self {
        Self { included: Some((first, last)), first_out: None }
    }

    /// Events that are out, from this version on.
    pub(crate) fn without(first: u64) -> Self {
        Self { included: None, first_out: Some(first) }
    }

    /// Adds what was seen elsewhere.
    pub(crate) fn add(&mut self, other: Self) {
        self.included = match (self.included, other.included) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        self.first_out = self.first_out.into_iter().chain(other.first_out).min();
    }

    /// The last version that may be in, if a higher one is.
    fn last(&self) -> Option<u64> {
        let (_, last_in) = self.included?;
        self.first_out.filter(|first_out| *first_out < last_in)
    }
}

impl Extents {
    /// Adds what was seen of a stream.
    pub(crate) fn add(&mut self, stream: StreamKey, extent: Extent) {
        self.0.entry(stream).or_default().add(extent);
    }

    /// Adds what was seen elsewhere.
    pub(crate) fn extend(&mut self, others: Self) {
        for (stream, extent) in others.0 {
            self.add(stream, extent);
        }
    }

    /// The streams of which a version is in that follows one that is out, each with the last version
    /// that may be in.
    pub(crate) fn short(&self) -> impl Iterator<Item = (StreamKey, u64)> {
        self.0.iter().filter_map(|(stream, extent)| Some((*stream, extent.last()?)))
    }

    /// The streams of which something is in.
    pub(crate) fn included(&self) -> impl Iterator<Item = (StreamKey, u64)> {
        self.0.iter().filter_map(|(stream, extent)| Some((*stream, extent.included?.0)))
    }
}
