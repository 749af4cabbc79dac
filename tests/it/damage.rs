//! Objects are lost, cut short, or change a bit.
//!
//! Action x object x operation: whatever is done to any object, either the repository does not
//! open or a check of all data finds it, and a restore gives the exact bytes or an error. Losing a
//! witness or a checkpoint is harmless, as documented, and that is all.

use icecore::backup::BackupError;
use icecore::check::CheckOptions;
use icecore::layout::ObjectRole;
use icecore::ledger::AppendError;
use icecore::session::SessionError;
use icecore::{Monitor, Repository, check, snapshots};
use icecore_store::{MemoryStore, ObjectName};
use icecore_tests::error_chain::chain;
use icecore_tests::random::Dice;
use icecore_tests::{Expected, Host, lines};
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
enum Action {
    Delete,
    Truncate(u64),
    FlipBit { byte: u64, bit: u8 },
    Append,
}

impl Action {
    /// What is done to an object of this length: no two actions the same.
    fn all(bytes: u64, dice: &mut Dice) -> Vec<Self> {
        let mut actions = vec![Self::Delete, Self::Append, Self::Truncate(0)];
        actions.extend([Self::Truncate(bytes / 2), Self::Truncate(bytes - 1)]);
        let random = [dice.below(bytes), dice.below(bytes), dice.below(bytes)];
        for byte in [0, bytes / 2, bytes - 1].into_iter().chain(random) {
            actions.push(Self::FlipBit { byte, bit: dice.below(8) as u8 });
        }
        actions
    }

    fn apply(self, store: &MemoryStore, name: &ObjectName) {
        let changed = match self {
            Self::Delete => store.remove(name),
            Self::Truncate(bytes) => store.truncate(name, bytes),
            Self::FlipBit { byte, bit } => store.flip_bit(name, byte, bit),
            Self::Append => {
                let content = store.content(name).unwrap();
                store.insert(name.clone(), [&content, &b"\0"[..]].concat());
                true
            }
        };
        assert!(changed, "{self:?} changes nothing of {name}");
    }
}

/// A repository with an object of every role, and the machine that made it.
struct Subject {
    store: MemoryStore,
    host: Host,
    expected: Expected,
}

impl Subject {
    async fn new() -> Self {
        let host = Host::new();
        let (store, repository) = host.init_small().await;
        let mut expected = Expected::default();
        for end in [60, 100, 140] {
            let report = host.back_up(&repository, lines(0..end)).await.unwrap();
            expected.add(&report, lines(0..end));
        }
        Self { store, host, expected }
    }

    /// The same with so many entries that there is a checkpoint, and entries after it.
    async fn with_checkpoint() -> Self {
        let mut subject = Self::new().await;
        let repository = subject.host.open(Arc::new(subject.store.clone())).await.unwrap();
        for _ in 0..64 {
            subject.host.back_up(&repository, lines(0..60)).await.unwrap();
        }
        let report = subject.host.back_up(&repository, lines(0..150)).await.unwrap();
        subject.expected.add(&report, lines(0..150));
        assert!(subject.names("checkpoint/").len() == 1);
        subject
    }

    fn names(&self, prefix: &str) -> Vec<ObjectName> {
        let is_below = |name: &ObjectName| name.as_str().starts_with(prefix);
        self.store.names().into_iter().filter(is_below).collect()
    }

    /// Does everything that can be done to an object, and looks each time as a machine that
    /// remembers nothing, and as the one that made the repository.
    async fn damage(&self, name: &ObjectName, dice: &mut Dice) {
        let bytes = self.store.content(name).unwrap().len() as u64;
        for action in Action::all(bytes, dice) {
            for (host, what) in [
                (self.host.stranger(7), "a machine that remembers nothing"),
                (self.host.duplicate(8), "the machine that made it"),
            ] {
                let store = self.store.snapshot();
                action.apply(&store, name);
                let case = format!("{action:?} of {name}, seen by {what}");
                self.look(&host, store, name, action, &case).await;
            }
        }
    }

