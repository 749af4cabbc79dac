//! Compares icecore with its peers: `just compare events`; see docs/comparison.md.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of developers, run from a terminal"
)]

use clap::Parser as _;
use icecore_benches::compare::{
    CompareError, Interrupt, Options, What, compare, compare_postgres, find_programs, follow_table,
    latency_table, measure_following, measure_latency, measure_tails, postgres_table, table,
    tails_table,
};
use serde::Serialize;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// As a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            match error {
                CompareError::Interrupted => ExitCode::from(INTERRUPTED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Returns whether icecore got to the end; a peer that did not is none of our business.
fn run(options: &Options) -> Result<bool, CompareError> {
    let interrupt = Interrupt::listen().map_err(cannot("listen for signals"))?;
    // target/release, where icecore was built with this program.
    let own = std::env::current_exe().map_err(cannot("find this program"))?;
    let beside = own.parent().map(PathBuf::from).unwrap_or_default();
    let icecore = options.icecore.clone().unwrap_or_else(|| beside.join("icecore"));
    let icecore = std::path::absolute(icecore).map_err(cannot("find icecore"))?;

    let folder = options.work.clone().unwrap_or_else(|| beside.join("../compare"));
    std::fs::create_dir_all(&folder).map_err(cannot("create the working folder"))?;
    let folder = folder.canonicalize().map_err(cannot("find the working folder"))?;
    let work = tempfile::Builder::new()
        .prefix("run-")
        .disable_cleanup(options.keep)
        .tempdir_in(folder)
        .map_err(cannot("create the working folder"))?;
    if options.keep {
        eprintln!("working in {}, which stays", work.path().display());
    }
    let say = |line: &str| eprintln!("{line}");
    let is_well = match options.what {
        What::Events => {
            say("finding the peers; bringing restic and borg takes a minute if they are not here");
            let environment = std::env::vars_os().collect();
            let programs = find_programs(options, &icecore, environment, &interrupt)?;
            let report = compare(options, programs, work.path(), &interrupt, &say)?;
            tell(options, &table(&report), &report)?;
            report.icecore_is_well()
        }
        What::Postgres | What::PostgresNarrow => {
            let report = compare_postgres(options, &icecore, work.path(), &interrupt, &say)?;
            tell(options, &postgres_table(&report), &report)?;
            true
        }
        What::Follow => {
            let figures = measure_following(options, &icecore, work.path(), &interrupt, &say)?;
            tell(options, &follow_table(&figures), &figures)?;
            true
        }
        What::Latency => {
            let figures = measure_latency(options, &icecore, work.path(), &interrupt, &say)?;
            tell(options, &latency_table(&figures), &figures)?;
            true
        }
        What::TailScale => {
            let figures = measure_tails(options, &icecore, work.path(), &interrupt, &say)?;
            tell(options, &tails_table(&figures), &figures)?;
            true
        }
    };
    work.close().map_err(cannot("remove the working folder"))?;
    Ok(is_well)
}

/// First what cannot fail: nobody waits that long again for want of a folder.
fn tell(options: &Options, table: &str, report: &impl Serialize) -> Result<(), CompareError> {
    print!("{table}");
    let Some(path) = &options.json else { return Ok(()) };
    let json = serde_json::to_string_pretty(report).map_err(io::Error::from);
    json.and_then(|json| std::fs::write(path, json + "\n")).map_err(cannot("write the JSON"))
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> CompareError {
    move |source| CompareError::Io { action, source }
}
