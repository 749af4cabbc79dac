//! Collecting: packs in which nothing is needed are condemned, and those in which little is are repacked.
//!
//! Specification: docs/concurrency.md, rule 5; docs/prune.md, "Marking" and "Condemning".

use super::mark::{MarkError, mark};
use super::repack::{Outcome, repack};
use super::run::Run;
use super::{Amount, PruneError, PruneReport};
use crate::index::{Index, Marks, PackUsage};
use crate::ledger::{has_retired, overlap, ranges_of, replay};
use crate::snapshots;
use icecore_format::PackId;
use icecore_format::checkpoint::LedgerState;
use icecore_format::ledger::body::{Condemn, SessionRange};
use icecore_format::random::random_bytes;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is needed, as of one end of the ledger.
pub(super) struct Marking {
    /// The number up to which the ledger had been read.
    pub(super) at: u64,
    pub(super) packs: Vec<PackUsage>,
    pub(super) marks: Arc<Marks>,
    state: LedgerState,
}

/// Condemns what nobody needs.
pub(super) async fn collect(run: &mut Run<'_>, report: &mut PruneReport) -> Result<(), PruneError> {
    let plan: [u8; 16] = random_bytes(&*run.repository.environment.random);
    loop {
        run.monitor.stop_point()?;
        let Some(marking) = find_needless(run).await? else { continue };
        (report.usable, report.unused_bytes) = (Amount::default(), 0);
        for pack in &marking.packs {
            report.usable.add(pack.stored_bytes);
            report.unused_bytes += pack.stored_bytes - pack.needed_bytes;
        }
        let needless = marking.packs.iter().filter(|pack| pack.is_needless());
        let needless: BTreeSet<PackId> = needless.map(|pack| pack.id).collect();
        let (mut condemned, mut is_overtaken) = (BTreeSet::new(), false);
        run.append(|state, _| {
            condemned = not_leaned_on(state, &needless, marking.at);
            is_overtaken = false;
            if condemned.is_empty() {
                return None;
            }
            let packs = ranges_of(&condemned);
            let condemn = Condemn { plan, marked_at: marking.at, packs };
            // What another plan has condemned may have been the copy that this one counted on.
            is_overtaken = replay::check_condemn(state, &condemn).is_err();
            if is_overtaken { None } else { Some(condemn.into()) }
        })
        .await?;
        if is_overtaken {
            tracing::info!("another prune collected meanwhile, so what is needed is marked again");
            continue;
        }
        for pack in marking.packs.iter().filter(|pack| condemned.contains(&pack.id)) {
            report.condemned.add(pack.stored_bytes);
            report.unused_bytes -= pack.stored_bytes;
        }
        match repack(run, &marking, plan, report).await {
            Ok(Outcome::Done) => return Ok(()),
            Ok(Outcome::Overtaken) => {}
            // Rule 10, as below.
            Err(error)
                if error.is_missing() && has_retired(&marking.state, &run.look().await?.0) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Marks what is needed at the ledger's present end. `None` if what was to be read was collected by others
/// meanwhile: then the ledger says more by now.
async fn find_needless(run: &Run<'_>) -> Result<Option<Marking>, PruneError> {
    let _task = run.monitor.task("marking what is needed");
    let (state, _) = run.look().await?;
    match mark_all(run, &state).await {
        Ok(found) => Ok(found.map(|(packs, marks)| {
            let at = state.next;
            Marking { at, packs, marks, state }
        })),
        // Rule 10: it is damage only if nobody has made it unusable.
        Err(error) if error.is_missing() && has_retired(&state, &run.look().await?.0) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is needed of each usable pack, and the marks. `None` if the cache was damaged, and is made again.
async fn mark_all(
    run: &Run<'_>,
    state: &LedgerState,
) -> Result<Option<(Vec<PackUsage>, Arc<Marks>)>, PruneError> {
    let repository = run.repository;
    let mut index = Index::clone(&*repository.index().await?);
    index.follow(state).await?;
    let index = Arc::new(index);
    let own = index.clone();
    let made = repository.environment.compute(move || own.marks());
    let Ok(marks) = made.await else { return Ok(None) };
    let marks: Arc<Marks> = Arc::new(marks);
    let chunks = repository.chunks_of(index);
    let needed = snapshots::kept(state).into_iter().map(|found| &found.snapshot);
    let marked = mark(&repository.environment, chunks, marks.clone(), needed, run.monitor).await;
    match marked {
        Ok(()) => {}
        Err(MarkError::TableDamaged) => return Ok(None),
        Err(MarkError::Stopped(stopped)) => return Err(stopped.into()),
        Err(MarkError::Read { snapshot, source }) => {
            return Err(PruneError::Mark { snapshot, source });
        }
    }
    let counting = marks.clone();
    let counted = repository.environment.compute(move || counting.usage());
    Ok(counted.await.ok().map(|packs| (packs, marks)))
}

/// Of these packs, those that are usable still and that no snapshot has leaned on since they were marked as
/// needless. The others are needed now; what is needed in them is in no other of these.
pub(super) fn not_leaned_on(
    state: &LedgerState,
    packs: &BTreeSet<PackId>,
    marked_at: u64,
) -> BTreeSet<PackId> {
    let newer = state.recent.iter().filter(|entry| entry.number >= marked_at);
    let leans: Vec<SessionRange> = newer.flat_map(|entry| entry.leans.iter().copied()).collect();
    let one = |pack: &PackId| SessionRange {
        session: pack.session,
        first: pack.number,
        end: pack.number.saturating_add(1),
    };
    let is_free = |pack: &&PackId| {
        replay::is_usable(state, **pack) && !leans.iter().any(|lean| overlap(*lean, one(pack)))
    };
    packs.iter().filter(is_free).copied().collect()
}
