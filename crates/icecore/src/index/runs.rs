//! Reading index runs: from this machine's sealed copies where it has them, or from storage.

use crate::environment::Environment;
use crate::error::ReadError;
use crate::layout::ObjectRole;
use crate::local::RepositoryState;
use crate::storage;
use futures::lock::Mutex;
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use icecore_format::RunId;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::index_run::IndexRun;
use icecore_format::keys::KeySet;
use icecore_format::limits::INDEX_RUN_BYTES_MAX;
use icecore_store::{Store, StoreErrorKind};
use std::sync::Arc;

/// Runs that are fetched at once.
const FETCHES_MAX: usize = 8;

/// Longest run of which so many are fetched at once, in bytes: what a session writes, and more. Of
/// longer ones there is one at a time. Each takes three times its length, sealed, opened and decoded.
const SHORT_BYTES_MAX: u64 = 2 << 20;

/// Longest run, in bytes. The envelope adds less than a kibibyte.
const BYTES_MAX: u64 = INDEX_RUN_BYTES_MAX as u64 + 1024;

/// Chunks that are gathered into one table: more makes fewer merges, and takes 44 bytes each.
const BATCH_CHUNKS: usize = 1 << 18;

/// Reads index runs.
#[derive(Clone)]
pub(crate) struct RunReader {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<KeySet>,
    pub(crate) environment: Environment,
    pub(crate) local: RepositoryState,
}

impl RunReader {
    /// Reads a run.
    pub(crate) async fn read(&self, id: RunId) -> Result<Arc<IndexRun>, ReadError> {
        let name = ObjectRole::IndexRun(id).object_name();
        let reader = self.clone();
        let cached = self.environment.compute(move || {
            let bytes = reader.local.cached(name.as_str())?;
            reader.open(name.as_str(), &bytes).ok()
        });
        if let Some(run) = cached.await {
            return Ok(run);
        }
        self.read_stored(id).await
    }

    /// Reads a run from storage, whatever copies there are.
    pub(crate) async fn read_stored(&self, id: RunId) -> Result<Arc<IndexRun>, ReadError> {
        self.read_up_to(id, BYTES_MAX).await
    }

    async fn read_up_to(&self, id: RunId, bytes_max: u64) -> Result<Arc<IndexRun>, ReadError> {
        let name = ObjectRole::IndexRun(id).object_name();
        let bytes = storage::get(&*self.store, &name, bytes_max).await?;
        let (reader, own_name) = (self.clone(), name.clone());
        let opened = self.environment.compute(move || reader.open(own_name.as_str(), &bytes));
        opened.await.map_err(ReadError::damaged(name))
    }

    fn open(&self, name: &str, bytes: &[u8]) -> Result<Arc<IndexRun>, icecore_format::DecodeError> {
        let key = &self.keys.ledger_key;
        let plaintext = envelope::open(EnvelopeKind::IndexRun, key, name, bytes)?;
        IndexRun::decode(&plaintext).map(Arc::new)
    }
}

/// Runs that are fetched from storage, several at once, in whatever order they come. This machine's
/// copies are of sessions whose runs are in tables.
pub(super) struct Fetches(BoxStream<'static, Result<(RunId, Arc<IndexRun>), ReadError>>);

impl Fetches {
    /// Fetches these runs.
    pub(super) fn new(reader: RunReader, runs: Vec<RunId>) -> Self {
        let long = Arc::new(Mutex::new(()));
        let fetches = stream::iter(runs).map(move |id| {
            let (reader, long) = (reader.clone(), long.clone());
            async move {
                let run = match reader.read_up_to(id, SHORT_BYTES_MAX).await {
                    Err(ReadError::Store(error)) if error.kind() == StoreErrorKind::TooLarge => {
                        let _one_at_a_time = long.lock().await;
                        reader.read_stored(id).await
                    }
                    read => read,
                };
                run.map(|run| (id, run))
            }
        });
        Self(fetches.buffer_unordered(FETCHES_MAX).boxed())
    }

    /// Enough of the next runs for a table, or all that are left; none at the end.
    pub(super) async fn next_batch(&mut self) -> Result<Vec<(RunId, Arc<IndexRun>)>, ReadError> {
        let (mut batch, mut chunks) = (Vec::new(), 0);
        while chunks < BATCH_CHUNKS
            && let Some((id, run)) = self.0.try_next().await?
        {
            chunks += run.chunks.len();
            batch.push((id, run));
        }
        Ok(batch)
    }
}
