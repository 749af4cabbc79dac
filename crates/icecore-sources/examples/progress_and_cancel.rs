//! Progress of a backup as it goes on, and a wish to stop that leaves nothing half done.
//!
//! `cargo run -p icecore-sources --example progress_and_cancel`

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use icecore::backup::{BackupOptions, backup};
use icecore::local::LocalState;
use icecore::repository::InitOptions;
use icecore::store::MemoryStore;
use icecore::{Environment, Monitor, Repository};
use icecore_sources::events::ndjson::{MemberMap, NdjsonSource};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const EVENTS: usize = 200_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    run(directory.path()).await
}

/// All of it, in an empty directory.
pub(crate) async fn run(directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut lines = String::new();
    for number in 0..EVENTS {
        let (stream, version) = (number % 500, number / 500 + 1);
        writeln!(
            lines,
            r#"{{"stream_id":"meter-{stream}","version":{version},"type":"Read","data":{number}}}"#
        )?;
    }
    let path = directory.join("meters.ndjson");
    std::fs::write(&path, lines)?;
    let repository = Repository::init(
        Arc::new(MemoryStore::new()),
        Environment::of_this_machine(LocalState::default())?,
        b"secret",
        &InitOptions::default(),
    )
    .await?;
    let (source, options) =
        (NdjsonSource::new(path, MemberMap::default()), BackupOptions::default());

    // Stopped: all clones of a monitor are one, so whoever has one may ask.
    let monitor = Monitor::default();
    monitor.clone().request_stop();
    let stopped = backup(&repository, &source, &options, &monitor).await;
    println!("stopped: {}", stopped.err().ok_or("it was not stopped")?);
    assert!(repository.state().await.snapshots.is_empty(), "nothing was committed");

    // Watched: the future of a backup is polled beside a clock.
    let monitor = Monitor::default();
    let mut backup = std::pin::pin!(backup(&repository, &source, &options, &monitor));
    let report = loop {
        tokio::select! {
            report = &mut backup => break report?,
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                let view = monitor.view();
                println!("{} of {} bytes", view.bytes_read, view.bytes_expected);
            }
        }
    };
    let view = monitor.view();
    println!("{} events, {} bytes read", report.snapshot.counts.events, view.bytes_read);
    assert_eq!(report.snapshot.counts.events, EVENTS as u64);
    Ok(())
}
