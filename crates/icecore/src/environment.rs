//! What the library takes from outside: the time, randomness, threads, and a place for local state.
//!
//! All of it is an argument, so a simulation can run everything on one thread under a seed.

use futures::channel::oneshot;
use futures::future::BoxFuture;
use icecore_format::{Random, Timestamp};
use std::future::Future;
use std::io;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::local::LocalState;

/// Tells the time. Nothing that keeps data safe depends on what it says.
pub trait Clock: Send + Sync {
    /// The time now. It may be set, and then jumps.
    fn now(&self) -> Timestamp;

    /// What has passed since some moment: whatever the time is set to, it neither jumps nor goes back.
    fn passed(&self) -> Duration;
}

/// Runs what is to go on beside the caller.
pub trait Executor: Send + Sync {
    /// Runs a future to its end, in the background.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Runs CPU work on a bounded pool.
    fn compute(&self, job: Box<dyn FnOnce() + Send>);

    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Jobs that the pool runs at once: at least 1.
    fn parallelism(&self) -> usize;
}

/// Everything that the library is given; clones share it.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness fit for keys.
    pub random: Arc<dyn Random>,
    /// Threads.
    pub executor: Arc<dyn Executor>,
    /// What this machine remembers of repositories.
    pub local: LocalState,
}

impl Environment {
    /// This machine: its clock, its randomness, the tokio runtime that this is called from, and a pool of
    /// one thread per core.
    ///
    /// # Errors
    ///
    /// If the threads cannot be started.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn of_this_machine(local: LocalState) -> io::Result<Self> {
        Ok(Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            executor: Arc::new(TokioExecutor::new(0)?),
            local,
        })
    }

    /// Runs `job` on the pool.
    ///
    /// # Panics
    ///
    /// If `job` does, or if the pool is gone.
    pub(crate) fn compute<T, J>(&self, job: J) -> impl Future<Output = T> + Send + use<T, J>
    where
        T: Send + 'static,
        J: FnOnce() -> T + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.executor.compute(Box::new(move || {
            // Whoever asked may be gone: then nobody needs the result.
            drop(sender.send(job()));
        }));
        async { receiver.await.expect("a job on the pool ends without a panic") }
    }

    /// Runs `task` in the background; the returned future is its result.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        self.executor.spawn(Box::pin(async move {
            drop(sender.send(task.await));
        }));
        receiver
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Environment(..)")
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that others are given")]
    fn now(&self) -> Timestamp {
        let since_1970 = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |duration| duration.as_nanos() as i64);
        Timestamp(since_1970)
    }

    fn passed(&self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness");
    }
}

/// Tokio for what waits, and a rayon pool of one thread per core for what computes.
pub struct TokioExecutor {
    runtime: tokio::runtime::Handle,
    pool: rayon::ThreadPool,
}

impl TokioExecutor {
    /// An executor on the runtime that this is called from, with a pool of `threads`; 0 means one
    /// per core.
    ///
    /// # Errors
    ///
    /// If the threads cannot be started.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(threads: usize) -> io::Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("icecore-{index}"))
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { runtime: tokio::runtime::Handle::current(), pool })
    }
}

impl Executor for TokioExecutor {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // The result reaches its owner through a channel.
        drop(self.runtime.spawn(task));
    }

    fn compute(&self, job: Box<dyn FnOnce() + Send>) {
        self.pool.spawn(job);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let _entered = self.runtime.enter();
        Box::pin(tokio::time::sleep(duration))
    }

    fn parallelism(&self) -> usize {
        self.pool.current_num_threads()
    }
}
