//! States of a source: logs that can be cut. Today each is a snapshot.

use icecore_format::Timestamp;
use icecore_format::checkpoint::LedgerState;
use icecore_format::event_log::{EventLogRoot, Span};
use icecore_format::snapshot::Snapshot;
use std::collections::BTreeSet;

/// What a source had at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The snapshot that has it.
    pub snapshot: Snapshot,
}

impl State {
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
        self.snapshot
            .counts
            .last_time
            .map_or(self.snapshot.started, |last| last.max(self.snapshot.started))
    }

    /// Which of the source's histories it is of.
    pub fn epoch(&self) -> u64 {
        self.snapshot.epoch
    }
}

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
    Ok(snapshots.into_iter().map(|snapshot| State { snapshot: snapshot.clone() }).collect())
}
