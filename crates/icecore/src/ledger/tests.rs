//! Tests of the ledger: what counts, what is found out, and what stays true whatever happens.

mod append;
mod checkpoint;
mod concurrent;
mod crash;
mod damage;
mod forward;
mod invariants;

mod replay;
mod trimming;

use super::{Appended, Foresight, Ledger, LedgerContext, LoggedContent};
use crate::environment::Clock;
use crate::layout::ObjectRole;
use async_trait::async_trait;
use bytes::Bytes;
use icecore_format::cipher::Cipher;
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::keys::{KeySet, Role};
use icecore_format::ledger::body::{Abort, Commit, KeyAdded, SessionRange};
use icecore_format::ledger::{Entry, EntryBody, LedgerObject, SignedEntry};
use icecore_format::random::CountingRandom;
use icecore_format::record::Record as _;
use icecore_format::snapshot::{Counts, Snapshot};
use icecore_format::{Hash, KeyId, Random, RepositoryId, SessionId, SnapshotId, Timestamp};
use icecore_store::StoreErrorKind::AlreadyExists;
use icecore_store::{Content, MemoryStore, ObjectInfo, ObjectName, Store, StoreError};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Shared by all tests, so nothing is drawn twice.
static RANDOM: LazyLock<Arc<CountingRandom>> = LazyLock::new(Arc::default);

/// One repository's keys; every test has a store of its own.
static FOUNDER: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(KeySet::found(RepositoryId([7; 16]), Hash([8; 32]), &*RANDOM)));
static WRITER: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(FOUNDER.for_role(Role::Writer, &*RANDOM)));
static READER: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(FOUNDER.for_role(Role::Reader, &*RANDOM)));
static STRANGER: LazyLock<Arc<KeySet>> =
    LazyLock::new(|| Arc::new(FOUNDER.for_role(Role::Admin, &*RANDOM)));

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000_000)
    }

    fn passed(&self) -> Duration {
        Duration::ZERO
    }
}

fn key_id(keys: &KeySet) -> KeyId {
    keys.signing.verifying_key().id()
}

fn context(store: Arc<dyn Store>, keys: &Arc<KeySet>) -> LedgerContext {
    LedgerContext {
        store,
        keys: keys.clone(),
        cipher: Cipher::ChaCha20Poly1305,
        clock: Arc::new(StoppedClock),
        random: RANDOM.clone(),
    }
}

fn shared(store: &MemoryStore) -> Arc<dyn Store> {
    Arc::new(store.clone())
}

/// A ledger as a new process opens it.
async fn open(store: Arc<dyn Store>, keys: &Arc<KeySet>) -> Ledger {
    let foresight = Foresight::look(&*store).await.unwrap();
    let mut ledger = Ledger::open(context(store, keys), foresight).await.unwrap();
    ledger.read_forward(None).await.unwrap();
    ledger
}

/// A ledger that was read entry by entry.
async fn replayed(store: &MemoryStore) -> Ledger {
    let mut ledger = Ledger::open_at_beginning(context(shared(store), &FOUNDER));
    ledger.read_forward(None).await.unwrap();
    ledger
}

async fn append(ledger: &mut Ledger, body: impl Into<EntryBody>) -> u64 {
    let body = body.into();
    loop {
        let prefix = ledger.prefix(None).await.unwrap();
        if let Appended::At(number) = prefix.append(body.clone()).await.unwrap() {
            return number;
        }
    }
}

/// A store whose ledger has `count` entries: the writer's key, then commits by the founder.
async fn store_with(count: u64) -> MemoryStore {
    let store = MemoryStore::new();
    let mut ledger = open(shared(&store), &FOUNDER).await;
    if count > 0 {
        append(&mut ledger, added(&WRITER)).await;
    }
    for number in 1..count {
        append(&mut ledger, commit(number)).await;
    }
    assert_eq!(ledger.state().next, count);
    store
}

fn added(keys: &KeySet) -> KeyAdded {
    KeyAdded { key: keys.signing.verifying_key(), role: keys.role }
}

fn session(head: u64, tag: u64) -> SessionId {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&tag.to_be_bytes());
    SessionId { head, random }
}

fn snapshot_id(tag: u64) -> SnapshotId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&tag.to_be_bytes());
    SnapshotId(id)
}

fn range(session: SessionId, numbers: Range<u32>) -> SessionRange {
    SessionRange { session, first: numbers.start, end: numbers.end }
}

/// A commit of snapshot `tag`, by a session that began with the ledger.
fn commit(tag: u64) -> Commit {
    let session = session(0, tag);
    Commit {
        session,
        adopted: Vec::new(),
        packs: vec![range(session, 0..3)],
        runs: vec![range(session, 0..1)],
        leans: Vec::new(),
        bases: Vec::new(),
        snapshot: snapshot(tag),
    }
}

