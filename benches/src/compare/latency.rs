//! A repository in object storage that is far away, beside one on a local disk: what distance costs.
//!
//! A real server of S3 runs on this machine, behind a proxy that has each byte arrive 30 ms later, either
//! way, and is otherwise as fast as the machine. The server takes processor time of its own, on the same
//! cores: what it and the proxy do is in the wall times of the distant repository.

use super::interrupt::Interrupt;
use super::machine::Machine;
use super::options::Options;
use super::place::{Place, warm};
use super::process::{Invocation, Usage};
use super::source::Source;
use super::table::{aligned, cell, heading_of_machine, thousands};
use super::tools::{PASSWORD, bare_environment, stream_ids};
use super::{CompareError, require_space};
use icecore_test_servers::{Proxy, S3Server};
use serde::Serialize;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How much later each byte arrives, each way.
const DELAY: Duration = Duration::from_millis(30);
const BUCKET: &str = "bucket";
/// How often what takes a moment is done in each round.
const REPEATED: usize = 5;
/// What an event comes to at most: as source, restored, and in two repositories.
const WORK_BYTES_PER_EVENT: u64 = 640 * 3;
/// What a distant repository may take of memory beyond what a local one does, in bytes.
const MORE_MEMORY_BYTES_MAX: f64 = 100e6;

/// Where the repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Storage {
    Local,
    Distant,
}

/// What is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    First,
    Open,
    OpenWithoutCache,
    Nothing,
    OneStream,
    OneStreamWithoutCache,
    Restore,
}

const STEPS: [(Step, &str); 7] = [
    (Step::First, "first backup"),
    (Step::Open, "opening (list snapshots)"),
    (Step::OpenWithoutCache, "opening, nothing cached"),
    (Step::Nothing, "nothing new"),
    (Step::OneStream, "one stream"),
    (Step::OneStreamWithoutCache, "one stream, nothing cached"),
    (Step::Restore, "restore"),
];

/// What was measured.
#[derive(Debug, Serialize)]
pub struct LatencyFigures {
    machine: Machine,
    events: u64,
    streams: u64,
    source_bytes: u64,
    rounds: u64,
    measured: Vec<Measured>,
}

/// What a step took.
#[derive(Debug, Serialize)]
struct Measured {
    storage: Storage,
    step: Step,
    usage: Usage,
}

/// Measures in `work`, an empty folder, with `icecore`, a program.
pub fn measure_latency(
    options: &Options,
    icecore: &Path,
    work: &Path,
    interrupt: &Interrupt,
    say: &dyn Fn(&str),
) -> Result<LatencyFigures, CompareError> {
    require_space(work, options.events * WORK_BYTES_PER_EVENT)?;
    let machine = Machine::here(work);
    say("generating events");
    let source = Source::generate(work, options.seed, options.events, 1, interrupt)
        .map_err(cannot("generate events"))?;
    let server = S3Server::start().ok_or_else(|| {
        let missing = "scripts/install-test-servers installs it";
        cannot("find a server of S3")(io::Error::other(missing))
    })?;
    server.create_bucket(BUCKET);
    let proxy = Proxy::start(server.port());
    proxy.set_delay(DELAY);
    let mut figures = LatencyFigures {
        machine,
        events: options.events,
        streams: 0,
        source_bytes: source.short_bytes,
        rounds: options.rounds,
        measured: Vec::new(),
    };
    for round in 1..=options.rounds {
        for storage in [Storage::Local, Storage::Distant] {
            let place = Place::new(work.join("place"));
            place.create().map_err(cannot("make a folder"))?;
            let repository = match storage {
                Storage::Local => place.repository(),
                Storage::Distant => {
                    format!("s3://{BUCKET}/{round}?endpoint={}", proxy.endpoint())
                }
            };
            let user = User { icecore, place: &place, repository, source: &source, interrupt };
            user.measure(&mut |step, usage| {
                let title = STEPS.iter().find(|it| it.0 == step).map_or("", |it| it.1);
                let (of, seconds) = (options.rounds, usage.wall_s);
                say(&format!("round {round} of {of}, {storage:?}: {title} in {seconds:.2} s"));
                figures.measured.push(Measured { storage, step, usage });
            })?;
            if figures.streams == 0 {
                figures.streams = user.streams()?.1;
            }
            place.remove().map_err(cannot("remove a folder"))?;
        }
    }
    Ok(figures)
}

/// Whoever uses one repository.
struct User<'a> {
    icecore: &'a Path,
    place: &'a Place,
    repository: String,
    source: &'a Source,
    interrupt: &'a Interrupt,
}

