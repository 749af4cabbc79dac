//! Reads an EventCore store: all of it at one moment, while its writers go on.
//!
//! Events come in the order of their row ids, which is the order of their commits: SQLite has one
//! writer at a time. A row id is no position, since `VACUUM` may deal them anew.
//!
//! Reading a store in WAL mode, as EventCore makes them, is never in its writers' way; reading
//! another kind holds them up until the reader is dropped. Nothing of a store is changed, but if
//! nobody else has it open, SQLite leaves an empty log and shared memory beside it.

mod moment;
mod rows;

mod census;
mod further;
mod token;

use super::blocking::{absolute, blocking};
use async_trait::async_trait;
use icecore::source::{
    EventReader, Reading, Source, SourceEnd, SourceError, SourceErrorKind, SourceRequest,
    UnparsedBatch,
};
use moment::Moment;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for who has locked the database: recovery after a crash takes seconds.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// An EventCore store in a database file.
#[derive(Clone, Debug)]
pub struct SqliteSource {
    path: PathBuf,
    lock_wait: Duration,
}

impl SqliteSource {
    /// The store in the database at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: absolute(path.as_ref()), lock_wait: LOCK_WAIT }
    }

    #[cfg(test)]
    pub(super) fn waiting_for_locks(mut self, lock_wait: Duration) -> Self {
        self.lock_wait = lock_wait;
        self
    }
}

#[async_trait]
impl Source for SqliteSource {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn default_name(&self) -> String {
        format!("sqlite:{}", self.path.display())
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        let (path, lock_wait, request) = (self.path.clone(), self.lock_wait, request.clone());
        let moment = blocking(move || Moment::begin(path, lock_wait, request))
            .await
            .map_err(|error| stopped().because(error))??;
        let (reading, bytes_expected) = (moment.reading().clone(), moment.bytes_expected);
        Ok(Box::new(SqliteReader { moment: Some(moment), reading, bytes_expected }))
    }
}

struct SqliteReader {
    /// Elsewhere while it is read from; gone if the caller gave up waiting for that.
    moment: Option<Moment>,
    reading: Reading,
    bytes_expected: Option<u64>,
}

#[async_trait]
impl EventReader for SqliteReader {
    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn bytes_expected(&self) -> Option<u64> {
        self.bytes_expected
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        loop {
            let mut moment = self.moment.take().ok_or_else(stopped)?;
            let (moment, rows) = blocking(move || {
                let rows = moment.next_rows();
                (moment, rows)
            })
            .await
            .map_err(|error| stopped().because(error))?;
            self.moment = Some(moment);
            match rows? {
                // None of these streams is wanted.
                Some(rows) if rows.is_empty() => {}
                Some(rows) => {
                    let bytes = rows.bytes() as u64;
                    return Ok(Some(UnparsedBatch::new(bytes, move || rows.parse())));
                }
                None => return Ok(None),
            }
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<SourceEnd, SourceError> {
        let moment = self.moment.take().ok_or_else(stopped)?;
        blocking(move || moment.end()).await.map_err(|error| stopped().because(error))?
    }
}

fn stopped() -> SourceError {
    SourceError::new(SourceErrorKind::Unreadable, "reading the database was stopped")
}
