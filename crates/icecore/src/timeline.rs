//! The timeline of a source: its snapshots, its tail, what is missing of that, and which moments can
//! be recovered.

use crate::error::ReadError;
use crate::recover::State;
use crate::repository::Repository;
use crate::tail::{self, Chain, EpochReader, Scanned};
use futures::stream::StreamExt as _;
use icecore_format::checkpoint::EpochState;
use icecore_format::event_log::Span;
use icecore_format::ledger::body::TailMark;
use icecore_format::{SnapshotId, Timestamp};

/// The timeline of a source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeline {
    /// Its snapshots, oldest first.
    pub states: Vec<State>,
    /// Tails that the source could not be gone on from, oldest first: their events may be in no snapshot.
    pub ended: Vec<TailTimeline>,
    /// Its tail, if it was ever followed.
    pub tail: Option<TailTimeline>,
}

/// The tail of a source from a snapshot that an epoch of it starts at to before the next such one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TailTimeline {
    /// The snapshot that it starts at.
    pub base: SnapshotId,
    /// Its epochs, oldest first.
    pub epochs: Vec<EpochTimeline>,
    /// The newest snapshot that has events of it, and how far that reaches.
    pub absorbed: Option<(SnapshotId, TailMark)>,
    /// What the newest flush says was captured since the tail's start.
    pub captured: Span,
    /// When the newest flush was sealed.
    pub last_flush: Option<Timestamp>,
}

/// What one follower captured.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EpochTimeline {
    /// The ledger entry that opened it.
    pub entry: u64,
    /// The host that followed.
    pub host: String,
    /// Whether it was not ended: its follower may be alive.
    pub is_open: bool,
    /// Objects that count.
    pub flushes: u64,
    /// Objects that are missing or damaged, and in what way.
    pub gaps: Vec<(String, String)>,
}

impl Timeline {
    /// The time of the first event, and until when everything is there: the moments between can be
    /// recovered, but for what gaps are told.
    pub fn window(&self) -> Option<(Option<Timestamp>, Timestamp)> {
        let newest = self.states.last()?;
        let first = newest.snapshot.counts.first_time;
        let last_flush = self.tail.as_ref().and_then(|tail| tail.last_flush);
        Some((first, newest.moment().max(last_flush.unwrap_or(Timestamp(i64::MIN)))))
    }
}

/// The timeline of the source that has these snapshots. Unless `read` is set, objects of the tail are
/// listed and not read, so one that is damaged is not found.
pub async fn timeline(
    repository: &Repository,
    states: Vec<State>,
    read: bool,
) -> Result<Timeline, ReadError> {
    let ledger = repository.state().await;
    let source = states.last().map(|state| state.snapshot.followed());
    let tail = source.and_then(|source| tail::find(&ledger, &source));
    let mut tails = Vec::new();
    for chain in tail.map(|tail| tail::needed(&ledger, tail)).unwrap_or_default() {
        tails.push(tail_timeline(repository, &states, chain, read).await?);
    }
    let tail = tails.pop();
    Ok(Timeline { states, ended: tails, tail })
}

async fn tail_timeline(
    repository: &Repository,
    states: &[State],
    (base, chain): Chain<'_>,
    read: bool,
) -> Result<TailTimeline, ReadError> {
    let mut found = TailTimeline {
        base,
        epochs: Vec::new(),
        absorbed: states.iter().rev().find_map(|state| {
            let mark = state.snapshot.tail?;
            let is_in_chain = chain.iter().any(|epoch| epoch.session == mark.session);
            is_in_chain.then_some((state.snapshot.id, mark))
        }),
        captured: Span::default(),
        last_flush: None,
    };
    for epoch in chain {
        let reader = EpochReader::new(repository, epoch);
        let (objects, gaps) = look(epoch, &reader, read).await?;
        // The newest that can be read tells of all before it.
        for number in (reader.first()..objects).rev() {
            match reader.flush(number).await {
                Ok(flush) => {
                    found.captured = flush.flush.total;
                    found.last_flush = Some(flush.flush.time);
                    break;
                }
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        found.epochs.push(EpochTimeline {
            entry: epoch.number,
            host: epoch.host.clone(),
            is_open: epoch.end.is_none(),
            flushes: objects,
            gaps,
        });
    }
    Ok(found)
}

/// How many objects of an epoch count, and what is wrong with some.
async fn look(
    epoch: &EpochState,
    reader: &EpochReader,
    read: bool,
) -> Result<(u64, Vec<(String, String)>), ReadError> {
    let objects = match epoch.end {
        Some(end) => end,
        None => tail::complete(reader, reader.objects_remembered().await?).await?,
    };
    let mut told = Vec::new();
    if read {
        let mut scanned = std::pin::pin!(tail::scan(reader, reader.first()..objects));
        while let Some(found) = scanned.next().await {
            if let (number, Scanned::Gap(reason)) = found?
                // Nothing is lost where another object has it once more.
                && !reader.is_repeated(number, objects).await?
            {
                told.push((reader.name(number).to_string(), reason));
            }
        }
    } else {
        let missing = reader.missing_unrepeated(objects).await?.into_iter();
        told.extend(
            missing.map(|number| (reader.name(number).to_string(), "it is missing".to_owned())),
        );
    }
    Ok((objects, told))
}
