//! A table of events that its user describes.
//!
//! What is new is told by the transactions that wrote it, as for every table without positions that
//! can be relied upon. Columns that the description does not name are members of records.

use crate::events::postgres::catalog::Catalog;
use crate::events::postgres::layout::{
    Column, IdentityHash, Layout, Name, ONE_STREAM, Order, Part, in_order_of_streams, joined_parts,
};
use postgres_protocol::escape::escape_identifier;

pub(super) const SCHEMA: &str = "mapping";
/// Most names that a message lists.
const LISTED_MAX: usize = 30;

/// Which columns of a table are what of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableMapping {
    /// The namespace that the table is in; the one that has such a table if empty.
    pub namespace: Option<String>,
    /// The table.
    pub table: String,
    /// What the stream is made of: none if all events are in one, and of several columns the stream
    /// is their values joined by `/`.
    pub stream: Vec<String>,
    /// The version in the stream: an integer. If empty, `order` is it.
    pub version: Option<String>,
    /// The type.
    pub event_type: Option<String>,
    /// When it was recorded: a `timestamp`, with or without time zone.
    pub time: Option<String>,
    /// The payload: JSON, text or bytes.
    pub payload: String,
    /// Metadata: JSON, text or bytes.
    pub metadata: Option<String>,
    /// The event's id.
    pub id: Option<String>,
    /// An integer that grows over all events. It may have gaps, and need not be in the order of
    /// commits.
    pub order: Option<String>,
}

/// A description that fits no table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::events::postgres) enum MappingError {
    #[error("there is no table {table} that this user may see; there are: {found}")]
    TableMissing { table: String, found: String },
    #[error("the table {table} has no column {column}; it has: {found}")]
    ColumnMissing { table: String, column: String, found: String },
    #[error("one of version and order must be a column of the table {table}")]
    WithoutVersion { table: String },
}

/// The tables that fit.
pub(super) fn layouts(
    catalog: &Catalog,
    mapping: &TableMapping,
) -> Result<Vec<Layout>, MappingError> {
    let table = &mapping.table;
    let mut namespaces = catalog.namespaces_with(table, &[]);
    if let Some(namespace) = &mapping.namespace {
        namespaces.retain(|found| found == namespace);
    }
    if namespaces.is_empty() {
        let table = match &mapping.namespace {
            None => escape_identifier(table),
            Some(namespace) => Name::new(namespace, table).to_string(),
        };
        let tables = catalog.names().map(Name::to_string);
        return Err(MappingError::TableMissing { table, found: listed(tables) });
    }
    namespaces.iter().map(|namespace| layout(catalog, namespace, mapping)).collect()
}

/// The first of them, for messages.
fn listed(mut names: impl Iterator<Item = String>) -> String {
    let mut listed: Vec<String> = names.by_ref().take(LISTED_MAX).collect();
    match (listed.len(), names.count()) {
        (0, _) => return "none".to_owned(),
        (_, 0) => {}
        (_, more) => listed.push(format!("and {more} more")),
    }
    listed.join(", ")
}

fn layout(
    catalog: &Catalog,
    namespace: &str,
    mapping: &TableMapping,
) -> Result<Layout, MappingError> {
    let name = Name::new(namespace, &mapping.table);
    let TableMapping { stream, version, event_type, time, payload, metadata, id, order, .. } =
        mapping;
    let optional = [version, event_type, time, metadata, id, order].into_iter().flatten();
    let parts: Vec<&str> = optional.chain([payload]).map(String::as_str).collect();
    let all = parts.iter().copied().chain(stream.iter().map(String::as_str));
    for column in all {
        if !catalog.has_column(&name, column) {
            let (table, column) = (name.to_string(), escape_identifier(column));
            let found = listed(catalog.column_names(&name).map(escape_identifier));
            return Err(MappingError::ColumnMissing { table, column, found });
        }
    }
    let Some(version) = version.as_ref().or(order.as_ref()) else {
        return Err(MappingError::WithoutVersion { table: name.to_string() });
    };
    let expression = |column: &str| format!("e.{}", escape_identifier(column));
    let streams: Vec<String> = stream.iter().map(|column| expression(column)).collect();
    let stream_expression = match streams.as_slice() {
        [] => ONE_STREAM.to_owned(),
        streams => joined_parts(&streams.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    let mut columns = vec![
        Column::new(stream_expression.as_str(), Part::Stream),
        Column::of_events(version, Part::Version),
    ];
    let text = |column: &str| format!("{}::text", expression(column));
    columns.extend(event_type.iter().map(|column| Column::new(text(column), Part::Type)));
    for (column, part) in [
        (id, Part::Id),
        (time, Part::Time),
        (&Some(payload.clone()), Part::Payload),
        (metadata, Part::Metadata),
        (order, Part::Position),
    ] {
        columns.extend(column.iter().map(|column| Column::of_events(column, part.clone())));
    }
    // Parts of a stream are members, so that each comes back as it was.
    let known: Vec<&str> = match stream.as_slice() {
        [only] => parts.iter().copied().chain([only.as_str()]).collect(),
        _ => parts,
    };
    columns.extend(catalog.members(&name, &known));
    let identity = [Some(version), id.as_ref(), order.as_ref()].into_iter().flatten();
    let identity = identity.map(|column| (text(column), IdentityHash::Text));
    let sorted_by = match (&mapping.version, order) {
        (_, None) => Vec::new(),
        (None, Some(order)) => vec![expression(order)],
        (Some(version), Some(order)) => {
            in_order_of_streams(&[&expression(order)], &stream_expression, &expression(version))
        }
    };
    Ok(Layout {
        schema: SCHEMA,
        description: format!("the table {name}, as it was described"),
        joined: String::new(),
        columns,
        identity: [(stream_expression, IdentityHash::Text)].into_iter().chain(identity).collect(),
        order: Order::Table,
        sorted_by,
        tables: Vec::new(),
        events: name,
    })
}
