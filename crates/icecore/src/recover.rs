//! Recovery: a source as it was at any point, cut from the earliest state of it that has that point.
//!
//! What is restored is a consistent prefix of every stream, and nothing of it is beyond the point. The
//! source as it was is a state where the point is one, and otherwise is derived from a later state, of
//! which the report says what it may lack.
//!
//! Design: docs/recovery.md.

mod cut;
mod extents;
mod filter;
mod find;
mod limit;
mod look;
mod mark;
mod point;
mod state;

pub use cut::Cut;
pub use filter::{ChunkFilter, Ties};
pub use mark::EventMark;
pub use point::{PointError, RecoveryPoint};
pub use state::{State, StatesError, states, with_tails};

pub(crate) use cut::ChunkCut;
pub(crate) use look::{read, visit};
pub(crate) use state::moment as moment_of;

use crate::error::ReadError;
use crate::event_log::LogReader;
use crate::monitor::{Monitor, Stopped};
use crate::repository::Repository;
use crate::restore::{self, RestoreError, RestoreOptions, RestorePlan, RestoreReport};
use crate::selection::StreamSelection;
use crate::source::SourceFile;
use crate::target::Target;
use cut::{CutError, Cutter};
use filter::StreamKey;
use find::{Finder, Found, Sought};
use futures::stream::TryStreamExt as _;
use icecore_format::Timestamp;
use limit::Limit;
use std::collections::HashSet;
use std::sync::Arc;

/// What to recover.
#[derive(Clone, Debug)]
pub struct RecoverRequest {
    /// The states of the source, oldest first.
    pub states: Vec<State>,
    /// The point.
    pub point: RecoveryPoint,
    /// Which streams.
    pub streams: StreamSelection,
    /// Says of a source of a kind, with what stands beside its events, how these are tied to each other.
    pub ties: fn(&str, &[SourceFile]) -> Ties,
}

/// How a point is had.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoverPlan {
    /// The state that has it.
    pub state: State,
    /// Whether that state is the point itself. If not, what was deleted or changed between is not
    /// there, or not as it was.
    pub is_exact: bool,
    /// The newest state before it that has less.
    pub before: Option<State>,
    /// The newest state of all.
    pub newest: State,
    /// Which events are in; all of them if there is no cut.
    pub cut: Option<Arc<Cut>>,
    /// How far what was reached is from what was asked for, in nanoseconds: the time since the state
    /// of the latest point, or since the first event that was moved out.
    pub distance: i64,
}

impl RecoverPlan {
    /// Whether events that the state before had are gone or changed in the one that is cut, or may be.
    pub fn is_rewritten(&self) -> bool {
        self.before.as_ref().is_some_and(|before| before.epoch() != self.state.epoch())
    }

    /// Whether newer states have another history.
    pub fn is_superseded(&self) -> bool {
        self.newest.epoch() != self.state.epoch()
    }
}

/// What a recovery did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecoverReport {
    /// How the point was had.
    pub plan: RecoverPlan,
    /// What was restored.
    pub restored: RestoreReport,
    /// How long it took to find out what to restore, in nanoseconds.
    pub resolve_nanoseconds: i64,
}

