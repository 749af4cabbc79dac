//! Keys: who can do what with which, what a password opens after it was changed, and what a writer's host
//! has when somebody takes it over.

use icecore::forget::protect;
use icecore::key_slots::{self, KeyError, KeyListed};
use icecore::layout::ObjectRole;
use icecore::ledger::LoggedContent;
use icecore::repository::OpenError;
use icecore::{Repository, snapshots};
use icecore_format::checkpoint::{self, LedgerState};
use icecore_format::envelope::{self, EnvelopeKind};
use icecore_format::keys::KeySet;
use icecore_format::keys::class::PrivateKey;
use icecore_format::keys::slot::PasswordCost;
use icecore_format::ledger::body::{
    Abort, Condemn, Forget, KeyAdded, KeyRemoved, Release, Unprotect,
};
use icecore_format::ledger::{Entry, EntryBody, LedgerObject, SignedEntry};
use icecore_format::pack::{HEADER_BYTES, PackKey};
use icecore_format::record::Record as _;
use icecore_format::{KeyId, PackClass, Role, Timestamp};
use icecore_store::testing::{
    CrashingStore, Effect, FaultyStore, Interrupted, Matcher, RecordingStore,
};
use icecore_store::{MemoryStore, Operation, Store, StoreErrorKind};
use icecore_tests::random::SeededRandom;
use icecore_tests::{Host, PASSWORD, assert_clean, lines};
use std::path::Path;
use std::sync::Arc;

const COST: PasswordCost = PasswordCost::TRIVIAL;

async fn open(host: &Host, store: &MemoryStore, password: &[u8]) -> Result<Repository, OpenError> {
    Repository::open(Arc::new(store.clone()), host.environment(), password).await
}

fn own(repository: &Repository) -> KeyId {
    repository.keys().signing.verifying_key().id()
}

