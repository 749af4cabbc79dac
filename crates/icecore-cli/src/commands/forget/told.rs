//! What is said of a plan: every snapshot with what becomes of it, and what can be recovered then.

use super::counted;
use crate::output::Output;
use crate::table::{self, Side};
use crate::times;
use icecore::forget::{Window, WindowChange};
use icecore::retention::{Candidate, Disagreement, Group, Period, Plan, Reason};
use icecore_format::SnapshotId;
use icecore_format::snapshot::Tag;
use serde::Serialize;

/// A plan, and what follows from it.
pub(super) struct Told<'a> {
    pub(super) plan: &'a Plan,
    pub(super) windows: &'a [WindowChange],
    pub(super) bytes_freed: Option<u64>,
    pub(super) dry_run: bool,
}

#[derive(Serialize)]
struct SnapshotLine<'a> {
    snapshot_id: String,
    source: &'a str,
    host: &'a str,
    key: String,
    time: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

#[derive(Serialize)]
struct WindowLine<'a> {
    source: &'a str,
    source_kind: &'a str,
    selection: &'a [String],
    host: &'a str,
    before: Option<WindowView>,
    after: Option<WindowView>,
}

#[derive(Serialize)]
struct WindowView {
    from: String,
    until: String,
}

#[derive(Serialize)]
struct Summary {
    dry_run: bool,
    kept: usize,
    removed: usize,
    clocks_in_doubt: usize,
    bytes_freed: Option<u64>,
    ledger_entry: Option<u64>,
}

impl Told<'_> {
    /// Says what would be done.
    pub(super) fn print_plan(&self, is_by_name: bool, output: &Output) {
        if output.is_json() {
            self.print_lines(is_by_name, output);
        } else {
            for group in &self.plan.groups {
                let rows = rows(group, is_by_name);
                if !is_by_name {
                    output.report(format!(
                        "{}: {} kept, {} removed",
                        named(&group.group),
                        counted(group.kept.len()),
                        table::count(group.removed.len() as u64),
                    ));
                }
                for line in table::lines(COLUMNS, &rows) {
                    output.report(format!("  {line}"));
                }
            }
            for change in self.windows.iter().filter(|change| change.before != change.after) {
                output.report(format!(
                    "{} on {}: as it was {}; then {}",
                    change.source.name,
                    change.host,
                    spelled(change.before),
                    spelled(change.after),
                ));
            }
        }
        for (candidate, disagreement) in self.plan.disagreeing() {
            let message = format!(
                "the time of snapshot {} is in doubt: {}",
                short(candidate.id),
                doubt(disagreement)
            );
            let hint = "it is kept and pushes none out; if its time is wrong, forget it by its id";
            output.warn(&message, Some(hint));
        }
    }

    /// Says what was done.
    pub(super) fn print_end(&self, entry: Option<u64>, output: &Output) {
        let removed = self.plan.removed().len();
        if output.is_json() {
            output.summary(Summary {
                dry_run: self.dry_run,
                kept: self.plan.groups.iter().map(|group| group.kept.len()).sum(),
                removed,
                clocks_in_doubt: self.plan.disagreeing().len(),
                bytes_freed: self.bytes_freed,
                ledger_entry: entry,
            });
            return;
        }
        let would = if self.dry_run { "would be forgotten" } else { "forgotten" };
        output.report(match removed {
            0 => "nothing is to be forgotten".to_owned(),
            _ => format!("{} {would}", counted(removed)),
        });
        if removed == 0 {
            return;
        }
        if let Some(bytes) = self.bytes_freed {
            output.report(format!(
                "  {} that nothing else needs: freed when they are released and pruned",
                table::bytes(bytes)
            ));
        }
        if !self.dry_run {
            output.report("  `icecore unforget` shows them again until then");
        }
    }

    fn print_lines(&self, is_by_name: bool, output: &Output) {
        for group in &self.plan.groups {
            for (candidate, reasons) in group.kept.iter().filter(|_| !is_by_name) {
                output.message("kept", line(candidate, reasons));
            }
            for candidate in &group.removed {
                output.message("removed", line(candidate, &[]));
            }
        }
        for change in self.windows {
            output.message(
                "window",
                WindowLine {
                    source: &change.source.name,
                    source_kind: &change.source.kind,
                    selection: &change.source.selection,
                    host: &change.host,
                    before: change.before.map(WindowView::new),
                    after: change.after.map(WindowView::new),
                },
            );
        }
    }
}

