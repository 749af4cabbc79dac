//! Repacking: what is needed of packs that are mostly garbage is copied into new ones, and the entry that
//! names the copies condemns the originals.
//!
//! The worst packs come first, as long as more is unused than may be, and never are more bytes moved than
//! are freed by it. Each batch has a session and an entry of its own, so what was done stands whenever a
//! prune ends.
//!
//! Specification: docs/concurrency.md, rules 5 and 6; docs/prune.md, "Repacking".

use super::collect::{Marking, not_leaned_on};
use super::run::Run;
use super::{PruneError, PruneOptions, PruneReport};
use crate::chunks::open_pack;
use crate::error::ReadError;
use crate::index::{Marks, PackUsage, TableDamaged};
use crate::layout::ObjectRole;
use crate::ledger::{ranges_of, replay};
use crate::monitor::Counter;
use crate::session::{Copied, NewChunk, PackCopier};
use crate::storage;
use bytes::Bytes;
use icecore_format::keys::KeySet;
use icecore_format::ledger::body::{Abort, Condemn, Repack};
use icecore_format::limits::PACK_BYTES_MAX;
use icecore_format::pack::{DirectoryBlock, PackKey};
use icecore_format::random::random_bytes;
use icecore_format::record::DecodeError;
use icecore_format::{PackId, SessionId};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What the packs of one batch may take, in bytes: what is copied once more if a prune dies before its
/// entry, and what storage needs beside what it has.
const BATCH_BYTES: u64 = 256 << 20;

/// Packs that are repacked: the worst first, as many as it takes.
pub(super) fn choose(packs: &[PackUsage], options: &PruneOptions) -> Vec<PackUsage> {
    let kept = packs.iter().filter(|pack| !pack.is_needless());
    let (mut stored, mut unused) = (0, 0);
    for pack in kept.clone() {
        stored += pack.stored_bytes;
        unused += pack.unused_bytes();
    }
    let mut worst: Vec<&PackUsage> = kept.filter(|pack| pack.unused_bytes() > 0).collect();
    // By how much of a pack is unused: a/b > c/d is ad > cb.
    worst.sort_by(|a, b| {
        let of = |a: &PackUsage, b: &PackUsage| {
            u128::from(a.unused_bytes()) * u128::from(b.stored_bytes)
        };
        of(b, a).cmp(&of(a, b)).then(a.id.cmp(&b.id))
    });
    let (mut chosen, mut moved, mut freed) = (Vec::new(), 0, 0);
    for pack in worst {
        let is_enough = unused as f64 <= options.unused_max * stored as f64;
        let next = (moved + pack.needed_bytes, freed + pack.unused_bytes());
        if is_enough || next.0 > next.1 || next.0 > options.repack_bytes_max {
            break;
        }
        (moved, freed) = next;
        stored -= pack.unused_bytes();
        unused -= pack.unused_bytes();
        chosen.push(*pack);
    }
    chosen
}

/// What became of what was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was, or there was nothing to do.
    Done,
    /// Another plan collected, or the cache was damaged: what is needed is to be marked again.
    Overtaken,
}

/// Repacks what is worth it.
pub(super) async fn repack(
    run: &mut Run<'_>,
    marking: &Marking,
    plan: [u8; 16],
    report: &mut PruneReport,
) -> Result<Outcome, PruneError> {
    let mut chosen = VecDeque::from(choose(&marking.packs, run.options));
    let _task = (!chosen.is_empty()).then(|| run.monitor.task("repacking"));
    if !run.is_plan() {
        let expected = chosen.iter().map(|pack| pack.stored_bytes).sum();
        run.monitor.count(Counter::BytesExpected, expected);
    }
    while let Some(first) = chosen.pop_front() {
        let (mut batch, mut bytes) = (vec![first], first.stored_bytes);
        while chosen.front().is_some_and(|next| bytes + next.stored_bytes <= BATCH_BYTES)
            && let Some(next) = chosen.pop_front()
        {
            bytes += next.stored_bytes;
            batch.push(next);
        }
        let condemned = if run.is_plan() {
            let condemned: BTreeSet<PackId> = batch.iter().map(|pack| pack.id).collect();
            let packs = ranges_of(&condemned);
            let condemn = Condemn { plan, marked_at: marking.at, packs };
            run.append(|_, _| Some(condemn.clone().into())).await?;
            condemned
        } else {
            match repack_batch(run, marking, plan, &batch).await? {
                Some(condemned) => condemned,
                None => return Ok(Outcome::Overtaken),
            }
        };
        for pack in batch.iter().filter(|pack| condemned.contains(&pack.id)) {
            report.repacked.add(pack.stored_bytes);
            report.moved_bytes += pack.needed_bytes;
            report.unused_bytes -= pack.unused_bytes();
        }
    }
    Ok(Outcome::Done)
}

