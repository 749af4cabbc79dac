//! Waiting: in steps, so that who is told to stop does, and longer after each failure.

use crate::environment::Environment;
use crate::monitor::Monitor;
use futures::future::{BoxFuture, Either, select};
use std::time::Duration;

/// How long nobody looks whether to stop.
const STEP: Duration = Duration::from_millis(100);

/// The first pause after a failure, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Waits, unless it is asked to stop.
pub(super) async fn wait(environment: &Environment, monitor: &Monitor, duration: Duration) {
    let mut left = duration;
    while !left.is_zero() && monitor.stop_point().is_ok() {
        let step = left.min(STEP);
        environment.executor.sleep(step).await;
        left -= step;
    }
}

/// What is left of the time that two flushes are apart at least.
#[derive(Default)]
pub(super) struct Rest(Option<BoxFuture<'static, ()>>);

impl Rest {
    /// Begins now.
    pub(super) fn begin(environment: &Environment, duration: Duration) -> Self {
        Self(Some(environment.executor.sleep(duration)))
    }

    /// Waits for its end, unless it is asked to stop.
    pub(super) async fn wait(&mut self, environment: &Environment, monitor: &Monitor) {
        while let Some(left) = &mut self.0
            && monitor.stop_point().is_ok()
        {
            match select(left, environment.executor.sleep(STEP)).await {
                Either::Left(_) => self.0 = None,
                Either::Right(_) => {}
            }
        }
    }
}

/// Pauses between tries, each twice as long as the one before.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    last: Option<Duration>,
}

impl BackOff {
    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let next = self.last.map_or(PAUSE_MIN, |last| (2 * last).min(PAUSE_MAX));
        self.last = Some(next);
        next
    }

    /// Something succeeded.
    pub(super) fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_a_success() {
        let mut back_off = BackOff::default();
        let pauses: Vec<_> = (0..10).map(|_| back_off.next()).collect();
        assert!(pauses.is_sorted());
        assert_eq!((pauses[0], pauses[1], pauses[9]), (PAUSE_MIN, 2 * PAUSE_MIN, PAUSE_MAX));
        back_off.reset();
        assert_eq!(back_off.next(), PAUSE_MIN);
    }
}