    async fn look(
        &self,
        host: &Host,
        store: MemoryStore,
        name: &ObjectName,
        action: Action,
        case: &str,
    ) {
        let role = ObjectRole::of(name).unwrap();
        let Ok(repository) = host.open(Arc::new(store)).await else {
            assert!(
                matches!(role, ObjectRole::Config | ObjectRole::KeySlot(_)),
                "{case}: the repository does not open, so nothing can be saved from it"
            );
            return;
        };
        let is_derived = matches!(role, ObjectRole::Witness(_) | ObjectRole::Checkpoint(..));
        let is_harmless = is_derived && matches!(action, Action::Delete);
        let report = host.check(&repository).await;
        if is_harmless {
            assert!(report.findings.is_empty(), "{case}: {:?}", report.findings);
        } else {
            assert!(!report.findings.is_empty(), "{case}: the check finds nothing");
        }
        self.restore_everything(host, &repository, is_derived, case).await;
    }

    async fn restore_everything(
        &self,
        host: &Host,
        repository: &Repository,
        is_derived: bool,
        case: &str,
    ) {
        let state = repository.state().await;
        for (id, bytes) in self.expected.iter() {
            let Ok(found) = snapshots::find(&state, &id.to_string(), None) else {
                assert!(!is_derived, "{case}: snapshot {id} is gone");
                continue;
            };
            let options = icecore::restore::RestoreOptions::default();
            match host.restore_with(repository, &found.snapshot, &options).await {
                Ok((restored, _)) => assert!(&restored == bytes, "{case}: {id} is other bytes"),
                Err(error) => assert!(!is_derived, "{case}: {id} does not restore: {error}"),
            }
        }
    }
}

