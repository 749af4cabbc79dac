//! Consumers that have come further than the events that were restored, and what puts them back.

use crate::events::postgres::layout::{Layout, Name};
use crate::events::postgres::query::{QueryError, Session};

/// How many consumers are named in notes; more are counted.
const NAMED_MAX: usize = 100;

/// A table of consumers. In expressions it is called `c`.
struct Consumers {
    table: &'static str,
    /// What a consumer is called, for people.
    name: &'static str,
    /// Which rows are of consumers.
    condition: &'static str,
    /// How far one has come.
    position: &'static str,
    /// How far it could have come; `{namespace}` stands for that of the store.
    head: &'static str,
    /// The same after a cut, where the store still has the number of an event that is gone.
    head_of_cut: Option<&'static str>,
    /// The statement that puts it there, made by SQL: `head` is as above.
    reset: &'static str,
}

/// The schemas whose tables tell. Those of EventCore are looked at elsewhere, and Message DB has
/// messages instead.
const ALL: [(&str, Consumers); 4] = [
    (
        "emmett",
        Consumers {
            table: "emt_processors",
            name: "format('%s, version %s, in %s', c.processor_id, c.version, c.partition)",
            condition: "c.last_processed_checkpoint ~ '^[0-9]{1,18}$|^0[0-9]{18}$'",
            position: "c.last_processed_checkpoint::bigint",
            head: "(SELECT coalesce(max(global_position), 0) FROM {namespace}.emt_messages)",
            head_of_cut: None,
            reset: "format('UPDATE %s SET last_processed_checkpoint = %L WHERE processor_id = %L \
                    AND partition = %L AND version = %s', {table}, lpad(head::text, 19, '0'), \
                    c.processor_id, c.partition, c.version)",
        },
    ),
    (
        "disintegrate",
        Consumers {
            table: "event_listener",
            name: "c.id",
            condition: "true",
            position: "c.last_processed_event_id",
            head: "(SELECT coalesce(max(event_id), 0) FROM {namespace}.event)",
            head_of_cut: None,
            reset: "format('UPDATE %s SET last_processed_event_id = %s WHERE id = %L', {table}, head, \
                    c.id)",
        },
    ),
    (
        "commanded",
        Consumers {
            table: "subscriptions",
            name: "format('%s of stream %s', c.subscription_name, c.stream_uuid)",
            condition: "true",
            position: "c.last_seen",
            head: "(SELECT coalesce(max(s.stream_version), 0) FROM {namespace}.streams s \
                   WHERE s.stream_uuid = c.stream_uuid)",
            head_of_cut: Some(
                "(SELECT coalesce(max(e.stream_version), 0) FROM {namespace}.streams s \
                 JOIN {namespace}.stream_events e ON e.stream_id = s.stream_id \
                 WHERE s.stream_uuid = c.stream_uuid)",
            ),
            reset: "format('UPDATE %s SET last_seen = %s WHERE stream_uuid = %L \
                    AND subscription_name = %L', {table}, head, c.stream_uuid, c.subscription_name)",
        },
    ),
    (
        "marten",
        Consumers {
            table: "mt_event_progression",
            name: "c.name",
            condition: "true",
            position: "c.last_seq_id",
            head: "(SELECT coalesce(max(seq_id), 0) FROM {namespace}.mt_events)",
            head_of_cut: None,
            reset: "format('UPDATE %s SET last_seq_id = %s WHERE name = %L', {table}, head, c.name)",
        },
    ),
];

/// What whoever restored a store should do before it is used.
pub(super) async fn notes(
    session: &Session,
    layout: &Layout,
    is_cut: bool,
) -> Result<Vec<String>, QueryError> {
    let Some((_, consumers)) = ALL.iter().find(|(schema, _)| *schema == layout.schema) else {
        return Ok(Vec::new());
    };
    let table = Name::new(&layout.events.namespace, consumers.table);
    if !layout.tables.iter().any(|kept| kept.name == table) {
        return Ok(Vec::new());
    }
    let Consumers { name, condition, position, head, head_of_cut, reset, .. } = consumers;
    let head = head_of_cut.filter(|_| is_cut).unwrap_or(head);
    let namespace = postgres_protocol::escape::escape_identifier(&layout.events.namespace);
    let head = head.replace("{namespace}", &namespace);
    let reset = reset.replace("{table}", &table.literal());
    let sql = format!(
        "SELECT {name}, {reset} FROM {table} c CROSS JOIN LATERAL (SELECT {head} AS head) h \
         WHERE CASE WHEN {condition} THEN {position} > head ELSE false END ORDER BY 1"
    );
    let rows = session.rows(&sql, "look at consumers").await?;
    let mut notes: Vec<String> = rows
        .iter()
        .take(NAMED_MAX)
        .map(|row| {
            let (name, reset): (&str, &str) = (row.get(0), row.get(1));
            format!("the consumer '{name}' is beyond the last event; to go on from there: {reset};")
        })
        .collect();
    let more = rows.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        notes.push(format!("{more} more consumers of {table} are beyond the last event"));
    }
    Ok(notes)
}
