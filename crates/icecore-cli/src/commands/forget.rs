//! `icecore forget`: snapshots are hidden, by rules or by name, after it was told which and why.

mod rules;
mod told;

use crate::context::Context;
use crate::error::CommandError;
use crate::table;
use clap::Args;
use icecore::forget::{self, Asked, Named};
use icecore::{Monitor, Repository, snapshots};
use rules::Rules;
use std::collections::BTreeSet;
use told::Told;

/// Hide snapshots that are no longer wanted, by rules or by name
#[allow(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Debug, Args)]
#[command(after_help = "\
A snapshot stays if any rule keeps it. Always kept are the newest of each group, what is protected \
or to be kept until later, what the newest tail goes on from, and what has a time that disagrees \
with the order of the ledger, which is told.

Forgotten snapshots need as much storage as before, and `icecore unforget` shows them again, until \
they are released. docs/retention.md has examples.")]
pub(crate) struct Arguments {
    /// Forget these, and no others: beginnings of ids, or `latest`
    #[arg(value_name = "SNAPSHOT")]
    snapshots: Vec<String>,
    #[command(flatten)]
    rules: Rules,
    /// With names: forget what was to be kept until later, too
    #[arg(long, requires = "snapshots")]
    despite_retention: bool,
    /// Leave nothing of a source, if it comes to that; and keep a label that nothing has
    #[arg(long)]
    allow_remove_all: bool,
    /// Tell what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Do not go through snapshots to find out how many bytes are freed
    #[arg(long)]
    quick: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let repository = if arguments.dry_run {
        context.open().await?
    } else {
        context.open_to_write("forget").await?
    };
    if !arguments.dry_run {
        forget::require_admin(&repository, "forget snapshots")?;
    }
    let asked = asked(arguments, &repository).await?;
    let plan = forget::plan(&repository, &asked).await?;
    let removed = plan.removed();
    let windows = forget::windows(&repository, &plan).await?;
    let bytes_freed = if arguments.quick {
        None
    } else {
        let monitor = Monitor::default();
        let _watch = context.watch(&monitor);
        match forget::freed_bytes(&repository, &removed, &monitor).await {
            Ok(bytes) => Some(bytes),
            Err(forget::BytesError::Stopped(_)) => return Err(CommandError::Interrupted),
            // What cannot be counted can be forgotten all the same.
            Err(error) => {
                let message = format!("it is not known how many bytes are freed: {error}");
                context.output.warn(&message, None);
                None
            }
        }
    };
    let told = Told { plan: &plan, windows: &windows, bytes_freed, dry_run: arguments.dry_run };
    let is_by_name = !arguments.snapshots.is_empty();
    told.print_plan(is_by_name, &context.output);
    let entry =
        if arguments.dry_run { None } else { forget::forget(&repository, &asked, &plan).await? };
    told.print_end(entry, &context.output);
    Ok(())
}

async fn asked(arguments: &Arguments, repository: &Repository) -> Result<Asked, CommandError> {
    let may_remove_all = arguments.allow_remove_all;
    if arguments.snapshots.is_empty() {
        return Ok(Asked::ByPolicy(Box::new(arguments.rules.policy(may_remove_all))));
    }
    if arguments.rules.are_given() {
        return Err(CommandError::Usage(
            "rules and names do not go together: forget by rules, or these snapshots".to_owned(),
        ));
    }
    let state = repository.state().await;
    let mut snapshots = BTreeSet::new();
    for name in &arguments.snapshots {
        snapshots.insert(snapshots::find_any(&state, name)?.snapshot.id);
    }
    let despite_retention = arguments.despite_retention;
    Ok(Asked::ByName(Named { snapshots, may_remove_all, despite_retention }))
}

/// `2 snapshots`
fn counted(number: usize) -> String {
    table::counted(number as u64, "snapshot", "snapshots")
}
