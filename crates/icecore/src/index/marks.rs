//! Marks: which chunks are needed, as bits for each row of the index's tables, and what that makes of packs.
//!
//! A chunk that several packs hold is marked in all of them, so none of these packs is needless. Which copy
//! is a true one is known only to who reads them: whoever could have one given up for another by saying that
//! they hold it too could remove what others stored.
//!
//! Memory: two bits a chunk, four bytes a block, some bytes a pack.

use super::Index;
use super::scope::Scope;
use super::table::{Table, TableDamaged};
use icecore_format::{ChunkId, PackClass, PackId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Stands for a pack that does not count, or whose run another table has.
const NO_PACK: u32 = u32::MAX;

/// What is marked of the chunks of usable packs; may be marked by several threads.
pub(crate) struct Marks {
    tables: Vec<MarkedTable>,
    packs: Vec<(PackId, PackClass)>,
}

struct MarkedTable {
    table: Arc<Table>,
    /// For each of its packs, the number among all, or [`NO_PACK`].
    packs: Vec<u32>,
    needed: Bits,
    /// What was gone through as a node: that it is needed does not tell so, since anybody's snapshot may
    /// name it as if nothing hung below.
    followed: Bits,
}

/// A bit for each row of a table.
struct Bits(Vec<AtomicU64>);

/// What a chunk is to whoever marks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is needed.
    Leaf,
    /// It is needed, and what it names is.
    Node,
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// The chunk was not marked so before.
    Now,
    /// It was.
    Before,
    /// No usable pack holds the chunk.
    Nowhere,
}

/// What is needed of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackUsage {
    pub(crate) id: PackId,
    pub(crate) class: PackClass,
    /// The sealed length of its blocks, in bytes.
    pub(crate) stored_bytes: u64,
    /// What of that is for chunks that are needed, in proportion to their lengths.
    pub(crate) needed_bytes: u64,
    /// Its chunks.
    pub(crate) chunks: u64,
    /// Those of them that are needed.
    pub(crate) needed_chunks: u64,
}

impl Index {
    /// Marks for the chunks of this index, none of which is marked.
    pub(crate) fn marks(&self) -> Result<Marks, TableDamaged> {
        Marks::new(self.tables.open(), &self.scope)
    }
}

impl Marks {
    /// Marks for the chunks of these tables that count in `scope`.
    pub(super) fn new(from: &[Arc<Table>], scope: &Scope) -> Result<Self, TableDamaged> {
        let (mut numbers, mut taken) = (BTreeMap::new(), BTreeSet::new());
        let (mut tables, mut packs) = (Vec::new(), Vec::new());
        for table in from {
            let mut own = Vec::with_capacity(table.packs() as usize);
            let mut runs = BTreeSet::new();
            for row in 0..table.packs() {
                let pack = table.pack(row).inspect_err(|_| table.mark_damaged())?;
                let counts = scope.has_run(pack.run) && scope.has_pack(pack.id);
                // Tables may overlap: a run counts once. Of one pack several runs may say different things,
                // and whatever one of them says is in it may be.
                if !counts || taken.contains(&pack.run) {
                    own.push(NO_PACK);
                    continue;
                }
                runs.insert(pack.run);
                own.push(*numbers.entry(pack.id).or_insert_with(|| {
                    packs.push((pack.id, pack.class));
                    packs.len() as u32 - 1
                }));
            }
            taken.append(&mut runs);
            let (table, rows) = (table.clone(), table.chunks());
            let (needed, followed) = (Bits::new(rows), Bits::new(rows));
            tables.push(MarkedTable { table, packs: own, needed, followed });
        }
        Ok(Self { tables, packs })
    }
}

