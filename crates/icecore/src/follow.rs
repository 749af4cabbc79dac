//! Following: what a source gets is captured as it comes, until it is told to stop.
//!
//! Each flush is one object of the source's tail, put when the one before was acknowledged. What is
//! not acknowledged is captured again, from where the last acknowledged flush says that the source
//! can be gone on from; so nothing is skipped and nothing is there twice, whoever is killed when.
//!
//! Specification: docs/recovery.md, "The tail".

mod capture;
mod epoch;
mod patience;

use crate::backup::{BackupError, BackupOptions, BackupReport};
use crate::error::ReadError;
use crate::ledger::AppendError;
use crate::monitor::{Monitor, Stopped};
use crate::repository::{ExclusiveError, Repository};
use crate::session::SessionError;
use crate::source::{Source, SourceError, SourceErrorKind, Whole};
use crate::tail::OpenError;
use epoch::{Ended, Start};
use icecore_format::{SnapshotId, Timestamp};
use patience::BackOff;
use std::time::Duration;

/// How to follow.
#[derive(Clone, Debug)]
pub struct FollowOptions {
    /// What is followed, and how it is backed up where there is nothing to go on from.
    pub backup: BackupOptions,
    /// The least time between two flushes.
    pub flush_interval: Duration,
    /// What of the source makes a flush full, in bytes: then it does not wait.
    pub flush_bytes: u64,
    /// Whether to end the epoch of another follower who may be alive.
    pub take_over: bool,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self {
            backup: BackupOptions::default(),
            flush_interval: Duration::from_secs(1),
            flush_bytes: 8 << 20,
            take_over: false,
        }
    }
}

/// What happens while a source is followed.
#[derive(Debug)]
#[non_exhaustive]
pub enum FollowNews<'a> {
    /// There was nothing to go on from, so the source was backed up.
    BackedUp(&'a BackupReport),
    /// An epoch begins.
    Begun {
        /// The snapshot that the tail goes on from.
        base: SnapshotId,
        /// Events captured since that snapshot.
        events: u64,
        /// Whether the epoch of an earlier follower was ended.
        ended_another: bool,
    },
    /// How it is told what is new: after each beginning, and when that changes.
    Way(&'a Way),
    /// Something that somebody should know, and that ends nothing.
    Notice(&'a str),
    /// Events were captured, and are not durable yet.
    Captured {
        /// How many.
        events: u64,
        /// When the last of them was committed, or recorded where commits are not known.
        newest: Option<Timestamp>,
    },
    /// Everything that the source has is durable.
    UpToDate {
        /// When that was so.
        at: Timestamp,
    },
    /// Events are durable.
    Flushed(&'a Flushed),
    /// The source cannot be gone on from, and is backed up anew.
    Lost(&'a Whole),
    /// Something failed, and is tried again.
    Failed {
        /// What failed.
        error: &'a (dyn std::error::Error + Send + Sync + 'static),
        /// How long that is waited for.
        pause: Duration,
    },
}

/// How it is told what is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The source tells: says by what.
    Told(String),
    /// The source is opened again and again; why so, where sources of its kind have a better way.
    Opening(Option<String>),
}

/// Events that became durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// How many.
    pub events: u64,
    /// What was stored for them, in bytes.
    pub bytes: u64,
    /// When the first of them was committed, or recorded where commits are not known.
    pub oldest: Option<Timestamp>,
    /// When the last of them was.
    pub newest: Option<Timestamp>,
    /// When they were durable.
    pub durable: Timestamp,
}

impl Flushed {
    /// This, and what was put next.
    fn and(self, next: Self) -> Self {
        Self {
            events: self.events + next.events,
            bytes: self.bytes + next.bytes,
            oldest: self.oldest.into_iter().chain(next.oldest).min(),
            newest: self.newest.max(next.newest),
            durable: next.durable,
        }
    }
}

/// What following did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowReport {
    /// Events that were captured.
    pub events: u64,
    /// Flushes: what a source gives at once is one, in however many objects.
    pub flushes: u64,
    /// What was stored for them, in bytes.
    pub bytes: u64,
}

/// Following that ended otherwise than by being told to stop. What was flushed counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// No epoch could be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The source holds something that cannot be captured.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The backup to go on from failed.
    #[error("cannot make the backup that the tail goes on from")]
    Backup(#[source] BackupError),
    /// Something of the repository could not be read.
    #[error("cannot read the repository")]
    Read(#[from] ReadError),
    /// Another follower ended this one's epoch.
    #[error("{name} is followed by another now{}", host.as_ref().map(|it| format!(", on the host {it}")).unwrap_or_default())]
    TakenOver {
        /// The source's name.
        name: String,
        /// The host of the other.
        host: Option<String>,
    },
    /// It was told to stop before it had begun.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl FollowError {
    /// Whether it may be otherwise in a while: the source or the storage could not be reached.
    fn may_pass(&self) -> bool {
        match self {
            Self::Source(error) | Self::Backup(BackupError::Source(error)) => {
                error.kind != SourceErrorKind::Invalid
            }
            Self::Read(error)
            | Self::Open(OpenError::Read(error) | OpenError::Append(AppendError::Read(error)))
            | Self::Backup(BackupError::Session(
                SessionError::Read(error) | SessionError::Append(AppendError::Read(error)),
            )) => !error.is_damage(),
            Self::Open(
                OpenError::Write(_)
                | OpenError::Exclusive(ExclusiveError::Write(_))
                | OpenError::Append(AppendError::Write(_) | AppendError::Unknown { .. }),
            )
            | Self::Backup(BackupError::Session(
                SessionError::Write(_)
                | SessionError::Overtaken
                | SessionError::Append(AppendError::Write(_) | AppendError::Unknown { .. }),
            )) => true,
            Self::Open(_) | Self::Backup(_) | Self::TakenOver { .. } | Self::Stopped(_) => false,
        }
    }
}

/// Captures what `source` gets, until the monitor is asked to stop.
///
/// Failures of the source and of storage are waited out; they are told by `tell`, as is all else.
///
/// May be dropped at any moment: whoever follows next on this machine goes on from what was flushed.
pub async fn follow(
    repository: &Repository,
    source: &dyn Source,
    options: &FollowOptions,
    monitor: &Monitor,
    tell: &(dyn Fn(FollowNews<'_>) + Send + Sync),
) -> Result<FollowReport, FollowError> {
    let _task = monitor.task("following");
    let follower = epoch::Follower { repository, source, options, monitor, tell };
    let mut report = FollowReport::default();
    let (mut losses, mut failures) = (BackOff::default(), BackOff::default());
    let mut epoch = follower.begin(Start::WhereItStands).await?;
    loop {
        let flushes = report.flushes;
        let start = match follower.run(epoch, &mut report, &mut failures).await? {
            Ended::Stopped => return Ok(report),
            Ended::Lost => {
                // A source that never can be gone on from is not backed up without a pause.
                if report.flushes > flushes {
                    losses.reset();
                }
                patience::wait(&repository.environment, monitor, losses.next()).await;
                Start::Anew
            }
            Ended::Torn => Start::WhereItStands,
        };
        // What was there once is waited for.
        match follower.begin_patiently(start).await? {
            Some(next) => epoch = next,
            None => return Ok(report),
        }
    }
}
