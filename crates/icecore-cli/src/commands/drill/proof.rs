//! What a drill showed: checks that passed, that failed, and that were not made.

use icecore::recover::RecoverReport;
use serde::Serialize;
use utoipa::ToSchema;

/// Details of a check that are told one by one.
pub(super) const DETAILS_MAX: usize = 20;

/// What a drill showed.
#[derive(Default)]
pub(super) struct Proof {
    /// What was recovered; nothing if that failed.
    pub(super) report: Option<RecoverReport>,
    /// How long it took until the target could be used, in seconds.
    pub(super) seconds: f64,
    pub(super) checks: Vec<Check>,
}

/// Something that was checked, or not
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DrillCheck)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) outcome: CheckOutcome,
    /// What was checked, and what was found, in words.
    pub(super) said: String,
    pub(super) details: Vec<String>,
}

/// How a check ended
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckOutcome {
    Passed,
    Failed,
    /// It is not as it should be, and there is a reason that is no fault of the backup.
    Explained,
    Skipped,
}

impl CheckOutcome {
    pub(super) fn is_failed(self) -> bool {
        self == Self::Failed
    }

    pub(super) fn is_made(self) -> bool {
        self != Self::Skipped
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Explained => "explained",
            Self::Skipped => "not checked",
        }
    }
}

impl Check {
    pub(super) fn passed(name: &'static str, said: impl Into<String>) -> Self {
        let (said, details) = (said.into(), Vec::new());
        Self { name, outcome: CheckOutcome::Passed, said, details }
    }

    pub(super) fn skipped(name: &'static str, said: impl Into<String>) -> Self {
        Self { outcome: CheckOutcome::Skipped, ..Self::passed(name, said) }
    }

    pub(super) fn failed(
        name: &'static str,
        said: impl Into<String>,
        details: impl IntoIterator<Item = String>,
    ) -> Self {
        let details = details.into_iter().collect();
        Self { outcome: CheckOutcome::Failed, details, ..Self::passed(name, said) }
    }

    pub(super) fn explained(
        name: &'static str,
        said: impl Into<String>,
        details: impl IntoIterator<Item = String>,
    ) -> Self {
        Self { outcome: CheckOutcome::Explained, ..Self::failed(name, said, details) }
    }
}

impl Proof {
    /// Checks that failed.
    pub(super) fn failed(&self) -> u64 {
        self.checks.iter().filter(|check| check.outcome.is_failed()).count() as u64
    }
}
