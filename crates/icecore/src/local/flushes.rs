//! How many objects of an epoch this machine has put, so that it notices when the newest of them are
//! lost: nothing else names these.
//!
//! A number is written when its object was acknowledged, and nobody waits for the disk. So it may be
//! too low after a power cut, and is never too high.

use super::RepositoryState;
use icecore_format::SessionId;
use std::collections::BTreeSet;
use std::path::PathBuf;

impl RepositoryState {
    /// Remembers that the first `objects` of an epoch were put.
    pub(crate) fn remember_flushes(&self, session: SessionId, objects: u64) {
        let Some(path) = self.flushes_path(session) else { return };
        let written = || {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)?;
            }
            let temporary = path.with_extension("new");
            std::fs::write(&temporary, objects.to_string())?;
            std::fs::rename(temporary, &path)
        };
        if let Err(error) = written() {
            tracing::info!(%error, path = %path.display(), "it is not remembered what was put");
        }
    }

    /// How many objects of an epoch this machine surely has put.
    pub(crate) fn flushes_remembered(&self, session: SessionId) -> u64 {
        let text = self.flushes_path(session).and_then(|path| std::fs::read_to_string(path).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Forgets all epochs but these.
    pub(crate) fn forget_flushes_but(&self, kept: &BTreeSet<String>) {
        let Some(directory) = self.state.as_ref().map(|state| state.join("flushes")) else {
            return;
        };
        let Ok(entries) = std::fs::read_dir(directory) else { return };
        for entry in entries.flatten() {
            if !entry.file_name().to_str().is_some_and(|name| kept.contains(name)) {
                // What cannot be removed is in nobody's way.
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    fn flushes_path(&self, session: SessionId) -> Option<PathBuf> {
        Some(self.state.as_ref()?.join("flushes").join(session.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::LocalState;
    use icecore_format::RepositoryId;

    #[test]
    fn what_was_put_is_remembered_until_the_epoch_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let state_directory = Some(directory.path().to_owned());
        let state = LocalState { state_directory, cache_directory: None };
        let state = state.of(RepositoryId([1; 16]));
        let [one, other] = [1, 2].map(|byte| SessionId { head: 3, random: [byte; 10] });
        assert_eq!(state.flushes_remembered(one), 0);
        state.remember_flushes(one, 1);
        state.remember_flushes(one, 12);
        state.remember_flushes(other, 3);
        assert_eq!(state.flushes_remembered(one), 12);
        state.forget_flushes_but(&BTreeSet::from([other.to_string()]));
        assert_eq!((state.flushes_remembered(one), state.flushes_remembered(other)), (0, 3));
    }
}
