//! `icecore drill`: proves that a source can be recovered, and says how that was proven.
//!
//! It is recovered into a scratch target that nobody else uses, checked there, and compared with the
//! live store. The scratch is gone when the command ends, however it ends; what a kill leaves is
//! removed by the next drill in the same place.

mod checks;
#[cfg(feature = "postgres")]
mod cluster;
mod process;
mod proof;
mod record;
mod report;
mod scratch;
mod target;

use crate::commands::recover::objectives::{Objectives, Outcome, Watch};
use crate::commands::recover::point::PointArgument;
use crate::commands::recover::report::{Report, in_seconds};
use crate::commands::recover::{chosen, source_name, ties};
use crate::commands::restore::VerifyArgument;
use crate::context::Context;
use crate::error::CommandError;
use crate::locator::{Locator, SourceOptions};
use crate::output::steps;
use crate::table;
use checks::UserChecks;
use clap::Args;
use icecore::drill::{self, Comparison, Sample, Tally};
use icecore::environment::{Clock as _, SystemClock, SystemRandom};
use icecore::recover::{RecoverError, RecoverReport, RecoverRequest, recover, states, with_tails};
use icecore::restore::{RestoreOptions, RestoreStep};
use icecore::selection::StreamSelection;
use icecore::target::Verification;
use icecore::{Monitor, Repository};
use icecore_format::random::random_bytes;
use proof::{Check, Proof};
use record::drilled;
pub(crate) use report::DrillReport;
use scratch::Scratch;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;
use target::{Kind, ScratchTarget};

pub(crate) use scratch::ScratchError;

/// Prove that a source can be recovered
#[derive(Debug, Args)]
#[command(mut_group("PointArgument", |group| group.required(false)))]
#[command(after_help = "\
The source is recovered into a scratch target: a file, or a PostgreSQL server of its own that listens \
on a socket in the scratch directory and nowhere else. It is removed at the end. Without a point, \
everything is recovered, with the tail.

If SOURCE is what was backed up, and not only its name, what was recovered is compared with it: every \
event has to be there, byte for byte. The drill is recorded in the ledger, if the key may and the storage \
can. It ends with 0 only if all was proven, and otherwise with 1.

A statement of --check-sql fails unless all rows that it returns begin with a value that is true. \
--check-command gets the scratch target as a locator in ICECORE_DRILL_TARGET, and for PostgreSQL also \
PGHOST, PGPORT, PGUSER and PGDATABASE.")]
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
    /// What to recover into [default: what the source is]
    #[arg(long, value_name = "KIND", value_enum)]
    into: Option<Kind>,
    /// Make the scratch target in this directory [default: the one for temporary files]
    #[arg(long, value_name = "DIRECTORY")]
    scratch: Option<PathBuf>,
    /// Compare what was recovered with this store [default: SOURCE, if it is no name]
    #[arg(long, value_name = "LOCATOR")]
    live: Option<OsString>,
    /// Compare only so many streams with the live store, chosen at random
    #[arg(long, value_name = "STREAMS")]
    sample: Option<u64>,
    /// Choose the same streams as a drill that told this seed
    #[arg(long, value_name = "NUMBER", requires = "sample")]
    seed: Option<u64>,
    /// How the scratch target is compared with the snapshot
    #[arg(long, value_name = "HOW", value_enum, default_value_t = VerifyArgument::Full)]
    verify: VerifyArgument,
    #[command(flatten)]
    checks: UserChecks,
    /// Write the report to a file: JSON if it ends in .json, else a page in Markdown
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    objectives: Objectives,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    let live = live(&arguments)?;
    let (point, is_taken_for_utc) = arguments.point.point()?;
    let checks = arguments.checks.read()?;
    let repository = context.open_to_write("drill").await?;
    let ledger = repository.state().await;
    let name = source_name(&arguments.source, &ledger);
    let states = if let Some(from) = &arguments.from {
        vec![chosen(&ledger, from, &name)?]
    } else {
        let states = states(&ledger, &name, arguments.host.as_deref())?;
        with_tails(&repository, states).await?
    };
    let source_kind = states.last().map(|state| state.snapshot.source_kind.clone());
    let source_kind = source_kind.unwrap_or_default();
    let kind = Kind::choose(arguments.into, &source_kind)?;
    checks.refuse_unless_suitable(kind)?;

    let monitor = Monitor::default();
    let watch = context.watch(&monitor);
    let base = arguments.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let (scratch, swept) = Scratch::make(&base)?;
    if swept > 0 {
        let what = table::counted(swept, "drill that was killed", "drills that were killed");
        context.output.note(&format!("removed the scratch of {what}"));
    }
    let target = ScratchTarget::make(kind, &scratch)?;
    monitor.stop_point().map_err(|_| CommandError::Interrupted)?;

    let started = SystemClock.now();
    let streams = StreamSelection::default();
    let request = RecoverRequest { states, point, streams, ties };
    let drill = Running {
        repository: &repository,
        request: &request,
        target: &target,
        scratch: &scratch,
        verification: arguments.verify.into(),
        objectives: &arguments.objectives,
        monitor: &monitor,
        context,
    };
    let sample = arguments.sample.map(|streams| {
        let seed =
            arguments.seed.unwrap_or_else(|| u64::from_le_bytes(random_bytes(&SystemRandom)));
        Sample { streams, seed }
    });
    let proof = Box::pin(drill.prove(live, sample, &checks)).await?;
    scratch.remove()?;
    drop(watch);

    let recorded =
        drill::record(&repository, &drilled(&proof, &request, &name, kind, started)).await;
    if let Err(error) = &recorded {
        let why = steps(error).join(": ");
        context.output.warn(&format!("the drill was not recorded: {why}"), None);
    }
    let text = Report {
        source: &name,
        target: kind.scratch_name(),
        point: &request.point,
        is_taken_for_utc,
        objectives: &arguments.objectives,
        output: &context.output,
    };
    let report = DrillReport::new(&text, &proof, started, recorded.ok());
    report.print(&context.output);
    if let Some(path) = &arguments.report {
        report.write(path)?;
    }
    match proof.failed() {
        0 => Ok(()),
        failed => Err(CommandError::NotProven { failed }),
    }
}

