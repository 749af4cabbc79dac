//! `icecore man`: manual pages.

use crate::arguments::Cli;
use crate::context::Context;
use crate::error::CommandError;
use clap::{Args, CommandFactory as _};
use std::path::PathBuf;

/// Print the manual page, or write the pages of all commands
#[derive(Debug, Args)]
#[command(after_help = "To read it at once: icecore man | man -l -")]
pub(crate) struct Arguments {
    /// Write a page for every command into this directory
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    if let Some(directory) = &arguments.directory {
        let failed = |source| CommandError::Pages { directory: directory.clone(), source };
        std::fs::create_dir_all(directory).map_err(failed)?;
        return clap_mangen::generate_to(Cli::command(), directory).map_err(failed);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(CommandError::Runtime)?;
    context.output.document(&page);
    Ok(())
}
