//! `icecore log`: everything that ever changed the repository, read anew and verified.

use crate::context::Context;
use crate::error::CommandError;
use crate::snapshot_view::short_id;
use crate::table::{self, Side};
use crate::times;
use icecore::ledger::{LoggedContent, LoggedEntry};
use icecore_format::SnapshotId;
use icecore_format::ledger::body::SessionRange;
use icecore_format::ledger::{Entry, EntryBody};
use serde::Serialize;
use utoipa::ToSchema;

/// An entry of the ledger
#[derive(Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub(crate) struct EntryView {
    number: u64,
    /// When its author's clock said that it was written
    time: Option<String>,
    /// The kind of entry; none if it is not readable
    kind: Option<&'static str>,
    /// The key slot
    author: Option<String>,
    /// Why it changes nothing, if it does not count
    void: Option<&'static str>,
    detail: String,
}

/// Runs the command.
pub(crate) async fn run(context: &Context) -> Result<(), CommandError> {
    let repository = context.open().await?;
    // Alarms were shown when the repository was opened.
    let audit = repository.audit().await?;
    let output = &context.output;
    // What a look at every entry shows beyond what opening the repository has shown.
    let known = repository.alarms().await;
    for alarm in audit.alarms.iter().filter(|alarm| !known.contains(alarm)) {
        output.warn(&alarm.to_string(), None);
    }
    for finding in &audit.witnesses {
        output.warn(&finding.to_string(), None);
    }
    let log = audit.log;
    if output.is_json() {
        for logged in &log {
            output.message("entry", view(logged));
        }
        return Ok(());
    }
    if log.is_empty() {
        output.note("nothing happened yet");
        return Ok(());
    }
    let rows: Vec<_> = log.iter().map(row).collect();
    let columns = [
        ("entry", Side::Right),
        ("time", Side::Left),
        ("kind", Side::Left),
        ("key", Side::Left),
        ("what", Side::Left),
    ];
    for line in table::lines(columns, &rows) {
        output.line(line);
    }
    Ok(())
}

/// Why an entry is void, if it is, and what it says, if it can be read.
fn content(logged: &LoggedEntry) -> (Option<&'static str>, Option<&Entry>) {
    match &logged.content {
        LoggedContent::Valid(entry) => (None, Some(entry)),
        LoggedContent::Void { reason, entry } => (Some(reason), entry.as_deref()),
    }
}

/// An entry as programs see it.
pub(crate) fn view(logged: &LoggedEntry) -> EntryView {
    let (void, entry) = content(logged);
    EntryView {
        number: logged.number,
        time: entry.map(|entry| times::exact(entry.time)),
        kind: entry.map(|entry| entry.body.label()),
        author: entry.map(|entry| entry.author.to_string()),
        void,
        detail: entry.map(detail).unwrap_or_default(),
    }
}

fn row(logged: &LoggedEntry) -> [String; 5] {
    let view = view(logged);
    let time = content(logged).1.map(|entry| times::short(entry.time));
    let what = match view.void {
        Some(reason) => format!("void, since {reason}: {}", view.detail),
        None => view.detail,
    };
    let key: String = view.author.unwrap_or_default().chars().take(8).collect();
    [
        view.number.to_string(),
        time.unwrap_or_default(),
        view.kind.unwrap_or("unreadable").to_owned(),
        key,
        what,
    ]
}

/// What an entry says, in a few words.
fn detail(entry: &Entry) -> String {
    match &entry.body {
        EntryBody::Commit(commit) => {
            let snapshot = &commit.snapshot;
            let events = table::counted(snapshot.counts.events, "event", "events");
            format!("snapshot {} of {}, {events}", short_id(snapshot), snapshot.source)
        }
        EntryBody::Forget(body) => ids(&body.snapshots),
        EntryBody::Unforget(body) => ids(&body.snapshots),
        EntryBody::Release(body) => ids(&body.snapshots),
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
        EntryBody::Drilled(body) => {
            let events = table::counted(body.events, "event", "events");
            let failed = body.checks.iter().filter(|check| !check.passed).count() as u64;
            let shown = match failed {
                0 => "proven".to_owned(),
                failed => format!("{} failed", table::counted(failed, "check", "checks")),
            };
            format!("{}, {events}: {shown}", body.source)
        }
        _ => String::new(),
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
