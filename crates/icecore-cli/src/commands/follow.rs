//! `icecore follow`: what a source gets is captured until the command is told to stop.

mod metrics;
mod status;

use crate::arguments::{parse_bytes, parse_interval};
use crate::context::Context;
use crate::error::CommandError;
use crate::event_store::EventStoreArguments;
use crate::output::Output;
use crate::table;
use clap::Args;
use icecore::Monitor;
use icecore::follow::{FollowNews, FollowOptions, FollowReport, follow};
use metrics::Metrics;
use serde::Serialize;
use status::Status;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Capture new events of a source until told to stop
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    store: EventStoreArguments,
    /// The least time between two flushes
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_interval)]
    flush_interval: Duration,
    /// What of the source makes a flush full, so that it does not wait
    #[arg(long, value_name = "SIZE", default_value = "8MiB", value_parser = parse_bytes)]
    flush_size: u64,
    /// End the epoch of another follower of this source, who then stops
    #[arg(long)]
    take_over: bool,
    /// Keep what monitoring needs to know in this file, as Prometheus' text format
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Summary {
    events: u64,
    flushes: u64,
    bytes_stored: u64,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    let locator = arguments.store.locator()?;
    if locator.is_standard_stream() {
        let message = "standard input cannot be followed: give a file or a database";
        return Err(CommandError::Usage(message.to_owned()));
    }
    let source = locator.source(&arguments.store.source_options())?;
    let options = FollowOptions {
        backup: arguments.store.backup_options(&locator).await?,
        flush_interval: arguments.flush_interval,
        flush_bytes: arguments.flush_size,
        take_over: arguments.take_over,
    };
    let repository = context.open_to_write("follow").await?;
    let name = options.backup.name.clone().unwrap_or_else(|| source.default_name());
    let teller = Mutex::new(Teller {
        output: context.output.clone(),
        status: Status::new(name.clone()),
        metrics: arguments.metrics_file.map(Metrics::new),
    });
    let monitor = Monitor::default();
    let report = {
        let _watch = context.watch(&monitor);
        let tell = |news: FollowNews<'_>| {
            teller.lock().unwrap_or_else(PoisonError::into_inner).tell(&news);
        };
        follow(&repository, &*source, &options, &monitor, &tell).await
    };
    teller.lock().unwrap_or_else(PoisonError::into_inner).finish();
    let report = report?;
    print(&report, &name, &context.output);
    Ok(())
}

fn print(report: &FollowReport, name: &str, output: &Output) {
    let FollowReport { events, flushes, bytes, .. } = *report;
    if output.is_json() {
        output.summary(Summary { events, flushes, bytes_stored: bytes });
        return;
    }
    output.report(format!("stopped following {name}"));
    output.report(format!(
        "  {} captured in {}, {} stored",
        table::counted(events, "event", "events"),
        table::counted(flushes, "flush", "flushes"),
        table::bytes(bytes),
    ));
}

/// Tells what happens: people, programs, and monitoring.
struct Teller {
    output: Output,
    status: Status,
    metrics: Option<Metrics>,
}

impl Teller {
    fn tell(&mut self, news: &FollowNews<'_>) {
        self.status.note(news, &self.output);
        let written = self.metrics.as_mut().map(|metrics| metrics.write(&self.status));
        self.warn_unless(written);
        self.output.flush();
    }

    /// Leaves what was true last.
    fn finish(&self) {
        self.warn_unless(self.metrics.as_ref().map(|metrics| metrics.replace(&self.status)));
    }

    fn warn_unless(&self, written: Option<std::io::Result<()>>) {
        if let (Some(Err(error)), Some(metrics)) = (written, &self.metrics) {
            let path = metrics.path().display();
            self.output.warn(&format!("cannot write metrics to {path}: {error}"), None);
        }
    }
}
