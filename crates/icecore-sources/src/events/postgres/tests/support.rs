//! An EventCore store in a server of its own.

use super::reading::{Given, read};
use crate::events::postgres::connect::{ConnectionSettings, Environment, connect};
use crate::events::postgres::{PostgresSource, SchemaChoice};
use icecore::source::Since;
use icecore_format::event::{Event, records};
use icecore_test_cluster::{Cluster, ClusterOptions};
use std::path::Path;
use tokio_postgres::Client;

pub(super) const DATABASE: &str = "shop";

/// A server with a database that has an empty store.
pub(super) struct Shop {
    pub(super) cluster: Cluster,
}

impl Shop {
    /// A store of this folder of published schemas, in a server of its own.
    pub(super) fn new(schema: &str) -> Self {
        let shop = Self { cluster: Cluster::start() };
        shop.cluster.create_database(DATABASE);
        shop.sql(&published(schema, "schema.sql"));
        shop
    }

    /// The same in a server whose log can be decoded.
    pub(super) fn logical(schema: &str) -> Self {
        let shop = Self { cluster: Cluster::start_with(&logical()) };
        shop.cluster.create_database(DATABASE);
        shop.sql(&published(schema, "schema.sql"));
        shop
    }

    pub(super) fn sql(&self, sql: &str) -> String {
        self.cluster.psql(DATABASE, sql)
    }

    /// Appends an event to a stream, as the store's trigger numbers it.
    pub(super) fn append(&self, id: u32, stream: &str) {
        self.sql(&insert(id, stream));
    }

    pub(super) fn settings(&self) -> ConnectionSettings {
        let url = self.cluster.url(DATABASE);
        ConnectionSettings::parse(&url, &Environment::default()).expect("it is a URL")
    }

    pub(super) fn source(&self) -> PostgresSource {
        PostgresSource::new(self.settings(), SchemaChoice::default())
    }

    /// A connection of an application.
    pub(super) async fn client(&self) -> Client {
        connect(&self.settings()).await.expect("the server lets us in")
    }

    pub(super) async fn read(&self, since: Option<Since>) -> Given {
        read(&self.source(), since).await.expect("it is a store")
    }

    /// The ids of all events, sorted.
    pub(super) fn ids(&self) -> Vec<String> {
        let sql = "SELECT event_id FROM eventcore_events ORDER BY event_id";
        self.sql(sql).lines().map(str::to_owned).collect()
    }
}

/// What makes the log of a server one that can be decoded.
pub(super) fn logical() -> ClusterOptions {
    ClusterOptions::default()
        .setting("wal_level", "logical")
        .setting("max_prepared_transactions", "5")
}

/// Calls `see` for each event of records that follow one another.
pub(super) fn visit(encoded: &[u8], mut see: impl FnMut(Event<'_>)) {
    let chunk = [&[1], encoded].concat();
    for body in records(&chunk).expect("it is a chunk") {
        see(Event::decode_body(body.expect("it is whole")).expect("it is an event"));
    }
}

/// The id of a number: a UUID of version 7, in the order of the numbers.
pub(super) fn id(number: u32) -> String {
    format!("019a0000-{:04x}-7000-8000-{:012x}", number >> 16, number & 0xffff)
}

/// The ids of some numbers.
pub(super) fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(id).collect()
}

/// A statement that appends an event.
pub(super) fn insert(number: u32, stream: &str) -> String {
    let id = id(number);
    format!(
        "INSERT INTO eventcore_events (event_id, stream_id, event_type, event_data) \
         VALUES ('{id}', '{stream}', 'Happened', '{{\"number\": {number}}}')"
    )
}

/// A file of the published schemas.
pub(super) fn published(schema: &str, file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres-schemas");
    std::fs::read_to_string(folder.join(schema).join(file)).expect("the file is there")
}
