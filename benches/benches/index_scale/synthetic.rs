//! A repository that consists of its ledger and its index runs: each run that of one small backup.

use icecore::Repository;
use icecore::environment::Environment;
use icecore::layout::ObjectRole;
use icecore::repository::InitOptions;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::index_run::{IndexRun, RunPack};
use icecore_format::keys::slot::PasswordCost;
use icecore_format::ledger::body::{Commit, SessionRange};
use icecore_format::ledger::{Entry, EntryBody, LedgerObject, SignedEntry, chain};
use icecore_format::pack::{Directory, DirectoryBlock, DirectoryChunk};
use icecore_format::random::CountingRandom;
use icecore_format::record::Record as _;
use icecore_format::snapshot::{Counts, Snapshot};
use icecore_format::{
    ChunkId, ChunkKind, Hash, PackClass, PackId, RunId, SessionId, SnapshotId, Timestamp,
};
use icecore_store::Store;
use std::sync::Arc;

/// Chunks of a block, blocks of a pack, and bytes of a chunk: those of event logs.
const BLOCK_CHUNKS: u64 = 16;
const PACK_BLOCKS: u64 = 64;
const CHUNK_BYTES: u32 = 64 << 10;

/// How much there is.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) chunks: u64,
    pub(crate) runs: u64,
}

/// The id of a chunk that is a number.
pub(crate) fn chunk_id(number: u64) -> ChunkId {
    let mut id = [0; 32];
    let mut random = icecore_benches::random::Random::new(number);
    for part in id.chunks_exact_mut(8) {
        part.copy_from_slice(&random.bits().to_be_bytes());
    }
    ChunkId(id)
}

/// Makes the repository.
pub(crate) async fn make(
    store: Arc<dyn Store>,
    environment: Environment,
    password: &[u8],
    shape: Shape,
) {
    let options = InitOptions { password_cost: PasswordCost::TRIVIAL, ..InitOptions::default() };
    let repository = Repository::init(store.clone(), environment, password, &options).await;
    let repository = repository.expect("a repository can be made");
    let mut next = 0;
    let commits = (0..shape.runs).map(|run| {
        let first = next;
        next = shape.chunks * (run + 1) / shape.runs;
        first..next
    });
    append(&*store, &repository, commits).await;
}

/// Adds a backup with chunks from `first` on.
pub(crate) async fn add(store: &dyn Store, repository: &Repository, first: u64, chunks: u64) {
    append(store, repository, std::iter::once(first..first + chunks)).await;
    repository.refresh().await.expect("the ledger can be read");
}

/// Stores a run for each range of chunks, and then all commits in one object, as a replica does.
async fn append(
    store: &dyn Store,
    repository: &Repository,
    runs: impl Iterator<Item = std::ops::Range<u64>>,
) {
    let (state, keys) = (repository.state().await, repository.keys());
    let (mut number, mut head, mut items) = (state.next, state.head, Vec::new());
    for chunks in runs {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&number.to_be_bytes());
        let session = SessionId { head: state.next, random };
        let run = run(session, chunks);
        let packs = run.packs.len() as u32;
        let name = ObjectRole::IndexRun(RunId { session, number: 0 }).object_name();
        seal(store, repository, EnvelopeKind::IndexRun, &name, &run.encode()).await;
        let entry = Entry {
            number,
            previous: head,
            author: keys.signing.verifying_key().id(),
            nonce: [7; 16],
            time: Timestamp(0),
            body: EntryBody::from(commit(session, packs, number)),
        };
        let item = SignedEntry::sign(&keys.repository, entry, &keys.signing).to_bytes();
        head = chain(&head, &item);
        items.push(item);
        number += 1;
    }
    let name = ObjectRole::Ledger(state.next).object_name();
    let object = LedgerObject { items };
    seal(store, repository, EnvelopeKind::Ledger, &name, &object.encode()).await;
}

async fn seal(
    store: &dyn Store,
    repository: &Repository,
    kind: EnvelopeKind,
    name: &icecore_store::ObjectName,
    plaintext: &[u8],
) {
    let (cipher, key) = (repository.config().cipher, &repository.keys().ledger_key);
    let random = CountingRandom::default();
    let sealed = envelope::seal(kind, cipher, key, name.as_str(), plaintext, &random);
    store.put_new(name, sealed.into()).await.expect("the name is free");
}

fn run(session: SessionId, chunks: std::ops::Range<u64>) -> IndexRun {
    let mut run = IndexRun::default();
    let mut numbers = chunks.peekable();
    while numbers.peek().is_some() {
        let mut directory = Directory::default();
        for block in 0..PACK_BLOCKS {
            let chunk = |number| DirectoryChunk { id: chunk_id(number), bytes: CHUNK_BYTES };
            let chunks: Vec<_> = numbers.by_ref().take(BLOCK_CHUNKS as usize).map(chunk).collect();
            if chunks.is_empty() {
                break;
            }
            directory.blocks.push(DirectoryBlock {
                kind: ChunkKind::Events,
                offset: block as u32 * (1 << 17),
                stored_bytes: 1 << 17,
                raw_bytes: chunks.len() as u32 * CHUNK_BYTES,
                chunks,
            });
        }
        let id = PackId { session, number: run.packs.len() as u32 };
        let pack = RunPack { id, class: PackClass::Data, bytes: 8 << 20, hash: Hash([0; 32]) };
        run.add(pack, &directory);
    }
    run.sort();
    run
}

fn commit(session: SessionId, packs: u32, number: u64) -> Commit {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    Commit {
        session,
        adopted: Vec::new(),
        packs: vec![SessionRange { session, first: 0, end: packs }],
        runs: vec![SessionRange { session, first: 0, end: 1 }],
        leans: Vec::new(),
        bases: Vec::new(),
        snapshot: Snapshot {
            tail: None,
            epoch: 0,
            id: SnapshotId(id),
            source: "synthetic".to_owned(),
            source_kind: "synthetic".to_owned(),
            host: "host".to_owned(),
            program: "index-scale".to_owned(),
            started: Timestamp(0),
            finished: Timestamp(0),
            tags: Vec::new(),
            description: None,
            retain_until: None,
            selection: Vec::new(),
            counts: Counts::default(),
            bytes_read: 0,
            bytes_stored: 0,
            resume: Vec::new(),
            origin: None,
            event_log: None,
            tree: None,
        },
    }
}
