//! Reading chunks: by id, through the block that holds them, verified.
//!
//! A block that several readers want at the same time is fetched and opened once. Blocks that are known to be
//! wanted soon and lie beside each other are fetched with one request.

use crate::environment::Environment;
use crate::error::ReadError;
use crate::index::{BlockLocation, ChunkLocation, Index};
use crate::layout::ObjectRole;
use crate::ledger::replay;
use crate::repository::SharedLedger;
use crate::storage;
use crate::tail::TailChunks;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{AbortHandle, BoxFuture, Shared, abortable};
use icecore_format::keys::KeySet;
use icecore_format::pack::{Directory, FOOTER_BYTES, HEADER_BYTES, PackKey, directory_bytes};
use icecore_format::record::{DecodeError, Record};
use icecore_format::{ChunkId, ChunkKind, PackClass, PackId};
use icecore_store::Store;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Decoded blocks that are kept, in bytes: what a restore needs to come back to, where chunks of
/// one place in the source are in blocks of several backups.
const CACHE_BYTES_MAX: u64 = 64 << 20;

/// What is read of a pack before a block and not needed, at most, in bytes, to have the pack's header
/// with the same request.
const SKIPPED_BYTES_MAX: u64 = 256 << 10;

/// Neighbouring blocks that one request brings, at most, in bytes: then the way to storage and back
/// matters no more, and what is read ahead still comes in several requests at once.
const STRETCH_BYTES_MAX: u64 = 4 << 20;

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

/// Blocks of a pack that lie beside each other, or one.
#[derive(Clone)]
struct Stretch {
    pack: PackId,
    class: PackClass,
    bytes: Range<u64>,
}

/// What is stored there, and the key that opens it.
struct Sealed {
    key: Arc<PackKey>,
    first: u64,
    bytes: Bytes,
}

