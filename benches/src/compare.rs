//! The comparison of `IceCore` with its peers: the same data, the same level of safety, one table.
//!
//! Every tool does the same steps on the same file, tool by tool and round by round, so that a
//! machine that changes its mood meanwhile does so to all; figures are medians over the rounds. What
//! each tool restores is compared with what was backed up. A tool that fails is told about and left
//! out from there on; the others go on.
//!
//! What is measured and why: docs/comparison.md.

mod interrupt;
mod latency;
mod machine;
mod options;
mod peers;
mod place;
mod postgres;
mod proc_files;
mod process;
mod report;
mod round;
mod source;
mod table;
mod tails;
mod tools;

pub use interrupt::Interrupt;
pub use latency::{LatencyFigures, latency_table, measure_latency};
pub use options::{Options, What};
pub use postgres::{
    FollowFigures, PostgresReport, compare_postgres, follow_table, measure_following,
    postgres_table,
};
pub use report::Report;
pub use tails::{TailFigures, measure_tails, tails_table};

use machine::Machine;
use peers::Peer;
use place::Place;
use process::{Invocation, RunError};
use report::{Data, Missing, Step, ToolReport};
use round::{Round, RoundError};
use source::{Cold, Source};
use std::cell::Cell;
use std::io;
use std::path::Path;
use tools::{Flags, ICECORE, PEERS, Tool, bare_environment};

/// The least part of its size that restic may store the data in: what compresses better than that
/// is too easy to tell tools apart.
const RESTIC_SHARE_MIN: f64 = 0.25;
/// What an event comes to at most, on average, and how often its data are there at the same time:
/// as source, as what was restored, and in repositories and their copies.
const WORK_BYTES_PER_EVENT: u64 = 640 * 4;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// Someone wants the comparison to end.
    #[error("interrupted")]
    Interrupted,
    /// The data would tell nothing.
    #[error(
        "the data are too easy: restic stores them in {:.0}% of their size, and less than {:.0}% \
         tells nothing about anybody", share * 100.0, RESTIC_SHARE_MIN * 100.0
    )]
    TooEasy {
        /// The part of its size that restic stores the data in.
        share: f64,
    },
    /// The working folder has too little space.
    #[error("{available} MB are free in the working folder, and {needed} MB are needed")]
    Space {
        /// What is free, in megabytes.
        available: u64,
        /// What is needed, in megabytes.
        needed: u64,
    },
    /// A program that nothing can be done without brought no result.
    #[error(transparent)]
    Run(RunError),
    /// Something else failed.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// The programs to compare, and those that are not here.
pub struct Programs {
    tools: Vec<Tool>,
    missing: Vec<Missing>,
}

impl From<RunError> for CompareError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Interrupted => Self::Interrupted,
            error => Self::Run(error),
        }
    }
}

