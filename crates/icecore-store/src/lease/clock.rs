//! What time passes by for a lease.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// What has passed since some moment, for this process alone.
#[derive(Clone)]
pub struct LeaseClock(Arc<dyn Fn() -> Duration + Send + Sync>);

impl LeaseClock {
    /// A clock that neither jumps nor goes back.
    pub fn new(clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }
}

impl Deref for LeaseClock {
    type Target = dyn Fn() -> Duration + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for LeaseClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LeaseClock(..)")
    }
}

/// The clock of this machine that goes on while it sleeps: a lease runs out meanwhile.
pub fn time_since_boot() -> LeaseClock {
    LeaseClock::new(|| {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    })
}
