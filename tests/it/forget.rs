//! Forgetting: who may, what it hides, what is undone, and what others do meanwhile.

use icecore::forget::{self, Asked, ForgetError, Named, forget, protect, unforget, unprotect};
use icecore::ledger::AppendError;
use icecore::retention::{Count, GroupBy, Policy};
use icecore::{Monitor, Repository, snapshots};
use icecore_format::ledger::body::Release;
use icecore_format::pack::{FOOTER_BYTES, HEADER_BYTES, directory_bytes};
use icecore_format::{Role, SnapshotId};
use icecore_store::testing::{Effect, FaultyStore, Matcher, RecordingStore};
use icecore_store::{MemoryStore, Operation, Store};
use icecore_tests::entry::append_entry;
use icecore_tests::random::SeededRandom;
use icecore_tests::{Host, assert_clean, lines};
use std::sync::Arc;

/// Snapshots of a source a day apart, each with a hundred events more.
async fn backed_up(host: &Host, repository: &Repository, days: u64) -> Vec<SnapshotId> {
    let mut ids = Vec::new();
    for day in 1..=days {
        host.clock.advance_seconds(86_400);
        let report = host.back_up(repository, lines(0..100 * day)).await.unwrap();
        ids.push(report.snapshot.id);
    }
    ids
}

fn last(count: u32) -> Asked {
    Asked::ByPolicy(Box::new(Policy { last: Some(Count::Of(count)), ..Policy::default() }))
}

fn named(ids: &[SnapshotId]) -> Asked {
    Asked::ByName(Named { snapshots: ids.iter().copied().collect(), ..Named::default() })
}

async fn live(repository: &Repository) -> Vec<SnapshotId> {
    snapshots::live(&repository.state().await).iter().map(|found| found.snapshot.id).collect()
}

