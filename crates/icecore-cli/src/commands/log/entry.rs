//! An entry as programs see it, and as people do.

use crate::snapshot_view::short_id;
use crate::{table, times};
use icecore::ledger::{LoggedContent, LoggedEntry};
use icecore_format::SnapshotId;
use icecore_format::checkpoint::LedgerState;
use icecore_format::ledger::body::SessionRange;
use icecore_format::ledger::{Entry, EntryBody};
use serde::Serialize;
use utoipa::ToSchema;

/// An entry of the ledger
#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub(crate) struct EntryView {
    pub(super) number: u64,
    /// When its author's clock said that it was written
    pub(super) time: Option<String>,
    /// The kind of entry; none if it is not readable
    pub(super) kind: Option<&'static str>,
    /// The key slot
    pub(super) author: Option<String>,
    /// The role of that key; none if nobody knows it
    pub(super) role: Option<&'static str>,
    /// The host, where an entry says one
    pub(super) host: Option<String>,
    /// The snapshots that it is about
    pub(super) snapshots: Vec<String>,
    /// Why it changes nothing, if it does not count
    pub(super) void: Option<&'static str>,
    pub(super) detail: String,
}

/// Why an entry is void, if it is, and what it says, if it can be read.
pub(super) fn content(logged: &LoggedEntry) -> (Option<&'static str>, Option<&Entry>) {
    match &logged.content {
        LoggedContent::Valid(entry) => (None, Some(entry)),
        LoggedContent::Void { reason, entry } => (Some(reason), entry.as_deref()),
    }
}

/// The host that an entry says.
pub(super) fn host(entry: &Entry) -> Option<&str> {
    match &entry.body {
        EntryBody::Commit(body) => Some(&body.snapshot.host),
        EntryBody::Follow(body) => Some(&body.host),
        EntryBody::Drilled(body) => Some(&body.host),
        _ => None,
    }
}

/// The snapshots that an entry is about.
pub(super) fn snapshots(entry: &Entry) -> Vec<SnapshotId> {
    match &entry.body {
        EntryBody::Commit(body) => vec![body.snapshot.id],
        EntryBody::Forget(body) => body.snapshots.clone(),
        EntryBody::Unforget(body) => body.snapshots.clone(),
        EntryBody::Protect(body) => body.snapshots.clone(),
        EntryBody::Unprotect(body) => body.snapshots.clone(),
        EntryBody::Release(body) => body.snapshots.clone(),
        EntryBody::Drilled(body) => body.snapshot.into_iter().collect(),
        _ => Vec::new(),
    }
}

impl EntryView {
    /// An entry of the ledger that yielded `ledger`.
    pub(crate) fn new(logged: &LoggedEntry, ledger: &LedgerState) -> Self {
        let (void, entry) = content(logged);
        let role = entry.and_then(|entry| ledger.keys.get(&entry.author));
        Self {
            number: logged.number,
            time: entry.map(|entry| times::exact(entry.time)),
            kind: entry.map(|entry| entry.body.label()),
            author: entry.map(|entry| entry.author.to_string()),
            role: role.map(|key| key.role.name()),
            host: entry.and_then(host).map(str::to_owned),
            snapshots: entry
                .map(snapshots)
                .unwrap_or_default()
                .iter()
                .map(SnapshotId::to_string)
                .collect(),
            void,
            detail: entry.map(detail).unwrap_or_default(),
        }
    }

    /// The cells of its row in a table.
    pub(super) fn row(self) -> [String; 5] {
        let what = match self.void {
            Some(reason) => format!("void, since {reason}: {}", self.detail),
            None => self.detail,
        };
        let key: String = self.author.unwrap_or_default().chars().take(8).collect();
        let second = self.time.and_then(|time| Some(format!("{}Z", time.get(..19)?)));
        [
            self.number.to_string(),
            second.unwrap_or_default(),
            self.kind.unwrap_or("unreadable").to_owned(),
            key,
            what,
        ]
    }
}

/// What an entry says, in a few words.
fn detail(entry: &Entry) -> String {
    match &entry.body {
        EntryBody::Commit(commit) => {
            let snapshot = &commit.snapshot;
            let events = table::counted(snapshot.counts.events, "event", "events");
            format!("snapshot {} of {}, {events}", short_id(snapshot), snapshot.source)
        }
        EntryBody::KeyAdded(body) => format!("{} key {}", body.role.name(), body.key.id()),
        EntryBody::KeyRemoved(body) => format!("key {}", body.key),
        EntryBody::Abort(body) if body.sessions.is_empty() => {
            format!("sessions that began before entry {}", body.floor)
        }
        EntryBody::Abort(body) => table::counted(body.sessions.len() as u64, "session", "sessions"),
        EntryBody::Condemn(body) => objects(&body.packs, "pack", "packs"),
        EntryBody::Repack(body) => {
            let condemned = objects(&body.condemn.packs, "pack", "packs");
            format!("{condemned} into {}", objects(&body.packs, "pack", "packs"))
        }
        EntryBody::Reindex(body) => {
            let old = objects(&body.old, "index run", "index runs");
            format!("{old} into {}", objects(&body.new, "index run", "index runs"))
        }
        EntryBody::Trim(body) => {
            let epochs = table::counted(body.below.len() as u64, "epoch", "epochs");
            format!("the tail of {}, {epochs}", body.source.name)
        }
        EntryBody::Follow(body) => format!("{} on {}", body.source.name, body.host),
        EntryBody::Drilled(body) => {
            let events = table::counted(body.events, "event", "events");
            let failed = body.checks.iter().filter(|check| !check.passed).count() as u64;
            let shown = match failed {
                0 => "proven".to_owned(),
                failed => format!("{} failed", table::counted(failed, "check", "checks")),
            };
            format!("{}, {events}: {shown}", body.source)
        }
        _ => ids(&snapshots(entry)),
    }
}

fn objects(ranges: &[SessionRange], one: &str, several: &str) -> String {
    table::counted(
        ranges.iter().map(|range| u64::from(range.end - range.first)).sum(),
        one,
        several,
    )
}

fn ids(snapshots: &[SnapshotId]) -> String {
    let ids = snapshots.iter().map(|id| id.to_string().chars().take(8).collect::<String>());
    ids.collect::<Vec<_>>().join(", ")
}
