//! The index: which chunk is in which pack, from the index runs that the ledger names.
//!
//! What runs say is kept in tables (see `table`), in this machine's cache where it has one, else in
//! memory. A table is made of many runs, and tables are merged by levels, so a lookup asks few of
//! them however many backups there were; and opening reads none of the runs that tables have.
//!
//! Rule 3 of docs/concurrency.md: whatever tables say, a chunk is found only in packs that the
//! ledger makes usable, or in those of a session that adopts them.

mod cache;
mod levels;
mod marks;
mod merge;
mod runs;
mod scope;
mod table;
mod tables;
#[cfg(test)]
mod tests;

pub(crate) use marks::{Marked, Marks, PackUsage, Use};
pub(crate) use runs::RunReader;
pub use table::TableDamaged;

use crate::error::ReadError;
use cache::TableDirectory;
use icecore_format::checkpoint::LedgerState;
use icecore_format::index_run::{IndexRun, RunChunk};
use icecore_format::ledger::body::SessionRange;
use icecore_format::{ChunkId, ChunkKind, PackClass, PackId, RunId};
use runs::Fetches;
use scope::Scope;
use std::collections::BTreeSet;
use std::sync::Arc;
use table::TableKey;
use tables::Tables;

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockLocation {
    /// The pack.
    pub pack: PackId,
    /// The pack's class.
    pub class: PackClass,
    /// The block's number in the pack.
    pub number: u32,
    /// Where it begins in the pack, in bytes.
    pub offset: u32,
    /// Its sealed length, in bytes.
    pub stored_bytes: u32,
    /// Its decoded length, in bytes.
    pub raw_bytes: u32,
    /// What its chunks are.
    pub kind: ChunkKind,
}

/// Where a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLocation {
    /// The block.
    pub block: BlockLocation,
    /// Where the chunk begins in the decoded block, in bytes.
    pub offset: u32,
    /// Its length, in bytes.
    pub bytes: u32,
}

/// Where chunks are; clones share what they know.
#[derive(Clone)]
pub struct Index {
    tables: Tables,
    scope: Arc<Scope>,
    reader: RunReader,
}

impl Index {
    /// The index of a repository of which nothing is known yet.
    pub(crate) fn new(reader: RunReader) -> Self {
        let directory = reader.local.cache_directory().map(TableDirectory::new);
        let key = TableKey::new(&reader.keys.ledger_key);
        let tables = Tables::new(key, reader.environment.random.clone(), directory);
        Self { tables, scope: Arc::default(), reader }
    }

    /// Makes this the index of `state`: fetches the runs that are in no table yet.
    pub(crate) async fn follow(&mut self, state: &LedgerState) -> Result<(), ReadError> {
        if self.scope.is_of(state) && !self.tables.are_damaged() {
            return Ok(());
        }
        self.scope = Arc::new(Scope::of(state));
        self.complete().await?;
        let (tables, scope) = (self.tables.clone(), self.scope.clone());
        self.reader.environment.compute(move || tables.remove_copies(&scope)).await;
        Ok(())
    }

    /// The same index without the tables that were found damaged: their runs are read again.
    async fn repaired(&self) -> Result<Self, ReadError> {
        let mut repaired = self.clone();
        repaired.complete().await?;
        Ok(repaired)
    }

    /// A usable place of the chunk. Where damage in the cache is in the way, the index is replaced
    /// by one without.
    pub(crate) async fn find_repairing(
        index: &mut Arc<Self>,
        id: &ChunkId,
    ) -> Result<Option<ChunkLocation>, ReadError> {
        loop {
            match index.find(id) {
                Ok(found) => return Ok(found),
                Err(TableDamaged) => *index = Arc::new(index.repaired().await?),
            }
        }
    }

    /// A usable place of the chunk.
    ///
    /// # Errors
    ///
    /// If what a table has there is not what was written.
    pub fn find(&self, id: &ChunkId) -> Result<Option<ChunkLocation>, TableDamaged> {
        self.tables.find(id, &self.scope)
    }

    /// The runs of this index that list a pack that `is_usable`.
    pub(crate) fn runs_of(
        &self,
        is_usable: impl Fn(PackId) -> bool,
    ) -> Result<BTreeSet<RunId>, TableDamaged> {
        let mut runs = BTreeSet::new();
        for table in self.tables.open() {
            for row in 0..table.packs() {
                let pack = table.pack(row).inspect_err(|_| table.mark_damaged())?;
                if self.scope.has_run(pack.run) && is_usable(pack.id) {
                    runs.insert(pack.run);
                }
            }
        }
        Ok(runs)
    }

    /// Adds a run that no entry names yet: that of this session, or of one that it goes on from.
    pub(crate) async fn adopt(&mut self, id: RunId, run: Arc<IndexRun>) {
        let scope = Arc::make_mut(&mut self.scope);
        let one =
            |session, first: u32| SessionRange { session, first, end: first.saturating_add(1) };
        scope.runs.insert(one(id.session, id.number));
        scope.packs.extend(run.packs.iter().map(|pack| one(pack.id.session, pack.id.number)));
        if !self.tables.has_run(id) {
            self.add(vec![(id, run)]).await;
        }
    }

    /// Whether a pack may be read and leaned on.
    pub fn is_usable(&self, pack: PackId) -> bool {
        self.scope.has_pack(pack)
    }

    /// Sees to it that every run that counts is in a table.
    async fn complete(&mut self) -> Result<(), ReadError> {
        let mut missing = self.missing(true).await;
        while !missing.is_empty() {
            let mut fetches = Fetches::new(self.reader.clone(), missing);
            loop {
                let batch = fetches.next_batch().await?;
                if batch.is_empty() {
                    break;
                }
                self.add(batch).await;
            }
            // Merging may have found damage.
            missing = self.missing(false).await;
        }
        Ok(())
    }

    /// The runs that are in no table, nor in one that another process wrote, if that is asked.
    async fn missing(&mut self, look_into_cache: bool) -> Vec<RunId> {
        let (mut tables, scope) = (self.tables.clone(), self.scope.clone());
        let settled = self.reader.environment.compute(move || {
            let mut missing = tables.missing(&scope);
            if look_into_cache && !missing.is_empty() {
                tables.look_into_cache(&scope);
                missing = tables.missing(&scope);
            }
            (tables, missing)
        });
        let (tables, missing) = settled.await;
        self.tables = tables;
        missing
    }

    async fn add(&mut self, runs: Vec<(RunId, Arc<IndexRun>)>) {
        let (mut tables, scope) = (self.tables.clone(), self.scope.clone());
        let added = self.reader.environment.compute(move || {
            tables.add(runs, &scope);
            tables
        });
        self.tables = added.await;
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Index").field("tables", &self.tables).finish_non_exhaustive()
    }
}

/// Where a run says that a chunk of it is.
pub(crate) fn locate(run: &IndexRun, chunk: &RunChunk) -> Option<ChunkLocation> {
    let block = run.blocks.get(chunk.block as usize)?;
    let pack = run.packs.get(block.pack as usize)?;
    Some(ChunkLocation {
        block: BlockLocation {
            pack: pack.id,
            class: pack.class,
            number: block.number,
            offset: block.offset,
            stored_bytes: block.stored_bytes,
            raw_bytes: block.raw_bytes,
            kind: block.kind,
        },
        offset: chunk.offset,
        bytes: chunk.bytes,
    })
}
