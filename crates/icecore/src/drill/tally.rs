//! What every stream has: how many events, which versions, and a digest of their records that does not
//! depend on their order.

use crate::monitor::Monitor;
use crate::recover::{RecoverError, RecoverRequest, recover};
use crate::repository::Repository;
use crate::restore::RestoreOptions;
use crate::target::{
    Encoded, EventChunk, EventEncoder, EventWriter, RestoreEnd, Target, TargetError, TargetRequest,
    Written,
};
use async_trait::async_trait;
use icecore_format::event::{Event, Payload};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What each stream has, by its id.
pub type Tally = HashMap<String, StreamTally>;

/// What a stream has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamTally {
    /// Events.
    pub events: u64,
    /// The smallest version.
    pub first_version: u64,
    /// The largest version.
    pub last_version: u64,
    /// The sum of the hashes of their records, in four parts: the same in any order. Nobody chooses
    /// records so that sums agree, since whoever could has the store.
    digest: [u64; 4],
}

impl StreamTally {
    /// Whether versions are missing between the first and the last. Only for a stream whose versions
    /// do not come again.
    pub fn has_hole(&self) -> bool {
        self.events > 0 && self.last_version - self.first_version >= self.events
    }

    /// Counts an event, whose record this is.
    pub(super) fn add(&mut self, version: u64, record: &[u8]) {
        let hash = blake3::hash(record);
        let (words, _) = hash.as_bytes().as_chunks::<8>();
        let mut digest = [0; 4];
        for (part, word) in digest.iter_mut().zip(words) {
            *part = u64::from_le_bytes(*word);
        }
        self.merge(&Self { events: 1, first_version: version, last_version: version, digest });
    }

    fn merge(&mut self, other: &Self) {
        if self.events == 0 {
            *self = *other;
            return;
        }
        self.events += other.events;
        self.first_version = self.first_version.min(other.first_version);
        self.last_version = self.last_version.max(other.last_version);
        for (part, added) in self.digest.iter_mut().zip(other.digest) {
            *part = part.wrapping_add(added);
        }
    }
}

/// Tallies what a recovery gives.
pub async fn tally(
    repository: &Repository,
    request: &RecoverRequest,
    monitor: &Monitor,
) -> Result<Tally, RecoverError> {
    let target = TallyTarget::default();
    let options = RestoreOptions::default();
    let _report = recover(repository, request, &target, &options, monitor).await?;
    Ok(std::mem::take(&mut *lock(&target.0)))
}

/// A target that keeps nothing but the tally.
#[derive(Clone, Default)]
struct TallyTarget(Arc<Mutex<Tally>>);

#[async_trait]
impl Target for TallyTarget {
    fn kind(&self) -> &'static str {
        "tally"
    }

    async fn open(&self, _request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError> {
        Ok(Box::new(TallyWriter { tally: self.clone(), events: 0 }))
    }
}

struct TallyWriter {
    tally: TallyTarget,
    events: u64,
}

#[async_trait]
impl EventWriter for TallyWriter {
    fn encoder(&self) -> Arc<dyn EventEncoder> {
        Arc::new(self.tally.clone())
    }

    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError> {
        self.events += encoded.events;
        Ok(())
    }

    async fn finish(self: Box<Self>, _end: RestoreEnd) -> Result<Written, TargetError> {
        Ok(Written { events: self.events, bytes: 0, verified: None, notes: Vec::new() })
    }

    async fn abandon(self: Box<Self>) -> String {
        "nothing was written".to_owned()
    }
}

impl EventEncoder for TallyTarget {
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError> {
        // Of its own first, so that chunks are hashed at once.
        let mut streams = Tally::new();
        let (mut record, mut events) = (Vec::new(), 0);
        chunk.visit::<TargetError>(|restored| {
            // As a source gives it: with its payload inside.
            let payload = Payload::Inline(restored.payload);
            let event = Event { payload, ..restored.event };
            record.clear();
            event.encode_into(&mut record);
            add(&mut streams, &event, &record);
            events += 1;
            Ok(())
        })?;
        let mut all = lock(&self.0);
        for (stream, tally) in streams {
            all.entry(stream).or_default().merge(&tally);
        }
        Ok(Encoded { bytes: Vec::new(), events })
    }
}

/// Counts an event in its stream.
pub(super) fn add(tally: &mut Tally, event: &Event<'_>, record: &[u8]) {
    if let Some(stream) = tally.get_mut(event.stream) {
        stream.add(event.version, record);
    } else {
        tally.entry(event.stream.to_owned()).or_default().add(event.version, record);
    }
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    // Whoever panicked with it ended the recovery.
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
