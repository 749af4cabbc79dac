//! Restores that end early leave a database as it was.

use super::support::{Place, SCHEMAS};
use async_trait::async_trait;
use icecore::restore::RestoreOptions;
use icecore::target::{
    Encoded, EventEncoder, EventWriter, RestoreEnd, Target, TargetError, TargetRequest,
    Verification, Written,
};
use icecore_sources::events::postgres::PostgresTarget;
use icecore_sources::events::postgres::connect::{ConnectionSettings, connect};
use icecore_tests::error_chain::chain;
use std::sync::Arc;

/// A target whose session somebody ends.
struct Killed {
    target: PostgresTarget,
    settings: ConnectionSettings,
    /// Before the first events are written, or before the end.
    is_early: bool,
}

struct KilledWriter {
    writer: Box<dyn EventWriter>,
    settings: ConnectionSettings,
    is_early: bool,
}

/// Ends all sessions of ours.
async fn end_sessions(settings: &ConnectionSettings) {
    let sql = "DO $$ BEGIN PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
               WHERE application_name = 'icecore' AND pid <> pg_backend_pid(); \
               ASSERT FOUND; END $$";
    connect(settings).await.unwrap().batch_execute(sql).await.unwrap();
}

#[async_trait]
impl Target for Killed {
    fn kind(&self) -> &'static str {
        self.target.kind()
    }

    async fn open(&self, request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        let writer = self.target.open(request).await?;
        let (settings, is_early) = (self.settings.clone(), self.is_early);
        Ok(Box::new(KilledWriter { writer, settings, is_early }))
    }
}

#[async_trait]
impl EventWriter for KilledWriter {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        self.writer.encoder()
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        if self.is_early {
            end_sessions(&self.settings).await;
        }
        self.writer.write(encoded).await
    }

    async fn finish(self: Box<Self>, end: RestoreEnd) -> Result<Written, TargetError> {
        if !self.is_early {
            end_sessions(&self.settings).await;
        }
        self.writer.finish(end).await
    }

    async fn abandon(self: Box<Self>) -> String {
        self.writer.abandon().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_ended_in_the_middle_changes_nothing() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.cluster.create_database("empty");
    place.migrated("migrated", "eventcore-delivery");
    let snapshot = place.back_up_database("shop").await;
    for database in ["empty", "migrated"] {
        for is_early in [true, false] {
            let target = place.target(database);
            let settings = place.settings("postgres", "postgres");
            let killed = Killed { target, settings, is_early };
            let message = place.refused(&snapshot, &killed, database).await;
            assert!(message.contains("not changed"), "{message}");
            assert!(
                message.contains("ended this session") || message.contains("connection"),
                "{message}"
            );
        }
        // Nothing is left that would be in the way.
        place.restore_whole(&snapshot, database).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_write_is_told_what_is_needed() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.cluster.create_database("empty");
    place.migrated("migrated", "eventcore");
    place.ask("postgres", "CREATE ROLE reader LOGIN");
    place.ask("migrated", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader");
    let snapshot = place.back_up_database("shop").await;
    for database in ["empty", "migrated"] {
        let target = PostgresTarget::new(place.settings("reader", database), None);
        let message = place.refused(&snapshot, &target, database).await;
        assert!(message.contains("permission denied"), "{message}");
        assert!(message.contains("must own the store's tables, or may create them"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_owns_the_tables_needs_no_more() {
    let place = Place::new().await;
    place.filled("shop", "eventcore-delivery");
    place.ask("postgres", "CREATE ROLE owner LOGIN; CREATE DATABASE owned OWNER owner");
    let snapshot = place.back_up_database("shop").await;
    let target = PostgresTarget::new(place.settings("owner", "owned"), None);
    for overwrite in [false, true] {
        let options = icecore::restore::RestoreOptions { overwrite, ..Default::default() };
        let report = place.restore(&snapshot, &target, &options).await;
        report.map_err(|error| icecore_tests::error_chain::chain(&error)).unwrap();
    }
    let rows = super::support::ROWS;
    assert_eq!(place.rows("owned", &rows), place.rows("shop", &rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_changes_what_is_written_is_found_out_however_it_is_compared() {
    let place = Place::new().await;
    place.filled("shop", "eventcore");
    place.migrated("rounding", "eventcore");
    let rounding = "ALTER TABLE eventcore_events ALTER created_at TYPE timestamptz(0)";
    place.cluster.psql("rounding", rounding);
    let snapshot = place.back_up_database("shop").await;
    for verification in [Verification::Hashes, Verification::ReadBack] {
        let options = RestoreOptions { verification, ..RestoreOptions::default() };
        let message = place.refused_with(&snapshot, "rounding", &options).await;
        assert!(message.contains("a row of"), "{message}");
        assert!(message.contains("what was read back is not what was written"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_hashes_is_what_is_read_back_for_every_schema() {
    let place = Place::new().await;
    for fixture in SCHEMAS {
        let from = format!("from-{fixture}");
        place.filled(&from, fixture);
        let snapshot = place.back_up_database(&from).await;
        for verification in [Verification::Hashes, Verification::ReadBack] {
            // None is dropped: up to PostgreSQL 18 that can wait for ever while a process starts
            // (pgsql-hackers, "WaitForProcSignalBarriers vs aux process", 2026-04-22).
            let to = format!("to-{fixture}-{verification:?}");
            place.cluster.create_database(&to);
            let options = RestoreOptions { verification, ..RestoreOptions::default() };
            let restored = place.restore(&snapshot, &place.target(&to), &options).await;
            let report = restored.map_err(|error| chain(&error)).unwrap();
            assert_eq!(report.written.verified, Some(verification), "{fixture}");
            assert_eq!(report.events_restored, snapshot.counts.events, "{fixture}");
        }
    }
}
