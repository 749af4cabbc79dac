//! `icecore backup`: a source becomes a snapshot.

mod named;
mod reading;
mod report;
mod verify;

use crate::arguments::{parse_age, parse_tag};
use crate::context::Context;
use crate::error::CommandError;
use crate::event_store::EventStoreArguments;
use crate::locator::Locator;
use crate::times::Age;
use clap::{Args, Subcommand};
use icecore::Monitor;
use icecore::backup::{BackupOptions, backup};
use icecore::environment::{Clock as _, SystemClock};
use icecore::forget;
use icecore_format::snapshot::Tag;
pub(crate) use reading::told;
use report::Report;
#[cfg(feature = "serve")]
pub(crate) use report::Summary;
use std::time::Instant;

/// The label of snapshots whose writer was kept apart from others by a lease, and not by the storage.
#[cfg(feature = "object-storage")]
const SINGLE_WRITER_TAG: &str = "single-writer";

/// Back up a source as a new snapshot
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

/// What is backed up.
#[derive(Debug, Subcommand)]
enum What {
    Events(Box<EventsArguments>),
}

/// Back up an event store: PostgreSQL, SQLite, or NDJSON
#[derive(Debug, Args)]
pub(crate) struct EventsArguments {
    #[command(flatten)]
    store: EventStoreArguments,
    /// A label; may be given again
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = parse_tag)]
    tags: Vec<Tag>,
    /// What there is to say about the snapshot
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How long to keep the snapshot at least, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    retain: Option<Age>,
    /// Keep the snapshot from being forgotten until `icecore unprotect`
    #[arg(long)]
    protect: bool,
    /// Read the snapshot back afterwards, and verify all of it
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    known: KnownArguments,
}

/// What to make of what was backed up before.
#[derive(Debug, Args)]
struct KnownArguments {
    /// Read all of the source, whatever was backed up of it before
    #[arg(long)]
    full: bool,
    /// NDJSON: of what was backed up before compare samples alone, instead of hashing all of it
    #[arg(long, conflicts_with = "full")]
    trust_append: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    let What::Events(arguments) = arguments.what;
    let began = Instant::now();
    let locator = arguments.store.locator()?;
    if arguments.known.trust_append {
        locator.require_appended_file()?;
    }
    let source = locator.source(&arguments.store.source_options())?;
    let options = options(&arguments, &locator, context).await?;
    let repository = context.open_to_write("backup").await?;

    let monitor = Monitor::default();
    let backed_up = {
        let _watch = context.watch(&monitor);
        backup(&repository, &*source, &options, &monitor).await?
    };
    // The commit stands, however its protection ends.
    let protected = if arguments.protect {
        let ids = [backed_up.snapshot.id];
        Some(forget::protect(&repository, &ids).await)
    } else {
        None
    };
    // What is committed is reported, however its verification ends.
    let verified = if arguments.verify {
        Some(verify::verify(&repository, &backed_up.snapshot, context).await)
    } else {
        None
    };
    let report = Report {
        backed_up: &backed_up,
        verified: verified.as_ref().map(Result::is_ok),
        protected: protected.as_ref().map(Result::is_ok),
        seconds: began.elapsed().as_secs_f64(),
    };
    report.print(&context.output);

    let view = monitor.view();
    for problem in &view.problems {
        context.output.warn(problem, None);
    }
    protected.transpose()?;
    verified.transpose()?;
    match view.problem_count + named::absent(&backed_up.named) {
        0 => Ok(()),
        problems => Err(CommandError::Incomplete { problems }),
    }
}

#[cfg(feature = "serve")]
impl From<EventsArguments> for Arguments {
    fn from(arguments: EventsArguments) -> Self {
        Self { what: What::Events(Box::new(arguments)) }
    }
}

/// How to back up, by what the arguments say.
async fn options(
    arguments: &EventsArguments,
    locator: &Locator,
    context: &Context,
) -> Result<BackupOptions, CommandError> {
    let too_far = || CommandError::Usage("--retain goes beyond the year 2262".to_owned());
    let retain_until = match arguments.retain {
        Some(age) => Some(age.after(SystemClock.now()).ok_or_else(too_far)?),
        None => None,
    };
    let mut tags = arguments.tags.clone();
    // What lasts as long as the snapshot.
    #[cfg(feature = "object-storage")]
    if context.global.single_writer {
        tags.push(Tag { key: SINGLE_WRITER_TAG.to_owned(), value: None });
    }
    let mut options = arguments.store.backup_options(locator).await?;
    options.request.trust_append = arguments.known.trust_append;
    Ok(BackupOptions {
        tags,
        description: arguments.description.clone(),
        retain_until,
        full: arguments.known.full,
        ..options
    })
}
