//! Counting sequential round trips to storage, exactly: everything runs on one thread, and storage answers
//! when nothing else can go on.

use crate::PASSWORD;
use crate::host::Host;
use futures::future::{BoxFuture, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt as _};
use icecore::Repository;
use icecore::environment::{Environment, Executor};
use icecore::repository::OpenError;
use icecore_store::Store;
use icecore_store::testing::GatedStore;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// A machine far away from its storage.
pub struct FarAway {
    /// Its storage.
    pub store: Arc<GatedStore>,
    /// What the library is given there.
    pub environment: Environment,
    executor: Arc<OneThread>,
}

/// Does CPU work at once, and keeps tasks for whoever runs them.
#[derive(Default)]
struct OneThread(Mutex<Vec<BoxFuture<'static, ()>>>);

impl Executor for OneThread {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        lock(&self.0).push(task);
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        job();
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn parallelism(&self) -> usize {
        2
    }
}

impl FarAway {
    /// The machine `host`, which remembers what it does, with its storage far away.
    pub fn new(host: &Host, store: Arc<dyn Store>) -> Self {
        let executor = Arc::<OneThread>::default();
        let environment = Environment { executor: executor.clone(), ..host.environment() };
        Self { store: GatedStore::new(store), environment, executor }
    }

    /// Opens the repository; also each round trip's requests.
    pub fn open(&self) -> (Repository, Vec<Vec<String>>) {
        let (store, environment) = (self.store.clone(), self.environment.clone());
        let opening = async move { Repository::open(store, environment, PASSWORD).await };
        let (opened, rounds): (Result<_, OpenError>, _) = self.count(opening);
        (opened.expect("it opens"), rounds)
    }

    /// Runs a future to its end; also each round trip's requests.
    ///
    /// # Panics
    ///
    /// If it waits for something else than storage.
    pub fn count<'a, T: 'a>(&self, future: impl Future<Output = T> + 'a) -> (T, Vec<Vec<String>>) {
        let output = Rc::new(RefCell::new(None));
        let slot = output.clone();
        let main: LocalBoxFuture<'a, ()> = Box::pin(async move {
            let ended = future.await;
            *slot.borrow_mut() = Some(ended);
        });
        let mut tasks = FuturesUnordered::from_iter([main]);
        let mut rounds = Vec::new();
        loop {
            self.run_until_stalled(&mut tasks);
            if let Some(output) = output.borrow_mut().take() {
                return (output, rounds);
            }
            let answered = self.store.answer();
            assert!(!answered.is_empty(), "it waits for something that is not storage");
            rounds.push(answered);
        }
    }

    /// Runs tasks, and those that they start, until none can go on.
    fn run_until_stalled(&self, tasks: &mut FuturesUnordered<LocalBoxFuture<'_, ()>>) {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        loop {
            woken.0.store(false, Ordering::Relaxed);
            let polled = tasks.poll_next_unpin(&mut Context::from_waker(&waker));
            let started: Vec<_> = lock(&self.executor.0).drain(..).collect();
            let has_started = !started.is_empty();
            for task in started {
                tasks.push(task);
            }
            let goes_on = matches!(polled, Poll::Ready(Some(())));
            if !goes_on && !has_started && !woken.0.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// Whether a task can go on.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
