//! Index tables: what many index runs say, sorted, in one file of the cache that is mapped.
//!
//! A table is immutable and names the runs that it is made of. It is no part of a repository: it
//! can be lost at any time, and is made again from the runs. What it says can be relied on all the
//! same, since each page is verified when it is first read: a bit that flipped on the disk must
//! neither hide a chunk nor, worse, make a backup leave out one that is not there. Its rows have
//! whole ids, so a chunk that is found has exactly the id that was asked for.
//!
//! Costs and reasons: docs/decisions/0005-index-tables.md.

mod bytes;
mod filter;
mod layout;
mod pages;
mod writer;

pub(in crate::index) use bytes::TableBytes;
pub(in crate::index) use layout::{BlockRow, ChunkRow, Nonce, PackRow, TableKey};
pub(in crate::index) use writer::TableWriter;

use super::{BlockLocation, ChunkLocation};
use crate::ledger::has;
use icecore_format::ledger::body::SessionRange;
use icecore_format::record::DecodeError;
use icecore_format::{ChunkId, PackId, RunId};
use layout::{Fence, Header, Row, Shard, key_of};
use pages::Pages;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::Range;

/// Steps of a search that go by how ids are distributed, before it only halves what is left: some
/// three find any id, unless somebody chose ids.
const INTERPOLATIONS_MAX: u32 = 8;

/// An index table holds something else than was written. The table is not used any more and is
/// made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an index table in the cache is damaged")]
pub struct TableDamaged;

impl From<DecodeError> for TableDamaged {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// A table that is open.
pub(in crate::index) struct Table {
    header: Header,
    pages: Pages,
    shards: Vec<Shard>,
    /// For each shard, the number of its first row among all.
    first_rows: Vec<u64>,
    runs: BTreeSet<SessionRange>,
}

impl Table {
    /// Opens a table: reads what it is made of, not its chunks.
    pub(in crate::index) fn open(bytes: TableBytes, key: &TableKey) -> Result<Self, TableDamaged> {
        let (header, pages) = Pages::open(bytes, key)?;
        let shards = (0..header.shards.rows).map(|row| pages.row(header.shards, row));
        let shards = shards.collect::<Result<Vec<Shard>, _>>()?;
        let mut next = 0u64;
        let first_rows = shards.iter().map(|shard| {
            let first = next;
            next = next.saturating_add(shard.chunks.rows);
            first
        });
        let first_rows = first_rows.collect();
        let runs = (0..header.runs.rows).map(|row| pages.row(header.runs, row));
        let runs = runs.collect::<Result<_, _>>()?;
        Ok(Self { header, pages, shards, first_rows, runs })
    }

    /// What no other table is called.
    pub(in crate::index) fn nonce(&self) -> Nonce {
        self.header.nonce
    }

    /// The runs that it is made of.
    pub(in crate::index) fn runs(&self) -> &BTreeSet<SessionRange> {
        &self.runs
    }

    /// Whether it has all that a run says.
    pub(in crate::index) fn has_run(&self, run: RunId) -> bool {
        has(&self.runs, run.session, run.number)
    }

    /// The number of its chunk rows.
    pub(in crate::index) fn chunks(&self) -> u64 {
        self.header.chunks
    }

    /// The number of its block rows.
    pub(in crate::index) fn blocks(&self) -> u64 {
        self.header.blocks.rows
    }

    /// The number of its pack rows.
    pub(in crate::index) fn packs(&self) -> u64 {
        self.header.packs.rows
    }

    /// A block.
    pub(in crate::index) fn block(&self, row: u32) -> Result<BlockRow, TableDamaged> {
        self.pages.row(self.header.blocks, row.into())
    }

    /// A pack.
    pub(in crate::index) fn pack(&self, row: u64) -> Result<PackRow, TableDamaged> {
        self.pages.row(self.header.packs, row)
    }

    /// All chunk rows, in the order of their ids.
    pub(in crate::index) fn chunk_rows(
        &self,
    ) -> impl Iterator<Item = Result<ChunkRow, TableDamaged>> {
        self.shards
            .iter()
            .flat_map(|shard| (0..shard.chunks.rows).map(|row| self.pages.row(shard.chunks, row)))
    }

    /// Whether it is a file that is mapped.
    pub(in crate::index) fn is_mapped(&self) -> bool {
        self.pages.is_mapped()
    }

    /// Remembers that it is damaged.
    pub(in crate::index) fn mark_damaged(&self) {
        self.pages.mark_damaged();
    }

    /// Whether damage was seen in it.
    pub(in crate::index) fn is_damaged(&self) -> bool {
        self.pages.is_damaged()
    }

    /// A place of the chunk, in a pack that `accepts`, by the account of a run that it does.
    pub(in crate::index) fn find(
        &self,
        id: &ChunkId,
        accepts: impl Fn(RunId, PackId) -> bool,
    ) -> Result<Option<ChunkLocation>, TableDamaged> {
        let found = self.search(id, accepts);
        if found.is_err() {
            self.pages.mark_damaged();
        }
        found
    }

