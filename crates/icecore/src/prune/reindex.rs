//! Reindexing: index runs that list nothing usable any more are taken out, and small ones become few larger
//! ones, so that a machine that knows nothing reads few objects.
//!
//! The new runs say of usable packs exactly what the old ones said.
//!
//! Specification: docs/concurrency.md, "Entries"; docs/prune.md, "Index runs".

use super::delete::Listed;
use super::run::Run;
use super::{PruneError, PruneReport};
use crate::index::Index;
use crate::ledger::{covers, has_retired, replay, run_ranges_of, runs};
use crate::session::{RUN_CHUNKS_MAX, store_run};
use icecore_format::checkpoint::LedgerState;
use icecore_format::index_run::{IndexRun, RunBlock, RunChunk};
use icecore_format::ledger::body::{Abort, Reindex, SessionRange};
use icecore_format::random::random_bytes;
use icecore_format::{RunId, SessionId};
use std::collections::BTreeSet;

/// Shorter runs are merged, in bytes: half of what a session of many chunks writes.
const SMALL_BYTES_MAX: u64 = 22 * RUN_CHUNKS_MAX as u64;

/// Small runs before they are merged: each of them costs a request, and merging them three or four.
const SMALL_RUNS_MIN: usize = 32;

/// Chunks of a merged run: about what is held at once.
const MERGED_CHUNKS: usize = 8 * RUN_CHUNKS_MAX;

/// Reindexes what is worth it.
pub(super) async fn reindex(
    run: &mut Run<'_>,
    listed: &Listed,
    report: &mut PruneReport,
) -> Result<(), PruneError> {
    let (state, _) = run.look().await?;
    let old = choose(run, &state, listed).await?;
    if old.is_empty() {
        return Ok(());
    }
    let _task = run.monitor.task("merging index runs");
    let random = random_bytes(&*run.repository.environment.random);
    let session = SessionId { head: state.next, random };
    let new = if run.is_plan() { Ok(0) } else { merge(run, &state, session, &old).await };
    let count = match new {
        Ok(new) => append(run, session, &old, new).await,
        Err(error) => Err(error),
    };
    match count {
        Ok(true) => {
            report.runs_replaced = old.len() as u64;
            Ok(())
        }
        // Another prune did it; or it failed, and what it wrote is garbage once its session has ended.
        ended => {
            let abort = || Abort { sessions: vec![session], floor: 0 };
            if let Err(error) = run.append(|_, _| Some(abort().into())).await {
                tracing::warn!(%error, "a session of a prune was left open");
            }
            match ended {
                Err(error) if error.is_missing() && has_retired(&state, &run.look().await?.0) => {
                    Ok(())
                }
                ended => ended.map(drop),
            }
        }
    }
}

/// The runs that are replaced: those that list nothing usable, and the small ones if they are many.
async fn choose(
    run: &Run<'_>,
    state: &LedgerState,
    listed: &Listed,
) -> Result<BTreeSet<RunId>, PruneError> {
    let repository = run.repository;
    let mut index = Index::clone(&*repository.index().await?);
    index.follow(state).await?;
    let is_usable = {
        let state = state.clone();
        move |pack| replay::is_usable(&state, pack)
    };
    let used = repository.environment.compute(move || index.runs_of(is_usable)).await;
    // A cache that is damaged is made again by whoever looks something up.
    let Ok(used) = used else { return Ok(BTreeSet::new()) };
    let mut small: BTreeSet<RunId> = listed
        .runs()
        .filter(|(id, bytes)| used.contains(id) && *bytes <= SMALL_BYTES_MAX)
        .map(|(id, _)| id)
        .collect();
    if small.len() < SMALL_RUNS_MIN {
        small.clear();
    }
    Ok(runs(&state.runs).filter(|id| !used.contains(id)).chain(small).collect())
}

/// Stores what these runs say of usable packs; in how many runs.
async fn merge(
    run: &Run<'_>,
    state: &LedgerState,
    session: SessionId,
    old: &BTreeSet<RunId>,
) -> Result<u32, PruneError> {
    let reader = run.repository.run_reader();
    let (mut merged, mut written) = (IndexRun::default(), 0);
    for id in old {
        run.monitor.stop_point()?;
        add(&mut merged, &*reader.read(*id).await?, state);
        if merged.chunks.len() >= MERGED_CHUNKS {
            let number = RunId { session, number: written };
            store_run(run.repository, number, std::mem::take(&mut merged)).await?;
            written += 1;
        }
    }
    if !merged.packs.is_empty() {
        store_run(run.repository, RunId { session, number: written }, merged).await?;
        written += 1;
    }
    Ok(written)
}

/// Adds what a run says of usable packs.
fn add(merged: &mut IndexRun, run: &IndexRun, state: &LedgerState) {
    let mut packs = Vec::with_capacity(run.packs.len());
    for pack in &run.packs {
        let is_usable = replay::is_usable(state, pack.id);
        packs.push(is_usable.then_some(merged.packs.len() as u32));
        merged.packs.extend(is_usable.then_some(*pack));
    }
    let mut blocks = Vec::with_capacity(run.blocks.len());
    for block in &run.blocks {
        let pack = packs.get(block.pack as usize).copied().flatten();
        blocks.push(pack.map(|_| merged.blocks.len() as u32));
        merged.blocks.extend(pack.map(|pack| RunBlock { pack, ..*block }));
    }
    let moved = run.chunks.iter().filter_map(|chunk| {
        let block = blocks.get(chunk.block as usize).copied().flatten()?;
        Some(RunChunk { block, ..*chunk })
    });
    merged.chunks.extend(moved);
}

/// Appends the entry; whether it stands. If not, another prune has replaced some of them.
async fn append(
    run: &mut Run<'_>,
    session: SessionId,
    old: &BTreeSet<RunId>,
    new: u32,
) -> Result<bool, PruneError> {
    let new = if new > 0 { vec![SessionRange { session, first: 0, end: new }] } else { Vec::new() };
    let reindex = Reindex { session, old: run_ranges_of(old), new };
    let appended = run
        .append(|state, _| {
            let are_there = reindex.old.iter().all(|range| covers(&state.runs, *range));
            let may_append = are_there && !replay::has_ended(state, session);
            may_append.then(|| reindex.clone().into())
        })
        .await?;
    Ok(appended.is_some())
}
