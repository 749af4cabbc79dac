//! `icecore demo`: a shop's event store is backed up, lost, and brought back.
//!
//! Everything is real: the store is made and read by the crate `eventcore-sqlite`, the repository
//! is on disk, and every number is counted. It all happens in a temporary directory; neither the
//! user's repository nor the user's password is looked at.

mod rows;
mod shop;
mod story;

use crate::context::{self, Context};
use crate::error::CommandError;
use clap::Args;
use eventcore_sqlite::SqliteEventStoreError;
use eventcore_types::EventStoreError;
use icecore::environment::SystemRandom;
use icecore::local::LocalState;
use icecore_format::{Random as _, RepositoryId};
use std::path::PathBuf;
use std::time::Instant;
use story::Story;

/// Show a backup, a loss and a restore, on a store made for it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Keep the directory with the store and the repository
    #[arg(long)]
    keep: bool,
}

/// What ended the demo.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("cannot work in a temporary directory")]
    Directory(#[from] std::io::Error),
    #[error("cannot open the demo's event store")]
    Open(#[from] SqliteEventStoreError),
    #[error("cannot use the demo's event store")]
    Store(#[from] EventStoreError),
    #[error("cannot read the rows of the demo's event store")]
    Rows(#[from] rusqlite::Error),
    #[error("the restored store differs: {0}")]
    Differs(String),
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let began = Instant::now();
    let directory =
        tempfile::Builder::new().prefix("icecore-demo-").tempdir().map_err(DemoError::from)?;
    let password = random_password();
    let root = directory.path().to_owned();
    std::fs::write(root.join("password"), &password).map_err(DemoError::from)?;
    let environment = context::environment(LocalState {
        state_directory: Some(root.join("state")),
        cache_directory: Some(root.join("cache")),
    })?;
    let kept = arguments.keep.then(|| root.clone());
    let story = Story::new(root, environment, password, &context.output);
    story.tell(arguments.keep).await?;
    if arguments.keep {
        let _kept: PathBuf = directory.keep();
    } else {
        directory.close().map_err(DemoError::from)?;
    }
    story::try_next(kept.as_deref(), began.elapsed().as_secs_f64(), &context.output);
    Ok(())
}

fn random_password() -> String {
    let mut bytes = [0; 16];
    SystemRandom.fill(&mut bytes);
    // Printed as an id is: in hexadecimal.
    RepositoryId(bytes).to_string()
}
