//! A clock that moves when a test says so, and no other way.

use icecore::environment::Clock;
use icecore_format::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const NANOSECONDS: i64 = 1_000_000_000;

/// A clock that only moves when a test moves it, or by a fixed step each time it is read.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    step: AtomicI64,
    passed: AtomicI64,
}

impl Default for ManualClock {
    fn default() -> Self {
        // 2026-11-21T00:00:00Z
        let now = AtomicI64::new(1_795_219_200 * NANOSECONDS);
        Self { now, step: AtomicI64::new(0), passed: AtomicI64::new(0) }
    }
}

impl ManualClock {
    /// Moves the clock, as time passes.
    pub fn advance_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * NANOSECONDS, Ordering::Relaxed);
        self.passed.fetch_add(seconds * NANOSECONDS, Ordering::Relaxed);
    }

    /// Sets the clock forward or back: no time passes.
    pub fn jump_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * NANOSECONDS, Ordering::Relaxed);
    }

    /// From here on the clock moves by `seconds` each time it is read. A session reads it once per
    /// new chunk and makes everything durable once a minute, so 60 gives each chunk a pack and an
    /// index run of its own.
    pub fn step_seconds(&self, seconds: i64) {
        self.step.store(seconds * NANOSECONDS, Ordering::Relaxed);
    }
}

impl Clone for ManualClock {
    fn clone(&self) -> Self {
        let copy = |value: &AtomicI64| AtomicI64::new(value.load(Ordering::Relaxed));
        Self { now: copy(&self.now), step: copy(&self.step), passed: copy(&self.passed) }
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.fetch_add(self.step.load(Ordering::Relaxed), Ordering::Relaxed))
    }

    fn passed(&self) -> Duration {
        Duration::from_nanos(self.passed.load(Ordering::Relaxed).unsigned_abs())
    }
}