/// Finds the programs, and installs those peers that are missing and can be installed. `icecore` is
/// the program of that name; `environment` is what the peers are installed in.
pub fn find_programs(
    options: &Options,
    icecore: &Path,
    environment: Vec<(std::ffi::OsString, std::ffi::OsString)>,
    interrupt: &Interrupt,
) -> Result<Programs, CompareError> {
    let mut programs = Programs { tools: Vec::new(), missing: Vec::new() };
    let names: Vec<&str> = PEERS.into_iter().filter(|name| options.wants(name)).collect();
    if !names.is_empty() {
        for peer in peers::find(&names, options.install_all, environment, interrupt)? {
            match peer {
                Peer::Found { name, program, version } => {
                    programs.tools.extend(Tool::peer(&name, program, version));
                }
                Peer::Missing { name, why } => programs.missing.push(Missing { name, why }),
            }
        }
    }
    if options.wants(ICECORE) {
        let ask = |arguments: &[&str]| {
            let invocation = Invocation {
                program: icecore.to_owned(),
                arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
                environment: bare_environment("/nonexistent"),
                folder: "/".into(),
            };
            invocation.output(interrupt).map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        let version = ask(&["--version"])?;
        let version = version.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
        let flags = Flags::from_help(&ask(&["backup", "events", "--help"])?);
        programs.tools.push(Tool::icecore(icecore.to_owned(), version, flags));
    }
    Ok(programs)
}

/// Compares the programs in `work`, an empty folder. `say` is told what goes on, line by line.
pub fn compare(
    options: &Options,
    mut programs: Programs,
    work: &Path,
    interrupt: &Interrupt,
    say: &dyn Fn(&str),
) -> Result<Report, CompareError> {
    require_space(work, options.events * WORK_BYTES_PER_EVENT)?;
    let mut report = Report {
        what: options.what,
        data: Data::default(),
        machine: Machine::here(work),
        rounds: options.rounds,
        cold: None,
        tools: programs
            .tools
            .iter()
            .map(|tool| ToolReport::new(&tool.name, &tool.version))
            .collect(),
        missing: std::mem::take(&mut programs.missing),
    };

    say("generating the data");
    let source = generate(options, work, interrupt)?;
    report.data = Data {
        seed: options.seed,
        events: options.events,
        bytes: source.short_bytes,
        appended_events: options.appended_events(),
        appended_bytes: source.appended_bytes,
        appended_zstd_bytes: source
            .appended_zstd_bytes()
            .map_err(|error| CompareError::Io { action: "compress the data", source: error })?,
        ..Data::default()
    };

    for round in 1..=options.rounds {
        for (tool, of_tool) in programs.tools.iter().zip(&mut report.tools) {
            if of_tool.failure.is_some() {
                continue;
            }
            let place = Place::new(work.join("tools").join(&tool.name));
            let share = Cell::new(None);
            let steps = Round {
                place: &place,
                source: &source,
                interrupt,
                progress: &|step: Step, seconds| {
                    say(&format!(
                        "round {round} of {}: {}: {} in {seconds:.2} s",
                        options.rounds,
                        tool.name,
                        table::step_title(step).to_lowercase(),
                    ));
                },
                accept: &|stored| {
                    if tool.name != "restic" {
                        return true;
                    }
                    share.set(Some(stored as f64 / source.short_bytes as f64));
                    share.get() >= Some(RESTIC_SHARE_MIN)
                },
            };
            let mut result = steps.run(tool, of_tool);
            report.data.restic_share = share.get().or(report.data.restic_share);
            if result.is_ok() && report.data.appended_alone_bytes.is_none() {
                match steps.appended_alone(tool) {
                    Ok(bytes) => report.data.appended_alone_bytes = bytes,
                    Err(error) => result = Err(error),
                }
            }
            match result {
                Ok(cold) => report.cold = worse(report.cold, cold),
                Err(RoundError::Run(RunError::Interrupted)) => {
                    return Err(CompareError::Interrupted);
                }
                Err(RoundError::Refused) => {
                    let share = share.get().unwrap_or(0.0);
                    return Err(CompareError::TooEasy { share });
                }
                Err(error) => {
                    let failure = error.to_string();
                    say(&format!("{}: {failure}", tool.name));
                    of_tool.failure = Some(failure);
                    // Its folder goes with the working folder if it does not go now.
                    drop(place.remove());
                }
            }
        }
    }
    report.tools.sort_by_key(|tool| tool.name != ICECORE);
    hide_folder(&mut report, work);
    Ok(report)
}

/// The report as text, for people.
pub fn table(report: &Report) -> String {
    table::render(report)
}

/// The weaker way of emptying the page cache, if any was used.
fn worse(one: Option<Cold>, other: Cold) -> Option<Cold> {
    if one == Some(Cold::Fadvise) { one } else { Some(other) }
}

fn generate(options: &Options, work: &Path, interrupt: &Interrupt) -> Result<Source, CompareError> {
    let cannot = |source| CompareError::Io { action: "generate the data", source };
    let folder = work.join("source");
    std::fs::create_dir(&folder).map_err(cannot)?;
    let (seed, events) = (options.seed, options.events);
    Source::generate(&folder, seed, events, options.appended_events(), interrupt).map_err(|error| {
        if interrupt.is_interrupted() { CompareError::Interrupted } else { cannot(error) }
    })
}

fn require_space(work: &Path, needed: u64) -> Result<(), CompareError> {
    let space = rustix::fs::statvfs(work).map_err(|error| CompareError::Io {
        action: "ask for the free space of the working folder",
        source: error.into(),
    })?;
    let available = space.f_bavail * space.f_frsize;
    if available < needed {
        let (available, needed) = (available / 1_000_000, needed / 1_000_000);
        return Err(CompareError::Space { available, needed });
    }
    Ok(())
}

/// Command lines that differ in nothing but where the comparison happened to work are the same.
fn hide_folder(report: &mut Report, work: &Path) {
    let work = work.to_string_lossy();
    for tool in &mut report.tools {
        let commands = tool.steps.iter_mut().map(|step| &mut step.command);
        for command in commands.chain([&mut tool.init]) {
            *command = command.replace(&*work, "WORK");
        }
    }
}

#[cfg(test)]
mod tests;
