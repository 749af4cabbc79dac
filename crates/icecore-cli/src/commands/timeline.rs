//! `icecore timeline`: what can be recovered of a source.

use crate::commands::recover::source_name;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;
use crate::snapshot_view::short_id;
use crate::{table, times};
use clap::Args;
use icecore::recover::{State, states};
use icecore::timeline::{EpochTimeline, TailTimeline, Timeline, timeline};
use serde::Serialize;
use std::ffi::OsString;

/// Show what can be recovered of a source: its snapshots, its tail, and what is missing of it
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
    let found = timeline(&repository, states, arguments.read_data).await?;
    let output = &context.output;
    if output.is_json() {
        print_json(&name, &found, output);
    } else {
        print(&name, &found, output);
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

fn print_json(name: &str, found: &Timeline, output: &Output) {
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
    let window = found.window();
    let captured = found.tail.as_ref().map(|tail| tail.captured).unwrap_or_default();
    output.message(
        "summary",
        Summary {
            source: name,
            snapshots: found.states.len(),
            events_captured: captured.events,
            gaps: gaps(found).count() as u64,
            first_event_time: window.and_then(|(first, _)| first).map(times::exact),
            recoverable_until: window.map(|(_, until)| times::exact(until)),
            commit_times_from: captured.first_commit.map(times::exact),
        },
    );
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
