//! From chunks to stored packs: gather into blocks, seal on the pool, append in order, upload.
//!
//! Memory is bounded by the blocks that are being sealed, one open pack of each class, and the
//! packs that are being uploaded.

use super::block_builder::BlockBuilder;
use super::{NewChunk, SessionError};
use crate::environment::Environment;
use crate::layout::ObjectRole;
use crate::monitor::{Counter, Monitor};
use crate::pipeline::Pipeline;
use crate::repository::Repository;
use crate::storage::{self, Put};
use bytes::Bytes;
use futures::channel::oneshot;
use icecore_format::block::Compression;
use icecore_format::cipher::Cipher;
use icecore_format::index_run::RunPack;
use icecore_format::keys::KeySet;
use icecore_format::pack::{Directory, DirectoryBlock, DirectoryChunk, PackKey};
use icecore_format::{ChunkKind, Hash, PackClass, PackId, SessionId};
use icecore_store::{Content, Store};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Packs that are uploaded at once: one goes out while the next is filled.
const UPLOADS_MAX: usize = 1;

/// Takes chunks and stores packs.
pub(super) struct Packer {
    store: Arc<dyn Store>,
    environment: Environment,
    keys: Arc<KeySet>,
    cipher: Cipher,
    session: SessionId,
    compression: Compression,
    monitor: Monitor,
    blocks: BTreeMap<ChunkKind, BlockBuilder>,
    sealing: Pipeline<SealedBlock>,
    /// Packs with room, or with blocks still being sealed, by number.
    packs: BTreeMap<u32, OpenPack>,
    /// The pack of each class that takes the next block.
    current: BTreeMap<PackClass, u32>,
    next_pack: u32,
    uploads: VecDeque<oneshot::Receiver<Result<StoredPack, SessionError>>>,
    stored: Vec<StoredPack>,
}

/// A pack that storage acknowledged, and what it holds.
pub(super) type StoredPack = (RunPack, Directory);

struct OpenPack {
    key: Arc<PackKey>,
    parts: Vec<Bytes>,
    bytes: u64,
    directory: Directory,
    blocks_begun: u32,
    /// No block is begun in it any more.
    is_closed: bool,
}

struct SealedBlock {
    pack: u32,
    kind: ChunkKind,
    chunks: Vec<DirectoryChunk>,
    sealed: Bytes,
}

impl Packer {
    pub(super) fn new(
        repository: &Repository,
        session: SessionId,
        compression: Compression,
        monitor: Monitor,
    ) -> Self {
        Self {
            store: repository.store.clone(),
            environment: repository.environment.clone(),
            keys: repository.keys.clone(),
            cipher: repository.config.cipher,
            session,
            compression,
            monitor,
            blocks: BTreeMap::new(),
            sealing: Pipeline::new(repository.environment.executor.parallelism() + 1),
            packs: BTreeMap::new(),
            current: BTreeMap::new(),
            next_pack: 0,
            uploads: VecDeque::new(),
            stored: Vec::new(),
        }
    }

    /// Adds a chunk to the block of its kind.
    pub(super) async fn add(&mut self, chunk: NewChunk) -> Result<(), SessionError> {
        let kind = chunk.kind;
        if self.blocks.entry(kind).or_default().is_too_full_for(&chunk) {
            self.seal_block(kind).await?;
        }
        if self.blocks.entry(kind).or_default().add(&chunk) {
            self.seal_block(kind).await?;
        }
        Ok(())
    }

    /// Adds a block of another pack, as it is encoded.
    pub(super) async fn add_encoded(
        &mut self,
        kind: ChunkKind,
        chunks: Vec<DirectoryChunk>,
        encoded: Vec<u8>,
    ) -> Result<(), SessionError> {
        while self.sealing.is_full() {
            self.append_sealed().await?;
        }
        let (pack, number, key) = self.begin_block(kind.class()).await?;
        let bytes = encoded.len() as u64;
        let sealed = self.environment.compute(move || {
            let sealed = key.seal_encoded_block(number, kind, encoded).into();
            SealedBlock { pack, kind, chunks, sealed }
        });
        self.sealing.begin(bytes, sealed);
        Ok(())
    }

    /// Packs that were begun so far: their numbers are those below.
    pub(super) fn packs_begun(&self) -> u32 {
        self.next_pack
    }

    /// Packs that are stored and were not taken.
    pub(super) fn stored_packs(&self) -> usize {
        self.stored.len()
    }

    /// Takes the packs that are stored.
    pub(super) fn take_stored(&mut self) -> Vec<StoredPack> {
        std::mem::take(&mut self.stored)
    }

    /// Seals all blocks, and waits until all packs are stored.
    pub(super) async fn finish_packs(&mut self) -> Result<(), SessionError> {
        for kind in ChunkKind::ALL {
            self.seal_block(kind).await?;
        }
        for number in std::mem::take(&mut self.current).into_values() {
            self.close(number).await?;
        }
        while self.append_sealed().await? {}
        while !self.uploads.is_empty() {
            self.await_upload().await?;
        }
        Ok(())
    }

