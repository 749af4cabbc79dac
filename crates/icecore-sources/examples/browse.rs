//! A snapshot looked into without restoring it: its streams, and the events of one of them.
//!
//! `cargo run -p icecore-sources --example browse`

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use futures::TryStreamExt as _;
use icecore::backup::{BackupOptions, backup};
use icecore::format::DecodeError;
use icecore::local::LocalState;
use icecore::repository::InitOptions;
use icecore::selection::StreamSelection;
use icecore::store::MemoryStore;
use icecore::streams::{events, streams};
use icecore::{Environment, Monitor, Repository, snapshots};
use icecore_sources::events::ndjson::{MemberMap, NdjsonSource};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

const EVENTS: &str = r#"{"stream_id":"order-1","version":1,"type":"Placed","data":{"axes":2}}
{"stream_id":"order-2","version":1,"type":"Placed","data":{"axes":1}}
{"stream_id":"order-1","version":2,"type":"Paid","data":{"cents":23800}}
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    run(directory.path()).await
}

/// All of it, in an empty directory.
pub(crate) async fn run(directory: &Path) -> Result<(), Box<dyn Error>> {
    let path = directory.join("shop.ndjson");
    std::fs::write(&path, EVENTS)?;
    let repository = Repository::init(
        Arc::new(MemoryStore::new()),
        Environment::of_this_machine(LocalState::default())?,
        b"secret",
        &InitOptions::default(),
    )
    .await?;
    let source = NdjsonSource::new(path, MemberMap::default());
    let options = BackupOptions { name: Some("shop".to_owned()), ..BackupOptions::default() };
    backup(&repository, &source, &options, &Monitor::default()).await?;

    let state = repository.state().await;
    let snapshot = &snapshots::find(&state, "latest", Some("shop"))?.snapshot;
    for stream in streams(&repository, snapshot, &StreamSelection::default()).await? {
        println!(
            "{}: {} events, up to version {}",
            stream.stream, stream.events, stream.last_version
        );
    }

    // Only the chunks that hold the stream are read.
    let wanted = StreamSelection::new(vec!["order-1".to_owned()])?;
    let mut found = Vec::new();
    let mut chunks = std::pin::pin!(events(&repository, snapshot, &wanted).await?);
    while let Some(chunk) = chunks.try_next().await? {
        chunk.visit::<DecodeError>(|it| {
            let payload = String::from_utf8_lossy(it.payload);
            println!("  {} {}: {payload}", it.event.version, it.event.event_type);
            found.push(it.event.event_type.to_owned());
            Ok(())
        })?;
    }
    assert_eq!(found, ["Placed", "Paid"]);

    Ok(())
}
