//! The payloads of a shop: twenty event types in five contexts.

use super::json::{Json, amount, integer, padded};
use super::streams::{Context, Stream};
use super::{Event, random_uuid, words};
use crate::random::Random;

/// The event types, in the order of the names below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    OrderPlaced,
    OrderLineAdded,
    OrderConfirmed,
    OrderCancelled,
    OrderNoteAdded,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentRefunded,
    PaymentDeclined,
    StockReceived,
    StockReserved,
    StockReleased,
    StockCounted,
    ShipmentPrepared,
    ParcelScanned,
    ShipmentDelivered,
    UserRegistered,
    EmailChanged,
    AddressAdded,
    UserLoggedIn,
}

impl Kind {
    /// A stream begins with the event that opens it; what follows is weighted chance.
    pub(super) fn choose(event: &Event, random: &mut Random) -> Self {
        let (first, later): (Self, &[Self]) = match event.stream.context {
            Context::Order => (Self::OrderPlaced, &ORDER_LATER),
            Context::Payment => (Self::PaymentAuthorized, &PAYMENT_LATER),
            Context::Stock => (Self::StockReceived, &STOCK_LATER),
            Context::Shipment => (Self::ShipmentPrepared, &SHIPMENT_LATER),
            Context::User => (Self::UserRegistered, &USER_LATER),
        };
        if event.version == 1 { first } else { random.pick(later) }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OrderPlaced => "OrderPlaced",
            Self::OrderLineAdded => "OrderLineAdded",
            Self::OrderConfirmed => "OrderConfirmed",
            Self::OrderCancelled => "OrderCancelled",
            Self::OrderNoteAdded => "OrderNoteAdded",
            Self::PaymentAuthorized => "PaymentAuthorized",
            Self::PaymentCaptured => "PaymentCaptured",
            Self::PaymentRefunded => "PaymentRefunded",
            Self::PaymentDeclined => "PaymentDeclined",
            Self::StockReceived => "StockReceived",
            Self::StockReserved => "StockReserved",
            Self::StockReleased => "StockReleased",
            Self::StockCounted => "StockCounted",
            Self::ShipmentPrepared => "ShipmentPrepared",
            Self::ParcelScanned => "ParcelScanned",
            Self::ShipmentDelivered => "ShipmentDelivered",
            Self::UserRegistered => "UserRegistered",
            Self::EmailChanged => "EmailChanged",
            Self::AddressAdded => "AddressAdded",
            Self::UserLoggedIn => "UserLoggedIn",
        }
    }
}

const ORDER_LATER: [Kind; 8] = [
    Kind::OrderPlaced,
    Kind::OrderPlaced,
    Kind::OrderLineAdded,
    Kind::OrderLineAdded,
    Kind::OrderLineAdded,
    Kind::OrderConfirmed,
    Kind::OrderCancelled,
    Kind::OrderNoteAdded,
];
const PAYMENT_LATER: [Kind; 5] = [
    Kind::PaymentAuthorized,
    Kind::PaymentCaptured,
    Kind::PaymentCaptured,
    Kind::PaymentRefunded,
    Kind::PaymentDeclined,
];
const STOCK_LATER: [Kind; 6] = [
    Kind::StockReserved,
    Kind::StockReserved,
    Kind::StockReserved,
    Kind::StockReleased,
    Kind::StockReceived,
    Kind::StockCounted,
];
const SHIPMENT_LATER: [Kind; 5] = [
    Kind::ShipmentPrepared,
    Kind::ParcelScanned,
    Kind::ParcelScanned,
    Kind::ParcelScanned,
    Kind::ShipmentDelivered,
];
const USER_LATER: [Kind; 5] = [
    Kind::EmailChanged,
    Kind::AddressAdded,
    Kind::UserLoggedIn,
    Kind::UserLoggedIn,
    Kind::UserLoggedIn,
];

