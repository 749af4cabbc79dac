//! When a byte last moved: what tells a slow connection from a dead one.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// How long nothing may move. Services answer within seconds, also those that restore an object
/// from something slow say at once that they will not; a router that lost a connection says nothing.
pub(crate) const SILENCE_MAX: Duration = Duration::from_mins(1);

/// No byte moved for so long.
#[derive(Debug, thiserror::Error)]
#[error("no byte came or went for {} seconds", _0.as_secs_f64())]
pub(crate) struct Stalled(Duration);

/// When a byte of one request last moved; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    last: Arc<Mutex<Instant>>,
    silence_max: Duration,
}

impl Progress {
    /// That of a request that begins now, and may be silent for so long.
    pub(crate) fn begin(silence_max: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), silence_max }
    }

    /// A byte moves.
    pub(crate) fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// `work`, unless for too long nothing moves.
    pub(crate) async fn unless_stalled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Stalled> {
        let mut work = pin!(work);
        loop {
            let deadline = self.deadline();
            match timeout_at(deadline, work.as_mut()).await {
                Ok(done) => return Ok(done),
                // Something moved while it was waited for.
                Err(_) if self.deadline() > deadline => {}
                Err(_) => return Err(Stalled(self.silence_max)),
            }
        }
    }

    fn deadline(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) + self.silence_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn what_moves_now_and_then_is_waited_for_however_long_it_takes() {
        let progress = Progress::begin(SILENCE_MAX);
        let slow = async {
            for _ in 0..10 {
                sleep(SILENCE_MAX / 2).await;
                progress.note();
            }
            "done"
        };
        assert_eq!(progress.unless_stalled(slow).await.unwrap(), "done");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_move_is_given_up() {
        let progress = Progress::begin(SILENCE_MAX);
        let dead = sleep(SILENCE_MAX + Duration::from_secs(1));
        assert!(progress.unless_stalled(dead).await.is_err());
    }
}
