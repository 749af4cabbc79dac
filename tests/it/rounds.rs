//! How many sequential round trips to storage things take: what they cost where storage is far away.
//!
//! A bound is what was counted when it was written. Who makes something take more says why.

use futures::TryStreamExt as _;
use icecore::backup::{BackupOptions, BackupReport, backup};
use icecore::format::event::{Event, EventId, EventTime, Members, Payload};
use icecore::restore::{RestoreOptions, restore};
use icecore::selection::StreamSelection;
use icecore::source::{
    EventBatch, EventReader, Reading, Source, SourceEnd, SourceError, SourceRequest, UnparsedBatch,
    Whole,
};
use icecore::streams::{events, streams};
use icecore::target::{
    Encoded, EventChunk, EventEncoder, EventWriter, RestoreEnd, Target, TargetError, TargetRequest,
    Written,
};
use icecore::{Monitor, Repository, async_trait, snapshots};
use icecore_format::snapshot::Snapshot;
use icecore_store::MemoryStore;
use icecore_tests::Host;
use icecore_tests::host::TINY_CHUNKS;
use icecore_tests::rounds::FarAway;
use std::sync::Arc;

const STREAMS: u64 = 20;

/// So many events, in memory.
struct Events(u64);

#[async_trait]
impl Source for Events {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn default_name(&self) -> String {
        "source".to_owned()
    }

    async fn open(&self, _: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        Ok(Box::new(Self(self.0)))
    }
}

#[async_trait]
impl EventReader for Events {
    fn reading(&self) -> &Reading {
        &Reading::Whole(Whole::First)
    }

    fn bytes_expected(&self) -> Option<u64> {
        None
    }

    async fn next(&mut self) -> Result<Option<UnparsedBatch>, SourceError> {
        let events = std::mem::take(&mut self.0);
        Ok((events > 0).then(|| UnparsedBatch::new(events, move || Ok(batch(events)))))
    }

    async fn finish(self: Box<Self>) -> Result<SourceEnd, SourceError> {
        Ok(SourceEnd::default())
    }
}

fn batch(events: u64) -> EventBatch {
    let mut batch = EventBatch::default();
    for number in 0..events {
        let (stream, payload) = (format!("stream-{}", number % STREAMS), number.to_string());
        let event = Event {
            stream: &stream,
            version: number / STREAMS + 1,
            event_type: "Counted",
            id: EventId::None,
            time: EventTime::None,
            metadata: None,
            members: Members::default(),
            payload: Payload::Inline(payload.as_bytes()),
        };
        batch.push(&event, None);
    }
    batch
}

/// A target that takes events for written.
struct Nowhere;

#[async_trait]
impl Target for Nowhere {
    fn kind(&self) -> &'static str {
        "nowhere"
    }

    async fn open(&self, _: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        Ok(Box::new(Counter(0)))
    }
}

struct Counter(u64);

impl EventEncoder for Nowhere {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        let mut events = 0;
        chunk.visit::<TargetError>(|_| {
            events += 1;
            Ok(())
        })?;
        Ok(Encoded { bytes: Vec::new(), events })
    }
}

#[async_trait]
impl EventWriter for Counter {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::new(Nowhere)
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        self.0 += encoded.events;
        Ok(())
    }

    async fn finish(self: Box<Self>, _: RestoreEnd) -> Result<Written, TargetError> {
        Ok(Written { events: self.0, bytes: 0, verified: None, notes: Vec::new() })
    }

    async fn abandon(self: Box<Self>) -> String {
        "nothing is there".to_owned()
    }
}

async fn back_up(host: &Host, repository: &Repository, events: u64) -> BackupReport {
    let options = BackupOptions { host: "host".to_owned(), ..host.backup_options() };
    backup(repository, &Events(events), &options, &Monitor::default()).await.unwrap()
}

/// A repository with so many backups, each of so many events more; a chunk is about ten events.
async fn grown(host: &Host, backups: u64, each: u64) -> (Arc<MemoryStore>, Snapshot) {
    let (store, repository) = host.init_small().await;
    let mut newest = None;
    for number in 1..=backups {
        newest = Some(back_up(host, &repository, number * each).await.snapshot);
    }
    (Arc::new(store), newest.unwrap())
}

