//! A snapshot as programs see it, and as people do.

use crate::{table, times};
use icecore_format::checkpoint::{LedgerState, SnapshotState, SnapshotStatus};
use icecore_format::snapshot::Snapshot;
use serde::Serialize;
use utoipa::ToSchema;

/// Digits of a snapshot's id that people are shown.
const SHORT_DIGITS: usize = 8;

/// A snapshot as programs see it
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Snapshot)]
pub(crate) struct SnapshotView {
    snapshot_id: String,
    source: String,
    source_kind: String,
    host: String,
    tags: Vec<String>,
    description: Option<String>,
    /// When the backup began.
    time: String,
    time_finished: String,
    retain_until: Option<String>,
    /// `live`, `forgotten` or `released`
    status: &'static str,
    /// Whether it may not be forgotten
    protected: bool,
    #[serde(flatten)]
    counts: CountsView,
    epoch: u64,
    bytes_read: u64,
    bytes_stored: u64,
    selection: Vec<String>,
    program: String,
    origin: Option<String>,
}

/// What a snapshot holds, and what is odd about it
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Counts)]
pub(crate) struct CountsView {
    events_total: u64,
    streams_total: u64,
    first_position: Option<u64>,
    last_position: Option<u64>,
    first_event_time: Option<String>,
    last_event_time: Option<String>,
    version_holes: u64,
    version_repeats: u64,
    times_backwards: u64,
}

impl SnapshotView {
    pub(crate) fn new(ledger: &LedgerState, found: &SnapshotState) -> Self {
        let snapshot = &found.snapshot;
        Self {
            snapshot_id: snapshot.id.to_string(),
            source: snapshot.source.clone(),
            source_kind: snapshot.source_kind.clone(),
            host: snapshot.host.clone(),
            tags: snapshot.tags.iter().map(ToString::to_string).collect(),
            description: snapshot.description.clone(),
            time: times::exact(snapshot.started),
            time_finished: times::exact(snapshot.finished),
            retain_until: snapshot.retain_until.map(times::exact),
            status: status(found.status),
            protected: ledger.protected.contains(&snapshot.id),
            counts: CountsView::new(snapshot),
            epoch: snapshot.epoch,
            bytes_read: snapshot.bytes_read,
            bytes_stored: snapshot.bytes_stored,
            selection: snapshot.selection.clone(),
            program: snapshot.program.clone(),
            origin: snapshot
                .origin
                .map(|origin| format!("entry {} of {}", origin.number, origin.repository)),
        }
    }
}

impl CountsView {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let counts = &snapshot.counts;
        Self {
            events_total: counts.events,
            streams_total: counts.streams,
            first_position: counts.first_position,
            last_position: counts.last_position,
            first_event_time: counts.first_time.map(times::exact),
            last_event_time: counts.last_time.map(times::exact),
            version_holes: counts.version_holes,
            version_repeats: counts.version_repeats,
            times_backwards: counts.times_backwards,
        }
    }
}

/// How far a snapshot is on the way to deletion.
pub(crate) fn status(status: SnapshotStatus) -> &'static str {
    match status {
        SnapshotStatus::Live => "live",
        SnapshotStatus::Forgotten => "forgotten",
        SnapshotStatus::Released => "released",
    }
}

/// What is decided about a snapshot, in a few words; nothing of most.
pub(crate) fn retention(ledger: &LedgerState, found: &SnapshotState) -> String {
    let hidden = Some(status(found.status).to_owned()).filter(|status| status != "live");
    let protected = ledger.protected.contains(&found.snapshot.id).then(|| "protected".to_owned());
    let until = found.snapshot.retain_until;
    let until = until.map(|until| format!("until {}", times::short(until)));
    hidden.into_iter().chain(protected).chain(until).collect::<Vec<_>>().join(", ")
}

/// The beginning of a snapshot's id, as people are shown it.
pub(crate) fn short_id(snapshot: &Snapshot) -> String {
    snapshot.id.to_string().chars().take(SHORT_DIGITS).collect()
}

/// All that there is to say about a snapshot, each with its title.
pub(crate) fn details(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let mut details = vec![
        ("snapshot", snapshot.id.to_string()),
        ("source", snapshot.source.clone()),
        ("kind", snapshot.source_kind.clone()),
        ("host", snapshot.host.clone()),
        ("time", times::short(snapshot.started)),
        ("finished", times::short(snapshot.finished)),
    ];
    let tags: Vec<String> = snapshot.tags.iter().map(ToString::to_string).collect();
    let optional = [
        ("tags", Some(tags.join(", ")).filter(|tags| !tags.is_empty())),
        ("description", snapshot.description.clone()),
        ("retain until", snapshot.retain_until.map(times::short)),
        ("only streams", Some(snapshot.selection.join(", ")).filter(|text| !text.is_empty())),
        ("epoch", Some(snapshot.epoch.to_string()).filter(|_| snapshot.epoch > 0)),
        ("copied from", snapshot.origin.map(|origin| format!("repository {}", origin.repository))),
    ];
    details.extend(optional.into_iter().filter_map(|(title, text)| Some((title, text?))));
    details.push(("events", table::count(snapshot.counts.events)));
    details.push(("streams", table::count(snapshot.counts.streams)));
    details.extend(extent(snapshot));
    details.push(("read", table::bytes(snapshot.bytes_read)));
    details.push(("stored", table::bytes(snapshot.bytes_stored)));
    details.extend(oddities(snapshot).map(|text| ("note", text)));
    details.push(("program", snapshot.program.clone()));
    details
}

/// From where to where the events go.
fn extent(snapshot: &Snapshot) -> Vec<(&'static str, String)> {
    let counts = &snapshot.counts;
    let times = counts.first_time.zip(counts.last_time);
    let positions = counts.first_position.zip(counts.last_position);
    let range = |from: String, to: String| format!("{from} to {to}");
    let mut extent = Vec::new();
    extent.extend(
        positions
            .map(|(first, last)| ("positions", range(table::count(first), table::count(last)))),
    );
    extent.extend(
        times.map(|(first, last)| ("recorded", range(times::short(first), times::short(last)))),
    );
    extent
}

/// What is odd about the events, and no error.
pub(crate) fn oddities(snapshot: &Snapshot) -> impl Iterator<Item = String> {
    let counts = snapshot.counts;
    [
        (
            counts.version_holes,
            "place where versions of a stream are missing",
            "places where versions of a stream are missing",
        ),
        (
            counts.version_repeats,
            "event whose version its stream has already",
            "events whose version their stream has already",
        ),
        (
            counts.times_backwards,
            "event recorded before its predecessor in its stream",
            "events recorded before their predecessor in their stream",
        ),
    ]
    .into_iter()
    .filter(|(number, _, _)| *number > 0)
    .map(|(number, one, several)| table::counted(number, one, several))
}
