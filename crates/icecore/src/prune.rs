//! Prune: what nobody needs any more is let go of, made unusable, and deleted, beside any number of running
//! backups and of other prunes, without locks.
//!
//! Each step follows from the ledger as it stands and leaves what it did in the ledger or in storage, so a
//! prune may end anywhere, and the next one goes on. Clocks decide when something is let go of and how long
//! readers are spared; nothing that must not be lost depends on them.
//!
//! Specification: docs/prune.md; docs/concurrency.md, rules 5 to 9.

mod collect;
mod delete;
mod history;
mod mark;
mod reindex;
mod release;
mod repack;
mod run;
mod trim;

use crate::error::ReadError;
use crate::ledger::{AppendError, has_retired};
use crate::monitor::{Monitor, Stopped};
use crate::repository::{ExclusiveError, Repository};
use crate::session::SessionError;
use icecore_format::{Role, SnapshotId, Timestamp};
use icecore_store::StoreError;
use run::Run;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// What to let go of, and when.
#[derive(Clone, Debug)]
pub struct PruneOptions {
    /// How long a snapshot stays forgotten before it is released: for so long `unforget` brings it back.
    pub release_after: Duration,
    /// Whether the newest snapshot of a source is released too, if it was forgotten: all of a source that is
    /// gone, or one that is damaged.
    pub release_newest: bool,
    /// How long ago a session has begun, at least, before it is taken for dead if it has not ended: longer
    /// than any backup takes. One that was alive uploads again.
    pub abandon_after: Duration,
    /// How long an object that was needed before stays readable after it was made unusable: for whoever
    /// reads a snapshot that was released meanwhile, and for people to notice a mistake.
    pub grace: Duration,
    /// Which part of what is stored may be garbage before packs are repacked, from 0 to 1.
    pub unused_max: f64,
    /// How much is moved by repacking at most, in bytes.
    pub repack_bytes_max: u64,
}

impl Default for PruneOptions {
    fn default() -> Self {
        Self {
            release_after: 7 * DAY,
            release_newest: false,
            abandon_after: 30 * DAY,
            grace: DAY,
            unused_max: 0.05,
            repack_bytes_max: u64::MAX,
        }
    }
}

/// What a prune did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneReport {
    /// Snapshots that were released.
    pub released: Vec<SnapshotId>,
    /// The number of the entry before which every session that was ended by this had begun.
    pub ended_before: Option<u64>,
    /// Packs that were usable, and what their blocks took.
    pub usable: Amount,
    /// Packs of them that were condemned: nothing in them is needed.
    pub condemned: Amount,
    /// Packs that were condemned because of their garbage, after what was needed of them was copied.
    pub repacked: Amount,
    /// What was copied of them, in bytes.
    pub moved_bytes: u64,
    /// Index runs that were replaced: they listed nothing usable, or were merged.
    pub runs_replaced: u64,
    /// What nobody needs in packs that stay usable, in bytes.
    pub unused_bytes: u64,
    /// Objects of tails that were let go of: snapshots have their events.
    pub trimmed: u64,
    /// Packs, index runs, objects of tails and old checkpoints that were deleted.
    pub deleted: Amount,
    /// Those that wait until they have been unusable for as long as readers are given.
    pub waiting: Amount,
    /// When the last of these may be deleted.
    pub waiting_until: Option<Timestamp>,
    /// Objects of sessions that have not ended, which may be backups that run.
    pub open: Amount,
}

/// Objects, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub objects: u64,
    /// Their length together, in bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }
}

/// A prune that did not come to its end. What it did before stands, and the next one goes on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PruneError {
    /// The role of the key cannot collect anything.
    #[error("a {} key cannot prune a repository", .0.name())]
    NotAllowed(Role),
    /// The storage is not to be written to.
    #[error(transparent)]
    Exclusive(#[from] ExclusiveError),
    /// Something of the repository could not be read.
    #[error("cannot read what the repository holds")]
    Read(#[from] ReadError),
    /// What a snapshot needs could not be read, so nobody knows what nobody needs.
    #[error("cannot follow what snapshot {snapshot} needs, so nothing is collected")]
    Mark {
        /// The snapshot.
        snapshot: SnapshotId,
        /// What could not be read.
        source: ReadError,
    },
    /// What is needed of a pack could not be copied.
    #[error("cannot copy what is needed of a pack")]
    Copy(#[from] SessionError),
    /// The ledger did not take an entry.
    #[error("cannot record in the ledger what is let go of")]
    Append(#[from] AppendError),
    /// The storage did not delete an object.
    #[error("cannot delete what nobody needs")]
    Delete(#[source] StoreError),
    /// It was asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl PruneError {
    /// Whether something is not there that was to be read.
    fn is_missing(&self) -> bool {
        match self {
            Self::Read(error) | Self::Mark { source: error, .. } => error.is_missing(),
            _ => false,
        }
    }
}

/// Lets go of what is not needed, and deletes what may be deleted. Needs an admin's key.
///
/// May be dropped at any moment, as if the process had been killed there.
pub async fn prune(
    repository: &Repository,
    options: &PruneOptions,
    monitor: &Monitor,
) -> Result<PruneReport, PruneError> {
    check_role(repository)?;
    repository.prove_exclusive().await?;
    let report = Box::pin(run(Run::begin(repository, options, monitor).await?)).await?;
    // Also remembers on this machine that the ledger has these entries.
    repository.refresh().await?;
    Ok(report)
}

/// What [`prune`] would do now. Writes nothing.
pub async fn plan(
    repository: &Repository,
    options: &PruneOptions,
    monitor: &Monitor,
) -> Result<PruneReport, PruneError> {
    check_role(repository)?;
    loop {
        let planning = Run::begin(repository, options, monitor).await?.only_planned().await;
        let before = repository.state().await;
        match Box::pin(run(planning)).await {
            // What it was to read was collected by others since: what it found then is past.
            Err(error) if error.is_missing() => {
                repository.refresh().await?;
                if !has_retired(&before, &repository.state().await) {
                    return Err(error);
                }
            }
            ended => return ended,
        }
    }
}

fn check_role(repository: &Repository) -> Result<(), PruneError> {
    match repository.keys.role {
        Role::Admin => Ok(()),
        role => Err(PruneError::NotAllowed(role)),
    }
}

async fn run(mut run: Run<'_>) -> Result<PruneReport, PruneError> {
    let mut report = PruneReport::default();
    let listed = delete::list(&run).await?;
    // Each needs what the one before recorded: what dead sessions left may be deleted, and what released
    // snapshots alone needed may be condemned. In any other order it takes another prune.
    report.ended_before = run.end_dead_sessions(&listed).await?;
    report.released = run.release().await?;
    report.trimmed = trim::trim(&mut run).await?;
    collect::collect(&mut run, &mut report).await?;
    reindex::reindex(&mut run, &listed, &mut report).await?;
    delete::delete(&run, &listed, &mut report).await?;
    Ok(report)
}
