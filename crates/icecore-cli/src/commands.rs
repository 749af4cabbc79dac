//! The subcommands, one file each.

pub(crate) mod init;

pub(crate) mod backup;
pub(crate) mod follow;

pub(crate) mod forget;
pub(crate) mod unforget;

pub(crate) mod show;
pub(crate) mod snapshots;
pub(crate) mod streams;

pub(crate) mod drill;
#[cfg(feature = "ndjson")]
pub(crate) mod dump;
pub(crate) mod recover;
pub(crate) mod restore;
pub(crate) mod timeline;

pub(crate) mod check;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod prune;

#[cfg(feature = "sqlite")]
pub(crate) mod demo;

#[cfg(feature = "serve")]
pub(crate) mod serve;

pub(crate) mod completions;
pub(crate) mod man;

use crate::arguments::Command;
use crate::context::Context;
use crate::error::CommandError;

/// Runs a subcommand until it ends, until an interruption that it need not hear of, or until this process
/// may not write any more.
pub(crate) async fn run_until_interrupted(
    command: Command,
    context: &Context,
) -> Result<(), CommandError> {
    tokio::select! {
        ended = run(command, context) => ended,
        () = context.interrupt.nothing_to_wait_for() => Err(CommandError::Interrupted),
        error = context.stopped_by_others() => Err(error),
    }
}

async fn run(command: Command, context: &Context) -> Result<(), CommandError> {
    match command {
        Command::Init(arguments) => init::run(&arguments, context).await,
        Command::Backup(arguments) => backup::run(arguments, context).await,
        Command::Follow(arguments) => Box::pin(follow::run(*arguments, context)).await,
        Command::Forget(arguments) => Box::pin(forget::run(&arguments, context)).await,
        Command::Unforget(arguments) => unforget::unforget(&arguments, context).await,
        Command::Protect(arguments) => unforget::protect(&arguments, context).await,
        Command::Unprotect(arguments) => unforget::unprotect(&arguments, context).await,
        Command::Snapshots(arguments) => snapshots::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Streams(arguments) => streams::run(&arguments, context).await,
        Command::Restore(arguments) => restore::run(arguments, context).await,
        Command::Recover(arguments) => recover::run(*arguments, context).await,
        Command::Drill(arguments) => Box::pin(drill::run(*arguments, context)).await,
        #[cfg(feature = "ndjson")]
        Command::Dump(arguments) => dump::run(&arguments, context).await,
        Command::Timeline(arguments) => timeline::run(&arguments, context).await,
        Command::Check(arguments) => check::run(&arguments, context).await,
        Command::Key(arguments) => key::run(arguments, context).await,
        Command::Log(arguments) => log::run(&arguments, context).await,
        Command::Prune(arguments) => prune::run(&arguments, context).await,
        #[cfg(feature = "sqlite")]
        Command::Demo(arguments) => demo::run(&arguments, context).await,
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(*arguments, context).await,
        Command::Completions(arguments) => {
            completions::run(&arguments, context);
            Ok(())
        }
        Command::Man(arguments) => man::run(&arguments, context),
    }
}
