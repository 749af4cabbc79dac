//! Random histories of backups, forgetting, pruning and dying, with real code: after each step every
//! snapshot that was not released checks clean and comes back byte for byte.

use super::{HOUR, at_once};
use icecore::prune::PruneOptions;
use icecore::snapshots;
use icecore_format::SnapshotId;
use icecore_format::checkpoint::SnapshotStatus;
use icecore_store::testing::{CrashingStore, Interrupted};
use icecore_store::{MemoryStore, Store};
use icecore_tests::lines::lines_of;
use icecore_tests::{Host, lines};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What happens next; numbers choose what exactly.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A machine backs up a source.
    BackUp {
        host: u8,
        source: u8,
        content: u8,
    },
    /// A machine dies while it does.
    Die {
        host: u8,
        source: u8,
        content: u8,
        write: u8,
    },
    Forget {
        which: u8,
    },
    Wait {
        hours: u8,
    },
    Prune {
        host: u8,
        options: u8,
    },
    /// A machine dies while it prunes.
    DieInPrune {
        host: u8,
        options: u8,
        write: u8,
    },
    LoseCache {
        host: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let n = any::<u8>;
    prop_oneof![
        6 => (n(), n(), n()).prop_map(|(host, source, content)| Step::BackUp { host, source, content }),
        1 => (n(), n(), n(), n())
            .prop_map(|(host, source, content, write)| Step::Die { host, source, content, write }),
        5 => n().prop_map(|which| Step::Forget { which }),
        2 => n().prop_map(|hours| Step::Wait { hours }),
        4 => (n(), n()).prop_map(|(host, options)| Step::Prune { host, options }),
        2 => (n(), n(), n())
            .prop_map(|(host, options, write)| Step::DieInPrune { host, options, write }),
        1 => n().prop_map(|host| Step::LoseCache { host }),
    ]
}

struct World {
    store: MemoryStore,
    hosts: Vec<Host>,
    /// What every snapshot that was ever acknowledged is of.
    contents: BTreeMap<SnapshotId, String>,
    condemned: u64,
    repacked: u64,
    deleted: u64,
}

fn options(number: u8) -> PruneOptions {
    let pick = |bit: u8, duration: Duration| {
        if number & bit == 0 { Duration::ZERO } else { duration }
    };
    PruneOptions {
        release_after: pick(1, 48 * HOUR),
        grace: pick(2, 24 * HOUR),
        abandon_after: pick(4, 240 * HOUR),
        ..at_once()
    }
}

/// What a source may have: a common part, and one of its own.
fn content(source: u8, content: u8) -> String {
    let first = u64::from(content % 8) * 10;
    lines(first..first + 40) + &lines_of(&source.to_string(), 0..u64::from(content / 8 % 8) * 10)
}

impl World {
    async fn new() -> Self {
        let host = Host::new();
        host.clock.step_seconds(20);
        let (store, _) = host.init_small().await;
        let coarse = host.stranger(1);
        // Its packs have many chunks, so there is something to repack.
        coarse.clock.step_seconds(0);
        let hosts = vec![coarse, host.stranger(2), host];
        Self { store, hosts, contents: BTreeMap::new(), condemned: 0, repacked: 0, deleted: 0 }
    }

