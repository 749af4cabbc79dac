//! A repository: everything under one storage prefix, opened with one key.

mod exclusive;
mod init;
mod open;
mod shared_ledger;

pub use exclusive::ExclusiveError;
pub use init::{InitError, InitOptions};
pub use open::OpenError;
pub(crate) use shared_ledger::SharedLedger;

use crate::chunks::ChunkReader;
use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::{Index, RunReader};
use crate::ledger::{
    Alarm, AppendError, Appended, Ledger, LedgerContext, LoggedEntry, WitnessFinding,
};
use crate::local::RepositoryState;
use futures::lock::{Mutex, MutexGuard};
use icecore_format::checkpoint::LedgerState;
use icecore_format::config::Config;
use icecore_format::keys::KeySet;
use icecore_format::ledger::EntryBody;
use icecore_store::Store;
use std::sync::Arc;

/// An open repository.
pub struct Repository {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) environment: Environment,
    pub(crate) config: Config,
    pub(crate) keys: Arc<KeySet>,
    pub(crate) local: RepositoryState,
    ledger: SharedLedger,
    index: Mutex<Arc<Index>>,
}

/// The whole ledger, and what is wrong with it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LedgerAudit {
    /// Every entry, oldest first.
    pub log: Vec<LoggedEntry>,
    /// What it yields.
    pub state: LedgerState,
    /// Signs that it was damaged or tampered with.
    pub alarms: Vec<Alarm>,
    /// Witnesses that do not fit it.
    pub witnesses: Vec<WitnessFinding>,
}

impl Repository {
    /// What never changes about it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The keys that it was opened with.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Where it is, without credentials.
    pub fn place(&self) -> String {
        self.store.place()
    }

    /// The ledger's state as it was read last.
    pub async fn state(&self) -> LedgerState {
        self.ledger().await.state().clone()
    }

    /// Signs that the ledger was damaged or tampered with.
    pub async fn alarms(&self) -> Vec<Alarm> {
        self.ledger().await.alarms().to_vec()
    }

    /// Reads the ledger to its present end, and remembers that end on this machine.
    pub async fn refresh(&self) -> Result<(), ReadError> {
        drop(self.ledger.read_forward().await?);
        self.remember_end().await;
        Ok(())
    }

    /// Remembers the ledger's end on this machine, as it was read or appended to last: what was cut off from
    /// there is noticed here.
    pub(crate) async fn remember_end(&self) {
        let ledger = self.ledger().await;
        let (local, head) = (self.local.clone(), ledger.seen_head());
        if ledger.alarms().is_empty() {
            self.environment.compute(move || local.remember_head(head)).await;
        }
    }

    /// Appends what `decide` makes of the ledger's end, if anything, at exactly that end: it is asked again when
    /// another entry came first. The number of the entry, which this machine remembers.
    pub(crate) async fn append<E: From<AppendError>>(
        &self,
        decide: impl Fn(&LedgerState) -> Result<Option<EntryBody>, E>,
    ) -> Result<Option<u64>, E> {
        loop {
            let mut ledger = self.ledger().await;
            let prefix = ledger.prefix(None).await?;
            let Some(body) = decide(prefix.state())? else { return Ok(None) };
            if let Appended::At(number) = prefix.append(body).await? {
                drop(ledger);
                self.remember_end().await;
                return Ok(Some(number));
            }
        }
    }

    /// Reads every entry from the beginning anew, verifies them one by one, and compares them with
    /// their witnesses.
    pub async fn audit(&self) -> Result<LedgerAudit, ReadError> {
        let mut ledger = Ledger::open_at_beginning(self.ledger_context());
        ledger.read_forward(None).await?;
        let witnesses = ledger.verify_witnesses().await?;
        let (log, alarms) = (ledger.log().to_vec(), ledger.alarms().to_vec());
        Ok(LedgerAudit { log, state: ledger.state().clone(), alarms, witnesses })
    }

    /// Reads every entry from the beginning anew.
    pub async fn log(&self) -> Result<Vec<LoggedEntry>, ReadError> {
        let mut ledger = Ledger::open_at_beginning(self.ledger_context());
        ledger.read_forward(None).await?;
        Ok(ledger.log().to_vec())
    }

    /// Where chunks are, as of the ledger's state as it was read last.
    pub async fn index(&self) -> Result<Arc<Index>, ReadError> {
        let state = self.state().await;
        let mut index = self.index.lock().await;
        let mut next = Index::clone(&index);
        Box::pin(self.ledger.index(&mut next, state)).await?;
        *index = Arc::new(next);
        Ok(index.clone())
    }

    /// A reader of chunks, as of the ledger's state as it was read last.
    pub(crate) async fn chunks(&self) -> Result<ChunkReader, ReadError> {
        Ok(self.chunks_of(self.index().await?))
    }

    /// A reader of the chunks of an index.
    pub(crate) fn chunks_of(&self, index: Arc<Index>) -> ChunkReader {
        let (store, environment) = (self.store.clone(), self.environment.clone());
        ChunkReader::new(store, environment, self.keys.clone(), self.ledger.clone(), index)
    }

    /// Reads every entry from the beginning anew, and goes on from there: what is decided from here on
    /// relies on no checkpoint, and the log has all entries.
    pub(crate) async fn replay_from_first(&self) -> Result<(), ReadError> {
        let mut ledger = Ledger::open_at_beginning(self.ledger_context());
        ledger.read_forward(self.ledger.seen_head().await).await?;
        *self.ledger().await = ledger;
        Ok(())
    }

    pub(crate) async fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().await
    }

    pub(crate) fn run_reader(&self) -> RunReader {
        RunReader {
            store: self.store.clone(),
            keys: self.keys.clone(),
            environment: self.environment.clone(),
            local: self.local.clone(),
        }
    }

    pub(crate) fn ledger_context(&self) -> LedgerContext {
        ledger_context(&self.store, &self.environment, &self.keys, &self.config)
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Repository({} at {})", self.config.repository, self.store.place())
    }
}

fn ledger_context(
    store: &Arc<dyn Store>,
    environment: &Environment,
    keys: &Arc<KeySet>,
    config: &Config,
) -> LedgerContext {
    LedgerContext {
        store: store.clone(),
        keys: keys.clone(),
        cipher: config.cipher,
        clock: environment.clock.clone(),
        random: environment.random.clone(),
    }
}
