//! The event store of Commanded.
//!
//! An event has a row in `events`, and a row in `stream_events` for its own stream, for the stream
//! `$all`, and for each stream that it is linked to. Places in `$all` are dealt while its row in
//! `streams` is locked: in the order of commits, and without gaps unless streams were deleted for
//! good.
//!
//! Source: `lib/event_store/sql/` of <https://github.com/commanded/eventstore>, 1.4.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Positions, Role,
};

pub(super) const SCHEMA: &str = "commanded";
const EVENTS: &str = "events";
const COLUMNS: [&str; 7] =
    ["event_id", "event_type", "causation_id", "correlation_id", "data", "metadata", "created_at"];
/// What a record has by other names.
const PARTS: [&str; 5] = ["event_id", "event_type", "data", "metadata", "created_at"];
const STREAMS: &str = "streams";
const STREAM_COLUMNS: [&str; 3] = ["stream_id", "stream_uuid", "stream_version"];
const LINKS: &str = "stream_events";
const LINK_COLUMNS: [&str; 5] =
    ["event_id", "stream_id", "stream_version", "original_stream_id", "original_stream_version"];
/// Links that follow from no event: neither those to its own stream, nor to `$all`, stream 0.
const FURTHER_LINKS: &str =
    "k.stream_id <> 0 AND k.stream_id IS DISTINCT FROM k.original_stream_id";
const SNAPSHOTS: &str = "snapshots";
const TABLES: [(&str, Role); 4] = [
    ("subscriptions", Role::Checkpoints),
    (SNAPSHOTS, Role::States),
    ("schema_migrations", Role::Migrations),
    (STREAMS, Role::Other),
];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let streams = catalog.namespaces_with(STREAMS, &STREAM_COLUMNS);
    let links = catalog.namespaces_with(LINKS, &LINK_COLUMNS);
    catalog
        .namespaces_with(EVENTS, &COLUMNS)
        .iter()
        .filter(|namespace| streams.contains(namespace) && links.contains(namespace))
        .map(|namespace| layout(catalog, namespace))
        .collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let events = Name::new(namespace, EVENTS);
    let links = Name::new(namespace, LINKS);
    let streams = Name::new(namespace, STREAMS);
    let mut columns = vec![
        Column::new("s.stream_uuid", Part::Stream),
        Column::new("d.original_stream_version", Part::Version),
        Column::of_events("event_type", Part::Type),
        Column::of_events("event_id", Part::Id),
        Column::of_events("created_at", Part::Time),
        Column::of_events("data", Part::Payload),
        Column::of_events("metadata", Part::Metadata),
        Column::new("d.stream_version", Part::Position),
    ];
    columns.extend(catalog.members(&events, &PARTS));
    let mut tables = KeptTable::present(catalog, namespace, &TABLES);
    KeptTable::name_streams(&mut tables, STREAMS, &["stream_uuid"]);
    KeptTable::name_streams(&mut tables, SNAPSHOTS, &["source_uuid"]);
    for table in tables.iter_mut().filter(|table| table.name == streams) {
        table.preset = Some("k.stream_id = 0");
    }
    tables.push(KeptTable {
        condition: Some(FURTHER_LINKS.to_owned()),
        ..KeptTable::new(links.clone(), Role::Other)
    });
    Layout {
        schema: SCHEMA,
        description: format!("Commanded's event store, in schema {namespace}"),
        events,
        joined: format!(" LEFT JOIN {streams} s ON s.stream_id = d.original_stream_id"),
        columns,
        identity: vec![
            ("s.stream_uuid".to_owned(), IdentityHash::Text),
            ("d.original_stream_version".to_owned(), IdentityHash::Integer),
            ("e.event_id".to_owned(), IdentityHash::Uuid),
        ],
        order: Order::Position(Positions {
            table: links,
            condition: Some("d.stream_id = 0".to_owned()),
            column: "stream_version".to_owned(),
            shared: "event_id".to_owned(),
        }),
        sorted_by: vec!["d.stream_version".to_owned()],
        tables,
    }
}
