//! A line is read as it is read alone, whichever lines stand before it.

use super::fixture::{Options, Read, read};
use super::spellings::{event, mutated, number, text, value};
use icecore_format::event::Template;
use proptest::collection::vec;
use proptest::prelude::*;

/// Lines that have the same between their values.
fn alike() -> impl Strategy<Value = String> {
    let stream = text().prop_map(|text| format!("\"s{}", &text[1..]));
    let stream = prop_oneof![9 => stream, 1 => text()];
    let version =
        prop_oneof![9 => any::<u32>().prop_map(|version| version.to_string()), 1 => number()];
    let id = prop_oneof![Just("\"01234567-89ab-cdef-0123-456789abcdef\"".to_owned()), value()];
    let time = prop_oneof![Just("\"2026-11-21T05:30:00.123456Z\"".to_owned()), value()];
    (stream, version, text(), value(), id, time, value(), value()).prop_map(
        |(stream, version, event_type, data, id, time, metadata, tenant)| {
            format!(
                "{{\"stream_id\":{stream},\"version\":{version},\"type\":{event_type}, \"data\":{data},\
                 \"event_id\":{id},\"recorded_at\":{time},\"metadata\":{metadata},\"tenant\":{tenant}}}"
            )
        },
    )
}

/// Lines of which most resemble each other.
fn lines() -> impl Strategy<Value = Vec<String>> {
    (event(), alike()).prop_flat_map(|(one, other)| {
        let line = prop_oneof![
            4 => alike(),
            2 => Just(one.clone()),
            1 => event(),
            1 => mutated(prop_oneof![Just(one), Just(other)])
                .prop_map(|line| line.replace('\n', " ")),
        ];
        vec(line, 1..6)
    })
}

/// What is kept of an event: its record, its position, its template and its pieces.
type Kept = (Vec<u8>, Option<u64>, Template, Vec<u8>);

fn kept(read: &Read) -> Vec<Kept> {
    let mut kept = Vec::new();
    for batch in &read.batches {
        let (mut record_start, mut pieces_start) = (0, 0);
        for (index, record_end) in batch.record_ends.iter().enumerate() {
            let pieces_end = batch.forms.piece_ends[index];
            let template = batch.forms.template_of[index] as usize;
            kept.push((
                batch.records[record_start..*record_end].to_vec(),
                batch.positions.get(index).copied().flatten(),
                batch.forms.templates[template].clone(),
                batch.forms.pieces[pieces_start..pieces_end].to_vec(),
            ));
            (record_start, pieces_start) = (*record_end, pieces_end);
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_line_is_read_as_it_is_alone(lines in lines()) {
        let lines: Vec<_> = lines.into_iter().map(|line| line + "\n").collect();
        let together = read(lines.concat().as_bytes(), &Options::default());
        let mut expected = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            match read(line.as_bytes(), &Options::default()) {
                Ok(alone) => expected.extend(kept(&alone)),
                Err(fault) => {
                    let fault = fault.to_string().replace("line 1 ", &format!("line {} ", index + 1));
                    prop_assert_eq!(together.expect_err("a line is no event").to_string(), fault);
                    return Ok(());
                }
            }
        }
        prop_assert_eq!(kept(&together.expect("it is events")), expected);
    }
}
