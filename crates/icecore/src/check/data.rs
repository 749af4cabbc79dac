//! The data: every pack read whole, every block opened, every chunk hashed, every event decoded.

use super::objects::IndexedPacks;
use super::structure::Structure;
use super::{CheckError, CheckReport, chain};
use crate::chunks::open_pack;
use crate::error::ReadError;
use crate::index::locate;
use crate::layout::ObjectRole;
use crate::ledger;
use crate::monitor::{Counter, Monitor};
use crate::repository::Repository;
use crate::storage;
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use icecore_format::checkpoint::LedgerState;
use icecore_format::event::{Beside, Event, records};
use icecore_format::index_run::{IndexRun, RunPack};
use icecore_format::keys::KeySet;
use icecore_format::limits::PACK_BYTES_MAX;
use icecore_format::pack::{Directory, DirectoryBlock, PackKey};
use icecore_format::record::DecodeError;
use icecore_format::{ChunkKind, Hash};
use std::ops::Range;
use std::sync::Arc;

/// Packs that are fetched or verified at once: one is fetched while one is verified.
const PACKS_AT_ONCE: usize = 2;

pub(super) async fn check(
    repository: &Repository,
    state: &LedgerState,
    mut wanted: IndexedPacks,
    structure: Structure,
    report: &mut CheckReport,
    monitor: &Monitor,
) -> Result<(), CheckError> {
    monitor.count(Counter::BytesExpected, wanted.values().sum());
    let expected = Arc::new(Expected { events: structure.events, beside: structure.beside });
    let reader = repository.run_reader();
    // One run at a time is held, with what it says of its packs.
    let packs = stream::iter(ledger::runs(&state.runs))
        .then(|id| reader.read(id))
        .map(|read| match read {
            Ok(run) => {
                let packs = run.packs.iter().filter(|pack| wanted.remove(&pack.id).is_some());
                packs.map(|pack| Ok((*pack, run.clone()))).collect()
            }
            // A finding already.
            Err(error) if error.is_damage() => Vec::new(),
            Err(error) => vec![Err(error)],
        })
        .flat_map(stream::iter);
    let fetched = packs
        .map(|pack| async {
            let (pack, run) = pack?;
            let name = ObjectRole::Pack(pack.id).object_name();
            let bytes = storage::get(&*repository.store, &name, PACK_BYTES_MAX).await;
            Ok::<_, ReadError>((pack, run, bytes))
        })
        .buffered(PACKS_AT_ONCE - 1);
    let mut fetched = std::pin::pin!(fetched);
    while let Some(next) = fetched.next().await {
        let (pack, run, bytes) = next?;
        monitor.stop_point()?;
        let name = ObjectRole::Pack(pack.id).object_name();
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                report.failed_read(&name, error.into())?;
                continue;
            }
        };
        monitor.count(Counter::BytesRead, bytes.len() as u64);
        report.bytes_read += bytes.len() as u64;
        let verified = verify_pack(repository, pack, run, bytes, &expected).await?;
        report.chunks_verified += verified.chunks;
        for problem in verified.problems {
            report.finding(&name, &problem);
        }
    }
    Ok(())
}

/// What chunks are to have by the account of the segments that name them.
struct Expected {
    events: std::collections::HashMap<icecore_format::ChunkId, u32>,
    beside: std::collections::HashMap<icecore_format::ChunkId, u32>,
}

#[derive(Debug, Default)]
struct Verified {
    chunks: u64,
    problems: Vec<String>,
}

async fn verify_pack(
    repository: &Repository,
    pack: RunPack,
    run: Arc<IndexRun>,
    bytes: Bytes,
    expected: &Arc<Expected>,
) -> Result<Verified, ReadError> {
    let environment = &repository.environment;
    let keys = repository.keys.clone();
    let mut verified = Verified::default();

    let whole = bytes.clone();
    let hashed = environment.compute(move || {
        whole.len() as u64 == pack.bytes && Hash(*blake3::hash(&whole).as_bytes()) == pack.hash
    });
    if !hashed.await {
        verified.problems.push("its bytes are not those that were written".to_owned());
    }
    let (opening, own_keys) = (bytes.clone(), keys.clone());
    let opened = environment.compute(move || open_pack(&own_keys, pack.id, pack.class, &opening));
    let (key, directory) = match opened.await {
        Ok(opened) => opened,
        Err(error @ ReadError::NotAllowed { .. }) => return Err(error),
        Err(error) => {
            verified.problems.push(chain(&error));
            return Ok(verified);
        }
    };
    if !is_listed(&directory, &pack, &run) {
        verified.problems.push("its directory and the index disagree".to_owned());
    }

    let parallelism = environment.executor.parallelism() + 1;
    let blocks = stream::iter(directory.blocks.into_iter().enumerate())
        .map(|(number, block)| {
            let (key, keys) = (key.clone(), keys.clone());
            let (bytes, expected) = (bytes.clone(), expected.clone());
            environment.compute(move || {
                verify_block(&keys, &key, number as u32, &block, &bytes, &expected)
                    .map_err(|error| format!("block {number}: {}", chain(&error)))
            })
        })
        .buffered(parallelism);
    let mut blocks = std::pin::pin!(blocks);
    while let Some(block) = blocks.next().await {
        match block {
            Ok(chunks) => verified.chunks += chunks,
            Err(problem) => verified.problems.push(problem),
        }
    }
    Ok(verified)
}

/// Whether the index says of a pack what the pack's own directory says.
fn is_listed(directory: &Directory, pack: &RunPack, run: &IndexRun) -> bool {
    let mut listed = IndexRun::default();
    listed.add(*pack, directory);
    listed.sort();
    listed.chunks.iter().all(|chunk| {
        let expected = locate(&listed, chunk);
        run.find_all(&chunk.id).any(|found| locate(run, found) == expected)
    })
}

/// Verifies a block; the chunks in it, counted.
fn verify_block(
    keys: &KeySet,
    key: &PackKey,
    number: u32,
    block: &DirectoryBlock,
    pack: &[u8],
    expected: &Expected,
) -> Result<u64, DecodeError> {
    let range: Range<usize> =
        block.offset as usize..block.offset as usize + block.stored_bytes as usize;
    let sealed = pack.get(range).ok_or(DecodeError::Short { record: "the pack" })?;
    let raw = key.open_block(number, block.kind, block.raw_bytes, sealed.to_vec())?;
    let mut rest = raw.as_slice();
    for chunk in &block.chunks {
        let malformed = |what| DecodeError::Malformed { record: "the chunk", what };
        let (plaintext, after) = rest
            .split_at_checked(chunk.bytes as usize)
            .ok_or_else(|| malformed("it ends after its block"))?;
        rest = after;
        if keys.chunk_id(block.kind, plaintext) != chunk.id {
            return Err(malformed("it is not what its id says"));
        }
        match block.kind {
            ChunkKind::Events => {
                let mut events = 0;
                for body in records(plaintext)? {
                    Event::decode_body(body?)?;
                    events += 1;
                }
                if expected.events.get(&chunk.id).is_some_and(|expected| *expected != events) {
                    return Err(malformed("its events are not as many as its segment says"));
                }
            }
            ChunkKind::Beside => {
                if let Some(events) = expected.beside.get(&chunk.id) {
                    Beside::decode(plaintext, *events)?;
                }
            }
            _ => {}
        }
    }
    Ok(block.chunks.len() as u64)
}