struct Inner {
    store: Arc<dyn Store>,
    environment: Environment,
    keys: Arc<KeySet>,
    ledger: SharedLedger,
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
        ledger: SharedLedger,
        index: Arc<Index>,
    ) -> Self {
        let inner = Arc::new(Inner {
            store,
            environment,
            keys,
            ledger,
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
        let (location, block) = self.block_of(&id).await?;
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

    /// The block of a chunk, if it is to be read yet: nobody has begun to, and somebody can.
    pub(crate) async fn unread_block(&self, id: ChunkId) -> Option<BlockLocation> {
        if self.tail.as_ref().is_some_and(|tail| tail.has(&id)) {
            return None;
        }
        let block = self.locate(&id).await.ok()?.block;
        let is_read = lock(&self.inner.blocks).blocks.contains_key(&block);
        (!is_read).then_some(block)
    }

    /// Begins to read blocks in the background, in the order of `blocks`.
    pub(crate) fn begin_to_read(&self, blocks: &[BlockLocation]) -> Vec<Reading> {
        let stretches = stretches(blocks);
        let sealed: Vec<_> =
            stretches.iter().map(|stretch| self.inner.shared_stretch(stretch.clone())).collect();
        let begin = |block: &BlockLocation| {
            let found = stretches.iter().position(|stretch| stretch.holds(block));
            let read = self.shared_block(*block, found.map(|found| sealed[found].clone()));
            let (reading, handle) = abortable(read);
            self.inner.environment.executor.spawn(reading.map(drop).boxed());
            Reading(handle)
        };
        blocks.iter().map(begin).collect()
    }

    /// Where a chunk is, and the block that it is in.
    async fn block_of(&self, id: &ChunkId) -> Result<(ChunkLocation, Arc<Bytes>), ReadError> {
        loop {
            let location = self.locate(id).await?;
            match self.block(location.block).await {
                Ok(block) => return Ok((location, block)),
                // Rule 10: it is damage only if nobody has made the pack unusable. If somebody has, what was
                // needed of it is elsewhere.
                Err(error)
                    if error.is_missing()
                        && Box::pin(self.inner.is_retired(location.block.pack)).await? => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn block(&self, location: BlockLocation) -> Result<Arc<Bytes>, ReadError> {
        self.shared_block(location, None).await.map_err(ReadError::Shared)
    }

    /// A block, which may be `among` others that are being fetched.
    fn shared_block(
        &self,
        location: BlockLocation,
        among: Option<SharedRead<Sealed>>,
    ) -> SharedRead<Bytes> {
        let mut cache = lock(&self.inner.blocks);
        if let Some(read) = cache.blocks.get(&location) {
            return read.clone();
        }
        let inner = self.inner.clone();
        let read = async move { inner.read_block(location, among).await.map_err(Arc::new) };
        let read = read.boxed().shared();
        cache.insert(location, read.clone());
        read
    }
}

impl Stretch {
    fn of(block: &BlockLocation) -> Self {
        let first = u64::from(block.offset);
        let bytes = first..first + u64::from(block.stored_bytes);
        Self { pack: block.pack, class: block.class, bytes }
    }

    fn holds(&self, block: &BlockLocation) -> bool {
        let block = Self::of(block);
        let is_within = self.bytes.start <= block.bytes.start && block.bytes.end <= self.bytes.end;
        self.pack == block.pack && is_within
    }

    /// Whether `next` begins where this ends, and both are not too much for a request.
    fn is_continued_by(&self, next: &Self) -> bool {
        self.pack == next.pack
            && self.bytes.end == next.bytes.start
            && next.bytes.end - self.bytes.start <= STRETCH_BYTES_MAX
    }
}

/// The fewest stretches that hold all blocks and nothing else.
fn stretches(blocks: &[BlockLocation]) -> Vec<Stretch> {
    let mut stretches: Vec<_> = blocks.iter().map(Stretch::of).collect();
    stretches.sort_unstable_by_key(|stretch| (stretch.pack, stretch.bytes.start));
    stretches.dedup_by(|next, stretch| {
        let is_continued = stretch.is_continued_by(next);
        if is_continued {
            stretch.bytes.end = next.bytes.end;
        }
        is_continued
    });
    stretches
}

impl Sealed {
    fn holds(&self, bytes: &Range<u64>) -> bool {
        self.first <= bytes.start && bytes.end <= self.first + self.bytes.len() as u64
    }

    /// What there is of these bytes of the pack.
    fn part(&self, bytes: &Range<u64>) -> Bytes {
        let within =
            |offset: u64| (offset.saturating_sub(self.first)).min(self.bytes.len() as u64) as usize;
        self.bytes.slice(within(bytes.start)..within(bytes.end))
    }
}

impl Inner {
    /// Whether a pack is not usable any more, by the ledger's present end. If so, the index is that of it.
    async fn is_retired(&self, pack: PackId) -> Result<bool, ReadError> {
        let state = self.ledger.state_at_end().await?;
        if replay::is_usable(&state, pack) {
            return Ok(false);
        }
        tracing::info!(%pack, "a pack was collected while it was read");
        let mut index = self.index.lock().await;
        let mut next = Index::clone(&index);
        self.ledger.index(&mut next, state).await?;
        *index = Arc::new(next);
        Ok(true)
    }

    async fn read_block(
        &self,
        block: BlockLocation,
        among: Option<SharedRead<Sealed>>,
    ) -> Result<Arc<Bytes>, ReadError> {
        let with_others = match among {
            Some(others) => others.await.ok(),
            None => None,
        };
        let bytes = Stretch::of(&block).bytes;
        let sealed = match with_others {
            Some(sealed) if sealed.holds(&bytes) => sealed,
            // A neighbour may be what cannot be read.
            _ => Arc::new(self.fetch(Stretch::of(&block)).await?),
        };
        let bytes = sealed.part(&bytes);
        let opened = self.environment.compute(move || {
            sealed.key.open_block(block.number, block.kind, block.raw_bytes, bytes.into())
        });
        let name = ObjectRole::Pack(block.pack).object_name();
        Ok(Arc::new(opened.await.map_err(ReadError::damaged(name))?.into()))
    }

    fn shared_stretch(self: &Arc<Self>, stretch: Stretch) -> SharedRead<Sealed> {
        let inner = self.clone();
        let fetch = async move { inner.fetch(stretch).await.map(Arc::new).map_err(Arc::new) };
        fetch.boxed().shared()
    }

    async fn fetch(&self, stretch: Stretch) -> Result<Sealed, ReadError> {
        let Stretch { pack, class, bytes: Range { start, end } } = stretch;
        let name = ObjectRole::Pack(pack).object_name();
        let is_known = lock(&self.pack_keys).contains_key(&pack);
        if !is_known && start <= SKIPPED_BYTES_MAX {
            // One request for the header and the blocks.
            let bytes = storage::get_range(&*self.store, &name, 0..end).await?;
            let header = bytes.slice(..bytes.len().min(HEADER_BYTES));
            let key = self.pack_key(pack, class, Some(header)).await?;
            return Ok(Sealed { key, first: 0, bytes });
        }
        let bytes = async {
            storage::get_range(&*self.store, &name, start..end).await.map_err(ReadError::from)
        };
        let (key, bytes) = futures::try_join!(self.pack_key(pack, class, None), bytes)?;
        Ok(Sealed { key, first: start, bytes })
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

/// The key and the directory of a pack of which all bytes are there.
pub(crate) fn open_pack(
    keys: &KeySet,
    pack: PackId,
    class: PackClass,
    bytes: &[u8],
) -> Result<(Arc<PackKey>, Directory), ReadError> {
    let damaged = || ReadError::damaged(ObjectRole::Pack(pack).object_name());
    let short = || damaged()(DecodeError::Short { record: "the pack" });
    let header = bytes.get(..HEADER_BYTES).ok_or_else(short)?;
    let key = open_pack_key(keys, pack, class, header)?;
    let footer_at = bytes.len().checked_sub(FOOTER_BYTES).ok_or_else(short)?;
    let footer = bytes.get(footer_at..).ok_or_else(short)?;
    let length = directory_bytes(footer, bytes.len() as u64).map_err(damaged())? as usize;
    let sealed = bytes.get(footer_at.saturating_sub(length)..footer_at).ok_or_else(short)?;
    let directory = key.open_directory(sealed.to_vec()).map_err(damaged())?;
    Ok((Arc::new(key), directory))
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
