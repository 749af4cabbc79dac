//! The tables that an index looks things up in: which there are, and where new ones go.

use super::ChunkLocation;
use super::cache::TableDirectory;
use super::levels;
use super::merge::{Input, MergeError, merge};
use super::scope::Scope;
use super::table::{Nonce, Table, TableBytes, TableDamaged, TableKey, TableWriter};
use icecore_format::index_run::IndexRun;
use icecore_format::random::random_bytes;
use icecore_format::{ChunkId, Random, RunId};
use std::collections::HashSet;
use std::io::Cursor;
use std::sync::Arc;

/// Times that damage in the cache is answered by writing to it again.
const DAMAGES_MAX: u32 = 2;

/// Tables, largest first.
#[derive(Clone)]
pub(super) struct Tables {
    open: Vec<Arc<Table>>,
    key: TableKey,
    random: Arc<dyn Random>,
    directory: Option<TableDirectory>,
    /// Whether new tables are held in memory: there is no cache, or it failed.
    is_held: bool,
    /// Tables that were found damaged.
    damages: u32,
}

impl Tables {
    /// No tables.
    pub(super) fn new(
        key: TableKey,
        random: Arc<dyn Random>,
        directory: Option<TableDirectory>,
    ) -> Self {
        let is_held = directory.is_none();
        Self { open: Vec::new(), key, random, directory, is_held, damages: 0 }
    }

    /// All of them.
    pub(super) fn open(&self) -> &[Arc<Table>] {
        &self.open
    }

    /// A place of the chunk that counts in `scope`.
    pub(super) fn find(
        &self,
        id: &ChunkId,
        scope: &Scope,
    ) -> Result<Option<ChunkLocation>, TableDamaged> {
        let accepts = |run, pack| scope.has_run(run) && scope.has_pack(pack);
        for table in &self.open {
            if let Some(found) = table.find(id, accepts)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Whether damage was found in one of them.
    pub(super) fn are_damaged(&self) -> bool {
        self.open.iter().any(|table| table.is_damaged())
    }

    /// Whether some table has all that a run says.
    pub(super) fn has_run(&self, run: RunId) -> bool {
        self.open.iter().any(|table| table.has_run(run))
    }

    /// Lets go of damaged tables; the runs of `scope` that are in no other.
    pub(super) fn missing(&mut self, scope: &Scope) -> Vec<RunId> {
        self.drop_damaged();
        let wanted = crate::ledger::runs(&scope.runs);
        wanted.filter(|run| !self.has_run(*run)).collect()
    }

    /// How many runs of `scope` are in no table.
    #[cfg(test)]
    pub(super) fn missing_of(&self, scope: &Scope) -> usize {
        crate::ledger::runs(&scope.runs).filter(|run| !self.has_run(*run)).count()
    }

    /// Takes what other processes wrote into the cache, and removes what is superfluous there.
    pub(super) fn look_into_cache(&mut self, scope: &Scope) {
        let Some(directory) = self.directory.clone() else { return };
        let known: HashSet<Nonce> = self.open.iter().map(|table| table.nonce()).collect();
        self.open.extend(directory.open_tables(&self.key, &known).into_iter().map(Arc::new));
        self.sort();
        // Largest first, so that of two processes none removes what the other keeps instead.
        let mut kept: Vec<Arc<Table>> = Vec::new();
        for table in std::mem::take(&mut self.open) {
            let is_needed = |run| !scope.is_gone(run) && !kept.iter().any(|kept| kept.has_run(run));
            if table.runs().iter().flat_map(|range| range.runs()).any(is_needed) {
                kept.push(table);
            } else if table.is_mapped() {
                directory.remove(&table);
            }
        }
        self.open = kept;
    }

    /// Adds runs, and merges what the levels ask for. Where that finds damage, the runs are added
    /// all the same, and others are missing.
    pub(super) fn add(&mut self, runs: Vec<(RunId, Arc<IndexRun>)>, scope: &Scope) {
        let runs: Vec<Input> = runs.into_iter().map(|(id, run)| Input::run(id, run)).collect();
        let added = runs.iter().map(Input::chunks).sum();
        loop {
            self.drop_damaged();
            let merged = self.plan(added);
            let mut inputs = runs.clone();
            inputs.extend(merged.iter().map(|table| Input::Table(table.clone())));
            match self.write(&inputs, scope) {
                Ok(table) => {
                    let is_merged =
                        |table: &Arc<Table>| merged.iter().any(|it| Arc::ptr_eq(it, table));
                    self.open.retain(|table| !is_merged(table));
                    self.open.push(Arc::new(table));
                    self.sort();
                    if let Some(directory) = &self.directory {
                        merged
                            .iter()
                            .filter(|it| it.is_mapped())
                            .for_each(|it| directory.remove(it));
                    }
                    return;
                }
                Err(MergeError::Write(error)) => {
                    tracing::warn!(%error, "the cache is not written; the index is held in memory");
                    self.is_held = true;
                }
                // What was damaged is marked.
                Err(MergeError::Damaged) => {}
            }
        }
    }

    /// Removes sealed copies of runs that a table in the cache has all of.
    pub(super) fn remove_copies(&self, scope: &Scope) {
        let is_mapped = |run| self.open.iter().any(|table| table.is_mapped() && table.has_run(run));
        if let Some(directory) = &self.directory {
            directory.remove_copies(|run| scope.has_run(run) && is_mapped(run));
        }
    }

    /// The tables that are merged with as many chunks as these.
    fn plan(&self, added: u64) -> Vec<Arc<Table>> {
        // What is mapped stays so, and what is held is not worth a merge with it.
        let alike = self.open.iter().filter(|table| table.is_mapped() != self.is_held);
        let alike: Vec<&Arc<Table>> = alike.collect();
        let sizes: Vec<u64> = alike.iter().map(|table| table.chunks()).collect();
        let merged = levels::plan(&sizes, added);
        alike
            .into_iter()
            .zip(merged)
            .filter(|(_, is)| *is)
            .map(|(table, _)| table.clone())
            .collect()
    }

    fn write(&self, inputs: &[Input], scope: &Scope) -> Result<Table, MergeError> {
        let nonce = random_bytes(&*self.random);
        let is_gone = |run| scope.is_gone(run);
        match &self.directory {
            Some(directory) if !self.is_held => {
                directory.write(&self.key, nonce, |writer| merge(inputs, is_gone, writer))
            }
            _ => {
                let writer = TableWriter::new(Cursor::new(Vec::new()), &self.key, nonce)?;
                let mut bytes = merge(inputs, is_gone, writer)?.into_inner();
                bytes.shrink_to_fit();
                let table = Table::open(TableBytes::Held(bytes), &self.key);
                Ok(table.expect("a table in memory is what was written"))
            }
        }
    }

    fn drop_damaged(&mut self) {
        let (damaged, whole) = std::mem::take(&mut self.open)
            .into_iter()
            .partition::<Vec<_>, _>(|table| table.is_damaged());
        self.open = whole;
        for table in damaged {
            self.damages += 1;
            tracing::warn!("an index table in the cache is damaged, and is made again");
            if let Some(directory) = self.directory.as_ref().filter(|_| table.is_mapped()) {
                directory.remove(&table);
            }
        }
        if self.damages >= DAMAGES_MAX && !self.is_held {
            tracing::warn!("the cache damages what it holds; the index is held in memory");
            self.is_held = true;
        }
    }

    fn sort(&mut self) {
        self.open.sort_by_key(|table| (std::cmp::Reverse(table.chunks()), table.nonce()));
    }
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(&self.open).finish()
    }
}
