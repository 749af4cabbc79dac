//! The ledger of an open repository, shared with what reads chunks for longer than a borrow lasts.

use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::Index;
use crate::ledger::{Ledger, has_retired};
use crate::local::{RepositoryState, SeenHead};
use futures::lock::{Mutex, MutexGuard};
use icecore_format::checkpoint::LedgerState;
use std::sync::Arc;

/// The ledger of an open repository; clones share it.
#[derive(Clone)]
pub(crate) struct SharedLedger {
    ledger: Arc<Mutex<Ledger>>,
    environment: Environment,
    local: RepositoryState,
}

impl SharedLedger {
    pub(super) fn new(ledger: Ledger, environment: &Environment, local: &RepositoryState) -> Self {
        let (environment, local) = (environment.clone(), local.clone());
        Self { ledger: Arc::new(Mutex::new(ledger)), environment, local }
    }

    pub(super) async fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().await
    }

    /// The end of the ledger that this machine remembers.
    pub(super) async fn seen_head(&self) -> Option<SeenHead> {
        let local = self.local.clone();
        self.environment.compute(move || local.seen_head()).await
    }

    /// The ledger, read to its present end.
    pub(super) async fn read_forward(&self) -> Result<MutexGuard<'_, Ledger>, ReadError> {
        let seen = self.seen_head().await;
        let mut ledger = self.lock().await;
        ledger.read_forward(seen).await?;
        Ok(ledger)
    }

    /// The state at the ledger's present end.
    pub(crate) async fn state_at_end(&self) -> Result<LedgerState, ReadError> {
        Ok(self.read_forward().await?.state().clone())
    }

    /// Makes `index` that of `state`, or of a later one: rule 10, for an index run that was replaced and
    /// deleted since.
    pub(crate) async fn index(
        &self,
        index: &mut Index,
        mut state: LedgerState,
    ) -> Result<(), ReadError> {
        loop {
            let error = match index.follow(&state).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let next =
                if error.is_missing() { self.state_at_end().await? } else { return Err(error) };
            if !has_retired(&state, &next) {
                return Err(error);
            }
            state = next;
        }
    }
}
