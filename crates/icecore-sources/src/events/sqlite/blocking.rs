//! The one place where work leaves the async runtime.

use std::path::{Path, PathBuf};
use tokio::task::{JoinError, spawn_blocking};

/// Runs work that blocks on a thread that may. Fails only if the runtime shuts down.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match spawn_blocking(work).await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(error),
        },
    }
}

/// The path from the root, so that SQLite cannot take it for `:memory:` or a `file:` address.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
