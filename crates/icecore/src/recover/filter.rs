//! Which events are in a cut.
//!
//! A filter begins with what a point says of each event alone, and is tightened until what is in is
//! a consistent prefix of every stream, and has all or nothing of each transaction that is known.
//! It is never loosened, so this ends, and what is left is the most that can be in.

use super::extents::Extents;
use super::limit::Limit;
use icecore_format::event::Event;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

/// Members of events that tie them to others, by their names. What they mean only a kind of source
/// knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ties {
    /// Events with the same value were one transaction.
    pub transaction: Option<String>,
    /// Events of one stream with different values were different streams under one id, one after the
    /// other, and each has versions of its own.
    pub lifetime: Option<String>,
}

impl Ties {
    /// Whether there is any.
    pub(crate) fn are_known(&self) -> bool {
        self.transaction.is_some() || self.lifetime.is_some()
    }
}

/// A stream, or one lifetime of it, told from all others by 128 bits of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamKey {
    /// The stream's id.
    pub(crate) stream: u128,
    lifetime: u32,
}

impl StreamKey {
    /// A lifetime of a stream; 0 where it has one.
    pub(crate) fn of(stream: &str, lifetime: u32) -> Self {
        Self { stream: hash(stream.as_bytes()), lifetime }
    }
}

impl Hash for StreamKey {
    /// It is a hash, and nothing is gained by another.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.stream as u64 ^ u64::from(self.lifetime));
    }
}

/// A map of streams.
pub(crate) type OfStreams<T> = HashMap<StreamKey, T, BuildHasherDefault<AsItIs>>;

/// Takes the last number for the hash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys of streams are numbers");
    }
}

fn hash(bytes: &[u8]) -> u128 {
    let hash = blake3::hash(bytes);
    let (halves, _) = hash.as_bytes().as_chunks::<16>();
    halves.first().map_or(0, |half| u128::from_le_bytes(*half))
}

/// Decides which events are in.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) limit: Limit,
    /// A stream and the version of it that was asked for: whatever the order, it is in with all before.
    pub(crate) asked: Option<(String, u64)>,
    pub(crate) ties: Ties,
    /// The last versions of streams that are cut short.
    lasts: OfStreams<u64>,
    /// Transactions of which something is out.
    transactions: HashSet<u128>,
}

/// What a filter says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    In,
    /// It is beyond the point.
    Beyond,
    /// It is not, and has to be out with others.
    Moved,
}

impl Filter {
    /// What is not beyond `limit`, and the version that was asked for with all before it.
    pub(crate) fn new(limit: Limit, asked: Option<(String, u64)>, ties: Ties) -> Self {
        let (lasts, transactions) = (OfStreams::default(), HashSet::new());
        Self { limit, asked, ties, lasts, transactions }
    }

    /// Whether an event is in. `stream` is its stream's key, if somebody knows it.
    pub(crate) fn verdict(
        &self,
        event: &Event<'_>,
        position: Option<u64>,
        ordinal: u64,
        stream: Option<StreamKey>,
    ) -> Verdict {
        let is_asked = || {
            let asked = self.asked.as_ref();
            asked.is_some_and(|(stream, last)| event.stream == stream && event.version <= *last)
        };
        if !self.limit.includes(event.time, position, ordinal) && !is_asked() {
            return Verdict::Beyond;
        }
        let is_beyond = |last: &u64| event.version > *last;
        if !self.lasts.is_empty()
            && self
                .last_of(stream.unwrap_or_else(|| self.key(event)))
                .as_ref()
                .is_some_and(is_beyond)
        {
            return Verdict::Moved;
        }
        if !self.transactions.is_empty()
            && self.transaction(event).is_some_and(|it| self.transactions.contains(&it))
        {
            return Verdict::Moved;
        }
        Verdict::In
    }

    /// The last version of a stream that may be in, if it is cut short.
    pub(crate) fn last_of(&self, stream: StreamKey) -> Option<u64> {
        self.lasts.get(&stream).copied()
    }

    /// The stream of an event.
    pub(crate) fn key(&self, event: &Event<'_>) -> StreamKey {
        StreamKey::of(event.stream, self.lifetime(event))
    }

    /// Which lifetime of its stream an event is of.
    pub(crate) fn lifetime(&self, event: &Event<'_>) -> u32 {
        let lifetime = self.ties.lifetime.as_ref().and_then(|name| member(event, name));
        lifetime.map_or(0, |value| hash(value) as u32)
    }

    /// The transaction of an event, if it is known.
    pub(crate) fn transaction(&self, event: &Event<'_>) -> Option<u128> {
        member(event, self.ties.transaction.as_ref()?).map(hash)
    }

    /// Leaves out what cannot be in, as what is in and out by this filter shows. Whether there was
    /// anything.
    pub(crate) fn tighten(&mut self, seen: &Extents, transactions_out: HashSet<u128>) -> bool {
        let mut is_tighter = false;
        for (stream, last) in seen.short() {
            let known = self.lasts.entry(stream).or_insert(u64::MAX);
            is_tighter |= last < *known;
            *known = last.min(*known);
        }
        for transaction in transactions_out {
            is_tighter |= self.transactions.insert(transaction);
        }
        is_tighter
    }
}

fn member<'a>(event: &Event<'a>, wanted: &str) -> Option<&'a [u8]> {
    event.members.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// What decides of the events of one chunk.
#[derive(Clone, Debug)]
pub struct ChunkFilter {
    filter: Arc<Filter>,
    /// The ordinal of its first event.
    first_ordinal: u64,
}

impl ChunkFilter {
    pub(crate) fn new(filter: Arc<Filter>, first_ordinal: u64) -> Self {
        Self { filter, first_ordinal }
    }

    /// Whether the event of this number in the chunk, from 0, is in.
    pub(crate) fn includes(&self, event: &Event<'_>, position: Option<u64>, number: u64) -> bool {
        let ordinal = self.first_ordinal + number;
        self.filter.verdict(event, position, ordinal, None) == Verdict::In
    }
}
