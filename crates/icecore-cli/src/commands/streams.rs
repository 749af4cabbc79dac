//! `icecore streams`: the streams of a snapshot.

use crate::arguments::SnapshotArgument;
use crate::context::Context;
use crate::error::CommandError;
use crate::table::{self, Side};
use clap::Args;
use icecore::selection::StreamSelection;
use icecore::streams::StreamSummary;
use icecore::{snapshots, streams};
use serde::Serialize;
use utoipa::ToSchema;

/// List the streams of a snapshot
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: SnapshotArgument,
    /// Only streams that match, such as 'order-*'
    #[arg(value_name = "PATTERN")]
    patterns: Vec<String>,
}

/// A stream of a snapshot
#[derive(Serialize, ToSchema)]
#[schema(as = Stream)]
pub(crate) struct StreamView {
    stream_id: String,
    events: u64,
    first_version: u64,
    last_version: u64,
}

impl StreamView {
    pub(crate) fn new(stream: &StreamSummary) -> Self {
        Self {
            stream_id: stream.stream.clone(),
            events: stream.events,
            first_version: stream.first_version,
            last_version: stream.last_version,
        }
    }
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let selection = StreamSelection::new(arguments.patterns.clone())?;
    let repository = context.open().await?;
    let state = repository.state().await;
    let which = &arguments.which;
    let found = snapshots::find(&state, &which.snapshot, which.source.as_deref())?;
    let streams = streams::streams(&repository, &found.snapshot, &selection).await?;
    print(&streams, context);
    Ok(())
}

fn print(streams: &[StreamSummary], context: &Context) {
    let output = &context.output;
    if output.is_json() {
        for stream in streams {
            output.message("stream", StreamView::new(stream));
            if output.is_closed() {
                return;
            }
        }
        return;
    }
    if streams.is_empty() {
        output.note("no streams");
        return;
    }
    let rows: Vec<_> = streams
        .iter()
        .map(|stream| {
            let versions = format!("{} to {}", stream.first_version, stream.last_version);
            [stream.stream.clone(), table::count(stream.events), versions]
        })
        .collect();
    let columns = [("stream", Side::Left), ("events", Side::Right), ("versions", Side::Left)];
    for line in table::lines(columns, &rows) {
        output.line(line);
        if output.is_closed() {
            return;
        }
    }
}
