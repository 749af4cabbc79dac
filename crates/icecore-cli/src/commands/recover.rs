//! `icecore recover`: a source as it was at any point goes into a store.

pub(crate) mod objectives;
pub(crate) mod point;
pub(crate) mod report;

use crate::commands::restore::{Destination, Place};
use crate::context::Context;
use crate::error::CommandError;
use crate::locator::{Locator, SourceOptions};
use clap::Args;
use icecore::recover::{RecoverRequest, State, Ties, plan, recover, states, with_tails};
use icecore::source::SourceFile;
use icecore::{Monitor, snapshots};
use icecore_format::checkpoint::LedgerState;
use objectives::{Objectives, Watch};
use point::PointArgument;
use report::Report;
use std::ffi::{OsStr, OsString};
use std::time::Instant;

/// Bring a source back to any point, into a store
#[derive(Debug, Args)]
#[command(after_help = "\
The point is cut from the earliest snapshot that has it. What is restored is a prefix of every stream: \
where an event is left out, all that follow it in its stream are, whatever their times say. Events that \
were deleted or changed between the point and that snapshot are not there, or not as they were; the \
report says so.

A time without an offset is UTC. A point that no snapshot has is refused with the nearest ones.")]
pub(crate) struct Arguments {
    /// The source: its name, as `icecore snapshots` lists it, or what was backed up
    #[arg(value_name = "SOURCE")]
    source: OsString,
    #[command(flatten)]
    point: PointArgument,
    /// Only snapshots that were made on this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Cut this snapshot and no other: the beginning of its id, or `latest`
    #[arg(long, value_name = "SNAPSHOT", conflicts_with = "host")]
    from: Option<String>,
    #[command(flatten)]
    destination: Destination,
    #[command(flatten)]
    objectives: Objectives,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    let began = Instant::now();
    let Arguments { source, point, host, from, destination, objectives } = arguments;
    let Place { locator, target, options } = destination.place(context)?;
    let (point, is_taken_for_utc) = point.point()?;
    let milestones = Watch::begin(&objectives, began, &context.output);
    let repository = context.open().await?;
    let ledger = repository.state().await;
    let name = source_name(&source, &ledger);
    let states = match &from {
        Some(from) => vec![chosen(&ledger, from, &name)?],
        None => with_tails(&repository, states(&ledger, &name, host.as_deref())?).await?,
    };
    let streams = options.streams.clone();
    let request = RecoverRequest { states, point, streams, ties };

    let monitor = Monitor::default();
    let report = Report {
        source: &name,
        target: &locator.to_string(),
        point: &request.point,
        is_taken_for_utc,
        objectives: &objectives,
        output: &context.output,
    };
    if destination.dry_run {
        let planned = plan(&repository, &request, &monitor).await?;
        let options = planned.restore_options(&request, &options);
        let restored = planned.restore_plan(&repository, &options).await?;
        report.print_plan(&planned, &restored);
        return Ok(());
    }
    let recovered = {
        let _watch = context.watch(&monitor);
        recover(&repository, &request, &*target, &options, &monitor).await?
    };
    milestones.end();
    report.print(&recovered, began.elapsed().as_secs_f64());
    Ok(())
}

/// The name of the source that is meant: what was given, or the name that its locator has by default.
pub(crate) fn source_name(source: &OsStr, ledger: &LedgerState) -> String {
    let given = source.to_string_lossy().into_owned();
    if snapshots::live(ledger).iter().any(|found| found.snapshot.source == given) {
        return given;
    }
    let located = Locator::parse(source).and_then(|it| it.source(&SourceOptions::default()));
    located.map_or(given, |source| source.default_name())
}

/// The one snapshot that is to be cut.
pub(crate) fn chosen(
    ledger: &LedgerState,
    from: &str,
    source: &str,
) -> Result<State, CommandError> {
    let snapshot = snapshots::find(ledger, from, Some(source))?.snapshot.clone();
    if snapshot.source != source {
        let message =
            format!("--from names a snapshot of '{}', not of '{source}'", snapshot.source);
        return Err(CommandError::Usage(message));
    }
    Ok(State::of(snapshot))
}

/// How events of a source are tied to each other.
#[cfg(feature = "postgres")]
pub(crate) fn ties(kind: &str, files: &[SourceFile]) -> Ties {
    use icecore_sources::events::postgres;
    if kind == postgres::KIND { postgres::ties(files) } else { Ties::default() }
}

/// How events of a source are tied to each other.
#[cfg(not(feature = "postgres"))]
pub(crate) fn ties(_kind: &str, _files: &[SourceFile]) -> Ties {
    Ties::default()
}
