//! A shop that keeps its orders and customers in an EventCore store.
//!
//! What happens in it is always the same; ids and times, which EventCore gives, are not.

use super::DemoError;
use eventcore_sqlite::{SqliteConfig, SqliteEventStore};
use eventcore_types::{
    Event, EventStore as _, EventStoreError, StreamId, StreamVersion, StreamWrites, collect_events,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const CUSTOMERS: u64 = 60;
const PRODUCTS: [(&str, u64); 6] = [
    ("ice axe", 11_900),
    ("crampons, 12 points", 16_450),
    ("rope, 60 m", 18_990),
    ("core drill", 249_000),
    ("sample tube", 3_490),
    ("thermos flask", 2_995),
];

/// An open shop.
pub(super) struct Shop {
    store: SqliteEventStore,
    /// How many events each stream has.
    versions: BTreeMap<String, usize>,
    orders: u64,
    dice: Dice,
}

macro_rules! events {
    ($($name:ident { $($field:ident: $kind:ty,)* })*) => {
        $(
            #[derive(Clone, Debug, Serialize, Deserialize)]
            struct $name {
                stream: StreamId,
                $($field: $kind,)*
            }

            impl Event for $name {
                fn stream_id(&self) -> &StreamId {
                    &self.stream
                }

                fn event_type_name() -> &'static str {
                    stringify!($name)
                }
            }
        )*
    };
}

events! {
    OrderPlaced { customer: String, lines: Vec<Line>, total_cents: u64, }
    PaymentReceived { method: String, amount_cents: u64, reference: String, }
    OrderPacked { parcels: u64, weight_grams: u64, }
    OrderShipped { carrier: String, tracking_code: String, }
    OrderNoted { order: String, total_cents: u64, }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    product: String,
    quantity: u64,
    price_cents: u64,
}

/// Any event of the shop, as one who only counts reads it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SeenEvent {
    stream: StreamId,
    #[serde(flatten)]
    fields: serde_json::Map<String, serde_json::Value>,
}

impl Event for SeenEvent {
    fn stream_id(&self) -> &StreamId {
        &self.stream
    }

    fn event_type_name() -> &'static str {
        "SeenEvent"
    }
}

impl Shop {
    /// A new shop with a store at `path`.
    pub(super) async fn open(path: &Path) -> Result<Self, DemoError> {
        let store = open_store(path).await?;
        Ok(Self { store, versions: BTreeMap::new(), orders: 0, dice: Dice(2026) })
    }

    /// How many events each stream has.
    pub(super) fn versions(&self) -> &BTreeMap<String, usize> {
        &self.versions
    }

    /// Takes some orders from placing to shipping.
    pub(super) async fn take_orders(&mut self, orders: u64) -> Result<(), DemoError> {
        for _ in 0..orders {
            self.take_order().await?;
        }
        Ok(())
    }

    async fn take_order(&mut self) -> Result<(), DemoError> {
        self.orders += 1;
        let order = format!("order-{:05}", self.orders);
        let customer = format!("customer-{:03}", self.dice.roll(CUSTOMERS));
        let lines: Vec<Line> = (0..=self.dice.roll(3)).map(|_| self.line()).collect();
        let total_cents = lines.iter().map(|line| line.quantity * line.price_cents).sum();
        let (stream, book) = (stream(&order)?, stream(&customer)?);

        // Atomic across two streams, as EventCore's commands are.
        let writes = self.begin([&order, &customer])?;
        let placed =
            OrderPlaced { stream: stream.clone(), customer: customer.clone(), lines, total_cents };
        let noted = OrderNoted { stream: book, order: order.clone(), total_cents };
        let writes = writes.append(placed)?.append(noted)?;
        self.append(writes, &[(&order, 1), (&customer, 1)]).await?;

        let writes = self.begin([&order])?;
        let paid = PaymentReceived {
            stream: stream.clone(),
            method: ["card", "transfer", "invoice"][self.dice.roll(3) as usize].to_owned(),
            amount_cents: total_cents,
            reference: format!("{:016x}", self.dice.next()),
        };
        let parcels = 1 + self.dice.roll(2);
        let packed = OrderPacked {
            stream: stream.clone(),
            parcels,
            weight_grams: parcels * (400 + self.dice.roll(4000)),
        };
        let shipped = OrderShipped {
            stream,
            carrier: ["sledge", "post", "helicopter"][self.dice.roll(3) as usize].to_owned(),
            tracking_code: format!("IC{:012}", self.dice.roll(1_000_000_000_000)),
        };
        let writes = writes.append(paid)?.append(packed)?.append(shipped)?;
        self.append(writes, &[(&order, 3)]).await
    }