/// Writes the payload of one event of this kind.
pub(super) fn write(kind: Kind, json: &mut Json, event: &Event, random: &mut Random) {
    let stream = event.stream;
    json.begin_object();
    match kind {
        Kind::OrderPlaced => order_placed(json, event, random),
        Kind::OrderLineAdded => {
            json.name("line");
            line(json, random);
            json.name("tax").amount(cents(random) / 5);
            json.name("total").amount(cents(random) * 20);
            json.name("line_count").integer(event.version + 1);
        }
        Kind::OrderConfirmed => {
            json.name("confirmed_by").text(random.pick(&["customer", "clerk", "system"]));
            json.name("tax").amount(cents(random) / 5);
            json.name("total").amount(cents(random) * 20);
            json.name("currency").text(currency(stream));
            json.name("expected_at").time(event.recorded_micros + random.below(432_000_000_000));
        }
        Kind::OrderCancelled => {
            json.name("order_id").uuid(stream.identity);
            json.name("reason").text(random.pick(&["changed_mind", "out_of_stock", "fraud"]));
            json.name("comment").quoted(|out| sentence(out, random, 16));
            json.name("refund_due").truth(random.chance(2, 3));
        }
        Kind::OrderNoteAdded => {
            json.name("author").quoted(|out| person(out, random.bits()));
            json.name("note").quoted(|out| sentence(out, random, 18));
            json.name("visible_to_customer").truth(random.chance(1, 4));
        }
        Kind::PaymentAuthorized | Kind::PaymentCaptured => payment(kind, json, event, random),
        Kind::PaymentRefunded => {
            json.name("reference").quoted(|out| padded::<16>(out, random.bits()));
            json.name("amount").amount(cents(random));
            json.name("currency").text(currency(stream));
            json.name("reason").text(random.pick(&["return", "damage", "goodwill", "duplicate"]));
            json.name("approved_by").quoted(|out| person(out, random.below(64)));
        }
        Kind::PaymentDeclined => {
            json.name("reference").quoted(|out| padded::<16>(out, random.bits()));
            json.name("amount").amount(cents(random));
            json.name("code").integer(random.pick(&[51, 54, 57, 61, 91]));
            json.name("message").text(random.pick(&["insufficient funds", "card expired"]));
            json.name("retry_at");
            if random.chance(1, 2) {
                json.null();
            } else {
                json.time(event.recorded_micros + random.below(3_600_000_000));
            }
        }
        Kind::StockReceived | Kind::StockReserved | Kind::StockReleased | Kind::StockCounted => {
            stock(kind, json, event, random);
        }
        Kind::ShipmentPrepared => {
            json.name("carrier").text(words::CARRIERS[stream.trait_bits(3) as usize % 5]);
            json.name("tracking").quoted(|out| tracking(out, stream));
            json.name("weight_grams").integer(random.between(80, 24_000));
            json.name("ship_to");
            address(json, stream.trait_bits(4));
            json.name("insured_value");
            if random.chance(1, 4) { json.amount(cents(random)) } else { json.null() }
        }
        Kind::ParcelScanned => {
            json.name("tracking").quoted(|out| tracking(out, stream));
            json.name("status").text(random.pick(&["picked_up", "in_transit", "out_for_delivery"]));
            let (city, country) = random.pick(&words::CITIES);
            json.name("depot").begin_object();
            json.name("city").text(city);
            json.name("country").text(country);
            json.name("gate").integer(random.below(40));
            json.end_object();
            json.name("weight_grams").integer(random.between(80, 24_000));
            json.name("scanned_at").time(event.recorded_micros - random.below(60_000_000));
        }
        Kind::ShipmentDelivered => {
            json.name("tracking").quoted(|out| tracking(out, stream));
            json.name("received_by").quoted(|out| person(out, random.bits()));
            json.name("delivered_at").time(event.recorded_micros - random.below(60_000_000));
            json.name("lat").quoted(|out| degrees(out, random, 60));
            json.name("lon").quoted(|out| degrees(out, random, 20));
        }
        Kind::UserRegistered => {
            json.name("user_id").uuid(stream.identity);
            json.name("name").quoted(|out| person(out, stream.trait_bits(5)));
            json.name("email").quoted(|out| email(out, stream.trait_bits(5)));
            json.name("phone");
            if random.chance(1, 2) {
                json.null();
            } else {
                json.quoted(|out| phone(out, random));
            }
            json.name("address");
            address(json, stream.trait_bits(4));
            json.name("newsletter").truth(random.chance(1, 3));
        }
        Kind::EmailChanged => {
            json.name("old").quoted(|out| email(out, stream.trait_bits(5)));
            json.name("new").quoted(|out| email(out, random.bits()));
            json.name("verification").uuid(random_uuid(random));
        }
        Kind::AddressAdded => {
            json.name("label").text(random.pick(&["home", "work", "other"]));
            json.name("address");
            address(json, random.bits());
            json.name("default").truth(random.chance(1, 2));
        }
        Kind::UserLoggedIn => {
            json.name("session").uuid(random_uuid(random));
            json.name("method").text(random.pick(&["password", "passkey", "sso"]));
            json.name("lat").quoted(|out| degrees(out, random, 60));
            json.name("lon").quoted(|out| degrees(out, random, 20));
            json.name("device").text(random.pick(&["iOS", "Android", "Windows", "macOS"]));
        }
    }
    json.end_object();
}