impl Bits {
    fn new(rows: u64) -> Self {
        Self((0..rows.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// Sets the bit of a row; whether it was set.
    fn set(&self, row: u64) -> Result<bool, TableDamaged> {
        let word = self.0.get((row / 64) as usize).ok_or(TableDamaged)?;
        let bit = 1 << (row % 64);
        Ok(word.fetch_or(bit, Ordering::Relaxed) & bit != 0)
    }

    fn has(&self, row: u64) -> bool {
        let word = self.0.get((row / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (row % 64)) != 0)
    }
}

impl MarkedTable {
    /// The number of the pack that holds a block.
    fn pack_of(&self, block: u32) -> Result<u32, TableDamaged> {
        let pack = self.table.block(block)?.pack;
        self.packs.get(pack as usize).copied().ok_or(TableDamaged)
    }

    /// Shows the numbers of the rows of a chunk that count.
    fn rows_of(
        &self,
        id: &ChunkId,
        mut show: impl FnMut(u64) -> Result<(), TableDamaged>,
    ) -> Result<(), TableDamaged> {
        let shown = self.table.rows_of(id, |number, row| {
            if self.pack_of(row.block)? != NO_PACK {
                show(number)?;
            }
            Ok(true)
        });
        shown.inspect_err(|_| self.table.mark_damaged())
    }
}

impl Marks {
    /// Marks a chunk wherever it is. Of several who mark it at once for the same use, one is the first.
    pub(crate) fn mark(&self, id: &ChunkId, as_what: Use) -> Result<Marked, TableDamaged> {
        let mut marked = Marked::Nowhere;
        for table in &self.tables {
            table.rows_of(id, |row| {
                let mut before = table.needed.set(row)?;
                if as_what == Use::Node {
                    before = table.followed.set(row)?;
                }
                // The first row decides, and is the same for all.
                if marked == Marked::Nowhere {
                    marked = if before { Marked::Before } else { Marked::Now };
                }
                Ok(())
            })?;
        }
        Ok(marked)
    }

    /// Whether a chunk is marked.
    pub(crate) fn is_needed(&self, id: &ChunkId) -> Result<bool, TableDamaged> {
        let mut is_needed = false;
        for table in &self.tables {
            table.rows_of(id, |row| {
                is_needed |= table.needed.has(row);
                Ok(())
            })?;
        }
        Ok(is_needed)
    }

    /// What is needed of each pack.
    pub(crate) fn usage(&self) -> Result<Vec<PackUsage>, TableDamaged> {
        let new = |(id, class): &(PackId, PackClass)| PackUsage {
            id: *id,
            class: *class,
            stored_bytes: 0,
            needed_bytes: 0,
            chunks: 0,
            needed_chunks: 0,
        };
        let mut packs: Vec<PackUsage> = self.packs.iter().map(new).collect();
        for table in &self.tables {
            table.count(&mut packs).inspect_err(|_| table.table.mark_damaged())?;
        }
        Ok(packs)
    }
}

impl MarkedTable {
    /// Adds what is needed of its packs.
    fn count(&self, packs: &mut [PackUsage]) -> Result<(), TableDamaged> {
        let mut needed: Vec<u32> = vec![0; self.table.blocks() as usize];
        for (number, row) in (0..).zip(self.table.chunk_rows()) {
            let row = row?;
            let Some(pack) = packs.get_mut(self.pack_of(row.block)? as usize) else { continue };
            pack.chunks += 1;
            if self.needed.has(number) {
                pack.needed_chunks += 1;
                let bytes = needed.get_mut(row.block as usize).ok_or(TableDamaged)?;
                *bytes = bytes.saturating_add(row.bytes);
            }
        }
        for (block, needed) in (0..).zip(needed) {
            let block = self.table.block(block)?;
            let number = self.packs.get(block.pack as usize).copied().ok_or(TableDamaged)?;
            let Some(pack) = packs.get_mut(number as usize) else { continue };
            let (stored, raw) = (u64::from(block.stored_bytes), u64::from(block.raw_bytes).max(1));
            pack.stored_bytes += stored;
            pack.needed_bytes += stored * u64::from(needed).min(raw) / raw;
        }
        Ok(())
    }
}

impl PackUsage {
    /// What of it is for chunks that nobody needs, in bytes.
    pub(crate) fn unused_bytes(&self) -> u64 {
        self.stored_bytes.saturating_sub(self.needed_bytes)
    }

    /// Whether nothing in it is needed.
    pub(crate) fn is_needless(&self) -> bool {
        self.needed_chunks == 0
    }
}
