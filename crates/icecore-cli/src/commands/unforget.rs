//! `icecore unforget`, `protect` and `unprotect`: what is said of snapshots that are named.

use crate::context::Context;
use crate::error::CommandError;
use crate::table;
use clap::Args;
use icecore::{Repository, forget, snapshots};
use icecore_format::SnapshotId;
use serde::Serialize;

/// Show forgotten snapshots again; as long as they were not released
#[derive(Debug, Args)]
pub(crate) struct UnforgetArguments {
    #[command(flatten)]
    named: NamedArguments,
}

/// Keep snapshots from being forgotten, whatever the rules are
#[derive(Debug, Args)]
#[command(after_help = "\
A writer's key may protect what it has backed up itself. Only an admin's key takes it back.")]
pub(crate) struct ProtectArguments {
    #[command(flatten)]
    named: NamedArguments,
}

/// Let protected snapshots be forgotten again
#[derive(Debug, Args)]
pub(crate) struct UnprotectArguments {
    #[command(flatten)]
    named: NamedArguments,
}

#[derive(Debug, Args)]
struct NamedArguments {
    /// Beginnings of ids, or `latest`
    #[arg(value_name = "SNAPSHOT", required = true)]
    snapshots: Vec<String>,
}

#[derive(Serialize)]
struct Summary {
    snapshots: Vec<String>,
    ledger_entry: Option<u64>,
}

/// Runs `unforget`.
pub(crate) async fn unforget(
    arguments: &UnforgetArguments,
    context: &Context,
) -> Result<(), CommandError> {
    let repository = context.open_to_write("unforget").await?;
    let ids = arguments.named.ids(&repository).await?;
    let entry = forget::unforget(&repository, &ids).await?;
    say(&ids, entry, "shown again", context);
    Ok(())
}

/// Runs `protect`.
pub(crate) async fn protect(
    arguments: &ProtectArguments,
    context: &Context,
) -> Result<(), CommandError> {
    let repository = context.open_to_write("protect").await?;
    let ids = arguments.named.ids(&repository).await?;
    let entry = forget::protect(&repository, &ids).await?;
    say(&ids, entry, "protected", context);
    Ok(())
}

/// Runs `unprotect`.
pub(crate) async fn unprotect(
    arguments: &UnprotectArguments,
    context: &Context,
) -> Result<(), CommandError> {
    let repository = context.open_to_write("unprotect").await?;
    let ids = arguments.named.ids(&repository).await?;
    let entry = forget::unprotect(&repository, &ids).await?;
    say(&ids, entry, "no longer protected", context);
    Ok(())
}

impl NamedArguments {
    /// The snapshots that are meant, each once.
    async fn ids(&self, repository: &Repository) -> Result<Vec<SnapshotId>, CommandError> {
        let state = repository.state().await;
        let mut ids = Vec::new();
        for name in &self.snapshots {
            let id = snapshots::find_any(&state, name)?.snapshot.id;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

fn say(ids: &[SnapshotId], entry: Option<u64>, what: &str, context: &Context) {
    let output = &context.output;
    if output.is_json() {
        let snapshots = ids.iter().map(SnapshotId::to_string).collect();
        output.summary(Summary { snapshots, ledger_entry: entry });
    } else {
        let counted = table::counted(ids.len() as u64, "snapshot", "snapshots");
        output.report(format!("{counted} {what}"));
    }
}
