//! A follower at work: how late events are durable, what that takes, and what recovery takes then.
//!
//! Four writers commit transactions of five events at a steady rate while `icecore follow` captures
//! them by logical decoding, a flush a second. Of each flush the time from its first commit to when
//! it was durable is told, by the follower itself. The first flush is told apart: what it has waited
//! while the follower made its slot and proved what was known. Then the store is recovered to a moment in the
//! tail, and restored as a whole from a backup that took the tail.

use super::super::CompareError;
use super::super::interrupt::Interrupt;
use super::super::machine::Machine;
use super::super::options::Options;
use super::super::place::Place;
use super::super::proc_files;
use super::super::process::Invocation;
use super::super::table::{aligned, cell, heading_of_machine, thousands};
use super::super::tools::{PASSWORD, bare_environment};
use super::load::{self, DATABASE, Store};
use super::{SETTINGS, WORK_BYTES_PER_EVENT};
use icecore_test_cluster::{Cluster, ClusterOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use serde_json::Value;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const WRITERS: u64 = 4;
const EVENTS_PER_SECOND: u64 = 5_000;
const EVENTS_PER_TRANSACTION: u64 = 5;
/// How long they write: 300,000 events.
const SECONDS: u64 = 60;
/// How long a follower may need to catch up at the end.
const PATIENCE: Duration = Duration::from_mins(1);

/// What following took.
#[derive(Debug, Serialize)]
pub struct FollowFigures {
    machine: Machine,
    base_events: u64,
    events: u64,
    flushes: u64,
    stored_bytes: u64,
    /// From the first commit of the first flush to when it was durable, in seconds.
    first_lag: Option<f64>,
    /// The same of the flushes after it, sorted.
    lags: Vec<f64>,
    /// Of one core, from 0 to 1, while events came.
    processor_share: f64,
    peak_anonymous_bytes: u64,
    recover_s: Vec<f64>,
    restore_s: Vec<f64>,
}

/// Follows in `work`, an empty folder, with `icecore`, a program.
pub fn measure_following(
    options: &Options,
    icecore: &Path,
    work: &Path,
    interrupt: &Interrupt,
    say: &dyn Fn(&str),
) -> Result<FollowFigures, CompareError> {
    super::require_space(work, options.events * WORK_BYTES_PER_EVENT)?;
    let machine = Machine::here(work);
    say("starting a server and filling it");
    let wanted = SETTINGS
        .iter()
        .chain(&[("wal_level", "logical")])
        .fold(ClusterOptions::default(), |wanted, (name, value)| wanted.setting(name, value));
    let cluster = Cluster::start_with(&wanted);
    Store::create(&cluster, options.seed).append(&cluster, options.events, interrupt)?;
    load::settle(&cluster);
    let place = Place::new(work.join("icecore"));
    place.create().map_err(cannot("make a folder"))?;
    let program = Program { icecore, place: &place, work };
    program.run(&["init"], interrupt)?;

    say("following");
    let source = cluster.url(DATABASE);
    let mut child = program.spawn(&["follow", &source, "--name", "shop", "--json"])?;
    let followed = follow(&mut child, &cluster, options.events, interrupt);
    // It may have ended by itself, after a failure that is told below.
    let _ = kill_process(Pid::from_child(&child), Signal::TERM);
    let status = child.wait().map_err(cannot("wait for the follower"))?;
    let mut figures = followed?;
    if !status.success() {
        return Err(cannot("follow")(io::Error::other(status.to_string())));
    }
    figures.machine = machine;

    say("recovering from the tail");
    let target = format!("ndjson:{}", work.join("recovered").display());
    // The newest of them: all of the tail is gone through.
    let point = cluster.psql(DATABASE, NEWEST);
    let recover =
        ["recover", "shop", "--to-time", point.trim(), "--target", &target, "--overwrite"];
    for _ in 0..options.rounds {
        figures.recover_s.push(program.run(&recover, interrupt)?);
    }
    say("backing up, and restoring that");
    program.run(&["backup", "events", &source, "--name", "shop"], interrupt)?;
    let restore = ["restore", "latest", "--target", &target, "--overwrite"];
    for _ in 0..options.rounds {
        figures.restore_s.push(program.run(&restore, interrupt)?);
    }
    Ok(figures)
}

const NEWEST: &str = "SELECT to_char(max(created_at) AT TIME ZONE 'UTC', \
                      'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM eventcore_events";

/// Writes while the follower captures, and reads what it says, until it has everything.
fn follow(
    child: &mut Child,
    cluster: &Cluster,
    base_events: u64,
    interrupt: &Interrupt,
) -> Result<FollowFigures, CompareError> {
    let process = child.id();
    let stdout =
        child.stdout.take().ok_or_else(|| cannot("follow")(io::ErrorKind::Other.into()))?;
    let mut lines = BufReader::new(stdout).lines();
    let mut next = || -> Result<Value, CompareError> {
        let line = lines.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        let line = line.map_err(cannot("read what the follower says"))?;
        serde_json::from_str(&line).map_err(|error| cannot("read what it says")(error.into()))
    };
    while next()?["message_type"] != "begun" {}
    let before = proc_files::processor_time(process);
    let began = Instant::now();
    let (wanted, has_written) = (SECONDS * EVENTS_PER_SECOND, AtomicBool::new(false));
    let mut figures = FollowFigures {
        machine: Machine::here(Path::new("/")),
        base_events,
        events: 0,
        flushes: 0,
        stored_bytes: 0,
        first_lag: None,
        lags: Vec::new(),
        processor_share: 0.0,
        peak_anonymous_bytes: 0,
        recover_s: Vec::new(),
        restore_s: Vec::new(),
    };
    thread::scope(|scope| {
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(cluster, writer))).collect();
        scope.spawn(|| {
            for writer in writers {
                // A writer that fails says so itself.
                drop(writer.join());
            }
            has_written.store(true, Ordering::Relaxed);
        });
        while figures.events < wanted && began.elapsed().as_secs() < SECONDS + PATIENCE.as_secs() {
            let message = next()?;
            if interrupt.is_interrupted() {
                return Err(CompareError::Interrupted);
            }
            let memory = proc_files::memory_of_tree(process).anonymous;
            figures.peak_anonymous_bytes = figures.peak_anonymous_bytes.max(memory);
            if message["message_type"] == "flush" {
                figures.flushes += 1;
                figures.events += message["events"].as_u64().unwrap_or_default();
                figures.stored_bytes += message["bytes_stored"].as_u64().unwrap_or_default();
                let lag = message["lag_s"].as_f64();
                match figures.first_lag {
                    None => figures.first_lag = lag,
                    Some(_) => figures.lags.extend(lag),
                }
            }
        }
        Ok(())
    })?;
    if let (Some(before), Some(after)) = (before, proc_files::processor_time(process)) {
        let took = after.user + after.system - before.user - before.system;
        figures.processor_share = took / began.elapsed().as_secs_f64();
    }
    figures.lags.sort_by(f64::total_cmp);
    Ok(figures)
}

