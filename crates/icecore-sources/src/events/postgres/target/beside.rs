//! Streams that go into a store beside others: which of them are there already, and what becomes of
//! these.

use super::copy_text::put;
use super::failure::unsuitable;
use super::load::copy_text;
use super::store::Load;
use crate::events::postgres::layout::{KeptTable, Layout, Name, Order, Role, divided};
use crate::events::postgres::query::Session;
use icecore::target::{
    OnConflict, RequestedStream, StreamEnd, TargetError, TargetErrorKind, TargetRequest,
};
use postgres_protocol::escape::{escape_identifier, escape_literal};
use std::collections::BTreeMap;

/// The streams that are restored, by their ids at the target and in the snapshot.
pub(super) const STREAMS: &str = "pg_temp.icecore_streams";
/// The events that make room.
const REPLACED: &str = "pg_temp.icecore_replaced";
/// Rows of another table, on their way.
const ROWS: &str = "pg_temp.icecore_rows";

/// How many streams a message names; the others are counted.
const NAMED_MAX: usize = 10;

/// How the streams that are there already end; all others are restored.
pub(super) type Ends = BTreeMap<String, StreamEnd>;

/// Lists the streams in the database, and makes room for them.
pub(super) async fn prepare(
    session: &Session,
    layout: &Layout,
    request: &TargetRequest,
    is_new: bool,
) -> Result<Ends, TargetError> {
    list(session, &request.streams).await?;
    if is_new || request.overwrite {
        return Ok(Ends::new());
    }
    let there = find(session, layout).await?;
    if there.is_empty() {
        return Ok(Ends::new());
    }
    let end = match request.on_conflict.unwrap_or_default() {
        OnConflict::Fail => return Err(conflict(session, &there)),
        OnConflict::Skip => {
            let sql = format!("DELETE FROM {STREAMS} WHERE is_there");
            session.execute(&sql, "leave out streams").await?;
            StreamEnd::Skipped
        }
        OnConflict::Replace => {
            replace(session, layout).await?;
            StreamEnd::Replaced
        }
    };
    Ok(there.into_iter().map(|stream| (stream, end)).collect())
}

async fn list(session: &Session, streams: &[RequestedStream]) -> Result<(), TargetError> {
    const STEP: &str = "list the streams that are restored";
    let sql = "CREATE TEMPORARY TABLE icecore_streams ( \
               stream text NOT NULL, source text NOT NULL, is_there boolean NOT NULL DEFAULT false) \
               ON COMMIT DROP";
    session.execute(sql, STEP).await?;
    let mut rows = Vec::new();
    for RequestedStream { stream, source, .. } in streams {
        if stream.contains('\0') {
            return Err(unsuitable(format!(
                "the stream '{stream}' has a zero byte, which PostgreSQL's texts cannot have"
            )));
        }
        put(stream, &mut rows);
        rows.push(b'\t');
        put(source, &mut rows);
        rows.push(b'\n');
    }
    let sql = format!("COPY {STREAMS} (stream, source) FROM STDIN (ENCODING 'UTF8')");
    copy_text(session, &sql, rows, STEP).await?;
    Ok(session.execute(&format!("ANALYZE {STREAMS}"), STEP).await?)
}

/// The streams that are there: they have events, or rows that say that they exist.
async fn find(session: &Session, layout: &Layout) -> Result<Vec<String>, TargetError> {
    const STEP: &str = "look for the streams";
    let events = layout.all_events();
    let stream = stream_expression(layout)?;
    let mut found = vec![format!("SELECT FROM {events} WHERE {stream} = w.stream")];
    for table in layout.tables.iter().filter(|table| table.role == Role::Other) {
        let name = &table.name;
        let stream = table.stream_expression("k").into_iter();
        found
            .extend(stream.map(|stream| format!("SELECT FROM {name} k WHERE {stream} = w.stream")));
    }
    for query in found {
        let sql = format!("UPDATE {STREAMS} w SET is_there = true WHERE EXISTS ({query})");
        session.execute(&sql, STEP).await?;
    }
    let sql = format!("SELECT stream FROM {STREAMS} WHERE is_there ORDER BY stream COLLATE \"C\"");
    Ok(session.rows(&sql, STEP).await?.iter().map(|row| row.get(0)).collect())
}

fn stream_expression(layout: &Layout) -> Result<&str, TargetError> {
    let (schema, stream) = (layout.schema, layout.stream_expression());
    stream.ok_or_else(|| unsuitable(format!("{schema}: events are in no streams")))
}

fn conflict(session: &Session, there: &[String]) -> TargetError {
    let named = there.iter().take(NAMED_MAX).map(|stream| format!("'{stream}'"));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match there.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let (are, streams) = if there.len() == 1 { ("is", "stream") } else { ("are", "streams") };
    let message = format!("{}: the {streams} {named}{more} {are} there already", session.name());
    TargetError::new(TargetErrorKind::Conflict, message)
}

