//! What only EventCore's stores have: a frontier of positions, and consumers that note how far they
//! have come.

use super::store::Load;
use crate::events::postgres::layout::{Layout, Name, Order};
use crate::events::postgres::query::{QueryError, Session};
use postgres_protocol::escape::escape_literal;

const SCHEMA: &str = "eventcore";
pub(super) const FRONTIER: &str = "eventcore_projection_delivery_frontier";
const CHECKPOINTS: &str = "eventcore_subscription_versions";
const PROGRESS: &str = "eventcore_projection_progress";

/// How many consumers are named in notes; more are counted.
const NAMED_MAX: usize = 100;

/// Whether this is the table of the frontier.
pub(super) fn is_frontier(table: &Name) -> bool {
    table.relation == FRONTIER
}

/// Sets the frontier to the last position, unless it came with the snapshot. Beside others, events got
/// positions that it knows.
pub(super) async fn settle_frontier(
    session: &Session,
    layout: &Layout,
    mut loads: impl Iterator<Item = &Load>,
    is_beside: bool,
) -> Result<(), QueryError> {
    let Some(positions) = positions(layout) else { return Ok(()) };
    if is_beside || loads.any(|load| is_frontier(&load.table.name)) {
        return Ok(());
    }
    let frontier = Name::new(&layout.events.namespace, FRONTIER);
    let sql = format!(
        "UPDATE {frontier} SET last_position = \
         (SELECT coalesce(max(delivery_position), 0) FROM {positions})"
    );
    session.execute(&sql, "set the frontier of positions").await
}

/// What whoever restored a store should do before it is used.
pub(super) async fn notes(session: &Session, layout: &Layout) -> Result<Vec<String>, QueryError> {
    if layout.schema != SCHEMA {
        return Ok(Vec::new());
    }
    let mut notes = Vec::new();
    let has = |relation: &str| {
        let found = layout.tables.iter().find(|table| table.name.relation == relation);
        found.map(|table| &table.name)
    };
    let events = &layout.events;
    if let Some(table) = has(CHECKPOINTS) {
        // A checkpoint of zeros is that of who has seen nothing.
        let sql = format!(
            "SELECT subscription_name, \
                (SELECT event_id::text FROM {events} ORDER BY event_id DESC LIMIT 1) \
             FROM {table} c \
             WHERE last_position <> '00000000-0000-0000-0000-000000000000' AND NOT EXISTS \
                (SELECT FROM {events} e WHERE e.event_id = c.last_position) ORDER BY 1"
        );
        for row in some(session.rows(&sql, "look at checkpoints").await?, table, &mut notes) {
            let name: String = row.get(0);
            let whom = format!("WHERE subscription_name = {}", escape_literal(&name));
            let reset = match row.get::<_, Option<String>>(1) {
                Some(head) => format!("UPDATE {table} SET last_position = '{head}' {whom}"),
                None => format!("DELETE FROM {table} {whom}"),
            };
            notes.push(format!(
                "the checkpoint of '{name}' is at an event that is not there; to go on from the \
                 last one: {reset};"
            ));
        }
    }
    let Some(positions) = positions(layout) else { return Ok(notes) };
    if let Some(table) = has(PROGRESS) {
        let sql = format!(
            "SELECT projector_name FROM {table} WHERE last_position > \
             (SELECT coalesce(max(delivery_position), 0) FROM {positions}) ORDER BY 1"
        );
        for row in some(session.rows(&sql, "look at projections").await?, table, &mut notes) {
            let name: String = row.get(0);
            let whom = escape_literal(&name);
            notes.push(format!(
                "the projection '{name}' is beyond the last event; to begin anew, empty its model \
                 and: DELETE FROM {table} WHERE projector_name = {whom};"
            ));
        }
    }
    let sql = format!(
        "SELECT count(*) FROM {events} e WHERE NOT EXISTS \
         (SELECT FROM {positions} d WHERE d.event_id = e.event_id)"
    );
    let without: i64 = session.row(&sql, "count events without positions").await?.get(0);
    if without > 0 {
        let frontier = Name::new(&events.namespace, FRONTIER);
        notes.push(format!(
            "{without} events have no delivery position, so projections do not see them; this \
             deals positions: WITH dealt AS (INSERT INTO {positions} (delivery_position, event_id) \
             SELECT f.last_position + row_number() OVER (ORDER BY e.event_id), e.event_id \
             FROM {events} e CROSS JOIN {frontier} f LEFT JOIN {positions} d USING (event_id) \
             WHERE d.event_id IS NULL RETURNING 1) UPDATE {frontier} \
             SET last_position = last_position + (SELECT count(*) FROM dealt);"
        ));
    }
    Ok(notes)
}

fn positions(layout: &Layout) -> Option<&Name> {
    match &layout.order {
        Order::Position(positions) if layout.schema == SCHEMA => Some(&positions.table),
        _ => None,
    }
}

/// Not more rows than are told of one by one.
fn some(
    mut rows: Vec<tokio_postgres::Row>,
    table: &Name,
    notes: &mut Vec<String>,
) -> Vec<tokio_postgres::Row> {
    let more = rows.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        notes.push(format!("{more} more consumers of {table} are beyond the last event"));
        rows.truncate(NAMED_MAX);
    }
    rows
}
