//! Where a log is cut: whether an event that is looked at alone, or a part of the log, is before a point.

use icecore_format::Timestamp;
use icecore_format::event::EventTime;
use icecore_format::event_log::Span;

/// The last that may be in, in one of the orders that events have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// By the times that events were recorded. An event without a time is in.
    Time(Timestamp),
    /// By positions. An event without a position is in.
    Position(u64),
    /// By the order of the log, from 0.
    Ordinal(u64),
}

/// On which side of a limit a part of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nothing of it is beyond. What has neither time nor position goes with what is around it.
    In,
    /// All of it is beyond.
    Out,
    /// Its events have to be looked at.
    Both,
}

impl Limit {
    /// Whether an event is not beyond it.
    pub(crate) fn includes(self, time: EventTime<'_>, position: Option<u64>, ordinal: u64) -> bool {
        match self {
            Self::Time(last) => time.timestamp().is_none_or(|time| time <= last),
            Self::Position(last) => position.is_none_or(|position| position <= last),
            Self::Ordinal(last) => ordinal <= last,
        }
    }

    /// On which side a part is that has `events` events from the ordinal `first` on.
    pub(crate) fn side(self, span: &Span, first: u64, events: u64) -> Side {
        fn between<T: PartialOrd>(first: Option<T>, last: Option<T>, limit: &T) -> Side {
            match (first, last) {
                (_, Some(last)) if last <= *limit => Side::In,
                (Some(first), _) if first > *limit => Side::Out,
                _ => Side::Both,
            }
        }
        match self {
            Self::Time(limit) => between(span.first_time, span.last_time, &limit),
            Self::Position(limit) => between(span.first_position, span.last_position, &limit),
            Self::Ordinal(limit) => {
                between(Some(first), Some(first + events.saturating_sub(1)), &limit)
            }
        }
    }

    /// Where an event is in the order that it is a limit of, if it has a place there.
    pub(crate) fn rank(
        self,
        time: Option<Timestamp>,
        position: Option<u64>,
        ordinal: u64,
    ) -> Option<Rank> {
        let key = match self {
            Self::Time(_) => i128::from(time?.0),
            Self::Position(_) => i128::from(position?),
            Self::Ordinal(_) => 0,
        };
        Some((key, ordinal))
    }

    /// Nothing of a part that spans this is before the first, or after the last.
    pub(crate) fn ranks(self, span: &Span, first: u64, events: u64) -> Option<(Rank, Rank)> {
        let last = first + events.saturating_sub(1);
        let rank = |time, position, ordinal| self.rank(time, position, ordinal);
        Some((
            rank(span.first_time, span.first_position, first)?,
            rank(span.last_time, span.last_position, last)?,
        ))
    }
}

/// A place in the order of a limit; among equals the order of the log decides.
pub(crate) type Rank = (i128, u64);
