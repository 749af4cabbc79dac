//! Marten.
//!
//! Streams are UUIDs or texts; where tenants share tables, one name in two tenants is two streams,
//! and the tenant is part of the stream's id. Versions count from 1 without gaps, but for tombstones
//! and compacted streams. `seq_id` has gaps and is not in the order of commits. Which columns there
//! are depends on options. A payload that is not JSON is in `bdata`; then what `data` has is a
//! member. Events can be archived, masked and deleted.
//!
//! Source: `src/Marten/Events/Schema` of <https://github.com/JasperFx/marten>, 9.29.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Role, in_order_of_streams,
};

pub(super) const SCHEMA: &str = "marten";
const EVENTS: &str = "mt_events";
const STREAMS: &str = "mt_streams";
const COLUMNS: [&str; 8] =
    ["seq_id", "id", "stream_id", "version", "data", "type", "timestamp", "tenant_id"];
/// Where a payload is that is not JSON, in newer versions.
const BINARY: &str = "bdata";
const TABLES: [(&str, Role); 3] = [
    ("mt_event_progression", Role::Checkpoints),
    (STREAMS, Role::Other),
    ("mt_doc_deadletterevent", Role::Other),
];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let namespaces = catalog.namespaces_with(EVENTS, &COLUMNS);
    namespaces.iter().map(|namespace| layout(catalog, namespace)).collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let events = Name::new(namespace, EVENTS);
    let has_tenants = catalog.is_in_primary_key(&Name::new(namespace, STREAMS), "tenant_id");
    let has_binary = catalog.has_column(&events, BINARY);
    let mut parts = vec!["seq_id", "id", "version", "data", BINARY, "type", "timestamp"];
    let stream = if has_tenants {
        Column::joined_stream(&["tenant_id", "stream_id"])
    } else {
        parts.push("stream_id");
        Column::text_of_events("stream_id", Part::Stream)
    };
    let mut columns = vec![
        stream,
        Column::of_events("version", Part::Version),
        Column::of_events("type", Part::Type),
        Column::of_events("id", Part::Id),
        Column::of_events("timestamp", Part::Time),
        Column::of_events("data", Part::Payload),
    ];
    if has_binary {
        columns.push(Column::of_events(BINARY, Part::Payload));
        let data = "CASE WHEN e.bdata IS NOT NULL THEN e.data END";
        columns.push(Column::new(data, Part::Member("data".to_owned())));
    }
    columns.push(Column::of_events("seq_id", Part::Position));
    columns.extend(catalog.members(&events, &parts));
    let mut tables = KeptTable::present(catalog, namespace, &TABLES);
    let named_by: &[&str] = if has_tenants { &["tenant_id", "id"] } else { &["id"] };
    KeptTable::name_streams(&mut tables, STREAMS, named_by);
    let tenants = if has_tenants { " with tenants" } else { "" };
    Layout {
        schema: SCHEMA,
        description: format!("Marten{tenants}, in schema {namespace}"),
        events,
        joined: String::new(),
        columns,
        identity: vec![
            ("e.stream_id::text".to_owned(), IdentityHash::Text),
            ("e.tenant_id".to_owned(), IdentityHash::Text),
            ("e.version".to_owned(), IdentityHash::Integer),
            ("e.id".to_owned(), IdentityHash::Uuid),
        ],
        order: Order::Table,
        sorted_by: in_order_of_streams(&["e.seq_id"], "e.tenant_id, e.stream_id", "e.version"),
        tables,
    }
}
