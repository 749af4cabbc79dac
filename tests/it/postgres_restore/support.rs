//! Databases with stores in them, and backing up and restoring these.

use icecore::backup::{BackupOptions, backup};
use icecore::monitor::Monitor;
use icecore::restore::{RestoreError, RestoreOptions, RestoreReport, restore};
use icecore::selection::StreamSelection;
use icecore::source::{Source, SourceRequest, WantedFiles};
use icecore::target::{OnConflict, Target};
use icecore::{Repository, snapshots};
use icecore_format::snapshot::Snapshot;
use icecore_sources::events::postgres::connect::{ConnectionSettings, Environment};
use icecore_sources::events::postgres::{PostgresSource, PostgresTarget, SchemaChoice};
use icecore_test_cluster::Cluster;
use icecore_tests::Host;
use icecore_tests::error_chain::chain;
use std::fs;
use std::path::Path;

/// The plain store, and that with delivery positions.
pub(super) const FIXTURES: [&str; 2] = ["eventcore", "eventcore-delivery"];

/// All folders of schemas.
pub(super) const SCHEMAS: [&str; 13] = [
    "commanded-bytea",
    "commanded-jsonb",
    "disintegrate",
    "emmett",
    "eventcore",
    "eventcore-delivery",
    "marten-guid",
    "marten-string",
    "message-db",
    "postgres-es",
    "rails-event-store-binary",
    "rails-event-store-json",
    "rails-event-store-jsonb",
];

/// What `pg_dump` is told to print the rows of all tables.
pub(super) const ROWS: [&str; 2] = ["--data-only", "--column-inserts"];

/// The same without which migrations were applied, and when.
pub(super) const ROWS_WITHOUT_LEDGERS: [&str; 4] = [
    "--data-only",
    "--column-inserts",
    "--exclude-table=_sqlx_migrations",
    "--exclude-table=eventcore_projection_schema_versions",
];

/// Some streams, and what becomes of those that are there.
pub(super) fn some(patterns: &[&str], on_conflict: Option<OnConflict>) -> RestoreOptions {
    let patterns = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    RestoreOptions {
        streams: StreamSelection::new(patterns).unwrap(),
        on_conflict,
        ..RestoreOptions::default()
    }
}

/// A server with stores, and a repository.
pub(super) struct Place {
    pub(super) cluster: Cluster,
    pub(super) host: Host,
    pub(super) repository: Repository,
}

impl Place {
    pub(super) async fn new() -> Self {
        let host = Host::new();
        let (_store, repository) = host.init_in_memory().await;
        Self { cluster: Cluster::start(), host, repository }
    }

    /// A database with a store and its events.
    pub(super) fn filled(&self, database: &str, fixture: &str) {
        self.migrated(database, fixture);
        self.cluster.psql(database, &sql(fixture, "fill.sql"));
    }

    /// A database with an empty store.
    pub(super) fn migrated(&self, database: &str, fixture: &str) {
        self.cluster.create_database(database);
        self.cluster.psql(database, &sql(fixture, "schema.sql"));
    }

    pub(super) fn source(&self, database: &str) -> PostgresSource {
        PostgresSource::new(self.settings("postgres", database), SchemaChoice::default())
    }

    pub(super) fn target(&self, database: &str) -> PostgresTarget {
        PostgresTarget::new(self.settings("postgres", database), None)
    }

    pub(super) fn settings(&self, role: &str, database: &str) -> ConnectionSettings {
        let url = format!("postgres://{role}@127.0.0.1:{}/{database}", self.cluster.port());
        ConnectionSettings::parse(&url, &Environment::default()).unwrap()
    }

    /// Backs a source up, with states.
    pub(super) async fn back_up(&self, source: &dyn Source) -> Snapshot {
        let request = SourceRequest { files: WantedFiles::WithState, ..SourceRequest::default() };
        let options = BackupOptions { request, ..self.host.backup_options() };
        let report = backup(&self.repository, source, &options, &Monitor::default()).await;
        report.map_err(|error| chain(&error)).unwrap().snapshot
    }

    pub(super) async fn back_up_database(&self, database: &str) -> Snapshot {
        self.back_up(&self.source(database)).await
    }

    pub(super) async fn restore(
        &self,
        snapshot: &Snapshot,
        target: &dyn Target,
        options: &RestoreOptions,
    ) -> Result<RestoreReport, RestoreError> {
        let state = self.repository.state().await;
        let found = snapshots::find(&state, &snapshot.id.to_string(), None).unwrap();
        restore(&self.repository, &found.snapshot, target, options, &Monitor::default()).await
    }

    /// Restores all of a snapshot into a database; the notes.
    pub(super) async fn restore_whole(&self, snapshot: &Snapshot, database: &str) -> Vec<String> {
        let restored =
            self.restore(snapshot, &self.target(database), &RestoreOptions::default()).await;
        let report = restored.map_err(|error| chain(&error)).unwrap();
        assert!(report.written.verified.is_some());
        assert_eq!(report.events_restored, snapshot.counts.events);
        report.written.notes
    }

    /// Why a restore into a database fails; whatever the reason, nothing is changed there.
    pub(super) async fn refused(
        &self,
        snapshot: &Snapshot,
        target: &dyn Target,
        database: &str,
    ) -> String {
        let before = self.everything(database);
        let failed = self.restore(snapshot, target, &RestoreOptions::default()).await;
        let message = chain(&failed.unwrap_err());
        assert_eq!(self.everything(database), before);
        message
    }

    /// The same with options.
    pub(super) async fn refused_with(
        &self,
        snapshot: &Snapshot,
        database: &str,
        options: &RestoreOptions,
    ) -> String {
        let before = self.everything(database);
        let failed = self.restore(snapshot, &self.target(database), options).await;
        let message = chain(&failed.unwrap_err());
        assert_eq!(self.everything(database), before);
        message
    }

    /// The rows of a database, in an order that says nothing.
    pub(super) fn rows(&self, database: &str, options: &[&str]) -> Vec<String> {
        let mut lines = self.cluster.pg_dump(database, options);
        lines.sort_unstable();
        lines
    }

    /// Rows and definitions.
    pub(super) fn everything(&self, database: &str) -> [Vec<String>; 2] {
        [self.rows(database, &ROWS), self.rows(database, &["--schema-only"])]
    }

    pub(super) fn ask(&self, database: &str, sql: &str) -> String {
        self.cluster.psql(database, sql)
    }
}

/// A file of a schema.
pub(super) fn sql(fixture: &str, file: &str) -> String {
    let schemas = "../crates/icecore-sources/tests/postgres-schemas";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(schemas).join(fixture).join(file);
    fs::read_to_string(path).unwrap()
}
