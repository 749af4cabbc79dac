//! What was recovered, compared with the store that is in use: up to the last version that was
//! recovered of each stream, both have to have the same records.

use super::tally::{self, StreamTally, Tally};
use crate::monitor::{Counter, Monitor, Stopped};
use crate::selection::StreamSelection;
use crate::source::{Source, SourceError, SourceErrorKind, SourceRequest, WantedFiles};
use icecore_format::event::{Event, RecordBodies};
use icecore_format::record::DecodeError;
use std::collections::HashSet;

/// Differences that are told one by one; all are counted.
const DIFFERENCES_TOLD_MAX: usize = 20;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// Streams of what was recovered that were compared.
    pub streams: u64,
    /// Their events.
    pub events: u64,
    /// Events of the live store beyond what was recovered, in the streams that were compared and, if
    /// all were, in others.
    pub events_beyond: u64,
    /// Streams that differ.
    pub streams_differing: u64,
    /// The first of them, sorted by id.
    pub differences: Vec<(String, Difference)>,
}

/// How a stream of the live store differs from what was recovered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Gone,
    /// Up to the last version that was recovered, it has another number of events.
    Counts {
        /// Events that were recovered.
        recovered: u64,
        /// Events that it has.
        live: u64,
    },
    /// It has as many, and not the same.
    Changed,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => formatter.write_str("is not there"),
            Self::Counts { recovered, live } => write!(
                formatter,
                "has {live} where {recovered} were recovered, up to the last version of these"
            ),
            Self::Changed => formatter.write_str("has other events than those recovered"),
        }
    }
}

/// A live store that could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// It could not be read.
    #[error("cannot read the live store")]
    Source(#[from] SourceError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<DecodeError> for LiveError {
    fn from(error: DecodeError) -> Self {
        let message = "an event that the source gave is malformed";
        Self::Source(SourceError::new(SourceErrorKind::Invalid, message).because(error))
    }
}

/// Which streams are compared: as many as these, the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many streams.
    pub streams: u64,
    /// What chooses them.
    pub seed: u64,
}

impl Sample {
    /// The streams that it chooses: those whose ids have the smallest hashes with the seed.
    pub(super) fn of(self, recovered: &Tally) -> Tally {
        let rank = |stream: &str| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.seed.to_le_bytes()).update(stream.as_bytes());
            *hasher.finalize().as_bytes()
        };
        let mut ranked: Vec<_> = recovered.iter().map(|it| (rank(it.0), it)).collect();
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        let chosen = ranked.into_iter().take(usize::try_from(self.streams).unwrap_or(usize::MAX));
        chosen.map(|(_, (stream, tally))| (stream.clone(), *tally)).collect()
    }
}

/// Compares what was recovered, or a sample of its streams, with a live store. Of the streams of a
/// sample nothing else is read.
pub async fn compare_with_live(
    recovered: &Tally,
    live: &dyn Source,
    sample: Option<Sample>,
    monitor: &Monitor,
) -> Result<Comparison, LiveError> {
    let _task = monitor.task("comparing with the live store");
    let chosen = sample.map(|sample| sample.of(recovered));
    let streams = match &chosen {
        Some(chosen) => StreamSelection::of_ids(chosen.keys().cloned().collect()),
        None => StreamSelection::default(),
    };
    let recovered = chosen.as_ref().unwrap_or(recovered);
    let request =
        SourceRequest { streams, files: WantedFiles::None, everything: true, ..Default::default() };
    let mut reader = live.open(&request).await?;
    let (mut found, mut beyond, mut known) = (Tally::new(), 0, HashSet::new());
    while let Some(batch) = reader.next().await? {
        monitor.stop_point()?;
        monitor.count(Counter::BytesRead, batch.bytes());
        let batch = batch.parse()?;
        let mut from = 0;
        for (body, end) in RecordBodies::unversioned(&batch.records).zip(&batch.record_ends) {
            let event = Event::decode_body(body?)?;
            let record = batch.records.get(from..*end).unwrap_or_default();
            from = *end;
            let head = recovered.get(event.stream).map(|stream| stream.last_version);
            if head.is_some() && !known.contains(event.stream) {
                known.insert(event.stream.to_owned());
            }
            if head.is_some_and(|head| event.version <= head) {
                tally::add(&mut found, &event, record);
            } else {
                beyond += 1;
            }
            monitor.count(Counter::Events, 1);
        }
    }
    Ok(compare(recovered, &found, &known, beyond))
}

pub(super) fn compare(
    recovered: &Tally,
    found: &Tally,
    known: &HashSet<String>,
    beyond: u64,
) -> Comparison {
    let mut comparison = Comparison { events_beyond: beyond, ..Comparison::default() };
    for (stream, expected) in recovered {
        comparison.streams += 1;
        comparison.events += expected.events;
        let live = found.get(stream).copied().unwrap_or_default();
        if let Some(difference) = difference(expected, &live, known.contains(stream)) {
            comparison.differences.push((stream.clone(), difference));
        }
    }
    comparison.streams_differing = comparison.differences.len() as u64;
    comparison.differences.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    comparison.differences.truncate(DIFFERENCES_TOLD_MAX);
    comparison
}

fn difference(expected: &StreamTally, live: &StreamTally, is_there: bool) -> Option<Difference> {
    if expected == live {
        return None;
    }
    Some(if !is_there {
        Difference::Gone
    } else if expected.events == live.events {
        Difference::Changed
    } else {
        Difference::Counts { recovered: expected.events, live: live.events }
    })
}
