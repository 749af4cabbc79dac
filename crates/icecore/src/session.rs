//! Sessions: one run of a program that adds chunks to a repository and then commits a snapshot.
//!
//! The order of writes is fixed: packs, then the index run that names their chunks, then the
//! ledger entry that names packs and run. Each names only what is already durable, so a crash
//! between any two leaves garbage, never a dangling reference. A session deletes nothing, not
//! even what it wrote itself.
//!
//! Specification: docs/concurrency.md, rules 2 to 4; docs/durability.md.

mod begin;
mod block_builder;
mod commit;
mod copier;
mod packer;
mod run_writer;

pub(crate) use copier::{Copied, PackCopier};
pub(crate) use run_writer::store as store_run;

use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::Index;
use crate::layout::ObjectRole;
use crate::ledger::AppendError;
use crate::local::SessionLease;
use crate::monitor::{Counter, Monitor, Stopped};
use crate::repository::{ExclusiveError, Repository};
use icecore_format::block::Compression;
use icecore_format::ledger::body::TailMark;
use icecore_format::record::Record;
use icecore_format::{ChunkId, ChunkKind, PackId, Role, RunId, SessionId, SnapshotId, Timestamp};
use icecore_store::{ObjectName, StoreError};
use packer::Packer;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// How long chunks may wait to become findable by the next backup, should this one be interrupted.
const FLUSH_NANOSECONDS: i64 = 60 * 1_000_000_000;

/// Packs that are stored and in no index run yet, before a run is written for them.
const RUN_PACKS_MAX: usize = 64;

/// Chunks that are in no index run yet, before a run is written for those that are stored: keeps
/// runs short, so that a reader can fetch many at once, and what a session remembers.
pub(crate) const RUN_CHUNKS_MAX: usize = 1 << 15;

/// A session that has not ended.
pub(crate) struct Session<'r> {
    repository: &'r Repository,
    id: SessionId,
    /// What was usable when the session began, what it adopted, and its own index runs.
    index: Arc<Index>,
    adopted: Vec<Adopted>,
    /// What this session has taken itself and is in no index run yet.
    own: HashSet<ChunkId>,
    /// Packs of others that this session's snapshot needs.
    leans: BTreeSet<PackId>,
    /// Snapshots of whose packs this session's snapshot needs some.
    bases: BTreeSet<SnapshotId>,
    /// The end of the tail that the snapshot has, and more.
    tail_end: Option<TailMark>,
    packer: Packer,
    runs_written: u32,
    stored_bytes: u64,
    last_flush: Timestamp,
    monitor: Monitor,
    _lease: Option<SessionLease>,
}

/// A session of this machine that was interrupted, and whose packs this one commits.
struct Adopted {
    session: SessionId,
    /// Its first index runs, which could be read.
    runs: u32,
    /// The packs that they list.
    packs: Vec<PackId>,
    _lease: SessionLease,
}

/// A chunk on its way into the repository.
#[derive(Clone, Debug)]
pub(crate) struct NewChunk {
    pub(crate) kind: ChunkKind,
    pub(crate) id: ChunkId,
    pub(crate) plaintext: Vec<u8>,
}

