//! Which stream an event belongs to.
//!
//! One event in twenty opens a stream. The others go to streams opened lately, as an order has its
//! life within days, or to old ones by a power law, as some users and articles never rest.

use super::json::{integer, padded, uuid};
use crate::random::{Random, mix};

/// What a stream is about; decides which event types it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Order,
    Payment,
    Stock,
    Shipment,
    User,
}

/// One stream; what is known of it follows from its identity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) context: Context,
    /// Random bits that belong to the stream for ever.
    pub(super) identity: u128,
}

/// Every stream so far, with its newest version.
#[derive(Debug)]
pub(super) struct Streams {
    seed: u64,
    versions: Vec<u64>,
    events: u64,
}

/// How far back streams count as opened lately.
const LATELY: u64 = 20_000;

impl Streams {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, versions: Vec::new(), events: 0 }
    }

    /// The stream of the next event and the version that it gets there, from 1.
    pub(super) fn next(&mut self, random: &mut Random) -> (Stream, u64) {
        self.events += 1;
        let number = self.choose(random);
        if number == self.versions.len() {
            self.versions.push(0);
        }
        self.versions[number] += 1;
        (self.stream(number as u64), self.versions[number])
    }

    fn choose(&self, random: &mut Random) -> usize {
        let count = self.versions.len() as u64;
        if count == 0 || random.chance(1, 20) {
            return count as usize;
        }
        let fraction = random.fraction();
        let number = if random.chance(1, 2) {
            // P(rank) ~ rank^-0.6; a square root is exact, and so the same, on every machine.
            (count as f64 * fraction * fraction * fraction.sqrt()) as u64
        } else {
            count - 1 - random.below(count.min(LATELY))
        };
        let events_allowed = self.events / 100;
        if self.versions[number as usize] >= events_allowed.max(2) {
            return random.below(count) as usize;
        }
        number as usize
    }

    fn stream(&self, number: u64) -> Stream {
        let high = mix(self.seed ^ mix(number));
        let context = match high % 16 {
            0..5 => Context::Order,
            5..8 => Context::Payment,
            8..11 => Context::Stock,
            11..14 => Context::Shipment,
            _ => Context::User,
        };
        let high_bits = high & !0xf000 | 0x4000;
        let low_bits = mix(high) & !(3 << 62) | 2 << 62;
        Stream { context, identity: u128::from(high_bits) << 64 | u128::from(low_bits) }
    }
}

impl Stream {
    /// Bits of the stream's identity, for `purpose`.
    pub(super) fn trait_bits(self, purpose: u64) -> u64 {
        mix(self.identity as u64 ^ purpose)
    }

    pub(super) fn write_id(self, out: &mut Vec<u8>) {
        let prefix: &[u8] = match self.context {
            Context::Order => b"order-",
            Context::Payment => b"payment-",
            Context::Stock => b"stock-",
            Context::Shipment => b"shipment-",
            Context::User => b"user-",
        };
        out.extend_from_slice(prefix);
        if self.context == Context::Stock {
            integer(out, self.trait_bits(1) % 12);
            out.extend_from_slice(b"-sku-");
            padded::<8>(out, self.trait_bits(2));
        } else {
            uuid(out, self.identity);
        }
    }
}
