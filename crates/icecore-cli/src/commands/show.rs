//! `icecore show`: all that is recorded of one snapshot.

use crate::arguments::SnapshotArgument;
use crate::context::Context;
use crate::error::CommandError;
use crate::snapshot_view::{SnapshotView, details};
use clap::Args;
use icecore::snapshots;

/// Show all that is recorded of a snapshot
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    which: SnapshotArgument,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let repository = context.open().await?;
    let state = repository.state().await;
    let which = &arguments.which;
    let found = snapshots::find(&state, &which.snapshot, which.source.as_deref())?;
    let output = &context.output;
    if output.is_json() {
        output.message("snapshot", SnapshotView::new(&state, found));
        return Ok(());
    }
    let mut details = details(&found.snapshot);
    if state.protected.contains(&found.snapshot.id) {
        details.push(("protected", "it may not be forgotten".to_owned()));
    }
    details.push(("ledger entry", found.number.to_string()));
    let width = details.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    for (title, text) in details {
        output.line(format!("{title:<width$}  {text}"));
    }
    Ok(())
}
