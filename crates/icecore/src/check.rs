//! Check: is everything that the ledger promises there, and is it what it should be?
//!
//! Damage is a result, not an error: a check goes on and tells all that it finds.

mod data;
mod objects;
mod structure;
mod tails;

use crate::error::ReadError;
use crate::ledger;
use crate::monitor::{Monitor, Stopped};
use crate::repository::Repository;
use crate::snapshots;
use icecore_format::SnapshotId;
use icecore_format::checkpoint::LedgerState;
use std::fmt::Display;

/// What to check.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The snapshots; all that are kept if there are none.
    pub snapshots: Vec<SnapshotId>,
    /// Whether to read every pack and verify every chunk, and not only the structure.
    pub read_data: bool,
}

/// What a check looked at, and found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Snapshots whose structure was followed.
    pub snapshots: u64,
    /// Packs that the ledger names.
    pub packs: u64,
    /// Flushes of tails that are there.
    pub flushes: u64,
    /// Chunks that were read and verified.
    pub chunks_verified: u64,
    /// Bytes that were read, in bytes.
    pub bytes_read: u64,
    /// Damage, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// What is odd and harmless.
    pub notes: Vec<String>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What is damaged: an object's name, `ledger entry 7`, or `snapshot 1f0c…`.
    pub subject: String,
    /// What is wrong with it.
    pub problem: String,
}

/// A check that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The storage did not answer.
    #[error("cannot go on checking")]
    Read(#[from] ReadError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Checks a repository. Writes nothing, and may be dropped at any moment.
pub async fn check(
    repository: &Repository,
    options: &CheckOptions,
    monitor: &Monitor,
) -> Result<CheckReport, CheckError> {
    let mut state = repository.state().await;
    loop {
        let report = Box::pin(check_once(repository, &state, options, monitor)).await?;
        // Rule 10: what is missing may have been collected meanwhile.
        if report.findings.is_empty() || repository.refresh().await.is_err() {
            return Ok(report);
        }
        let next = repository.state().await;
        if !ledger::has_retired(&state, &next) {
            return Ok(report);
        }
        tracing::info!("something was collected during the check, which begins again");
        state = next;
    }
}

async fn check_once(
    repository: &Repository,
    state: &LedgerState,
    options: &CheckOptions,
    monitor: &Monitor,
) -> Result<CheckReport, CheckError> {
    let mut report = CheckReport::default();
    let packs = {
        let _task = monitor.task("checking the ledger and the list of objects");
        objects::check(repository, state, &mut report).await?
    };
    let kept = snapshots::kept(state);
    let is_wanted = |id| options.snapshots.is_empty() || options.snapshots.contains(&id);
    let wanted = kept.into_iter().filter(|found| is_wanted(found.snapshot.id));
    let structure = {
        let _task = monitor.task("checking the structure of snapshots");
        structure::check(repository, wanted, options.read_data, &mut report, monitor).await?
    };
    if options.snapshots.is_empty() {
        let _task = monitor.task("checking tails");
        tails::check(repository, state, options.read_data, &mut report, monitor).await?;
    }
    if options.read_data {
        let _task = monitor.task("reading and verifying packs");
        let wanted = match options.snapshots.as_slice() {
            [] => packs,
            _ => packs.into_iter().filter(|(id, _)| structure.packs.contains(id)).collect(),
        };
        data::check(repository, state, wanted, structure, &mut report, monitor).await?;
    }
    Ok(report)
}

impl CheckReport {
    fn finding(&mut self, subject: &dyn Display, problem: &dyn Display) {
        let finding = Finding { subject: subject.to_string(), problem: problem.to_string() };
        tracing::warn!(subject = finding.subject, problem = finding.problem, "damage");
        self.findings.push(finding);
    }

    /// Notes a failed read as damage; fails if it is the storage that does not answer.
    fn failed_read(&mut self, subject: &dyn Display, error: ReadError) -> Result<(), ReadError> {
        if error.is_damage() {
            self.finding(subject, &chain(&error));
            Ok(())
        } else {
            Err(error)
        }
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