fn assert_rounds(rounds: &[Vec<String>], at_most: usize) {
    assert!(rounds.len() <= at_most, "{} round trips: {rounds:#?}", rounds.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_takes_two_round_trips_and_at_most_four() {
    // A checkpoint is written after at least 64 entries.
    for (backups, at_most) in [(1, 2), (5, 2), (30, 3), (70, 4), (75, 4)] {
        let host = Host::new();
        let (store, _) = grown(&host, backups, 10).await;
        for host in [host.stranger(1), host] {
            let (repository, rounds) = FarAway::new(&host, store.clone()).open();
            assert_rounds(&rounds, at_most);
            assert_eq!(repository.state().await.snapshots.len() as u64, backups);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_nothing_new_takes_a_few_round_trips() {
    let host = Host::new();
    let (store, _) = grown(&host, 5, 500).await;
    let far = FarAway::new(&host, store);
    let (repository, _) = far.open();
    let (report, rounds) = far.count(back_up(&host, &repository, 2_500));
    assert_eq!((report.events_new, report.snapshot.counts.events), (0, 2_500));
    // The proof that puts are exclusive, while the ledger is read on; the entry, and its witness.
    assert_rounds(&rounds, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_takes_a_few_round_trips_however_many_chunks_it_is_in() {
    let host = Host::new();
    let (store, snapshot) = grown(&host, 12, 500).await;
    let wanted = StreamSelection::new(vec!["stream-3".to_owned()]).unwrap();
    // What index runs say; the segment and a page of its directory; then the chunks, sixteen at once: here
    // they are in twelve packs, and a pack's header comes with the first of its blocks.
    for (host, at_most) in [(host.stranger(1), 11), (host, 9)] {
        let far = FarAway::new(&host, store.clone());
        let (repository, _) = far.open();
        let reading = async {
            let chunks = events(&repository, &snapshot, &wanted).await.unwrap();
            let mut events = 0;
            let mut chunks = std::pin::pin!(chunks);
            while let Some(chunk) = chunks.try_next().await.unwrap() {
                chunk
                    .visit::<TargetError>(|_| {
                        events += 1;
                        Ok(())
                    })
                    .unwrap();
            }
            events
        };
        let (events, rounds) = far.count(reading);
        assert_eq!(events, 12 * 500 / STREAMS);
        assert_rounds(&rounds, at_most);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_of_many_segments_takes_a_few_round_trips_more() {
    let (host, store) = (Host::new(), Arc::new(MemoryStore::new()));
    let repository = host.init_with_chunks(store.clone(), TINY_CHUNKS).await;
    let snapshot = back_up(&host, &repository, 60_000).await.snapshot;
    assert!(snapshot.event_log.as_ref().unwrap().span().segments > 24);
    let wanted = StreamSelection::new(vec!["stream-3".to_owned()]).unwrap();
    let far = FarAway::new(&host, store);
    let (repository, _) = far.open();
    let (streams, rounds) = far.count(streams(&repository, &snapshot, &wanted));
    assert_eq!(streams.unwrap()[0].events, 60_000 / STREAMS);
    // Eight segments, and the pages of eight directories, at a time.
    assert_rounds(&rounds, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_asks_for_many_things_at_once() {
    let host = Host::new();
    let (store, _) = grown(&host, 12, 500).await;
    let far = FarAway::new(&host.stranger(1), store);
    let (repository, _) = far.open();
    let restoring = async {
        let state = repository.state().await;
        let snapshot = &snapshots::find(&state, "latest", None).unwrap().snapshot;
        let (options, monitor) = (RestoreOptions::default(), Monitor::default());
        restore(&repository, snapshot, &Nowhere, &options, &monitor).await.unwrap()
    };
    let (report, rounds) = far.count(restoring);
    assert_eq!(report.events_restored, 12 * 500);
    assert_rounds(&rounds, 10);
}