/// A recovery that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The point cannot be had.
    #[error(transparent)]
    Point(#[from] PointError),
    /// Something of the repository could not be read.
    #[error("cannot read the snapshots of the source")]
    Read(#[from] ReadError),
    /// It could not be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<CutError> for RecoverError {
    fn from(error: CutError) -> Self {
        match error {
            CutError::Read(error) => Self::Read(error),
            CutError::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

/// Recovers a source to a point, into `target`.
///
/// Ends complete, or says exactly what is at the target. What the options say of streams and of a cut
/// is replaced by what is asked for here. May be dropped at any moment, as [`restore::restore`] may.
pub async fn recover(
    repository: &Repository,
    request: &RecoverRequest,
    target: &dyn Target,
    options: &RestoreOptions,
    monitor: &Monitor,
) -> Result<RecoverReport, RecoverError> {
    let clock = &repository.environment.clock;
    let began = clock.passed();
    let plan = plan(repository, request, monitor).await?;
    let resolve_nanoseconds = clock.passed().saturating_sub(began).as_nanos() as i64;
    let options = plan.restore_options(request, options);
    let snapshot = &plan.state.snapshot;
    let chunks = plan.state.chunks(repository).await?;
    let restored =
        restore::restore_with(repository, &chunks, snapshot, target, &options, monitor).await?;
    Ok(RecoverReport { plan, restored, resolve_nanoseconds })
}

impl RecoverPlan {
    /// Says what restoring it would do.
    pub async fn restore_plan(
        &self,
        repository: &Repository,
        options: &RestoreOptions,
    ) -> Result<RestorePlan, RecoverError> {
        let chunks = self.state.chunks(repository).await?;
        Ok(restore::plan_with(&chunks, &self.state.snapshot, options).await?)
    }

    /// The same options for what was planned.
    pub fn restore_options(
        &self,
        request: &RecoverRequest,
        options: &RestoreOptions,
    ) -> RestoreOptions {
        RestoreOptions {
            streams: request.streams.clone(),
            cut: self.cut.clone(),
            ..options.clone()
        }
    }
}

/// Says how a point is had. Reads what it has to, and writes nothing.
pub async fn plan(
    repository: &Repository,
    request: &RecoverRequest,
    monitor: &Monitor,
) -> Result<RecoverPlan, RecoverError> {
    let _task = monitor.task("finding the point");
    let Resolved { number, limit, asked } = resolve(repository, request, monitor).await?;
    let mut state = request.states.get(number).ok_or(PointError::Nothing)?.clone();
    let newest = request.states.last().unwrap_or(&state).clone();
    let before = number.checked_sub(1).and_then(|before| request.states.get(before)).cloned();
    let cut = match limit {
        Some(limit) => cut(repository, request, &state, limit, asked, monitor).await?,
        None => None,
    };
    if cut.is_none() && state.has_tail() {
        state.snapshot.counts.streams = count_streams(repository, &state).await?;
    }
    let first_moved = cut.as_ref().and_then(|cut| cut.first_moved);
    let asked_time = match request.point {
        RecoveryPoint::Time(time) | RecoveryPoint::CommitTime(time) => Some(time),
        RecoveryPoint::Latest => None,
        _ => cut.as_ref().and_then(|cut| cut.newest.as_ref()?.time),
    };
    let distance = match (asked_time, first_moved) {
        (Some(asked), Some(moved)) => asked.0.saturating_sub(moved.0),
        (None, _) if request.point == RecoveryPoint::Latest => {
            repository.environment.clock.now().0.saturating_sub(state.snapshot.started.0)
        }
        _ => 0,
    };
    let is_time = matches!(request.point, RecoveryPoint::Time(_) | RecoveryPoint::CommitTime(_));
    let is_exact = cut.as_ref().is_none_or(|cut| cut.left_out == 0) && !is_time;
    Ok(RecoverPlan { state, is_exact, before, newest, cut, distance: distance.max(0) })
}

/// How many streams the events of a state belong to.
async fn count_streams(repository: &Repository, state: &State) -> Result<u64, ReadError> {
    let reader = LogReader::new(state.chunks(repository).await?);
    let (mut streams, all) = (HashSet::new(), StreamSelection::default());
    let mut parts = std::pin::pin!(reader.parts(&state.log()));
    while let Some(part) = parts.try_next().await? {
        let entries = part.streams(&all).await?;
        streams.extend(entries.iter().map(|entry| StreamKey::of(&entry.stream, 0)));
    }
    Ok(streams.len() as u64)
}

/// A point in the log of a state.
struct Resolved {
    /// Which state.
    number: usize,
    /// Where its log is cut, if it is.
    limit: Option<Limit>,
    /// The stream and its version that have to be in.
    asked: Option<(String, u64)>,
}

/// The earliest state that has the point, and where it is in its log.
async fn resolve(
    repository: &Repository,
    request: &RecoverRequest,
    monitor: &Monitor,
) -> Result<Resolved, RecoverError> {
    let states = &request.states;
    let last = states.last().ok_or(PointError::Nothing)?;
    let (number, limit) = match &request.point {
        RecoveryPoint::Latest => (states.len() - 1, None),
        RecoveryPoint::CommitTime(time) => {
            let number = of_commit_time(states, last, *time)?;
            let sought = Sought::CommittedAfter(*time);
            let mut finder = finder(repository, states, sought, monitor).await?;
            let limit = match finder.find(states, number).await? {
                Some(found) => {
                    let last = found.ordinal.checked_sub(1).ok_or(PointError::Nothing)?;
                    Some(Limit::Ordinal(last))
                }
                None => None,
            };
            (number, limit)
        }
        RecoveryPoint::Time(time) => (of_time(states, last, *time)?, Some(Limit::Time(*time))),
        RecoveryPoint::Position(position) => {
            (of_position(states, last, *position)?, Some(Limit::Position(*position)))
        }
        RecoveryPoint::Event(id) => {
            let sought = Sought::Id(id.clone());
            let found = find(repository, states, sought, monitor).await?;
            let (number, found) = found.ok_or_else(|| PointError::NoEvent { id: id.clone() })?;
            return Ok(Resolved::at(number, found));
        }
        RecoveryPoint::Version { stream, version } => {
            let sought = Sought::Version(stream.clone(), *version);
            let Some((number, found)) = find(repository, states, sought, monitor).await? else {
                return Err(no_version(repository, last, stream, *version).await?.into());
            };
            return Ok(Resolved::at(number, found));
        }
    };
    Ok(Resolved { number, limit, asked: None })
}

impl Resolved {
    /// Just behind an event.
    fn at(number: usize, found: Found) -> Self {
        let limit = found.position.map_or(Limit::Ordinal(found.ordinal), Limit::Position);
        Self { number, limit: Some(limit), asked: Some((found.stream, found.version)) }
    }
}

/// The earliest state with all transactions up to a time, if it is known when they were committed.
fn of_commit_time(states: &[State], last: &State, time: Timestamp) -> Result<usize, PointError> {
    let first = states.iter().filter_map(|state| state.span().first_commit).min();
    let first = first.ok_or(PointError::NoCommitTimes)?;
    if time < first {
        return Err(PointError::CommitTooEarly { first });
    }
    let reaches = |state: &State| state.span().commits_known > 0 && state.moment() >= time;
    states.iter().position(reaches).ok_or_else(|| too_late(states, last))
}

fn too_late(states: &[State], last: &State) -> PointError {
    let newest = last.moment();
    match states.iter().rev().find_map(State::gap) {
        Some(gap) => PointError::Gap { newest, gap: Box::new(gap.clone()) },
        None => PointError::TimeTooLate { newest },
    }
}

fn of_time(states: &[State], last: &State, time: Timestamp) -> Result<usize, PointError> {
    let reaches = |state: &State| state.moment() >= time;
    let number = states.iter().position(reaches);
    let number = number.ok_or_else(|| too_late(states, last))?;
    let counts = states.get(number).unwrap_or(last).snapshot.counts;
    match counts.first_time {
        None if counts.events == 0 => Err(PointError::Nothing),
        None => Err(PointError::NoTimes),
        Some(first) if first > time => Err(PointError::TimeTooEarly { first }),
        Some(_) => Ok(number),
    }
}

fn of_position(states: &[State], last: &State, asked: u64) -> Result<usize, PointError> {
    let newest = states.iter().filter_map(|state| state.span().last_position).max();
    let newest = newest.ok_or(PointError::NoPositions)?;
    let reaches =
        |state: &State| state.span().last_position.is_some_and(|position| position >= asked);
    let number = states.iter().position(reaches);
    let number = number.ok_or(PointError::PositionTooHigh { asked, newest })?;
    match states.get(number).unwrap_or(last).span().first_position {
        Some(first) if first > asked => Err(PointError::PositionTooLow { asked, first }),
        _ => Ok(number),
    }
}

async fn find(
    repository: &Repository,
    states: &[State],
    sought: Sought,
    monitor: &Monitor,
) -> Result<Option<(usize, Found)>, RecoverError> {
    Ok(finder(repository, states, sought, monitor).await?.first(states).await?)
}

async fn finder<'a>(
    repository: &'a Repository,
    states: &[State],
    sought: Sought,
    monitor: &'a Monitor,
) -> Result<Finder<'a>, ReadError> {
    let of_all = repository.chunks().await?;
    let chunks = states.iter().map(|state| state.chunks_after(of_all.clone())).collect();
    let environment = &repository.environment;
    Ok(Finder { environment, chunks, monitor, sought, without: HashSet::new() })
}

/// Why a version is not there, with the nearest ones that are.
async fn no_version(
    repository: &Repository,
    newest: &State,
    stream: &str,
    version: u64,
) -> Result<PointError, RecoverError> {
    let streams = StreamSelection::of_ids([stream.to_owned()].into());
    let chunks = newest.chunks(repository).await?;
    let root = newest.log();
    let (mut is_there, mut below, mut above) = (false, None, None);
    let mut parts =
        std::pin::pin!(crate::event_log::LogReader::new(chunks.clone()).placed_parts(&root));
    while let Some(part) = parts.try_next().await? {
        for placed in part.chunks_of(&streams).await? {
            let (records, beside) = look::read(&chunks, placed, false).await?;
            look::visit(&records, beside.as_ref(), placed, |event, _, _| {
                if event.stream == stream {
                    is_there = true;
                    if event.version < version {
                        below = below.max(Some(event.version));
                    } else {
                        above = above.into_iter().chain([event.version]).min();
                    }
                }
                true
            })
            .map_err(|source| ReadError::ChunkMalformed { id: placed.chunk.records, source })?;
        }
    }
    let stream = stream.to_owned();
    Ok(if is_there {
        PointError::NoVersion { stream, version, below, above }
    } else {
        PointError::NoStream { stream }
    })
}

/// Cuts the log of a state; nothing if there is nothing to be left out.
async fn cut(
    repository: &Repository,
    request: &RecoverRequest,
    state: &State,
    limit: Limit,
    asked: Option<(String, u64)>,
    monitor: &Monitor,
) -> Result<Option<Arc<Cut>>, RecoverError> {
    let chunks = state.chunks(repository).await?;
    let files = restore::read_files(&chunks, state.snapshot.tree).await?;
    let ties = (request.ties)(&state.snapshot.source_kind, &files);
    let root = state.log();
    let streams = &request.streams;
    let cutter = Cutter { repository, chunks: &chunks, root: &root, streams, monitor };
    let are_tied = ties.are_known();
    let cut = cutter.cut(limit, asked.clone(), ties).await?;
    if cut.events == 0 && streams.is_all() {
        return Err(PointError::Nothing.into());
    }
    if let Some((stream, version)) = asked.filter(|_| are_tied && !cut.has_asked) {
        return Err(PointError::Torn { stream, version }.into());
    }
    Ok(Some(Arc::new(cut)))
}

#[cfg(test)]
mod tests;
