//! Emmett on PostgreSQL.
//!
//! A stream belongs to a partition, and versions in it count from 1 without gaps. A stream that is
//! archived can begin anew under its name: what tells the two apart is the member `is_archived`.
//! Global positions have gaps, may be null, and are not in the order of commits.
//!
//! `transaction_id` tells which events were one transaction, and in which order readers want them. It
//! is a number of one cluster: a restore into a younger one has to write others.
//!
//! Source: `src/packages/emmett-postgresql` of <https://github.com/event-driven-io/emmett>, 0.42.0.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Role, in_order_of_streams,
};

pub(super) const SCHEMA: &str = "emmett";
const MESSAGES: &str = "emt_messages";
const COLUMNS: [&str; 11] = [
    "stream_position",
    "global_position",
    "transaction_id",
    "created",
    "is_archived",
    "stream_id",
    "partition",
    "message_id",
    "message_type",
    "message_data",
    "message_metadata",
];
/// What a record has by other names.
const PARTS: [&str; 7] = [
    "stream_position",
    "global_position",
    "created",
    "message_id",
    "message_type",
    "message_data",
    "message_metadata",
];
/// What names a stream.
const STREAM: [&str; 2] = ["partition", "stream_id"];
const STREAMS: &str = "emt_streams";
const TABLES: [(&str, Role); 5] = [
    ("emt_processors", Role::Checkpoints),
    // Of databases that were upgraded from versions before 0.42.
    ("emt_subscriptions", Role::Checkpoints),
    ("emt_projections", Role::Other),
    (STREAMS, Role::Other),
    ("dmb_migrations", Role::Migrations),
];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let namespaces = catalog.namespaces_with(MESSAGES, &COLUMNS);
    namespaces.iter().map(|namespace| layout(catalog, namespace)).collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let messages = Name::new(namespace, MESSAGES);
    let mut columns = vec![
        Column::joined_stream(&STREAM),
        Column::of_events("stream_position", Part::Version),
        Column::of_events("message_type", Part::Type),
        Column::of_events("message_id", Part::Id),
        Column::of_events("created", Part::Time),
        Column::of_events("message_data", Part::Payload),
        Column::of_events("message_metadata", Part::Metadata),
        Column::of_events("global_position", Part::Position),
    ];
    columns.extend(catalog.members(&messages, &PARTS));
    let mut tables = KeptTable::present(catalog, namespace, &TABLES);
    KeptTable::name_streams(&mut tables, STREAMS, &STREAM);
    Layout {
        schema: SCHEMA,
        description: format!("Emmett, in schema {namespace}"),
        events: messages,
        joined: String::new(),
        columns,
        identity: vec![
            ("e.stream_id".to_owned(), IdentityHash::Text),
            ("e.stream_position".to_owned(), IdentityHash::Integer),
            ("e.partition".to_owned(), IdentityHash::Text),
            ("e.is_archived::int".to_owned(), IdentityHash::Integer),
            ("e.message_id".to_owned(), IdentityHash::Text),
        ],
        order: Order::Table,
        // As the store's own readers do, as far as streams let it.
        sorted_by: in_order_of_streams(
            &["e.transaction_id::text::numeric", "e.global_position"],
            "e.partition, e.stream_id, e.is_archived",
            "e.stream_position",
        ),
        tables,
    }
}
