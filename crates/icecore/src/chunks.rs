//! Reading chunks: by id, through the block that holds them, verified.
//!
//! A block that several readers want at the same time is fetched and opened once.

use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::{BlockLocation, ChunkLocation, Index};
use crate::layout::ObjectRole;
use crate::storage;
use crate::tail::TailChunks;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{AbortHandle, BoxFuture, Shared, abortable};
use icecore_format::keys::KeySet;
use icecore_format::pack::{HEADER_BYTES, PackKey};
use icecore_format::record::Record;
use icecore_format::{ChunkId, ChunkKind, PackClass, PackId};
use icecore_store::Store;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Decoded blocks that are kept, in bytes: what a restore needs to come back to, where chunks of
/// one place in the source are in blocks of several backups.
const CACHE_BYTES_MAX: u64 = 64 << 20;

/// What is read of a pack before a block and not needed, at most, in bytes, to have the pack's header
/// with the same request.
const SKIPPED_BYTES_MAX: u64 = 256 << 10;

type SharedResult<T> = Result<Arc<T>, Arc<ReadError>>;
type SharedRead<T> = Shared<BoxFuture<'static, SharedResult<T>>>;

/// Reads chunks of a repository; clones share what they have read.
#[derive(Clone)]
pub(crate) struct ChunkReader {
    inner: Arc<Inner>,
    /// What is looked through first.
    tail: Option<Arc<TailChunks>>,
}

/// A block that is being read in the background. Once this is dropped it goes on only if somebody waits for
/// it.
pub(crate) struct Reading(AbortHandle);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Inner {
    store: Arc<dyn Store>,
    environment: Environment,
    keys: Arc<KeySet>,
    index: futures::lock::Mutex<Arc<Index>>,
    pack_keys: Mutex<HashMap<PackId, SharedRead<PackKey>>>,
    blocks: Mutex<BlockCache>,
}

#[derive(Default)]
struct BlockCache {
    blocks: HashMap<BlockLocation, SharedRead<Bytes>>,
    /// Oldest first.
    order: VecDeque<BlockLocation>,
    bytes: u64,
}

impl ChunkReader {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        environment: Environment,
        keys: Arc<KeySet>,
        index: Arc<Index>,
    ) -> Self {
        let inner = Arc::new(Inner {
            store,
            environment,
            keys,
            index: index.into(),
            pack_keys: Mutex::default(),
            blocks: Mutex::default(),
        });
        Self { inner, tail: None }
    }

    /// The same, which finds the chunks of a tail, too.
    pub(crate) fn with_tail(self, tail: Arc<TailChunks>) -> Self {
        Self { tail: Some(tail), ..self }
    }

    /// Where a chunk is.
    pub(crate) async fn locate(&self, id: &ChunkId) -> Result<ChunkLocation, ReadError> {
        let found = Index::find_repairing(&mut *self.inner.index.lock().await, id).await?;
        found.ok_or(ReadError::ChunkMissing { id: *id })
    }

    /// A chunk's plaintext, which has the id that was asked for; it keeps its block alive.
    pub(crate) async fn read(&self, kind: ChunkKind, id: ChunkId) -> Result<Bytes, ReadError> {
        if let Some(tail) = &self.tail
            && let Some(chunk) = tail.read(id).await?
        {
            return Ok(chunk);
        }
        let location = self.locate(&id).await?;
        let block = self.block(location.block).await?;
        let (keys, first) = (self.inner.keys.clone(), location.offset as usize);
        let end = first + location.bytes as usize;
        let verified = self.inner.environment.compute(move || {
            let chunk = (end <= block.len()).then(|| block.slice(first..end))?;
            (keys.chunk_id(kind, &chunk) == id).then_some(chunk)
        });
        verified.await.ok_or_else(|| ReadError::ChunkWrong {
            id,
            object: ObjectRole::Pack(location.block.pack).object_name(),
        })
    }

    /// A chunk that is a record of its own.
    pub(crate) async fn read_record<R: Record>(
        &self,
        kind: ChunkKind,
        id: ChunkId,
    ) -> Result<R, ReadError> {
        let chunk = self.read(kind, id).await?;
        R::decode(&chunk).map_err(|source| ReadError::ChunkMalformed { id, source })
    }

    /// Begins to read the block of a chunk in the background; `None` if somebody has, or nobody can.
    pub(crate) async fn begin_to_read(&self, id: ChunkId) -> Option<Reading> {
        if self.tail.as_ref().is_some_and(|tail| tail.has(&id)) {
            return None;
        }
        let block = self.locate(&id).await.ok()?.block;
        if lock(&self.inner.blocks).blocks.contains_key(&block) {
            return None;
        }
        let (reading, handle) = abortable(self.shared_block(block));
        self.inner.environment.executor.spawn(reading.map(drop).boxed());
        Some(Reading(handle))
    }

    async fn block(&self, location: BlockLocation) -> Result<Arc<Bytes>, ReadError> {
        self.shared_block(location).await.map_err(ReadError::Shared)
    }

    fn shared_block(&self, location: BlockLocation) -> SharedRead<Bytes> {
        let mut cache = lock(&self.inner.blocks);
        if let Some(read) = cache.blocks.get(&location) {
            return read.clone();
        }
        let inner = self.inner.clone();
        let read = async move { inner.fetch_block(location).await.map_err(Arc::new) };
        let read = read.boxed().shared();
        cache.insert(location, read.clone());
        read
    }
}

