//! Which events a store has, without reading them.
//!
//! EventCore keeps an index of streams and versions. Read in its order, with the row ids that an
//! index has anyway, it says of each stream which versions it has and in which rows, at a fifth of
//! what the rows themselves would take. One hash of all that is a head for each stream and more: it
//! fits only if each stream has the same versions, in the same rows.

use crate::events::sqlite::schema::EVENTS;
use crate::events::sqlite::value::Text;
use blake3::{Hash, Hasher};
use icecore::selection::StreamSelection;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

/// What is hashed at once, in bytes.
const HASHED_AT_ONCE: usize = 64 << 10;

/// The wanted events of a store.
#[derive(Debug)]
pub(super) struct Census {
    /// Those in rows up to the one that was asked for.
    pub(super) known: Count,
    /// All of them.
    pub(super) all: Count,
    /// The greatest row id, wanted or not; `None` without rows.
    pub(super) last_row: Option<i64>,
}

/// Some events.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) events: u64,
    pub(super) streams: u64,
    /// The last one's row; `None` without events.
    pub(super) last_row: Option<i64>,
    /// The hash of their streams, versions and rows.
    pub(super) hash: Hash,
}

/// The index's entries, in its order: the same on every machine, and in every copy of a store.
fn sql() -> String {
    let table = EVENTS.name;
    format!(
        "SELECT stream_id, stream_version, rowid FROM {table} \
         ORDER BY stream_id, stream_version, rowid"
    )
}

impl Census {
    /// Counts the events of these streams, and apart those in rows up to `known`. `None` if there is
    /// no index that says it all.
    pub(super) fn take(
        connection: &Connection,
        streams: &StreamSelection,
        known: Option<i64>,
    ) -> rusqlite::Result<Option<Self>> {
        if !is_indexed(connection)? {
            return Ok(None);
        }
        let (mut of_known, mut of_all) = (Counter::default(), Counter::default());
        let mut last_row = None;
        let mut stream = Vec::new();
        let mut is_wanted = false;
        let mut statement = connection.prepare(&sql())?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, version, row) = (row.get_ref(0)?, row.get_ref(1)?, row.get(2)?);
            last_row = last_row.max(Some(row));
            // A value of another type fails the backup when its row is read.
            let id = if let ValueRef::Text(id) = id { id } else { &[] };
            if stream != id || of_all.events == 0 {
                stream.clear();
                stream.extend_from_slice(id);
                is_wanted = streams.is_all()
                    || std::str::from_utf8(id).is_ok_and(|stream| streams.includes(stream));
                of_known.begin_stream();
                of_all.begin_stream();
            }
            if is_wanted {
                let version = if let ValueRef::Integer(version) = version { version } else { -1 };
                of_all.add(&stream, version, row);
                if known.is_some_and(|known| row <= known) {
                    of_known.add(&stream, version, row);
                }
            }
        }
        Ok(Some(Self { known: of_known.finish(), all: of_all.finish(), last_row }))
    }
}

/// Whether an index alone answers, without reading the table or sorting.
fn is_indexed(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql()))?;
    let steps = statement.query_map([], |row| row.get("detail"))?;
    let steps: Vec<String> = steps.collect::<Result<_, _>>()?;
    Ok(matches!(steps.as_slice(), [step] if step.contains("USING COVERING INDEX")))
}

/// Counts and hashes entries.
#[derive(Default)]
struct Counter {
    events: u64,
    streams: u64,
    last_row: Option<i64>,
    has_begun_stream: bool,
    hasher: Hasher,
    pending: Vec<u8>,
}

impl Counter {
    /// What is added next is of another stream.
    fn begin_stream(&mut self) {
        self.has_begun_stream = false;
    }

    fn add(&mut self, stream: &[u8], version: i64, row: i64) {
        self.pending.push(u8::from(!self.has_begun_stream));
        if !self.has_begun_stream {
            self.has_begun_stream = true;
            self.streams += 1;
            self.pending.extend_from_slice(&(stream.len() as u64).to_le_bytes());
            self.pending.extend_from_slice(stream);
        }
        self.pending.extend_from_slice(&version.to_le_bytes());
        self.pending.extend_from_slice(&row.to_le_bytes());
        self.events += 1;
        self.last_row = self.last_row.max(Some(row));
        if self.pending.len() >= HASHED_AT_ONCE {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
    }

    fn finish(mut self) -> Count {
        let hash = self.hasher.update(&self.pending).finalize();
        let Self { events, streams, last_row, .. } = self;
        Count { events, streams, last_row, hash }
    }
}

/// The id of the event in a row, as it is kept.
pub(super) fn event_id(connection: &Connection, row: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = format!("SELECT event_id FROM {} WHERE rowid = ?1", EVENTS.name);
    let id = connection.query_row(&sql, [row], |row| match row.get_ref(0)? {
        ValueRef::Text(id) => Ok(Some(id.to_vec())),
        _ => Ok(None),
    });
    Ok(id.optional()?.flatten())
}

/// The row of the event with this id.
pub(super) fn row_of(connection: &Connection, event_id: &[u8]) -> rusqlite::Result<Option<i64>> {
    let sql = format!("SELECT rowid FROM {} WHERE event_id = ?1", EVENTS.name);
    connection.query_row(&sql, [Text(event_id)], |row| row.get(0)).optional()
}
