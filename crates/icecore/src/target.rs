//! Where snapshots are restored to: the traits that a target implements.
//!
//! Encoding what is written is CPU work and done for many chunks at once; writing is done in order.

use crate::source::SourceFile;
use async_trait::async_trait;
use bytes::Bytes;
use icecore_format::event::{Beside, Event, FormKind, Payload, Pieces, Template, records};
use icecore_format::{ChunkId, DecodeError};
use std::collections::HashMap;
use std::sync::Arc;

use crate::recover::ChunkFilter;
use crate::selection::StreamSelection;

/// Somewhere to restore events to.
#[async_trait]
pub trait Target: Send + Sync {
    /// What it is: `ndjson`, `sqlite`.
    fn kind(&self) -> &'static str;

    /// Whether streams can go beside others that are there: if not, a target is written whole.
    fn takes_streams_beside_others(&self) -> bool {
        false
    }

    /// Starts writing. Fails, with nothing changed, if the target is not empty and must not be
    /// overwritten, or cannot take what the snapshot has.
    async fn open(&self, request: &TargetRequest) -> Result<Box<dyn EventWriter>, TargetError>;
}

/// What a target is asked to take.
#[derive(Clone, Debug, Default)]
pub struct TargetRequest {
    /// What the snapshot's source was: `ndjson`, `sqlite`.
    pub source_kind: String,
    /// Whether a target that is not empty may be replaced.
    pub overwrite: bool,
    /// Whether all of the source is restored as it was: no stream left out, none renamed, none
    /// beside others.
    pub whole: bool,
    /// Whether events of the snapshot are left out since they are beyond a point: what it has beside
    /// its events is then of a later state.
    pub is_cut: bool,
    /// What becomes of streams that are there already, if the user said so. Only for targets that
    /// take streams beside others.
    pub on_conflict: Option<OnConflict>,
    /// The streams, unless all of the source is restored as it was.
    pub streams: Vec<RequestedStream>,
    /// How what was written is verified.
    pub verification: Verification,
    /// What the snapshot has beyond its events, such as a schema, which is needed before the first
    /// of them, and consumers' checkpoints.
    pub files: Vec<SourceFile>,
}

/// How a target is compared with what was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// By counts and hashes of all that is there, which a database computes itself. Targets that
    /// compute nothing are read back.
    #[default]
    Hashes,
    /// By reading all of it back.
    ReadBack,
}

/// What becomes of a stream whose id is at the target already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Nothing is restored.
    #[default]
    Fail,
    /// It stays as it is there.
    Skip,
    /// Its events there make room for those of the snapshot.
    Replace,
}

/// A stream that a target is asked to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedStream {
    /// Its id in the snapshot.
    pub source: String,
    /// Its id at the target.
    pub stream: String,
    /// Its events in the snapshot.
    pub events: u64,
}

/// How a stream ended at the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamEnd {
    /// It was not there, and is.
    #[default]
    Restored,
    /// It was there, and was left as it was.
    Skipped,
    /// It was there, and is as the snapshot has it.
    Replaced,
}

/// Writes restored events.
#[async_trait]
pub trait EventWriter: Send {
    /// How a stream, by its id at the target, will end if all goes well. The encoder leaves out the
    /// events of those that are skipped.
    fn end_of(&self, _stream: &str) -> StreamEnd {
        StreamEnd::Restored
    }

    /// The CPU part of writing.
    fn encoder(&self) -> Arc<dyn EventEncoder>;

    /// Writes what the encoder made; called in the order of the snapshot.
    async fn write(&mut self, encoded: Encoded) -> Result<(), TargetError>;

    /// Writes the rest, makes all of it durable, and verifies what was written, as it was asked to.
    /// Only now is the target complete under its own name.
    async fn finish(self: Box<Self>, end: RestoreEnd) -> Result<Written, TargetError>;

    /// Gives up. Returns a sentence that says exactly what is there now.
    async fn abandon(self: Box<Self>) -> String;
}

/// Turns chunks of events into what a target writes. Runs on the pool, for several at once.
pub trait EventEncoder: Send + Sync {
    /// Encodes the chosen events of a chunk.
    fn encode(&self, chunk: &EventChunk) -> Result<Encoded, TargetError>;
}

/// What an encoder made of a chunk; its meaning is the target's own.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Events in them.
    pub events: u64,
}

/// What a snapshot has after its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreEnd {
    /// What follows the last event in a file.
    pub epilogue: Vec<u8>,
}

