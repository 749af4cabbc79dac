//! EventCore 2 on PostgreSQL.
//!
//! Versions of a stream are dealt by a trigger, from 1 and without gaps. Event ids are UUIDs of
//! version 7 that clients make before they commit, so their order is not that of commits. Where the
//! projection delivery table was added, it has a position for each event that is dealt under a lock:
//! without gaps, and in the order of commits.
//!
//! Source: the migrations of eventcore-postgres 2.1.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Positions, Role,
    in_order_of_streams,
};

pub(super) const SCHEMA: &str = "eventcore";
const EVENTS: &str = "eventcore_events";
const COLUMNS: [&str; 7] = [
    "event_id",
    "stream_id",
    "stream_version",
    "event_type",
    "event_data",
    "metadata",
    "created_at",
];
const DELIVERY: &str = "eventcore_projection_delivery";
const TABLES: [(&str, Role); 6] = [
    ("eventcore_subscription_versions", Role::Checkpoints),
    ("eventcore_projection_progress", Role::Checkpoints),
    ("eventcore_projection_delivery_frontier", Role::Preset),
    ("eventcore_command_state_snapshots", Role::States),
    ("eventcore_projection_schema_versions", Role::Migrations),
    ("_sqlx_migrations", Role::Migrations),
];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let namespaces = catalog.namespaces_with(EVENTS, &COLUMNS);
    namespaces.iter().map(|namespace| layout(catalog, namespace)).collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let delivery = Name::new(namespace, DELIVERY);
    let mut columns = vec![
        Column::of_events("stream_id", Part::Stream),
        Column::of_events("stream_version", Part::Version),
        Column::of_events("event_type", Part::Type),
        Column::of_events("event_id", Part::Id),
        Column::of_events("created_at", Part::Time),
        Column::of_events("event_data", Part::Payload),
        Column::of_events("metadata", Part::Metadata),
    ];
    let order = if catalog.has(&delivery) {
        columns.push(Column::new("d.delivery_position", Part::Position));
        Order::Position(Positions {
            table: delivery,
            condition: None,
            column: "delivery_position".to_owned(),
            shared: "event_id".to_owned(),
        })
    } else {
        Order::Table
    };
    let events = Name::new(namespace, EVENTS);
    columns.extend(catalog.members(&events, &COLUMNS));
    Layout {
        schema: SCHEMA,
        description: match order {
            Order::Table => format!("EventCore, in schema {namespace}"),
            Order::Position(_) => {
                format!("EventCore with its delivery table, in schema {namespace}")
            }
        },
        events,
        joined: String::new(),
        columns,
        identity: vec![
            ("e.stream_id".to_owned(), IdentityHash::Text),
            ("e.stream_version".to_owned(), IdentityHash::Integer),
            ("e.event_id".to_owned(), IdentityHash::Uuid),
        ],
        order,
        // Ids are UUIDs of version 7, whose texts are in their order.
        sorted_by: in_order_of_streams(
            &["e.event_id::text COLLATE \"C\""],
            "e.stream_id",
            "e.stream_version",
        ),
        tables: KeptTable::present(catalog, namespace, &TABLES),
    }
}
