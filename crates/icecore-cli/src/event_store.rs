//! Which event store is meant, and which of its streams: what `backup events` and `follow` share.

use crate::error::CommandError;
use crate::locator::{Locator, SourceOptions};
use crate::stream_list::{self, STANDARD_INPUT};
use clap::{Args, ValueEnum};
use icecore::backup::BackupOptions;
use icecore::selection::StreamSelection;
use icecore::source::{SourceRequest, WantedFiles};
use icecore_format::block;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// An event store, and how what is read of it is kept.
#[derive(Debug, Args)]
pub(crate) struct EventStoreArguments {
    #[arg(value_name = "SOURCE")]
    #[arg(
        help = "The event store: postgres://HOST/DATABASE, sqlite:PATH, ndjson:PATH, or - for NDJSON \
                  on standard input"
    )]
    source: OsString,
    /// What to call the source [default: derived from SOURCE]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
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

/// How hard to compress.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compression {
    None,
    Low,
    Medium,
    High,
}

impl EventStoreArguments {
    /// Which event store is meant.
    pub(crate) fn locator(&self) -> Result<Locator, CommandError> {
        Locator::parse(&self.source)
    }

    /// What is to be known of it beside that.
    pub(crate) fn source_options(&self) -> SourceOptions {
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

    /// How it is backed up, as far as these arguments say.
    pub(crate) async fn backup_options(
        &self,
        locator: &Locator,
    ) -> Result<BackupOptions, CommandError> {
        if self.name.as_deref() == Some("") {
            return Err(CommandError::Usage("--name is empty".to_owned()));
        }
        let ids = self.listed_streams(locator).await?;
        Ok(BackupOptions {
            name: self.name.clone(),
            host: self.host.clone().unwrap_or_else(host),
            request: SourceRequest {
                streams: StreamSelection::with_ids(self.streams.clone(), ids)?,
                files: if self.with_state { WantedFiles::WithState } else { WantedFiles::Usual },
                ..SourceRequest::default()
            },
            compression: match self.compression {
                Compression::None => block::Compression::None,
                Compression::Low => block::Compression::Low,
                Compression::Medium => block::Compression::Medium,
                Compression::High => block::Compression::High,
            },
            ..BackupOptions::default()
        })
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

/// The name of this host.
pub(crate) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