    fn host(&self, number: u8) -> &Host {
        &self.hosts[usize::from(number) % self.hosts.len()]
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::BackUp { host, source, content: of } => {
                let (name, input) = (format!("source-{}", source % 2), content(source % 2, of));
                let host = self.host(host);
                let repository = host.open(Arc::new(self.store.clone())).await.unwrap();
                let report = host.back_up_as(&repository, &name, &input).await.unwrap();
                self.contents.insert(report.snapshot.id, input);
            }
            Step::Die { host, source, content: of, write } => {
                let (name, input) = (format!("source-{}", source % 2), content(source % 2, of));
                let crashing = self.crashing(write);
                let host = self.host(host);
                let repository = host.open(crashing.clone()).await.unwrap();
                let outcome = host.back_up_as(&repository, &name, &input).await;
                self.store = crashing.survivors();
                let repository = self.host(0).open(Arc::new(self.store.clone())).await.unwrap();
                let state = repository.state().await;
                // It may have committed all the same.
                let acknowledged = outcome.ok().map(|report| report.snapshot.id);
                let new = state.snapshots.keys().filter(|id| !self.contents.contains_key(*id));
                let new: Vec<_> = new.copied().chain(acknowledged).collect();
                self.contents.extend(new.into_iter().map(|id| (id, input.clone())));
            }
            Step::Forget { which } => {
                let host = self.host(which);
                let repository = host.open(Arc::new(self.store.clone())).await.unwrap();
                let state = repository.state().await;
                let live = snapshots::live(&state);
                if !live.is_empty() {
                    let id = live[usize::from(which) % live.len()].snapshot.id;
                    host.forget(&repository, &self.store, [id]).await;
                }
            }
            Step::Wait { hours } => {
                for host in &self.hosts {
                    host.clock.advance_seconds(i64::from(hours % 64) * 3600);
                }
            }
            Step::Prune { host, options: number } => {
                let host = self.host(host);
                let repository = host.open(Arc::new(self.store.clone())).await.unwrap();
                let report = host.prune(&repository, &options(number)).await.unwrap();
                self.condemned += report.condemned.objects;
                self.repacked += report.repacked.objects;
                self.deleted += report.deleted.objects;
            }
            Step::DieInPrune { host, options: number, write } => {
                let crashing = self.crashing(write);
                let host = self.host(host);
                let repository = host.open(crashing.clone()).await.unwrap();
                let _outcome = host.prune(&repository, &options(number)).await;
                self.store = crashing.survivors();
            }
            Step::LoseCache { host } => self.host(host).lose_cache(),
        }
        self.assert_holds().await;
    }

    /// A store under a process that dies soon.
    fn crashing(&self, write: u8) -> Arc<CrashingStore> {
        let how = if write & 1 == 0 { Interrupted::Landed } else { Interrupted::Vanished };
        Arc::new(CrashingStore::new(self.store.clone(), 1 + u64::from(write / 2 % 16), how))
    }

    async fn assert_holds(&self) {
        let host = self.hosts[0].stranger(9);
        let shared: Arc<dyn Store> = Arc::new(self.store.clone());
        let repository = host.open(shared.clone()).await.unwrap();
        icecore_tests::assert_clean(&host.check(&repository).await);
        let state = repository.state().await;
        for (id, content) in &self.contents {
            let found = &state.snapshots[id];
            if found.status == SnapshotStatus::Released {
                continue;
            }
            let options = icecore::restore::RestoreOptions::default();
            let restored = host.restore_with(&repository, &found.snapshot, &options).await;
            let (bytes, _) = restored.unwrap();
            assert!(bytes == content.as_bytes(), "snapshot {id} came back as other bytes");
        }
        let kept = snapshots::kept(&state);
        assert!(kept.iter().all(|found| self.contents.contains_key(&found.snapshot.id)));
    }
}

#[test]
fn whatever_happens_what_was_not_released_comes_back() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let totals = std::cell::Cell::new((0, 0, 0));
    let run = TestRunner::new(config).run(&prop::collection::vec(step(), 8..24), |steps| {
        let world = runtime.block_on(async {
            let mut world = World::new().await;
            for step in steps {
                world.take(step).await;
            }
            world
        });
        let (condemned, repacked, deleted) = totals.get();
        let deleted = deleted + world.deleted;
        totals.set((condemned + world.condemned, repacked + world.repacked, deleted));
        Ok(())
    });
    run.unwrap();
    let (condemned, repacked, deleted) = totals.get();
    let is_wild = condemned > 20 && repacked > 3 && deleted > 20;
    assert!(is_wild, "{condemned} condemned, {repacked} repacked, {deleted} deleted: too tame");
}
