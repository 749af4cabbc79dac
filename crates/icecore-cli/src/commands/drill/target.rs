//! Where a drill recovers to.

#[cfg(feature = "postgres")]
use super::cluster::ScratchCluster;
use super::scratch::Scratch;
use crate::error::CommandError;
use crate::locator::Locator;
use clap::ValueEnum;
use icecore::target::Target;
use std::path::PathBuf;

/// What can be recovered into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    #[cfg(feature = "ndjson")]
    Ndjson,
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

/// A scratch target.
pub(super) enum ScratchTarget {
    #[cfg(feature = "ndjson")]
    Ndjson(PathBuf),
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(ScratchCluster),
}

impl Kind {
    /// What was asked for, or else what the source is.
    pub(super) fn choose(asked: Option<Self>, source_kind: &str) -> Result<Self, CommandError> {
        let all = Self::value_variants();
        let kind = asked.or_else(|| all.iter().copied().find(|kind| kind.name() == source_kind));
        kind.ok_or_else(|| {
            let message = format!("say --into: nothing is recovered as {source_kind}");
            CommandError::Usage(message)
        })
    }

    /// What a target of this kind is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson => "ndjson",
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgres => "postgres",
        }
    }

    /// What reports call the target.
    pub(super) fn scratch_name(self) -> &'static str {
        match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson => "a scratch NDJSON file",
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "a scratch SQLite file",
            #[cfg(feature = "postgres")]
            Self::Postgres => "a scratch PostgreSQL server",
        }
    }

    /// Whether it can be asked in SQL.
    pub(super) fn has_sql(self) -> bool {
        self.name() != "ndjson"
    }
}

impl ScratchTarget {
    /// Makes an empty one.
    pub(super) fn make(kind: Kind, scratch: &Scratch) -> Result<Self, CommandError> {
        Ok(match kind {
            #[cfg(feature = "ndjson")]
            Kind::Ndjson => Self::Ndjson(scratch.path().join("events.ndjson")),
            #[cfg(feature = "sqlite")]
            Kind::Sqlite => Self::Sqlite(scratch.path().join("events.db")),
            #[cfg(feature = "postgres")]
            Kind::Postgres => Self::Postgres(ScratchCluster::start(scratch)?),
        })
    }

    /// What events are written to.
    pub(super) fn open(&self) -> Result<Box<dyn Target>, CommandError> {
        let locator = match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson(path) => Locator::Ndjson(path.clone()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => Locator::Sqlite(path.clone()),
            #[cfg(feature = "postgres")]
            Self::Postgres(cluster) => Locator::Postgres(Box::new(cluster.settings()?)),
        };
        locator.target(None)
    }

    /// What names it on the command line.
    pub(super) fn locator_text(&self) -> std::ffi::OsString {
        let of_file = |kind: &str, path: &PathBuf| {
            let mut text = std::ffi::OsString::from(kind);
            text.push(path);
            text
        };
        match self {
            #[cfg(feature = "ndjson")]
            Self::Ndjson(path) => of_file("ndjson:", path),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path) => of_file("sqlite:", path),
            #[cfg(feature = "postgres")]
            Self::Postgres(cluster) => cluster.url().into(),
        }
    }

    /// Variables that lead PostgreSQL's programs there.
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(cluster) => cluster.variables(),
            #[allow(unreachable_patterns, reason = "the features choose which kinds there are")]
            _ => Vec::new(),
        }
    }
}
