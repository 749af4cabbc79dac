//! `icecore restore`: a snapshot, or some streams of it, goes back into a store.

use crate::arguments::SnapshotArgument;
use crate::context::Context;
use crate::error::CommandError;
use crate::locator::Locator;
use crate::output::Output;
use crate::snapshot_view::short_id;
use crate::table;
use clap::{Args, ValueEnum};
use icecore::Monitor;
use icecore::restore::{RestoreOptions, RestorePlan, RestoreReport, RestoredStream, plan, restore};
use icecore::selection::StreamSelection;
use icecore::snapshots;
use icecore::target::{OnConflict, StreamEnd, Target, Verification, Written};
use icecore_format::snapshot::Snapshot;
use serde::Serialize;
use std::ffi::OsString;
use std::time::Instant;
use utoipa::ToSchema;

/// How many streams a person is told of one by one; the others are counted.
const STREAMS_TOLD_MAX: usize = 20;

/// Restore a snapshot, or some of its streams
#[derive(Debug, Args)]
#[command(after_help = "\
What is written is compared with the snapshot: a file is read back, and a PostgreSQL server counts and \
hashes its rows (--verify full reads these back, too). A target that is not empty is \
left alone unless --overwrite says otherwise.

In PostgreSQL, all of it is one transaction. In a database without such a store, its tables are made \
as the snapshot has them; a store that is there keeps its tables and migrations. Streams that are \
chosen with --stream or --as go beside others, and get positions after theirs; one whose id is there \
already refuses the restore, unless --on-conflict says otherwise. --on-conflict without --stream means \
all streams, and leaves out what is of the whole store, such as consumers' checkpoints.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: SnapshotArgument,
    #[command(flatten)]
    destination: Destination,
}

/// Where to, and what becomes of what is there.
#[derive(Debug, Args)]
pub(crate) struct Destination {
    #[arg(long, value_name = "TARGET")]
    #[arg(
        help = "Where to: postgres://HOST/DATABASE, sqlite:PATH, ndjson:PATH, or - for NDJSON on \
                  standard output"
    )]
    pub(crate) target: OsString,
    /// Only streams that match, such as order-17 or 'order-*'; may be given again
    #[arg(long = "stream", value_name = "PATTERN")]
    streams: Vec<String>,
    /// Restore the one stream under another id
    #[arg(long = "as", value_name = "ID")]
    rename: Option<String>,
    /// In PostgreSQL, what becomes of streams whose ids are there already
    #[arg(long, value_name = "ACTION", conflicts_with = "overwrite")]
    on_conflict: Option<OnConflictArgument>,
    /// In PostgreSQL, the namespace of the store, such as public
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// How the target is compared with the snapshot
    #[arg(long, value_name = "HOW", value_enum, default_value_t = VerifyArgument::Hashes)]
    verify: VerifyArgument,
    /// Say what would be restored, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace what is at the target
    #[arg(long)]
    overwrite: bool,
}

/// How the target is compared with the snapshot.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum VerifyArgument {
    /// A database counts and hashes what it has; files are read back
    Hashes,
    /// All of it is read back
    Full,
}

/// What becomes of a stream that is there already: nothing is restored, it stays as it is there, or
/// the snapshot's takes its place.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnConflictArgument {
    Fail,
    Skip,
    Replace,
}

impl From<VerifyArgument> for Verification {
    fn from(argument: VerifyArgument) -> Self {
        match argument {
            VerifyArgument::Hashes => Self::Hashes,
            VerifyArgument::Full => Self::ReadBack,
        }
    }
}

impl From<OnConflictArgument> for OnConflict {
    fn from(argument: OnConflictArgument) -> Self {
        match argument {
            OnConflictArgument::Fail => Self::Fail,
            OnConflictArgument::Skip => Self::Skip,
            OnConflictArgument::Replace => Self::Replace,
        }
    }
}

#[derive(Serialize)]
struct StreamView<'a> {
    stream_id: &'a str,
    target_stream_id: &'a str,
    events: u64,
    outcome: &'a str,
}

/// What a restore did
#[derive(Serialize, ToSchema)]
#[schema(as = RestoreResult)]
pub(crate) struct Summary<'a> {
    snapshot_id: String,
    target: &'a str,
    events_restored: u64,
    streams_restored: u64,
    bytes_written: u64,
    verified: bool,
    duration_s: f64,
    notes: &'a [String],
}

/// What a restore would do
#[derive(Serialize, ToSchema)]
#[schema(as = RestorePlan)]
pub(crate) struct PlanSummary<'a> {
    snapshot_id: String,
    target: &'a str,
    dry_run: bool,
    events: u64,
    streams: u64,
    bytes_to_read: u64,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    let began = Instant::now();
    let destination = arguments.destination;
    let Place { locator, target: place, options } = destination.place(context)?;
    let repository = context.open().await?;
    let state = repository.state().await;
    let which = &arguments.which;
    let found = snapshots::find(&state, &which.snapshot, which.source.as_deref())?;
    let snapshot = &found.snapshot;
    let target = locator.to_string();
    let output = &context.output;
    if destination.dry_run {
        let plan = plan(&repository, snapshot, &options).await?;
        print_plan(&plan, snapshot, &target, output);
        return Ok(());
    }

    let monitor = Monitor::default();
    let report = {
        let _watch = context.watch(&monitor);
        restore(&repository, snapshot, &*place, &options, &monitor).await?
    };
    print_report(&report, snapshot, &target, began.elapsed().as_secs_f64(), output);
    Ok(())
}