/// The live store, if one is to be compared.
fn live(arguments: &Arguments) -> Result<Option<Locator>, CommandError> {
    if let Some(live) = &arguments.live {
        return Locator::parse(live).map(Some);
    }
    let located = Locator::parse(&arguments.source).ok();
    let located = located.filter(|locator| !locator.is_standard_stream());
    if located.is_none() && arguments.sample.is_some() {
        let message = "--sample is of what is compared with a live store: say --live";
        return Err(CommandError::Usage(message.to_owned()));
    }
    Ok(located)
}

/// A drill that runs.
struct Running<'a> {
    repository: &'a Repository,
    request: &'a RecoverRequest,
    target: &'a ScratchTarget,
    scratch: &'a Scratch,
    verification: Verification,
    objectives: &'a Objectives,
    monitor: &'a Monitor,
    context: &'a Context,
}

impl Running<'_> {
    /// Recovers, and checks what was recovered. Fails only if it was interrupted: whatever else goes
    /// wrong is a check that failed.
    async fn prove(
        &self,
        live: Option<Locator>,
        sample: Option<Sample>,
        checks: &checks::Statements,
    ) -> Result<Proof, CommandError> {
        let began = Instant::now();
        let milestones = Watch::begin(self.objectives, began, &self.context.output);
        let options =
            RestoreOptions { verification: self.verification, ..RestoreOptions::default() };
        let target = self.target.open()?;
        let recovered =
            recover(self.repository, self.request, &*target, &options, self.monitor).await;
        let seconds = began.elapsed().as_secs_f64();
        milestones.end();
        let mut proof = Proof { seconds, ..Proof::default() };
        let report = match recovered {
            Ok(report) => report,
            Err(error) if is_stop(&error) => return Err(CommandError::Interrupted),
            Err(error) => {
                let why = steps(&error).join(": ");
                proof.checks.push(Check::failed("recovery", "it could not be recovered", [why]));
                return Ok(proof);
            }
        };
        proof.checks.push(recovery(&report));
        match drill::tally(self.repository, self.request, self.monitor).await {
            Ok(tally) => {
                proof.checks.push(streams(&report, &tally));
                if let Some(live) = &live {
                    proof.checks.push(self.compare(&report, &tally, live, sample).await?);
                } else {
                    let said = "nothing was compared with a live store, since none was named";
                    proof.checks.push(Check::skipped("live", said));
                }
            }
            Err(error) if is_stop(&error) => return Err(CommandError::Interrupted),
            Err(error) => {
                let why = steps(&error).join(": ");
                proof.checks.push(Check::failed("streams", "the events could not be read", [why]));
            }
        }
        proof.checks.extend(checks.run(self.target, self.scratch, self.monitor).await?);
        proof.checks.extend(self.objectives(&report, seconds));
        proof.report = Some(report);
        Ok(proof)
    }

    /// Compares what was recovered with the live store.
    async fn compare(
        &self,
        report: &RecoverReport,
        tally: &Tally,
        live: &Locator,
        sample: Option<Sample>,
    ) -> Result<Check, CommandError> {
        let source = live.source(&SourceOptions::default())?;
        let compared = drill::compare_with_live(tally, &*source, sample, self.monitor).await;
        let comparison = match compared {
            Ok(comparison) => comparison,
            Err(drill::LiveError::Stopped(_)) => return Err(CommandError::Interrupted),
            Err(error) => {
                let why = steps(&error).join(": ");
                let said = format!("{live} could not be compared");
                return Ok(Check::failed("live", said, [why]));
            }
        };
        Ok(compared_check(&comparison, report, live, sample))
    }

    /// What was asked for of time and distance.
    fn objectives(&self, report: &RecoverReport, seconds: f64) -> Vec<Check> {
        let check = |name, what: &str, outcome: Outcome| {
            let [taken, allowed] = [outcome.taken, outcome.allowed].map(table::duration);
            let said = format!("{what} {taken}, and {allowed} are allowed");
            if outcome.is_met() { Check::passed(name, said) } else { Check::failed(name, said, []) }
        };
        let distance = in_seconds(report.plan.distance);
        let time = self.objectives.time(seconds).map(|time| check("rto", "it took", time));
        let point = self
            .objectives
            .point(distance)
            .map(|point| check("rpo", "what may be missing is of", point));
        time.into_iter().chain(point).collect()
    }
}

