//! Where rows on their way go besides the table of events: to links, and to positions that are dealt
//! anew to events that go beside others.

use super::columns::{POSITION, STREAM, VERSION};
use super::staged::STAGED;
use crate::events::postgres::layout::{Layout, Name, Order};

/// The member of Rails Event Store that is the key of an event's oldest link.
pub(super) const LINK_ID: &str = "link_id";

/// What is done with rows on their way besides.
#[derive(Clone, Debug, Default)]
pub(super) struct Spread {
    /// Once, before the first rows.
    pub(super) prepare: Option<String>,
    /// Before rows go into the table of events.
    pub(super) before: Option<String>,
    /// After they did.
    pub(super) after: Option<String>,
}

impl Spread {
    /// What a store needs; beside others, events get positions of their own.
    pub(super) fn of(layout: &Layout, is_beside: bool, is_fresh: bool) -> Self {
        match layout.schema {
            "eventcore" if is_beside => eventcore(layout, is_fresh),
            "commanded" => commanded(layout, is_beside),
            "rails-event-store" => rails_event_store(layout, is_beside),
            "emmett" => emmett(layout),
            _ => Self::default(),
        }
    }

    /// Whether there is anything to do.
    pub(super) fn is_needed(&self) -> bool {
        self.prepare.is_some() || self.before.is_some() || self.after.is_some()
    }
}

/// Positions follow the frontier, in the order of the snapshot.
fn eventcore(layout: &Layout, is_fresh: bool) -> Spread {
    let Order::Position(positions) = &layout.order else { return Spread::default() };
    let (delivery, namespace) = (&positions.table, &layout.events.namespace);
    let frontier = Name::new(namespace, super::eventcore::FRONTIER);
    Spread {
        prepare: is_fresh.then(|| format!("UPDATE {frontier} SET last_position = 0")),
        before: None,
        after: Some(format!(
            "WITH dealt AS (INSERT INTO {delivery} (delivery_position, event_id) \
             SELECT f.last_position + row_number() OVER (ORDER BY r.{POSITION}, r.ctid), r.event_id \
             FROM {STAGED} r CROSS JOIN {frontier} f RETURNING 1) \
             UPDATE {frontier} SET last_position = last_position + (SELECT count(*) FROM dealt)"
        )),
    }
}

/// An event is linked to its stream, and to that of all events, where it has a place of its own.
fn commanded(layout: &Layout, is_beside: bool) -> Spread {
    let namespace = &layout.events.namespace;
    let (streams, links) = (Name::new(namespace, "streams"), Name::new(namespace, "stream_events"));
    let of_stream = format!("{STAGED} r JOIN {streams} s ON s.stream_uuid = r.{STREAM}");
    let (place, condition) = if is_beside {
        let next = format!("a.stream_version + row_number() OVER (ORDER BY r.{POSITION}, r.ctid)");
        (next, String::new())
    } else {
        (format!("r.{POSITION}"), format!(" WHERE r.{POSITION} IS NOT NULL"))
    };
    let all = format!("CROSS JOIN (SELECT stream_version FROM {streams} WHERE stream_id = 0) a");
    let all = if is_beside { all } else { String::new() };
    let link = format!(
        "INSERT INTO {links} \
         (event_id, stream_id, stream_version, original_stream_id, original_stream_version)"
    );
    let counted = format!(
        "; UPDATE {streams} SET stream_version = stream_version \
         + (SELECT count(*) FROM {STAGED}) WHERE stream_id = 0"
    );
    let counted = if is_beside { counted } else { String::new() };
    let after = format!(
        "{link} SELECT r.event_id, s.stream_id, r.{VERSION}, s.stream_id, r.{VERSION} \
         FROM {of_stream}; \
         {link} SELECT r.event_id, 0, {place}, s.stream_id, r.{VERSION} \
         FROM {of_stream} {all}{condition}{counted}"
    );
    let prepare = is_beside.then(|| {
        format!(
            "INSERT INTO {streams} (stream_id, stream_uuid, stream_version) \
             SELECT 0, '$all', 0 WHERE NOT EXISTS (SELECT FROM {streams} WHERE stream_id = 0)"
        )
    });
    Spread { prepare, before: None, after: Some(after) }
}

/// The oldest link of an event comes with it.
fn rails_event_store(layout: &Layout, is_beside: bool) -> Spread {
    let links = Name::new(&layout.events.namespace, "event_store_events_in_streams");
    let (id, link_id) =
        if is_beside { ("", String::new()) } else { ("id, ", format!("{LINK_ID}, ")) };
    Spread {
        after: Some(format!(
            "INSERT INTO {links} ({id}stream, position, event_id, created_at) \
             SELECT {link_id}{STREAM}, link_position, event_id, link_created_at \
             FROM {STAGED} WHERE {LINK_ID} IS NOT NULL ORDER BY ctid"
        )),
        ..Spread::default()
    }
}

/// A partition is made by the store's own function before it has rows.
fn emmett(layout: &Layout) -> Spread {
    let partitions = format!("SELECT DISTINCT partition FROM {STAGED}");
    Spread { before: Some(super::emmett::add_partitions(layout, &partitions)), ..Spread::default() }
}
