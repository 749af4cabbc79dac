//! Event stores as NDJSON: what an export of a shop of five contexts looks like.
//!
//! Always holds: the lines of a seed and a shape are the same everywhere, and those of a shorter
//! run are the beginning of a longer one; global positions and the versions of each stream count
//! from 1 without a gap; `recorded_at` rises, but for a few events that come late.
//!
//! [`Shape::Orders`] is the data that figures are quoted for: about 620 bytes an event, one stream
//! to twenty events, no stream above one event in a hundred, twenty event types, and as much
//! repetition and randomness that `zstd -1` divides its size by about 3.7.

mod json;
mod metadata;
mod orders;
mod shapes;
mod streams;
mod words;

use crate::random::Random;
use json::Json;
use streams::Streams;

/// What the payloads look like; everything around them is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Orders, payments, stock, shipments and users: the data that figures are quoted for.
    Orders,
    /// Payloads of about 100 bytes and little metadata.
    Small,
    /// Payloads of 8 to 64 KiB: documents of many records and paragraphs.
    Large,
    /// Objects within lists within objects, up to 24 deep, with numbers of every spelling.
    Nested,
    /// Text of several scripts, with escapes, emoji and both forms of composed letters.
    Unicode,
    /// Random bytes in base64, 128 to 2048 of them.
    Base64,
    /// Small payloads below about a kilobyte of request headers and traces.
    MetadataHeavy,
    /// Small payloads of 3000 types, each with members of its own.
    ManyTypes,
}

impl Shape {
    /// Every shape with the name that it is selected by.
    pub const ALL: [(&'static str, Self); 8] = [
        ("orders", Self::Orders),
        ("small", Self::Small),
        ("large", Self::Large),
        ("nested", Self::Nested),
        ("unicode", Self::Unicode),
        ("base64", Self::Base64),
        ("metadata-heavy", Self::MetadataHeavy),
        ("many-types", Self::ManyTypes),
    ];

    /// The shape of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape)
    }
}

/// Writes the events of a seed, one line after another, without end.
#[derive(Debug)]
pub struct Generator {
    shape: Shape,
    random: Random,
    streams: Streams,
    position: u64,
    clock_micros: u64,
    recent: Vec<Cause>,
}

/// An event that a later one may name as its cause.
#[derive(Debug, Clone, Copy)]
struct Cause {
    event_id: u128,
    correlation_id: u128,
}

/// What a payload is made of, besides chance.
struct Event {
    stream: streams::Stream,
    version: u64,
    recorded_micros: u64,
}

/// How many recent events stay candidates for a cause.
const RECENT_EVENTS: usize = 64;
/// 2024-03-01T00:00:00Z, in microseconds since 1970.
const FIRST_MICROS: u64 = 1_709_251_200_000_000;
/// Twice the mean distance of two events: three million of them take a month.
const STEP_MICROS_MAX: u64 = 1_728_000;

impl Generator {
    /// The events of `shape` that belong to `seed`.
    pub fn new(shape: Shape, seed: u64) -> Self {
        Self {
            shape,
            random: Random::new(seed),
            streams: Streams::new(seed),
            position: 0,
            clock_micros: FIRST_MICROS,
            recent: Vec::with_capacity(RECENT_EVENTS),
        }
    }

    /// The first `events` lines in one buffer, for tests and small benchmarks.
    pub fn lines(shape: Shape, seed: u64, events: u64) -> Vec<u8> {
        let mut generator = Self::new(shape, seed);
        let mut lines = Vec::new();
        for _ in 0..events {
            generator.append_line(&mut lines);
        }
        lines
    }

    /// Appends the next event to `lines`, with its line feed.
    pub fn append_line(&mut self, lines: &mut Vec<u8>) {
        self.position += 1;
        self.clock_micros += self.random.below(STEP_MICROS_MAX);
        let late_micros = if self.random.chance(1, 64) { self.random.below(900_000) } else { 0 };
        let (stream, version) = self.streams.next(&mut self.random);
        let event = Event { stream, version, recorded_micros: self.clock_micros - late_micros };
        let event_id = self.time_ordered_id(event.recorded_micros);
        let cause = self.cause(event_id);

        let mut json = Json::new(lines);
        json.begin_object();
        json.name("stream_id").quoted(|out| stream.write_id(out));
        json.name("version").integer(version);
        match self.shape {
            Shape::Orders => {
                let kind = orders::Kind::choose(&event, &mut self.random);
                self.envelope(&mut json, kind.name(), event_id, &event);
                orders::write(kind, json.name("data"), &event, &mut self.random);
                metadata::write(json.name("metadata"), cause, &mut self.random);
            }
            Shape::MetadataHeavy => {
                self.envelope(&mut json, "RequestHandled", event_id, &event);
                shapes::small(json.name("data"), &event, &mut self.random);
                let json = json.name("metadata");
                metadata::write_heavy(json, &event, event_id, cause, &mut self.random);
            }
            Shape::ManyTypes => {
                let kind = self.random.below(3000);
                self.envelope(&mut json, &format!("Thing{kind}Happened"), event_id, &event);
                shapes::of_type(json.name("data"), kind, &event, &mut self.random);
                metadata::write(json.name("metadata"), cause, &mut self.random);
            }
            shape => {
                self.envelope(&mut json, shapes::type_name(shape), event_id, &event);
                shapes::write(shape, json.name("data"), &event, &mut self.random);
                json.name("metadata").begin_object();
                json.name("causation_id").uuid(cause.event_id);
                json.end_object();
            }
        }
        json.end_object();
        lines.push(b'\n');
    }

    fn envelope(&self, json: &mut Json, type_name: &str, event_id: u128, event: &Event) {
        json.name("type").text(type_name);
        json.name("position").integer(self.position);
        json.name("event_id").uuid(event_id);
        json.name("recorded_at").time(event.recorded_micros);
    }

    /// A UUID of version 7 (RFC 9562): made a few milliseconds before it was recorded.
    fn time_ordered_id(&mut self, recorded_micros: u64) -> u128 {
        let millis = recorded_micros / 1000 - self.random.below(8);
        let (high, low) = (self.random.bits(), self.random.bits());
        let high = millis << 16 | 0x7000 | high & 0x0fff;
        u128::from(high) << 64 | u128::from(variant(low))
    }

    /// One event in eight follows from a recent one, the others begin something new.
    fn cause(&mut self, event_id: u128) -> Cause {
        let recent = self.random.below(RECENT_EVENTS as u64) as usize;
        let cause = match self.recent.get(recent) {
            Some(cause) if self.random.chance(1, 8) => *cause,
            _ => Cause {
                event_id: random_uuid(&mut self.random),
                correlation_id: random_uuid(&mut self.random),
            },
        };
        let this = Cause { event_id, correlation_id: cause.correlation_id };
        match self.recent.get_mut(recent) {
            Some(oldest) => *oldest = this,
            None => self.recent.push(this),
        }
        cause
    }
}

/// A UUID of version 4 (RFC 9562).
fn random_uuid(random: &mut Random) -> u128 {
    let high = random.bits() & !0xf000 | 0x4000;
    u128::from(high) << 64 | u128::from(variant(random.bits()))
}

fn variant(low: u64) -> u64 {
    low & !(3 << 62) | 2 << 62
}

#[cfg(test)]
mod tests;