impl WindowView {
    fn new(window: Window) -> Self {
        Self { from: times::exact(window.from), until: times::exact(window.until) }
    }
}

const COLUMNS: [(&str, Side); 4] =
    [("", Side::Left), ("snapshot", Side::Left), ("time", Side::Left), ("why", Side::Left)];

fn rows(group: &icecore::retention::GroupPlan, is_by_name: bool) -> Vec<[String; 4]> {
    let row = |what: &str, candidate: &Candidate, why: String| {
        (
            candidate.number,
            [what.to_owned(), short(candidate.id), times::short(candidate.time), why],
        )
    };
    let kept = group.kept.iter().filter(|_| !is_by_name).map(|(candidate, reasons)| {
        let reasons: Vec<String> = reasons.iter().map(reason).collect();
        row("keep", candidate, reasons.join(", "))
    });
    let removed = group.removed.iter().map(|candidate| {
        let why = if is_by_name { candidate.source.name.clone() } else { String::new() };
        row("forget", candidate, why)
    });
    let mut rows: Vec<_> = kept.chain(removed).collect();
    rows.sort_unstable_by_key(|(number, _)| *number);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn line<'a>(candidate: &'a Candidate, reasons: &[Reason]) -> SnapshotLine<'a> {
    SnapshotLine {
        snapshot_id: candidate.id.to_string(),
        source: &candidate.source.name,
        host: &candidate.host,
        key: candidate.author.to_string(),
        time: times::exact(candidate.time),
        reasons: reasons.iter().map(reason).collect(),
    }
}

/// What the snapshots of a group have in common.
fn named(group: &Group) -> String {
    let source = group.source.as_ref().map(|source| match source.selection.as_slice() {
        [] => source.name.clone(),
        selection => format!("{} ({})", source.name, selection.join(", ")),
    });
    let tags = group.tags.as_ref().map(|tags| match tags.as_slice() {
        [] => "without labels".to_owned(),
        tags => format!("with {}", tags.iter().map(Tag::to_string).collect::<Vec<_>>().join(", ")),
    });
    let parts = [
        source,
        group.host.as_ref().map(|host| format!("on {host}")),
        group
            .key
            .map(|key| format!("by key {}", key.to_string().chars().take(8).collect::<String>())),
        tags,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "all snapshots".to_owned() } else { parts.join(" ") }
}

/// Why a snapshot is kept, in a word or two.
fn reason(reason: &Reason) -> String {
    let of = |period: &Period| match period {
        Period::Hour => "hourly",
        Period::Day => "daily",
        Period::Week => "weekly",
        Period::Month => "monthly",
        Period::Year => "yearly",
    };
    match reason {
        Reason::Newest => "newest".to_owned(),
        Reason::Last => "last".to_owned(),
        Reason::Of(period) => of(period).to_owned(),
        Reason::Oldest(period) => format!("oldest {}", of(period)),
        Reason::Within => "within".to_owned(),
        Reason::WithinOf(period) => format!("{} within", of(period)),
        Reason::Tag(tag) => format!("label {tag}"),
        Reason::RecoveryWindow => "recovery window".to_owned(),
        Reason::Protected => "protected".to_owned(),
        Reason::RetainedUntil(until) => format!("until {}", times::short(*until)),
        Reason::OutOfScope => "not asked for".to_owned(),
        Reason::Tail => "tail".to_owned(),
        Reason::Clock(_) => "clock in doubt".to_owned(),
    }
}

fn doubt(disagreement: Disagreement) -> String {
    match disagreement {
        Disagreement::AfterNow => "it is later than this machine's clock".to_owned(),
        Disagreement::BeforeEarlier(other) => {
            format!("it is before that of {}, which was there earlier", short(other))
        }
        Disagreement::AfterLater(other) => {
            format!("it is after that of {}, which came later", short(other))
        }
    }
}

fn spelled(window: Option<Window>) -> String {
    match window {
        None => "at no moment".to_owned(),
        Some(Window { from, until }) => {
            format!("from {} until {}", times::short(from), times::short(until))
        }
    }
}

fn short(id: SnapshotId) -> String {
    id.to_string().chars().take(8).collect()
}