/// Copies what is needed of these packs, and condemns them; which of them. `None` if it was overtaken.
async fn repack_batch(
    run: &mut Run<'_>,
    marking: &Marking,
    plan: [u8; 16],
    batch: &[PackUsage],
) -> Result<Option<BTreeSet<PackId>>, PruneError> {
    let (state, _) = run.look().await?;
    let random = random_bytes(&*run.repository.environment.random);
    let session = SessionId { head: state.next, random };
    let ended = match copy(run, &marking.marks, batch, session).await {
        Ok(Some(copied)) => condemn(run, marking, plan, batch, session, &copied).await,
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    if !matches!(&ended, Ok(Some(condemned)) if !condemned.is_empty()) {
        // Rule 2: its packs are garbage once it has ended, and for the next prune to delete. If that cannot
        // be said now, the session is given up when it is old.
        let abort = || Abort { sessions: vec![session], floor: 0 };
        let told = run.append(|_, _| Some(abort().into())).await;
        if let Err(error) = told {
            tracing::warn!(%error, "a session of a prune was left open");
        }
    }
    ended
}

async fn condemn(
    run: &mut Run<'_>,
    marking: &Marking,
    plan: [u8; 16],
    batch: &[PackUsage],
    session: SessionId,
    copied: &Copied,
) -> Result<Option<BTreeSet<PackId>>, PruneError> {
    let batch: BTreeSet<PackId> = batch.iter().map(|pack| pack.id).collect();
    let mut outcome = None;
    run.append(|state, _| {
        // What is leaned on stays; that there are copies of it is no harm.
        let condemned = not_leaned_on(state, &batch, marking.at);
        let packs = ranges_of(&condemned);
        let condemn = Condemn { plan, marked_at: marking.at, packs };
        let is_overtaken =
            replay::check_condemn(state, &condemn).is_err() || replay::has_ended(state, session);
        let is_empty = condemned.is_empty();
        outcome = (!is_overtaken).then_some(condemned);
        if is_overtaken || is_empty {
            return None;
        }
        let (packs, runs) = (copied.packs.clone(), copied.runs.clone());
        Some(Repack { condemn, session, packs, runs }.into())
    })
    .await?;
    Ok(outcome)
}

/// Copies what is needed of these packs. `None` if the cache was damaged.
async fn copy(
    run: &Run<'_>,
    marks: &Arc<Marks>,
    batch: &[PackUsage],
    session: SessionId,
) -> Result<Option<Copied>, PruneError> {
    let repository = run.repository;
    let mut copier = PackCopier::new(repository, session, run.monitor);
    for pack in batch {
        let name = ObjectRole::Pack(pack.id).object_name();
        let bytes = storage::get(&*repository.store, &name, PACK_BYTES_MAX).await;
        let bytes = bytes.map_err(ReadError::from)?;
        run.monitor.count(Counter::BytesRead, bytes.len() as u64);
        let (keys, opening, id, class) =
            (repository.keys.clone(), bytes.clone(), pack.id, pack.class);
        let opened =
            repository.environment.compute(move || open_pack(&keys, id, class, &opening)).await;
        let (key, directory) = opened?;
        for (number, block) in (0..).zip(directory.blocks) {
            run.monitor.stop_point()?;
            let (key, marks, keys) = (key.clone(), marks.clone(), repository.keys.clone());
            let sealed = bytes.clone();
            let taken = repository
                .environment
                .compute(move || take(&keys, &key, number, block, &sealed, &marks));
            match taken.await {
                Ok(Taken::Nothing) => {}
                Ok(Taken::Whole(block, encoded)) => {
                    copier.add_encoded(block.kind, block.chunks, encoded).await?;
                }
                Ok(Taken::Some(chunks)) => {
                    for chunk in chunks {
                        copier.add(chunk).await?;
                    }
                }
                Err(TakeError::TableDamaged) => return Ok(None),
                Err(TakeError::Block(error)) => return Err(ReadError::damaged(name)(error).into()),
            }
        }
    }
    Ok(Some(copier.finish().await?))
}

/// What is taken of a block.
enum Taken {
    Nothing,
    /// All of it, as it is encoded.
    Whole(DirectoryBlock, Vec<u8>),
    /// These chunks of it.
    Some(Vec<NewChunk>),
}

enum TakeError {
    Block(DecodeError),
    TableDamaged,
}

impl From<DecodeError> for TakeError {
    fn from(error: DecodeError) -> Self {
        Self::Block(error)
    }
}

impl From<TableDamaged> for TakeError {
    fn from(_: TableDamaged) -> Self {
        Self::TableDamaged
    }
}

/// Takes what is needed of a block: CPU work for the pool.
fn take(
    keys: &KeySet,
    key: &PackKey,
    number: u32,
    block: DirectoryBlock,
    pack: &Bytes,
    marks: &Marks,
) -> Result<Taken, TakeError> {
    let needed = block.chunks.iter().map(|chunk| marks.is_needed(&chunk.id));
    let needed = needed.collect::<Result<Vec<bool>, TableDamaged>>()?;
    if !needed.contains(&true) {
        return Ok(Taken::Nothing);
    }
    let end = block.offset as usize + block.stored_bytes as usize;
    let sealed = pack.get(block.offset as usize..end);
    let sealed = sealed.ok_or(DecodeError::Short { record: "the pack" })?.to_vec();
    if !needed.contains(&false) {
        let encoded = key.unseal_block(number, block.kind, sealed)?;
        return Ok(Taken::Whole(block, encoded));
    }
    let raw = key.open_block(number, block.kind, block.raw_bytes, sealed)?;
    let malformed = |what| DecodeError::Malformed { record: "the chunk", what };
    let (mut rest, mut taken) = (raw.as_slice(), Vec::new());
    for (chunk, is_needed) in block.chunks.iter().zip(needed) {
        let (plaintext, after) = rest
            .split_at_checked(chunk.bytes as usize)
            .ok_or_else(|| malformed("it ends after its block"))?;
        rest = after;
        if !is_needed {
            continue;
        }
        if keys.chunk_id(block.kind, plaintext) != chunk.id {
            return Err(malformed("it is not what its id says").into());
        }
        taken.push(NewChunk { kind: block.kind, id: chunk.id, plaintext: plaintext.to_vec() });
    }
    Ok(Taken::Some(taken))
}

#[cfg(test)]
mod tests;
