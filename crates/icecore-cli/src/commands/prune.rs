//! `icecore prune`: let go of what nobody needs, and delete it.

use crate::arguments::{parse_bytes, parse_wait};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;
use crate::{table, times};
use clap::Args;
use icecore::Monitor;
use icecore::prune::{Amount, PruneOptions, PruneReport, plan, prune};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Delete what no snapshot needs, beside whatever else runs
#[derive(Debug, Args)]
#[command(after_help = "\
Only what was forgotten goes. Backups, restores and other \
prunes may run meanwhile. If it is interrupted, run it again. Needs the password of an admin.")]
pub(crate) struct Arguments {
    /// Say what would be done, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Release snapshots that were forgotten so long ago: until then `unforget` brings them back
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_wait)]
    release_after: Duration,
    /// Release the newest snapshot of a source, too, if it was forgotten
    #[arg(long)]
    release_newest: bool,
    /// Delete what was needed before only so long after it was made unusable: for whoever reads it
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_wait)]
    grace: Duration,
    /// Give up backups that began so long ago and have not ended
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = parse_wait)]
    abandon_after: Duration,
    /// Repack until no more than this part of what is stored is garbage
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = parse_part)]
    max_unused: f64,
    /// Move no more than this by repacking, such as 10GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    max_repack_size: Option<u64>,
}

/// Reads a part such as `5%`.
fn parse_part(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|digits| digits.parse::<f64>().ok());
    let part = number.map(|percent| percent / 100.0).filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| "expected a part from 0% to 100%".to_owned())
}

/// What a prune did, or would do
#[derive(Serialize)]
pub(crate) struct Summary {
    /// Whether nothing was written
    dry_run: bool,
    /// The ids of the snapshots that were released
    snapshots_released: Vec<String>,
    /// The number of the ledger entry before which the backups began that were given up; `null` if none was
    ended_before: Option<u64>,
    packs_usable: u64,
    bytes_usable: u64,
    packs_condemned: u64,
    bytes_condemned: u64,
    packs_repacked: u64,
    bytes_repacked: u64,
    /// What was copied of them, in bytes
    bytes_moved: u64,
    /// Index runs that listed nothing usable, or were merged
    index_runs_replaced: u64,
    /// What nobody needs in packs that stay, in bytes
    bytes_unused: u64,
    /// Objects of tails that were let go of
    flushes_trimmed: u64,
    objects_deleted: u64,
    bytes_deleted: u64,
    /// Objects that will be deleted when the grace is over
    objects_waiting: u64,
    bytes_waiting: u64,
    /// When all of these may be deleted; `null` if there are none
    waiting_until: Option<String>,
    /// Objects of backups that have not ended
    objects_open: u64,
    bytes_open: u64,
    duration_s: f64,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let began = Instant::now();
    let options = PruneOptions {
        release_after: arguments.release_after,
        release_newest: arguments.release_newest,
        abandon_after: arguments.abandon_after,
        grace: arguments.grace,
        unused_max: arguments.max_unused,
        repack_bytes_max: arguments.max_repack_size.unwrap_or(u64::MAX),
    };
    let repository = if arguments.dry_run {
        context.open().await?
    } else {
        context.open_to_write("prune").await?
    };
    let monitor = Monitor::default();
    let report = {
        let _watch = context.watch(&monitor);
        if arguments.dry_run {
            plan(&repository, &options, &monitor).await?
        } else {
            prune(&repository, &options, &monitor).await?
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    let output = &context.output;
    if output.is_json() {
        output.summary(summary(&report, arguments.dry_run, seconds));
    } else {
        print(&report, arguments.dry_run, seconds, output);
    }
    Ok(())
}

fn summary(report: &PruneReport, dry_run: bool, seconds: f64) -> Summary {
    Summary {
        dry_run,
        snapshots_released: report.released.iter().map(ToString::to_string).collect(),
        ended_before: report.ended_before,
        packs_usable: report.usable.objects,
        bytes_usable: report.usable.bytes,
        packs_condemned: report.condemned.objects,
        bytes_condemned: report.condemned.bytes,
        packs_repacked: report.repacked.objects,
        bytes_repacked: report.repacked.bytes,
        bytes_moved: report.moved_bytes,
        index_runs_replaced: report.runs_replaced,
        bytes_unused: report.unused_bytes,
        flushes_trimmed: report.trimmed,
        objects_deleted: report.deleted.objects,
        bytes_deleted: report.deleted.bytes,
        objects_waiting: report.waiting.objects,
        bytes_waiting: report.waiting.bytes,
        waiting_until: report.waiting_until.map(times::exact),
        objects_open: report.open.objects,
        bytes_open: report.open.bytes,
        duration_s: seconds,
    }
}

fn print(report: &PruneReport, dry_run: bool, seconds: f64, output: &Output) {
    let would = if dry_run { "would have been " } else { "" };
    let counted = |amount: Amount, one, several| {
        format!("{} ({})", table::counted(amount.objects, one, several), table::bytes(amount.bytes))
    };
    let pruned = if dry_run { "looked at" } else { "pruned" };
    let usable = counted(report.usable, "pack", "packs");
    output.report(format!("{pruned} {usable} in {}", table::duration(seconds)));
    if !report.released.is_empty() {
        let released = table::counted(report.released.len() as u64, "snapshot", "snapshots");
        output.report(format!("  {released} {would}released"));
    }
    if let Some(number) = report.ended_before {
        let given_up = if dry_run { "would have been given up" } else { "were given up" };
        output.report(format!(
            "  backups that began before ledger entry {number} and have not ended {given_up}"
        ));
    }
    if report.condemned.objects > 0 {
        let condemned = counted(report.condemned, "pack", "packs");
        output.report(format!("  {condemned} that nobody needs {would}condemned"));
    }
    if report.repacked.objects > 0 {
        let repacked = counted(report.repacked, "pack", "packs");
        let moved = table::bytes(report.moved_bytes);
        output.report(format!("  {repacked} {would}repacked into {moved}"));
    }
    if report.runs_replaced > 0 {
        let runs = table::counted(report.runs_replaced, "index run", "index runs");
        output.report(format!("  {runs} {would}replaced"));
    }
    if report.trimmed > 0 {
        let flushes = table::counted(report.trimmed, "flush", "flushes");
        output.report(format!("  {flushes} of tails, which snapshots have, {would}let go of"));
    }
    if report.deleted.objects > 0 {
        output.report(format!("  {} {would}deleted", counted(report.deleted, "object", "objects")));
    }
    if let Some(until) = report.waiting_until {
        output.report(format!(
            "  {} can be deleted by a later prune, from {} on",
            counted(report.waiting, "object", "objects"),
            times::short(until),
        ));
    }
    if report.open.objects > 0 {
        let open = counted(report.open, "object", "objects");
        output.report(format!("  {open} of backups that have not ended"));
    }
    if report.unused_bytes > 0 {
        let unused = table::bytes(report.unused_bytes);
        output
            .report(format!("  {unused} that nobody needs, in packs of which something is needed"));
    }
    let nothing = report.condemned.objects + report.deleted.objects + report.waiting.objects == 0;
    if nothing {
        output.report("  there is nothing to delete");
    }
}
