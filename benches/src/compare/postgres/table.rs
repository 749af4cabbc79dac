//! The report as text: one row for each step, and what was to be reached.

use super::super::options::What;
use super::super::report::Figures;
use super::super::table::{aligned, cell, heading_of_machine, thousands};
use super::floors::floors;
use super::report::{PostgresReport, PostgresStep};

const STEPS: [PostgresStep; 12] = [
    PostgresStep::CopyOut,
    PostgresStep::Dump,
    PostgresStep::DumpFast,
    PostgresStep::First,
    PostgresStep::Open,
    PostgresStep::Unchanged,
    PostgresStep::Proof,
    PostgresStep::Appended,
    PostgresStep::FirstByPositions,
    PostgresStep::UnchangedByPositions,
    PostgresStep::Restore,
    PostgresStep::RestoreDump,
];

/// Renders the table and what has to be known beside it.
pub fn postgres_table(report: &PostgresReport) -> String {
    let titles = ["", "wall s", "cpu s", "peak RSS MB", "peak anon MB", "stored MB"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for step in STEPS {
        if let Some(figures) = report.figures(step) {
            rows.push(row(step, figures));
        }
    }
    let mut floors_found = vec![["", "found", "at most", ""].map(str::to_owned).to_vec()];
    floors_found.extend(floors(report).iter().map(|floor| {
        let missed = if floor.is_reached() { "" } else { "missed" };
        vec![
            floor.what.to_owned(),
            cell(Some(floor.found)),
            cell(Some(floor.most)),
            missed.to_owned(),
        ]
    }));
    let mut lines = vec![heading(report), heading_of_machine(&report.machine), String::new()];
    lines.extend(aligned(&rows, 1));
    lines.push(String::new());
    lines.extend(aligned(&floors_found, 1));
    lines.push(String::new());
    lines
        .push("- processor time and memory are those of the program, not of the server".to_owned());
    if report.machine.load_before >= 0.5 {
        lines.push(format!(
            "- the machine was busy before the start (load {:.2}): wall times say little",
            report.machine.load_before
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

fn heading(report: &PostgresReport) -> String {
    let (events, server) = (thousands(report.events), &report.server);
    let gigabytes = report.store_bytes as f64 / 1e9;
    if report.what == What::PostgresNarrow {
        return format!(
            "{events} narrow events in PostgreSQL {server}, {gigabytes:.2} GB without indexes; \
             medians of {}",
            report.rounds
        );
    }
    format!(
        "{events} events of EventCore in PostgreSQL {server}, {gigabytes:.2} GB with indexes \
         (seed {}); {} more appended in each round; medians of {}",
        report.seed,
        thousands(report.appended_events),
        report.rounds
    )
}

fn row(step: PostgresStep, figures: &Figures) -> Vec<String> {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    vec![
        step.title().to_owned(),
        cell(Some(figures.wall_s)),
        cell(Some(figures.cpu_s)),
        cell(Some(megabytes(figures.peak_resident_bytes))),
        cell(Some(megabytes(figures.peak_anonymous_bytes))),
        cell(figures.repository_bytes.map(megabytes)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::super::machine::Machine;
    use super::super::super::process::Usage;
    use super::super::super::report::Run;
    use super::*;

    fn report(what: What, steps: &[(PostgresStep, f64, Option<u64>)]) -> PostgresReport {
        let mut report = PostgresReport {
            what,
            seed: 1,
            events: 3_000_000,
            appended_events: 30_000,
            store_bytes: 2_060_000_000,
            server: "15.18".to_owned(),
            machine: Machine {
                processor: "Quick".to_owned(),
                cores: 2,
                memory_bytes: 8_000_000_000,
                kernel: "6.1".to_owned(),
                file_system: "ext4".to_owned(),
                load_before: 0.1,
            },
            rounds: 3,
            steps: Vec::new(),
        };
        for (step, wall_s, repository_bytes) in steps {
            let usage = Usage {
                wall_s: *wall_s,
                user_s: *wall_s * 0.5,
                system_s: 0.1,
                peak_resident_bytes: 120_000_000,
                peak_anonymous_bytes: 100_000_000,
            };
            let run = Run { usage, repository_bytes: *repository_bytes, load_before: 0.0 };
            report.record(*step, "command".to_owned(), run);
        }
        report
    }

    #[test]
    fn each_step_has_a_row_and_each_floor_its_verdict() {
        let steps = [
            (PostgresStep::CopyOut, 10.0, None),
            (PostgresStep::Dump, 60.0, Some(600_000_000)),
            (PostgresStep::First, 15.0, Some(480_000_000)),
            (PostgresStep::Open, 0.1, None),
            (PostgresStep::UnchangedByPositions, 0.4, None),
        ];
        insta::assert_snapshot!(postgres_table(&report(What::Postgres, &steps)));
    }

    #[test]
    fn of_narrow_events_memory_is_told() {
        let steps = [(PostgresStep::First, 15.0, Some(480_000_000))];
        insta::assert_snapshot!(postgres_table(&report(What::PostgresNarrow, &steps)));
    }
}
