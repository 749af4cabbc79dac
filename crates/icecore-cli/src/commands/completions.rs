//! `icecore completions`: completion for a shell.

use crate::arguments::Cli;
use crate::context::Context;
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
For bash: icecore completions bash > ~/.local/share/bash-completion/completions/icecore")]
pub(crate) struct Arguments {
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, context: &Context) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "icecore", &mut script);
    context.output.document(&script);
}
