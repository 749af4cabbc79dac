//! The pages of a table, each verified when it is first read.

use super::TableDamaged;
use super::bytes::TableBytes;
use super::layout::{
    CODE_BYTES, Header, PAGE_BYTES, PAGE_ROWS_BYTES, PageKey, Row, Section, Shard, TableKey,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The pages of a table.
pub(super) struct Pages {
    bytes: TableBytes,
    key: PageKey,
    /// A bit for each page that was verified. A race verifies a page twice.
    verified: Vec<AtomicU64>,
    is_damaged: AtomicBool,
}

impl Pages {
    /// The header of these bytes, and their pages. Reads page 0 only.
    pub(super) fn open(bytes: TableBytes, key: &TableKey) -> Result<(Header, Self), TableDamaged> {
        let header = Header::from_bytes(bytes.get(..PAGE_BYTES).ok_or(TableDamaged)?)?;
        if header.pages.checked_mul(PAGE_BYTES as u64) != Some(bytes.len() as u64) {
            return Err(TableDamaged);
        }
        let words = header.pages.div_ceil(64) as usize;
        let key = key.of_table(&header.nonce);
        let verified = (0..words).map(|_| AtomicU64::new(0)).collect();
        let pages = Self { bytes, key, verified, is_damaged: AtomicBool::new(false) };
        pages.rows_of(0)?;
        Ok((header, pages))
    }

    /// A row of a section.
    #[inline]
    pub(super) fn row<R: Row>(&self, section: Section, number: u64) -> Result<R, TableDamaged> {
        Ok(R::from_bytes(self.row_bytes::<R>(section, number)?)?)
    }

    /// The bytes of a row of a section, and of what follows on its page.
    #[inline]
    pub(super) fn row_bytes<R: Row>(
        &self,
        section: Section,
        number: u64,
    ) -> Result<&[u8], TableDamaged> {
        let rows = self.rows_of(section.first_page.saturating_add(number / R::PER_PAGE))?;
        let start = (number % R::PER_PAGE) as usize * R::BYTES;
        rows.get(start..start + R::BYTES).ok_or(TableDamaged)
    }

    /// The fingerprints of a shard's filter.
    #[inline]
    pub(super) fn filter(&self, shard: &Shard) -> Result<&[u8], TableDamaged> {
        let page = shard.filter_page;
        let start = page.saturating_mul(PAGE_BYTES as u64) as usize;
        let end = start.saturating_add(shard.filter_bytes as usize);
        let filter = self.bytes.get(start..end).ok_or(TableDamaged)?;
        self.verify(page, filter, &shard.filter_code)?;
        Ok(filter)
    }

    /// Remembers that something that was read is not what was written.
    pub(super) fn mark_damaged(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Whether something that was read is not what was written.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Whether they are those of a file.
    pub(super) fn is_mapped(&self) -> bool {
        self.bytes.is_mapped()
    }

    #[inline]
    fn rows_of(&self, page: u64) -> Result<&[u8], TableDamaged> {
        let start = page.saturating_mul(PAGE_BYTES as u64) as usize;
        let bytes = self.bytes.get(start..start.saturating_add(PAGE_BYTES)).ok_or(TableDamaged)?;
        let (rows, code) = bytes.split_at(PAGE_ROWS_BYTES);
        self.verify(page, rows, code)?;
        Ok(rows)
    }

    /// Compares what begins with this page with its code, unless that was done before.
    #[inline]
    fn verify(&self, page: u64, bytes: &[u8], code: &[u8]) -> Result<(), TableDamaged> {
        let word = self.verified.get((page / 64) as usize).ok_or(TableDamaged)?;
        let bit = 1 << (page % 64);
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        debug_assert_eq!(code.len(), CODE_BYTES);
        if self.key.code(page, bytes) != code {
            self.mark_damaged();
            return Err(TableDamaged);
        }
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}
