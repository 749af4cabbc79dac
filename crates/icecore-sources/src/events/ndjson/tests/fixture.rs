//! Reading bytes as a source does and writing them as a target does, without files.

use super::super::batch::{self, Context};
use super::super::encode::LineEncoder;
use super::super::member_map::MemberMap;
use super::super::piece::{Input, PieceReader, Sizes};
use super::super::resume::Start;
use icecore::selection::StreamSelection;
use icecore::source::{EventBatch, SourceError, Whole};
use icecore::target::{EventChunk, EventEncoder};
use icecore_format::event::{Beside, BesideBuilder};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) batches: Vec<EventBatch>,
    pub(super) epilogue: Vec<u8>,
}

/// How to read.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) members: MemberMap,
    pub(super) streams: StreamSelection,
    pub(super) sizes: Sizes,
}

impl Default for Options {
    fn default() -> Self {
        let members = MemberMap::default();
        let streams = StreamSelection::default();
        Self { members, streams, sizes: Sizes::default() }
    }
}

/// Reads `file`, called `shop.ndjson`.
pub(super) fn read(file: &[u8], options: &Options) -> Result<Read, SourceError> {
    let Options { members, streams, sizes } = options.clone();
    let context = Arc::new(Context { name: "shop.ndjson".to_owned(), members, streams });
    let input = Input::Stream(Box::new(Cursor::new(file.to_vec())));
    let start = Start::whole(Whole::First, sizes.block_bytes);
    let mut pieces = PieceReader::new(input, start, Arc::clone(&context), sizes);
    let mut batches = Vec::new();
    while let Some(piece) = pieces.next()? {
        batches.push(batch::parse(&piece, &context)?);
    }
    Ok(Read { batches, epilogue: pieces.finish().epilogue })
}

/// The chunk that a repository would give back for all of `batch`.
pub(super) fn chunk(batch: &EventBatch) -> EventChunk {
    let forms = &batch.forms;
    let mut beside = BesideBuilder::new(forms.kind);
    let mut pieces_start = 0;
    for (index, pieces_end) in forms.piece_ends.iter().enumerate() {
        let template = &forms.templates[forms.template_of[index] as usize];
        let pieces = &forms.pieces[pieces_start..*pieces_end];
        pieces_start = *pieces_end;
        beside.push(batch.positions.get(index).copied().flatten(), Some((template, pieces)));
    }
    let first_position = beside.first_position();
    let bytes = beside.finish().expect("lines have a form");
    let events = batch.record_ends.len() as u32;
    EventChunk {
        records: [&[icecore_format::event::record::VERSION], batch.records.as_slice()]
            .concat()
            .into(),
        beside: Some(Beside::decode(&bytes, events).expect("what was built decodes")),
        first_position,
        payload_chunks: HashMap::new(),
        streams: StreamSelection::default(),
        filter: None,
        rename: None,
    }
}

/// The lines that a target writes for `chunk`.
pub(super) fn encode(chunk: &EventChunk) -> String {
    let encoded = LineEncoder::default().encode(chunk).expect("the chunk can be encoded");
    String::from_utf8(encoded.bytes).expect("lines are text")
}

/// The file that a restore of what was read gives.
pub(super) fn write(read: &Read) -> Vec<u8> {
    let encoder = LineEncoder::default();
    let mut file = Vec::new();
    for batch in &read.batches {
        let lines = encoder.encode(&chunk(batch)).expect("the chunk can be encoded");
        assert_eq!(lines.events, batch.record_ends.len() as u64);
        if lines.events > 0 && file.last().is_some_and(|last| *last != b'\n') {
            file.push(b'\n');
        }
        file.extend_from_slice(&lines.bytes);
    }
    file.extend_from_slice(&read.epilogue);
    file
}
