//! `icecore timeline`: what can be recovered of a source, and when that was proven last.

use crate::commands::recover::source_name;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;
use crate::snapshot_view::short_id;
use crate::{table, times};
use clap::Args;
use icecore::recover::{State, states};
use icecore::timeline::{EpochTimeline, TailTimeline, Timeline, timeline};
use icecore::{Repository, drill};
use icecore_format::ledger::body::{DrillPoint, Drilled};
use serde::Serialize;
use std::ffi::OsString;
use utoipa::ToSchema;

/// Show what can be recovered of a source, what is missing of its tail, and its newest drill
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The source, by its name or as it was given to `backup` or `follow`
    #[arg(value_name = "SOURCE")]
    source: OsString,
    /// The host that it was backed up on, if there are several
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Read all of the tail, so that what is damaged is found, too
    #[arg(long)]
    read_data: bool,
}

/// What can be recovered of a source, as programs see it
#[derive(Serialize, ToSchema)]
#[schema(as = Timeline)]
pub(crate) struct TimelineView {
    snapshots: Vec<SnapshotLine>,
    /// Tails that the source could not be gone on from
    ended_tails: Vec<EndedTailLine>,
    epochs: Vec<EpochLine>,
    /// What is missing or damaged of tails
    gaps: Vec<GapLine>,
    /// The newest one that is recorded
    drill: Option<DrillLine>,
    summary: Summary,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineSnapshot)]
struct SnapshotLine {
    snapshot_id: String,
    time: String,
    events: u64,
    last_event_time: Option<String>,
    history: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEndedTail)]
struct EndedTailLine {
    /// The snapshot that it starts at
    base: String,
    events_captured: u64,
    recoverable_until: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEpoch)]
struct EpochLine {
    /// Of the ledger
    entry: u64,
    host: String,
    open: bool,
    flushes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineGap)]
struct GapLine {
    object: String,
    problem: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineDrill)]
struct DrillLine {
    /// Of the ledger
    entry: u64,
    started: String,
    host: String,
    target_kind: String,
    point: &'static str,
    reached_time: Option<String>,
    reached_position: Option<u64>,
    has_tail: bool,
    events: u64,
    streams: u64,
    proven: bool,
    /// The names of the checks that failed
    failed: Vec<String>,
    duration_s: f64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TimelineSummary)]
struct Summary {
    source: String,
    snapshots: usize,
    /// Since the snapshot that the tail starts at
    events_captured: u64,
    gaps: u64,
    first_event_time: Option<String>,
    recoverable_until: Option<String>,
    /// From when on the times of commits are known
    commit_times_from: Option<String>,
}

/// What there is of a source.
struct Found {
    name: String,
    timeline: Timeline,
    drill: Option<(u64, Drilled)>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let repository = context.open().await?;
    let found = look(arguments, &repository).await?;
    let output = &context.output;
    if output.is_json() {
        print_json(TimelineView::new(&found), output);
    } else {
        print(&found.name, &found.timeline, output);
        output.line(found.drill.as_ref().map_or_else(
            || "no drill of it is recorded".to_owned(),
            |(_, drilled)| drill_said(drilled),
        ));
    }
    match gaps(&found.timeline).count() as u64 {
        0 => Ok(()),
        gaps => Err(CommandError::TailGaps { gaps }),
    }
}

/// What can be recovered of a source, as programs see it.
#[cfg(feature = "serve")]
pub(crate) async fn view(
    arguments: &Arguments,
    repository: &Repository,
) -> Result<TimelineView, CommandError> {
    Ok(TimelineView::new(&look(arguments, repository).await?))
}

async fn look(arguments: &Arguments, repository: &Repository) -> Result<Found, CommandError> {
    let ledger = repository.state().await;
    let name = source_name(&arguments.source, &ledger);
    let states = states(&ledger, &name, arguments.host.as_deref())?;
    let kind = states.last().map(|state| state.snapshot.source_kind.clone()).unwrap_or_default();
    let timeline = timeline(repository, states, arguments.read_data).await?;
    let drill = drill::newest(repository, &name, &kind).await?;
    Ok(Found { name, timeline, drill })
}

fn gaps(found: &Timeline) -> impl Iterator<Item = &(String, String)> {
    let tails = found.ended.iter().chain(&found.tail);
    tails.flat_map(|tail| &tail.epochs).flat_map(|epoch| &epoch.gaps)
}

fn print_json(view: TimelineView, output: &Output) {
    let TimelineView { snapshots, ended_tails, epochs, gaps, drill, summary } = view;
    for line in snapshots {
        output.message("snapshot", line);
    }
    for line in ended_tails {
        output.message("ended_tail", line);
    }
    for line in epochs {
        output.message("epoch", line);
    }
    for line in gaps {
        output.message("gap", line);
    }
    if let Some(line) = drill {
        output.message("drill", line);
    }
    output.summary(summary);
}

