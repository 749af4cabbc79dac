//! Emmett on PostgreSQL.
//!
//! A stream belongs to a partition, and versions in it count from 1 without gaps. A stream that is
//! archived can begin anew under its name: what tells the two apart is the member `is_archived`.
//! Global positions have gaps, may be null, and are not in the order of commits.
//!
//! `transaction_id` is in no record: it is a number of one cluster, which differs in every copy, and
//! a restore has to write others.
//!
//! Source: `src/packages/emmett-postgresql` of <https://github.com/event-driven-io/emmett>, 0.42.0.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Role, joined_parts,
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
/// What a record has by other names, and what it must not have.
const PARTS: [&str; 8] = [
    "stream_position",
    "global_position",
    "transaction_id",
    "created",
    "message_id",
    "message_type",
    "message_data",
    "message_metadata",
];
const TABLES: [(&str, Role); 5] = [
    ("emt_processors", Role::Checkpoints),
    // Of databases that were upgraded from versions before 0.42.
    ("emt_subscriptions", Role::Checkpoints),
    ("emt_projections", Role::Other),
    ("emt_streams", Role::Other),
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
        Column::new(joined_parts(&["e.partition", "e.stream_id"]), Part::Stream),
        Column::of_events("stream_position", Part::Version),
        Column::of_events("message_type", Part::Type),
        Column::of_events("message_id", Part::Id),
        Column::of_events("created", Part::Time),
        Column::of_events("message_data", Part::Payload),
        Column::of_events("message_metadata", Part::Metadata),
        Column::of_events("global_position", Part::Position),
    ];
    columns.extend(catalog.members(&messages, &PARTS));
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
        // As the store's own readers do.
        sorted_by: vec!["e.transaction_id".to_owned(), "e.global_position".to_owned()],
        tables: KeptTable::present(catalog, namespace, &TABLES),
    }
}
