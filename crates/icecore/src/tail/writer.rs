//! Writing an epoch: one object after the other.

use super::gathered::Gathered;
use crate::environment::Environment;
use crate::event_log::CapturedChunks;
use crate::layout::ObjectRole;
use crate::local::{RepositoryState, SessionLease};
use crate::repository::Repository;
use crate::storage::{self, Put};
use icecore_format::block::Compression;
use icecore_format::config::Config;
use icecore_format::event_log::Span;
use icecore_format::keys::KeySet;
use icecore_format::limits::TAIL_KEPT_BYTES_MAX;
use icecore_format::pack::PackKey;
use icecore_format::tail::{self, Flush, Repeat, SealOptions, TailChunk, TailSealer};
use icecore_format::{Hash, SessionId};
use icecore_store::{Content, ObjectName, Store, StoreError};
use std::sync::Arc;

/// Writes one epoch.
pub(crate) struct TailWriter {
    store: Arc<dyn Store>,
    environment: Environment,
    keys: Arc<KeySet>,
    config: Config,
    session: SessionId,
    /// Lent to the pool while an object is sealed.
    sealer: Option<(TailSealer, Gathered)>,
    next: u64,
    previous: Hash,
    /// What was captured since the snapshot that the tail goes on from.
    total: Span,
    /// Whether what was put last counts only if more follows.
    awaits_more: bool,
    local: RepositoryState,
    _lease: Option<SessionLease>,
}

/// An object that is sealed and not yet acknowledged. While there is no answer, the same bytes are
/// put again: under another number, or sealed anew, it could be stored twice.
#[derive(Debug)]
pub(crate) struct SealedFlush {
    name: ObjectName,
    content: Content,
    hash: Hash,
    total: Span,
    awaits_more: bool,
}

/// A flush that was not acknowledged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FlushError {
    /// The epoch was ended: its next name is taken.
    #[error("the epoch of this follower was ended")]
    Ended,
    /// The storage did not take it, or gave no answer. It may be tried again.
    #[error("cannot write to the repository")]
    Write(#[from] StoreError),
}

impl TailWriter {
    /// A writer of an epoch that nothing was put into, after `total`.
    pub(super) fn new(
        repository: &Repository,
        session: SessionId,
        key: PackKey,
        total: Span,
        lease: Option<SessionLease>,
    ) -> Self {
        Self {
            store: repository.store.clone(),
            environment: repository.environment.clone(),
            keys: repository.keys.clone(),
            config: repository.config,
            session,
            sealer: Some((TailSealer::new(key), Gathered::after(Hash([0; 32])))),
            next: 0,
            previous: Hash([0; 32]),
            total,
            awaits_more: false,
            local: repository.local.clone(),
            _lease: lease,
        }
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// What was captured since the snapshot that the tail goes on from.
    pub(crate) fn total(&self) -> &Span {
        &self.total
    }

    /// Whether what was put last counts only if more follows.
    pub(crate) fn awaits_more(&self) -> bool {
        self.awaits_more
    }

    /// Seals what was captured as the next object. `resume` is where the source can be gone on from
    /// after it, and what that needs; `None` in the middle of what a source gives at once.
    pub(crate) async fn seal(
        &mut self,
        captured: CapturedChunks,
        resume: Option<(Vec<u8>, Vec<u8>)>,
        compression: Compression,
    ) -> SealedFlush {
        let name = ObjectRole::Tail(self.session, self.next).object_name();
        let mut total = self.total;
        total.add(&captured.span);
        let awaits_more = resume.is_none();
        let (resume, kept) = resume.unzip();
        let (number, previous, time) = (self.next, self.previous, self.environment.clock.now());
        let (mut sealer, mut gathered) =
            self.sealer.take().expect("one object is sealed at a time");
        let (keys, config, own_name) = (self.keys.clone(), self.config, name.clone());
        let random = self.environment.random.clone();
        let sealing = self.environment.compute(move || {
            // What is sealed is put, or the epoch is over.
            gathered.begin(number, previous);
            let repeated = gathered.add(number, &captured, &keys, &config);
            let more = repeated.iter().flat_map(|(_, repeated)| &repeated.chunks);
            let chunks: Vec<TailChunk<'_>> = captured
                .chunks
                .iter()
                .chain(more)
                .map(|chunk| TailChunk {
                    kind: chunk.kind,
                    id: chunk.id,
                    plaintext: &chunk.plaintext,
                })
                .collect();
            let flush = Flush {
                previous,
                time,
                chunks: captured.entries.clone(),
                span: captured.span,
                total,
                resume,
                kept: kept.filter(|kept| kept.len() <= TAIL_KEPT_BYTES_MAX),
                first_block: 0,
                blocks: Vec::new(),
                blocks_hash: Hash([0; 32]),
                repeat: repeated.as_ref().map(|(previous, repeated)| Repeat {
                    previous: *previous,
                    chunks: repeated.entries.clone(),
                    span: repeated.span,
                }),
                unrepeated: gathered.unrepeated(),
            };
            let cipher = config.cipher;
            let options = SealOptions { keys: &keys, cipher, compression, random: &*random };
            let bytes = sealer.seal(own_name.as_str(), flush, &chunks, &options);
            let hash = tail::hash(&bytes);
            ((sealer, gathered), bytes, hash)
        });
        let (sealer, bytes, hash) = sealing.await;
        self.sealer = Some(sealer);
        SealedFlush { name, content: Content::from(bytes), hash, total, awaits_more }
    }

    /// Puts what was sealed last. Once this returns `Ok`, it counts.
    pub(crate) async fn put(&mut self, sealed: &SealedFlush) -> Result<u64, FlushError> {
        match storage::put(&*self.store, &sealed.name, &sealed.content).await? {
            Put::Done => {
                self.next += 1;
                self.previous = sealed.hash;
                self.total = sealed.total;
                self.awaits_more = sealed.awaits_more;
                let (local, session, objects) = (self.local.clone(), self.session, self.next);
                self.environment.compute(move || local.remember_flushes(session, objects)).await;
                Ok(sealed.content.len())
            }
            Put::Taken(_) => Err(FlushError::Ended),
        }
    }
}
