//! Message DB 1.
//!
//! Versions count from 0, without gaps as they are written. Global positions are drawn from a
//! sequence: they have gaps, and over categories their order is not that of commits. Consumers keep
//! their positions, and entities their snapshots, as messages among all others.
//!
//! Source: `database/` of <https://github.com/message-db/message-db>, 1.3.0.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, Layout, Name, Order, Part, in_order_of_streams,
};

pub(super) const SCHEMA: &str = "message-db";
const MESSAGES: &str = "messages";
const COLUMNS: [&str; 8] =
    ["global_position", "position", "time", "stream_name", "type", "data", "metadata", "id"];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let namespaces = catalog.namespaces_with(MESSAGES, &COLUMNS);
    namespaces.iter().map(|namespace| layout(catalog, namespace)).collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let messages = Name::new(namespace, MESSAGES);
    let mut columns = vec![
        Column::of_events("stream_name", Part::Stream),
        Column::of_events("position", Part::Version),
        Column::of_events("type", Part::Type),
        Column::of_events("id", Part::Id),
        // Without a time zone; it is UTC.
        Column::of_events("time", Part::Time),
        Column::of_events("data", Part::Payload),
        Column::of_events("metadata", Part::Metadata),
        Column::of_events("global_position", Part::Position),
    ];
    columns.extend(catalog.members(&messages, &COLUMNS));
    Layout {
        schema: SCHEMA,
        description: format!("Message DB, in schema {namespace}"),
        events: messages,
        joined: String::new(),
        columns,
        identity: vec![
            ("e.stream_name".to_owned(), IdentityHash::Text),
            ("e.position".to_owned(), IdentityHash::Integer),
            ("e.id".to_owned(), IdentityHash::Uuid),
        ],
        order: Order::Table,
        sorted_by: in_order_of_streams(&["e.global_position"], "e.stream_name", "e.position"),
        tables: Vec::new(),
    }
}
