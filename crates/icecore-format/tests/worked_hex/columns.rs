//! The example of columns: eight events in lanes, and the plan of these.

use super::examples::Example;
use super::notes::{Notes, quoted};
use icecore_format::Timestamp;
use icecore_format::columns::{Decoder, Encoder};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::record::Reader;

/// The lanes, as they are stored.
pub(crate) const COLUMNS: Example =
    Example { name: "columns", write: encoded, check: decodes, annotate };

/// What the first lane holds.
pub(crate) const PLAN: Example =
    Example { name: "columns-plan", write: plan, check: is_plan, annotate: annotate_plan };

fn raw() -> Vec<u8> {
    let mut bytes = vec![1];
    for number in 0..8 {
        let millis = 1_795_239_000_000 + number * 1000;
        let id = (millis as u128) << 80 | 0x7abc << 64 | 0x8123_4567_89ab_cdef;
        let payload = format!("{{\"cents\":{},\"by\":\"anna\"}}", 1250 + number * number * 300);
        Event {
            stream: &format!("order-{}", number / 2 + 7),
            version: number as u64 % 2,
            event_type: "Paid",
            id: EventId::Uuid(id.to_be_bytes()),
            time: EventTime::At(Timestamp(millis * 1_000_000)),
            metadata: None,
            members: Members::default(),
            payload: Payload::Inline(payload.as_bytes()),
        }
        .encode_into(&mut bytes);
    }
    bytes
}

fn encoded() -> Vec<u8> {
    let mut bytes = Vec::new();
    assert!(Encoder::default().encode(&raw(), 1, &mut bytes));
    bytes
}

fn decodes(bytes: &[u8]) {
    let raw = raw();
    assert_eq!(Decoder::default().decode(bytes, raw.len()).as_deref(), Ok(raw.as_slice()));
}

fn annotate(bytes: &[u8]) -> String {
    let mut notes = Notes::new(bytes);
    let lanes = ["plan", "codes", "text"].map(|lane| {
        let decoded = notes.varint(&format!("the {lane}, in bytes"));
        let stored = notes.varint("as it is stored");
        (lane, decoded, stored as usize)
    });
    for (lane, decoded, stored) in lanes {
        let how = if decoded == stored as u64 { "as it is" } else { "a zstd frame" };
        notes.take(stored, |bytes| match lane {
            "text" => format!("the text, {how}: {}", quoted(bytes)),
            _ => format!("the {lane}, {how}"),
        });
    }
    notes.rest(|_| "the random lane");
    notes.finish()
}

fn plan() -> Vec<u8> {
    let encoded = encoded();
    let mut reader = Reader::new("it", &encoded);
    let lengths = [0; 6].map(|_: u8| reader.varint().unwrap() as usize);
    let stored = reader.take(lengths[1]).unwrap();
    if lengths[0] == lengths[1] {
        stored.to_vec()
    } else {
        zstd::bulk::decompress(stored, lengths[0]).unwrap()
    }
}

fn is_plan(bytes: &[u8]) {
    assert_eq!(plan(), bytes);
}

/// The columns that every block has.
const FIELDS: [(&str, u8); 10] = [
    ("flags", 0),
    ("types", 1),
    ("streams back", 0),
    ("versions", 0),
    ("times", 0),
    ("columns of ids", 0),
    ("ids of version 7", 9),
    ("ids of version 4", 8),
    ("other ids", 10),
    ("what is kept", 1),
];

fn annotate_plan(bytes: &[u8]) -> String {
    let mut notes = Notes::new(bytes);
    let further = notes.varint("further columns");
    for (name, kind) in FIELDS {
        column(&mut notes, name, kind);
    }
    for number in 0..further {
        let name = format!("column {}", FIELDS.len() as u64 + number);
        let kind = notes.byte(&format!("{name}, kind"));
        notes.byte("parameter");
        column(&mut notes, &name, kind);
    }
    let steps = notes.varint("steps");
    for step in 0..steps {
        let length = notes.varint(&format!("step {step}, in bytes")) as usize;
        if length > 0 {
            notes.take(length, quoted);
        }
        notes.varint("its column and 1");
        let following = notes.varint("steps that may follow");
        for _ in 0..following {
            notes.signed_varint("this many after the next");
        }
        if following > 1 {
            notes.varint("choices");
        }
    }
    let roots = notes.varint("types with a root");
    for _ in 0..roots {
        notes.varint("root");
    }
    notes.finish()
}

fn column(notes: &mut Notes<'_>, name: &str, kind: u8) {
    match kind {
        1 => {
            notes.varint(&format!("{name}: codes"));
            notes.varint("text, in bytes");
            numbers(notes, "lengths");
        }
        0 | 2..=6 => numbers(notes, name),
        _ => {
            if kind != 7 {
                numbers(notes, &format!("{name}: how far back"));
            }
            if kind == 9 {
                numbers(notes, "milliseconds");
            }
            if matches!(kind, 8 | 9) {
                numbers(notes, "two bits each");
            }
            notes.varint("in the random lane, in bytes");
        }
    }
}

fn numbers(notes: &mut Notes<'_>, name: &str) {
    if notes.varint(&format!("{name}: how many")) == 0 {
        return;
    }
    let coding = notes.byte("coding");
    if coding & 0x80 != 0 {
        notes.signed_varint("the first one");
    }
    notes.signed_varint("base");
    if coding & 0x7f == 66 {
        notes.varint("the varints, in bytes");
    }
}
