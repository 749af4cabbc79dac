//! What a recovery has to keep to: how long it may take, and how much may be missing.

use crate::arguments::parse_age;
use crate::output::Output;
use crate::table;
use crate::times::Age;
use clap::Args;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the time that is left is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What a recovery has to keep to.
#[derive(Debug, Args)]
pub(crate) struct Objectives {
    /// How long it may take, such as 1h; milestones tell whether it will keep to that
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    rto: Option<Age>,
    /// How far what is reached may be from what was asked for, such as 15m
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    rpo: Option<Age>,
}

/// One objective at the end, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) allowed: f64,
    pub(crate) taken: f64,
}

impl Outcome {
    pub(crate) fn is_met(self) -> bool {
        self.taken <= self.allowed
    }
}

impl Objectives {
    /// The time that it took.
    pub(crate) fn time(&self, taken: f64) -> Option<Outcome> {
        self.rto.map(|allowed| Outcome { allowed: allowed.seconds(), taken })
    }

    /// What is missing, as a time.
    pub(crate) fn point(&self, taken: f64) -> Option<Outcome> {
        self.rpo.map(|allowed| Outcome { allowed: allowed.seconds(), taken })
    }
}

/// How a recovery keeps to its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Milestone {
    OnTrack,
    /// Less than a quarter of the time is left.
    AtRisk,
    Exceeded,
}

fn milestone(taken: f64, allowed: f64) -> Milestone {
    if taken > allowed {
        Milestone::Exceeded
    } else if taken > allowed * 0.75 {
        Milestone::AtRisk
    } else {
        Milestone::OnTrack
    }
}

#[derive(Serialize)]
struct MilestoneView {
    milestone: Milestone,
    rto_s: f64,
    seconds_elapsed: f64,
}

/// Tells of milestones as they are passed, until it is dropped.
pub(crate) struct Watch {
    teller: Option<Arc<Teller>>,
    task: Option<tokio::task::JoinHandle<()>>,
}

struct Teller {
    began: Instant,
    allowed: f64,
    output: Output,
    told: Mutex<Option<Milestone>>,
}

impl Watch {
    /// Begins to tell, if there is something to keep to.
    pub(crate) fn begin(objectives: &Objectives, began: Instant, output: &Output) -> Self {
        let teller = objectives.rto.map(|allowed| {
            let (allowed, output) = (allowed.seconds(), output.clone());
            Arc::new(Teller { began, allowed, output, told: Mutex::default() })
        });
        let task = teller.clone().map(|teller| {
            tokio::spawn(async move {
                while teller.tell() != Milestone::Exceeded {
                    tokio::time::sleep(LOOK).await;
                }
            })
        });
        Self { teller, task }
    }

    /// Tells what was passed last.
    pub(crate) fn end(self) {
        if let Some(teller) = &self.teller {
            teller.tell();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Teller {
    /// Tells the milestone if it is a new one.
    fn tell(&self) -> Milestone {
        let elapsed = self.began.elapsed().as_secs_f64();
        let reached = milestone(elapsed, self.allowed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told >= Some(reached) {
            return reached;
        }
        *told = Some(reached);
        if self.output.is_json() {
            let view =
                MilestoneView { milestone: reached, rto_s: self.allowed, seconds_elapsed: elapsed };
            self.output.message("milestone", view);
            return reached;
        }
        let allowed = table::duration(self.allowed);
        match reached {
            Milestone::OnTrack => {}
            Milestone::AtRisk => {
                self.output
                    .warn(&format!("less than a quarter is left of {allowed} (--rto)"), None);
            }
            Milestone::Exceeded => {
                self.output.warn(&format!("it takes longer than {allowed} (--rto)"), None);
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_at_risk_when_less_than_a_quarter_is_left() {
        let at = |taken: f64| milestone(taken, 60.0);
        assert_eq!((at(0.0), at(45.0)), (Milestone::OnTrack, Milestone::OnTrack));
        assert_eq!((at(45.1), at(60.0)), (Milestone::AtRisk, Milestone::AtRisk));
        assert_eq!(at(60.1), Milestone::Exceeded);
        assert!(Outcome { allowed: 60.0, taken: 60.0 }.is_met());
        assert!(!Outcome { allowed: 60.0, taken: 60.1 }.is_met());
    }
}
