//! What happens in the demo, step by step, and what is printed of it.

use super::DemoError;
use super::rows::Rows;
use super::shop::{Shop, verify_streams, verify_versions};
use crate::error::CommandError;
use crate::event_store::host;
use crate::output::Output;
use crate::snapshot_view::short_id;
use crate::table::{bytes, count, counted, duration};
use icecore::backup::{BackupOptions, BackupReport, backup};
use icecore::check::{CheckOptions, check};
use icecore::repository::InitOptions;
use icecore::restore::{RestoreOptions, restore};
use icecore::{Environment, Monitor, Repository};
use icecore_format::snapshot::Snapshot;
use icecore_sources::events::sqlite::{SqliteSource, SqliteTarget};
use icecore_store::LocalStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ORDERS_FIRST: u64 = 600;
const ORDERS_LATER: u64 = 60;
/// The stream that is restored by itself, and written to after the restore.
const ORDER: &str = "order-00042";

/// The demo, about to begin.
pub(super) struct Story<'a> {
    root: PathBuf,
    environment: Environment,
    password: String,
    output: &'a Output,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        root: PathBuf,
        environment: Environment,
        password: String,
        output: &'a Output,
    ) -> Self {
        Self { root, environment, password, output }
    }

    /// Lets it happen.
    pub(super) async fn tell(&self, keep: bool) -> Result<(), CommandError> {
        let store = self.root.join("shop.db");
        let end = if keep { "is kept" } else { "is removed at the end" };
        self.say("IceCore demo: a shop's event store is backed up, lost, and brought back.");
        self.say(format!("All of it happens in {}, which {end}.", self.root.display()));

        self.step(
            "1. A shop fills an EventCore store on SQLite, through the crate eventcore-sqlite",
        );
        let mut shop = Shop::open(&store).await?;
        shop.take_orders(ORDERS_FIRST).await?;
        let events: usize = shop.versions().values().sum();
        self.detail(format!(
            "{} in {}",
            counted(events as u64, "event", "events"),
            counted(shop.versions().len() as u64, "stream", "streams"),
        ));

        self.step("2. It is backed up into a new, encrypted repository, while the shop is open");
        let repository = self.init().await?;
        let first = self.back_up(&repository, &store).await?;
        self.tell_backup(&first);

        self.step(format!("3. {ORDERS_LATER} more orders come in, and it is backed up again"));
        shop.take_orders(ORDERS_LATER).await?;
        let second = self.back_up(&repository, &store).await?;
        self.tell_backup(&second);

        self.step("4. The store is lost: shop.db is deleted");
        let lost = read_rows(&store).await?;
        let versions = shop.versions().clone();
        drop(shop);
        delete_store(&store).map_err(DemoError::from)?;

        self.step("5. It is restored from the second snapshot");
        self.restore_store(&repository, &second.snapshot, &store).await?;

        self.step("6. The restored store is verified, without IceCore");
        let restored = read_rows(&store).await?;
        if restored != lost {
            return Err(DemoError::Differs("its rows are not those that were lost".into()).into());
        }
        self.detail(format!("all {} rows are what they were, in every column", count(lost.len())));
        verify_streams(&store, &versions).await?;
        self.detail(format!(
            "eventcore-sqlite reads all {} streams, each with the events that it had",
            count(versions.len() as u64),
        ));
        let version = versions.get(ORDER).copied().unwrap_or_default();
        verify_versions(&store, ORDER, version).await?;
        self.detail(format!(
            "and goes on: {ORDER} takes version {}, and no other version {version}",
            version + 1,
        ));

        #[cfg(feature = "ndjson")]
        self.restore_stream(&repository, &second.snapshot).await?;
        self.check(&repository).await
    }

    async fn init(&self) -> Result<Repository, CommandError> {
        let store = Arc::new(LocalStore::create(self.root.join("repository"))?);
        let (environment, password) = (self.environment.clone(), self.password.as_bytes());
        Ok(Repository::init(store, environment, password, &InitOptions::default()).await?)
    }

    async fn back_up(
        &self,
        repository: &Repository,
        store: &Path,
    ) -> Result<BackupReport, CommandError> {
        let options = BackupOptions {
            name: Some("shop".to_owned()),
            host: host(),
            ..BackupOptions::default()
        };
        let source = SqliteSource::new(store);
        Ok(backup(repository, &source, &options, &Monitor::default()).await?)
    }

    async fn restore_store(
        &self,
        repository: &Repository,
        snapshot: &Snapshot,
        store: &Path,
    ) -> Result<(), CommandError> {
        let (options, monitor) = (RestoreOptions::default(), Monitor::default());
        let target = SqliteTarget::new(store);
        let report = restore(repository, snapshot, &target, &options, &monitor).await?;
        if report.written.verified.is_none() {
            return Err(DemoError::Differs("it was not read back".to_owned()).into());
        }
        self.detail(format!(
            "{} in {}, {} written and read back",
            counted(report.events_restored, "event", "events"),
            counted(report.streams_restored, "stream", "streams"),
            bytes(report.written.bytes),
        ));
        Ok(())
    }

    #[cfg(feature = "ndjson")]
    async fn restore_stream(
        &self,
        repository: &Repository,
        snapshot: &Snapshot,
    ) -> Result<(), CommandError> {
        use icecore::selection::StreamSelection;
        use icecore_sources::events::ndjson::NdjsonTarget;

        self.step("7. One order alone is restored as NDJSON, another kind of store");
        let file = self.root.join("order.ndjson");
        let options = RestoreOptions {
            streams: StreamSelection::new(vec![ORDER.to_owned()])?,
            ..RestoreOptions::default()
        };
        let (target, monitor) = (NdjsonTarget::new(&file), Monitor::default());
        let report = restore(repository, snapshot, &target, &options, &monitor).await?;
        let lines = std::fs::read_to_string(&file).map_err(DemoError::from)?.lines().count() as u64;
        if lines != report.events_restored {
            return Err(DemoError::Differs("it has lines that are no events".to_owned()).into());
        }
        self.detail(format!("{ORDER}: {}", counted(lines, "line", "lines")));
        Ok(())
    }

    async fn check(&self, repository: &Repository) -> Result<(), CommandError> {
        self.step("8. The repository is checked, all data read");
        let options = CheckOptions { read_data: true, ..CheckOptions::default() };
        let report = check(repository, &options, &Monitor::default()).await?;
        match report.findings.len() as u64 {
            0 => {
                self.detail(format!(
                    "{} in {} verified, no problems",
                    counted(report.chunks_verified, "chunk", "chunks"),
                    counted(report.snapshots, "snapshot", "snapshots"),
                ));
                Ok(())
            }
            findings => Err(CommandError::Damaged { findings }),
        }
    }

    fn tell_backup(&self, report: &BackupReport) {
        let snapshot = &report.snapshot;
        self.detail(format!(
            "snapshot {}: {}, {} new",
            short_id(snapshot),
            counted(snapshot.counts.events, "event", "events"),
            count(report.events_new),
        ));
        self.detail(format!(
            "{} read, {} stored",
            bytes(snapshot.bytes_read),
            bytes(snapshot.bytes_stored),
        ));
    }

    fn step(&self, text: impl AsRef<str>) {
        self.say("");
        self.say(text);
    }

    fn detail(&self, text: impl AsRef<str>) {
        self.say(format!("   {}", text.as_ref()));
    }

    fn say(&self, text: impl AsRef<str>) {
        self.output.report(text);
        // Whoever reads along, even through a pipe, sees it happen.
        self.output.flush();
    }
}

