//! postgres-es, the store of cqrs-es in PostgreSQL.
//!
//! A stream is a type and an id. Versions are dealt from 1, without gaps, and are refused by the
//! primary key if two writers race. There is no id of an event, no time, and no order over all
//! streams. Views are tables of the application, of any name, and are not known here.
//!
//! Source: `db/init.sql` and `src/` of postgres-es 0.5.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Role,
};

pub(super) const SCHEMA: &str = "postgres-es";
const EVENTS: &str = "events";
const COLUMNS: [&str; 7] = [
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "event_type",
    "event_version",
    "payload",
    "metadata",
];
/// What a record has by other names: all else is a member, parts of the stream too.
const PARTS: [&str; 4] = ["sequence", "event_type", "payload", "metadata"];
/// What an aggregate is named by, which is a stream.
const AGGREGATE: [&str; 2] = ["aggregate_type", "aggregate_id"];
const SNAPSHOTS: &str = "snapshots";
const TABLES: [(&str, Role); 1] = [(SNAPSHOTS, Role::States)];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let namespaces = catalog.namespaces_with(EVENTS, &COLUMNS);
    namespaces.iter().map(|namespace| layout(catalog, namespace)).collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let events = Name::new(namespace, EVENTS);
    let mut columns = vec![
        Column::joined_stream(&AGGREGATE),
        Column::of_events("sequence", Part::Version),
        Column::of_events("event_type", Part::Type),
        Column::of_events("payload", Part::Payload),
        Column::of_events("metadata", Part::Metadata),
    ];
    columns.extend(catalog.members(&events, &PARTS));
    let mut tables = KeptTable::present(catalog, namespace, &TABLES);
    KeptTable::name_streams(&mut tables, SNAPSHOTS, &AGGREGATE);
    Layout {
        schema: SCHEMA,
        description: format!("postgres-es, in schema {namespace}"),
        events,
        joined: String::new(),
        columns,
        identity: vec![
            ("e.aggregate_type".to_owned(), IdentityHash::Text),
            ("e.aggregate_id".to_owned(), IdentityHash::Text),
            ("e.sequence".to_owned(), IdentityHash::Integer),
        ],
        order: Order::Table,
        sorted_by: vec![
            "e.aggregate_type COLLATE \"C\"".to_owned(),
            "e.aggregate_id COLLATE \"C\"".to_owned(),
            "e.sequence".to_owned(),
        ],
        tables,
    }
}
