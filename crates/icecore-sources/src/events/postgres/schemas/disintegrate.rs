//! disintegrate on PostgreSQL.
//!
//! An event is in no stream: it belongs to all decisions that ask for its domain identifiers, which
//! are columns that applications add, and that can be set later. So all events are in one stream,
//! and what a version would be is the event's id, which grows and has gaps. Its order is not that of
//! commits.
//!
//! Times have no time zone: they are in that of the session which wrote them, and read as UTC.
//!
//! Source: `src/event_store/sql/` of disintegrate-postgres 4.0.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, ONE_STREAM, Order, Part, Role,
};

pub(super) const SCHEMA: &str = "disintegrate";
const EVENTS: &str = "event";
const COLUMNS: [&str; 4] = ["event_id", "event_type", "payload", "inserted_at"];
const TABLES: [(&str, Role); 2] =
    [("event_listener", Role::Checkpoints), ("snapshot", Role::States)];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let namespaces = catalog.namespaces_with(EVENTS, &COLUMNS);
    namespaces.iter().map(|namespace| layout(catalog, namespace)).collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let events = Name::new(namespace, EVENTS);
    let mut columns = vec![
        Column::new(ONE_STREAM, Part::Stream),
        Column::of_events("event_id", Part::Version),
        Column::of_events("event_type", Part::Type),
        Column::of_events("event_id", Part::Id),
        Column::of_events("inserted_at", Part::Time),
        Column::of_events("payload", Part::Payload),
        Column::of_events("event_id", Part::Position),
    ];
    columns.extend(catalog.members(&events, &COLUMNS));
    Layout {
        schema: SCHEMA,
        description: format!("disintegrate, in schema {namespace}"),
        events,
        joined: String::new(),
        columns,
        identity: vec![("e.event_id".to_owned(), IdentityHash::Integer)],
        order: Order::Table,
        sorted_by: vec!["e.event_id".to_owned()],
        tables: KeptTable::present(catalog, namespace, &TABLES),
    }
}
