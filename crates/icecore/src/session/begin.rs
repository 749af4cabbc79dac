//! Beginning a session: is the storage fit for it, what is there already, and what did an
//! interrupted session of this machine leave behind?

use super::packer::Packer;
use super::{Adopted, Session, SessionError, SessionOptions};
use crate::error::ReadError;
use crate::index::Index;
use crate::ledger::replay::has_ended;
use crate::monitor::Monitor;
use crate::repository::Repository;
use icecore_format::checkpoint::LedgerState;
use icecore_format::random::random_bytes;
use icecore_format::{Role, RunId, SessionId};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

impl<'r> Session<'r> {
    /// Begins a session.
    pub(crate) async fn begin(
        repository: &'r Repository,
        options: SessionOptions,
        monitor: &Monitor,
    ) -> Result<Self, SessionError> {
        let role = repository.keys.role;
        if role == Role::Reader {
            return Err(SessionError::NotAllowed(role));
        }
        let proof = async { repository.prove_exclusive().await.map_err(SessionError::from) };
        let refresh = async { repository.refresh().await.map_err(SessionError::from) };
        futures::try_join!(proof, refresh)?;
        let state = repository.ledger().await.prefix_so_far()?.state().clone();
        let mut index = Index::clone(&*repository.index().await?);
        let adopted = adopt(repository, &state, &mut index).await?;

        let random = &*repository.environment.random;
        let id = SessionId { head: state.next, random: random_bytes(random) };
        let local = repository.local.clone();
        let lease = repository.environment.compute(move || local.lease(id).ok().flatten()).await;
        Ok(Self {
            repository,
            id,
            index: Arc::new(index),
            adopted,
            own: HashSet::new(),
            leans: BTreeSet::new(),
            bases: BTreeSet::new(),
            tail_end: None,
            packer: Packer::new(repository, id, options.compression, monitor.clone()),
            runs_written: 0,
            stored_bytes: 0,
            last_flush: repository.environment.clock.now(),
            monitor: monitor.clone(),
            _lease: lease,
        })
    }
}

/// Takes over the sessions of this machine that neither ended nor are alive: their chunks count as
/// there, and this session's commit names their packs.
async fn adopt(
    repository: &Repository,
    state: &LedgerState,
    index: &mut Index,
) -> Result<Vec<Adopted>, SessionError> {
    let local = repository.local.clone();
    let dead = repository.environment.compute(move || local.dead_sessions()).await;
    let (mut adopted, mut ended) = (Vec::new(), Vec::new());
    for (session, run_count, lease) in dead {
        // A session from beyond the ledger's end belongs to a ledger that was rolled back.
        if has_ended(state, session) || session.head > state.next {
            ended.push(session);
            continue;
        }
        let (mut runs, mut packs) = (0, Vec::new());
        for number in 0..run_count {
            let id = RunId { session, number };
            match repository.run_reader().read(id).await {
                Ok(run) => {
                    packs.extend(run.packs.iter().map(|pack| pack.id));
                    index.adopt(id, run).await;
                    runs += 1;
                }
                // Only what was acknowledged is noted, so this is damage; what it named is
                // uploaded again.
                Err(error @ (ReadError::Damaged { .. } | ReadError::Store(_))) => {
                    tracing::warn!(%error, "an index run of an interrupted backup is not used");
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        adopted.push(Adopted { session, runs, packs, _lease: lease });
    }
    let local = repository.local.clone();
    repository.environment.compute(move || local.forget_sessions(&ended)).await;
    Ok(adopted)
}