impl User<'_> {
    /// Does every step.
    fn measure(&self, record: &mut dyn FnMut(Step, Usage)) -> Result<(), CompareError> {
        let events = format!("ndjson:{}", self.source.file().display());
        let target = format!("ndjson:{}/events.ndjson", self.place.restored());
        let backup = ["--quiet", "backup", "events", &events];
        self.run(&["--quiet", "init"])?;
        warm(&self.source.file()).map_err(cannot("read the events"))?;
        rustix::fs::sync();
        record(Step::First, self.run(&backup)?);
        for _ in 0..REPEATED {
            record(Step::Open, self.run(&["--quiet", "snapshots"])?);
            record(Step::Nothing, self.run(&backup)?);
        }
        let stream = self.streams()?.0;
        let one = [
            "--quiet",
            "restore",
            "latest",
            "--stream",
            &stream,
            "--target",
            &target,
            "--overwrite",
        ];
        for _ in 0..REPEATED {
            self.place.create_restored().map_err(cannot("make a folder"))?;
            record(Step::OneStream, self.run(&one)?);
            self.forget()?;
            record(Step::OneStreamWithoutCache, self.run(&one)?);
            self.forget()?;
            record(Step::OpenWithoutCache, self.run(&["--quiet", "snapshots"])?);
        }
        self.place.create_restored().map_err(cannot("make a folder"))?;
        let all = ["--quiet", "restore", "latest", "--target", &target];
        record(Step::Restore, self.run(&all)?);
        let restored = self.place.restored_file("events.ndjson");
        let restored = restored.map_err(cannot("find what was restored"))?;
        let bytes = restored.and_then(|file| fs::metadata(file).ok()).map(|file| file.len());
        if bytes != Some(self.source.short_bytes) {
            let message = format!("{bytes:?} bytes were restored of {}", self.source.short_bytes);
            return Err(cannot("restore the events")(io::Error::other(message)));
        }
        Ok(())
    }

    /// A stream in the middle, and how many there are.
    fn streams(&self) -> Result<(String, u64), CompareError> {
        let list = self.invocation(&["--json", "streams", "latest"]).output(self.interrupt)?;
        let lines = String::from_utf8_lossy(&list).lines().count();
        let stream = stream_ids(&list, 1)
            .pop()
            .ok_or_else(|| cannot("choose a stream")(io::Error::other("the snapshot has none")))?;
        Ok((stream, lines as u64))
    }

    /// Removes what the machine keeps only so as to be faster.
    fn forget(&self) -> Result<(), CompareError> {
        let cache = format!("{}/cache", self.place.home());
        match fs::remove_dir_all(cache) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(cannot("remove the cache")(error))
            }
            _ => Ok(()),
        }
    }

    fn run(&self, arguments: &[&str]) -> Result<Usage, CompareError> {
        Ok(self.invocation(arguments).run(self.interrupt)?)
    }

    fn invocation(&self, arguments: &[&str]) -> Invocation {
        let mut environment = bare_environment(&self.place.home());
        let settings = [
            ("ICECORE_PASSWORD", PASSWORD),
            ("ICECORE_REPOSITORY", &self.repository),
            ("AWS_ACCESS_KEY_ID", "anyone"),
            ("AWS_SECRET_ACCESS_KEY", "anything"),
            ("AWS_REGION", "us-east-1"),
        ];
        environment.extend(settings.map(|(name, value)| (name.into(), OsString::from(value))));
        Invocation {
            program: self.icecore.to_owned(),
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            environment,
            folder: "/".into(),
        }
    }
}

impl LatencyFigures {
    fn median(&self, storage: Storage, step: Step, of: fn(&Usage) -> f64) -> Option<f64> {
        let all = self.measured.iter();
        let these = all.filter(|it| (it.storage, it.step) == (storage, step));
        let mut values: Vec<f64> = these.map(|it| of(&it.usage)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    fn wall(&self, storage: Storage, step: Step) -> Option<f64> {
        self.median(storage, step, |usage| usage.wall_s)
    }

    /// What was to be reached: what, what was found, and the most that it may be.
    fn floors(&self) -> Vec<(&'static str, Option<f64>, f64)> {
        let distant = |step| self.wall(Storage::Distant, step);
        let ratio = |step| Some(distant(step)? / self.wall(Storage::Local, step)?);
        let beside_opening = |step| Some(distant(step)? - distant(Step::Open)?);
        let memory = STEPS.iter().filter_map(|(step, _)| {
            let of =
                |storage| self.median(storage, *step, |usage| usage.peak_anonymous_bytes as f64);
            Some(of(Storage::Distant)? - of(Storage::Local)?)
        });
        vec![
            ("first backup, of the local one", ratio(Step::First), 1.3),
            ("opening, in s", distant(Step::Open), 0.25),
            ("nothing new, beside opening, in s", beside_opening(Step::Nothing), 0.5),
            ("one stream, opening and all, in s", distant(Step::OneStream), 0.4),
            ("restore, of the local one", ratio(Step::Restore), 1.5),
            (
                "memory beyond the local one's, in MB",
                memory.max_by(f64::total_cmp).map(|bytes| bytes / 1e6),
                MORE_MEMORY_BYTES_MAX / 1e6,
            ),
        ]
    }
}

/// Renders the figures, and what was to be reached.
pub fn latency_table(figures: &LatencyFigures) -> String {
    let header =
        ["", "local s", "distant s", "local cpu s", "distant cpu s", "local MB", "distant MB"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (step, title) in STEPS {
        let mut row = vec![title.to_owned()];
        let of: [fn(&Usage) -> f64; 3] = [
            |usage| usage.wall_s,
            |usage| usage.user_s + usage.system_s,
            |usage| usage.peak_anonymous_bytes as f64 / 1e6,
        ];
        for of in of {
            for storage in [Storage::Local, Storage::Distant] {
                row.push(cell(figures.median(storage, step, of)));
            }
        }
        rows.push(row);
    }
    let mut floors = vec![["", "found", "at most"].map(str::to_owned).to_vec()];
    for (what, found, most) in figures.floors() {
        floors.push(vec![what.to_owned(), cell(found), cell(Some(most))]);
    }
    let mut lines = vec![
        format!(
            "{} events in {} streams ({:.2} GB), on a disk and on S3 {} ms away each way; medians of {}",
            thousands(figures.events),
            thousands(figures.streams),
            figures.source_bytes as f64 / 1e9,
            DELAY.as_millis(),
            figures.rounds,
        ),
        heading_of_machine(&figures.machine),
        String::new(),
    ];
    lines.extend(aligned(&rows, 1));
    lines.push(String::new());
    lines.extend(aligned(&floors, 1));
    lines.push(String::new());
    lines.join("\n")
}

fn cannot(action: &'static str) -> impl FnOnce(io::Error) -> CompareError {
    move |source| CompareError::Io { action, source }
}
