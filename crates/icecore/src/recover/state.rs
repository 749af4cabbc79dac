//! States of a source: logs that can be cut. Each is a snapshot, or one and the tail after it.

use crate::chunks::ChunkReader;
use crate::error::ReadError;
use crate::repository::Repository;
use crate::tail::{self, Chain, TailGap, TailLog};
use icecore_format::checkpoint::LedgerState;
use icecore_format::event_log::{EventLogRoot, Span};
use icecore_format::ledger::body::TailMark;
use icecore_format::snapshot::Snapshot;
use icecore_format::{SnapshotId, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a source had at one moment.
#[derive(Clone, Debug)]
pub struct State {
    /// The snapshot that has it. If there is a tail, it is as a snapshot would be that was made at its
    /// end, but for what was beside the events, which is that of the snapshot before.
    pub snapshot: Snapshot,
    /// The tail whose events are the last of its log.
    tail: Option<Arc<TailLog>>,
    /// How often before it the source could not be gone on from, so that events of a tail may be gone.
    tails_lost: u64,
}

impl State {
    /// The state that a snapshot has.
    pub fn of(snapshot: Snapshot) -> Self {
        Self { snapshot, tail: None, tails_lost: 0 }
    }

    /// Whether its newest events are in the tail.
    pub fn has_tail(&self) -> bool {
        self.tail.is_some()
    }

    /// What is missing or damaged right after it, in the tail.
    pub fn gap(&self) -> Option<&TailGap> {
        self.tail.as_ref().and_then(|tail| tail.gap.as_ref())
    }

    /// A reader of the chunks of its log.
    pub(crate) async fn chunks(&self, repository: &Repository) -> Result<ChunkReader, ReadError> {
        Ok(self.chunks_after(repository.chunks().await?))
    }

    /// The same with a reader of the repository's chunks.
    pub(crate) fn chunks_after(&self, chunks: ChunkReader) -> ChunkReader {
        match &self.tail {
            Some(tail) => tail.reader(chunks),
            None => chunks,
        }
    }

    /// Its events.
    pub(crate) fn log(&self) -> EventLogRoot {
        self.snapshot.event_log.clone().unwrap_or_default()
    }

    /// What its log spans.
    pub(crate) fn span(&self) -> Span {
        self.snapshot.event_log.as_ref().map(EventLogRoot::span).unwrap_or_default()
    }

    /// Until when it surely has what was recorded: when the backup began, or what it has of later
    /// times, by the clock of the source.
    pub fn moment(&self) -> Timestamp {
        moment(&self.snapshot)
    }

    /// Which of the source's histories it is of. Another begins where events are gone or changed, or
    /// may be, since the source could not be gone on from.
    pub fn epoch(&self) -> u64 {
        self.snapshot.epoch + self.tails_lost
    }
}

/// Until when a snapshot surely has what was recorded; see [`State::moment`].
pub(crate) fn moment(snapshot: &Snapshot) -> Timestamp {
    snapshot.counts.last_time.map_or(snapshot.started, |last| last.max(snapshot.started))
}

/// What is in a tail follows from the snapshot that it is made into.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.snapshot == other.snapshot
    }
}

impl Eq for State {}

/// No source is meant, or more than one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatesError {
    /// There is no snapshot of it.
    #[error("there are no snapshots of '{name}'{}", on(host.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The host, if one was asked for.
        host: Option<String>,
    },
    /// Several machines backed it up, and what they saw need not be the same.
    #[error("'{name}' was backed up on {}", hosts.join(" and on "))]
    SeveralHosts {
        /// What was asked for.
        name: String,
        /// The hosts.
        hosts: Vec<String>,
    },
    /// It is the name of several kinds of sources.
    #[error("'{name}' is the name of sources of kind {}", kinds.join(" and "))]
    SeveralKinds {
        /// What was asked for.
        name: String,
        /// The kinds.
        kinds: Vec<String>,
    },
    /// Different streams of it were backed up, and never all.
    #[error("snapshots of '{name}' are of different streams: {}", selections.join("; "))]
    SeveralSelections {
        /// What was asked for.
        name: String,
        /// What was chosen each time.
        selections: Vec<String>,
    },
}

fn on(host: Option<&str>) -> String {
    host.map(|host| format!(" that were made on {host}")).unwrap_or_default()
}

