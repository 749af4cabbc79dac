//! What a store has beside events that were cut at a point: it is of a later state, and names versions
//! and events that are not there.
//!
//! Versions of streams become those of their last events, and what is of events or states beyond goes.
//! Sequences, EventCore's frontier and the version of Commanded's `$all` stay: no number is dealt
//! twice, so that whoever has seen one of what is gone does not take a new event for it. Consumers
//! stay, too, and are told of (`consumers`).

use super::load::copy_text;
use super::store::{Load, Store};
use crate::events::postgres::layout::{KeptTable, Layout, Name, Role};
use crate::events::postgres::query::{QueryError, Session};
use postgres_protocol::escape::escape_identifier;

/// Rows on their way.
const ROWS: &str = "pg_temp.icecore_links";

/// A table that has the last version of each stream.
struct Heads {
    schema: &'static str,
    table: &'static str,
    column: &'static str,
    /// The version of an event, which is called `e`.
    version: &'static str,
    /// What else an event and a row, `k`, have in common.
    shared: Option<&'static str>,
}

const HEADS: [Heads; 2] = [
    Heads {
        schema: "emmett",
        table: "emt_streams",
        column: "stream_position",
        version: "e.stream_position",
        shared: Some("is_archived"),
    },
    Heads {
        schema: "marten",
        table: "mt_streams",
        column: "version",
        version: "e.version",
        shared: None,
    },
];

/// Tables of states, and the rows, `k`, that are of a version beyond the last of their stream: `{heads}`
/// stands for streams and their last versions, `{stream}` for the stream of a row.
const STATES: [(&str, &str, &str, &str); 3] = [
    (
        "eventcore",
        "eventcore_command_state_snapshots",
        "e.stream_version",
        "EXISTS (SELECT FROM jsonb_each_text(k.stream_versions) s (stream, version) \
         LEFT JOIN ({heads}) h ON h.stream = s.stream \
         WHERE s.version::bigint > coalesce(h.version, 0))",
    ),
    (
        "postgres-es",
        "snapshots",
        "e.sequence",
        "NOT EXISTS (SELECT FROM ({heads}) h \
         WHERE h.stream = {stream} AND h.version >= k.last_sequence)",
    ),
    (
        "disintegrate",
        "snapshot",
        "e.event_id",
        "k.version > coalesce((SELECT max(h.version) FROM ({heads}) h), 0)",
    ),
];

/// The tables of links, whose rows name an event, by schema.
const LINKS: [(&str, &str); 2] =
    [("commanded", "stream_events"), ("rails-event-store", "event_store_events_in_streams")];

/// Whether a table has other rows after a cut than the snapshot.
pub(super) fn is_settled(layout: &Layout, table: &Name) -> bool {
    let is = |schema: &str, relation: &str| layout.schema == schema && table.relation == relation;
    HEADS.iter().any(|heads| is(heads.schema, heads.table))
        || STATES.iter().any(|(schema, relation, ..)| is(schema, relation))
        || LINKS.iter().any(|(schema, relation)| is(schema, relation))
        || is("commanded", "streams")
        || is("commanded", "snapshots")
}

/// Whether rows of a table are links of events.
pub(super) fn are_links(layout: &Layout, table: &Name) -> bool {
    LINKS.contains(&(layout.schema, table.relation.as_str()))
}

/// Copies those links in whose events are there.
pub(super) async fn load_links(
    session: &Session,
    layout: &Layout,
    load: &Load,
) -> Result<(), QueryError> {
    const STEP: &str = "copy the links of events in";
    let (name, list, events) = (&load.table.name, load.list(), &layout.events);
    let sql = format!(
        "CREATE TEMPORARY TABLE icecore_links ON COMMIT DROP AS SELECT {list} FROM {name} WITH NO DATA"
    );
    session.execute(&sql, STEP).await?;
    let sql = format!("COPY {ROWS} ({list}) FROM STDIN (ENCODING 'UTF8')");
    copy_text(session, &sql, load.rows.clone(), STEP).await?;
    let sql = format!(
        "INSERT INTO {name} ({list}) OVERRIDING SYSTEM VALUE SELECT {list} FROM {ROWS} k \
         WHERE EXISTS (SELECT FROM {events} e WHERE e.event_id = k.event_id) ORDER BY ctid; \
         DROP TABLE {ROWS}"
    );
    session.execute(&sql, STEP).await
}