impl Inner {
    async fn fetch_block(&self, location: BlockLocation) -> Result<Arc<Bytes>, ReadError> {
        let (pack, class) = (location.pack, location.class);
        let name = ObjectRole::Pack(pack).object_name();
        let first = u64::from(location.offset);
        let end = first + u64::from(location.stored_bytes);
        let is_known = lock(&self.pack_keys).contains_key(&pack);
        let (key, sealed) = if !is_known && first <= SKIPPED_BYTES_MAX {
            // One request for the header and the block.
            let bytes = storage::get_range(&*self.store, &name, 0..end).await?;
            let header = bytes.slice(..bytes.len().min(HEADER_BYTES));
            let sealed = bytes.slice(bytes.len().min(location.offset as usize)..);
            (self.pack_key(pack, class, Some(header)).await?, sealed)
        } else {
            let sealed = async {
                storage::get_range(&*self.store, &name, first..end).await.map_err(ReadError::from)
            };
            futures::try_join!(self.pack_key(pack, class, None), sealed)?
        };
        let opened = self.environment.compute(move || {
            key.open_block(location.number, location.kind, location.raw_bytes, sealed.into())
        });
        Ok(Arc::new(opened.await.map_err(ReadError::damaged(name))?.into()))
    }

    /// A pack's key, from its header if that was read already.
    async fn pack_key(
        &self,
        pack: PackId,
        class: PackClass,
        header: Option<Bytes>,
    ) -> Result<Arc<PackKey>, ReadError> {
        let read = {
            let mut keys = lock(&self.pack_keys);
            keys.entry(pack)
                .or_insert_with(|| {
                    let (store, keys) = (self.store.clone(), self.keys.clone());
                    let environment = self.environment.clone();
                    let read = async move {
                        let header = match header {
                            Some(header) => header,
                            None => read_header(&*store, pack).await.map_err(Arc::new)?,
                        };
                        let opened = environment
                            .compute(move || open_pack_key(&keys, pack, class, &header))
                            .await;
                        opened.map(Arc::new).map_err(Arc::new)
                    };
                    read.boxed().shared()
                })
                .clone()
        };
        read.await.map_err(ReadError::Shared)
    }
}

async fn read_header(store: &dyn Store, pack: PackId) -> Result<Bytes, ReadError> {
    let name = ObjectRole::Pack(pack).object_name();
    Ok(storage::get_range(store, &name, 0..HEADER_BYTES as u64).await?)
}

/// The key of the pack that begins with `header`, if the role of these keys can have it.
pub(crate) fn open_pack_key(
    keys: &KeySet,
    pack: PackId,
    class: PackClass,
    header: &[u8],
) -> Result<PackKey, ReadError> {
    let private = keys.private(class).ok_or(ReadError::NotAllowed { role: keys.role, class })?;
    let name = ObjectRole::Pack(pack).object_name();
    PackKey::open(&keys.repository, pack, class, private, header).map_err(ReadError::damaged(name))
}

impl BlockCache {
    fn insert(&mut self, location: BlockLocation, read: SharedRead<Bytes>) {
        self.bytes += u64::from(location.raw_bytes);
        self.blocks.insert(location, read);
        self.order.push_back(location);
        while self.bytes > CACHE_BYTES_MAX && self.order.len() > 1 {
            if let Some(oldest) = self.order.pop_front() {
                self.blocks.remove(&oldest);
                self.bytes -= u64::from(oldest.raw_bytes);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
