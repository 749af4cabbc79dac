//! What a drill showed, for programs, for people, and as a page to keep.

use super::proof::{Check, Proof};
use crate::commands::recover::report::{PlanView, Report, in_seconds};
use crate::error::CommandError;
use crate::output::Output;
use crate::{table, times};
use icecore_format::Timestamp;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use utoipa::ToSchema;

/// What a drill showed, with what a recovery's result says of the source and the point
#[derive(Serialize, ToSchema)]
#[schema(as = DrillResult)]
pub(crate) struct DrillReport<'a> {
    proven: bool,
    started: String,
    /// What is said of the source and the point where nothing was recovered.
    #[serde(flatten)]
    #[schema(ignore)]
    plan: Option<PlanView<'a>>,
    #[serde(flatten)]
    #[schema(ignore)]
    asked: Option<Asked<'a>>,
    has_tail: bool,
    events: u64,
    streams: u64,
    resolve_s: f64,
    restore_s: f64,
    verify_s: f64,
    duration_s: f64,
    checks: &'a [Check],
    notes: &'a [String],
    /// The ledger entry that records it.
    ledger_entry: Option<u64>,
    #[serde(skip)]
    title: String,
    #[serde(skip)]
    lines: Vec<String>,
}

/// What was asked for.
#[derive(Serialize)]
struct Asked<'a> {
    source: &'a str,
    target: &'a str,
}

impl<'a> DrillReport<'a> {
    pub(super) fn new(
        text: &'a Report<'a>,
        proof: &'a Proof,
        started: Timestamp,
        ledger_entry: Option<u64>,
    ) -> Self {
        let report = proof.report.as_ref();
        let restored = report.map(|report| &report.restored);
        let phases = report.map_or([0; 3], |report| {
            let restored = &report.restored;
            [report.resolve_nanoseconds, restored.copy_nanoseconds, restored.complete_nanoseconds]
        });
        let [resolve_s, restore_s, verify_s] = phases.map(in_seconds);
        let asked = Asked { source: text.source, target: text.target };
        Self {
            proven: proof.failed() == 0,
            started: times::exact(started),
            plan: report.map(|report| text.plan(&report.plan)),
            asked: Some(asked).filter(|_| report.is_none()),
            has_tail: report.is_some_and(|report| report.plan.state.has_tail()),
            events: restored.map_or(0, |restored| restored.events_restored),
            streams: restored.map_or(0, |restored| restored.streams_restored),
            resolve_s,
            restore_s,
            verify_s,
            duration_s: proof.seconds,
            checks: &proof.checks,
            notes: restored.map_or(&[], |restored| &restored.written.notes),
            ledger_entry,
            title: format!("{} to {} in {}", text.source, text.point_text(), text.target),
            lines: report.map_or_else(Vec::new, |report| text.plan_lines(&report.plan)),
        }
    }

    /// Prints it.
    pub(super) fn print(&self, output: &Output) {
        if output.is_json() {
            output.summary(self);
            return;
        }
        // Who asks for quiet hears only of what is not as it should be.
        let print = |line: String| {
            if self.proven { output.report(line) } else { output.line(line) }
        };
        print(format!("drilled the recovery of {}", self.title));
        if let Some(counts) = self.counts() {
            print(format!("  {counts}"));
        }
        for line in self.lines.iter().chain(self.notes) {
            print(format!("  {line}"));
        }
        for check in self.checks {
            print(format!("  {} ({}): {}", check.outcome.label(), check.name, check.said));
            for detail in &check.details {
                print(format!("    {detail}"));
            }
        }
        if let Some(entry) = self.ledger_entry {
            print(format!("  recorded as ledger entry {entry}"));
        }
        print(self.verdict());
    }

    /// Writes it to a file.
    pub(super) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        let text = if is_json {
            // Only maps without text as keys cannot be written, and there are none.
            serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
        } else {
            self.page()
        };
        let failed = |source| CommandError::Report { path: path.to_owned(), source };
        std::fs::write(path, text).map_err(failed)
    }

    /// A page in Markdown.
    fn page(&self) -> String {
        let mut page = format!("# Recovery of {}\n\n", plain(&self.title));
        let mut line = |text: String| {
            // Texts can always be added to.
            let _ = writeln!(page, "{text}");
        };
        line(format!("**{}** The drill began at {}.", plain(&self.verdict()), self.started));
        line(String::new());
        for text in self.counts().iter().chain(&self.lines).chain(self.notes) {
            line(format!("- {}", plain(text)));
        }
        if let Some(entry) = self.ledger_entry {
            line(format!("- recorded as ledger entry {entry}"));
        }
        line("\n## Checks\n\n| check | outcome | |\n|---|---|---|".to_owned());
        for Check { name, outcome, said, details } in self.checks {
            let told = std::iter::once(said).chain(details).map(|text| plain(text));
            let told = told.collect::<Vec<_>>().join("<br>");
            line(format!("| {name} | {} | {told} |", outcome.label()));
        }
        page
    }

    fn counts(&self) -> Option<String> {
        self.plan.as_ref()?;
        Some(format!(
            "{} in {}, {} (finding the point {}, copying {}, completing and verifying {})",
            table::counted(self.events, "event", "events"),
            table::counted(self.streams, "stream", "streams"),
            table::duration(self.duration_s),
            table::duration(self.resolve_s),
            table::duration(self.restore_s),
            table::duration(self.verify_s),
        ))
    }

    fn verdict(&self) -> String {
        let made = self.checks.iter().filter(|check| check.outcome.is_made()).count() as u64;
        let failed = self.checks.iter().filter(|check| check.outcome.is_failed()).count() as u64;
        let checks = table::counted(made, "check", "checks");
        if failed == 0 {
            format!("Proven by {checks}.")
        } else {
            format!("NOT PROVEN: {} of {checks} failed.", table::count(failed))
        }
    }
}

/// The text as Markdown shows it: names come from sources, and may be anything.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => {
                plain.push('\\');
                plain.push(character);
            }
            _ if character.is_control() => plain.extend(character.escape_default()),
            _ => plain.push(character),
        }
    }
    plain
}
