//! The report as text: one row for each figure, one column for each tool, and what icecore takes of
//! what the best peer takes.

use super::machine::Machine;
use super::report::{Data, Figures, Report, Step, ToolReport};
use super::source::Cold;
use super::tools::ICECORE;

/// A figure of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Wall,
    Cpu,
    Resident,
    Anonymous,
    Stored,
    Added,
    /// Wall time beside that of opening the repository.
    BesideOpening,
}

const BACKUP: &[Measure] =
    &[Measure::Wall, Measure::Cpu, Measure::Resident, Measure::Anonymous, Measure::Added];
const READING: &[Measure] = &[Measure::Wall, Measure::Cpu, Measure::Resident, Measure::Anonymous];

/// The rows, by step.
const ROWS: [(Step, &[Measure]); 8] = [
    (
        Step::First,
        &[Measure::Wall, Measure::Cpu, Measure::Resident, Measure::Anonymous, Measure::Stored],
    ),
    (Step::Reread, BACKUP),
    (Step::Appended, BACKUP),
    (Step::AppendedTrusting, BACKUP),
    (Step::Restore, READING),
    (Step::Check, READING),
    (Step::Open, &[Measure::Wall, Measure::Cpu]),
    (Step::OneStream, &[Measure::Wall, Measure::BesideOpening]),
];

/// What a step is called.
pub(super) fn step_title(step: Step) -> &'static str {
    match step {
        Step::First => "First backup",
        Step::Reread => "All read again, nothing new",
        Step::Appended => "1% appended",
        Step::AppendedTrusting => "1% appended, trusting the rest",
        Step::Restore => "Restore",
        Step::Check => "Check with all data",
        Step::Open => "Opening (list snapshots)",
        Step::OneStream => "One stream",
    }
}

impl Measure {
    fn title(self) -> &'static str {
        match self {
            Self::Wall => "wall s",
            Self::Cpu => "cpu s",
            Self::Resident => "peak RSS MB",
            Self::Anonymous => "peak anon MB",
            Self::Stored => "stored MB",
            Self::Added => "added MB",
            Self::BesideOpening => "beside opening s",
        }
    }

    fn of(self, tool: &ToolReport, step: Step) -> Option<f64> {
        let figures: &Figures = tool.figures(step)?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        match self {
            Self::Wall => Some(figures.wall_s),
            Self::Cpu => Some(figures.cpu_s),
            Self::Resident => Some(megabytes(figures.peak_resident_bytes)),
            Self::Anonymous => Some(megabytes(figures.peak_anonymous_bytes)),
            Self::Stored | Self::Added => figures.repository_bytes.map(megabytes),
            Self::BesideOpening => Some(figures.wall_s - tool.figures(Step::Open)?.wall_s),
        }
    }
}

/// Renders the table and what has to be known beside it.
pub(super) fn render(report: &Report) -> String {
    let notes = notes(report).into_iter().map(|note| format!("- {note}"));
    let blank = String::new;
    let mut lines = vec![heading(report), blank()];
    lines.extend(aligned(&rows(report), 2));
    lines.push(blank());
    lines.extend(notes);
    lines.push(blank());
    lines.join("\n")
}

fn heading(report: &Report) -> String {
    let data = &report.data;
    format!(
        "{} events as NDJSON, {:.2} GB (seed {}); {} more appended; medians of {}\n{}",
        thousands(data.events),
        data.bytes as f64 / 1e9,
        data.seed,
        thousands(data.appended_events),
        report.rounds,
        heading_of_machine(&report.machine),
    )
}

/// What it ran on, in a line.
pub(super) fn heading_of_machine(machine: &Machine) -> String {
    format!(
        "{}, {} cores, {:.0} GB memory, Linux {}, {}",
        machine.processor,
        machine.cores,
        machine.memory_bytes as f64 / 1e9,
        machine.kernel,
        machine.file_system,
    )
}

fn rows(report: &Report) -> Vec<Vec<String>> {
    let mut titles = vec![String::new(), String::new()];
    titles.extend(report.tools.iter().map(|tool| {
        let failed = if tool.failure.is_some() { " (failed)" } else { "" };
        format!("{} {}{failed}", tool.name, tool.version)
    }));
    titles.push("of best peer".to_owned());
    let mut rows = vec![titles];
    for (step, measures) in ROWS {
        if report.tools.iter().all(|tool| tool.figures(step).is_none()) {
            continue;
        }
        for (number, measure) in measures.iter().enumerate() {
            let title = if number == 0 { step_title(step) } else { "" };
            let mut row = vec![title.to_owned(), measure.title().to_owned()];
            row.extend(report.tools.iter().map(|tool| cell(measure.of(tool, step))));
            row.push(ratio(report, step, *measure));
            rows.push(row);
        }
    }
    rows
}

/// What icecore takes, as a part of what the best peer takes.
fn ratio(report: &Report, step: Step, measure: Measure) -> String {
    let mut peers = report.tools.iter().filter(|tool| tool.name != ICECORE);
    let own = report.tool(ICECORE).and_then(|tool| measure.of(tool, step));
    let best = peers.by_ref().filter_map(|tool| measure.of(tool, step)).reduce(f64::min);
    match (own, best) {
        (Some(own), Some(best)) if best > 0.0 => format!("{:.2}", own / best),
        _ => "-".to_owned(),
    }
}

/// A figure with three digits.
pub(super) fn cell(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() >= 99.95 => format!("{value:.0}"),
        Some(value) if value.abs() >= 9.995 => format!("{value:.1}"),
        Some(value) if value.abs() >= 0.0995 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}

/// The first columns to the left, so many of them, the others to the right.
pub(super) fn aligned(rows: &[Vec<String>], left: usize) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    for missing in &report.missing {
        notes.push(format!("{} is missing: {}", missing.name, missing.why));
    }
    for tool in &report.tools {
        if let Some(failure) = &tool.failure {
            notes.push(format!("{} FAILED: {failure}", tool.name));
        }
    }
    notes.push(restic_test(&report.data));
    notes.push(appended_alone(&report.data));
    notes.push(match report.cold {
        Some(Cold::DropCaches) => {
            "before all was read again, the page cache was emptied by drop_caches".to_owned()
        }
        Some(Cold::Fadvise) => "before all was read again, the source was taken out of the page \
                                cache by posix_fadvise, as only root may empty it"
            .to_owned(),
        None => "nothing was read again".to_owned(),
    });
    if report.machine.load_before >= 0.5 {
        notes.push(format!(
            "the machine was busy before the start (load {:.2}): wall times say little",
            report.machine.load_before
        ));
    }
    notes
}

fn restic_test(data: &Data) -> String {
    match data.restic_share {
        Some(share) => format!(
            "restic stores the data in {:.0}% of their size; less than 25% would have been refused",
            share * 100.0
        ),
        None => "whether the data are too easy was not tested, as that needs restic".to_owned(),
    }
}

fn appended_alone(data: &Data) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let icecore = data
        .appended_alone_bytes
        .map(|bytes| format!(", {:.2} MB in a new repository of icecore", megabytes(bytes)));
    format!(
        "the appended events by themselves are {:.2} MB, {:.2} MB by zstd -1{}",
        megabytes(data.appended_bytes),
        megabytes(data.appended_zstd_bytes),
        icecore.unwrap_or_default(),
    )
}

/// A number with its digits in threes.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
