//! A source and a target of one's own: an application's journal in memory, backed up and restored, from
//! a program that is not asynchronous.
//!
//! `cargo run -p icecore-sources --example own_source`

#![allow(clippy::print_stdout, reason = "an example tells what it does")]

use icecore::backup::{BackupOptions, backup};
use icecore::format::Timestamp;
use icecore::format::event::{Event, EventId, EventTime, Members, Payload};
use icecore::local::LocalState;
use icecore::repository::InitOptions;
use icecore::restore::{RestoreOptions, restore};
use icecore::source::{
    EventBatch, EventReader, Reading, Source, SourceEnd, SourceError, SourceRequest, UnparsedBatch,
    Whole,
};
use icecore::store::MemoryStore;
use icecore::target::{
    Encoded, EventChunk, EventEncoder, EventWriter, RestoreEnd, Target, TargetError,
    TargetErrorKind, TargetRequest, Written,
};
use icecore::{Environment, Monitor, Repository, async_trait};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

/// What the application remembers: who, the how manyeth, when, what.
type Entry = (String, u64, i64, String);

/// Entries that are parsed at once.
const ENTRIES_AT_ONCE: usize = 4096;

struct Journal(Arc<Vec<Entry>>);

#[async_trait]
impl Source for Journal {
    fn kind(&self) -> &'static str {
        "journal"
    }

    fn default_name(&self) -> String {
        "journal".to_owned()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        Ok(Box::new(JournalReader { entries: self.0.clone(), next: 0, request: request.clone() }))
    }
}

struct JournalReader {
    entries: Arc<Vec<Entry>>,
    next: usize,
    request: SourceRequest,
}

#[async_trait]
impl EventReader for JournalReader {
    fn reading(&self) -> &Reading {
        // Everything, each time. What was stored before is not stored again.
        &Reading::Whole(Whole::First)
    }

    fn bytes_expected(&self) -> Option<u64> {
        None
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        let (entries, first) = (self.entries.clone(), self.next);
        let last = entries.len().min(first + ENTRIES_AT_ONCE);
        let Some(bytes) = entries.get(first..last).filter(|entries| !entries.is_empty()) else {
            return Ok(None);
        };
        self.next = last;
        let bytes = bytes.iter().map(|entry| entry.3.len() as u64).sum();
        let streams = self.request.streams.clone();
        // What is in here is done on all cores.
        Ok(Some(UnparsedBatch::new(bytes, move || {
            let mut batch = EventBatch::default();
            for (stream, version, time, text) in entries.get(first..last).unwrap_or_default() {
                if streams.includes(stream) {
                    let event = Event {
                        stream,
                        version: *version,
                        event_type: "Noted",
                        id: EventId::None,
                        time: EventTime::At(Timestamp(*time)),
                        metadata: None,
                        members: Members::default(),
                        payload: Payload::Inline(text.as_bytes()),
                    };
                    batch.push(&event, None);
                }
            }
            Ok(batch)
        })))
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        Ok(SourceEnd::default())
    }
}

/// Where entries come back to.
#[derive(Clone, Default)]
struct Restored(Arc<Mutex<Vec<Entry>>>);

#[async_trait]
impl Target for Restored {
    fn kind(&self) -> &'static str {
        "journal"
    }

    async fn open(&self, _: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        Ok(Box::new(JournalWriter { target: self.clone(), entries: Vec::new() }))
    }
}

struct JournalWriter {
    target: Restored,
    entries: Vec<Entry>,
}

struct Encoder;

impl EventEncoder for Encoder {
    /// Work for all cores; what is made of it is this target's own affair.
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut entries = Vec::<Entry>::new();
        chunk.visit::<TargetError>(|restored| {
            let time = restored.event.time.timestamp().map_or(0, |time| time.0);
            let text = String::from_utf8_lossy(restored.payload).into_owned();
            entries.push((restored.event.stream.to_owned(), restored.event.version, time, text));
            Ok(())
        })?;
        let bytes = serde_json::to_vec(&entries).map_err(unsuitable)?;
        Ok(Encoded { bytes, events: entries.len() as u64 })
    }
}

#[async_trait]
impl EventWriter for JournalWriter {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::new(Encoder)
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        let entries: Vec<Entry> = serde_json::from_slice(&encoded.bytes).map_err(unsuitable)?;
        self.entries.extend(entries);
        Ok(())
    }

    async fn finish(self: Box<Self>, _: RestoreEnd) -> Result<Written, TargetError> {
        let events = self.entries.len() as u64;
        *self.target.0.lock().unwrap_or_else(PoisonError::into_inner) = self.entries;
        Ok(Written { events, bytes: 0, verified: None, notes: Vec::new() })
    }

    async fn abandon(self: Box<Self>) -> String {
        "the journal is as it was".to_owned()
    }
}

fn unsuitable(error: serde_json::Error) -> TargetError {
    TargetError::new(TargetErrorKind::Unsuitable, "cannot put entries together").because(error)
}

/// A program that is not asynchronous has a runtime for what is, and waits.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let entries: Vec<Entry> = (0..10_000)
        .map(|number| {
            let account = format!("account-{}", number % 100);
            (
                account,
                number / 100 + 1,
                1_700_000_000_000_000_000 + number as i64,
                "paid".to_owned(),
            )
        })
        .collect();
    let journal = Journal(Arc::new(entries));
    let repository = Repository::init(
        Arc::new(MemoryStore::new()),
        Environment::of_this_machine(LocalState::default())?,
        b"secret",
        &InitOptions::default(),
    )
    .await?;
    let monitor = Monitor::default();
    let report = backup(&repository, &journal, &BackupOptions::default(), &monitor).await?;
    println!(
        "{} events of {} streams",
        report.snapshot.counts.events, report.snapshot.counts.streams
    );

    let restored = Restored::default();
    let options = RestoreOptions::default();
    restore(&repository, &report.snapshot, &restored, &options, &monitor).await?;
    let entries = restored.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(*entries == *journal.0, "they came back otherwise");
    println!("{} entries came back as they were", entries.len());
    Ok(())
}
