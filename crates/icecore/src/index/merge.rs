//! Merging index runs and tables into one table, in memory that grows with their packs only.

use super::table::{BlockRow, ChunkRow, PackRow, Table, TableDamaged, TableWriter};
use crate::ledger::has;
use icecore_format::RunId;
use icecore_format::index_run::{IndexRun, RunChunk};
use icecore_format::ledger::body::SessionRange;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::io::{self, Seek, Write};
use std::sync::Arc;

/// What a table is made of.
#[derive(Clone, Debug)]
pub(super) enum Input {
    Run(RunId, Arc<IndexRun>),
    Table(Arc<Table>),
}

/// A merge that did not come to its end.
#[derive(Debug)]
pub(super) enum MergeError {
    /// The table could not be written.
    Write(io::Error),
    /// An input is damaged, and marked so.
    Damaged,
}

impl From<io::Error> for MergeError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<TableDamaged> for MergeError {
    fn from(_: TableDamaged) -> Self {
        Self::Damaged
    }
}

impl Input {
    /// A run, with its blocks in the order of their packs, as tables have them.
    pub(super) fn run(id: RunId, run: Arc<IndexRun>) -> Self {
        if run.blocks.is_sorted_by_key(|block| block.pack) {
            return Self::Run(id, run);
        }
        let mut order: Vec<u32> = (0..run.blocks.len() as u32).collect();
        order.sort_by_key(|row| run.blocks[*row as usize].pack);
        let mut new_row = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            new_row[*old as usize] = new as u32;
        }
        let mut sorted = IndexRun {
            packs: run.packs.clone(),
            blocks: order.iter().map(|row| run.blocks[*row as usize]).collect(),
            chunks: run.chunks.clone(),
        };
        for chunk in &mut sorted.chunks {
            chunk.block = new_row[chunk.block as usize];
        }
        sorted.sort();
        Self::Run(id, Arc::new(sorted))
    }

    /// The number of its chunks.
    pub(super) fn chunks(&self) -> u64 {
        match self {
            Self::Run(_, run) => run.chunks.len() as u64,
            Self::Table(table) => table.chunks(),
        }
    }

    fn runs(&self) -> BTreeSet<SessionRange> {
        match self {
            Self::Run(id, _) => ranges([*id]),
            Self::Table(table) => table.runs().clone(),
        }
    }

    fn packs(&self) -> Result<Vec<PackRow>, TableDamaged> {
        match self {
            Self::Run(run_id, run) => Ok(run
                .packs
                .iter()
                .enumerate()
                .map(|(number, pack)| {
                    let before = |block: &BlockRow| (block.pack as usize) < number;
                    let first_block = run.blocks.partition_point(before) as u32;
                    PackRow { id: pack.id, class: pack.class, run: *run_id, first_block }
                })
                .collect()),
            Self::Table(table) => (0..table.packs()).map(|row| table.pack(row)).collect(),
        }
    }

    fn blocks(&self) -> u64 {
        match self {
            Self::Run(_, run) => run.blocks.len() as u64,
            Self::Table(table) => table.blocks(),
        }
    }

    fn block(&self, row: u32) -> Result<BlockRow, TableDamaged> {
        match self {
            Self::Run(_, run) => run.blocks.get(row as usize).copied().ok_or(TableDamaged),
            Self::Table(table) => table.block(row),
        }
    }

    fn chunk_rows(&self) -> Box<dyn Iterator<Item = Result<ChunkRow, TableDamaged>> + '_> {
        match self {
            Self::Run(_, run) => Box::new(run.chunks.iter().map(|chunk| {
                let RunChunk { id, block, offset, bytes } = *chunk;
                Ok(ChunkRow { id, block, offset, bytes })
            })),
            Self::Table(table) => Box::new(table.chunk_rows()),
        }
    }
}

/// An input, and what of it goes where.
struct Part<'a> {
    input: &'a Input,
    /// For each of its packs.
    moves: Vec<Option<Move>>,
    rows: Box<dyn Iterator<Item = Result<ChunkRow, TableDamaged>> + 'a>,
}

/// A pack on its way into a table.
#[derive(Clone, Copy)]
struct Move {
    /// Its row there.
    row: u32,
    /// Its blocks, as they are numbered in the input.
    first_block: u32,
    end_block: u32,
    /// The first of them there.
    new_first_block: u32,
}

