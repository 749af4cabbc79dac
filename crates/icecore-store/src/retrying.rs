//! A store that asks again where another may only have failed for the moment.
//!
//! A put that is repeated can meet its own first try, and is then told that the name is taken. That
//! is passed on: whoever puts reads what is there, and compares. One whose first try may have landed is
//! open whatever a later try is told. A storage that answers nothing at
//! all is given up for all requests together, so that a backup ends some minutes after its network.
//!
//! Specified in docs/object-storage.md, "What is asked again".

use std::future::Future;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, sleep};

use crate::{Content, ObjectInfo, ObjectName, Store, StoreError, StoreErrorKind};

/// For how long a storage is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Times that a request is made before its failure counts.
    pub tries_max: u32,
    /// The same before the first answer of all: an address that is wrong is then more likely than a
    /// storage that failed for the moment, and somebody may be waiting.
    pub first_tries_max: u32,
    /// The first pause; each is twice the one before.
    pub pause_min: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How long a storage may answer nothing before every request is made only once.
    pub outage_max: Duration,
}

impl Default for Patience {
    /// With the pauses between its tries a request takes half a minute. Services and routers take less
    /// than the two minutes of an outage to start anew.
    fn default() -> Self {
        Self {
            tries_max: 8,
            first_tries_max: 5,
            pause_min: Duration::from_millis(200),
            pause_max: Duration::from_secs(20),
            outage_max: Duration::from_mins(2),
        }
    }
}

/// Passes everything on to another store, and repeats what failed for the moment.
#[derive(Debug)]
pub struct RetryingStore {
    inner: Arc<dyn Store>,
    patience: Patience,
    /// When the first request failed since one was answered.
    silent_since: Mutex<Option<Instant>>,
    was_answered: AtomicBool,
}

impl RetryingStore {
    /// A store that repeats the requests of `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self::with_patience(inner, Patience::default())
    }

    /// The same for so long.
    pub fn with_patience(inner: Arc<dyn Store>, patience: Patience) -> Self {
        let was_answered = AtomicBool::new(false);
        Self { inner, patience, silent_since: Mutex::default(), was_answered }
    }

    /// Makes a request until it is answered, or until it is enough; also tells whether any try but
    /// the last may have had an effect.
    async fn until_answered<T, F>(
        &self,
        mut request: impl FnMut() -> F,
    ) -> (Result<T, StoreError>, bool)
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut tries = 0;
        loop {
            let result = request().await;
            tries += 1;
            let is_answered =
                !matches!(&result, Err(error) if error.kind() == StoreErrorKind::Transient);
            if is_answered {
                *self.silent_since() = None;
                self.was_answered.store(true, Relaxed);
                return (result, tries > 1);
            }
            let since = *self.silent_since().get_or_insert_with(Instant::now);
            let Patience { tries_max, first_tries_max, outage_max, .. } = self.patience;
            let was_answered = self.was_answered.load(Relaxed);
            let tries_max = if was_answered { tries_max } else { first_tries_max };
            if tries >= tries_max || since.elapsed() >= outage_max {
                return (result, tries > 1);
            }
            sleep(self.patience.pause(tries)).await;
        }
    }

    fn silent_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.silent_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Patience {
    /// How long is waited after so many tries: by chance, so that those who failed together do not
    /// all come back together.
    fn pause(&self, tries: u32) -> Duration {
        let doubled = self.pause_min.saturating_mul(1 << tries.min(16).saturating_sub(1));
        let longest = doubled.min(self.pause_max);
        let mut chance = [0];
        // Without randomness there is no chance in it, which is no reason to fail.
        let _is_random = getrandom::fill(&mut chance);
        longest.mul_f64(0.5 + f64::from(chance[0]) / 512.0)
    }
}

#[async_trait]
impl Store for RetryingStore {
    async fn put_new(&self, name: &ObjectName, content: Content) -> Result<(), StoreError> {
        match self.until_answered(|| self.inner.put_new(name, content.clone())).await {
            // A refusal, which says nothing of the tries before.
            (Err(error), true)
                if error.kind() != StoreErrorKind::AlreadyExists && !error.outcome_unknown() =>
            {
                let (kind, operation) = (StoreErrorKind::Transient, error.operation());
                let open = StoreError::of_object(kind, operation, name, error.place());
                Err(open.with_source(error))
            }
            (result, _) => result,
        }
    }

    async fn get(&self, name: &ObjectName, bytes_max: u64) -> Result<Bytes, StoreError> {
        self.until_answered(|| self.inner.get(name, bytes_max)).await.0
    }

