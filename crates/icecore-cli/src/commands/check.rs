//! `icecore check`: is everything there, and is it what it should be?

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;
use crate::table;
use clap::Args;
use icecore::check::{CheckOptions, CheckReport, check};
use icecore::{Monitor, snapshots};
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;

/// Check that everything is there, and is what it should be
#[derive(Debug, Args)]
#[command(after_help = "\
Ends with exit code 1 if anything is damaged. What unfinished backups left behind is no damage.")]
pub(crate) struct Arguments {
    /// Only these snapshots: beginnings of ids, or `latest`
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    /// Read and verify all data, and not only the structure
    #[arg(long)]
    read_data: bool,
}

#[derive(Serialize)]
struct FindingView<'a> {
    subject: &'a str,
    problem: &'a str,
}

/// What a check found
#[derive(Serialize, ToSchema)]
#[schema(as = CheckResult)]
pub(crate) struct Summary<'a> {
    findings: usize,
    snapshots: u64,
    packs: u64,
    chunks_verified: u64,
    bytes_read: u64,
    read_data: bool,
    duration_s: f64,
    notes: &'a [String],
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let began = Instant::now();
    let repository = context.open().await?;
    let state = repository.state().await;
    let mut options = CheckOptions { read_data: arguments.read_data, ..CheckOptions::default() };
    for name in &arguments.snapshots {
        options.snapshots.push(snapshots::find(&state, name, None)?.snapshot.id);
    }

    let monitor = Monitor::default();
    let report = {
        let _watch = context.watch(&monitor);
        check(&repository, &options, &monitor).await?
    };
    let output = &context.output;
    print_findings(&report, output);
    print_summary(&report, arguments.read_data, began.elapsed().as_secs_f64(), output);
    match report.findings.len() as u64 {
        0 => Ok(()),
        findings => Err(CommandError::Damaged { findings }),
    }
}

/// Prints what is damaged.
pub(super) fn print_findings(report: &CheckReport, output: &Output) {
    for finding in &report.findings {
        let (subject, problem) = (finding.subject.as_str(), finding.problem.as_str());
        if output.is_json() {
            output.message("finding", FindingView { subject, problem });
        } else {
            output.line(format!("damage: {subject}: {problem}"));
        }
    }
}

fn print_summary(report: &CheckReport, read_data: bool, seconds: f64, output: &Output) {
    if output.is_json() {
        output.summary(Summary {
            findings: report.findings.len(),
            snapshots: report.snapshots,
            packs: report.packs,
            chunks_verified: report.chunks_verified,
            bytes_read: report.bytes_read,
            read_data,
            duration_s: seconds,
            notes: &report.notes,
        });
        return;
    }
    for note in &report.notes {
        output.report(format!("note: {note}"));
    }
    output.report(format!(
        "checked {} and {} in {}",
        table::counted(report.snapshots, "snapshot", "snapshots"),
        table::counted(report.packs, "pack", "packs"),
        table::duration(seconds),
    ));
    if read_data {
        output.report(format!(
            "  {} read, {} verified",
            table::bytes(report.bytes_read),
            table::counted(report.chunks_verified, "chunk", "chunks"),
        ));
    } else {
        output.report("  the structure only: --read-data reads and verifies all data");
    }
    if report.findings.is_empty() {
        output.report("  no problems were found");
    }
}
