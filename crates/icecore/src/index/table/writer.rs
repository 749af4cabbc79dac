//! Writing a table from front to back, in memory that does not grow with it.

use super::filter::{self, FILTER_KEYS_MAX};
use super::layout::{
    BlockRow, CODE_BYTES, ChunkRow, DESCRIPTOR_BYTES, Fence, Header, Nonce, PAGE_BYTES,
    PAGE_ROWS_BYTES, PackRow, PageKey, Row, Section, Shard, TableKey, key_of,
};
use icecore_format::ChunkId;
use icecore_format::ledger::body::SessionRange;
use std::collections::BTreeSet;
use std::io::{self, Seek, SeekFrom, Write};

/// Writes a table: all chunks first, then blocks, packs and runs.
pub(in crate::index) struct TableWriter<W> {
    output: W,
    key: PageKey,
    nonce: Nonce,
    /// Pages that are written.
    pages: u64,
    section: Section,
    /// The rows of the page that is being filled.
    page: Vec<u8>,
    chunks: u64,
    fences: Vec<Fence>,
    shard_first_fence: u64,
    shards: Vec<Shard>,
    shard_first: Option<ChunkId>,
    /// The keys of the present shard: distinct, since rows come sorted.
    keys: Vec<u64>,
}

impl<W: Write + Seek> TableWriter<W> {
    /// Begins a table; `nonce` is its own.
    pub(in crate::index) fn new(mut output: W, key: &TableKey, nonce: Nonce) -> io::Result<Self> {
        // The header is written last.
        output.write_all(&[0; PAGE_BYTES])?;
        Ok(Self {
            output,
            key: key.of_table(&nonce),
            nonce,
            pages: 1,
            section: Section { first_page: 1, rows: 0 },
            page: Vec::with_capacity(PAGE_BYTES),
            chunks: 0,
            fences: Vec::new(),
            shard_first_fence: 0,
            shards: Vec::new(),
            shard_first: None,
            keys: Vec::new(),
        })
    }

    /// Adds the next chunk, in the order of ids.
    pub(in crate::index) fn chunk(&mut self, row: &ChunkRow) -> io::Result<()> {
        let key = key_of(&row.id);
        let is_new = self.keys.last() != Some(&key);
        // Rows of one id stay in one shard.
        if is_new && self.keys.len() == FILTER_KEYS_MAX {
            self.finish_shard()?;
        }
        if is_new {
            self.keys.push(key);
        }
        self.shard_first.get_or_insert(row.id);
        self.chunks += 1;
        self.row(row)?;
        if self.page.len() == ChunkRow::BYTES {
            self.fences.push(Fence(key));
        }
        Ok(())
    }

    /// Adds everything that follows the chunks, and ends the table.
    pub(in crate::index) fn finish<E: From<io::Error>>(
        mut self,
        blocks: impl Iterator<Item = Result<BlockRow, E>>,
        packs: &[PackRow],
        runs: &BTreeSet<SessionRange>,
    ) -> Result<W, E> {
        self.finish_shard()?;
        let fences = std::mem::take(&mut self.fences);
        let fences = self.rows(&fences)?;
        for block in blocks {
            self.row(&block?)?;
        }
        let blocks = self.finish_section()?;
        let packs = self.rows(packs)?;
        let runs = self.rows(runs)?;
        let shards = std::mem::take(&mut self.shards);
        let shards = self.rows(&shards)?;

        let Self { nonce, pages, chunks, .. } = self;
        let header = Header { nonce, pages, chunks, fences, blocks, packs, runs, shards };
        self.output.seek(SeekFrom::Start(0))?;
        self.pages = 0;
        self.rows([&header])?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn rows<'a, R: Row + 'a>(
        &mut self,
        rows: impl IntoIterator<Item = &'a R>,
    ) -> io::Result<Section> {
        for row in rows {
            self.row(row)?;
        }
        self.finish_section()
    }

    fn row<R: Row>(&mut self, row: &R) -> io::Result<()> {
        if self.page.len() + R::BYTES > PAGE_ROWS_BYTES {
            self.write_page()?;
        }
        row.encode(&mut self.page);
        self.section.rows += 1;
        Ok(())
    }

    fn write_page(&mut self) -> io::Result<()> {
        self.page.resize(PAGE_ROWS_BYTES, 0);
        let code = self.key.code(self.pages, &self.page);
        self.page.extend(code);
        self.output.write_all(&self.page)?;
        self.page.clear();
        self.pages += 1;
        Ok(())
    }

    fn finish_section(&mut self) -> io::Result<Section> {
        if !self.page.is_empty() {
            self.write_page()?;
        }
        let next = Section { first_page: self.pages, rows: 0 };
        Ok(std::mem::replace(&mut self.section, next))
    }

    /// Ends a shard: its filter follows its rows.
    fn finish_shard(&mut self) -> io::Result<()> {
        let chunks = self.finish_section()?;
        let Some(first) = self.shard_first.take() else { return Ok(()) };
        let filter = filter::build(&self.keys);
        self.keys.clear();
        let filter_page = self.pages;
        let next_fence = self.fences.len() as u64;
        let first_fence = std::mem::replace(&mut self.shard_first_fence, next_fence);
        let (mut filter_bytes, mut descriptor) = (0, [0; DESCRIPTOR_BYTES]);
        let mut filter_code = [0; CODE_BYTES];
        if let Some((own_descriptor, fingerprints)) = filter {
            descriptor = own_descriptor;
            filter_bytes = fingerprints.len() as u64;
            filter_code = self.key.code(filter_page, &fingerprints);
            self.output.write_all(&fingerprints)?;
            let padding = fingerprints.len().next_multiple_of(PAGE_BYTES) - fingerprints.len();
            self.output.write_all(&[0; PAGE_BYTES][..padding])?;
            self.pages += filter_bytes.div_ceil(PAGE_BYTES as u64);
        }
        self.section.first_page = self.pages;
        self.shards.push(Shard {
            first,
            chunks,
            first_fence,
            filter_page,
            filter_bytes,
            filter_code,
            descriptor,
        });
        Ok(())
    }
}
