//! Reading the chunks of a tail: each is in the object of a flush.

use super::reader::{EpochReader, FoundFlush};
use crate::environment::Environment;
use crate::error::ReadError;
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use icecore_format::ChunkId;
use icecore_format::keys::KeySet;
use icecore_format::pack::PackKey;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Objects that are kept as they were read, in bytes: the chunks of one are asked for at the same
/// time, or right after its record was.
const KEPT_BYTES_MAX: u64 = 64 << 20;

type SharedFlush = Shared<BoxFuture<'static, Result<Arc<FoundFlush>, Arc<ReadError>>>>;

/// An object of a tail: the epoch's place among those that are read, and its number there.
type Place = (usize, u64);

/// Where the chunks of a tail are, and the keys to them.
pub(crate) struct TailChunks {
    environment: Environment,
    keys: Arc<KeySet>,
    epochs: Vec<(EpochReader, Arc<PackKey>)>,
    places: HashMap<ChunkId, Place>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    flushes: HashMap<Place, SharedFlush>,
    /// Oldest first, with their lengths.
    order: VecDeque<(Place, u64)>,
    bytes: u64,
}

impl TailChunks {
    pub(super) fn new(environment: Environment, keys: Arc<KeySet>) -> Self {
        let (epochs, places, kept) = Default::default();
        Self { environment, keys, epochs, places, kept }
    }

    /// Adds an epoch; its place among those that are read.
    pub(super) fn add_epoch(&mut self, reader: EpochReader, key: PackKey) -> usize {
        self.epochs.push((reader, Arc::new(key)));
        self.epochs.len() - 1
    }

    /// Adds a flush that was read.
    pub(super) fn add_flush(&mut self, epoch: usize, number: u64, found: FoundFlush) {
        let place = (epoch, number);
        // A chunk that is there twice is the same.
        self.places.extend(found.flush.blocks.iter().map(|block| (block.id, place)));
        let bytes = found.bytes.len() as u64;
        let flush: SharedFlush = futures::future::ready(Ok(Arc::new(found))).boxed().shared();
        self.kept.get_mut().unwrap_or_else(PoisonError::into_inner).insert(place, flush, bytes);
    }

    /// Whether a chunk is in the tail.
    pub(crate) fn has(&self, id: &ChunkId) -> bool {
        self.places.contains_key(id)
    }

    /// A chunk's plaintext, if it is in the tail.
    pub(crate) async fn read(&self, id: ChunkId) -> Result<Option<Bytes>, ReadError> {
        let Some(place) = self.places.get(&id).copied() else { return Ok(None) };
        let found = self.flush(place).await.map_err(ReadError::Shared)?;
        let Some((_, key)) = self.epochs.get(place.0) else { return Ok(None) };
        let (keys, key, name) = (self.keys.clone(), key.clone(), found.name.clone());
        let opened =
            self.environment.compute(move || found.flush.chunk(&found.blocks, &keys, &key, id));
        Ok(opened.await.map_err(ReadError::damaged(name))?.map(Bytes::from))
    }

    async fn flush(&self, place: Place) -> Result<Arc<FoundFlush>, Arc<ReadError>> {
        let read = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            match (kept.flushes.get(&place), self.epochs.get(place.0)) {
                (Some(read), _) => read.clone(),
                (None, Some((reader, _))) => {
                    let reader = reader.clone();
                    let read = async move { reader.flush(place.1).await }
                        .map(|found| found.map(Arc::new).map_err(Arc::new));
                    let read: SharedFlush = read.boxed().shared();
                    // Its length is known when it was read; a flush is seldom longer.
                    kept.insert(place, read.clone(), 1 << 20);
                    read
                }
                (None, None) => unreachable!("only epochs that were added have places"),
            }
        };
        read.await
    }
}

impl Kept {
    fn insert(&mut self, place: Place, flush: SharedFlush, bytes: u64) {
        self.bytes += bytes;
        self.flushes.insert(place, flush);
        self.order.push_back((place, bytes));
        while self.bytes > KEPT_BYTES_MAX && self.order.len() > 1 {
            if let Some((oldest, bytes)) = self.order.pop_front() {
                self.flushes.remove(&oldest);
                self.bytes -= bytes;
            }
        }
    }
}