fn snapshot(tag: u64) -> Snapshot {
    Snapshot {
        tail: None,
        epoch: 0,
        id: snapshot_id(tag),
        source: "shop".to_owned(),
        source_kind: "sqlite".to_owned(),
        host: "host".to_owned(),
        program: "icecore 0.1.0".to_owned(),
        started: Timestamp(1),
        finished: Timestamp(2),
        tags: Vec::new(),
        description: None,
        retain_until: None,
        selection: Vec::new(),
        counts: Counts::default(),
        bytes_read: 10,
        bytes_stored: 5,
        resume: vec![1, 2, 3],
        origin: None,
        event_log: None,
        tree: None,
    }
}

fn abort(sessions: Vec<SessionId>, floor: u64) -> Abort {
    Abort { sessions, floor }
}

fn ledger_name(number: u64) -> ObjectName {
    ObjectRole::Ledger(number).object_name()
}

fn witness_name(number: u64) -> ObjectName {
    ObjectRole::Witness(number).object_name()
}

fn sign(keys: &KeySet, number: u64, previous: Hash, body: impl Into<EntryBody>) -> Vec<u8> {
    let mut nonce = [0; 16];
    RANDOM.fill(&mut nonce);
    let time = StoppedClock.now();
    let body = body.into();
    let entry = Entry { number, previous, author: key_id(keys), nonce, time, body };
    SignedEntry::sign(&keys.repository, entry, &keys.signing).to_bytes()
}

/// The bytes of a ledger object of these items, for this number.
fn sealed(number: u64, items: Vec<Vec<u8>>) -> Vec<u8> {
    seal_plaintext(number, &LedgerObject { items }.encode())
}

fn seal_plaintext(number: u64, plaintext: &[u8]) -> Vec<u8> {
    let (name, cipher) = (ledger_name(number), Cipher::Aes256Gcm);
    let key = &FOUNDER.ledger_key;
    envelope::seal(EnvelopeKind::Ledger, cipher, key, name.as_str(), plaintext, &*RANDOM)
}

/// The items of the object under this number.
fn items(store: &MemoryStore, number: u64) -> Vec<Vec<u8>> {
    let (name, bytes) = (ledger_name(number), store.content(&ledger_name(number)).unwrap());
    let key = &FOUNDER.ledger_key;
    let plaintext = envelope::open(EnvelopeKind::Ledger, key, name.as_str(), &bytes).unwrap();
    LedgerObject::open(&plaintext).unwrap().items
}

/// Why the entry of this number does not count; `None` if it does.
fn void_reason(ledger: &Ledger, number: u64) -> Option<&'static str> {
    let logged = ledger.log().iter().find(|logged| logged.number == number).unwrap();
    match &logged.content {
        LoggedContent::Valid(_) => None,
        LoggedContent::Void { reason, .. } => Some(reason),
    }
}

/// Numbers without a gap, each entry following the one before it, no alarm.
fn assert_sound(ledger: &Ledger) {
    assert_eq!(ledger.alarms(), []);
    let mut head = ledger.began.head;
    for (number, logged) in (ledger.began.next..).zip(ledger.log()) {
        assert_eq!(logged.number, number);
        if let LoggedContent::Valid(entry) = &logged.content {
            assert_eq!((entry.number, entry.previous), (number, head));
        }
        head = logged.head;
    }
    assert_eq!(ledger.state().head, head);
}

/// Lets others run before and after every request, as a network does; how often is drawn.
#[derive(Debug)]
struct YieldingStore {
    inner: Arc<dyn Store>,
    draw: AtomicU64,
}

impl YieldingStore {
    fn new(inner: Arc<dyn Store>, seed: u64) -> Arc<Self> {
        Arc::new(Self { inner, draw: AtomicU64::new(seed) })
    }

    async fn pause(&self) {
        let step = |draw: u64| Some(draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let draw = self.draw.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap();
        for _ in 0..(draw >> 60) / 2 {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Store for YieldingStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        self.pause().await;
        let result = self.inner.put_new(name, content).await;
        self.pause().await;
        result
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.pause().await;
        let result = self.inner.get(name, bytes_max).await;
        self.pause().await;
        result
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.inner.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        self.pause().await;
        self.inner.list(prefix).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.inner.delete(name).await
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

/// Repeats every put inside itself, as clients do that got no answer: so its caller hears that the
/// name is taken, by what the caller put.
#[derive(Debug)]
struct RepeatingStore(Arc<dyn Store>);

#[async_trait]
impl Store for RepeatingStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        let first = self.0.put_new(name, content.clone()).await;
        if first.as_ref().is_err_and(|error| !error.outcome_unknown()) {
            return first;
        }
        match self.0.put_new(name, content).await {
            // The contract: such an answer says that nothing was stored, by no try.
            Err(error) if !error.outcome_unknown() && error.kind() != AlreadyExists => first,
            second => second,
        }
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.0.get(name, bytes_max).await
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.0.get_range(name, range).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        self.0.list(prefix).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.0.delete(name).await
    }

    fn place(&self) -> String {
        self.0.place()
    }
}
