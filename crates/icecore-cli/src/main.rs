//! The `icecore` command: the only part of `IceCore` that reads the environment and a terminal.
//!
//! A run is one subcommand, and each has a file of its own in `commands`. What goes wrong is
//! turned into words and an exit code in `explain`, and nowhere else.

mod allocator;
mod arguments;
mod commands;

mod context;
mod directories;
mod event_store;
mod location;
mod locator;
#[cfg(feature = "postgres")]
mod mapping;
mod password;

mod interrupt;
mod output;
mod progress;

#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "object-storage")]
mod single_writer;

mod snapshot_view;
mod stream_list;
mod table;
mod times;

mod error;
mod explain;

#[cfg(all(test, feature = "postgres", feature = "sqlite"))]
mod documented;

use arguments::Cli;
use clap::{CommandFactory as _, FromArgMatches as _};
use context::Context;
use error::CommandError;
use interrupt::Interrupt;
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::give_back_large_blocks();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, &arguments),
    };
    let output = Output::new(cli.global.json, cli.global.quiet);
    output::log_to_stderr(cli.global.verbose);

    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)
        .and_then(|runtime| {
            let ended = runtime.block_on(run(cli, output.clone()));
            // A thread may be waiting for standard input, which nobody needs any more.
            runtime.shutdown_background();
            ended
        });
    // Last, so that a full disk below standard output is told even after everything went well.
    let ended = ended.and_then(|()| output.finish().map_err(CommandError::Output));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let explanation = explain::explain(&error);
            output.error(&error, &explanation);
            explanation.code.into()
        }
    }
}

/// Runs the command, and says what it asked of storage.
async fn run(cli: Cli, output: Output) -> Result<(), CommandError> {
    let interrupt = Interrupt::listen(output.clone()).map_err(CommandError::Runtime)?;
    let context = Context::new(cli.global, output, interrupt);
    let ended = commands::run_until_interrupted(cli.command, &context).await;
    context.release().await;
    if context.global.verbose > 0 {
        context.output.note_requests();
    }
    ended
}

fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Prints what clap has to say: help, the version, or what is wrong with the arguments.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let is_json =
        arguments.iter().take_while(|argument| *argument != "--").any(|it| it == "--json");
    if error.use_stderr() && is_json {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        Output::new(true, false).usage_error(message);
    } else {
        // Nobody may be listening, which is no reason for another exit code.
        drop(error.print());
    }
    u8::try_from(error.exit_code()).unwrap_or(explain::USAGE).into()
}
