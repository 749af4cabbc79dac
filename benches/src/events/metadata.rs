//! What commands leave in the metadata of their events.

use super::json::{Json, hex, integer};
use super::{Cause, Event, orders, random_uuid, words};
use crate::random::Random;

/// Who did it, why, and where.
pub(super) fn write(json: &mut Json, cause: Cause, random: &mut Random) {
    json.begin_object();
    json.name("correlation_id").uuid(cause.correlation_id);
    json.name("causation_id").uuid(cause.event_id);
    match random.below(8) {
        0 => json.name("actor").null(),
        _ => json.name("actor").quoted(|out| orders::email(out, random.bits())),
    }
    json.name("source").quoted(|out| {
        out.extend_from_slice(random.pick(&words::AGENTS).as_bytes());
        out.push(b'.');
        integer(out, random.below(900));
    });
    json.name("ip").quoted(|out| address(out, random));
    json.name("port").integer(random.between(1024, 65_535));
    json.name("micros").integer(random.between(900, 900_000));
    json.end_object();
}

/// A request with all of its headers and its trace.
pub(super) fn write_heavy(
    json: &mut Json,
    event: &Event,
    event_id: u128,
    cause: Cause,
    random: &mut Random,
) {
    json.begin_object();
    json.name("context");
    write(json, cause, random);
    json.name("trace").begin_object();
    json.name("traceparent").quoted(|out| {
        out.extend_from_slice(b"00-");
        hex(out, cause.correlation_id, 32);
        out.push(b'-');
        hex(out, event_id, 16);
        out.extend_from_slice(b"-01");
    });
    json.name("received_at").time(event.recorded_micros - random.between(300, 90_000));
    json.name("handled_in_micros").integer(random.between(250, 80_000));
    json.name("attempts").begin_list();
    for _ in 0..random.between(1, 3) {
        json.begin_object();
        json.name("host").quoted(|out| {
            out.extend_from_slice(b"worker-");
            integer(out, random.below(32));
            out.extend_from_slice(b".shop.internal");
        });
        json.name("outcome").text(random.pick(&["ok", "conflict", "timeout"]));
        json.end_object();
    }
    json.end_list();
    json.end_object();
    json.name("headers").begin_object();
    json.name("host").text("api.shop.example");
    json.name("user-agent").text(random.pick(&words::AGENTS));
    json.name("accept").text("application/json, text/plain;q=0.9, */*;q=0.1");
    json.name("accept-language").text(random.pick(&["de-DE,de;q=0.9", "en-GB,en", "sv-SE"]));
    json.name("x-forwarded-for").quoted(|out| address(out, random));
    json.name("x-request-id").uuid(random_uuid(random));
    json.name("idempotency-key").quoted(|out| hex(out, u128::from(random.bits()), 16));
    json.end_object();
    json.name("claims").begin_object();
    json.name("sub").uuid(event.stream.identity);
    json.name("roles").begin_list();
    for role in words::COLOURS.iter().take(random.between(1, 6) as usize) {
        json.text(role);
    }
    json.end_list();
    json.name("exp").integer(event.recorded_micros / 1_000_000 + 3600);
    json.end_object();
    json.end_object();
}

fn address(out: &mut Vec<u8>, random: &mut Random) {
    integer(out, random.between(11, 220));
    for _ in 0..3 {
        out.push(b'.');
        integer(out, random.below(256));
    }
}
