//! Arbitrary events, templates and forms.

use super::{bytes, number, text, timestamp};
use icecore_format::event::time_text::TimeStyle;
use icecore_format::event::{
    ChunkedPayload, Event, EventId, EventTime, Member, Members, Payload, Pieces, Style, Template,
};
use icecore_format::{ChunkId, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// An event that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) struct OwnedEvent {
    pub(crate) stream: String,
    pub(crate) version: u64,
    pub(crate) event_type: String,
    pub(crate) id: OwnedId,
    pub(crate) time: OwnedTime,
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) payload: OwnedPayload,
    members_encoded: Vec<u8>,
    ids_encoded: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(crate) enum OwnedId {
    None,
    Uuid([u8; 16]),
    Text(String),
}

#[derive(Clone, Debug)]
pub(crate) enum OwnedTime {
    None,
    At(Timestamp),
    Text(String),
}

#[derive(Clone, Debug)]
pub(crate) enum OwnedPayload {
    Inline(Vec<u8>),
    Chunked(u64, Vec<ChunkId>),
}

impl OwnedEvent {
    /// The event that borrows from this one.
    pub(crate) fn event(&self) -> Event<'_> {
        Event {
            stream: &self.stream,
            version: self.version,
            event_type: &self.event_type,
            id: match &self.id {
                OwnedId::None => EventId::None,
                OwnedId::Uuid(uuid) => EventId::Uuid(*uuid),
                OwnedId::Text(text) => EventId::Text(text),
            },
            time: match &self.time {
                OwnedTime::None => EventTime::None,
                OwnedTime::At(time) => EventTime::At(*time),
                OwnedTime::Text(text) => EventTime::Text(text),
            },
            metadata: self.metadata.as_deref(),
            members: Members::new(&self.members_encoded),
            payload: match &self.payload {
                OwnedPayload::Inline(bytes) => Payload::Inline(bytes),
                OwnedPayload::Chunked(bytes, _) => {
                    Payload::Chunked(ChunkedPayload::new(*bytes, &self.ids_encoded))
                }
            },
        }
    }
}

/// Events with every kind of id, time, metadata, members and payload.
pub(crate) fn event() -> BoxedStrategy<OwnedEvent> {
    let id = prop_oneof![
        Just(OwnedId::None),
        any::<[u8; 16]>().prop_map(OwnedId::Uuid),
        text().prop_map(OwnedId::Text),
    ];
    let time = prop_oneof![
        Just(OwnedTime::None),
        timestamp().prop_map(OwnedTime::At),
        text().prop_map(OwnedTime::Text),
    ];
    let inline = prop_oneof![8 => bytes(), 1 => vec(any::<u8>(), 100..40_000)];
    let ids = vec(any::<[u8; 32]>().prop_map(ChunkId), 1..4);
    let payload = prop_oneof![
        3 => inline.prop_map(OwnedPayload::Inline),
        1 => (0..=1u64 << 28, ids).prop_map(|(bytes, ids)| OwnedPayload::Chunked(bytes, ids)),
    ];
    let stream = text().prop_filter("a stream id is not empty", |stream| !stream.is_empty());
    (
        (stream, number(), text(), id, time),
        (option::of(bytes()), vec((text(), bytes()), 0..4), payload),
    )
        .prop_map(|((stream, version, event_type, id, time), (metadata, members, payload))| {
            let mut members_encoded = Vec::new();
            for (name, value) in &members {
                Members::put(&mut members_encoded, name, value);
            }
            let ids_encoded = match &payload {
                OwnedPayload::Inline(_) => Vec::new(),
                OwnedPayload::Chunked(_, ids) => ids.iter().flat_map(|id| id.0).collect(),
            };
            OwnedEvent {
                stream,
                version,
                event_type,
                id,
                time,
                metadata,
                members,
                payload,
                members_encoded,
                ids_encoded,
            }
        })
        .boxed()
}

/// Every style of time.
pub(crate) fn time_style() -> impl Strategy<Value = TimeStyle> {
    any::<u8>().prop_filter_map("no style of time", TimeStyle::from_byte)
}

/// One part of a template, and what it makes of an event.
#[derive(Clone, Debug)]
pub(crate) enum OwnedPart {
    Literal(Vec<u8>),
    Hole(Member, Style),
    Verbatim(Member, Vec<u8>),
}

pub(crate) const MEMBERS: [Member; 10] = [
    Member::Stream,
    Member::Version,
    Member::Type,
    Member::Position,
    Member::Id,
    Member::Time,
    Member::Metadata,
    Member::Payload,
    Member::Further,
    Member::Other,
];

/// Parts of a template in any order, fit for an event or not.
pub(crate) fn parts() -> impl Strategy<Value = Vec<OwnedPart>> {
    let member = || proptest::sample::select(MEMBERS.to_vec());
    let hole =
        (member(), time_style()).prop_filter_map(
            "always verbatim",
            |(member, style)| match member {
                Member::Other => None,
                Member::Time => Some(OwnedPart::Hole(member, Style::Time(style))),
                _ => Some(OwnedPart::Hole(member, Style::Canonical)),
            },
        );
    let part = prop_oneof![
        3 => bytes().prop_map(OwnedPart::Literal),
        4 => hole,
        2 => (member(), bytes()).prop_map(|(member, piece)| OwnedPart::Verbatim(member, piece)),
    ];
    vec(part, 0..10)
}

/// The template of these parts, and its verbatim pieces.
pub(crate) fn template(parts: &[OwnedPart]) -> (Template, Vec<u8>) {
    let (mut template, mut pieces) = (Template::default(), Vec::new());
    for part in parts {
        match part {
            OwnedPart::Literal(literal) => template.literal(literal),
            OwnedPart::Hole(member, style) => template.hole(*member, *style),
            OwnedPart::Verbatim(member, piece) => {
                template.hole(*member, Style::Verbatim);
                Pieces::put(&mut pieces, piece);
            }
        }
    }
    (template, pieces)
}
