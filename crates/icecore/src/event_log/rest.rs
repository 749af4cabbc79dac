//! The chunks of a log's rest as this machine keeps them: they become events again when there are enough to
//! be cut for good.

use super::chunk::ReadyChunk;
use super::streams::ChunkStreams;
use crate::selection::StreamSelection;
use crate::session::NewChunk;
use crate::source::{CommitRun, EventBatch, EventForms};
use bytes::Bytes;
use icecore_format::event::{Beside, Boundary, Event, FormKind, Payload, RecordBodies, Template};
use icecore_format::event_log::SegmentChunk;
use icecore_format::keys::KeySet;
use icecore_format::record::DecodeError;
use icecore_format::{ChunkId, ChunkKind};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A chunk of the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptChunk {
    pub(super) entry: SegmentChunk,
    /// The plaintext of its records.
    records: Vec<u8>,
    /// The plaintext of what stands beside them.
    beside: Option<Vec<u8>>,
}

impl KeptChunk {
    /// What is kept of a chunk that is about to be stored.
    pub(super) fn new(chunk: &ReadyChunk) -> Self {
        let plaintext = |wanted| {
            let found = chunk.chunks.iter().find(|new: &&NewChunk| new.kind == wanted);
            found.map(|new| new.plaintext.clone())
        };
        Self {
            entry: chunk.entry,
            records: plaintext(ChunkKind::Events).unwrap_or_default(),
            beside: plaintext(ChunkKind::Beside),
        }
    }

    /// Whether this is what was stored under its ids.
    pub(super) fn is_genuine(&self, keys: &KeySet) -> bool {
        let beside = self.beside.as_ref().map(|beside| keys.chunk_id(ChunkKind::Beside, beside));
        keys.chunk_id(ChunkKind::Events, &self.records) == self.entry.records
            && beside == self.entry.beside
    }

    /// Its streams.
    pub(super) fn streams(&self, boundary: &Boundary) -> Result<ChunkStreams, DecodeError> {
        let mut streams = ChunkStreams::default();
        for body in icecore_format::event::records(&self.records)? {
            let event = Event::decode_body(body?)?;
            let hash = |stream: &str| boundary.hash(stream.as_bytes());
            streams.add(event.stream, event.version, event.time.timestamp(), hash);
        }
        Ok(streams)
    }

    /// Its events, as the source gave them.
    pub(super) fn into_batch(self) -> Result<EventBatch, DecodeError> {
        let mut records = self.records;
        // The chunk's version: a batch has none.
        icecore_format::event::records(&records)?;
        records.remove(0);
        let mut batch = EventBatch::default();
        let mut bodies = RecordBodies::unversioned(&records);
        let mut ends = Vec::new();
        while let Some(body) = bodies.next() {
            body?;
            ends.push(records.len() - bodies.remaining());
        }
        if let Some(bytes) = &self.beside {
            let beside = Beside::decode(bytes, ends.len() as u32)?;
            let found = FoundBeside::of(&beside, self.entry.position, ends.len())?;
            (batch.positions, batch.forms) = (found.positions, found.forms);
            batch.commits = found.commits;
        }
        (batch.records, batch.record_ends) = (records, ends);
        Ok(batch)
    }
}

/// The batch of a chunk that a follower captured, its large payloads inline again.
pub(crate) fn captured_batch(
    entry: SegmentChunk,
    records: &[u8],
    beside: Option<&[u8]>,
    payloads: &HashMap<ChunkId, Bytes>,
) -> Result<EventBatch, DecodeError> {
    let beside = beside.map(<[u8]>::to_vec);
    let mut batch = KeptChunk { entry, records: records.to_vec(), beside }.into_batch()?;
    batch.source_bytes = u64::from(entry.record_bytes) + entry.payload_bytes;
    if payloads.is_empty() {
        return Ok(batch);
    }
    let (mut inline, mut ends) = (Vec::new(), Vec::with_capacity(batch.record_ends.len()));
    for body in RecordBodies::unversioned(&batch.records) {
        let mut event = Event::decode_body(body?)?;
        let mut gathered = Vec::new();
        if let Payload::Chunked(chunked) = event.payload {
            for id in chunked.ids() {
                let missing = "a chunk of its payload is missing";
                let chunk = payloads
                    .get(&id)
                    .ok_or(DecodeError::Malformed { record: "the event", what: missing })?;
                gathered.extend_from_slice(chunk);
            }
            event.payload = Payload::Inline(&gathered);
        }
        event.encode_into(&mut inline);
        ends.push(inline.len());
    }
    (batch.records, batch.record_ends) = (inline, ends);
    Ok(batch)
}

/// The chunks of the large payloads that a chunk of events has of these streams.
pub(crate) fn payloads_of(
    records: &[u8],
    streams: &StreamSelection,
) -> Result<Vec<ChunkId>, DecodeError> {
    let mut ids = Vec::new();
    for body in icecore_format::event::records(records)? {
        let event = Event::decode_body(body?)?;
        if let Payload::Chunked(payload) = event.payload
            && streams.includes(event.stream)
        {
            ids.extend(payload.ids());
        }
    }
    Ok(ids)
}

struct FoundBeside {
    positions: Vec<Option<u64>>,
    commits: Vec<CommitRun>,
    forms: EventForms,
}

impl FoundBeside {
    fn of(beside: &Beside, position: Option<u64>, events: usize) -> Result<Self, DecodeError> {
        let mut positions = Vec::with_capacity(events);
        let mut commits: Vec<CommitRun> = Vec::new();
        let mut forms = EventForms { kind: beside.form, ..EventForms::default() };
        let mut numbers = HashMap::<&Template, u32>::new();
        let (mut event_forms, mut pieces) = beside.forms(position);
        for _ in 0..events {
            let form = event_forms.next_form();
            positions.push(form.position);
            match commits.last_mut() {
                Some(run) if run.commit == form.commit => run.events += 1,
                _ => commits.push(CommitRun { events: 1, commit: form.commit }),
            }
            let Some(template) = form.template else { continue };
            let number = *numbers.entry(template).or_insert_with(|| {
                forms.templates.push(template.clone());
                forms.templates.len() as u32 - 1
            });
            forms.template_of.push(number);
            forms.pieces.extend_from_slice(template.take_pieces(&mut pieces)?.rest());
            forms.piece_ends.push(forms.pieces.len());
        }
        if beside.form != FormKind::None && forms.template_of.len() != events {
            let (record, what) = ("the chunk beside the events", "events without a template");
            return Err(DecodeError::Malformed { record, what });
        }
        commits.retain(|_| beside.knows_commits());
        Ok(Self { positions, commits, forms })
    }
}
