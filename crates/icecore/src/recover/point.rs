//! Recovery points, and why one cannot be had.

use crate::tail::TailGap;
use icecore_format::Timestamp;

/// What a source is to be brought back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoveryPoint {
    /// All that is there.
    Latest,
    /// Events that were recorded at this time or before.
    Time(Timestamp),
    /// Transactions that were committed at this time or before.
    CommitTime(Timestamp),
    /// Events up to this global position.
    Position(u64),
    /// The event with this id, and all before it.
    Event(String),
    /// This version of this stream, and all events before it.
    Version {
        /// The stream's id.
        stream: String,
        /// The version.
        version: u64,
    },
}

/// A point that cannot be had. The nearest ones that can are in the fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PointError {
    /// Nothing knows when transactions were committed.
    #[error("when transactions were committed is known of none that were captured of this source")]
    NoCommitTimes,
    /// It is before the first transaction of which that is known.
    #[error("when transactions were committed is not known of that time")]
    CommitTooEarly {
        /// When the first known one was committed.
        first: Timestamp,
    },
    /// The tail has it no more, and no later state has it.
    #[error("the tail of this source ends before that time, where {} should be", gap.object)]
    Gap {
        /// Until when what is before the gap reaches.
        newest: Timestamp,
        /// What is missing or damaged.
        gap: Box<TailGap>,
    },
    /// The events have no times.
    #[error("the events of this source have no times")]
    NoTimes,
    /// The events have no positions.
    #[error("the events of this source have no positions")]
    NoPositions,
    /// It is before the first event.
    #[error("nothing was recorded at that time or before it")]
    TimeTooEarly {
        /// When the first event was recorded.
        first: Timestamp,
    },
    /// It is after the newest state.
    #[error("no snapshot is of that time or a later one")]
    TimeTooLate {
        /// Until when the newest state reaches.
        newest: Timestamp,
    },
    /// It is before the first event.
    #[error("there is no event at position {asked} or before it")]
    PositionTooLow {
        /// What was asked for.
        asked: u64,
        /// The first position.
        first: u64,
    },
    /// It is after the newest state.
    #[error("no snapshot has position {asked} or a higher one")]
    PositionTooHigh {
        /// What was asked for.
        asked: u64,
        /// The highest position.
        newest: u64,
    },
    /// No state has the event.
    #[error("no snapshot has an event with the id '{id}'")]
    NoEvent {
        /// What was asked for.
        id: String,
    },
    /// No state has the stream.
    #[error("no snapshot has the stream '{stream}'")]
    NoStream {
        /// What was asked for.
        stream: String,
    },
    /// No state has that version of the stream.
    #[error("no snapshot has version {version} of the stream '{stream}'")]
    NoVersion {
        /// The stream.
        stream: String,
        /// What was asked for.
        version: u64,
        /// The highest version below it that the newest state has.
        below: Option<u64>,
        /// The lowest version above it.
        above: Option<u64>,
    },
    /// What the event was one transaction with is beyond it.
    #[error(
        "version {version} of the stream '{stream}' cannot be the last event: others of its \
         transaction, or before it, come later"
    )]
    Torn {
        /// The stream.
        stream: String,
        /// The version.
        version: u64,
    },
    /// All events are left out.
    #[error("no event is left at that point")]
    Nothing,
}