    fn search(
        &self,
        id: &ChunkId,
        accepts: impl Fn(RunId, PackId) -> bool,
    ) -> Result<Option<ChunkLocation>, TableDamaged> {
        let mut location = None;
        self.rows_of(id, |_, row| {
            location = self.locate(row, &accepts)?;
            Ok(location.is_none())
        })?;
        Ok(location)
    }

    /// Shows the rows of a chunk, each with its number among all rows, until that is enough: `show` says
    /// whether it wants more.
    pub(in crate::index) fn rows_of(
        &self,
        id: &ChunkId,
        mut show: impl FnMut(u64, &ChunkRow) -> Result<bool, TableDamaged>,
    ) -> Result<(), TableDamaged> {
        let key = key_of(id);
        let next = self.shards.partition_point(|shard| shard.first <= *id);
        let Some(own) = next.checked_sub(1) else { return Ok(()) };
        let (Some(shard), Some(first)) = (self.shards.get(own), self.first_rows.get(own)) else {
            return Ok(());
        };
        if shard.filter_bytes > 0
            && !filter::may_hold(&shard.descriptor, self.pages.filter(shard)?, key)
        {
            return Ok(());
        }
        let key_end = self.shards.get(next).map_or(u64::MAX, |next| key_of(&next.first));
        let mut number = self.first_from(shard, key, key_end)?;
        while number < shard.chunks.rows {
            let row: ChunkRow = self.pages.row(shard.chunks, number)?;
            match row.id.cmp(id) {
                // One that begins with the same eight bytes.
                Ordering::Less => {}
                Ordering::Equal => {
                    if !show(first + number, &row)? {
                        return Ok(());
                    }
                }
                Ordering::Greater => return Ok(()),
            }
            number += 1;
        }
        Ok(())
    }

    /// Where a row says that its chunk is.
    fn locate(
        &self,
        row: &ChunkRow,
        accepts: impl Fn(RunId, PackId) -> bool,
    ) -> Result<Option<ChunkLocation>, TableDamaged> {
        let block = self.block(row.block)?;
        let pack = self.pack(block.pack.into())?;
        Ok(accepts(pack.run, pack.id).then_some(ChunkLocation {
            block: BlockLocation {
                pack: pack.id,
                class: pack.class,
                number: block.number,
                offset: block.offset,
                stored_bytes: block.stored_bytes,
                raw_bytes: block.raw_bytes,
                kind: block.kind,
            },
            offset: row.offset,
            bytes: row.bytes,
        }))
    }

    /// The first row of a shard whose key is not below `key`.
    fn first_from(&self, shard: &Shard, key: u64, key_end: u64) -> Result<u64, TableDamaged> {
        let rows = shard.chunks.rows;
        let pages = Bounds {
            numbers: 0..rows.div_ceil(ChunkRow::PER_PAGE),
            keys: key_of(&shard.first)..key_end,
        };
        let next = pages.search(key, |page| {
            let Fence(fence) = self.pages.row(self.header.fences, shard.first_fence + page)?;
            Ok(fence)
        })?;
        // The row is on the page before that, or the first after it.
        let page = next.numbers.start;
        let first = page.saturating_sub(1) * ChunkRow::PER_PAGE;
        let end = (page * ChunkRow::PER_PAGE).min(rows);
        let rows = Bounds { numbers: first..end, keys: next.keys };
        let found = rows.search(key, |number| {
            let row = self.pages.row_bytes::<ChunkRow>(shard.chunks, number)?;
            Ok(u64::from_be_bytes(*row.first_chunk().ok_or(TableDamaged)?))
        })?;
        Ok(found.numbers.start)
    }
}

/// Where in a sorted list something is, and between which keys.
struct Bounds {
    numbers: Range<u64>,
    keys: Range<u64>,
}

impl Bounds {
    /// Narrows them down to where `key` belongs: everything before is below it. Ids are hashes, so
    /// where one stands among others follows from its value but for a few places.
    fn search(
        mut self,
        key: u64,
        at: impl Fn(u64) -> Result<u64, TableDamaged>,
    ) -> Result<Self, TableDamaged> {
        let (numbers, keys) = (&mut self.numbers, &mut self.keys);
        let mut steps = 0;
        while numbers.start < numbers.end {
            let left = numbers.end - numbers.start;
            let offset = if steps < INTERPOLATIONS_MAX {
                let part = u128::from(key.saturating_sub(keys.start)) * u128::from(left);
                let whole = u128::from(keys.end.saturating_sub(keys.start)) + 1;
                ((part / whole) as u64).min(left - 1)
            } else {
                left / 2
            };
            steps += 1;
            let number = numbers.start + offset;
            let found = at(number)?;
            if found < key {
                (numbers.start, keys.start) = (number + 1, found);
            } else {
                (numbers.end, keys.end) = (number, found);
            }
        }
        Ok(self)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Table({} chunks)", self.header.chunks)
    }
}