fn order_placed(json: &mut Json, event: &Event, random: &mut Random) {
    let buyer = event.stream.trait_bits(6);
    json.name("customer").begin_object();
    json.name("id").integer(buyer % 90_000 + 10_000);
    json.name("name").quoted(|out| person(out, buyer));
    json.name("email").quoted(|out| email(out, buyer));
    json.end_object();
    json.name("items").begin_list();
    for _ in 0..random.between(1, 4) {
        line(json, random);
    }
    json.end_list();
    json.name("total").amount(cents(random));
    json.name("currency").text(currency(event.stream));
    json.name("ship_to");
    address(json, buyer);
    json.name("tax").amount(cents(random) / 5);
    json.name("coupon");
    if random.chance(1, 8) { json.text("SPRING-24") } else { json.null() }
}

fn payment(kind: Kind, json: &mut Json, event: &Event, random: &mut Random) {
    json.name("reference").quoted(|out| padded::<16>(out, random.bits()));
    json.name("amount").amount(cents(random));
    json.name("currency").text(currency(event.stream));
    json.name("method").begin_object();
    json.name("type").text(random.pick(&["card", "card", "invoice", "wallet"]));
    json.name("last4").quoted(|out| padded::<4>(out, event.stream.trait_bits(7)));
    json.name("expires").text(random.pick(&["2025-01", "2026-06", "2027-11", "2028-03"]));
    json.end_object();
    if kind == Kind::PaymentCaptured {
        json.name("fee").amount(random.between(5, 900));
        json.name("settled_at").null();
    } else {
        json.name("code").quoted(|out| padded::<6>(out, random.bits()));
    }
}

fn stock(kind: Kind, json: &mut Json, event: &Event, random: &mut Random) {
    let stream = event.stream;
    json.name("sku").quoted(|out| sku(out, stream.trait_bits(2)));
    json.name("quantity").integer(random.between(1, 24));
    json.name("on_hand").integer(random.below(2000));
    json.name("value").amount(random.below(9_000_000));
    match kind {
        Kind::StockReceived => {
            json.name("supplier").quoted(|out| person(out, random.below(128)));
            json.name("unit_cost").amount(cents(random) / 4);
            json.name("batch").quoted(|out| padded::<10>(out, random.bits()));
        }
        Kind::StockCounted => {
            json.name("counted_by").quoted(|out| person(out, random.below(64)));
            json.name("difference").verbatim(random.pick(&["0", "-1", "-2", "3", "0", "-7"]));
            json.name("comment");
            comment(json, random);
        }
        _ => {
            json.name("order_id").uuid(random_uuid(random));
            json.name("until").time(event.recorded_micros + random.below(86_400_000_000));
            json.name("bin").quoted(|out| {
                out.push(b'A' + random.below(8) as u8);
                padded::<3>(out, random.bits());
            });
        }
    }
}