async fn damage_all_below(prefix: &str) {
    let subject = Subject::new().await;
    let mut dice = Dice::new(17);
    let names = subject.names(prefix);
    assert!(!names.is_empty());
    for name in names {
        subject.damage(&name, &mut dice).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_the_config_is_found_and_never_restored_as_good() {
    damage_all_below("config").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_a_key_slot_is_found_and_never_restored_as_good() {
    damage_all_below("keys/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_any_ledger_entry_is_found_and_never_restored_as_good() {
    damage_all_below("ledger/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_any_witness_is_found_and_losing_one_is_harmless() {
    damage_all_below("witness/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_any_pack_is_found_and_never_restored_as_good() {
    damage_all_below("packs/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_any_index_run_is_found_and_never_restored_as_good() {
    damage_all_below("index/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_a_checkpoint_is_found_and_losing_it_is_harmless() {
    let subject = Subject::with_checkpoint().await;
    let mut dice = Dice::new(18);
    for name in subject.names("checkpoint/") {
        subject.damage(&name, &mut dice).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_entries_and_witnesses_around_a_checkpoint_is_found() {
    let subject = Subject::with_checkpoint().await;
    let last = subject.names("ledger/").len() as u64 - 1;
    let mut dice = Dice::new(19);
    // The first, one that the checkpoint stands for, the last such, the first after it, the newest.
    for number in [0, 30, 63, 64, last] {
        for role in [ObjectRole::Ledger(number), ObjectRole::Witness(number)] {
            let name = role.object_name();
            for action in [Action::Delete, Action::FlipBit { byte: 40 + dice.below(40), bit: 3 }] {
                for host in [subject.host.stranger(9), subject.host.duplicate(10)] {
                    let store = subject.store.snapshot();
                    action.apply(&store, &name);
                    let case = format!("{action:?} of {name}");
                    subject.look(&host, store, &name, action, &case).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newest_entry_that_is_gone_together_with_its_witness_is_missed_by_who_saw_it() {
    let subject = Subject::new().await;
    for role in [ObjectRole::Ledger(2), ObjectRole::Witness(2)] {
        assert!(subject.store.remove(&role.object_name()));
    }
    let repository = subject.host.open(Arc::new(subject.store.clone())).await.unwrap();
    let report = subject.host.check(&repository).await;
    assert_eq!(
        report.findings.iter().map(|finding| &*finding.problem).collect::<Vec<_>>(),
        ["the ledger ends before entry 2, and this machine has seen it end before entry 3"]
    );
    // Nothing is added to a ledger that was cut back.
    let error = subject.host.back_up(&repository, lines(0..10)).await.unwrap_err();
    assert!(chain(&error).contains("this machine has seen it"));
}

/// What would be built on a ledger that is not the true one would be lost with it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_added_to_a_ledger_with_a_damaged_or_a_missing_entry() {
    let subject = Subject::new().await;
    for number in 0..3 {
        let name = ObjectRole::Ledger(number).object_name();
        let flip = Action::FlipBit { byte: 77, bit: 0 };
        for action in [Action::Delete, Action::Truncate(0), Action::Truncate(99), flip] {
            for (host, remembers) in
                [(subject.host.stranger(15), false), (subject.host.duplicate(16), true)]
            {
                if number == 2 && matches!(action, Action::Delete) && !remembers {
                    // Only its witness shows that there was a newest entry, and a check reads that.
                    continue;
                }
                let store = subject.store.snapshot();
                action.apply(&store, &name);
                let before = store.names();
                let repository = host.open(Arc::new(store.clone())).await.unwrap();
                let error = host.back_up(&repository, lines(0..300)).await.unwrap_err();
                assert!(
                    matches!(
                        error,
                        BackupError::Session(SessionError::Append(AppendError::Alarm(_)))
                    ),
                    "{action:?} of {name}: {}",
                    chain(&error)
                );
                assert_eq!(store.names(), before, "{action:?} of {name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_the_object_that_is_damaged() {
    let subject = Subject::new().await;
    let name = subject.names("packs/").remove(0);
    let store = subject.store.snapshot();
    assert!(store.flip_bit(&name, store.content(&name).unwrap().len() as u64 / 2, 1));
    let host = subject.host.stranger(11);
    let repository = host.open(Arc::new(store)).await.unwrap();
    let report = host.check(&repository).await;
    assert!(
        report.findings.iter().any(|finding| finding.subject == name.as_str()),
        "{:?}",
        report.findings
    );
}

/// A machine that has copies of all index runs still asks the storage about each of them, and a
/// check without `--read-data` sees what is missing or cut short.
#[tokio::test(flavor = "multi_thread")]
async fn a_quick_check_finds_what_is_missing_or_of_another_length() {
    let subject = Subject::new().await;
    for prefix in ["packs/", "index/"] {
        for name in subject.names(prefix) {
            for action in [Action::Delete, Action::Truncate(20), Action::Append] {
                let store = subject.store.snapshot();
                action.apply(&store, &name);
                let host = subject.host.duplicate(12);
                let repository = host.open(Arc::new(store)).await.unwrap();
                let options = CheckOptions::default();
                let report =
                    check::check(&repository, &options, &Monitor::default()).await.unwrap();
                assert!(!report.findings.is_empty(), "{action:?} of {name}");
            }
        }
    }
}

/// Whoever can write to the storage can put objects that decrypt, under names they are not for.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_were_swapped_are_found_and_never_restored_as_good() {
    let subject = Subject::new().await;
    for prefix in ["packs/", "index/", "ledger/", "witness/"] {
        let names = subject.names(prefix);
        for pair in names.windows(2) {
            let store = subject.store.snapshot();
            let [one, other] = [&pair[0], &pair[1]].map(|name| store.content(name).unwrap());
            store.insert(pair[0].clone(), other);
            store.insert(pair[1].clone(), one);
            let host = subject.host.stranger(13);
            let repository = host.open(Arc::new(store)).await.unwrap();
            let case = format!("{} and {} swapped", pair[0], pair[1]);
            let report = host.check(&repository).await;
            assert!(!report.findings.is_empty(), "{case}: the check finds nothing");
            let is_derived = prefix == "witness/";
            subject.restore_everything(&host, &repository, is_derived, &case).await;
        }
    }
}

/// restic #21977: one key file that was cut short made every command fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_slot_that_is_damaged_locks_nobody_else_out() {
    let subject = Subject::new().await;
    let own = subject.names("keys/").remove(0);
    let content = subject.store.content(&own).unwrap();
    // Names before and after the good one, so that some are tried first.
    for (id, bytes) in [(0, 0), (1, 10), (254, 40), (255, content.len() - 1)] {
        let role = ObjectRole::KeySlot(icecore_format::KeyId([id; 16]));
        subject.store.insert(role.object_name(), content.slice(..bytes));
    }
    let host = subject.host.stranger(14);
    let repository = host.open(Arc::new(subject.store.clone())).await.unwrap();
    subject.restore_everything(&host, &repository, true, "with damaged slots").await;
    let report = host.check(&repository).await;
    assert_eq!(report.findings.len(), 4, "{:?}", report.findings);
    assert!(report.findings.iter().all(|finding| finding.subject.starts_with("keys/")));
}