    async fn get_range(&self, name: &ObjectName, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.until_answered(|| self.inner.get_range(name, range.clone())).await.0
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, StoreError> {
        self.until_answered(|| self.inner.list(prefix)).await.0
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        match self.until_answered(|| self.inner.delete(name)).await {
            // It was there, for all that is known: a try before has deleted it.
            (Err(error), true) if error.kind() == StoreErrorKind::NotFound => Ok(()),
            (result, _) => result,
        }
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Effect, FaultyStore, Matcher, RecordingStore, conformance};
    use crate::{MemoryStore, Operation};

    fn name() -> ObjectName {
        "a".parse().unwrap()
    }

    /// A store in memory with faults, what it is asked, and one that repeats before both.
    fn stack() -> (Arc<FaultyStore>, Arc<RecordingStore>, RetryingStore) {
        let faulty = FaultyStore::new(Arc::new(MemoryStore::new()));
        let recording = RecordingStore::new(faulty.clone());
        let retrying = RetryingStore::new(recording.clone());
        (faulty, recording, retrying)
    }

    fn fail(faulty: &FaultyStore, operation: Operation, times: usize) {
        for _ in 0..times {
            let effect = Effect::Fail(StoreErrorKind::Transient);
            faulty.add(Matcher::first(operation, ""), effect);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_without_failures_conforms() {
        conformance::assert_conforms(&stack().2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_is_made_again_until_it_is_answered() {
        let (faulty, recording, store) = stack();
        for operation in [
            Operation::PutNew,
            Operation::Get,
            Operation::GetRange,
            Operation::List,
            Operation::Delete,
        ] {
            fail(&faulty, operation, 3);
        }
        store.put_new(&name(), vec![1, 2].into()).await.unwrap();
        assert_eq!(store.get(&name(), 10).await.unwrap(), vec![1, 2]);
        assert_eq!(store.get_range(&name(), 1..2).await.unwrap(), vec![2]);
        assert_eq!(store.list("").await.unwrap().len(), 1);
        store.delete(&name()).await.unwrap();
        faulty.assert_all_exercised();
        assert_eq!(recording.total(), 5 * 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_asked_again() {
        let (faulty, recording, store) = stack();
        for kind in [StoreErrorKind::Denied, StoreErrorKind::NoSpace, StoreErrorKind::Permanent] {
            recording.reset();
            faulty.add(Matcher::first(Operation::PutNew, ""), Effect::Fail(kind));
            let error = store.put_new(&name(), vec![1].into()).await.unwrap_err();
            assert_eq!((error.kind(), recording.total()), (kind, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_works_ends_with_its_outcome_unknown() {
        let (faulty, recording, store) = stack();
        fail(&faulty, Operation::PutNew, 100);
        let Patience { tries_max, first_tries_max, .. } = Patience::default();
        for tries in [first_tries_max, tries_max] {
            recording.reset();
            let error = store.put_new(&name(), vec![1].into()).await.unwrap_err();
            assert!(error.outcome_unknown());
            assert_eq!(recording.total(), tries as usize);
            // From here on the storage is known to answer.
            store.get(&name(), 1).await.unwrap_err();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_put_that_meets_its_own_first_try_is_told_that_the_name_is_taken() {
        let (faulty, _, store) = stack();
        faulty.add(Matcher::first(Operation::PutNew, ""), Effect::LoseAcknowledgement);
        let error = store.put_new(&name(), vec![1].into()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::AlreadyExists);
    }

    #[tokio::test(start_paused = true)]
    async fn a_put_that_is_refused_after_a_try_that_may_have_landed_stays_open() {
        let (faulty, recording, store) = stack();
        faulty.add(Matcher::first(Operation::PutNew, ""), Effect::LoseAcknowledgement);
        faulty.add(Matcher::first(Operation::PutNew, ""), Effect::Fail(StoreErrorKind::Denied));
        let error = store.put_new(&name(), vec![1].into()).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error:?}");
        assert_eq!(recording.total(), 2);
        assert_eq!(store.get(&name(), 1).await.unwrap(), vec![1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delete_that_meets_its_own_first_try_is_done() {
        let (faulty, _, store) = stack();
        store.put_new(&name(), vec![1].into()).await.unwrap();
        faulty.add(Matcher::first(Operation::Delete, ""), Effect::LoseAcknowledgement);
        store.delete(&name()).await.unwrap();
        let error = store.delete(&name()).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn a_storage_that_stays_silent_is_given_up_for_all_requests() {
        let (faulty, recording, store) = stack();
        let Patience { tries_max, pause_max, outage_max, .. } = Patience::default();
        fail(&faulty, Operation::List, 100);
        store.get(&name(), 1).await.unwrap_err();
        let began = Instant::now();
        for _ in 0..10 {
            store.list("").await.unwrap_err();
        }
        assert!(began.elapsed() < outage_max + pause_max, "{:?}", began.elapsed());
        recording.reset();
        store.list("").await.unwrap_err();
        assert_eq!(recording.total(), 1);

        // One answer, and there is patience again.
        store.get(&name(), 1).await.unwrap_err();
        recording.reset();
        store.list("").await.unwrap_err();
        assert_eq!(recording.total(), tries_max as usize);
    }

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let patience = Patience::default();
        for tries in 1..=patience.tries_max {
            let longest = patience.pause_min * 2_u32.pow(tries - 1);
            let longest = longest.min(patience.pause_max);
            let pause = patience.pause(tries);
            assert!(pause >= longest / 2 && pause <= longest, "{tries}: {pause:?}");
        }
    }
}
