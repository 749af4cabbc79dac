//! `icecore timeline`: what can be recovered of a source, and when that was proven last.

use crate::commands::recover::source_name;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;
use crate::snapshot_view::short_id;
use crate::{table, times};
use clap::Args;
use icecore::drill;
use icecore::recover::{State, states};
use icecore::timeline::{EpochTimeline, TailTimeline, Timeline, timeline};
use icecore_format::ledger::body::{DrillPoint, Drilled};
use serde::Serialize;
use std::ffi::OsString;

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

#[derive(Serialize)]
struct SnapshotLine {
    snapshot_id: String,
    time: String,
    events: u64,
    last_event_time: Option<String>,
    history: u64,
}

#[derive(Serialize)]
struct EndedTailLine {
    base: String,
    events_captured: u64,
    recoverable_until: Option<String>,
}

#[derive(Serialize)]
struct EpochLine<'a> {
    entry: u64,
    host: &'a str,
    open: bool,
    flushes: u64,
}

#[derive(Serialize)]
struct GapLine<'a> {
    object: &'a str,
    problem: &'a str,
}

#[derive(Serialize)]
struct DrillLine<'a> {
    entry: u64,
    started: String,
    host: &'a str,
    target_kind: &'a str,
    point: &'a str,
    reached_time: Option<String>,
    reached_position: Option<u64>,
    has_tail: bool,
    events: u64,
    streams: u64,
    proven: bool,
    failed: Vec<&'a str>,
    duration_s: f64,
}

#[derive(Serialize)]
struct Summary<'a> {
    source: &'a str,
    snapshots: usize,
    events_captured: u64,
    gaps: u64,
    first_event_time: Option<String>,
    recoverable_until: Option<String>,
    commit_times_from: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let repository = context.open().await?;
    let ledger = repository.state().await;
    let name = source_name(&arguments.source, &ledger);
    let states = states(&ledger, &name, arguments.host.as_deref())?;
    let kind = states.last().map(|state| state.snapshot.source_kind.clone()).unwrap_or_default();
    let found = timeline(&repository, states, arguments.read_data).await?;
    let drill = drill::newest(&repository, &name, &kind).await?;
    let output = &context.output;
    if output.is_json() {
        print_json(&name, &found, drill.as_ref(), output);
    } else {
        print(&name, &found, output);
        output.line(drill.map_or_else(
            || "no drill of it is recorded".to_owned(),
            |(_, drilled)| drill_said(&drilled),
        ));
    }
    match gaps(&found).count() as u64 {
        0 => Ok(()),
        gaps => Err(CommandError::TailGaps { gaps }),
    }
}

fn gaps(found: &Timeline) -> impl Iterator<Item = &(String, String)> {
    let tails = found.ended.iter().chain(&found.tail);
    tails.flat_map(|tail| &tail.epochs).flat_map(|epoch| &epoch.gaps)
}

fn print_json(name: &str, found: &Timeline, drill: Option<&(u64, Drilled)>, output: &Output) {
    for State { snapshot, .. } in &found.states {
        output.message(
            "snapshot",
            SnapshotLine {
                snapshot_id: snapshot.id.to_string(),
                time: times::exact(snapshot.started),
                events: snapshot.counts.events,
                last_event_time: snapshot.counts.last_time.map(times::exact),
                history: snapshot.epoch,
            },
        );
    }
    for tail in &found.ended {
        output.message(
            "ended_tail",
            EndedTailLine {
                base: tail.base.to_string(),
                events_captured: tail.captured.events,
                recoverable_until: tail.last_flush.map(times::exact),
            },
        );
    }
    for epoch in found.tail.iter().flat_map(|tail| &tail.epochs) {
        let EpochTimeline { entry, host, is_open, flushes, .. } = epoch;
        let line = EpochLine { entry: *entry, host, open: *is_open, flushes: *flushes };
        output.message("epoch", line);
    }
    for (object, problem) in gaps(found) {
        output.message("gap", GapLine { object, problem });
    }
    if let Some((entry, drilled)) = drill {
        output.message("drill", DrillLine::new(*entry, drilled));
    }
    let window = found.window();
    let captured = found.tail.as_ref().map(|tail| tail.captured).unwrap_or_default();
    output.summary(Summary {
        source: name,
        snapshots: found.states.len(),
        events_captured: captured.events,
        gaps: gaps(found).count() as u64,
        first_event_time: window.and_then(|(first, _)| first).map(times::exact),
        recoverable_until: window.map(|(_, until)| times::exact(until)),
        commit_times_from: captured.first_commit.map(times::exact),
    });
}

impl<'a> DrillLine<'a> {
    fn new(entry: u64, drilled: &'a Drilled) -> Self {
        Self {
            entry,
            started: times::exact(drilled.started),
            host: &drilled.host,
            target_kind: &drilled.target_kind,
            point: point_name(drilled.point),
            reached_time: drilled.reached_time.map(times::exact),
            reached_position: drilled.reached_position,
            has_tail: drilled.has_tail,
            events: drilled.events,
            streams: drilled.streams,
            proven: failed(drilled).next().is_none(),
            failed: failed(drilled).collect(),
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
