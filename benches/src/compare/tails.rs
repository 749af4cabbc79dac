//! A day of tail: whether one flush a second makes it slower than one a minute to show what can be
//! recovered, to recover, and to back up.
//!
//! The same events are followed twice, in memory, by the library's own follower: once in 86,400
//! flushes, once in 1,440. Then `icecore` does its commands on either, from a directory; and what they
//! would ask of a storage far away is counted in a simulation.

mod distant;
mod make;
mod replayed;
mod requests;

use super::CompareError;
use super::interrupt::Interrupt;
use super::machine::Machine;
use super::options::Options;
use super::place::Place;
use super::process::{Invocation, Usage};
use super::table::{aligned, cell, heading_of_machine, thousands};
use super::tools::{PASSWORD, bare_environment};
use requests::Asked;
use serde::Serialize;
use std::io;
use std::path::Path;

const NAME: &str = "shop";

/// What the follower made of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Shape {
    flushes: u64,
    seconds_apart: u64,
    events_per_flush: u64,
}

/// One flush a second, and one a minute.
const SHAPES: [Shape; 2] = [
    Shape { flushes: 86_400, seconds_apart: 1, events_per_flush: 3 },
    Shape { flushes: 1_440, seconds_apart: 60, events_per_flush: 180 },
];

/// The most that a day in seconds may take of what one in minutes takes.
const RATIO_MAX: f64 = 2.0;

/// What is done with a tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Command {
    Timeline,
    Recover,
    Backup,
}

const COMMANDS: [(Command, &str); 3] = [
    (Command::Timeline, "timeline"),
    (Command::Recover, "recover"),
    (Command::Backup, "backup events"),
];

/// What was measured.
#[derive(Debug, Serialize)]
pub struct TailFigures {
    machine: Machine,
    rounds: u64,
    days: Vec<Day>,
}

/// What was measured of one shape.
#[derive(Debug, Serialize)]
struct Day {
    shape: Shape,
    repository_bytes: u64,
    commands: Vec<Measured>,
}

/// What a command took.
#[derive(Debug, Serialize)]
struct Measured {
    command: Command,
    usages: Vec<Usage>,
    asked: Asked,
}

/// Measures in `work`, an empty folder, with `icecore`, a program.
pub fn measure_tails(
    options: &Options,
    icecore: &Path,
    work: &Path,
    interrupt: &Interrupt,
    say: &dyn Fn(&str),
) -> Result<TailFigures, CompareError> {
    let machine = Machine::here(work);
    let mut days = Vec::new();
    for shape in SHAPES {
        say(&format!("following for a day, with {} flushes", thousands(shape.flushes)));
        let folder = work.join(shape.flushes.to_string());
        days.push(measure_day(shape, options, icecore, &folder, interrupt)?);
    }
    Ok(TailFigures { machine, rounds: options.rounds, days })
}