fn line(json: &mut Json, random: &mut Random) {
    json.begin_object();
    let article = random.below(6000);
    json.name("sku").quoted(|out| sku(out, crate::random::mix(article)));
    json.name("name").text(words::ARTICLES[article as usize % words::ARTICLES.len()]);
    json.name("colour").text(random.pick(&words::COLOURS));
    json.name("quantity").integer(random.between(1, 5));
    json.name("unit_price").amount(article * 7 + 199);
    json.end_object();
}

fn address(json: &mut Json, who: u64) {
    let (city, country) = words::CITIES[(who >> 8) as usize % words::CITIES.len()];
    json.begin_object();
    json.name("street").quoted(|out| {
        let street = words::STREETS[(who >> 16) as usize % words::STREETS.len()];
        out.extend_from_slice(street.as_bytes());
        out.push(b' ');
        integer(out, (who >> 24) % 180 + 1);
    });
    json.name("postcode").quoted(|out| padded::<5>(out, who >> 32));
    json.name("city").text(city);
    json.name("country").text(country);
    json.end_object();
}

fn comment(json: &mut Json, random: &mut Random) {
    if random.chance(1, 2) { json.null() } else { json.quoted(|out| sentence(out, random, 12)) }
}

pub(super) fn sentence(out: &mut Vec<u8>, random: &mut Random, words_max: u64) {
    for count in 0..random.between(3, words_max) {
        if count > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(random.pick(&words::SENTENCE).as_bytes());
    }
}

fn person(out: &mut Vec<u8>, who: u64) {
    out.extend_from_slice(given_name(who).as_bytes());
    out.push(b' ');
    out.extend_from_slice(family_name(who).as_bytes());
}

pub(super) fn email(out: &mut Vec<u8>, who: u64) {
    out.extend(given_name(who).bytes().map(|byte| byte.to_ascii_lowercase()));
    out.push(b'.');
    let family = family_name(who).bytes().filter(u8::is_ascii_alphabetic);
    out.extend(family.map(|byte| byte.to_ascii_lowercase()));
    integer(out, (who >> 20) % 100);
    out.push(b'@');
    let domain = words::MAIL_DOMAINS[(who >> 28) as usize % words::MAIL_DOMAINS.len()];
    out.extend_from_slice(domain.as_bytes());
}

fn given_name(who: u64) -> &'static str {
    words::GIVEN_NAMES[who as usize % words::GIVEN_NAMES.len()]
}

fn family_name(who: u64) -> &'static str {
    words::FAMILY_NAMES[(who >> 12) as usize % words::FAMILY_NAMES.len()]
}

fn phone(out: &mut Vec<u8>, random: &mut Random) {
    out.extend_from_slice(random.pick(&[b"+44 20 ", b"+49 30 ", b"+46 08 "]));
    padded::<7>(out, random.bits());
}

fn sku(out: &mut Vec<u8>, bits: u64) {
    out.extend_from_slice(b"SKU-");
    padded::<8>(out, bits);
}

fn tracking(out: &mut Vec<u8>, stream: Stream) {
    out.extend_from_slice(b"1Z");
    padded::<12>(out, stream.trait_bits(8));
}

fn degrees(out: &mut Vec<u8>, random: &mut Random, limit: u64) {
    amount(out, random.below(limit * 100));
    padded::<4>(out, random.bits());
}

fn cents(random: &mut Random) -> u64 {
    random.between(199, 99_999)
}

fn currency(stream: Stream) -> &'static str {
    words::CURRENCIES[stream.trait_bits(10) as usize % words::CURRENCIES.len()]
}
