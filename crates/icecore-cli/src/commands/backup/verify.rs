//! `icecore backup --verify`: all of a new snapshot is read back.

use crate::commands::check::print_findings;
use crate::context::Context;
use crate::error::CommandError;
use icecore::check::{CheckOptions, check};
use icecore::{Monitor, Repository};
use icecore_format::snapshot::Snapshot;

/// Reads `snapshot` back; damage is an error.
pub(super) async fn verify(
    repository: &Repository,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<(), CommandError> {
    let monitor = Monitor::default();
    let report = {
        let _watch = context.watch(&monitor);
        let options = CheckOptions { snapshots: vec![snapshot.id], read_data: true };
        check(repository, &options, &monitor).await?
    };
    print_findings(&report, &context.output);
    match report.findings.len() as u64 {
        0 => Ok(()),
        findings => Err(CommandError::Damaged { findings }),
    }
}
