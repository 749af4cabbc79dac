//! Plaintexts of blocks of events, whose events resemble each other as events do.

use super::json;
use icecore_format::Timestamp;
use icecore_format::event::{ChunkedPayload, Event, EventId, EventTime, Members, Payload};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What an event is made of; the documents come from a few that all events of a block share.
#[derive(Clone, Debug)]
struct Choice {
    documents: [Index; 4],
    edits: Vec<(Index, u8)>,
    stream: u8,
    version: u64,
    kind: u8,
    id: u128,
    /// Which of the parts there are, and of what kind.
    parts: u16,
    millis: i64,
}

fn choice() -> impl Strategy<Value = Choice> {
    let byte = prop_oneof![any::<u8>(), select(b"\"\\0123456789.:-,{}[] aT".as_slice())];
    let time = prop_oneof![8 => 1_700_000_000_000..1_700_000_100_000i64, 1 => any::<i64>()];
    (
        (any::<[Index; 4]>(), vec((any::<Index>(), byte), 0..3), 0..7u8, 0..4u64),
        (0..4u8, any::<u128>(), any::<u16>(), time),
    )
        .prop_map(|((documents, edits, stream, version), (kind, id, parts, millis))| Choice {
            documents,
            edits,
            stream,
            version,
            kind,
            id,
            parts,
            millis,
        })
}

/// One or more chunks of events.
pub(crate) fn block() -> BoxedStrategy<Vec<u8>> {
    let chunks = vec(vec(choice(), 0..12), 1..4);
    (vec(json::document(), 1..5), chunks)
        .prop_map(|(documents, chunks)| {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.push(1);
                for choice in chunk {
                    put(choice, &documents, &mut bytes);
                }
            }
            bytes
        })
        .boxed()
}

fn put(choice: &Choice, documents: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let [payload, metadata, member, text] = choice.documents.map(|index| index.get(documents));
    let mut payload = payload.clone();
    for (at, byte) in &choice.edits {
        if !payload.is_empty() {
            let at = at.index(payload.len());
            payload[at] = *byte;
        }
    }
    let stream = match choice.stream {
        0 => format!("order-{}", uuid(choice.id % 3)),
        1 => uuid(choice.id % 5),
        2 => format!("{}-sku-{:08}", choice.id % 12, choice.id % 7),
        3 => format!("018df74f-897a-76d6-af47-184b86186f{:02x}", choice.id % 99),
        4 => format!("day-2024-03-{:02}T00:00:00Z", choice.id % 40),
        _ => {
            ["users", "a\"b\\", "\u{e9}", "x".repeat(200).as_str()][(choice.id % 4) as usize].into()
        }
    };
    let has = |bit: u16| choice.parts >> bit & 1 == 1;
    let text = String::from_utf8_lossy(text).into_owned();
    let mut members = Vec::new();
    if has(0) && has(1) {
        Members::put(&mut members, "tenant", member);
    }
    let ids = [7; 64];
    let event = Event {
        stream: &stream,
        version: choice.version,
        event_type: ["Paid", "Placed", "", &text][usize::from(choice.kind)],
        id: match (has(2), has(3)) {
            (true, true) => EventId::Uuid(
                (choice.id & !(0xf << 76) & !(3 << 62) | 7 << 76 | 2 << 62).to_be_bytes(),
            ),
            (true, false) => EventId::Uuid(choice.id.to_be_bytes()),
            (false, true) => EventId::Text(&text),
            (false, false) => EventId::None,
        },
        time: match (has(4), has(5)) {
            (true, _) => EventTime::At(Timestamp(choice.millis.wrapping_mul(1_000_000))),
            (false, true) => EventTime::Text(&text),
            (false, false) => EventTime::None,
        },
        metadata: has(6).then_some(metadata.as_slice()),
        members: Members::new(&members),
        payload: if has(7) && has(8) && has(9) {
            Payload::Chunked(ChunkedPayload::new(choice.version, &ids))
        } else {
            Payload::Inline(&payload)
        },
    };
    event.encode_into(bytes);
}

fn uuid(number: u128) -> String {
    let mut text = Vec::new();
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
    icecore_format::event::json::put_uuid(&mut text, &number.to_be_bytes());
    String::from_utf8(text).unwrap()
}