/// The live snapshots of a source, oldest first. They have to be of one kind and one host. Those of
/// all streams are preferred to those of chosen ones, of which there may be one choice.
pub fn states(
    ledger: &LedgerState,
    source: &str,
    host: Option<&str>,
) -> Result<Vec<State>, StatesError> {
    let name = || source.to_owned();
    let mut snapshots: Vec<&Snapshot> = crate::snapshots::live(ledger)
        .into_iter()
        .map(|found| &found.snapshot)
        .filter(|found| found.source == source && host.is_none_or(|host| found.host == host))
        .collect();
    let distinct = |of: &dyn Fn(&Snapshot) -> String, snapshots: &[&Snapshot]| {
        let distinct: BTreeSet<String> = snapshots.iter().map(|snapshot| of(snapshot)).collect();
        distinct.into_iter().collect::<Vec<_>>()
    };
    if snapshots.is_empty() {
        return Err(StatesError::Unknown { name: name(), host: host.map(str::to_owned) });
    }
    let hosts = distinct(&|snapshot| snapshot.host.clone(), &snapshots);
    if hosts.len() > 1 {
        return Err(StatesError::SeveralHosts { name: name(), hosts });
    }
    let kinds = distinct(&|snapshot| snapshot.source_kind.clone(), &snapshots);
    if kinds.len() > 1 {
        return Err(StatesError::SeveralKinds { name: name(), kinds });
    }
    if snapshots.iter().any(|snapshot| snapshot.selection.is_empty()) {
        snapshots.retain(|snapshot| snapshot.selection.is_empty());
    }
    let selections = distinct(&|snapshot| snapshot.selection.join(", "), &snapshots);
    if selections.len() > 1 {
        return Err(StatesError::SeveralSelections { name: name(), selections });
    }
    Ok(snapshots.into_iter().map(|snapshot| State::of(snapshot.clone())).collect())
}

/// These states and those that their tail leads to, if the source is followed: each where its moment
/// places it.
pub async fn with_tails(
    repository: &Repository,
    mut states: Vec<State>,
) -> Result<Vec<State>, ReadError> {
    let ledger = repository.state().await;
    let Some(last) = states.last() else { return Ok(states) };
    let Some(tail) = tail::find(&ledger, &last.snapshot.followed()) else { return Ok(states) };
    let chains = tail::needed(&ledger, tail);
    for (number, chain) in chains.iter().enumerate() {
        let next = chains.get(number + 1).map(|(base, _)| *base);
        add_tail(repository, &mut states, *chain, next).await?;
    }
    Ok(states)
}

/// Adds the state that a chain of epochs leads to. If the source could not be gone on from then, it is
/// before the snapshot that came `next`, which begins another history.
async fn add_tail(
    repository: &Repository,
    states: &mut Vec<State>,
    (start, epochs): Chain<'_>,
    next: Option<SnapshotId>,
) -> Result<(), ReadError> {
    let mark_of = |state: &State| {
        let is_in_chain = |mark: &TailMark| epochs.iter().any(|it| it.session == mark.session);
        state.snapshot.tail.filter(is_in_chain)
    };
    // The newest snapshot that has some of the tail, or the one that it goes on from.
    let marked = states.iter().rposition(|state| mark_of(state).is_some());
    let base = marked.or_else(|| states.iter().position(|it| it.snapshot.id == start));
    let Some((number, base)) = base.and_then(|number| Some((number, states.get(number)?))) else {
        return Ok(());
    };
    // What is not there any more, a snapshot has that was hidden since: nothing follows this one.
    if tail::is_trimmed_after(epochs, mark_of(base)) {
        return Ok(());
    }
    let log = TailLog::read(repository, epochs, mark_of(base), None).await?;
    if log.total.events == 0 && log.gap.is_none() {
        return Ok(());
    }
    let state = after(base, log);
    let later = states
        .iter()
        .enumerate()
        .skip(number + 1)
        .find(|(_, other)| Some(other.snapshot.id) == next || other.moment() > state.moment());
    let place = later.map_or(states.len(), |(place, _)| place);
    states.insert(place, state);
    if next.is_some() {
        states.iter_mut().skip(place + 1).for_each(|state| state.tails_lost += 1);
    }
    Ok(())
}

/// A snapshot and the tail after it.
fn after(base: &State, log: TailLog) -> State {
    let mut snapshot = base.snapshot.clone();
    let root = log.after(&snapshot);
    let span = root.span();
    snapshot.event_log = Some(root);
    if let Some(time) = log.last_flush {
        (snapshot.started, snapshot.finished) = (time, time);
    }
    let counts = &mut snapshot.counts;
    counts.events = span.events;
    (counts.first_position, counts.last_position) = (span.first_position, span.last_position);
    (counts.first_time, counts.last_time) = (span.first_time, span.last_time);
    State { snapshot, tail: Some(Arc::new(log)), tails_lost: base.tails_lost }
}
