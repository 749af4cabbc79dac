//! Payloads that a codec finds hard, or easy, for one reason each.

use super::json::{Json, padded};
use super::{Event, Shape, orders, words};
use crate::random::Random;

/// The event type of a shape that has only one.
pub(super) fn type_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Orders | Shape::Small | Shape::ManyTypes => "CounterMoved",
        Shape::Large => "DocumentImported",
        Shape::Nested => "TreeChanged",
        Shape::Unicode => "TextEdited",
        Shape::Base64 => "BlobAttached",
        Shape::MetadataHeavy => "RequestHandled",
    }
}

/// Writes one payload; [`Shape::Orders`] has its own module.
pub(super) fn write(shape: Shape, json: &mut Json, event: &Event, random: &mut Random) {
    match shape {
        Shape::Orders | Shape::Small | Shape::MetadataHeavy | Shape::ManyTypes => {
            small(json, event, random);
        }
        Shape::Large => large(json, random),
        Shape::Nested => {
            let depth = random.between(4, 24);
            json.begin_object();
            json.name("root");
            nested(json, depth, random);
            json.end_object();
        }
        Shape::Unicode => unicode(json, random),
        Shape::Base64 => base64(json, random),
    }
}

/// About a hundred bytes.
pub(super) fn small(json: &mut Json, event: &Event, random: &mut Random) {
    json.begin_object();
    json.name("counter").text(random.pick(&words::COLOURS));
    json.name("by").integer(random.between(1, 9));
    json.name("value").integer(event.version * 3 + random.below(100));
    json.name("rate").amount(random.below(10_000));
    json.name("at").time(event.recorded_micros);
    json.end_object();
}

/// One of many types: members that others have not, and some that they have.
pub(super) fn of_type(json: &mut Json, kind: u64, event: &Event, random: &mut Random) {
    json.begin_object();
    for member in 0..2 + kind % 5 {
        let name = format!("{}_{}", words::COLOURS[(kind as usize + member as usize) % 8], kind);
        match (kind + member) % 4 {
            0 => json.name(&name).integer(random.below(10_000)),
            1 => json.name(&name).text(random.pick(&words::COLOURS)),
            2 => json.name(&name).amount(random.below(100_000)),
            _ => json.name(&name).time(event.recorded_micros - random.below(60_000_000)),
        }
    }
    json.name("value").integer(event.version);
    json.end_object();
}

fn large(json: &mut Json, random: &mut Random) {
    // About 330 bytes a record: 8 to 64 KiB in all.
    json.begin_object();
    json.name("document").uuid(super::random_uuid(random));
    json.name("records").begin_list();
    for number in 0..random.between(25, 198) {
        json.begin_object();
        json.name("number").integer(number);
        json.name("key").uuid(super::random_uuid(random));
        json.name("title").quoted(|out| orders::sentence(out, random, 8));
        json.name("body").quoted(|out| orders::sentence(out, random, 60));
        json.name("score").amount(random.below(100_000));
        json.end_object();
    }
    json.end_list();
    json.end_object();
}

fn nested(json: &mut Json, depth: u64, random: &mut Random) {
    if depth == 0 {
        json.verbatim(random.pick(&NUMBERS));
        return;
    }
    if random.chance(1, 2) {
        json.begin_object();
        json.name("kind").text(random.pick(&words::COLOURS));
        json.name("weight").verbatim(random.pick(&NUMBERS));
        json.name("child");
        nested(json, depth - 1, random);
        json.end_object();
    } else {
        json.begin_list();
        json.integer(random.below(1000));
        nested(json, depth - 1, random);
        json.verbatim(random.pick(&["[]", "{}", "null", "true", "\"\""]));
        json.end_list();
    }
}

/// Numbers whose spelling a parser into floating point would lose.
const NUMBERS: [&str; 12] = [
    "0",
    "-0",
    "1.0",
    "1.00",
    "1e3",
    "1E+3",
    "-1.5e-7",
    "0.1",
    "1e400",
    "12345678901234567890",
    "3.141592653589793238462643",
    "-42",
];

fn unicode(json: &mut Json, random: &mut Random) {
    json.begin_object();
    json.name("language").text(random.pick(&["de", "cs", "ru", "el", "he", "hi", "ja", "ko"]));
    json.name("t\u{ee}tre").quoted(|out| scripts(out, random, 6));
    json.name("text").quoted(|out| scripts(out, random, 60));
    json.name("\\u006e\u{f8}tes").begin_list();
    for _ in 0..random.below(4) {
        json.quoted(|out| scripts(out, random, 10));
    }
    json.end_list();
    json.end_object();
}

fn scripts(out: &mut Vec<u8>, random: &mut Random, words_max: u64) {
    for _ in 0..random.between(1, words_max) {
        out.extend_from_slice(random.pick(&words::SCRIPTS).as_bytes());
        out.push(b' ');
    }
}

fn base64(json: &mut Json, random: &mut Random) {
    json.begin_object();
    json.name("name").quoted(|out| {
        out.extend_from_slice(b"scan-");
        padded::<6>(out, random.bits());
        out.extend_from_slice(b".png");
    });
    json.name("content").quoted(|out| {
        for _ in 0..random.between(43, 683) {
            let three_bytes = random.bits();
            out.extend([18, 12, 6, 0].map(|at| BASE64[(three_bytes >> at) as usize & 63]));
        }
    });
    json.end_object();
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
