//! Copying chunks into new packs: a session that commits no snapshot.

use super::packer::Packer;
use super::{NewChunk, RUN_PACKS_MAX, SessionError, run_writer};
use crate::monitor::Monitor;
use crate::repository::Repository;
use icecore_format::block::Compression;
use icecore_format::ledger::body::SessionRange;
use icecore_format::pack::DirectoryChunk;
use icecore_format::{ChunkKind, RunId, SessionId};

/// Copies chunks into packs of one session.
pub(crate) struct PackCopier<'r> {
    repository: &'r Repository,
    session: SessionId,
    packer: Packer,
    runs: u32,
}

/// What was copied: durable, and named by no entry.
#[derive(Clone, Debug)]
pub(crate) struct Copied {
    /// The packs.
    pub(crate) packs: Vec<SessionRange>,
    /// The index runs that list them.
    pub(crate) runs: Vec<SessionRange>,
}

impl<'r> PackCopier<'r> {
    /// Begins to copy in a session of its own.
    pub(crate) fn new(repository: &'r Repository, session: SessionId, monitor: &Monitor) -> Self {
        let packer = Packer::new(repository, session, Compression::default(), monitor.clone());
        Self { repository, session, packer, runs: 0 }
    }

    /// Copies a chunk into a new block.
    pub(crate) async fn add(&mut self, chunk: NewChunk) -> Result<(), SessionError> {
        self.packer.add(chunk).await?;
        self.write_run_if_due().await
    }

    /// Copies a block as it is encoded.
    pub(crate) async fn add_encoded(
        &mut self,
        kind: ChunkKind,
        chunks: Vec<DirectoryChunk>,
        encoded: Vec<u8>,
    ) -> Result<(), SessionError> {
        self.packer.add_encoded(kind, chunks, encoded).await?;
        self.write_run_if_due().await
    }

    /// Makes everything durable.
    pub(crate) async fn finish(mut self) -> Result<Copied, SessionError> {
        self.packer.finish_packs().await?;
        self.write_run().await?;
        let of = |end| SessionRange { session: self.session, first: 0, end };
        let all = |end| if end > 0 { vec![of(end)] } else { Vec::new() };
        let (packs, runs) = (all(self.packer.packs_begun()), all(self.runs));
        Ok(Copied { packs, runs })
    }

    async fn write_run_if_due(&mut self) -> Result<(), SessionError> {
        if self.packer.stored_packs() >= RUN_PACKS_MAX {
            self.write_run().await?;
        }
        Ok(())
    }

    async fn write_run(&mut self) -> Result<(), SessionError> {
        let packs = self.packer.take_stored();
        if packs.is_empty() {
            return Ok(());
        }
        let id = RunId { session: self.session, number: self.runs };
        run_writer::store_packs(self.repository, id, packs).await?;
        self.runs += 1;
        Ok(())
    }
}
