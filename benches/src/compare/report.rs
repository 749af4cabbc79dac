//! What was measured: everything for a file, medians for a table.

use super::machine::Machine;
use super::options::What;
use super::process::Usage;
use super::source::Cold;
use super::tools::ICECORE;
use serde::Serialize;

/// The whole comparison.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was backed up.
    pub what: What,
    /// What the data were.
    pub data: Data,
    /// What it ran on.
    pub machine: Machine,
    /// How often everything was done.
    pub rounds: u64,
    /// How the page cache was emptied; `None` if it never was.
    pub cold: Option<Cold>,
    /// What was compared, icecore first.
    pub tools: Vec<ToolReport>,
    /// What was to be compared and is not here.
    pub missing: Vec<Missing>,
}

/// What was backed up, in bytes unless the name says otherwise.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Data {
    /// What it was generated from.
    pub seed: u64,
    /// How many events the first backup has.
    pub events: u64,
    /// Length of these.
    pub bytes: u64,
    /// How many events are appended.
    pub appended_events: u64,
    /// Length of these.
    pub appended_bytes: u64,
    /// What the appended events come to by themselves, by zstd at level 1.
    pub appended_zstd_bytes: u64,
    /// What a new repository of icecore grows by when it gets the appended events alone.
    pub appended_alone_bytes: Option<u64>,
    /// The part of its size that restic stores the data in; `None` if restic was not compared.
    pub restic_share: Option<f64>,
}

/// A peer that is not here.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// What one tool took.
#[derive(Debug, Clone, Serialize)]
pub struct ToolReport {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it made the repository, with the variables that it was told more by.
    pub init: String,
    /// Its steps, in the order in which they were first made.
    pub steps: Vec<StepReport>,
    /// Why it did not go on.
    pub failure: Option<String>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The first backup.
    First,
    /// Listing the snapshots: what every command takes for opening the repository.
    Open,
    /// Reading all of the source again, and finding nothing new.
    Reread,
    /// A backup after events were appended.
    Appended,
    /// The same, trusting that what was there has not changed.
    AppendedTrusting,
    /// Restoring all.
    Restore,
    /// Checking the repository with all data.
    Check,
    /// Restoring one stream.
    OneStream,
}

/// What one tool took for one step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// The step.
    pub step: Step,
    /// The command line of the first run.
    pub command: String,
    /// The middle of what the runs took, each figure by itself.
    pub median: Figures,
    /// The runs.
    pub runs: Vec<Run>,
}

/// One run of a program.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Run {
    /// What it took.
    #[serde(flatten)]
    pub usage: Usage,
    /// What the repository came to after the first backup; for later ones, what it grew by.
    pub repository_bytes: Option<u64>,
    /// How many programs ran or wanted to, in the minute before.
    pub load_before: f64,
}

/// Figures of one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Seconds from start to end.
    pub wall_s: f64,
    /// Processor seconds, user and system.
    pub cpu_s: f64,
    /// The most memory that was resident at a time, mapped files included.
    pub peak_resident_bytes: u64,
    /// The most memory of its own.
    pub peak_anonymous_bytes: u64,
    /// What the repository came to, or grew by.
    pub repository_bytes: Option<u64>,
}

impl Report {
    /// The report of this tool.
    pub fn tool(&self, name: &str) -> Option<&ToolReport> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Whether icecore did not fail; it may not have been compared.
    pub fn icecore_is_well(&self) -> bool {
        self.tool(ICECORE).is_none_or(|tool| tool.failure.is_none())
    }
}

impl ToolReport {
    /// A tool that did nothing yet.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            init: String::new(),
            steps: Vec::new(),
            failure: None,
        }
    }

    /// Adds a run.
    pub fn record(&mut self, step: Step, command: String, run: Run) {
        let known = self.steps.iter().position(|known| known.step == step);
        let index = known.unwrap_or_else(|| {
            let (median, runs) = (Figures::default(), Vec::new());
            self.steps.push(StepReport { step, command, median, runs });
            self.steps.len() - 1
        });
        if let Some(known) = self.steps.get_mut(index) {
            known.runs.push(run);
            known.median = Figures::median(&known.runs);
        }
    }

    /// The figures of a step; `None` if it was never made.
    pub fn figures(&self, step: Step) -> Option<&Figures> {
        self.steps.iter().find(|known| known.step == step).map(|known| &known.median)
    }
}

impl Figures {
    /// Of each figure, the middle one.
    pub(super) fn median(runs: &[Run]) -> Self {
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let stored: Vec<f64> =
            runs.iter().filter_map(|run| run.repository_bytes).map(|bytes| bytes as f64).collect();
        Self {
            wall_s: of(|run| run.usage.wall_s),
            cpu_s: of(|run| run.usage.user_s + run.usage.system_s),
            peak_resident_bytes: of(|run| run.usage.peak_resident_bytes as f64) as u64,
            peak_anonymous_bytes: of(|run| run.usage.peak_anonymous_bytes as f64) as u64,
            repository_bytes: (!stored.is_empty()).then(|| median(stored) as u64),
        }
    }
}

/// The middle one; of an even number, the mean of the two in the middle; of none, zero.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0.0);
    if numbers.len().is_multiple_of(2) {
        at(middle.wrapping_sub(1)).midpoint(at(middle))
    } else {
        at(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wall_s: f64, cpu_s: f64, stored: Option<u64>) -> Run {
        let usage = Usage {
            wall_s,
            user_s: cpu_s,
            system_s: 0.5,
            peak_resident_bytes: 7,
            peak_anonymous_bytes: 5,
        };
        Run { usage, repository_bytes: stored, load_before: 0.0 }
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]).to_bits(), 5f64.to_bits());
        assert_eq!(median(vec![4.0, 1.0, 2.0, 100.0]).to_bits(), 3f64.to_bits());
        assert_eq!(median(vec![2.0]).to_bits(), 2f64.to_bits());
        assert_eq!(median(vec![]).to_bits(), 0f64.to_bits());
    }

    #[test]
    fn each_figure_has_a_median_of_its_own() {
        let mut tool = ToolReport::new("restic", "1");
        assert_eq!(tool.figures(Step::First), None);
        for (wall_s, cpu_s, stored) in [(1.0, 9.0, 10), (2.0, 8.0, 30), (3.0, 7.0, 20)] {
            tool.record(Step::First, "restic backup".to_owned(), run(wall_s, cpu_s, Some(stored)));
        }
        tool.record(Step::Open, "restic snapshots".to_owned(), run(0.5, 0.5, None));
        let expected = Figures {
            wall_s: 2.0,
            cpu_s: 8.5,
            peak_resident_bytes: 7,
            peak_anonymous_bytes: 5,
            repository_bytes: Some(20),
        };
        assert_eq!(tool.figures(Step::First), Some(&expected));
        assert_eq!(tool.figures(Step::Open).unwrap().repository_bytes, None);
        assert_eq!(tool.steps.len(), 2);
    }
}
