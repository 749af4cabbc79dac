//! What can end a command early.

use crate::password::PasswordError;
use crate::stream_list::StreamListError;
use icecore::backup::BackupError;
use icecore::check::CheckError;
use icecore::error::ReadError;
use icecore::follow::FollowError;
use icecore::forget::ForgetError;
use icecore::key_slots::KeyError;
use icecore::prune::PruneError;
use icecore::recover::{RecoverError, StatesError};
use icecore::repository::{InitError, OpenError};
use icecore::restore::RestoreError;
use icecore::selection::PatternError;
use icecore::snapshots::FindError;
use icecore_store::StoreError;

/// What ended a command. [`crate::explain`] says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The arguments make no sense.
    #[error("{0}")]
    Usage(String),
    /// Nobody said where the repository is.
    #[error("which repository?")]
    NoPlace,
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    StreamList(#[from] StreamListError),
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    PostgresSettings(#[from] icecore_sources::events::postgres::connect::SettingsError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[cfg(feature = "object-storage")]
    #[error(transparent)]
    Lease(#[from] icecore_store::LeaseError),
    #[cfg(feature = "object-storage")]
    #[error(transparent)]
    LeaseLost(#[from] icecore_store::LeaseLost),
    #[error(transparent)]
    Init(#[from] InitError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Follow(#[from] FollowError),
    #[error(transparent)]
    Forget(#[from] ForgetError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot make a QR code of the recovery key")]
    Code(#[source] qrcode::types::QrError),
    #[error("cannot write the QR code to {}", path.display())]
    CodeFile {
        /// The file.
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    States(#[from] StatesError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Prune(#[from] PruneError),
    #[error("cannot read the repository")]
    Read(#[from] ReadError),
    /// A check found damage.
    #[error("{}", crate::table::counted(*findings, "problem was found", "problems were found"))]
    Damaged {
        /// How many findings.
        findings: u64,
    },
    /// The ledger is not what those wrote who signed it.
    #[error("the ledger has {}", crate::table::counted(*alarms, "alarm", "alarms"))]
    LedgerAlarms {
        /// How many.
        alarms: u64,
    },
    /// Something of a tail is missing or damaged.
    #[error("the tail has {}", crate::table::counted(*gaps, "gap", "gaps"))]
    TailGaps {
        /// How many objects.
        gaps: u64,
    },
    /// A snapshot was made, and not of everything.
    #[error(
        "the snapshot lacks part of its source: {}",
        crate::table::counted(*problems, "problem", "problems")
    )]
    Incomplete {
        /// How many problems.
        problems: u64,
    },
    /// A scratch target could not be made, or not be removed.
    #[error(transparent)]
    Scratch(#[from] crate::commands::drill::ScratchError),
    #[error("cannot read the checks in {}", path.display())]
    CheckFile {
        /// The file.
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write the report to {}", path.display())]
    Report {
        /// The file.
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    /// A drill found that something is not as it should be.
    #[error("{} of the drill failed", crate::table::counted(*failed, "check", "checks"))]
    NotProven {
        /// How many checks.
        failed: u64,
    },
    #[error("interrupted")]
    Interrupted,
    #[error("cannot print to standard output")]
    Output(#[source] std::io::Error),
    #[error("cannot write manual pages to {}", directory.display())]
    Pages {
        /// Where.
        directory: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(#[from] crate::serve::ServeError),
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Demo(#[from] crate::commands::demo::DemoError),
}