/// Where to, understood.
pub(crate) struct Place {
    pub(crate) locator: Locator,
    pub(crate) target: Box<dyn Target>,
    pub(crate) options: RestoreOptions,
}

impl Destination {
    /// Understands it, before anything is opened. From here on standard output may be the target.
    pub(crate) fn place(&self, context: &Context) -> Result<Place, CommandError> {
        let locator = Locator::parse(&self.target)?;
        if self.rename.as_deref() == Some("") {
            return Err(CommandError::Usage("--as is empty".to_owned()));
        }
        let target = locator.target(self.namespace.as_deref())?;
        let options = RestoreOptions {
            streams: StreamSelection::new(self.streams.clone())?,
            rename: self.rename.clone(),
            overwrite: self.overwrite,
            on_conflict: self.on_conflict.map(OnConflict::from),
            verification: self.verify.into(),
            cut: None,
        };
        if locator.is_standard_stream() && !self.dry_run {
            context.output.leave_stdout_to_data();
        }
        Ok(Place { locator, target, options })
    }
}

fn print_plan(plan: &RestorePlan, snapshot: &Snapshot, target: &str, output: &Output) {
    if output.is_json() {
        output.summary(PlanSummary {
            snapshot_id: snapshot.id.to_string(),
            target,
            dry_run: true,
            events: plan.events,
            streams: plan.streams,
            bytes_to_read: plan.record_bytes,
        });
        return;
    }
    output.line(format!(
        "would restore {} of {} from snapshot {} to {target}, reading {}",
        table::counted(plan.events, "event", "events"),
        table::counted(plan.streams, "stream", "streams"),
        short_id(snapshot),
        table::bytes(plan.record_bytes),
    ));
}

fn print_report(
    report: &RestoreReport,
    snapshot: &Snapshot,
    target: &str,
    seconds: f64,
    output: &Output,
) {
    let written = &report.written;
    if output.is_json() {
        list_streams(&report.streams, output);
        output.summary(Summary {
            snapshot_id: snapshot.id.to_string(),
            target,
            events_restored: report.events_restored,
            streams_restored: report.streams_restored,
            bytes_written: written.bytes,
            verified: written.verified.is_some(),
            duration_s: seconds,
            notes: &written.notes,
        });
        return;
    }
    output.report(format!("restored snapshot {} to {target}", short_id(snapshot)));
    output.report(format!(
        "  {} in {}, {} written, {}",
        table::counted(report.events_restored, "event", "events"),
        table::counted(report.streams_restored, "stream", "streams"),
        table::bytes(written.bytes),
        table::duration(seconds),
    ));
    print_streams(&report.streams, output);
    print_verified(written, output);
}

/// Tells programs how each of the streams ended that were chosen.
pub(crate) fn list_streams(streams: &[RestoredStream], output: &Output) {
    for RestoredStream { source, stream, events, end, .. } in streams {
        let (stream_id, target_stream_id, outcome) = (source, stream, outcome(*end));
        let body = StreamView { stream_id, target_stream_id, events: *events, outcome };
        output.message("stream", body);
    }
}

/// Tells a person how the target was verified, and what to know of it.
pub(crate) fn print_verified(written: &Written, output: &Output) {
    output.report(match written.verified {
        Some(Verification::ReadBack) => {
            "  verified: the target was read back and is what the snapshot holds"
        }
        Some(Verification::Hashes) => {
            "  verified: the target's own count and hash of all rows are those of the snapshot"
        }
        None => "  not read back: a pipe cannot be; what went into it was verified",
    });
    for note in &written.notes {
        output.report(format!("  note: {note}"));
    }
}

/// Tells how each of the streams ended that were chosen, if they are few.
pub(crate) fn print_streams(streams: &[RestoredStream], output: &Output) {
    for RestoredStream { source, stream, events, end, .. } in streams.iter().take(STREAMS_TOLD_MAX)
    {
        let renamed = if source == stream { String::new() } else { format!(" as {stream}") };
        let (outcome, events) = (outcome(*end), table::counted(*events, "event", "events"));
        output.report(match end {
            StreamEnd::Skipped => format!("  {source}{renamed}: {outcome}, since it is there"),
            StreamEnd::Restored | StreamEnd::Replaced => {
                format!("  {source}{renamed}: {outcome}, {events}")
            }
        });
    }
    let more = streams.get(STREAMS_TOLD_MAX..).unwrap_or_default();
    if more.is_empty() {
        return;
    }
    let count = |end| more.iter().filter(|stream| stream.end == end).count();
    let counts = [StreamEnd::Restored, StreamEnd::Skipped, StreamEnd::Replaced]
        .map(|end| (count(end), outcome(end)))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, outcome)| format!("{count} {outcome}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    output.report(format!("  and {} more (--json lists all): {counts}", more.len()));
}

fn outcome(end: StreamEnd) -> &'static str {
    match end {
        StreamEnd::Restored => "restored",
        StreamEnd::Skipped => "skipped",
        StreamEnd::Replaced => "replaced",
    }
}
