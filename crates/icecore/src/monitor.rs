//! What a running operation is doing, for anyone who wants to look.
//!
//! Operations write here; they never draw, print or wait. Readers poll [`Monitor::view`].
//! One wish travels the other way: please stop.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most problems that are kept with their text; all are counted.
const PROBLEMS_MAX: usize = 100;

/// A cheap handle to a notice board; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Monitor(Arc<State>);

#[derive(Debug, Default)]
struct State {
    counters: [AtomicU64; Counter::ALL.len()],
    stop: AtomicBool,
    tasks: Mutex<Vec<(u64, &'static str)>>,
    next_task: AtomicU64,
    problems: Mutex<Vec<String>>,
    problem_count: AtomicU64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Bytes that the operation expects to go through, in bytes; 0 if unknown.
    BytesExpected,
    /// Bytes read from the source or the repository, in bytes.
    BytesRead,
    /// Bytes added to storage, in bytes.
    BytesStored,
    /// Bytes written to the target, in bytes.
    BytesWritten,
    /// Events gone through.
    Events,
}

impl Counter {
    /// Every counter.
    pub const ALL: [Self; 5] =
        [Self::BytesExpected, Self::BytesRead, Self::BytesStored, Self::BytesWritten, Self::Events];
}

/// The operation was asked to stop, and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped as asked")]
pub struct Stopped;

/// What the notice board says at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// See [`Counter::BytesExpected`].
    pub bytes_expected: u64,
    /// See [`Counter::BytesRead`].
    pub bytes_read: u64,
    /// See [`Counter::BytesStored`].
    pub bytes_stored: u64,
    /// See [`Counter::BytesWritten`].
    pub bytes_written: u64,
    /// See [`Counter::Events`].
    pub events: u64,
    /// What is going on, oldest first.
    pub tasks: Vec<&'static str>,
    /// The first problems.
    pub problems: Vec<String>,
    /// All problems, counted.
    pub problem_count: u64,
}

/// Something that is going on; it ends when this is dropped.
#[derive(Debug)]
pub struct Task {
    monitor: Monitor,
    number: u64,
}

impl Monitor {
    /// Adds to a counter.
    pub fn count(&self, counter: Counter, amount: u64) {
        self.0.counters[counter as usize].fetch_add(amount, Ordering::Relaxed);
    }

    /// Lists a task until the returned value is dropped.
    #[must_use]
    pub fn task(&self, title: &'static str) -> Task {
        let number = self.0.next_task.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.tasks).push((number, title));
        Task { monitor: self.clone(), number }
    }

    /// Notes something that went wrong and did not end the operation.
    pub fn problem(&self, problem: String) {
        self.0.problem_count.fetch_add(1, Ordering::Relaxed);
        let mut problems = lock(&self.0.problems);
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }

    /// Asks the operation to stop at its next stop point.
    pub fn request_stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    /// Ends the operation here if it was asked to stop. Placed only where stopping is safe.
    pub fn stop_point(&self) -> Result<(), Stopped> {
        if self.0.stop.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }

    /// What the board says now.
    pub fn view(&self) -> View {
        let counter = |counter: Counter| self.0.counters[counter as usize].load(Ordering::Relaxed);
        View {
            bytes_expected: counter(Counter::BytesExpected),
            bytes_read: counter(Counter::BytesRead),
            bytes_stored: counter(Counter::BytesStored),
            bytes_written: counter(Counter::BytesWritten),
            events: counter(Counter::Events),
            tasks: lock(&self.0.tasks).iter().map(|(_, title)| *title).collect(),
            problems: lock(&self.0.problems).clone(),
            problem_count: self.0.problem_count.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        lock(&self.monitor.0.tasks).retain(|(number, _)| *number != self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
