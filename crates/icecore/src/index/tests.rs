//! Tests of tables: they say what their runs say, whatever happens to the files that they are in.

mod cache;
mod damage;
mod marks;
mod model;

use super::cache::TableDirectory;
use super::scope::Scope;
use super::table::TableKey;
use super::tables::Tables;
use super::{ChunkLocation, locate};
use crate::ledger::has;
use icecore_format::index_run::{IndexRun, RunPack};
use icecore_format::ledger::body::SessionRange;
use icecore_format::pack::{Directory, DirectoryBlock, DirectoryChunk};
use icecore_format::random::CountingRandom;
use icecore_format::{ChunkId, ChunkKind, Hash, PackClass, PackId, RunId, SessionId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Shared by all tests of a process, as a machine's randomness is: no table is called as another.
static RANDOM: LazyLock<Arc<CountingRandom>> = LazyLock::new(Arc::default);

fn key() -> TableKey {
    TableKey::new(&[7; 32])
}

/// What a process has that uses the cache at `path`, or none.
fn tables(path: Option<&Path>) -> Tables {
    Tables::new(key(), RANDOM.clone(), path.map(TableDirectory::new))
}

fn id(number: u64) -> ChunkId {
    ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

fn session(number: u64) -> SessionId {
    SessionId { head: number, random: [4; 10] }
}

fn one(session: SessionId, first: u32) -> SessionRange {
    SessionRange { session, first, end: first + 1 }
}

/// Runs, and what the ledger says of them.
#[derive(Clone, Default)]
struct World {
    runs: BTreeMap<RunId, Arc<IndexRun>>,
    scope: Scope,
}

impl World {
    /// Adds a run of a session of its own: packs of blocks of chunks.
    fn add(&mut self, packs: &[Vec<Vec<u64>>]) -> RunId {
        let session = session(self.runs.len() as u64);
        let mut run = IndexRun::default();
        for (number, blocks) in packs.iter().enumerate() {
            let mut directory = Directory::default();
            for (block, chunks) in blocks.iter().enumerate() {
                let chunk = |number: &u64| DirectoryChunk { id: id(*number), bytes: 10 };
                let chunks: Vec<_> = chunks.iter().map(chunk).collect();
                directory.blocks.push(DirectoryBlock {
                    kind: ChunkKind::Events,
                    offset: block as u32 * 1000,
                    stored_bytes: 1000,
                    raw_bytes: chunks.len() as u32 * 10,
                    chunks,
                });
            }
            let id = PackId { session, number: number as u32 };
            let pack = RunPack { id, class: PackClass::Data, bytes: 9, hash: Hash([1; 32]) };
            run.add(pack, &directory);
            self.scope.packs.insert(one(session, number as u32));
        }
        run.sort();
        let id = RunId { session, number: 0 };
        self.scope.runs.insert(one(session, 0));
        self.scope.ended.insert(session);
        self.runs.insert(id, Arc::new(run));
        id
    }

    /// Adds a run of one block.
    fn add_chunks(&mut self, chunks: impl IntoIterator<Item = u64>) -> RunId {
        self.add(&[vec![chunks.into_iter().collect()]])
    }

    /// Gives `tables` the runs that they lack, as an index does.
    fn follow(&self, tables: &mut Tables) {
        let mut missing = tables.missing(&self.scope);
        if !missing.is_empty() {
            tables.look_into_cache(&self.scope);
            missing = tables.missing(&self.scope);
        }
        while !missing.is_empty() {
            for batch in missing.chunks(3) {
                let runs = batch.iter().map(|id| (*id, self.runs[id].clone())).collect();
                tables.add(runs, &self.scope);
            }
            missing = tables.missing(&self.scope);
        }
    }

    /// The places of a chunk that count.
    fn places(&self, id: ChunkId) -> Vec<ChunkLocation> {
        let is_used = |run: &RunId| has(&self.scope.runs, run.session, run.number);
        let used = self.runs.iter().filter(|(run, _)| is_used(run));
        used.flat_map(|(_, run)| run.find_all(&id).filter_map(|chunk| locate(run, chunk)))
            .filter(|place| self.scope.has_pack(place.block.pack))
            .collect()
    }

    /// Looks up each of these chunks, again after whatever damage that shows.
    fn assert_agrees(&self, tables: &mut Tables, chunks: impl IntoIterator<Item = u64>) {
        for number in chunks {
            let found = loop {
                match tables.find(&id(number), &self.scope) {
                    Ok(found) => break found,
                    Err(_) => self.follow(tables),
                }
            };
            let places = self.places(id(number));
            match found {
                Some(found) => assert!(places.contains(&found), "chunk {number}: {found:?}"),
                None => assert!(places.is_empty(), "chunk {number} is at {places:?}"),
            }
        }
    }
}
