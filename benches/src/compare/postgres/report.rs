//! What was measured beside PostgreSQL's own tools.

use super::super::machine::Machine;
use super::super::options::What;
use super::super::report::{Figures, Run};
use serde::Serialize;

/// The whole comparison.
#[derive(Debug, Clone, Serialize)]
pub struct PostgresReport {
    /// What was backed up.
    pub what: What,
    /// What the events were generated from.
    pub seed: u64,
    /// How many there are at first.
    pub events: u64,
    /// How many are appended in each round.
    pub appended_events: u64,
    /// What their table and its indexes take in the server, in bytes.
    pub store_bytes: u64,
    /// The server's version.
    pub server: String,
    /// What it ran on.
    pub machine: Machine,
    /// How often everything was done.
    pub rounds: u64,
    /// What was measured.
    pub steps: Vec<PostgresStepReport>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PostgresStep {
    /// `psql` copies the table out, to nowhere.
    CopyOut,
    /// `pg_dump -Fc` as it is.
    Dump,
    /// `pg_dump -Fc -Z1`.
    DumpFast,
    /// icecore's first backup.
    First,
    /// Listing the snapshots: what every command takes for opening the repository.
    Open,
    /// A backup when nothing is new, of a store without positions.
    Unchanged,
    /// The query by which that is proved, run by `psql`.
    Proof,
    /// A backup of the appended events.
    Appended,
    /// A first backup of the same store with delivery positions.
    FirstByPositions,
    /// A backup when nothing is new, of a store with positions.
    UnchangedByPositions,
    /// icecore restores all, and reads it back.
    Restore,
    /// `pg_restore -j2` of what `pg_dump -Fc` wrote.
    RestoreDump,
}

impl PostgresStep {
    /// What it is called in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::CopyOut => "psql COPY … TO STDOUT",
            Self::Dump => "pg_dump -Fc",
            Self::DumpFast => "pg_dump -Fc -Z1",
            Self::First => "icecore: first backup",
            Self::Open => "icecore: opening (list snapshots)",
            Self::Unchanged => "icecore: nothing new, proved by identities",
            Self::Proof => "psql: the proving query alone",
            Self::Appended => "icecore: 1% appended",
            Self::FirstByPositions => "icecore: first backup, in the order of positions",
            Self::UnchangedByPositions => "icecore: nothing new, proved by positions",
            Self::Restore => "icecore: restore, verified",
            Self::RestoreDump => "pg_restore -j2",
        }
    }
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct PostgresStepReport {
    /// The step.
    pub step: PostgresStep,
    /// The command line of the first run.
    pub command: String,
    /// The middle of what the runs took, each figure by itself. Processor time is that of the
    /// program, not of the server.
    pub median: Figures,
    /// The runs.
    pub runs: Vec<Run>,
}

impl PostgresReport {
    /// Adds a run.
    pub(super) fn record(&mut self, step: PostgresStep, command: String, run: Run) {
        let known = self.steps.iter().position(|known| known.step == step);
        let index = known.unwrap_or_else(|| {
            let (median, runs) = (Figures::default(), Vec::new());
            self.steps.push(PostgresStepReport { step, command, median, runs });
            self.steps.len() - 1
        });
        if let Some(known) = self.steps.get_mut(index) {
            known.runs.push(run);
            known.median = Figures::median(&known.runs);
        }
    }

    /// The figures of a step; `None` if it was never made.
    pub fn figures(&self, step: PostgresStep) -> Option<&Figures> {
        self.steps.iter().find(|known| known.step == step).map(|known| &known.median)
    }
}
