//! What was to be reached, and what was: each as a figure and the most that it may be.

use super::super::options::What;
use super::report::{PostgresReport, PostgresStep};

/// A figure that was to be reached.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Floor {
    pub(super) what: &'static str,
    pub(super) found: f64,
    pub(super) most: f64,
}

impl Floor {
    pub(super) fn is_reached(&self) -> bool {
        self.found <= self.most
    }
}

/// All that the steps that were measured tell.
pub(super) fn floors(report: &PostgresReport) -> Vec<Floor> {
    use PostgresStep as Step;
    if report.what == What::PostgresNarrow {
        let memory = report.figures(Step::First).map(|it| it.peak_anonymous_bytes as f64 / 1e6);
        let what = "first backup, memory in MB";
        return memory.map(|found| Floor { what, found, most: 300.0 }).into_iter().collect();
    }
    let wall = |step| report.figures(step).map(|figures| figures.wall_s);
    let stored = |step| report.figures(step).and_then(|it| it.repository_bytes).map(|it| it as f64);
    let beside_opening = |step| Some(wall(step)? - wall(Step::Open)?);
    let of = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let cpu = report.figures(Step::First).map(|it| it.cpu_s / (report.events as f64 / 1e6));
    let proof = wall(Step::Proof);
    // Nothing new, and a twentieth of a first backup.
    let appended = wall(Step::First).zip(proof).and_then(|(first, proof)| {
        Some(beside_opening(Step::Appended)? / (1.3 * proof + 0.05 * first))
    });
    let found = [
        ("first backup, of psql COPY", of(wall(Step::First), wall(Step::CopyOut)), 1.6),
        ("first backup, CPU seconds per million events", cpu, 4.2),
        ("stored, of pg_dump -Fc", of(stored(Step::First), stored(Step::Dump)), 0.72),
        ("first backup, of pg_dump -Fc -Z1", of(wall(Step::First), wall(Step::DumpFast)), 1.0),
        (
            "nothing new by positions, seconds beside opening",
            beside_opening(Step::UnchangedByPositions),
            0.5,
        ),
        (
            "nothing new by identities beside opening, of the proving query",
            of(beside_opening(Step::Unchanged), proof),
            1.3,
        ),
        ("1% new beside opening, of 1.3 proving queries and 0.05 first backups", appended, 1.0),
        ("restore, of pg_restore -j2", of(wall(Step::Restore), wall(Step::RestoreDump)), 1.0),
    ];
    let floors = found
        .into_iter()
        .filter_map(|(what, found, most)| Some(Floor { what, found: found?, most }));
    floors.collect()
}