async fn apply(repository: &Repository, asked: &Asked) -> Result<Option<u64>, ForgetError> {
    let plan = forget::plan(repository, asked).await?;
    forget(repository, asked, &plan).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_is_hidden_and_shown_again_as_it_was() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let ids = backed_up(&host, &repository, 4).await;
    let entry = apply(&repository, &last(2)).await.unwrap();
    assert_eq!(entry, Some(4));
    assert_eq!(live(&repository).await, ids[2..]);
    // There is nothing more to do, so nothing is written.
    assert_eq!(apply(&repository, &last(2)).await.unwrap(), None);
    assert_clean(&host.check(&repository).await);

    unforget(&repository, &ids[..1]).await.unwrap();
    assert_eq!(live(&repository).await, [ids[0], ids[2], ids[3]]);
    let restored = host.restore(&repository, &ids[0].to_string()).await.unwrap();
    assert!(restored == lines(0..100).into_bytes());
    let again = unforget(&repository, &ids[..1]).await;
    assert!(matches!(again, Err(ForgetError::State { is: "is not forgotten", .. })), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_stays_so() {
    let host = Host::new();
    let (store, repository) = host.init_small().await;
    let ids = backed_up(&host, &repository, 2).await;
    apply(&repository, &named(&ids[..1])).await.unwrap();
    let release = Release { snapshots: ids[..1].to_vec() };
    append_entry(&repository, &store, &SeededRandom::new(9), release.into()).await;
    repository.refresh().await.unwrap();
    let refused = unforget(&repository, &ids[..1]).await.unwrap_err();
    assert!(refused.to_string().ends_with("was released, which is final"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_can_and_all_others_are_told_before_anything_is_written() {
    let host = Host::new();
    let (memory, founder) = host.init_small().await;
    let ids = backed_up(&host, &founder, 3).await;
    apply(&founder, &named(&ids[..1])).await.unwrap();
    for (role, password) in [(Role::Writer, b"a writer"), (Role::Reader, b"a reader")] {
        host.add_key(&memory, &founder, role, password).await;
        let recording = RecordingStore::new(Arc::new(memory.clone()));
        let environment = host.environment_without_local_state();
        let repository = Repository::open(recording.clone(), environment, password).await.unwrap();
        recording.reset();
        let outcomes = [
            apply(&repository, &last(1)).await.map(drop),
            apply(&repository, &named(&ids[1..2])).await.map(drop),
            unforget(&repository, &ids[..1]).await.map(drop),
            protect(&repository, &ids[1..2]).await.map(drop),
            unprotect(&repository, &ids[1..2]).await.map(drop),
        ];
        for outcome in outcomes {
            let Err(error) = outcome else { panic!("{role:?} may") };
            assert!(matches!(error, ForgetError::NotAllowed { .. }), "{error}");
        }
        assert_eq!(recording.total(), 0, "{:#?}", recording.requests());
    }
}

/// restic #3195 asks for snapshots that no rule removes.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_protects_what_it_has_backed_up_and_an_admin_takes_that_back() {
    let host = Host::new();
    let (memory, founder) = host.init_small().await;
    host.add_writer(&memory, &founder).await;
    let writer = host.open_as_writer(Arc::new(memory.clone())).await;
    let ids = backed_up(&host, &writer, 3).await;
    protect(&writer, &ids[..1]).await.unwrap();
    founder.refresh().await.unwrap();
    apply(&founder, &last(1)).await.unwrap();
    assert_eq!(live(&founder).await, [ids[0], ids[2]]);
    let refused = apply(&founder, &named(&ids[..1])).await.unwrap_err();
    assert!(refused.to_string().ends_with("is protected"), "{refused}");
    unprotect(&founder, &ids[..1]).await.unwrap();
    apply(&founder, &last(1)).await.unwrap();
    assert_eq!(live(&founder).await, ids[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_forgotten_that_the_policy_keeps_when_it_is_applied() {
    let host = Host::new();
    let (memory, repository) = host.init_small().await;
    let other = host.stranger(1).open(Arc::new(memory.clone())).await.unwrap();
    let ids = backed_up(&host, &repository, 3).await;
    let plan = forget::plan(&repository, &last(1)).await.unwrap();
    assert_eq!(plan.removed(), ids[..2]);
    // Somebody else forgets the one for which the others were to go.
    other.refresh().await.unwrap();
    apply(&other, &named(&ids[2..])).await.unwrap();
    let refused = forget(&repository, &last(1), &plan).await;
    assert!(matches!(refused, Err(ForgetError::Changed { snapshot }) if snapshot == ids[1]));
    assert_eq!(live(&repository).await, ids[..2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_admin_forgets_by_the_same_policy_is_forgotten_once() {
    let host = Host::new();
    let (memory, repository) = host.init_small().await;
    let other = host.stranger(1).open(Arc::new(memory.clone())).await.unwrap();
    let ids = backed_up(&host, &repository, 3).await;
    let plan = forget::plan(&repository, &last(1)).await.unwrap();
    other.refresh().await.unwrap();
    apply(&other, &named(&ids[..1])).await.unwrap();
    // What is left of the plan.
    assert_eq!(forget(&repository, &last(1), &plan).await.unwrap(), Some(4));
    assert_eq!(live(&repository).await, ids[2..]);
    // And nothing is.
    assert_eq!(forget(&repository, &last(1), &plan).await.unwrap(), None);
    assert_eq!(unforget(&repository, &[]).await.unwrap(), None);
    assert_eq!(repository.log().await.unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_protects_meanwhile_is_not_forgotten() {
    let host = Host::new();
    let (memory, repository) = host.init_small().await;
    let other = host.stranger(1).open(Arc::new(memory.clone())).await.unwrap();
    let ids = backed_up(&host, &repository, 3).await;
    let plan = forget::plan(&repository, &last(1)).await.unwrap();
    other.refresh().await.unwrap();
    protect(&other, &ids[..1]).await.unwrap();
    let refused = forget(&repository, &last(1), &plan).await;
    assert!(matches!(refused, Err(ForgetError::Changed { snapshot }) if snapshot == ids[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_comes_between_hinders_nothing() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let ids = backed_up(&host, &repository, 3).await;
    let plan = forget::plan(&repository, &last(1)).await.unwrap();
    let newer = backed_up(&host, &repository, 1).await;
    forget(&repository, &last(1), &plan).await.unwrap();
    // As it was told: what was the newest then is still there.
    assert_eq!(live(&repository).await, [ids[2], newer[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_got_lost_forgets_once() {
    let host = Host::new();
    let memory = MemoryStore::new();
    host.init(Arc::new(memory.clone())).await;
    let faulty = FaultyStore::new(Arc::new(memory.clone()));
    let repository = host.open(faulty.clone()).await.unwrap();
    let ids = backed_up(&host, &repository, 2).await;
    let ledger = Matcher::first(Operation::PutNew, "ledger/");
    faulty.add(ledger, Effect::LoseAcknowledgement);
    let entry = apply(&repository, &last(1)).await.unwrap();
    faulty.assert_all_exercised();
    assert_eq!(entry, Some(2));
    assert_eq!(live(&repository).await, ids[1..]);
    assert_eq!(repository.log().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_there_is_an_alarm_nothing_is_forgotten() {
    let host = Host::new();
    let (memory, repository) = host.init_small().await;
    let ids = backed_up(&host, &repository, 3).await;
    for object in memory.list("").await.unwrap() {
        let newest = "00000000000000000002";
        if object.name.as_str().ends_with(newest) {
            memory.delete(&object.name).await.unwrap();
        }
    }
    let repository = host.open(Arc::new(memory)).await.unwrap();
    let refused = apply(&repository, &named(&ids[..1])).await;
    assert!(matches!(refused, Err(ForgetError::Append(AppendError::Alarm(_)))), "{refused:?}");
}

/// kopia #4894 asks for a time of its own until which each snapshot stays.
#[tokio::test(flavor = "multi_thread")]
async fn by_name_nothing_goes_that_is_retained_or_the_last_unless_it_is_meant() {
    let host = Host::new();
    let (_, repository) = host.init_small().await;
    let mut options = host.backup_options();
    options.name = Some("kept".to_owned());
    options.retain_until = Some(icecore_format::Timestamp(i64::MAX));
    let path = host.write("kept", lines(0..10));
    let source = icecore_tests::ndjson_source(&path);
    let monitor = Monitor::default();
    let kept = icecore::backup::backup(&repository, &source, &options, &monitor).await.unwrap();
    let ids = [kept.snapshot.id];
    let refused = apply(&repository, &named(&ids)).await;
    assert!(matches!(refused, Err(ForgetError::Retained { .. })), "{refused:?}");
    let mut meant = Named { snapshots: ids.into(), despite_retention: true, ..Named::default() };
    let refused = apply(&repository, &Asked::ByName(meant.clone())).await;
    assert!(matches!(refused, Err(ForgetError::RemovesAll { .. })), "{refused:?}");
    meant.may_remove_all = true;
    apply(&repository, &Asked::ByName(meant)).await.unwrap();
    assert_eq!(live(&repository).await, []);
}

/// A stolen writer's key claims the names of others' sources and hosts. It pushes out nothing of theirs,
/// unless somebody asks for keys not to be told apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_key_pushes_out_no_snapshot_of_another_key() {
    let host = Host::new();
    let (memory, founder) = host.init_small().await;
    let ids = backed_up(&host, &founder, 3).await;
    host.add_writer(&memory, &founder).await;
    let stolen = host.open_as_writer(Arc::new(memory.clone())).await;
    backed_up(&host, &stolen, 9).await;
    founder.refresh().await.unwrap();
    assert_eq!(forget::plan(&founder, &last(3)).await.unwrap().removed().len(), 6);
    apply(&founder, &last(3)).await.unwrap();
    let left = live(&founder).await;
    assert!(ids.iter().all(|id| left.contains(id)), "a good one is gone");
    let group_by = GroupBy { key: false, ..GroupBy::default() };
    let policy = Policy { last: Some(Count::Of(3)), group_by, ..Policy::default() };
    let plan = forget::plan(&founder, &Asked::ByPolicy(Box::new(policy))).await.unwrap();
    assert_eq!(plan.removed(), ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_that_are_freed_are_those_that_nothing_else_needs() {
    let host = Host::new();
    let (memory, repository) = host.init_small().await;
    let first = host.back_up_as(&repository, "one", lines(0..5_000)).await.unwrap().snapshot;
    let same = host.back_up_as(&repository, "two", lines(0..5_000)).await.unwrap().snapshot;
    let freed = async |ids: &[SnapshotId]| {
        forget::freed_bytes(&repository, ids, &Monitor::default()).await.unwrap()
    };
    // What another snapshot needs is not freed.
    assert_eq!((freed(&[first.id]).await, freed(&[same.id]).await), (0, 0));
    // Together they free all of both: every block of every pack.
    let mut blocks = 0;
    for pack in memory.list("packs/").await.unwrap() {
        let content = memory.content(&pack.name).unwrap();
        let footer = &content[content.len() - FOOTER_BYTES..];
        let framing = directory_bytes(footer, pack.bytes).unwrap() as usize;
        blocks += content.len() - HEADER_BYTES - FOOTER_BYTES - framing;
    }
    let both = freed(&[first.id, same.id]).await;
    assert_eq!(both, blocks as u64);
    // What is forgotten and not released needs it still.
    apply(
        &repository,
        &Asked::ByName(Named {
            snapshots: [same.id].into(),
            may_remove_all: true,
            ..Named::default()
        }),
    )
    .await
    .unwrap();
    assert_eq!(freed(&[first.id]).await, 0);
    append_entry(
        &repository,
        &memory,
        &SeededRandom::new(9),
        Release { snapshots: vec![same.id] }.into(),
    )
    .await;
    repository.refresh().await.unwrap();
    assert_eq!(freed(&[first.id]).await, both);
    assert_eq!(freed(&[]).await, 0);
}
