//! What a repository must hold, and looking whether it does.

use crate::host::Host;
use icecore::backup::BackupReport;
use icecore::check::CheckReport;
use icecore::{Repository, snapshots};
use icecore_format::SnapshotId;
use icecore_store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bytes of every snapshot that was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Expected(BTreeMap<SnapshotId, Vec<u8>>);

impl Expected {
    /// Notes a snapshot that was acknowledged.
    pub fn add(&mut self, report: &BackupReport, bytes: impl AsRef<[u8]>) {
        self.0.insert(report.snapshot.id, bytes.as_ref().to_vec());
    }

    /// The same with a snapshot that was acknowledged.
    #[must_use]
    pub fn and(mut self, report: &BackupReport, bytes: impl AsRef<[u8]>) -> Self {
        self.add(report, bytes);
        self
    }

    /// The snapshots and their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&SnapshotId, &Vec<u8>)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A backup that was not acknowledged may have committed all the same, but then what it was
    /// given: a snapshot that is there and not expected has to be of these bytes.
    pub async fn add_unacknowledged(&mut self, repository: &Repository, bytes: &[u8]) {
        let state = repository.state().await;
        let unknown: Vec<_> = snapshots::kept(&state)
            .into_iter()
            .map(|found| found.snapshot.id)
            .filter(|id| !self.0.contains_key(id))
            .collect();
        assert!(unknown.len() <= 1, "one backup made {} snapshots", unknown.len());
        self.0.extend(unknown.into_iter().map(|id| (id, bytes.to_vec())));
    }

    /// Opens a repository as `host` does, and looks at all of it: there are exactly these
    /// snapshots, a check of all data finds nothing, and every snapshot comes back byte for byte.
    pub async fn assert_is_all(&self, host: &Host, store: Arc<dyn Store>) -> Repository {
        let repository = host.open(store).await.expect("the repository opens");
        self.assert_is_all_of(host, &repository).await;
        repository
    }

    /// Looks at all of a repository that is open.
    pub async fn assert_is_all_of(&self, host: &Host, repository: &Repository) {
        let state = repository.state().await;
        let mut found: Vec<_> =
            snapshots::live(&state).iter().map(|found| found.snapshot.id).collect();
        found.sort_unstable();
        assert_eq!(found, self.0.keys().copied().collect::<Vec<_>>(), "the list of snapshots");
        assert_clean(&host.check(repository).await);
        for (id, bytes) in &self.0 {
            let restored = host.restore(repository, &id.to_string()).await;
            let restored = restored.expect("a committed snapshot restores");
            assert!(&restored == bytes, "snapshot {id} came back as other bytes");
        }
    }
}

/// Asserts that a check found nothing.
#[track_caller]
pub fn assert_clean(report: &CheckReport) {
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}