impl TimelineView {
    fn new(found: &Found) -> Self {
        let Found { name, timeline: found, drill } = found;
        let snapshot = |State { snapshot, .. }: &State| SnapshotLine {
            snapshot_id: snapshot.id.to_string(),
            time: times::exact(snapshot.started),
            events: snapshot.counts.events,
            last_event_time: snapshot.counts.last_time.map(times::exact),
            history: snapshot.epoch,
        };
        let ended_tail = |tail: &TailTimeline| EndedTailLine {
            base: tail.base.to_string(),
            events_captured: tail.captured.events,
            recoverable_until: tail.last_flush.map(times::exact),
        };
        let epoch = |epoch: &EpochTimeline| {
            let EpochTimeline { entry, host, is_open, flushes, .. } = epoch;
            EpochLine { entry: *entry, host: host.clone(), open: *is_open, flushes: *flushes }
        };
        let gap = |(object, problem): &(String, String)| GapLine {
            object: object.clone(),
            problem: problem.clone(),
        };
        let window = found.window();
        let captured = found.tail.as_ref().map(|tail| tail.captured).unwrap_or_default();
        Self {
            snapshots: found.states.iter().map(snapshot).collect(),
            ended_tails: found.ended.iter().map(ended_tail).collect(),
            epochs: found.tail.iter().flat_map(|tail| &tail.epochs).map(epoch).collect(),
            gaps: gaps(found).map(gap).collect(),
            drill: drill.as_ref().map(|(entry, drilled)| DrillLine::new(*entry, drilled)),
            summary: Summary {
                source: name.clone(),
                snapshots: found.states.len(),
                events_captured: captured.events,
                gaps: gaps(found).count() as u64,
                first_event_time: window.and_then(|(first, _)| first).map(times::exact),
                recoverable_until: window.map(|(_, until)| times::exact(until)),
                commit_times_from: captured.first_commit.map(times::exact),
            },
        }
    }
}

impl DrillLine {
    fn new(entry: u64, drilled: &Drilled) -> Self {
        Self {
            entry,
            started: times::exact(drilled.started),
            host: drilled.host.clone(),
            target_kind: drilled.target_kind.clone(),
            point: point_name(drilled.point),
            reached_time: drilled.reached_time.map(times::exact),
            reached_position: drilled.reached_position,
            has_tail: drilled.has_tail,
            events: drilled.events,
            streams: drilled.streams,
            proven: failed(drilled).next().is_none(),
            failed: failed(drilled).map(str::to_owned).collect(),
            duration_s: drilled.nanoseconds_taken as f64 / 1e9,
        }
    }
}

/// What a recovery's summary calls the kind of a point.
fn point_name(point: DrillPoint) -> &'static str {
    match point {
        DrillPoint::Latest => "latest",
        DrillPoint::Time(_) => "time",
        DrillPoint::CommitTime(_) => "commit_time",
        DrillPoint::Position(_) => "position",
        DrillPoint::Event => "event",
        DrillPoint::Version => "version",
    }
}

/// The names of the checks that failed.
fn failed(drilled: &Drilled) -> impl Iterator<Item = &str> {
    drilled.checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str())
}

/// What a person is told of a drill.
fn drill_said(drilled: &Drilled) -> String {
    let point = match drilled.point {
        DrillPoint::Latest => "everything".to_owned(),
        DrillPoint::Time(time) => format!("what was recorded until {}", times::exact(time)),
        DrillPoint::CommitTime(time) => format!("what was committed until {}", times::exact(time)),
        DrillPoint::Position(position) => format!("everything up to position {position}"),
        DrillPoint::Event => "everything up to an event".to_owned(),
        DrillPoint::Version => "everything up to a version of a stream".to_owned(),
    };
    let failed: Vec<_> = failed(drilled).collect();
    let shown = match &failed[..] {
        [] => "proven".to_owned(),
        failed => format!("NOT PROVEN, failed: {}", failed.join(", ")),
    };
    format!(
        "newest drill: {} on {}, {point}, {} recovered into {} in {}: {shown}",
        times::short(drilled.started),
        drilled.host,
        table::counted(drilled.events, "event", "events"),
        drilled.target_kind,
        table::duration(drilled.nanoseconds_taken as f64 / 1e9),
    )
}

fn print(name: &str, found: &Timeline, output: &Output) {
    output.line(format!("timeline of {name}"));
    let mut history = found.states.first().map_or(0, State::epoch);
    for state in &found.states {
        if state.epoch() != history {
            history = state.epoch();
            output.line("  events were changed or removed: those before keep what was there");
        }
        let snapshot = &state.snapshot;
        let last = snapshot.counts.last_time;
        output.line(format!(
            "  {}  snapshot {}, {}{}",
            times::short(snapshot.started),
            short_id(snapshot),
            table::counted(snapshot.counts.events, "event", "events"),
            last.map(|last| format!(", the last of {}", times::short(last))).unwrap_or_default(),
        ));
    }
    for tail in &found.ended {
        print_tail(tail, output);
        output.line(
            "    then the source could not be gone on from: what comes later may not have these events",
        );
    }
    if let Some(tail) = &found.tail {
        print_tail(tail, output);
    }
    for (object, problem) in gaps(found) {
        output.line(format!("gap: {object}: {problem}"));
    }
    let Some((first, until)) = found.window() else { return };
    let first = first.map_or_else(|| "its first event".to_owned(), times::exact);
    output.line(format!("recoverable: any moment from {first} until {}", times::exact(until)));
    if let Some(from) = found.tail.as_ref().and_then(|tail| tail.captured.first_commit) {
        output.line(format!("  from {} on by commit, too", times::exact(from)));
    }
    output.line(
        "  moments between snapshots are cut from what came next: what was deleted or changed in \
         between is not there",
    );
}

fn print_tail(tail: &TailTimeline, output: &Output) {
    let flushes: u64 = tail.epochs.iter().map(|epoch| epoch.flushes).sum();
    let until = tail.last_flush.map(|time| format!(", until {}", times::exact(time)));
    let host = tail.epochs.last().map(|epoch| epoch.host.as_str()).unwrap_or_default();
    output.line(format!(
        "  tail after {}: {} in {}{}, captured on {host}",
        short(&tail.base.to_string()),
        table::counted(tail.captured.events, "event", "events"),
        table::counted(flushes, "flush", "flushes"),
        until.unwrap_or_default(),
    ));
    if let Some((snapshot, _)) = tail.absorbed {
        output.line(format!("    of which snapshot {} has some", short(&snapshot.to_string())));
    }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