fn measure_day(
    shape: Shape,
    options: &Options,
    icecore: &Path,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<Day, CompareError> {
    // Of the repository, which has many files, only what was added is taken back.
    let place = Place::new(folder.join("home"));
    place.create().map_err(cannot("make a folder"))?;
    let repository = folder.join("repository");
    let events = folder.join("events.ndjson");
    let runtime = tokio::runtime::Runtime::new().map_err(cannot("start a runtime"))?;
    let store = runtime.block_on(make::make(shape, options.seed, &events, &place))?;
    make::write(&store, &repository).map_err(cannot("write the repository"))?;
    place.save().map_err(cannot("copy what is remembered"))?;
    let until = last_time(&events).map_err(cannot("read the events"))?;
    let mut commands = Vec::new();
    for (command, _) in COMMANDS {
        let put_back = || {
            place.put_back()?;
            make::take_back(&store, &repository, &repository)
        };
        let mut usages = Vec::new();
        for _ in 0..options.rounds {
            put_back().map_err(cannot("put the repository back"))?;
            rustix::fs::sync();
            let invocation = invocation(command, icecore, &events, &repository, &place, &until);
            usages.push(invocation.run(interrupt)?);
        }
        put_back().map_err(cannot("put the repository back"))?;
        let asked = requests::count(command, &store, &events, &place)?;
        commands.push(Measured { command, usages, asked });
    }
    let repository_bytes = make::bytes(&store);
    Ok(Day { shape, repository_bytes, commands })
}

fn invocation(
    command: Command,
    icecore: &Path,
    events: &Path,
    repository: &Path,
    place: &Place,
    until: &str,
) -> Invocation {
    let events = format!("ndjson:{}", events.display());
    let target = format!("ndjson:{}", place.restored());
    let arguments: Vec<&str> = match command {
        Command::Timeline => vec!["timeline", NAME],
        Command::Recover => {
            vec!["recover", NAME, "--to-time", until, "--target", &target, "--overwrite"]
        }
        Command::Backup => vec!["backup", "events", &events, "--name", NAME, "--trust-append"],
    };
    let mut environment = bare_environment(&place.home());
    environment.push(("ICECORE_PASSWORD".into(), PASSWORD.into()));
    environment.push(("ICECORE_REPOSITORY".into(), repository.into()));
    Invocation {
        program: icecore.to_owned(),
        arguments: arguments.into_iter().map(str::to_owned).collect(),
        environment,
        folder: "/".into(),
    }
}

/// The latest time of an event in a file: of its last ones, some were recorded late.
fn last_time(events: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(events)?;
    let times = text.lines().rev().take(1_000).filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        event["recorded_at"].as_str().map(str::to_owned)
    });
    times.max().ok_or_else(|| io::Error::other("no event has a time"))
}

/// Renders the figures, and what was to be reached.
pub fn tails_table(figures: &TailFigures) -> String {
    let mut rows =
        vec![["", "a second", "a minute", "ratio", "at most"].map(str::to_owned).to_vec()];
    let mut add = |what: String, of: &dyn Fn(&Day) -> Option<f64>, most: Option<f64>| {
        let values: Vec<Option<f64>> = figures.days.iter().map(of).collect();
        let ratio = match values[..] {
            [Some(second), Some(minute)] if minute > 0.0 => Some(second / minute),
            _ => None,
        };
        let mut row = vec![what];
        row.extend(values.into_iter().map(cell));
        row.extend([cell(ratio), cell(most)]);
        rows.push(row);
    };
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    add("repository, MB".to_owned(), &|day| Some(megabytes(day.repository_bytes)), None);
    for (command, title) in COMMANDS {
        let of = |day: &Day, usage: &dyn Fn(&Usage) -> f64| {
            let found = day.commands.iter().find(|found| found.command == command)?;
            median(found.usages.iter().map(usage).collect())
        };
        let asked = |day: &Day, asked: &dyn Fn(&Asked) -> u64| {
            let found = day.commands.iter().find(|found| found.command == command)?;
            Some(asked(&found.asked) as f64)
        };
        let wall = |day: &Day| of(day, &|usage| usage.wall_s);
        add(format!("{title}, wall s"), &wall, Some(RATIO_MAX));
        let cpu = |day: &Day| of(day, &|usage| usage.user_s + usage.system_s);
        add(format!("{title}, cpu s"), &cpu, Some(RATIO_MAX));
        let memory = |day: &Day| of(day, &|usage| megabytes(usage.peak_anonymous_bytes));
        add(format!("{title}, peak anon MB"), &memory, None);
        add(format!("{title}, requests"), &|day| asked(day, &|asked| asked.requests), None);
        add(format!("{title}, round trips"), &|day| asked(day, &|asked| asked.round_trips), None);
    }
    let events =
        figures.days.first().map_or(0, |day| day.shape.flushes * day.shape.events_per_flush);
    let flushes = figures.days.iter().map(|day| thousands(day.shape.flushes)).collect::<Vec<_>>();
    let mut lines = vec![
        format!(
            "{} events of a day, captured in {} flushes; medians of {}",
            thousands(events),
            flushes.join(" and in "),
            figures.rounds,
        ),
        heading_of_machine(&figures.machine),
        String::new(),
    ];
    lines.extend(aligned(&rows, 1));
    lines.push(String::new());
    lines.join("\n")
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> CompareError {
    move |source| CompareError::Io { action, source }
}

/// The same of what the library says.
fn failed<E>(action: &'static str) -> impl FnOnce(E) -> CompareError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |error| CompareError::Io { action, source: io::Error::other(error) }
}