async fn states(repository: &Repository) -> Vec<(Role, bool, usize)> {
    repository.refresh().await.unwrap();
    let mut listed: Vec<_> = key_slots::list(repository)
        .await
        .unwrap()
        .iter()
        .filter_map(|key: &KeyListed| {
            let known = key.known?;
            Some((known.role, known.is_removed, key.slots.len()))
        })
        .collect();
    listed.sort_unstable();
    listed
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_can_what_it_can_and_no_more() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    for role in [Role::Writer, Role::Reader, Role::Admin] {
        key_slots::add(&founder, role, role.name().as_bytes(), COST).await.unwrap();
    }
    let writer = open(&host, &store, b"writer").await.unwrap();
    let snapshot = host.back_up(&writer, lines(0..500)).await.unwrap().snapshot;
    assert!(host.restore(&writer, &snapshot.id.to_string()).await.is_err());
    let reader = open(&host, &store, b"reader").await.unwrap();
    let restored = host.restore(&reader, &snapshot.id.to_string()).await.unwrap();
    assert!(restored == lines(0..500).into_bytes());
    assert!(host.back_up(&reader, lines(0..600)).await.is_err());
    for repository in [&writer, &reader] {
        let added = key_slots::add(repository, Role::Admin, b"mine", COST).await;
        assert!(matches!(added, Err(KeyError::NotAllowed { .. })), "{added:?}");
        let removed = key_slots::remove(repository, own(&founder)).await;
        assert!(matches!(removed, Err(KeyError::NotAllowed { .. })), "{removed:?}");
    }
    let admin = open(&host, &store, b"admin").await.unwrap();
    let key = key_slots::add(&admin, Role::Reader, b"another reader", COST).await.unwrap();
    key_slots::remove(&admin, key).await.unwrap();
    assert!(matches!(open(&host, &store, b"another reader").await, Err(OpenError::WrongPassword)));
    assert_clean(&host.check(&admin).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_adds_nothing_and_is_told_so_before_anything_is_written() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    let key = key_slots::add(&founder, Role::Writer, b"writer", COST).await.unwrap();
    let recording = RecordingStore::new(Arc::new(store.clone()));
    let writer = Repository::open(recording.clone(), host.environment(), b"writer").await.unwrap();
    host.back_up(&writer, lines(0..100)).await.unwrap();
    let removed = key_slots::remove(&founder, key).await.unwrap();
    assert_eq!((removed.entry.is_some(), removed.left.len()), (true, 0));
    recording.reset();
    let refused = host.back_up(&writer, lines(0..200)).await;
    assert!(refused.is_err());
    let ledger = recording.requests().into_iter().filter(|request| {
        request.operation == Operation::PutNew && request.name.starts_with("ledger/")
    });
    assert_eq!(ledger.count(), 0);
    // What it signed before counts.
    let state = founder.state().await;
    assert_eq!(snapshots::live(&state).len(), 1);
    assert_eq!(states(&founder).await, [(Role::Writer, true, 0), (Role::Admin, false, 1)]);
    assert!(matches!(key_slots::remove(&founder, key).await, Err(KeyError::Removed { .. })));
    assert_clean(&host.check(&founder).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_whose_slot_is_there_cannot_be_removed() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    let last = key_slots::remove(&founder, own(&founder)).await;
    assert!(matches!(last, Err(KeyError::LastAdmin { .. })), "{last:?}");
    key_slots::add(&founder, Role::Reader, b"reader", COST).await.unwrap();
    assert!(key_slots::remove(&founder, own(&founder)).await.is_err());
    let other = key_slots::add(&founder, Role::Admin, b"admin", COST).await.unwrap();
    // An admin that nobody can be is none.
    let slot = ObjectRole::KeySlot(other).object_name();
    let content = store.content(&slot).unwrap();
    store.delete(&slot).await.unwrap();
    assert!(key_slots::remove(&founder, own(&founder)).await.is_err());
    store.insert(slot, content);
    key_slots::remove(&founder, own(&founder)).await.unwrap();
    assert!(matches!(open(&host, &store, PASSWORD).await, Err(OpenError::WrongPassword)));
    let admin = open(&host, &store, b"admin").await.unwrap();
    host.back_up(&admin, lines(0..100)).await.unwrap();
    assert_clean(&host.check(&admin).await);
    // And for a machine that remembers nothing.
    let stranger = host.stranger(3);
    let admin = open(&stranger, &store, b"admin").await.unwrap();
    assert_eq!(admin.alarms().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_opens_the_same_key_and_the_old_one_opens_nothing_anywhere() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    key_slots::add(&founder, Role::Writer, b"old", COST).await.unwrap();
    // A machine that keeps the slot that it opened.
    let other = host.stranger(1);
    open(&other, &store, b"old").await.unwrap();
    let writer = open(&host, &store, b"old").await.unwrap();
    let (id, entries) = (own(&writer), founder.log().await.unwrap().len());
    for (from, to) in [(&b"old"[..], &b"new"[..]), (b"new", b"newer")] {
        let changed = key_slots::change_password(&writer, to, COST).await.unwrap();
        assert_eq!(changed.left, []);
        for machine in [&host, &other, &host.stranger(2)] {
            let refused = open(machine, &store, from).await;
            assert!(matches!(refused, Err(OpenError::WrongPassword)), "{refused:?}");
            assert_eq!(own(&open(machine, &store, to).await.unwrap()), id);
        }
    }
    let writer = open(&host, &store, b"newer").await.unwrap();
    host.back_up(&writer, lines(0..100)).await.unwrap();
    assert_eq!(founder.log().await.unwrap().len(), entries + 1);
    founder.refresh().await.unwrap();
    assert_clean(&host.check(&founder).await);
    key_slots::remove(&founder, id).await.unwrap();
    assert!(matches!(open(&host, &store, b"newer").await, Err(OpenError::WrongPassword)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_a_change_of_the_password_is_killed_one_of_both_opens() {
    let host = Host::new();
    let (template, _) = host.init_small().await;
    let counting = Arc::new(CrashingStore::counting(template.snapshot()));
    let repository = host.stranger(9).open(counting.clone()).await.unwrap();
    key_slots::change_password(&repository, b"new", COST).await.unwrap();
    let writes = counting.writes();
    assert!(writes >= 2, "{writes}");
    for write in 1..=writes {
        for how in [Interrupted::Landed, Interrupted::Vanished] {
            let crashing = Arc::new(CrashingStore::new(template.snapshot(), write, how));
            let repository = host.stranger(9).open(crashing.clone()).await.unwrap();
            // It may have done all that it had to.
            drop(key_slots::change_password(&repository, b"new", COST).await);
            assert!(crashing.crashed());
            let store = crashing.survivors();
            let old = open(&host.stranger(10), &store, PASSWORD).await;
            let new = open(&host.stranger(11), &store, b"new").await;
            let repository = old.or(new).expect("one of both passwords opens it");
            // Once more completes it.
            key_slots::change_password(&repository, b"newest", COST).await.unwrap();
            open(&host.stranger(12), &store, b"newest").await.unwrap();
            for password in [PASSWORD, b"new"] {
                let refused = open(&host.stranger(13), &store, password).await;
                assert!(matches!(refused, Err(OpenError::WrongPassword)), "{write} {how:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_deletes_nothing_is_told_and_the_new_password_opens() {
    let host = Host::new();
    let (store, _) = host.init_small().await;
    let faulty = FaultyStore::new(Arc::new(store.clone()));
    faulty.add(Matcher::first(Operation::Delete, "keys/"), Effect::Fail(StoreErrorKind::Denied));
    let repository = host.open(faulty.clone()).await.unwrap();
    let changed = key_slots::change_password(&repository, b"new", COST).await.unwrap();
    faulty.assert_all_exercised();
    let slot = ObjectRole::KeySlot(own(&repository)).object_name();
    assert_eq!(changed.left.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&slot]);
    open(&host, &store, b"new").await.unwrap();
    open(&host, &store, PASSWORD).await.unwrap();
    assert_eq!(states(&repository).await, [(Role::Admin, false, 2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_adding_was_killed_counts_for_nothing_and_can_be_removed() {
    let host = Host::new();
    let (store, _) = host.init_small().await;
    let faulty = FaultyStore::new(Arc::new(store.clone()));
    faulty.add(Matcher::first(Operation::PutNew, "ledger/"), Effect::Fail(StoreErrorKind::Denied));
    let founder = host.open(faulty).await.unwrap();
    assert!(key_slots::add(&founder, Role::Writer, b"writer", COST).await.is_err());
    let half = open(&host, &store, b"writer").await.unwrap();
    let refused = host.back_up(&half, lines(0..100)).await;
    assert!(refused.is_err());
    assert!(founder.log().await.unwrap().is_empty());
    key_slots::remove(&founder, own(&half)).await.unwrap();
    assert!(open(&host, &store, b"writer").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_never_have_one_password() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    let key = key_slots::add(&founder, Role::Reader, b"reader", COST).await.unwrap();
    for password in [PASSWORD, b"reader"] {
        let taken = key_slots::add(&founder, Role::Admin, password, COST).await;
        assert!(matches!(taken, Err(KeyError::PasswordTaken { .. })), "{taken:?}");
    }
    let taken = key_slots::change_password(&founder, b"reader", COST).await;
    assert!(matches!(taken, Err(KeyError::PasswordTaken { id }) if id == key), "{taken:?}");
    assert_eq!(states(&founder).await.len(), 2);
    // Its own it may have once more.
    key_slots::change_password(&founder, PASSWORD, COST).await.unwrap();
    open(&host, &store, PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_key_on_paper_opens_what_its_role_may() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    let snapshot = host.back_up(&founder, lines(0..100)).await.unwrap().snapshot;
    let secret = key_slots::recovery_key(&founder);
    key_slots::add(&founder, Role::Reader, secret.as_bytes(), COST).await.unwrap();
    let typed = secret.replace('-', " ");
    let read = icecore_format::keys::paper::recognise(typed.as_bytes()).unwrap().unwrap();
    let reader = open(&host, &store, read.as_bytes()).await.unwrap();
    let restored = host.restore(&reader, &snapshot.id.to_string()).await.unwrap();
    assert!(restored == lines(0..100).into_bytes());
}

/// All that a host has that backs up with a writer's key: the storage, the keys that its password opens, and
/// all files that it keeps.
struct Stolen {
    keys: KeySet,
    store: MemoryStore,
    files: Vec<(String, Vec<u8>)>,
}

const KINDS: [EnvelopeKind; 6] = [
    EnvelopeKind::Ledger,
    EnvelopeKind::Witness,
    EnvelopeKind::Checkpoint,
    EnvelopeKind::IndexRun,
    EnvelopeKind::Local,
    EnvelopeKind::Tail,
];

/// Tries all that it has on all that is there; where it found any of what it wants.
fn attack(stolen: &Stolen, wanted: &[&[u8]]) -> (u64, Vec<String>) {
    let Stolen { keys, store, files } = stolen;
    let (mut opened, mut found) = (0, Vec::new());
    let mut look = |what: &str, bytes: &[u8]| {
        let is_in = |wanted: &&[u8]| bytes.windows(wanted.len()).any(|window| window == *wanted);
        if wanted.iter().any(is_in) {
            found.push(what.to_owned());
        }
    };
    let mut all: Vec<_> = files.clone();
    for name in store.names() {
        all.push((name.to_string(), store.content(&name).unwrap().to_vec()));
    }
    let secrets = [*keys.ledger_key, keys.signing.to_bytes(), keys.boundary_key()];
    for (name, bytes) in &all {
        look(name, bytes);
        // What every role can open.
        for kind in KINDS {
            if let Ok(plaintext) = envelope::open(kind, &keys.ledger_key, name, bytes) {
                opened += 1;
                look(name, &plaintext);
            }
        }
        // Packs, with each secret in the place of the private key that it does not have.
        let Some(ObjectRole::Pack(id)) = name.parse().ok().and_then(|it| ObjectRole::of(&it))
        else {
            continue;
        };
        let header = &bytes[..HEADER_BYTES];
        for class in [PackClass::Data, PackClass::Metadata] {
            assert!(keys.private(class).is_none());
            for secret in secrets {
                let private = PrivateKey::from_bytes(secret);
                let key = PackKey::open(&keys.repository, id, class, &private, header);
                assert!(key.is_err(), "{name} was opened with a key that is not its own");
            }
        }
    }
    (opened, found)
}

fn files_below(directory: &Path, prefix: &str, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            files_below(&path, &format!("{name}/"), found);
        } else {
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_a_writers_host_reads_nothing_that_was_backed_up() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    key_slots::add(&founder, Role::Writer, b"writer", COST).await.unwrap();
    let machine = host.stranger(1);
    let writer = open(&machine, &store, b"writer").await.unwrap();
    for events in [3_000, 3_100, 3_200] {
        machine.back_up(&writer, lines(0..events)).await.unwrap();
    }
    let keys = writer.keys().clone();
    let mut files = Vec::new();
    // Below the directory of the repository, as the names of what is sealed there are.
    for directory in ["state", "cache"] {
        for repository in std::fs::read_dir(machine.path(directory)).unwrap() {
            files_below(&repository.unwrap().path(), "", &mut files);
        }
    }
    let text = lines(0..3_200);
    let wanted: Vec<&[u8]> = text.lines().step_by(97).map(str::as_bytes).collect();
    let stolen = Stolen { keys, store: store.clone(), files };
    let (opened, found) = attack(&stolen, &wanted);
    assert!(opened >= 6, "it opened {opened} envelopes, and every role can open those of entries");
    assert_eq!(found, Vec::<String>::new());
    // The same with a reader's key, which shows that what is looked for is what is there.
    founder.refresh().await.unwrap();
    let restored = machine.restore(&founder, "latest").await.unwrap();
    assert!(wanted.iter().all(|it| restored.windows(it.len()).any(|window| window == *it)));
}

/// Puts an entry after the last one, signed by the key of `writer` in the name of `author`.
async fn forge(writer: &Repository, store: &MemoryStore, author: KeyId, body: EntryBody) {
    writer.refresh().await.unwrap();
    let (state, keys) = (writer.state().await, writer.keys());
    let (number, previous) = (state.next, state.head);
    let entry = Entry { number, previous, author, nonce: [9; 16], time: Timestamp(0), body };
    let signed = SignedEntry::sign(&keys.repository, entry, &keys.signing);
    let object = LedgerObject { items: vec![signed.to_bytes()] }.encode();
    let name = ObjectRole::Ledger(number).object_name();
    let (cipher, random) = (writer.config().cipher, SeededRandom::new(number));
    let key = &keys.ledger_key;
    let sealed = envelope::seal(EnvelopeKind::Ledger, cipher, key, name.as_str(), &object, &random);
    store.put_new(&name, sealed.into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_a_writers_host_can_forge_nothing_that_removes() {
    let host = Host::new();
    let (store, founder) = host.init_small().await;
    let good = host.back_up(&founder, lines(0..500)).await.unwrap().snapshot;
    let own_key = key_slots::add(&founder, Role::Writer, b"writer", COST).await.unwrap();
    let writer = open(&host.stranger(1), &store, b"writer").await.unwrap();
    protect(&founder, &[good.id]).await.unwrap();
    founder.refresh().await.unwrap();
    let before = founder.state().await;
    let stolen_admin = writer.keys().for_role(Role::Admin, &SeededRandom::new(5));
    let packs: Vec<_> = before.packs.iter().copied().collect();
    let bodies: Vec<EntryBody> = vec![
        Unprotect { snapshots: vec![good.id] }.into(),
        Forget { snapshots: vec![good.id] }.into(),
        Release { snapshots: vec![good.id] }.into(),
        Condemn { plan: [1; 16], marked_at: before.next, packs }.into(),
        Abort { sessions: Vec::new(), floor: before.next }.into(),
        KeyAdded { key: stolen_admin.signing.verifying_key(), role: Role::Admin }.into(),
        KeyRemoved { key: founder.keys().founder.id() }.into(),
    ];
    let forged = bodies.len() * 2;
    for body in bodies {
        for author in [own_key, founder.keys().founder.id()] {
            forge(&writer, &store, author, body.clone()).await;
        }
    }
    // A checkpoint in which there is nothing, in its own name and in the founder's.
    let mut empty = before.clone();
    empty.snapshots.clear();
    empty.packs.clear();
    for author in [own_key, founder.keys().founder.id()] {
        let keys = writer.keys();
        let mut bytes = checkpoint::sign(&keys.repository, &empty, &keys.signing);
        bytes[64..80].copy_from_slice(&author.0);
        let name = ObjectRole::Checkpoint(before.next, author).object_name();
        let (cipher, random) = (writer.config().cipher, SeededRandom::new(77));
        let key = &keys.ledger_key;
        let kind = EnvelopeKind::Checkpoint;
        let sealed = envelope::seal(kind, cipher, key, name.as_str(), &bytes, &random);
        store.put_new(&name, sealed.into()).await.unwrap();
    }
    for machine in [&host.stranger(2), &host] {
        let repository = open(machine, &store, PASSWORD).await.unwrap();
        let after = repository.state().await;
        assert_eq!((after.next, repository.alarms().await), (before.next + forged as u64, vec![]));
        let changed = LedgerState { next: before.next, head: before.head, ..after };
        assert_eq!(changed, before);
        // Each is reported, with the reason.
        let log = repository.log().await.unwrap();
        let void = log.iter().filter(|it| matches!(it.content, LoggedContent::Void { .. }));
        assert_eq!(void.count(), forged);
        let restored = machine.restore(&repository, &good.id.to_string()).await.unwrap();
        assert!(restored == lines(0..500).into_bytes());
    }
    founder.refresh().await.unwrap();
    host.back_up(&founder, lines(0..600)).await.unwrap();
}