/// A session that failed. Nothing was committed, unless the error says that this is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The role of the key cannot add anything.
    #[error("a {} key cannot add to a repository", .0.name())]
    NotAllowed(Role),
    /// The storage is not to be written to.
    #[error(transparent)]
    Exclusive(ExclusiveError),
    /// Something of the repository could not be read.
    #[error("cannot read what the repository holds already")]
    Read(#[from] ReadError),
    /// The storage did not take an object.
    #[error("cannot write to the repository")]
    Write(#[from] StoreError),
    /// Another object has the name of a new one.
    #[error("something else is stored as {object}")]
    NameTaken {
        /// The name.
        object: ObjectName,
    },
    /// What the snapshot relies on was collected while it was made.
    #[error("what this backup relied on was removed from the repository meanwhile")]
    Overtaken,
    /// The ledger entry was not appended.
    #[error("cannot commit the snapshot")]
    Append(#[from] AppendError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<ExclusiveError> for SessionError {
    fn from(error: ExclusiveError) -> Self {
        match error {
            ExclusiveError::Write(error) => Self::Write(error),
            error @ ExclusiveError::NotExclusive { .. } => Self::Exclusive(error),
        }
    }
}

impl Session<'_> {
    /// Adds a chunk, unless the repository has it.
    pub(crate) async fn put(&mut self, chunk: NewChunk) -> Result<(), SessionError> {
        if self.own.contains(&chunk.id) {
            return Ok(());
        }
        if let Some(found) = Index::find_repairing(&mut self.index, &chunk.id).await? {
            // Rule 3: only against usable packs and those of adopted sessions.
            let session = found.block.pack.session;
            let is_own = session == self.id;
            if !is_own && !self.adopted.iter().any(|adopted| adopted.session == session) {
                self.leans.insert(found.block.pack);
            }
            return Ok(());
        }
        self.own.insert(chunk.id);
        self.packer.add(chunk).await?;
        let now = self.environment().clock.now();
        if now.0.saturating_sub(self.last_flush.0) >= FLUSH_NANOSECONDS {
            self.flush().await?;
        } else if self.packer.stored_packs() >= RUN_PACKS_MAX || self.own.len() >= RUN_CHUNKS_MAX {
            self.write_run().await?;
        }
        Ok(())
    }

    /// Takes over what a snapshot holds, without a look at its packs.
    pub(crate) fn rely_on(&mut self, base: SnapshotId) {
        self.bases.insert(base);
    }

    /// The snapshot has more than the tail before this place, so it says so only if nothing can come
    /// after it there.
    pub(crate) fn expect_nothing_after(&mut self, mark: TailMark) {
        self.tail_end = Some(mark);
    }

    /// Adds a chunk that is a record of its own.
    pub(crate) async fn put_record<R: Record>(
        &mut self,
        kind: ChunkKind,
        record: &R,
    ) -> Result<ChunkId, SessionError> {
        let plaintext = record.encode();
        let id = self.chunk_id(kind, &plaintext);
        self.put(NewChunk { kind, id, plaintext }).await?;
        Ok(id)
    }

    /// The id of a chunk of this repository.
    pub(crate) fn chunk_id(&self, kind: ChunkKind, plaintext: &[u8]) -> ChunkId {
        self.repository.keys.chunk_id(kind, plaintext)
    }

    /// The repository that this adds to.
    pub(crate) fn repository(&self) -> &Repository {
        self.repository
    }

    /// Makes everything that was added durable and findable, so that an interrupted backup loses
    /// at most what came after.
    async fn flush(&mut self) -> Result<(), SessionError> {
        self.packer.finish_packs().await?;
        self.write_run().await?;
        self.last_flush = self.environment().clock.now();
        Ok(())
    }

    /// Writes an index run of the packs that are stored and in no run.
    async fn write_run(&mut self) -> Result<(), SessionError> {
        let packs = self.packer.take_stored();
        if packs.is_empty() {
            return Ok(());
        }
        let run_id = RunId { session: self.id, number: self.runs_written };
        let pack_bytes: u64 = packs.iter().map(|(pack, _)| pack.bytes).sum();
        let (content, run) = run_writer::store_packs(self.repository, run_id, packs).await?;
        let name = ObjectRole::IndexRun(run_id).object_name();
        // From here on the index has them, so what is held does not grow with the session.
        for chunk in &run.chunks {
            self.own.remove(&chunk.id);
        }
        Arc::make_mut(&mut self.index).adopt(run_id, Arc::new(run)).await;
        self.runs_written += 1;
        self.stored_bytes += pack_bytes + content.len();
        self.monitor.count(Counter::BytesStored, content.len());
        let (local, id, runs) = (self.repository.local.clone(), self.id, self.runs_written);
        self.environment()
            .compute(move || {
                // The next backup reads it first of all.
                local.cache(name.as_str(), &content.to_bytes());
                local.note_session(id, runs);
            })
            .await;
        Ok(())
    }

    fn environment(&self) -> &Environment {
        &self.repository.environment
    }
}

/// What a session is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionOptions {
    pub(crate) compression: Compression,
}