/// One writer's transactions, each in its time.
fn write(cluster: &Cluster, writer: u64) {
    let per_second = EVENTS_PER_SECOND / WRITERS / EVENTS_PER_TRANSACTION;
    let pause = Duration::from_secs(1) / per_second as u32;
    let mut psql = cluster.session(DATABASE);
    let began = Instant::now();
    for transaction in 0..SECONDS * per_second {
        let due = began + pause * transaction as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let statement = format!(
            "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
             SELECT gen_random_uuid(), 'followed-{writer}-{transaction}', 'Placed', \
                    jsonb_build_object('order', n, 'note', repeat(md5(random()::text), 8)) \
             FROM generate_series(1, {EVENTS_PER_TRANSACTION}) n;\n"
        );
        if psql.write(statement.as_bytes()).is_err() {
            return;
        }
    }
    psql.finish();
}

/// icecore, and where it keeps its things.
struct Program<'a> {
    icecore: &'a Path,
    place: &'a Place,
    work: &'a Path,
}

impl Program<'_> {
    fn invocation(&self, arguments: &[&str]) -> Invocation {
        let mut environment = bare_environment(&self.place.home());
        environment.push(("ICECORE_PASSWORD".into(), PASSWORD.into()));
        environment.push(("ICECORE_REPOSITORY".into(), self.place.repository().into()));
        Invocation {
            program: self.icecore.to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            environment,
            folder: self.work.to_owned(),
        }
    }

    /// Runs it to its end; how long that took, in seconds.
    fn run(&self, arguments: &[&str], interrupt: &Interrupt) -> Result<f64, CompareError> {
        rustix::fs::sync();
        Ok(self.invocation(arguments).run(interrupt)?.wall_s)
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Child, CompareError> {
        let Invocation { program, arguments, environment, folder } = self.invocation(arguments);
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot("start the follower"))
    }
}

/// Renders the figures, and what was to be reached.
pub fn follow_table(figures: &FollowFigures) -> String {
    let share = |part: f64| {
        let last = figures.lags.len().saturating_sub(1);
        figures.lags.get((last as f64 * part).round() as usize).copied()
    };
    let (recover, restore) = (median(&figures.recover_s), median(&figures.restore_s));
    let ratio = recover.zip(restore).map(|(recover, restore)| recover / restore);
    let memory = figures.peak_anonymous_bytes as f64 / 1e6;
    let mut rows = vec![["", "found", "at most"].map(str::to_owned).to_vec()];
    for (what, found, most) in [
        ("from commit to durable, median, s", share(0.5), None),
        ("from commit to durable, of 99 in 100 flushes, s", share(0.99), Some(2.0)),
        ("from commit to durable, worst flush, s", share(1.0), None),
        ("from commit to durable, first flush, s", figures.first_lag, None),
        ("processor time, of one core", Some(figures.processor_share), Some(0.15)),
        ("memory, MB", Some(memory), Some(150.0)),
        ("recovery to the end of the tail, s", recover, None),
        ("restore of a backup of the same, s", restore, None),
        ("recovery, of the restore", ratio, Some(1.2)),
    ] {
        rows.push(vec![what.to_owned(), cell(found), cell(most)]);
    }
    let mut lines = vec![
        format!(
            "{} events from {WRITERS} writers at {} a second, after {} events; {} flushes, {:.1} MB stored",
            thousands(figures.events),
            thousands(EVENTS_PER_SECOND),
            thousands(figures.base_events),
            figures.flushes,
            figures.stored_bytes as f64 / 1e6,
        ),
        heading_of_machine(&figures.machine),
        String::new(),
    ];
    lines.extend(aligned(&rows, 1));
    lines.push(String::new());
    lines.join("\n")
}

fn median(seconds: &[f64]) -> Option<f64> {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> CompareError {
    move |source| CompareError::Io { action, source }
}
