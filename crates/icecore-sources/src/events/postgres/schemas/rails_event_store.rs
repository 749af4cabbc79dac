//! Rails Event Store.
//!
//! An event stands in any number of streams. The one that it was published to is not stored: here
//! its stream is the oldest of its links, or [`NO_STREAM`] where it has none, which a member tells
//! from a stream of that name. Positions in a stream count from 0 and are null where any version was
//! accepted: then the key of the link, which grows, is the version, and for an event without links
//! its own key. Keys have gaps and are not in the order of commits.
//!
//! Links can be deleted, and the oldest with them, so an event's stream is part of its identity.
//!
//! Source: `ruby_event_store-active_record` of
//! <https://github.com/RailsEventStore/rails_event_store>, 3.0.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, KeptTable, Layout, Name, Order, Part, Role,
};

pub(super) const SCHEMA: &str = "rails-event-store";
const EVENTS: &str = "event_store_events";
const COLUMNS: [&str; 6] = ["id", "event_id", "event_type", "metadata", "data", "created_at"];
const LINKS: &str = "event_store_events_in_streams";
const LINK_COLUMNS: [&str; 5] = ["id", "stream", "position", "event_id", "created_at"];
/// The stream of events that are in none.
const NO_STREAM: &str = "'all'";
/// What records say of the oldest link, as members.
const LINK_MEMBERS: [(&str, &str); 3] =
    [("s.id", "link_id"), ("s.position", "link_position"), ("s.created_at", "link_created_at")];
const TABLES: [(&str, Role); 2] =
    [("schema_migrations", Role::Migrations), ("ar_internal_metadata", Role::Migrations)];

/// The stores that are there.
pub(super) fn recognise(catalog: &Catalog) -> Vec<Layout> {
    let links = catalog.namespaces_with(LINKS, &LINK_COLUMNS);
    catalog
        .namespaces_with(EVENTS, &COLUMNS)
        .iter()
        .filter(|namespace| links.contains(namespace))
        .map(|namespace| layout(catalog, namespace))
        .collect()
}

fn layout(catalog: &Catalog, namespace: &str) -> Layout {
    let events = Name::new(namespace, EVENTS);
    let links = Name::new(namespace, LINKS);
    let stream = format!("coalesce(s.stream, {NO_STREAM})::text");
    let version = "coalesce(s.position, s.id, e.id)";
    let mut columns = vec![
        Column::new(stream.as_str(), Part::Stream),
        Column::new(version, Part::Version),
        Column::of_events("event_type", Part::Type),
        Column::of_events("event_id", Part::Id),
        // Without a time zone; it is UTC.
        Column::of_events("created_at", Part::Time),
        Column::of_events("data", Part::Payload),
        Column::of_events("metadata", Part::Metadata),
        Column::of_events("id", Part::Position),
    ];
    columns.extend(catalog.members(&events, &COLUMNS));
    let members = LINK_MEMBERS.iter();
    columns.extend(
        members
            .map(|(expression, name)| Column::new(*expression, Part::Member((*name).to_owned()))),
    );
    let joined = format!(
        " LEFT JOIN LATERAL (SELECT l.id, l.stream, l.position, l.created_at FROM {links} l \
          WHERE l.event_id = e.event_id ORDER BY l.id LIMIT 1) s ON true"
    );
    let further =
        format!("EXISTS (SELECT FROM {links} l WHERE l.event_id = k.event_id AND l.id < k.id)");
    let mut tables = KeptTable::present(catalog, namespace, &TABLES);
    tables.push(KeptTable { condition: Some(further), ..KeptTable::new(links, Role::Other) });
    Layout {
        schema: SCHEMA,
        description: format!("Rails Event Store, in schema {namespace}"),
        events,
        joined,
        columns,
        identity: vec![
            (stream, IdentityHash::Text),
            (version.to_owned(), IdentityHash::Integer),
            ("e.event_id".to_owned(), IdentityHash::Uuid),
        ],
        order: Order::Table,
        sorted_by: vec!["e.id".to_owned()],
        tables,
    }
}
