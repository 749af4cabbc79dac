//! Trimming: objects of tails whose events a snapshot has that is not released, and of tails whose snapshots
//! are all released, are let go of.
//!
//! Terminators stay, and the last object of an epoch that is gone on from: they fence, and say where.
//!
//! Specification: docs/concurrency.md, rule 12; docs/prune.md, "Tails".

use super::PruneError;
use super::run::Run;
use crate::ledger::trims;
use icecore_format::checkpoint::LedgerState;
use icecore_format::ledger::body::Trim;

/// Appends what is let go of, an entry for each source; how many objects these are.
pub(super) async fn trim(run: &mut Run<'_>) -> Result<u64, PruneError> {
    let mut total = 0;
    loop {
        let mut objects = 0;
        let appended = run
            .append(|state, _| {
                let (trim, count) = next(state)?;
                objects = count;
                Some(trim.into())
            })
            .await?;
        if appended.is_none() {
            return Ok(total);
        }
        total += objects;
    }
}

/// What is to be let go of next, and how many objects that are.
fn next(state: &LedgerState) -> Option<(Trim, u64)> {
    state.tails.iter().enumerate().find_map(|(number, tail)| {
        let mut below = trims::limits(state, number);
        let trimmed = |session| {
            let epoch = tail.epochs.iter().find(|epoch| epoch.session == session);
            epoch.map_or(u64::MAX, |epoch| epoch.trimmed)
        };
        below.retain(|mark| mark.objects > trimmed(mark.session));
        let objects = below.iter().map(|mark| mark.objects - trimmed(mark.session)).sum();
        (!below.is_empty()).then(|| (Trim { source: tail.source.clone(), below }, objects))
    })
}
