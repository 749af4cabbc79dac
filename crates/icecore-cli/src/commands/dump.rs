//! `icecore dump`: the events of a snapshot in an open format, for those who leave and for other
//! programs.
//!
//! Format: docs/dump.md.

use crate::arguments::SnapshotArgument;
use crate::context::Context;
use crate::error::CommandError;
use crate::snapshot_view::short_id;
use crate::table;
use clap::{Args, ValueEnum};
use icecore::restore::{RestoreOptions, RestoreReport, RestoreStep, restore};
use icecore::selection::StreamSelection;
use icecore::target::TargetErrorKind;
use icecore::{Monitor, snapshots};
use icecore_format::snapshot::Snapshot;
use icecore_sources::events::ndjson::{DumpFormat, NdjsonTarget};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The file that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Write the events of a snapshot in an open format, to leave or to feed another program
#[derive(Debug, Args)]
#[command(after_help = "\
Events are written in the order of the snapshot and all alike, whatever they were backed up from, with \
every value exactly as it is. Lines of JSON can be backed up again as ndjson:FILE. What a store has beside \
its events is left out. The formats are documented in docs/dump.md.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: SnapshotArgument,
    /// Only streams that match, such as order-17 or 'order-*'; may be given again
    #[arg(long = "stream", value_name = "PATTERN")]
    streams: Vec<String>,
    /// How events are written
    #[arg(long, value_enum, default_value_t = FormatArgument::JsonLines)]
    format: FormatArgument,
    /// Where to, or - for standard output
    #[arg(long, value_name = "FILE", default_value = STANDARD_OUTPUT)]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    overwrite: bool,
}

/// How events are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArgument {
    /// An object of JSON a line; what is no JSON in base64
    JsonLines,
    /// A map of MessagePack for each event
    #[value(name = "messagepack")]
    MessagePack,
}

#[derive(Serialize)]
struct Summary<'a> {
    snapshot_id: String,
    output: &'a str,
    events: u64,
    streams: u64,
    bytes_written: u64,
    verified: bool,
    duration_s: f64,
    notes: &'a [String],
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let began = Instant::now();
    let options = RestoreOptions {
        streams: StreamSelection::new(arguments.streams.clone())?,
        overwrite: arguments.overwrite,
        ..RestoreOptions::default()
    };
    if arguments.output == Path::new(STANDARD_OUTPUT) {
        context.output.leave_stdout_to_data();
    }
    let repository = context.open().await?;
    let state = repository.state().await;
    let which = &arguments.which;
    let found = snapshots::find(&state, &which.snapshot, which.source.as_deref())?;
    let format = match arguments.format {
        FormatArgument::JsonLines => DumpFormat::JsonLines,
        FormatArgument::MessagePack => DumpFormat::MessagePack,
    };
    let target = NdjsonTarget::dump(arguments.output.clone(), format);
    let monitor = Monitor::default();
    let dumped = {
        let _watch = context.watch(&monitor);
        restore(&repository, &found.snapshot, &target, &options, &monitor).await
    };
    match dumped {
        // Whoever read it had enough.
        Err(error) if is_closed(error.step()) => Ok(()),
        dumped => {
            print(&dumped?, &found.snapshot, arguments, began.elapsed().as_secs_f64(), context);
            Ok(())
        }
    }
}

fn is_closed(step: &RestoreStep) -> bool {
    matches!(step, RestoreStep::Target(error) if error.kind == TargetErrorKind::Closed)
}

fn print(
    report: &RestoreReport,
    snapshot: &Snapshot,
    arguments: &Arguments,
    seconds: f64,
    context: &Context,
) {
    let (output, written) = (&context.output, &report.written);
    let place = arguments.output.display().to_string();
    if output.is_json() {
        output.message(
            "summary",
            Summary {
                snapshot_id: snapshot.id.to_string(),
                output: &place,
                events: report.events_restored,
                streams: report.streams_restored,
                bytes_written: written.bytes,
                verified: written.verified.is_some(),
                duration_s: seconds,
                notes: &written.notes,
            },
        );
        return;
    }
    let is_file = arguments.output != Path::new(STANDARD_OUTPUT);
    let place = if is_file { place.as_str() } else { "standard output" };
    output.report(format!(
        "dumped snapshot {} to {place}: {} in {}, {} written, {}",
        short_id(snapshot),
        table::counted(report.events_restored, "event", "events"),
        table::counted(report.streams_restored, "stream", "streams"),
        table::bytes(written.bytes),
        table::duration(seconds),
    ));
    for note in &written.notes {
        output.report(format!("  note: {note}"));
    }
}