fn is_stop(error: &RecoverError) -> bool {
    match error {
        RecoverError::Stopped(_) => true,
        RecoverError::Restore(error) => matches!(error.step(), RestoreStep::Stopped(_)),
        _ => false,
    }
}

fn recovery(report: &RecoverReport) -> Check {
    let events = table::counted(report.restored.events_restored, "event was", "events were");
    Check::passed(
        "recovery",
        format!("{events} recovered, counted and read back: they are what the repository has"),
    )
}

/// Whether versions are missing where the state that was cut has none missing.
fn streams(report: &RecoverReport, tally: &Tally) -> Check {
    let counts = &report.plan.state.snapshot.counts;
    let (events, streams) = (report.restored.events_restored, report.restored.streams_restored);
    let tallied: u64 = tally.values().map(|stream| stream.events).sum();
    if (tallied, tally.len() as u64) != (events, streams) {
        let said = "another reading of the repository gave other counts";
        let counts = format!(
            "{} in {} where {events} in {streams} were recovered",
            table::counted(tallied, "event", "events"),
            table::counted(tally.len() as u64, "stream", "streams"),
        );
        return Check::failed("streams", said, [counts]);
    }
    if counts.version_holes > 0 || counts.version_repeats > 0 {
        let said = "versions were not looked at: in the source some are missing or come again";
        return Check::skipped("streams", said);
    }
    let mut holes: Vec<&String> =
        tally.iter().filter(|(_, stream)| stream.has_hole()).map(|(id, _)| id).collect();
    holes.sort_unstable();
    if holes.is_empty() {
        let streams = table::counted(streams, "stream has", "streams have");
        return Check::passed("streams", format!("{streams} every version up to the last"));
    }
    let told = holes.iter().take(proof::DETAILS_MAX).map(|id| format!("{id} lacks versions"));
    Check::failed("streams", format!("{} streams lack versions", holes.len()), told)
}

fn compared_check(
    comparison: &Comparison,
    report: &RecoverReport,
    live: &Locator,
    sample: Option<Sample>,
) -> Check {
    let Comparison { streams, events, events_beyond, streams_differing, differences, .. } =
        comparison;
    let scope = match sample {
        None if *streams == 1 => "1 stream".to_owned(),
        None => format!("all {}", table::counted(*streams, "stream", "streams")),
        Some(Sample { seed, .. }) => format!(
            "{} of {}, chosen with --seed {seed},",
            table::counted(*streams, "stream", "streams"),
            table::count(report.restored.streams_restored),
        ),
    };
    let beyond = table::counted(*events_beyond, "later event", "later events");
    let scope = format!("{scope} with {}", table::counted(*events, "event", "events"));
    let told = differences.iter().map(|(stream, difference)| format!("{stream} {difference}"));
    if *streams_differing == 0 {
        let said = format!("{live} has {scope} byte for byte, and {beyond}");
        return Check::passed("live", said);
    }
    let differing = table::counted(*streams_differing, "stream differs", "streams differ");
    let said = format!("{live} was compared with {scope}: {differing}");
    if report.plan.is_superseded() {
        let since = "events were deleted or changed after the snapshot that was cut, as newer ones \
                     show: the differences may be these";
        return Check::explained("live", format!("{said}; {since}"), told);
    }
    Check::failed("live", said, told)
}
