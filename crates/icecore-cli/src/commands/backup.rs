//! `icecore backup`: a source becomes a snapshot.

mod named;
mod reading;
mod report;
mod verify;

use crate::arguments::{parse_age, parse_tag};
use crate::context::Context;
use crate::error::CommandError;
use crate::locator::{Locator, SourceOptions};
use crate::stream_list::{self, STANDARD_INPUT};
use crate::times::Age;
use clap::{Args, Subcommand, ValueEnum};
use icecore::Monitor;
use icecore::backup::{BackupOptions, backup};
use icecore::environment::{Clock as _, SystemClock};
use icecore::selection::StreamSelection;
use icecore::source::SourceRequest;
use icecore_format::block;
use icecore_format::snapshot::Tag;
use report::Report;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

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
struct EventsArguments {
    #[arg(value_name = "SOURCE")]
    #[arg(
        help = "The event store: postgres://HOST/DATABASE, sqlite:PATH, ndjson:PATH, or - for NDJSON \
                  on standard input"
    )]
    source: OsString,
    /// What to call the source [default: derived from SOURCE]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A label; may be given again
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = parse_tag)]
    tags: Vec<Tag>,
    /// What there is to say about the snapshot
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How long to keep the snapshot at least, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    retain: Option<Age>,
    /// Only streams that match, such as 'order-*'; may be given again
    #[arg(long = "stream", value_name = "PATTERN")]
    streams: Vec<String>,
    /// Only these streams, and those that --stream adds: a file of ids, one a line; - for standard
    /// input
    #[arg(long, value_name = "FILE")]
    streams_from: Option<PathBuf>,
    /// How hard to compress
    #[arg(long, value_enum, default_value_t = Compression::Medium)]
    compression: Compression,
    /// Read the snapshot back afterwards, and verify all of it
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    known: KnownArguments,
    /// Include saved states of aggregates and commands, where the source has them
    #[arg(long)]
    with_state: bool,
    #[cfg(feature = "ndjson")]
    #[arg(long = "map", value_name = "FIELD=MEMBER", value_parser = crate::arguments::parse_pair)]
    #[arg(help = "NDJSON: read a field from another member, such as stream_id=aggregateId; \
                  may be given again")]
    pairs: Vec<(String, String)>,
    #[cfg(feature = "postgres")]
    #[command(flatten)]
    store: StoreArguments,
    /// The host to record [default: the name of this one]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

/// Which of a database's event stores is meant.
#[cfg(feature = "postgres")]
#[derive(Debug, Args)]
struct StoreArguments {
    /// PostgreSQL: the event store's schema, such as eventcore; `auto` takes the one that is there,
    /// `mapping` the table that --table names
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
    /// PostgreSQL: the namespace (`CREATE SCHEMA`) of its tables, if there are several
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// PostgreSQL: a table of events of any schema, as TABLE or NAMESPACE.TABLE
    #[arg(long, value_name = "TABLE")]
    table: Option<String>,
    #[arg(long = "column", value_name = "PART=COLUMN", value_parser = crate::mapping::parse_column)]
    #[arg(requires = "table")]
    #[arg(
        help = "PostgreSQL: which column of --table is an event's stream, version, type, time, \
                  payload, metadata or id, or its order among all; given again for each"
    )]
    columns: Vec<(String, String)>,
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

/// How hard to compress.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compression {
    None,
    Low,
    Medium,
    High,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), CommandError> {
    let What::Events(arguments) = arguments.what;
    let began = Instant::now();
    let locator = Locator::parse(&arguments.source)?;
    if arguments.known.trust_append {
        locator.require_appended_file()?;
    }
    let source = locator.source(&arguments.source_options())?;
    let ids = arguments.listed_streams(&locator).await?;
    let options = options(&arguments, ids)?;
    let repository = context.open().await?;

    let monitor = Monitor::default();
    let backed_up = {
        let _watch = context.watch(&monitor);
        backup(&repository, &*source, &options, &monitor).await?
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
        seconds: began.elapsed().as_secs_f64(),
    };
    report.print(&context.output);

    let view = monitor.view();
    for problem in &view.problems {
        context.output.warn(problem, None);
    }
    verified.transpose()?;
    match view.problem_count + named::absent(&backed_up.named) {
        0 => Ok(()),
        problems => Err(CommandError::Incomplete { problems }),
    }
}

impl EventsArguments {
    fn source_options(&self) -> SourceOptions {
        let mut options = SourceOptions::default();
        #[cfg(feature = "ndjson")]
        options.pairs.clone_from(&self.pairs);
        #[cfg(feature = "postgres")]
        {
            options.schema.clone_from(&self.store.schema);
            options.namespace.clone_from(&self.store.namespace);
            options.table.clone_from(&self.store.table);
            options.columns.clone_from(&self.store.columns);
        }
        options
    }

    /// The ids that `--streams-from` lists.
    async fn listed_streams(&self, locator: &Locator) -> Result<BTreeSet<String>, CommandError> {
        let Some(path) = self.streams_from.clone() else { return Ok(BTreeSet::new()) };
        if path.as_os_str() == STANDARD_INPUT && locator.is_standard_stream() {
            let message = "standard input has the events: --streams-from needs a file";
            return Err(CommandError::Usage(message.to_owned()));
        }
        // Blocks, perhaps on a pipe, while interruptions are listened to.
        let read = tokio::task::spawn_blocking(move || stream_list::read(&path)).await;
        Ok(read.map_err(|error| CommandError::Runtime(error.into()))??)
    }
}

fn options(
    arguments: &EventsArguments,
    ids: BTreeSet<String>,
) -> Result<BackupOptions, CommandError> {
    let too_far = || CommandError::Usage("--retain goes beyond the year 2262".to_owned());
    let retain_until = match arguments.retain {
        Some(age) => Some(age.after(SystemClock.now()).ok_or_else(too_far)?),
        None => None,
    };
    if arguments.name.as_deref() == Some("") {
        return Err(CommandError::Usage("--name is empty".to_owned()));
    }
    Ok(BackupOptions {
        name: arguments.name.clone(),
        host: arguments.host.clone().unwrap_or_else(host),
        tags: arguments.tags.clone(),
        description: arguments.description.clone(),
        retain_until,
        request: SourceRequest {
            streams: StreamSelection::with_ids(arguments.streams.clone(), ids)?,
            with_state: arguments.with_state,
            trust_append: arguments.known.trust_append,
            since: None,
            everything: false,
        },
        full: arguments.known.full,
        compression: match arguments.compression {
            Compression::None => block::Compression::None,
            Compression::Low => block::Compression::Low,
            Compression::Medium => block::Compression::Medium,
            Compression::High => block::Compression::High,
        },
    })
}

/// The name of this host.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
