//! Stores as the real crate keeps them, and tables as they are.

use eventcore_sqlite::{SqliteConfig, SqliteEventStore};
use eventcore_types::{
    CheckpointStore, CommandStateSnapshot, CommandStateSnapshotId, Event, EventFilter, EventPage,
    EventReader, EventStore, StreamId, StreamPosition, StreamVersion, StreamWrites, collect_events,
};
use rusqlite::Connection;
use rusqlite::types::{Type, ValueRef};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OrderPlaced {
    pub(super) order: StreamId,
    pub(super) note: String,
}

impl Event for OrderPlaced {
    fn stream_id(&self) -> &StreamId {
        &self.order
    }

    fn event_type_name() -> &'static str {
        "OrderPlaced"
    }
}

pub(super) fn stream(name: &str) -> StreamId {
    StreamId::try_new(name.to_owned()).unwrap()
}

/// A new or existing store.
pub(super) async fn open(path: &Path) -> SqliteEventStore {
    let config = SqliteConfig { path: path.to_owned(), encryption_key: None };
    let store = SqliteEventStore::new(config).unwrap();
    store.migrate().await.unwrap();
    store
}

/// Appends events with these notes to a stream that has `version` events.
pub(super) async fn append(store: &SqliteEventStore, name: &str, version: usize, notes: &[&str]) {
    let order = stream(name);
    let version = StreamVersion::new(version);
    let mut writes = StreamWrites::new().register_stream(order.clone(), version).unwrap();
    for note in notes {
        let event = OrderPlaced { order: order.clone(), note: (*note).to_owned() };
        writes = writes.append(event).unwrap();
    }
    store.append_events(writes).await.unwrap();
}

/// A store of two streams, a checkpoint and a saved state.
pub(super) async fn shop(path: &Path) -> SqliteEventStore {
    let store = open(path).await;
    append(&store, "order-1", 0, &["one", "twö \u{1f9ca}"]).await;
    append(&store, "order-2", 0, &["three"]).await;
    append(&store, "order-1", 2, &["four"]).await;
    let last = all(&store).await.last().unwrap().1;
    store.save("reports \"daily\"\n", last).await.unwrap();
    let state = serde_json::json!({ "placed": 4 });
    let versions = HashMap::from([(stream("order-1"), StreamVersion::new(3))]);
    let id = CommandStateSnapshotId::try_new("orders".to_owned()).unwrap();
    let state = CommandStateSnapshot::new(state, versions);
    store.save_command_state_snapshot(id, state).await.unwrap();
    store
}

pub(super) async fn events_of(store: &SqliteEventStore, name: &str) -> Vec<OrderPlaced> {
    collect_events(store.read_stream(stream(name)).await.unwrap()).await.unwrap()
}

/// All events in the order that consumers see.
pub(super) async fn all(store: &SqliteEventStore) -> Vec<(OrderPlaced, StreamPosition)> {
    let page = EventPage::first(eventcore_types::BatchSize::new(1000));
    store.read_events(EventFilter::all(), page).await.unwrap()
}

/// A store with the published schema and no rows, for whatever the crate would not write.
pub(super) async fn empty(path: &Path) -> Connection {
    drop(open(path).await);
    Connection::open(path).unwrap()
}

/// Inserts an event with these SQL expressions as its values.
pub(super) fn insert(connection: &Connection, values: &str) {
    let sql = format!("INSERT INTO eventcore_events VALUES ({values})");
    connection.execute(&sql, []).unwrap();
}

/// A value: its type, and its bytes or digits.
pub(super) type Value = (Type, Vec<u8>);

/// All that a store's tables hold, and the statements that made them.
pub(super) fn contents(path: &Path) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut contents = Vec::new();
    for sql in [
        "SELECT type, name, sql FROM sqlite_schema ORDER BY type DESC, name",
        "SELECT * FROM eventcore_events ORDER BY rowid",
        "SELECT * FROM eventcore_subscription_versions ORDER BY 1",
        "SELECT * FROM eventcore_command_state_snapshots ORDER BY 1",
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            contents.push((0..columns).map(|at| value(row.get_ref(at).unwrap())).collect());
        }
    }
    contents
}

fn value(value: ValueRef<'_>) -> Value {
    let bytes = match value {
        ValueRef::Null => Vec::new(),
        ValueRef::Integer(integer) => integer.to_string().into_bytes(),
        ValueRef::Real(real) => real.to_string().into_bytes(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
    };
    (value.data_type(), bytes)
}
