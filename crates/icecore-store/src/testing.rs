//! Stores that tell, fail, crash and lie, for the tests of everything above this crate.
//!
//! Each double wraps another store and is used as `Arc<dyn Store>`; they can be stacked. Without a
//! script they pass every request through, which [`conformance`] checks. A double never panics in
//! a request: tests look at what it has seen afterwards.
//!
//! Built only with the feature `testing`.

pub mod conformance;
mod crashing;
mod fault;
mod faulty;
mod gated;
mod recording;
mod stale_listing;
#[cfg(test)]
mod tests;

pub use crashing::{CrashingStore, Interrupted};
pub use fault::{Effect, Matcher};
pub use faulty::FaultyStore;
pub use gated::GatedStore;
pub use recording::{RecordingStore, Request};
pub use stale_listing::StaleListingStore;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what a double remembers. A test that panicked elsewhere still gets to see it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