/// Says what to do next: with what the demo made, if it is kept in `kept`.
pub(super) fn try_next(kept: Option<&Path>, seconds: f64, output: &Output) {
    output.report("");
    output.report(format!("That took {}. Try next:", duration(seconds)));
    let (repository, password, store) = match kept {
        Some(root) => (root.join("repository"), root.join("password"), root.join("shop.db")),
        None => ("/srv/backup".into(), "password-file".into(), "shop.db".into()),
    };
    output.report(format!("  export ICECORE_REPOSITORY={}", repository.display()));
    output.report(format!("  export ICECORE_PASSWORD_FILE={}", password.display()));
    if kept.is_none() {
        output.report("  icecore init");
    }
    output.report(format!("  icecore backup events sqlite:{} --name shop", store.display()));
    output.report("  icecore snapshots");
    output.report(format!(
        "  icecore streams latest '{}'",
        if kept.is_some() { "order-0004*" } else { "*" }
    ));
    output.report("  icecore restore latest --target sqlite:restored.db");
    output.report("  icecore check --read-data");
}

async fn read_rows(path: &Path) -> Result<Rows, CommandError> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || Rows::read(&path)).await;
    let rows = read.map_err(|error| CommandError::Runtime(error.into()))?;
    Ok(rows.map_err(DemoError::from)?)
}

/// Deletes a database, with the files that SQLite keeps beside one that is in use.
fn delete_store(path: &Path) -> std::io::Result<()> {
    std::fs::remove_file(path)?;
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        match std::fs::remove_file(PathBuf::from(beside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
