//! `icecore log --verify`: whether the ledger is what those wrote who signed it, and what it means if not.

use super::EntryView;
use super::entry::content;
use super::filter::Filter;
use crate::context::Context;
use crate::error::CommandError;
use crate::explain::{Advice, alarm_advice, witness_advice};
use crate::output::Output;
use crate::table;
use icecore::Repository;
use icecore::ledger::{Alarm, WitnessFinding};
use icecore::repository::LedgerAudit;
use serde::Serialize;

#[derive(Serialize)]
struct AlarmView<'a> {
    alarm: &'static str,
    message: String,
    means: &'a str,
    to_do: &'a str,
}

#[derive(Serialize)]
struct Summary {
    entries: u64,
    valid: u64,
    void: u64,
    next: u64,
    head: String,
    alarms: usize,
}

/// Says what was verified, and what is wrong.
pub(super) fn run(
    repository: &Repository,
    known: &[Alarm],
    audit: &LedgerAudit,
    filter: &Filter<'_>,
    context: &Context,
) -> Result<(), CommandError> {
    let output = &context.output;
    let (alarms, witnesses) = causes(known, audit);
    let described = alarms.into_iter().map(|alarm| {
        let advice = alarm_advice(alarm, repository.config().repository, &context.local_state());
        (alarm_name(alarm), alarm.to_string(), advice)
    });
    let by_witness = witnesses
        .into_iter()
        .filter_map(|finding| Some(("witness", finding.to_string(), witness_advice(finding)?)));
    let alarms: Vec<(&'static str, String, Advice)> = described.chain(by_witness).collect();
    let void = audit.log.iter().filter(|logged| content(logged).0.is_some());
    let void: Vec<_> = void.filter(|logged| filter.wants(logged)).collect();
    for logged in &void {
        let view = EntryView::new(logged, &audit.state);
        if output.is_json() {
            output.message("entry", view);
        } else {
            let [number, _, kind, key, what] = view.row();
            let by = if key.is_empty() { String::new() } else { format!(" by key {key}") };
            output.line(format!("entry {number} ({kind}{by}) is {what}"));
        }
    }
    for (alarm, message, Advice { means, to_do }) in &alarms {
        if output.is_json() {
            let message = message.clone();
            output.message("alarm", AlarmView { alarm, message, means, to_do });
        } else {
            output.line(format!("ALARM: {message}"));
            output.line(format!("  it means: {means}"));
            output.line(format!("  to do: {to_do}"));
        }
    }
    print_summary(audit, alarms.len(), output);
    match alarms.len() as u64 {
        0 => Ok(()),
        alarms => Err(CommandError::LedgerAlarms { alarms }),
    }
}

/// What is wrong, without what only follows from it: of entries behind one that is missing nothing can be read,
/// so the end seems to be before it.
fn causes<'a>(
    known: &'a [Alarm],
    audit: &'a LedgerAudit,
) -> (Vec<&'a Alarm>, Vec<&'a WitnessFinding>) {
    let found = audit.alarms.iter().filter(|alarm| !known.contains(alarm));
    let mut alarms: Vec<&Alarm> = known.iter().chain(found).collect();
    let missing = alarms.iter().find_map(|alarm| match alarm {
        Alarm::Missing { number } => Some(*number),
        _ => None,
    });
    alarms.retain(
        |alarm| !matches!(alarm, Alarm::RolledBack { found, .. } if missing == Some(*found)),
    );
    let remembered = alarms.iter().find_map(|alarm| match alarm {
        Alarm::RolledBack { remembered, .. } => Some(*remembered),
        _ => None,
    });
    let follows = |finding: &&WitnessFinding| match finding {
        WitnessFinding::BeyondEnd { number } => {
            missing.is_some() || remembered.is_some_and(|remembered| *number < remembered)
        }
        _ => false,
    };
    let witnesses = audit.witnesses.iter().filter(|finding| !follows(finding)).collect();
    (alarms, witnesses)
}

fn print_summary(audit: &LedgerAudit, alarms: usize, output: &Output) {
    let entries = audit.log.len() as u64;
    let void = audit.log.iter().filter(|logged| content(logged).0.is_some()).count() as u64;
    let head = audit.state.head.to_string();
    if output.is_json() {
        output.summary(Summary {
            entries,
            valid: entries - void,
            void,
            next: audit.state.next,
            head,
            alarms,
        });
        return;
    }
    let entries = table::counted(entries, "entry", "entries");
    output.report(format!(
        "read {entries}, of which {} are void and change nothing",
        table::count(void)
    ));
    output.report(format!(
        "  the ledger ends before entry {}, with the hash {head}",
        audit.state.next
    ));
    if alarms == 0 {
        output.report(
            "  every entry that counts is signed by a key that the founder's goes back to, in one chain",
        );
    }
}

/// What to do about an alarm, in a line.
pub(super) fn advice_of(alarm: &Alarm, repository: &Repository, context: &Context) -> String {
    alarm_advice(alarm, repository.config().repository, &context.local_state()).to_do
}

/// What programs call an alarm.
fn alarm_name(alarm: &Alarm) -> &'static str {
    match alarm {
        Alarm::Damaged { .. } => "damaged",
        Alarm::Missing { .. } => "missing",
        Alarm::Fork { .. } => "fork",
        Alarm::RolledBack { .. } => "rolled_back",
        Alarm::Replaced { .. } => "replaced",
        _ => "other",
    }
}
