//! How a lease is kept.

use std::sync::Weak;

use tokio::time::{sleep, timeout};

use super::record::LeaseName;
use super::{LeaseTimes, Shared};

/// Puts a new object now and then, until that did not work in time or the lease is given back, or
/// nobody has it any more.
pub(super) async fn renew(shared: Weak<Shared>, times: LeaseTimes, owner: u128) {
    let mut number = 0;
    let mut pause = times.renewal;
    loop {
        sleep(pause).await;
        let Some(shared) = shared.upgrade() else { return };
        if shared.state().valid_until.is_none() {
            return;
        }
        number += 1;
        let put = timeout(times.renewal, shared.put(LeaseName::renewal(owner, number))).await;
        {
            let mut state = shared.state();
            let Some(valid_until) = state.valid_until else { continue };
            // Whoever took it for dead has looked after that: what came later may not have been seen.
            if shared.now() >= valid_until {
                state.valid_until = None;
                return;
            }
            if let Ok(Ok(began)) = put {
                state.valid_until = Some(began + times.validity);
            }
        }
        if matches!(put, Ok(Ok(_))) {
            pause = times.renewal;
            // The newest is enough. What is not removed in time is removed next time.
            drop(timeout(times.renewal, shared.remove_own(1)).await);
        } else {
            pause = times.renewal / 4;
        }
    }
}
