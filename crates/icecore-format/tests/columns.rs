//! Columns come back as the bytes that they were made of, or are not made.

mod generate;

use generate::{blocks, cases};
use icecore_format::columns::{Decoder, Encoder};
use icecore_format::event::{Event, EventId, EventTime, Members, Payload};
use icecore_format::limits::COLUMNS_BYTES_MAX;
use icecore_format::{DecodeError, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Encodes with `encoder`, and has the outcome decoded by a decoder that saw nothing before.
fn comes_back(encoder: &mut Encoder, raw: &[u8]) -> Option<Vec<u8>> {
    let mut columns = b"before".to_vec();
    if !encoder.encode(raw, 1, &mut columns) {
        assert_eq!(columns, b"before");
        return None;
    }
    let columns = columns.strip_prefix(b"before").unwrap().to_vec();
    assert!(columns.len() < raw.len());
    assert!(Decoder::default().decode(&columns, raw.len()).as_deref() == Ok(raw));
    Some(columns)
}

/// A block of `count` events that have little to do with one another beyond their form.
fn events(count: u64, mut payload: impl FnMut(u64) -> String) -> Vec<u8> {
    let mut bytes = vec![1];
    for number in 0..count {
        let uuid = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Event {
            stream: &format!("order-{}", number % 40),
            version: number / 40,
            event_type: if number % 3 == 0 { "OrderPlaced" } else { "OrderPaid" },
            id: EventId::Uuid(uuid.to_be_bytes()),
            time: EventTime::At(Timestamp(1_700_000_000_000_000_000 + number as i64 * 1_234_000)),
            metadata: Some(br#"{"source":"web/1.7"}"#),
            members: Members::default(),
            payload: Payload::Inline(payload(number).as_bytes()),
        }
        .encode_into(&mut bytes);
    }
    bytes
}

fn orders(count: u64) -> Vec<u8> {
    events(count, |number| {
        format!(
            r#"{{"total":{}.{:02},"currency":"EUR","lines":[{{"sku":"A-{:05}","count":{}}}],"paid":{}}}"#,
            number * 7 % 1000,
            number % 100,
            number * 31 % 99_999,
            number % 9,
            number % 2 == 0,
        )
    })
}

fn encode(raw: &[u8]) -> Vec<u8> {
    comes_back(&mut Encoder::default(), raw).expect("it is worth it")
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn events_with_any_json_come_back(blocks in vec(blocks::block(), 1..4)) {
        let mut encoder = Encoder::default();
        for block in &blocks {
            comes_back(&mut encoder, block);
            // Repeated, nearly anything is shorter in columns.
            comes_back(&mut encoder, &block.repeat(10));
        }
    }

    #[test]
    fn what_is_cut_off_or_edited_anywhere_comes_back(
        block in blocks::block(),
        cut in any::<Index>(),
        edits in vec((any::<Index>(), any::<u8>()), 0..4),
    ) {
        let mut block = block[..cut.index(block.len() + 1)].to_vec();
        for (at, byte) in edits {
            if !block.is_empty() {
                let at = at.index(block.len());
                block[at] = byte;
            }
        }
        comes_back(&mut Encoder::default(), &block);
        // Between events that are worth it, nothing is too short to be columns.
        let between = [orders(30), block, orders(30)].concat();
        comes_back(&mut Encoder::default(), &between);
    }

    #[test]
    fn any_bytes_come_back(bytes in vec(any::<u8>(), 0..300), small in vec(0..4u8, 0..300)) {
        let mut encoder = Encoder::default();
        for bytes in [&bytes, &small] {
            comes_back(&mut encoder, bytes);
            let between = [orders(20), bytes.clone(), orders(20)].concat();
            comes_back(&mut encoder, &between);
        }
    }
}

#[test]
fn an_encoder_writes_the_same_whatever_it_encoded_before() {
    let mut encoder = Encoder::default();
    let first = comes_back(&mut encoder, &orders(500));
    comes_back(&mut encoder, &events(300, |number| format!("[{number},\"x\",null]")));
    assert!(comes_back(&mut encoder, &orders(500)) == first);
}

/// A hash of text and column let a column's number make up for a byte of the text: what stood in
/// one column as "…3…" was taken for what stood in the next but three as "…7…".
#[test]
fn texts_of_different_columns_are_told_apart() {
    let raw = events(200, |number| {
        let members: Vec<String> = (0..24u8)
            .map(|column| {
                let digit = char::from(b'a' + (column ^ (number % 16) as u8));
                format!(r#""m{column}":"00a{column:x}{digit}000aa0aaa0aa and so on""#)
            })
            .collect();
        format!("{{{}}}", members.join(","))
    });
    encode(&raw);
}

#[test]
fn columns_are_much_shorter_than_rows() {
    let raw = orders(2000);
    let rows = zstd::bulk::compress(&raw, 1).unwrap().len();
    let columns = encode(&raw).len();
    assert!(columns * 3 < rows * 2, "{columns} in columns, {rows} in rows");
}

#[test]
fn values_that_repeat_are_kept_once() {
    let uuid = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    let with = encode(&events(1000, |_| format!(r#"{{"cause":"{uuid}","kind":"a"}}"#)));
    let without = encode(&events(1000, |_| "{}".to_owned()));
    assert!(with.len() < without.len() + 200, "{} and {}", with.len(), without.len());
}

#[test]
fn a_block_of_which_most_is_no_event_is_refused() {
    let noise: Vec<u8> = (0..20_000u32).map(|number| ((number * number) >> 7) as u8).collect();
    let raw = [orders(10), noise].concat();
    assert_eq!(comes_back(&mut Encoder::default(), &raw), None);
}

#[test]
fn a_block_beyond_the_limit_is_refused_by_encoder_and_decoder() {
    let raw = vec![1; COLUMNS_BYTES_MAX + 1];
    assert_eq!(comes_back(&mut Encoder::default(), &raw), None);
    assert!(Decoder::default().decode(&encode(&orders(9)), COLUMNS_BYTES_MAX + 1).is_err());
}

#[test]
fn columns_decode_to_their_length_only() {
    let raw = orders(50);
    let columns = encode(&raw);
    for length in [0, 1, raw.len() - 1, raw.len() + 1, raw.len() * 2] {
        assert!(Decoder::default().decode(&columns, length).is_err(), "{length}");
    }
}

#[test]
fn whatever_bit_is_flipped_something_of_that_length_or_an_error_comes_out() {
    let raw = orders(25);
    let columns = encode(&raw);
    let mut decoder = Decoder::default();
    for bit in 0..columns.len() * 8 {
        let mut flipped = columns.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(decoded) = decoder.decode(&flipped, raw.len()) {
            assert_eq!(decoded.len(), raw.len());
        }
    }
    assert!(decoder.decode(&columns, raw.len()).as_deref() == Ok(&raw));
}

#[test]
fn wherever_columns_end_early_they_are_refused() {
    let raw = orders(25);
    let columns = encode(&raw);
    let mut decoder = Decoder::default();
    for length in 0..columns.len() {
        assert!(decoder.decode(&columns[..length], raw.len()).is_err(), "{length}");
    }
}

#[test]
fn a_lane_that_unpacks_to_more_than_it_says_is_refused() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
    let mut columns = vec![100];
    icecore_format::record::put_varint(&mut columns, bomb.len() as u64);
    columns.extend([0, 0, 0, 0]);
    columns.extend_from_slice(&bomb);
    let outcome = Decoder::default().decode(&columns, 1 << 20);
    assert!(matches!(outcome, Err(DecodeError::Limit { .. } | DecodeError::Malformed { .. })));
}
