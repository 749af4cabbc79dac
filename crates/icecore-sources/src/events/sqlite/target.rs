//! Restores into a new EventCore store, which appears under its name complete and verified, or
//! not at all.
//!
//! It is built in a file beside its name, `.NAME.icecore-…`, which goes when the restore ends
//! either way; what a killed one leaves is never read and may be removed.

mod build;
mod copied;
mod encode;
mod finish;
mod previous;
mod rows;
mod staging;

use super::blocking::{absolute, blocking};
use async_trait::async_trait;
use build::Build;
use encode::RowEncoder;
use icecore::target::{
    Encoded, EventEncoder, EventWriter, RestoreEnd, Target, TargetError, TargetErrorKind,
    TargetRequest, Written,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An EventCore store to be made.
#[derive(Clone, Debug)]
pub struct SqliteTarget {
    path: PathBuf,
}

impl SqliteTarget {
    /// A store in the database at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: absolute(path.as_ref()) }
    }
}

#[async_trait]
impl Target for SqliteTarget {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn open(&self, request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        let encoder = Arc::new(RowEncoder { requires_json: request.source_kind != "sqlite" });
        let (path, request) = (self.path.clone(), request.clone());
        let build = blocking(move || Build::begin(&path, request))
            .await
            .map_err(|error| stopped().because(error))??;
        Ok(Box::new(SqliteWriter { build: Some(build), encoder, path: self.path.clone() }))
    }
}

struct SqliteWriter {
    /// Elsewhere while it is written to; gone if the caller gave up waiting for that.
    build: Option<Build>,
    encoder: Arc<RowEncoder>,
    path: PathBuf,
}

#[async_trait]
impl EventWriter for SqliteWriter {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::clone(&self.encoder) as Arc<dyn EventEncoder>
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        let mut build = self.build.take().ok_or_else(stopped)?;
        let (build, written) = blocking(move || {
            let written = build.write(&encoded);
            (build, written)
        })
        .await
        .map_err(|error| stopped().because(error))?;
        self.build = Some(build);
        written
    }

    async fn finish(mut self: Box<Self>, end: RestoreEnd) -> Result<Written, TargetError> {
        let build = self.build.take().ok_or_else(stopped)?;
        blocking(move || finish::finish(build, &end))
            .await
            .map_err(|error| stopped().because(error))?
    }

    async fn abandon(mut self: Box<Self>) -> String {
        let build = self.build.take();
        // A failure here means that the runtime shuts down, and the drop comes with that.
        let _dropped = blocking(move || drop(build)).await;
        format!("'{}' was not touched", self.path.display())
    }
}

fn stopped() -> TargetError {
    TargetError::new(TargetErrorKind::Unwritable, "writing the database was stopped")
}
