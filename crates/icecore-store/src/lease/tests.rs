//! Leases on a storage that is slow, loses answers and takes every put, in simulated time.

mod storage;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use self::storage::{Careless, Troubles};
use super::*;
use crate::{MemoryStore, RetryingStore, SingleWriterStore};

const TIMES: LeaseTimes = LeaseTimes {
    renewal: Duration::from_secs(15),
    validity: Duration::from_mins(1),
    expiry: Duration::from_secs(90),
};

/// A clock that is `rate` times as fast as the time that passes.
fn clock(rate: f64) -> LeaseClock {
    let began = Instant::now();
    LeaseClock::new(move || began.elapsed().mul_f64(rate))
}

fn holder(host: &str) -> LeaseHolder {
    LeaseHolder { host: host.to_owned(), ..LeaseHolder::default() }
}

fn lease(store: Arc<dyn Store>, host: &str) -> Lease {
    Lease::new(store, holder(host), TIMES, clock(1.0))
}

async fn acquire(lease: &Lease) -> Result<(), LeaseError> {
    lease.acquire(|_| {}).await
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_acquired_renewed_and_given_back_without_a_trace() {
    let storage = Arc::new(MemoryStore::new());
    let lease = lease(storage.clone(), "a");
    assert_eq!(lease.check(), Err(LeaseLost));
    acquire(&lease).await.unwrap();
    for _ in 0..20 {
        lease.check().unwrap();
        assert!(storage.names().len() <= 2, "{:?}", storage.names());
        sleep(TIMES.renewal).await;
    }
    lease.release().await;
    assert_eq!(lease.check(), Err(LeaseLost));
    sleep(TIMES.expiry).await;
    assert!(storage.names().is_empty(), "{:?}", storage.names());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_lives_is_told_and_one_that_ends_is_followed() {
    let storage: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (first, second) = (lease(storage.clone(), "first"), lease(storage, "second"));
    acquire(&first).await.unwrap();
    let told = Mutex::new(Vec::new());
    let refused = second.acquire(|news| told.lock().unwrap().push(news.clone())).await;
    let Err(LeaseError::Held { holder, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(holder.host, "first");
    let news = LeaseNews { holder, at_most: TIMES.expiry };
    assert_eq!(told.into_inner().unwrap(), [news]);
    first.check().unwrap();

    let waiting = tokio::spawn(async move {
        acquire(&second).await.unwrap();
        second
    });
    sleep(TIMES.renewal / 10).await;
    first.release().await;
    waiting.await.unwrap().check().unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_was_killed_is_waited_out_and_cleared_away() {
    let storage = Arc::new(MemoryStore::new());
    let killed = lease(storage.clone(), "killed");
    acquire(&killed).await.unwrap();
    sleep(TIMES.renewal * 3).await;
    drop(killed);
    let began = Instant::now();
    let next = lease(storage.clone(), "next");
    acquire(&next).await.unwrap();
    assert!(began.elapsed() >= TIMES.expiry, "{:?}", began.elapsed());
    assert!(began.elapsed() < TIMES.expiry + TIMES.renewal, "{:?}", began.elapsed());
    assert_eq!(storage.names().len(), 1, "{:?}", storage.names());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_cannot_renew_stops_before_others_take_over() {
    let storage = Arc::new(MemoryStore::new());
    let careless = Careless::new(storage.clone(), Troubles::default());
    let cut_off = lease(careless.clone(), "cut off");
    acquire(&cut_off).await.unwrap();
    let store = SingleWriterStore::new(careless.clone(), cut_off.clone());
    careless.cut_off();
    let other = lease(storage, "other");
    let since = Instant::now();
    let told = cut_off.clone();
    let losing = tokio::spawn(async move { told.lost().await });
    acquire(&other).await.unwrap();
    assert!(since.elapsed() >= TIMES.expiry);
    assert_eq!(cut_off.check(), Err(LeaseLost));
    assert!(losing.is_finished());
    careless.connect();
    let error = store.put_new(&"a".parse().unwrap(), vec![1].into()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permanent);
    assert!(!error.outcome_unknown());
    let error = store.delete(&"a".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Permanent);
    // It does not come back to life.
    sleep(TIMES.expiry).await;
    assert_eq!(cut_off.check(), Err(LeaseLost));
    other.check().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_put_that_may_still_land_keeps_the_lease_until_it_runs_out() {
    let storage = Arc::new(MemoryStore::new());
    let careless = Careless::new(storage.clone(), Troubles::default());
    let first = lease(storage.clone(), "first");
    acquire(&first).await.unwrap();
    let store = SingleWriterStore::new(careless.clone(), first.clone());
    careless.cut_off();
    let name: ObjectName = "ledger/1".parse().unwrap();
    // The look fails, and nothing was put; then the put itself has no answer.
    store.put_new(&name, vec![1].into()).await.unwrap_err();
    careless.connect();
    careless.land_late(Duration::from_secs(20));
    let error = store.put_new(&name, vec![1].into()).await.unwrap_err();
    assert!(error.outcome_unknown());
    first.release().await;
    let began = Instant::now();
    acquire(&lease(storage.clone(), "second")).await.unwrap();
    assert!(began.elapsed() >= TIMES.expiry, "{:?}", began.elapsed());
    assert!(storage.content(&name).is_some(), "it landed before anybody else wrote");
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_deleted_a_lease_is_marked_as_given_back() {
    let storage = Arc::new(MemoryStore::new());
    let careless = Careless::new(storage, Troubles { denies_deletes: true, ..Troubles::default() });
    for _ in 0..3 {
        let lease = lease(careless.clone(), "a");
        let began = Instant::now();
        acquire(&lease).await.unwrap();
        assert!(began.elapsed() < TIMES.renewal, "{:?}", began.elapsed());
        sleep(TIMES.renewal * 3).await;
        lease.check().unwrap();
        lease.release().await;
    }
}

/// What writers were told that is there.
#[derive(Debug, Default)]
struct Acknowledged(Mutex<Vec<(ObjectName, Vec<u8>)>>);

/// One of several that all write to a storage: acquires, appends to a list as a ledger is appended to,
/// and then ends, crashes or is cut off.
async fn write_again_and_again(
    storage: Arc<MemoryStore>,
    acknowledged: Arc<Acknowledged>,
    leases: Arc<Mutex<Vec<Lease>>>,
    mut random: impl FnMut(u64) -> u64,
    host: u64,
) -> u64 {
    let mut appended = 0;
    let rate = 0.95 + random(100) as f64 / 1000.0;
    for run in 0..6 {
        // Now and then longer than a lease lasts.
        let milliseconds = if random(3) == 0 { random(60_000) } else { random(4000) };
        let troubles = Troubles {
            latency_max: Duration::from_millis(1 + milliseconds),
            failures_of_100: random(15),
            late_max: Duration::from_secs(random(20)),
            denies_deletes: false,
        };
        let careless = Careless::new(storage.clone(), troubles);
        let patient: Arc<dyn Store> = Arc::new(RetryingStore::new(careless.clone()));
        let lease = Lease::new(patient, holder(&host.to_string()), TIMES, clock(rate));
        leases.lock().unwrap().push(lease.clone());
        if acquire(&lease).await.is_err() {
            lease.release().await;
            sleep(Duration::from_secs(random(60))).await;
            continue;
        }
        let guarded = SingleWriterStore::new(careless.clone(), lease.clone());
        let store = RetryingStore::new(Arc::new(guarded));
        let puts = random(12);
        for put in 0..puts {
            if random(20) == 0 {
                careless.cut_off();
            }
            let content = format!("{host} {run} {put}").into_bytes();
            for number in 0.. {
                let name: ObjectName = format!("ledger/{number}").parse().unwrap();
                match store.put_new(&name, content.clone().into()).await {
                    Ok(()) => {
                        acknowledged.0.lock().unwrap().push((name, content));
                        appended += 1;
                        break;
                    }
                    Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {}
                    Err(_) => break,
                }
            }
            sleep(Duration::from_millis(random(20_000))).await;
        }
        let crashes = random(3) == 0;
        leases.lock().unwrap().retain(|other| !Arc::ptr_eq(&other.0, &lease.0));
        if !crashes {
            lease.release().await;
        }
    }
    appended
}

#[tokio::test(start_paused = true)]
async fn two_never_write_at_once_and_nothing_acknowledged_is_written_over() {
    let mut appended = 0;
    for seed in 0..60_u8 {
        let storage = Arc::new(MemoryStore::new());
        let acknowledged = Arc::new(Acknowledged::default());
        let leases: Arc<Mutex<Vec<Lease>>> = Arc::default();
        let watched = leases.clone();
        let watching = tokio::spawn(async move {
            loop {
                let holders =
                    watched.lock().unwrap().iter().filter(|it| it.check().is_ok()).count();
                assert!(holders <= 1, "{holders} hold the lease");
                sleep(Duration::from_millis(40)).await;
            }
        });
        let writers: Vec<_> = (0..3_u8)
            .map(|host| {
                let mut state = (u64::from(seed) * 3 + u64::from(host) + 1) << 32;
                let random = move |below: u64| {
                    state = storage::next_random(state);
                    (state >> 20) % below.max(1)
                };
                let (storage, acknowledged) = (storage.clone(), acknowledged.clone());
                let writer = write_again_and_again(
                    storage,
                    acknowledged,
                    leases.clone(),
                    random,
                    host.into(),
                );
                tokio::spawn(writer)
            })
            .collect();
        for writer in writers {
            appended += writer.await.unwrap();
        }
        assert!(!watching.is_finished(), "{:?}", watching.await);
        watching.abort();
        for (name, content) in acknowledged.0.lock().unwrap().iter() {
            assert_eq!(storage.content(name).unwrap(), content[..], "seed {seed}: {name}");
        }
    }
    assert!(appended > 500, "hardly anything was written: {appended}");
}
