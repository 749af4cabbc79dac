//! `icecore snapshots`: the list of snapshots.

use crate::arguments::{parse_since, parse_tag};
use crate::context::Context;
use crate::error::CommandError;
use crate::snapshot_view::{SnapshotView, retention, short_id};
use crate::table::{self, Side};
use crate::times::{self, Since};
use clap::Args;
use icecore::environment::{Clock as _, SystemClock};
use icecore::selection::StreamSelection;
use icecore::{Repository, snapshots, streams};
use icecore_format::Timestamp;
use icecore_format::checkpoint::{LedgerState, SnapshotState};
use icecore_format::snapshot::{Snapshot, Tag};

/// List snapshots
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only snapshots of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Only snapshots with this label; may be given again, and then all are asked for
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = parse_tag)]
    tags: Vec<Tag>,
    /// Only snapshots made since: 2026-11-21T06:00:00Z, 2026-11-21, 24h, 7d
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<Since>,
    /// Only snapshots with a stream that matches; may be given again
    #[arg(long = "stream", value_name = "PATTERN")]
    streams: Vec<String>,
    /// Also those that were forgotten
    #[arg(long)]
    all: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let selection = StreamSelection::new(arguments.streams.clone())?;
    let repository = context.open().await?;
    let state = repository.state().await;
    let wanted = wanted(arguments, &selection, &repository, &state).await?;
    print(&state, &wanted, context);
    Ok(())
}

/// The snapshots that are asked for, as programs see them.
#[cfg(feature = "serve")]
pub(crate) async fn list(
    arguments: &Arguments,
    repository: &Repository,
) -> Result<Vec<SnapshotView>, CommandError> {
    let selection = StreamSelection::new(arguments.streams.clone())?;
    let state = repository.state().await;
    let wanted = wanted(arguments, &selection, repository, &state).await?;
    Ok(wanted.into_iter().map(|found| SnapshotView::new(&state, found)).collect())
}

async fn wanted<'a>(
    arguments: &Arguments,
    selection: &StreamSelection,
    repository: &Repository,
    state: &'a LedgerState,
) -> Result<Vec<&'a SnapshotState>, CommandError> {
    let since = arguments.since.map(|since| since.moment(SystemClock.now()));
    let mut wanted = Vec::new();
    let found = if arguments.all { snapshots::kept(state) } else { snapshots::live(state) };
    for found in found {
        let snapshot = &found.snapshot;
        if is_wanted(snapshot, arguments, since)
            && (selection.is_all()
                || !streams::streams(repository, snapshot, selection).await?.is_empty())
        {
            wanted.push(found);
        }
    }
    Ok(wanted)
}

fn is_wanted(snapshot: &Snapshot, arguments: &Arguments, since: Option<Timestamp>) -> bool {
    let has = |wanted: &Tag| {
        snapshot.tags.iter().any(|tag| {
            tag.key == wanted.key && (wanted.value.is_none() || tag.value == wanted.value)
        })
    };
    arguments.source.as_ref().is_none_or(|source| snapshot.source == *source)
        && arguments.tags.iter().all(has)
        && since.is_none_or(|since| snapshot.started >= since)
}

fn print(ledger: &LedgerState, snapshots: &[&SnapshotState], context: &Context) {
    let output = &context.output;
    if output.is_json() {
        for found in snapshots {
            output.message("snapshot", SnapshotView::new(ledger, found));
        }
        return;
    }
    if snapshots.is_empty() {
        output.note("no snapshots");
        return;
    }
    let rows: Vec<_> = snapshots.iter().map(|found| row(ledger, found)).collect();
    let columns = [
        ("snapshot", Side::Left),
        ("time", Side::Left),
        ("source", Side::Left),
        ("host", Side::Left),
        ("events", Side::Right),
        ("stored", Side::Right),
        ("tags", Side::Left),
        // Where nothing is to be said there, its title is not said either.
        (if rows.iter().any(|row| !row[7].is_empty()) { "retention" } else { "" }, Side::Left),
    ];
    for line in table::lines(columns, &rows) {
        output.line(line);
    }
}

fn row(ledger: &LedgerState, found: &SnapshotState) -> [String; 8] {
    let snapshot = &found.snapshot;
    let tags: Vec<String> = snapshot.tags.iter().map(Tag::to_string).collect();
    [
        short_id(snapshot),
        times::short(snapshot.started),
        snapshot.source.clone(),
        snapshot.host.clone(),
        table::count(snapshot.counts.events),
        table::bytes(snapshot.bytes_stored),
        tags.join(", "),
        retention(ledger, found),
    ]
}
