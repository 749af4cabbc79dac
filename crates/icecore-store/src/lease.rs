//! Leases: that one process at a time writes to a storage that keeps no two writers apart.
//!
//! Whoever wants to write puts an object of its own and then lists what there is: of two that do so at
//! once, whoever lists later sees the other, so never do both go on. Who holds the lease renews it by new
//! objects, and stops writing by its own clock where it could not. Others take it for dead only when
//! they saw it unchanged for longer than it may write. No two machines' clocks are compared.
//!
//! That needs a storage whose listings show what was acknowledged, and it guards against processes
//! that crash or are cut off, not against puts that land long after nobody waits for them.
//!
//! Specified in docs/object-storage.md, "A single writer".

mod clock;
mod contention;
mod record;
mod renewal;
#[cfg(test)]
mod tests;

pub use clock::{LeaseClock, time_since_boot};
pub use record::LeaseHolder;

use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use self::record::LeaseName;
use crate::{Content, ObjectName, Store, StoreError, StoreErrorKind};

/// How long a lease lasts. Each of the times is to be longer than the one before by enough for clocks
/// that are not equally fast, and for a put that was on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// How long after one renewal the next begins.
    pub renewal: Duration,
    /// How long after a renewal began its holder writes.
    pub validity: Duration,
    /// How long a holder has to be seen unchanged before others take it for dead.
    pub expiry: Duration,
}

impl Default for LeaseTimes {
    /// Four renewals may fail before a holder stops, and whoever takes over waits half as long again.
    fn default() -> Self {
        Self {
            renewal: Duration::from_secs(15),
            validity: Duration::from_mins(1),
            expiry: Duration::from_secs(90),
        }
    }
}

/// A lease was not acquired.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Another process holds it, and lives.
    #[error("{holder} writes to {place} as its single writer")]
    Held {
        /// Where.
        place: String,
        /// Who.
        holder: LeaseHolder,
    },
    /// The storage failed.
    #[error("cannot find out whether another process writes")]
    Store(#[from] StoreError),
}

/// The lease could not be renewed in time, so another process may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process is not the single writer any more: its lease could not be renewed in time")]
pub struct LeaseLost;

/// What a process that waits for a lease can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseNews {
    /// Who has it, as far as is known.
    pub holder: LeaseHolder,
    /// How long it may take to know whether the holder lives.
    pub at_most: Duration,
}

/// The right to write; clones share it. Dropped without [`Lease::release`], it runs out.
#[derive(Clone, Debug)]
pub struct Lease(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Arc<dyn Store>,
    holder: LeaseHolder,
    times: LeaseTimes,
    clock: LeaseClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when writing is allowed; before it is acquired and after it was released, never.
    valid_until: Option<Duration>,
    /// Objects of the lease that may be there, oldest first.
    own: Vec<LeaseName>,
    /// Owners that this process was, or tried to be.
    owners: HashSet<u128>,
    /// Objects whose put has no outcome yet, or none that is known.
    open_puts: HashSet<ObjectName>,
}

impl Lease {
    /// A lease that is not acquired. `store` is asked again by itself where it failed for the moment.
    pub fn new(
        store: Arc<dyn Store>,
        holder: LeaseHolder,
        times: LeaseTimes,
        clock: LeaseClock,
    ) -> Self {
        Self(Arc::new(Shared { store, holder, times, clock, state: Mutex::default() }))
    }

    /// Acquires the lease, and has it renewed from then on. Waits while it cannot know whether another
    /// holder lives, and for other contenders; `tell` hears of the first.
    pub async fn acquire(&self, tell: impl Fn(&LeaseNews)) -> Result<(), LeaseError> {
        let (owner, valid_until) = contention::win(&self.0, tell).await?;
        self.0.state().valid_until = Some(valid_until);
        let renewing = renewal::renew(Arc::downgrade(&self.0), self.0.times, owner);
        let _still_renewed = tokio::spawn(renewing);
        Ok(())
    }

    /// Whether this process may write.
    pub fn check(&self) -> Result<(), LeaseLost> {
        let valid_until = self.0.state().valid_until;
        if valid_until.is_some_and(|until| self.0.now() < until) { Ok(()) } else { Err(LeaseLost) }
    }

    /// Waits until this process may not write any more.
    pub async fn lost(&self) -> LeaseLost {
        while self.check().is_ok() {
            let until = self.0.state().valid_until.unwrap_or_default();
            let left = until.saturating_sub(self.0.now());
            // The time that is waited may stand still while the clock of the lease goes on.
            sleep(left.min(self.0.times.renewal)).await;
        }
        LeaseLost
    }

    /// Does `work` as long as this process may write.
    pub(crate) async fn while_valid<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, LeaseLost> {
        let mut work = pin!(work);
        loop {
            self.check()?;
            let until = self.0.state().valid_until.unwrap_or_default();
            let left = until.saturating_sub(self.0.now());
            if let Ok(done) = timeout(left, work.as_mut()).await {
                return Ok(done);
            }
        }
    }

    /// Notes that a put begins, whose outcome is not known before [`Lease::close_put`]; whether that of an
    /// earlier put of the name is unknown, too.
    pub(crate) fn open_put(&self, name: &ObjectName) -> bool {
        !self.0.state().open_puts.insert(name.clone())
    }

    /// Notes that no put of a name can change anything any more.
    pub(crate) fn close_put(&self, name: &ObjectName) {
        self.0.state().open_puts.remove(name);
    }

    /// Gives the lease back, so that nobody has to wait for its end. Where a put may still land it is
    /// left to run out instead.
    pub async fn release(&self) {
        let has_open_puts = {
            let mut state = self.0.state();
            // What renews it sees that, and ends.
            state.valid_until = None;
            !state.open_puts.is_empty()
        };
        if !has_open_puts {
            self.0.remove_own(0).await;
        }
    }
}

impl Shared {
    fn now(&self) -> Duration {
        (self.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is given back.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object of the lease; says when that began.
    async fn put(&self, name: LeaseName) -> Result<Duration, StoreError> {
        let began = self.now();
        {
            let mut state = self.state();
            state.own.push(name);
            state.owners.insert(name.owner);
        }
        let content = self.holder.record(self.times.expiry).into();
        match self.store.put_new(&name.object_name(), content).await {
            Ok(()) => Ok(began),
            // The name is nobody else's: an earlier try has put it.
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists => Ok(began),
            Err(error) => Err(error),
        }
    }

    /// Removes own objects but the newest `kept`. What cannot be removed is marked as given back, where
    /// nothing is to be kept; else it is tried again later.
    async fn remove_own(&self, kept: usize) {
        let mut own = self.state().own.clone();
        own.truncate(own.len().saturating_sub(kept));
        let mut left = HashSet::new();
        for name in own {
            match self.store.delete(&name.object_name()).await {
                Err(error) if error.kind() != StoreErrorKind::NotFound => {
                    left.insert(name.owner);
                }
                _ => self.state().own.retain(|other| *other != name),
            }
        }
        if kept == 0 {
            for owner in left {
                let end = LeaseName::end(owner);
                // Else it is waited out.
                drop(self.store.put_new(&end.object_name(), Content::default()).await);
            }
        }
    }

    /// Waits for a time that others do not wait for.
    async fn pause(&self, longest: Duration) {
        let mut chance = [0];
        // Without randomness it takes a try more.
        let _is_random = getrandom::fill(&mut chance);
        sleep(longest.mul_f64(0.2 + 0.8 * f64::from(chance[0]) / 256.0)).await;
    }
}