    /// Begins to seal the block of a kind, if it holds anything.
    async fn seal_block(&mut self, kind: ChunkKind) -> Result<(), SessionError> {
        let Some(block) = self.blocks.remove(&kind) else { return Ok(()) };
        while self.sealing.is_full() {
            self.append_sealed().await?;
        }
        let (pack, number, key) = self.begin_block(kind.class()).await?;
        let (compression, bytes) = (self.compression, block.raw.len() as u64);
        let sealed = self.environment.compute(move || {
            let sealed = key.seal_block(number, kind, compression, &block.raw).into();
            SealedBlock { pack, kind, chunks: block.chunks, sealed }
        });
        self.sealing.begin(bytes, sealed);
        Ok(())
    }

    /// Gives out the next block number of the current pack, or of a new one if that is full.
    async fn begin_block(
        &mut self,
        class: PackClass,
    ) -> Result<(u32, u32, Arc<PackKey>), SessionError> {
        if let Some(number) = self.current.get(&class).copied()
            && self.packs.get(&number).is_some_and(|pack| pack.bytes >= pack_bytes(class))
        {
            self.current.remove(&class);
            self.close(number).await?;
        }
        let number = match self.current.get(&class) {
            Some(number) => *number,
            None => self.open_pack(class).await,
        };
        let pack = self.packs.get_mut(&number).expect("the current pack is open");
        pack.blocks_begun += 1;
        Ok((number, pack.blocks_begun - 1, pack.key.clone()))
    }

    async fn open_pack(&mut self, class: PackClass) -> u32 {
        let number = self.next_pack;
        self.next_pack += 1;
        let pack = PackId { session: self.session, number };
        let (keys, cipher, random) =
            (self.keys.clone(), self.cipher, self.environment.random.clone());
        let key = self.environment.compute(move || {
            PackKey::create(&keys.repository, pack, class, cipher, keys.public(class), &*random)
        });
        let key = Arc::new(key.await);
        let header = Bytes::copy_from_slice(key.header());
        self.packs.insert(
            number,
            OpenPack {
                key,
                bytes: header.len() as u64,
                parts: vec![header],
                directory: Directory::default(),
                blocks_begun: 0,
                is_closed: false,
            },
        );
        self.current.insert(class, number);
        number
    }

    /// Appends the block that was begun first to its pack; whether there was one.
    async fn append_sealed(&mut self) -> Result<bool, SessionError> {
        let Some(SealedBlock { pack: number, kind, chunks, sealed }) = self.sealing.next().await
        else {
            return Ok(false);
        };
        let pack = self.packs.get_mut(&number).expect("a pack stays open for its blocks");
        // Blocks of a pack are sealed in the order in which they were numbered.
        pack.directory.blocks.push(DirectoryBlock {
            kind,
            offset: pack.bytes as u32,
            stored_bytes: sealed.len() as u32,
            raw_bytes: chunks.iter().map(|chunk| chunk.bytes).sum(),
            chunks,
        });
        pack.bytes += sealed.len() as u64;
        pack.parts.push(sealed);
        if pack.is_closed {
            self.upload_if_complete(number).await?;
        }
        Ok(true)
    }

    async fn close(&mut self, number: u32) -> Result<(), SessionError> {
        if let Some(pack) = self.packs.get_mut(&number) {
            pack.is_closed = true;
        }
        self.upload_if_complete(number).await
    }

    /// Begins to upload a closed pack once its last block is in.
    async fn upload_if_complete(&mut self, number: u32) -> Result<(), SessionError> {
        let complete = self.packs.get(&number).is_some_and(|pack| {
            pack.is_closed && pack.directory.blocks.len() == pack.blocks_begun as usize
        });
        let Some(pack) = complete.then(|| self.packs.remove(&number)).flatten() else {
            return Ok(());
        };
        while self.uploads.len() >= UPLOADS_MAX {
            self.await_upload().await?;
        }
        let upload = upload(self.store.clone(), self.environment.clone(), pack);
        self.uploads.push_back(self.environment.spawn(upload));
        Ok(())
    }

    async fn await_upload(&mut self) -> Result<(), SessionError> {
        if let Some(upload) = self.uploads.pop_front() {
            let stored = upload.await.expect("a background task runs to its end")?;
            self.monitor.count(Counter::BytesStored, stored.0.bytes);
            self.stored.push(stored);
        }
        Ok(())
    }
}

async fn upload(
    store: Arc<dyn Store>,
    environment: Environment,
    pack: OpenPack,
) -> Result<StoredPack, SessionError> {
    let OpenPack { key, mut parts, directory, .. } = pack;
    let id = key.pack;
    let class = key.class;
    let (content, hash, directory) = environment
        .compute(move || {
            parts.push(key.seal_directory(&directory).into());
            let mut hasher = blake3::Hasher::new();
            for part in &parts {
                hasher.update(part);
            }
            (Content::from(parts), Hash(*hasher.finalize().as_bytes()), directory)
        })
        .await;
    let object = ObjectRole::Pack(id).object_name();
    match storage::put(&*store, &object, &content).await? {
        Put::Done => Ok((RunPack { id, class, bytes: content.len(), hash }, directory)),
        Put::Taken(_) => Err(SessionError::NameTaken { object }),
    }
}

/// How large packs of a class are to be, in bytes.
fn pack_bytes(class: PackClass) -> u64 {
    match class {
        PackClass::Data => 64 << 20,
        PackClass::Metadata => 8 << 20,
    }
}
