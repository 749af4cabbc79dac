//! `icecore log`: everything that ever changed the repository, read anew and verified.

mod csv;
mod entry;
mod filter;
mod verify;

use crate::context::Context;
use crate::error::CommandError;
use crate::table::{self, Side};
use clap::Args;
pub(crate) use entry::EntryView;
use filter::{Filter, FilterArguments};
use icecore::ledger::LoggedEntry;
use icecore_format::checkpoint::LedgerState;

/// List who changed what and when, as the ledger has it
#[derive(Debug, Args)]
#[command(after_help = "\
Every entry is read anew, its signature and its place in the chain are verified. An entry that does \
not count at its place, such as one beyond the role of its key, is listed as void: it changes nothing.

The times are those of the clocks of who wrote the entries. What counts is the order.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: FilterArguments,
    /// Print comma-separated values (RFC 4180), with a line of titles
    #[arg(long, conflicts_with_all = ["verify", "json"])]
    csv: bool,
    /// List nothing but what is wrong, with what it means; exit code 1 if the ledger cannot be trusted
    #[arg(long)]
    verify: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<(), CommandError> {
    let repository = context.open().await?;
    // What opening the repository has shown, which an audit does not: what this machine remembers.
    let known = repository.alarms().await;
    let filter = Filter::new(&arguments.filter, &repository.state().await)?;
    let audit = repository.audit().await?;
    if arguments.verify {
        return verify::run(&repository, &known, &audit, &filter, context);
    }
    let output = &context.output;
    for alarm in audit.alarms.iter().filter(|alarm| !known.contains(alarm)) {
        output.warn(&alarm.to_string(), Some(&verify::advice_of(alarm, &repository, context)));
    }
    for finding in &audit.witnesses {
        output.warn(&finding.to_string(), None);
    }
    let wanted: Vec<&LoggedEntry> = audit.log.iter().filter(|it| filter.wants(it)).collect();
    let views = wanted.iter().map(|logged| EntryView::new(logged, &audit.state));
    if output.is_json() {
        for view in views {
            output.message("entry", view);
        }
    } else if arguments.csv {
        output.line(csv::TITLES);
        for view in views {
            output.line(csv::line(&view));
        }
    } else if wanted.is_empty() {
        output.note(if audit.log.is_empty() { "nothing happened yet" } else { "no such entry" });
    } else {
        print_table(&wanted, &audit.state, context);
    }
    Ok(())
}

fn print_table(wanted: &[&LoggedEntry], ledger: &LedgerState, context: &Context) {
    let rows: Vec<_> = wanted.iter().map(|logged| EntryView::new(logged, ledger).row()).collect();
    let columns = [
        ("entry", Side::Right),
        ("time", Side::Left),
        ("kind", Side::Left),
        ("key", Side::Left),
        ("what", Side::Left),
    ];
    for line in table::lines(columns, &rows) {
        context.output.line(line);
    }
}