/// Merges `inputs` into the table that `writer` has begun, but for runs that `is_gone` names. A run
/// that several inputs have is taken from the first.
pub(super) fn merge<W: Write + Seek>(
    inputs: &[Input],
    is_gone: impl Fn(RunId) -> bool,
    mut writer: TableWriter<W>,
) -> Result<W, MergeError> {
    let (mut runs, mut packs, mut blocks) = (BTreeSet::new(), Vec::new(), 0);
    let mut parts = Vec::with_capacity(inputs.len());
    for input in inputs {
        let taken = ranges(
            input
                .runs()
                .iter()
                .flat_map(|range| range.runs())
                .filter(|run| !is_gone(*run) && !has(&runs, run.session, run.number)),
        );
        let moves = plan_moves(input, &taken, &mut packs, &mut blocks).map_err(damaged(input))?;
        runs.extend(taken);
        parts.push(Part { input, moves, rows: input.chunk_rows() });
    }
    write_chunks(&mut parts, &mut writer)?;
    let blocks = parts.iter().flat_map(|part| {
        part.moves.iter().flatten().flat_map(|to| {
            (to.first_block..to.end_block).map(|row| {
                let block = part.input.block(row).map_err(damaged(part.input))?;
                Ok(BlockRow { pack: to.row, ..block })
            })
        })
    });
    writer.finish(blocks, &packs, &ranges(runs.iter().flat_map(|range| range.runs())))
}

/// Gives the packs that runs of `taken` list, and their blocks, their new rows.
fn plan_moves(
    input: &Input,
    taken: &BTreeSet<SessionRange>,
    packs: &mut Vec<PackRow>,
    blocks: &mut u32,
) -> Result<Vec<Option<Move>>, TableDamaged> {
    let listed = input.packs()?;
    let ends = listed.iter().skip(1).map(|pack| pack.first_block).chain([input.blocks() as u32]);
    let mut moves = Vec::with_capacity(listed.len());
    for (pack, end_block) in listed.iter().zip(ends) {
        if !has(taken, pack.run.session, pack.run.number) {
            moves.push(None);
            continue;
        }
        let first_block = pack.first_block;
        let count = end_block.checked_sub(first_block).ok_or(TableDamaged)?;
        moves.push(Some(Move {
            row: packs.len() as u32,
            first_block,
            end_block,
            new_first_block: *blocks,
        }));
        packs.push(PackRow { first_block: *blocks, ..*pack });
        *blocks += count;
    }
    Ok(moves)
}

fn write_chunks<W: Write + Seek>(
    parts: &mut [Part<'_>],
    writer: &mut TableWriter<W>,
) -> Result<(), MergeError> {
    let mut next = BinaryHeap::with_capacity(parts.len());
    for (number, part) in parts.iter_mut().enumerate() {
        next.extend(part.next_row()?.map(|row| Reverse((row, number))));
    }
    while let Some(Reverse((row, number))) = next.pop() {
        writer.chunk(&row)?;
        if let Some(part) = parts.get_mut(number) {
            next.extend(part.next_row()?.map(|row| Reverse((row, number))));
        }
    }
    Ok(())
}

impl Part<'_> {
    /// The next row of a pack that is taken, as it stands in the new table.
    fn next_row(&mut self) -> Result<Option<ChunkRow>, MergeError> {
        for row in &mut self.rows {
            let moved = row.and_then(|row| {
                let pack = self.input.block(row.block)?.pack;
                let to = self.moves.get(pack as usize).ok_or(TableDamaged)?;
                Ok(to.map(|to| ChunkRow {
                    block: row.block.wrapping_sub(to.first_block).wrapping_add(to.new_first_block),
                    ..row
                }))
            });
            if let Some(row) = moved.map_err(damaged(self.input))? {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

fn damaged(input: &Input) -> impl FnOnce(TableDamaged) -> MergeError + use<'_> {
    move |error| {
        if let Input::Table(table) = input {
            table.mark_damaged();
        }
        error.into()
    }
}

/// The fewest ranges that name these runs, which come sorted.
pub(super) fn ranges(runs: impl IntoIterator<Item = RunId>) -> BTreeSet<SessionRange> {
    let mut ranges = BTreeSet::new();
    let mut last: Option<SessionRange> = None;
    for RunId { session, number } in runs {
        match &mut last {
            Some(last) if last.session == session && last.end == number => last.end += 1,
            _ => {
                ranges.extend(last);
                last = Some(SessionRange { session, first: number, end: number + 1 });
            }
        }
    }
    ranges.extend(last);
    ranges
}
