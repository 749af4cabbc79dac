//! The comparison with PostgreSQL's own tools: the same store in the same server, one table.
//!
//! A real server is started in a temporary directory and filled with the events of the seed, as
//! EventCore keeps them, with all its indexes. Then, round by round: what `psql` takes to copy the
//! table out, what `pg_dump` takes, what icecore takes for a first backup, for one that finds nothing
//! new, and for one of 1% new events; and what both take to restore. What is restored is compared in
//! the server. The store grows by 1% in each round.
//!
//! What is measured and why: docs/comparison.md.

mod floors;
mod follow;
mod load;
mod narrow;
mod report;
mod steps;
mod table;

pub use follow::{FollowFigures, follow_table, measure_following};
pub use report::PostgresReport;
pub use table::postgres_table;

use super::interrupt::Interrupt;
use super::machine::Machine;
use super::options::{Options, What};
use super::report::Run;
use super::{CompareError, require_space};
use icecore_test_cluster::{Cluster, ClusterOptions};
use load::{DATABASE, Store};
use report::PostgresStep;
use std::path::Path;
use steps::Steps;

/// What an event comes to at most, in the server and in dumps and repositories, all told.
const WORK_BYTES_PER_EVENT: u64 = 700 * 6;

/// Settings of a server that works for a living; and nothing that begins when it likes.
const SETTINGS: [(&str, &str); 8] = [
    ("fsync", "on"),
    ("shared_buffers", "1GB"),
    ("maintenance_work_mem", "256MB"),
    ("max_wal_size", "8GB"),
    ("checkpoint_timeout", "1h"),
    ("autovacuum", "off"),
    ("max_parallel_maintenance_workers", "2"),
    ("max_parallel_workers_per_gather", "2"),
];

/// Compares in `work`, an empty folder, with `icecore`, a program. `say` is told what goes on, line
/// by line.
pub fn compare_postgres(
    options: &Options,
    icecore: &Path,
    work: &Path,
    interrupt: &Interrupt,
    say: &dyn Fn(&str),
) -> Result<PostgresReport, CompareError> {
    let is_narrow = options.what == What::PostgresNarrow;
    let bytes_per_event =
        if is_narrow { narrow::WORK_BYTES_PER_EVENT } else { WORK_BYTES_PER_EVENT };
    require_space(work, options.events * bytes_per_event)?;
    let machine = Machine::here(work);
    say("starting a server and filling it");
    let wanted = SETTINGS
        .iter()
        .fold(ClusterOptions::default(), |wanted, (name, value)| wanted.setting(name, value));
    let cluster = Cluster::start_with(&wanted);
    let mut store = None;
    if is_narrow {
        narrow::fill(&cluster, options.events, interrupt)?;
    } else {
        let filled = store.insert(Store::create(&cluster, options.seed));
        filled.append(&cluster, options.events, interrupt)?;
        load::settle(&cluster);
        load::make_copy_with_positions(&cluster);
    }

    let bytes = "SELECT pg_total_relation_size('eventcore_events')";
    let mut report = PostgresReport {
        what: options.what,
        seed: options.seed,
        events: options.events,
        appended_events: options.appended_events(),
        store_bytes: cluster.psql(DATABASE, bytes).parse().expect("it is a number"),
        server: cluster.psql("postgres", "SHOW server_version"),
        machine,
        rounds: options.rounds,
        steps: Vec::new(),
    };
    let steps = Steps { cluster: &cluster, icecore, work, interrupt };
    for round in 1..=options.rounds {
        let mut record = |step: PostgresStep, command, run: Run| {
            let (of, title, seconds) = (options.rounds, step.title(), run.usage.wall_s);
            say(&format!("round {round} of {of}: {title} in {seconds:.2} s"));
            report.record(step, command, run);
        };
        match &mut store {
            Some(store) => steps.run(store, options.appended_events(), &mut record)?,
            None => steps.back_up(&mut record)?,
        }
    }
    Ok(report)
}