    fn line(&mut self) -> Line {
        let (product, price_cents) = PRODUCTS[self.dice.roll(PRODUCTS.len() as u64) as usize];
        Line { product: product.to_owned(), quantity: 1 + self.dice.roll(4), price_cents }
    }

    /// Writes that expect these streams to be as long as we know them.
    fn begin<const N: usize>(&self, streams: [&str; N]) -> Result<StreamWrites, DemoError> {
        let mut writes = StreamWrites::new();
        for name in streams {
            let version = self.versions.get(name).copied().unwrap_or(0);
            writes = writes.register_stream(stream(name)?, StreamVersion::new(version))?;
        }
        Ok(writes)
    }

    /// Writes, which add so many events to each stream.
    async fn append(
        &mut self,
        writes: StreamWrites,
        added: &[(&str, usize)],
    ) -> Result<(), DemoError> {
        // What it returns is empty.
        let _ = self.store.append_events(writes).await?;
        for (stream, events) in added {
            *self.versions.entry((*stream).to_owned()).or_default() += events;
        }
        Ok(())
    }
}

/// Reads each stream with eventcore-sqlite, and compares its events with how many it had.
pub(super) async fn verify_streams(
    path: &Path,
    versions: &BTreeMap<String, usize>,
) -> Result<(), DemoError> {
    let store = open_store(path).await?;
    for (name, expected) in versions {
        let events: Vec<SeenEvent> =
            collect_events(store.read_stream(stream(name)?).await?).await?;
        let is_own = events.iter().all(|event| event.stream.as_ref() == name.as_str());
        if events.len() != *expected || !is_own {
            let found = events.len();
            return Err(DemoError::Differs(format!("{name} has {found} of {expected} events")));
        }
    }
    Ok(())
}

/// Has eventcore-sqlite append to a stream that has `version` events: it must take what follows
/// version `version`, and refuse what follows the version before.
pub(super) async fn verify_versions(
    path: &Path,
    name: &str,
    version: usize,
) -> Result<(), DemoError> {
    let store = open_store(path).await?;
    let event = OrderNoted { stream: stream(name)?, order: name.to_owned(), total_cents: 0 };
    let writes = |expected: usize| {
        StreamWrites::new()
            .register_stream(event.stream.clone(), StreamVersion::new(expected))?
            .append(event.clone())
    };
    match store.append_events(writes(version.saturating_sub(1))?).await {
        Err(EventStoreError::VersionConflict { .. }) => {}
        Err(error) => return Err(error.into()),
        Ok(_) => return Err(DemoError::Differs(format!("{name} takes a version twice"))),
    }
    let _ = store.append_events(writes(version)?).await?;
    Ok(())
}

async fn open_store(path: &Path) -> Result<SqliteEventStore, DemoError> {
    let store =
        SqliteEventStore::new(SqliteConfig { path: path.to_owned(), encryption_key: None })?;
    store.migrate().await?;
    Ok(store)
}

fn stream(name: &str) -> Result<StreamId, DemoError> {
    StreamId::try_new(name.to_owned())
        .map_err(|error| DemoError::Differs(format!("'{name}' is no stream id: {error}")))
}

/// Numbers that look random and are always the same.
///
/// Source: Marsaglia, "Xorshift RNGs", 2003.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 to one below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        (self.next() >> 11) % sides
    }
}
