//! A service on EventCore that backs itself up, and gets an order back as it was before a mistake.
//!
//! `cargo run -p icecore-sources --example eventcore_service`

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use eventcore_sqlite::{SqliteConfig, SqliteEventStore};
use eventcore_types::collect_events;
use eventcore_types::{Event, EventStore as _, StreamId, StreamVersion, StreamWrites};
use icecore::backup::{BackupOptions, backup};
use icecore::local::LocalState;
use icecore::recover::{RecoverRequest, RecoveryPoint, Ties, recover, states};
use icecore::repository::InitOptions;
use icecore::restore::RestoreOptions;
use icecore::selection::StreamSelection;
use icecore::store::LocalStore;
use icecore::{Environment, Monitor, Repository};
use icecore_sources::events::sqlite::{SqliteSource, SqliteTarget};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct NoteAdded {
    stream: StreamId,
    text: String,
}

impl Event for NoteAdded {
    fn stream_id(&self) -> &StreamId {
        &self.stream
    }

    fn event_type_name() -> &'static str {
        "NoteAdded"
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    run(directory.path()).await
}

/// All of it, in an empty directory.
pub(crate) async fn run(directory: &Path) -> Result<(), Box<dyn Error>> {
    // The service: a store, and an order with two notes.
    let path = directory.join("shop.db");
    let store = open(&path).await?;
    add(&store, 0, "two ice axes").await?;
    add(&store, 1, "paid").await?;

    // A repository. A password that is lost takes it along, so keep it where the backups are not.
    let local = LocalState {
        state_directory: Some(directory.join("state")),
        cache_directory: Some(directory.join("cache")),
    };
    let repository = Repository::init(
        Arc::new(LocalStore::create(directory.join("backups"))?),
        Environment::of_this_machine(local)?,
        b"correct horse battery staple",
        &InitOptions::default(),
    )
    .await?;

    // A backup, while the store is open. Call it again at any time: only what is new is stored.
    let (source, monitor) = (SqliteSource::new(&path), Monitor::default());
    let options = BackupOptions {
        name: Some("shop".to_owned()),
        host: "web-1".to_owned(),
        ..BackupOptions::default()
    };
    let report = backup(&repository, &source, &options, &monitor).await?;
    println!("{} events are backed up", report.snapshot.counts.events);

    // A mistake, and the backup that was made too late.
    add(&store, 2, "cancelled by mistake").await?;
    backup(&repository, &source, &options, &monitor).await?;

    // The order as of its second version, in a store of its own, to look at or to copy from.
    let target = SqliteTarget::new(directory.join("before.db"));
    let request = RecoverRequest {
        states: states(&repository.state().await, "shop", None)?,
        point: RecoveryPoint::Version { stream: "order-1".to_owned(), version: 2 },
        streams: StreamSelection::default(),
        ties: |_, _| Ties::default(),
    };
    let recovered =
        recover(&repository, &request, &target, &RestoreOptions::default(), &monitor).await?;
    println!("{} events were recovered", recovered.restored.events_restored);

    let before = open(&directory.join("before.db")).await?;
    let stream = StreamId::try_new("order-1".to_owned())?;
    let notes: Vec<NoteAdded> = collect_events(before.read_stream(stream).await?).await?;
    let texts: Vec<&str> = notes.iter().map(|note| note.text.as_str()).collect();
    println!("the order then: {}", texts.join(", "));
    assert_eq!(texts, ["two ice axes", "paid"]);
    Ok(())
}

async fn open(path: &Path) -> Result<SqliteEventStore, Box<dyn Error>> {
    let store =
        SqliteEventStore::new(SqliteConfig { path: path.to_owned(), encryption_key: None })?;
    store.migrate().await?;
    Ok(store)
}

async fn add(store: &SqliteEventStore, version: usize, text: &str) -> Result<(), Box<dyn Error>> {
    let stream = StreamId::try_new("order-1".to_owned())?;
    let note = NoteAdded { stream: stream.clone(), text: text.to_owned() };
    let writes =
        StreamWrites::new().register_stream(stream, StreamVersion::new(version))?.append(note)?;
    // What it returns is empty.
    let _ = store.append_events(writes).await?;
    Ok(())
}