/// What was written, and how it was found to be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Events.
    pub events: u64,
    /// Bytes, in bytes.
    pub bytes: u64,
    /// How it was compared with what was to be written; a pipe cannot be.
    pub verified: Option<Verification>,
    /// What the user should know: what the target could not take.
    pub notes: Vec<String>,
}

/// A chunk of events on its way to a target: its chunk ids are verified.
#[derive(Debug)]
pub struct EventChunk {
    /// The chunk's plaintext.
    pub records: Bytes,
    /// What stands beside it.
    pub beside: Option<Beside>,
    /// The position of its first event that has one.
    pub first_position: Option<u64>,
    /// The chunks of its large payloads.
    pub payload_chunks: HashMap<ChunkId, Bytes>,
    /// Which of its events are wanted.
    pub streams: StreamSelection,
    /// Which of these, if some are beyond a point.
    pub filter: Option<ChunkFilter>,
    /// What the streams are to be called instead.
    pub rename: Option<String>,
}

/// One event on its way to a target.
#[derive(Debug)]
pub struct RestoredEvent<'a> {
    /// The event, under its new stream id if it gets one.
    pub event: Event<'a>,
    /// The payload.
    pub payload: &'a [u8],
    /// Its position at the source.
    pub position: Option<u64>,
    /// What its template renders.
    pub form: FormKind,
    /// How its source wrote it.
    pub template: Option<&'a Template>,
    /// The verbatim pieces that the template takes.
    pub pieces: Pieces<'a>,
    /// Whether it goes under a new stream id, so that what is verbatim of the old one is wrong.
    pub renamed: bool,
}

impl EventChunk {
    /// Calls `visit` for each wanted event in order.
    pub fn visit<E: From<DecodeError>>(
        &self,
        mut visit: impl FnMut(RestoredEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let empty = Beside::default();
        let beside = self.beside.as_ref().unwrap_or(&empty);
        let (mut forms, mut pieces) = beside.forms(self.first_position);
        for (number, body) in records(&self.records)?.enumerate() {
            let mut event = Event::decode_body(body?)?;
            let form = forms.next_form();
            let own_pieces = match form.template {
                Some(template) => template.take_pieces(&mut pieces)?,
                None => Pieces::new(&[]),
            };
            let is_in =
                |filter: &ChunkFilter| filter.includes(&event, form.position, number as u64);
            if !self.streams.includes(event.stream) || !self.filter.as_ref().is_none_or(is_in) {
                continue;
            }
            let gathered;
            let payload = match event.payload {
                Payload::Inline(payload) => payload,
                Payload::Chunked(chunked) => {
                    gathered = self.gather(chunked)?;
                    &gathered
                }
            };
            if let Some(stream) = &self.rename {
                event.stream = stream;
            }
            visit(RestoredEvent {
                event,
                payload,
                position: form.position,
                form: beside.form,
                template: form.template,
                pieces: own_pieces,
                renamed: self.rename.is_some(),
            })?;
        }
        Ok(())
    }

    fn gather(
        &self,
        payload: icecore_format::event::ChunkedPayload<'_>,
    ) -> Result<Vec<u8>, DecodeError> {
        let malformed = |what| DecodeError::Malformed { record: "the event's payload", what };
        let mut bytes = Vec::with_capacity(payload.bytes as usize);
        for id in payload.ids() {
            let chunk =
                self.payload_chunks.get(&id).ok_or_else(|| malformed("a chunk is missing"))?;
            bytes.extend_from_slice(chunk);
        }
        if bytes.len() as u64 == payload.bytes {
            Ok(bytes)
        } else {
            Err(malformed("its chunks do not add up to its length"))
        }
    }
}

/// A target that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    /// What a caller may do about it.
    pub kind: TargetErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Kinds of [`TargetError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetErrorKind {
    /// It is not empty, and must not be overwritten.
    NotEmpty,
    /// It has streams of the same ids, and these must be neither skipped nor replaced.
    Conflict,
    /// It has an event of the snapshot in another stream, and cannot have it twice.
    EventIsThere,
    /// It cannot hold what the snapshot has.
    Unsuitable,
    /// It could not be written.
    Unwritable,
    /// Nobody reads what is written any more.
    Closed,
    /// What was read back is not what was written.
    Differs,
}

impl TargetError {
    /// An error that says which step failed on what, and not why: that is its source.
    pub fn new(kind: TargetErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }
}

impl From<DecodeError> for TargetError {
    fn from(error: DecodeError) -> Self {
        Self::new(TargetErrorKind::Unsuitable, "cannot decode the events of a chunk").because(error)
    }
}
