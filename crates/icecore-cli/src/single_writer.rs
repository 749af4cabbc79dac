//! `--single-writer`: writing to a storage that keeps no two writers apart, one process at a time.

use crate::error::CommandError;
use crate::output::Output;
use crate::times;
use icecore::environment::{Clock as _, SystemClock};
use icecore_store::{
    Lease, LeaseHolder, LeaseLost, LeaseNews, LeaseTimes, SingleWriterStore, Store, time_since_boot,
};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long giving the lease back may take: a storage that does not answer is not waited for.
const RELEASE_MAX: Duration = Duration::from_secs(20);

/// The lease of this process, if it wants one.
#[derive(Debug, Default)]
pub(crate) struct SingleWriter {
    lease: Mutex<Option<Lease>>,
    is_acquired: Notify,
}

impl SingleWriter {
    /// Waits until no other process writes; a store that writes only as long as that is so. `lasting`
    /// asks again where `store` only failed for the moment.
    pub(crate) async fn begin(
        &self,
        store: Arc<dyn Store>,
        lasting: Arc<dyn Store>,
        command: &str,
        output: &Output,
    ) -> Result<Arc<dyn Store>, CommandError> {
        let holder = LeaseHolder {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process: format!("{} (icecore {command})", std::process::id()),
            since: times::exact(SystemClock.now()),
        };
        let lease = Lease::new(lasting, holder, LeaseTimes::default(), time_since_boot());
        // Noted before it is acquired, so that what an interrupted try left is removed.
        *self.lease() = Some(lease.clone());
        let place = store.place();
        lease
            .acquire(|LeaseNews { holder, at_most }| {
                let seconds = at_most.as_secs();
                output.note(&format!(
                    "{holder} writes to {place}, or was killed: waiting up to {seconds} s to know"
                ));
            })
            .await?;
        output.note(&format!(
            "single writer of {place}: kept apart from others by a lease alone, which does not guard \
             against writes that the network delivers late"
        ));
        output.set_single_writer();
        self.is_acquired.notify_one();
        Ok(Arc::new(SingleWriterStore::new(store, lease)))
    }

    /// Waits until the lease is lost. Then whatever goes on has to end: storage that fails is waited for
    /// here and there, and this does not come back.
    pub(crate) async fn lost(&self) -> LeaseLost {
        self.is_acquired.notified().await;
        let lease = self.lease().clone();
        match lease {
            Some(lease) => lease.lost().await,
            None => pending().await,
        }
    }

    /// Gives the lease back, if there is one.
    pub(crate) async fn end(&self, output: &Output) {
        let lease = self.lease().take();
        let Some(lease) = lease else { return };
        if tokio::time::timeout(RELEASE_MAX, lease.release()).await.is_err() {
            output.note("the lease was not given back: the next single writer has to wait it out");
        }
    }

    fn lease(&self) -> MutexGuard<'_, Option<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