/// Makes what stands beside the events fit them. `restored` tells the streams that were restored
/// from others, if there are others.
pub(super) async fn settle(
    session: &Session,
    store: &Store,
    restored: Option<&str>,
) -> Result<(), QueryError> {
    let layout = &store.layout;
    // States go by the versions of streams.
    let (states, others): (Vec<_>, Vec<_>) =
        layout.tables.iter().partition(|table| table.role == Role::States);
    for table in others.into_iter().chain(states) {
        for sql in statements(layout, table, restored) {
            session.execute(&sql, "make the store fit the events that are in").await?;
        }
    }
    Ok(())
}

fn statements(layout: &Layout, table: &KeptTable, restored: Option<&str>) -> Vec<String> {
    let (name, relation) = (&table.name, table.name.relation.as_str());
    let stream = table.stream_expression("k").unwrap_or_default();
    // A state of several streams is of none.
    let among = match restored {
        Some(streams) if !stream.is_empty() => {
            format!("{stream} IN (SELECT stream FROM {streams}) AND ")
        }
        _ => String::new(),
    };
    let heads = |version: &str, shared: Option<&str>| {
        let of_event = layout.stream_expression().unwrap_or_default();
        let shared = shared.map(|column| format!(", e.{}", escape_identifier(column)));
        let shared = shared.unwrap_or_default();
        format!(
            "SELECT {of_event} AS stream, max({version}) AS version{shared} FROM {} \
             GROUP BY {of_event}{shared}",
            layout.all_events()
        )
    };
    let is = |schema: &str, table: &str| layout.schema == schema && relation == table;
    if let Some(it) = HEADS.iter().find(|heads| is(heads.schema, heads.table)) {
        let column = escape_identifier(it.column);
        let heads = heads(it.version, it.shared);
        let shared = it.shared.map(escape_identifier);
        let shared = shared.map(|column| format!(" AND h.{column} = k.{column}"));
        let is_of = format!("h.stream = {stream}{}", shared.unwrap_or_default());
        return vec![
            format!(
                "UPDATE {name} k SET {column} = h.version FROM ({heads}) h \
                 WHERE {among}{is_of} AND k.{column} > h.version"
            ),
            format!(
                "DELETE FROM {name} k \
                 WHERE {among}k.{column} > 0 AND NOT EXISTS (SELECT FROM ({heads}) h WHERE {is_of})"
            ),
        ];
    }
    if let Some((.., version, condition)) =
        STATES.iter().find(|(schema, table, ..)| is(schema, table))
    {
        let heads = heads(version, None);
        let condition = condition.replace("{heads}", &heads).replace("{stream}", &stream);
        return vec![format!("DELETE FROM {name} k WHERE {among}{condition}")];
    }
    let namespace = &layout.events.namespace;
    if is("commanded", "streams") {
        // Links count, too.
        let links = Name::new(namespace, "stream_events");
        let heads = format!(
            "SELECT stream_id, max(stream_version) AS version FROM {links} \
             WHERE stream_id <> 0 GROUP BY stream_id"
        );
        return vec![
            format!(
                "UPDATE {name} k SET stream_version = h.version FROM ({heads}) h \
                 WHERE {among}h.stream_id = k.stream_id AND k.stream_version > h.version"
            ),
            format!(
                "DELETE FROM {name} k WHERE {among}k.stream_id <> 0 AND k.stream_version > 0 \
                 AND NOT EXISTS (SELECT FROM ({heads}) h WHERE h.stream_id = k.stream_id)"
            ),
        ];
    }
    if is("commanded", "snapshots") && table.role == Role::States {
        let streams = Name::new(namespace, "streams");
        // They are of a stream of that id, or of none that is known.
        return vec![format!(
            "DELETE FROM {name} k WHERE {among}NOT EXISTS (SELECT FROM {streams} s \
             WHERE s.stream_uuid = k.source_uuid AND s.stream_version >= k.source_version)"
        )];
    }
    Vec::new()
}
