//! From a cut to a chunk: its plaintext, what stands beside it, and what the log needs to know of
//! it. All of it is CPU work for the pool.

use super::cut::{Cut, Piece, record_body};
use super::streams::ChunkStreams;
use crate::session::NewChunk;
use icecore_format::config::ChunkBytes;
use icecore_format::event::record::VERSION;
use icecore_format::event::{
    BesideBuilder, Boundary, ChunkedPayload, Event, FormKind, Payload, RecordBodies,
};
use icecore_format::event_log::{SegmentChunk, Span};
use icecore_format::keys::KeySet;
use icecore_format::limits::PAYLOAD_INLINE_BYTES_MAX;
use icecore_format::record::DecodeError;
use icecore_format::{ChunkId, ChunkKind};

/// A chunk of events, ready to be stored.
#[derive(Debug)]
pub(super) struct ReadyChunk {
    /// How its segment lists it.
    pub(super) entry: SegmentChunk,
    /// What it spans; no segments.
    pub(super) span: Span,
    /// The chunks themselves: large payloads, what stands beside, records.
    pub(super) chunks: Vec<NewChunk>,
    /// Its streams.
    pub(super) streams: ChunkStreams,
}

/// Builds the chunk of a cut.
pub(super) fn build(
    cut: &Cut,
    keys: &KeySet,
    boundary: &Boundary,
    data: ChunkBytes,
) -> Result<ReadyChunk, DecodeError> {
    let mut builder = Builder {
        keys,
        boundary,
        data,
        plaintext: vec![VERSION],
        beside: BesideBuilder::new(form_of(cut)),
        chunks: Vec::new(),
        payload_bytes: 0,
        span: Span::default(),
        streams: ChunkStreams::default(),
    };
    for piece in cut {
        builder.add(piece)?;
    }
    Ok(builder.finish())
}

fn form_of(cut: &Cut) -> FormKind {
    cut.first().map_or(FormKind::None, |piece| piece.batch.batch.forms.kind)
}

struct Builder<'a> {
    keys: &'a KeySet,
    boundary: &'a Boundary,
    data: ChunkBytes,
    plaintext: Vec<u8>,
    beside: BesideBuilder,
    chunks: Vec<NewChunk>,
    payload_bytes: u64,
    span: Span,
    streams: ChunkStreams,
}

impl Builder<'_> {
    fn add(&mut self, piece: &Piece) -> Result<(), DecodeError> {
        let batch = &piece.batch.batch;
        let first = piece.events.start;
        let start = if first == 0 { 0 } else { batch.record_ends[first - 1] };
        let end = batch.record_ends[piece.events.end - 1];
        let records = batch.records.get(start..end).unwrap_or_default();
        if records.len() <= PAYLOAD_INLINE_BYTES_MAX * piece.events.len()
            && !piece.events.clone().any(|index| is_large(piece, index))
        {
            self.plaintext.extend_from_slice(records);
        } else {
            for index in piece.events.clone() {
                self.add_record(record_body(batch, index)?)?;
            }
        }
        for (index, body) in piece.events.clone().zip(RecordBodies::unversioned(records)) {
            self.note(&Event::decode_body(body?)?, piece, index);
        }
        Ok(())
    }

    /// Adds a record, its payload by reference if that is large.
    fn add_record(&mut self, body: &[u8]) -> Result<(), DecodeError> {
        let mut event = Event::decode_body(body)?;
        let mut ids = Vec::new();
        if let Payload::Inline(payload) = event.payload
            && payload.len() > PAYLOAD_INLINE_BYTES_MAX
        {
            for chunk in self.cut_payload(payload) {
                let id = self.keys.chunk_id(ChunkKind::Data, chunk);
                ids.extend_from_slice(&id.0);
                let plaintext = chunk.to_vec();
                self.chunks.push(NewChunk { kind: ChunkKind::Data, id, plaintext });
            }
            self.payload_bytes += payload.len() as u64;
            event.payload = Payload::Chunked(ChunkedPayload::new(payload.len() as u64, &ids));
        }
        event.encode_into(&mut self.plaintext);
        Ok(())
    }

    fn cut_payload<'p>(&self, payload: &'p [u8]) -> impl Iterator<Item = &'p [u8]> + use<'p> {
        let ChunkBytes { min, average, max } = self.data;
        let key = self.keys.boundary_key();
        let seed = u64::from_le_bytes(*key.first_chunk().unwrap_or(&[0; 8]));
        let level = fastcdc::v2020::Normalization::Level1;
        let cuts = fastcdc::v2020::FastCDC::with_level_and_seed(
            payload,
            min as usize,
            average as usize,
            max as usize,
            level,
            seed,
        );
        cuts.map(|cut| &payload[cut.offset..cut.offset + cut.length])
    }

    /// Notes what log and directory need to know of an event.
    fn note(&mut self, event: &Event<'_>, piece: &Piece, index: usize) {
        let batch = &piece.batch.batch;
        let position = batch.positions.get(index).copied().flatten();
        let forms = &batch.forms;
        let template = forms
            .template_of
            .get(index)
            .and_then(|number| forms.templates.get(*number as usize))
            .map(|template| {
                let first = if index == 0 { 0 } else { forms.piece_ends[index - 1] };
                (template, forms.pieces.get(first..forms.piece_ends[index]).unwrap_or_default())
            });
        let commit = piece.batch.commit(index);
        self.beside.commit(commit);
        self.beside.push(position, template);

        let time = event.time.timestamp();
        self.span.add(&Span {
            events: 1,
            first_position: position,
            last_position: position,
            first_time: time,
            last_time: time,
            first_commit: commit.map(|commit| commit.time),
            last_commit: commit.map(|commit| commit.time),
            commits_known: u64::from(commit.is_some()),
            ..Span::default()
        });
        let hash = |stream: &str| self.boundary.hash(stream.as_bytes());
        self.streams.add(event.stream, event.version, time, hash);
    }

    fn finish(mut self) -> ReadyChunk {
        let position = self.beside.first_position();
        let beside = self.beside.finish().map(|plaintext| {
            let id = self.keys.chunk_id(ChunkKind::Beside, &plaintext);
            self.chunks.push(NewChunk { kind: ChunkKind::Beside, id, plaintext });
            id
        });
        let record_bytes = self.plaintext.len() as u32;
        let records: ChunkId = self.keys.chunk_id(ChunkKind::Events, &self.plaintext);
        self.chunks.push(NewChunk {
            kind: ChunkKind::Events,
            id: records,
            plaintext: self.plaintext,
        });
        self.span.record_bytes = u64::from(record_bytes);
        self.span.chunks = 1;
        self.span.streams_of_chunks = self.streams.len() as u64;
        let events = self.span.events as u32;
        ReadyChunk {
            entry: SegmentChunk {
                records,
                beside,
                events,
                record_bytes,
                payload_bytes: self.payload_bytes,
                position,
            },
            span: self.span,
            chunks: self.chunks,
            streams: self.streams,
        }
    }
}

/// Whether an event's record is long enough for its payload to be chunked by itself.
fn is_large(piece: &Piece, index: usize) -> bool {
    let ends = &piece.batch.batch.record_ends;
    let first = if index == 0 { 0 } else { ends[index - 1] };
    ends[index] - first > PAYLOAD_INLINE_BYTES_MAX
}
