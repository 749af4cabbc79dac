//! A file of events that is followed as if they came a few at a time: it is read once, and what was
//! read is given in small batches.
//!
//! Each has the token of the file's end, since nobody goes on from any other.

use async_trait::async_trait;
use icecore::source::{
    Captured, EventBatch, EventFollower, EventForms, EventReader, Follow, FollowError, Source,
    SourceEnd, SourceError, SourceRequest, UnparsedBatch,
};
use icecore_sources::events::ndjson::NdjsonSource;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// A file of events, and how many come at a time.
pub(super) struct Replayed {
    pub(super) file: NdjsonSource,
    pub(super) events_per_flush: u64,
}

#[async_trait]
impl Source for Replayed {
    fn kind(&self) -> &'static str {
        self.file.kind()
    }

    fn default_name(&self) -> String {
        self.file.default_name()
    }

    async fn open(&self, request: &SourceRequest) -> Result<Box<dyn EventReader>, SourceError> {
        self.file.open(request).await
    }

    async fn follow(&self, request: &SourceRequest) -> Result<Follow, SourceError> {
        let mut reader = self.file.open(request).await?;
        let mut events = Vec::new();
        while let Some(batch) = reader.next().await? {
            let batch = batch.parse()?;
            events.extend((0..batch.record_ends.len()).map(|event| part(&batch, event..event + 1)));
        }
        let mut batches = VecDeque::new();
        let mut events = events.into_iter();
        loop {
            let batch: Vec<_> = events.by_ref().take(self.events_per_flush as usize).collect();
            if batch.is_empty() {
                break;
            }
            batches.push_back(batch);
        }
        let SourceEnd { resume, kept, .. } = reader.finish().await?;
        Ok(Follow::By(Box::new(Replay { batches, resume, kept })))
    }
}

/// What is still to come.
struct Replay {
    batches: VecDeque<Vec<EventBatch>>,
    resume: Vec<u8>,
    kept: Vec<u8>,
}

#[async_trait]
impl EventFollower for Replay {
    fn way(&self) -> String {
        "being replayed".to_owned()
    }

    async fn next(&mut self, patience: Duration) -> Result<Option<Captured>, FollowError> {
        let Some(events) = self.batches.pop_front() else {
            tokio::time::sleep(patience).await;
            return Ok(None);
        };
        let batches = events.into_iter().map(|batch| UnparsedBatch::new(1, move || Ok(batch)));
        let (resume, kept) = (self.resume.clone(), self.kept.clone());
        Ok(Some(Captured { batches: batches.collect(), resume, kept, more_follows: false }))
    }

    async fn acknowledge(&mut self, _resume: &[u8]) -> Result<(), FollowError> {
        Ok(())
    }
}

/// Some events of a batch.
fn part(batch: &EventBatch, events: Range<usize>) -> EventBatch {
    let start = |ends: &[usize]| events.start.checked_sub(1).map_or(0, |before| ends[before]);
    let end = |ends: &[usize]| ends[events.end - 1];
    let shifted = |ends: &[usize]| {
        let start = start(ends);
        ends[events.clone()].iter().map(|end| end - start).collect::<Vec<_>>()
    };
    let forms = &batch.forms;
    let numbers = &forms.template_of[events.clone()];
    EventBatch {
        records: batch.records[start(&batch.record_ends)..end(&batch.record_ends)].to_vec(),
        record_ends: shifted(&batch.record_ends),
        positions: batch.positions.get(events.clone()).unwrap_or_default().to_vec(),
        forms: EventForms {
            kind: forms.kind,
            templates: numbers.iter().map(|it| forms.templates[*it as usize].clone()).collect(),
            template_of: (0..numbers.len() as u32).collect(),
            pieces: forms.pieces[start(&forms.piece_ends)..end(&forms.piece_ends)].to_vec(),
            piece_ends: shifted(&forms.piece_ends),
        },
        source_bytes: 1,
        ..EventBatch::default()
    }
}
