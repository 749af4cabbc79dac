//! Lines of NDJSON: plain ones for tests that count, odd ones for tests that compare bytes.

use crate::random::Dice;
use std::fmt::Write as _;
use std::ops::Range;

/// Streams that [`lines`] spreads events over.
pub const STREAMS: u64 = 7;

/// Lines of NDJSON for events `range`, spread over a few streams.
pub fn lines(range: Range<u64>) -> String {
    lines_of("order", range)
}

/// Lines of NDJSON for events `range`, spread over a few streams whose ids begin with `context`.
pub fn lines_of(context: &str, range: Range<u64>) -> String {
    lines_over(context, STREAMS, range)
}

/// Lines of NDJSON for events `range`, in turn one for each of so many streams.
pub fn lines_over(context: &str, streams: u64, range: Range<u64>) -> String {
    let mut lines = String::new();
    for number in range {
        let (stream, version) = (number % streams, number / streams + 1);
        let (minute, second) = (number / 60 % 60, number % 60);
        writeln!(
            lines,
            "{{\"stream_id\":\"{context}-{stream}\",\"version\":{version},\"type\":\"Placed\",\
             \"position\":{number},\"recorded_at\":\"2026-11-21T05:{minute:02}:{second:02}.000Z\",\
             \"data\":{{\"number\":{number}}}}}",
        )
        .expect("a string takes everything");
    }
    lines
}

/// One line whose payload has `bytes` bytes that do not compress to less than half.
pub fn large_line(stream: &str, version: u64, bytes: usize) -> String {
    let data = Dice::new(version).hex(bytes);
    format!(
        "{{\"stream_id\":\"{stream}\",\"version\":{version},\"type\":\"Scanned\",\"data\":\"{data}\"}}\n"
    )
}

/// Lines as no sane program writes them, and yet each one event: odd spacing, members in any order,
/// escapes, numbers in every notation, further members, blank lines, both line ends, no last one.
pub fn odd_lines(seed: u64, events: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut file = Vec::new();
    if dice.below(4) == 0 {
        file.extend_from_slice(b"\xef\xbb\xbf");
    }
    for number in 0..events {
        for _ in 0..dice.below(8).saturating_sub(5) {
            file.extend_from_slice(pick(&mut dice, &[b"\n".as_slice(), b"\r\n", b" \t\n"]));
        }
        file.extend_from_slice(odd_line(&mut dice, number).as_bytes());
        file.extend_from_slice(pick(&mut dice, &[b"\n".as_slice(), b"\n", b"\n", b"\r\n"]));
    }
    match dice.below(4) {
        // No newline at the end, where the last line may do without.
        0 if file.ends_with(b"\r\n") => file.truncate(file.len() - 2),
        0 if file.ends_with(b"\n") => file.truncate(file.len() - 1),
        1 => file.extend_from_slice(b" \n\r\n\n"),
        _ => {}
    }
    file
}

fn odd_line(dice: &mut Dice, number: u64) -> String {
    let version = pick(dice, &[number, number / 3, 0, u64::MAX - number, number * 17]);
    let stream =
        pick(dice, &["a", "order-1", "Bestellung-\\u00e4", "ä\\n", "x/y z", "\\ud83e\\uddca"]);
    let data = pick(
        dice,
        &[
            "null",
            "true",
            "-0",
            "1e400",
            "1.50",
            "12345678901234567890123",
            "\"\"",
            "[]",
            "{}",
            "{\"a\":1,\"a\":2}",
            "{ \"b\" : [ 1 , 2.0,\t3e0 ] }",
            "\"\\/\\u0041\\\"\"",
            "\"0192f8a0-1c2b-7d3e-8f4a-5b6c7d8e9f00\"",
            "\"2026-02-30T25:61:00Z\"",
            "{\"deep\":{\"deep\":{\"deep\":[[[[]]]]}}}",
        ],
    );
    let mut members = vec![
        ("stream_id", format!("\"{stream}\"")),
        ("version", version.to_string()),
        ("type", (pick(dice, &["\"\"", "\"Placed\"", "\"ä\\u00e4\""])).to_owned()),
        ("data", data.to_owned()),
    ];
    if dice.below(2) == 0 {
        members.push(("position", (number * 3).to_string()));
    }
    if dice.below(3) == 0 {
        members.push(("event_id", format!("\"0192f8a0-1c2b-7d3e-8f4a-{number:012x}\"")));
    }
    if dice.below(3) == 0 {
        let time =
            pick(dice, &["2026-11-21T05:06:07.123456789Z", "2026-11-21T05:06:07+02:00", "gestern"]);
        members.push(("recorded_at", format!("\"{time}\"")));
    }
    if dice.below(3) == 0 {
        members.push(("metadata", "{\"user\" : \"ada\"}".to_owned()));
    }
    if dice.below(4) == 0 {
        members.push(("further\\u0020one", "[1, 2 ,3]".to_owned()));
    }
    // Fisher and Yates.
    for last in (1..members.len()).rev() {
        members.swap(last, dice.below(last as u64 + 1) as usize);
    }
    let space = |dice: &mut Dice| pick(dice, &["", "", "", " ", "\t", "  "]);
    let mut line = space(dice).to_owned() + "{";
    for (index, (name, value)) in members.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let [a, b, c, d] = [(); 4].map(|()| space(dice));
        write!(line, "{comma}{a}\"{name}\"{b}:{c}{value}{d}").expect("a string takes everything");
    }
    line + "}" + space(dice)
}

fn pick<T: Copy>(dice: &mut Dice, choices: &[T]) -> T {
    choices[dice.below(choices.len() as u64) as usize]
}