/// Deletes the streams that are there, with what refers to their events.
async fn replace(session: &Session, layout: &Layout) -> Result<(), TargetError> {
    let stream = stream_expression(layout)?;
    let (events, namespace) = (&layout.events, &layout.events.namespace);
    let those = format!("SELECT stream FROM {STREAMS} WHERE is_there");
    let has_event_id = !layout.joined.is_empty() || matches!(layout.order, Order::Position(_));
    let mut statements = Vec::new();
    if has_event_id {
        let all = layout.all_events();
        statements.push(format!(
            "CREATE TEMPORARY TABLE icecore_replaced ON COMMIT DROP AS \
             SELECT e.event_id FROM {all} WHERE {stream} IN ({those})"
        ));
    }
    let of_events = format!("event_id IN (SELECT event_id FROM {REPLACED})");
    match (layout.schema, &layout.order) {
        ("commanded", Order::Position(positions)) => {
            let (links, streams) = (&positions.table, Name::new(namespace, "streams"));
            statements.push(format!(
                "DELETE FROM {links} WHERE {of_events} OR stream_id IN \
                 (SELECT stream_id FROM {streams} WHERE stream_uuid IN ({those}))"
            ));
        }
        (_, Order::Position(positions)) => {
            statements.push(format!("DELETE FROM {} WHERE {of_events}", positions.table));
        }
        ("rails-event-store", _) => {
            let links = Name::new(namespace, "event_store_events_in_streams");
            statements.push(format!("DELETE FROM {links} WHERE {of_events}"));
        }
        _ => {}
    }
    let condition = if has_event_id { of_events } else { format!("{stream} IN ({those})") };
    statements.push(format!("DELETE FROM {events} e WHERE {condition}"));
    for table in &layout.tables {
        let name = &table.name;
        let condition = match (table.stream_expression("k"), layout.schema, table.role) {
            (Some(stream), ..) => format!("{stream} IN ({those})"),
            // A state that is computed of several streams names all of them.
            (None, "eventcore", Role::States) => format!(
                "EXISTS (SELECT FROM pg_catalog.jsonb_object_keys(k.stream_versions) s (stream) \
                 WHERE s.stream IN ({those}))"
            ),
            (None, "disintegrate", Role::States) => "true".to_owned(),
            _ => continue,
        };
        statements.push(format!("DELETE FROM {name} k WHERE {condition}"));
    }
    for sql in statements {
        session.execute(&sql, "delete the streams that are replaced").await?;
    }
    Ok(())
}

/// What tells the events that were restored from those that were there.
pub(super) fn is_restored(layout: &Layout) -> Result<String, TargetError> {
    let stream = stream_expression(layout)?;
    Ok(format!("{stream} IN (SELECT stream FROM {STREAMS})"))
}

/// Copies the rows of a table in that are of restored streams, under their new ids.
pub(super) async fn load_of_streams(
    session: &Session,
    load: &Load,
    rename: Option<&str>,
) -> Result<(), TargetError> {
    const STEP: &str = "copy the rows of streams in";
    let KeptTable { name, stream: columns, .. } = &load.table;
    let Some(stream) = load.table.stream_expression("k") else { return Ok(()) };
    let list = load.list();
    let sql = format!(
        "CREATE TEMPORARY TABLE icecore_rows ON COMMIT DROP AS SELECT {list} FROM {name} WITH NO DATA"
    );
    session.execute(&sql, STEP).await?;
    let sql = format!("COPY {ROWS} ({list}) FROM STDIN (ENCODING 'UTF8')");
    copy_text(session, &sql, load.rows.clone(), STEP).await?;
    let sql = format!("DELETE FROM {ROWS} k WHERE {stream} NOT IN (SELECT source FROM {STREAMS})");
    session.execute(&sql, STEP).await?;
    if let Some(id) = rename {
        let parts = parts_of(id, columns.len())?;
        let set = columns.iter().zip(&parts).map(|(column, part)| {
            format!("{} = {}", escape_identifier(column), escape_literal(part))
        });
        let sql = format!("UPDATE {ROWS} SET {}", set.collect::<Vec<_>>().join(", "));
        session.execute(&sql, STEP).await?;
    }
    // Numbers that a store deals are others' here.
    let literal = name.literal();
    let mut kept = Vec::new();
    for column in &load.columns {
        let column_name = escape_literal(column);
        let sql = format!("SELECT pg_get_serial_sequence({literal}, {column_name}) IS NULL");
        if session.row(&sql, STEP).await?.get(0) {
            kept.push(escape_identifier(column));
        }
    }
    let kept = kept.join(", ");
    let sql = format!(
        "INSERT INTO {name} ({kept}) SELECT {kept} FROM {ROWS} ORDER BY ctid; DROP TABLE {ROWS}"
    );
    Ok(session.execute(&sql, STEP).await?)
}

/// The parts of a stream's new id, for the columns that it is joined of.
pub(super) fn parts_of(id: &str, parts: usize) -> Result<Vec<String>, TargetError> {
    divided(id, parts).ok_or_else(|| {
        unsuitable(format!(
            "'{id}' is no id of a stream here: it has to be {parts} parts with / between them (in all \
             but the last, / is written \\/ and \\ is written \\\\)"
        ))
    })
}
