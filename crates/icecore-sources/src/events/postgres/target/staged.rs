//! Rows on their way: they wait in a table of their own where they cannot be copied into that of events
//! as they are, since values have to be cast, belong into other tables, or are dealt anew.

use super::failure::{of_another_stream, unsuitable};
use super::spread::Spread;
use super::store::Store;
use crate::events::postgres::query::Session;
use icecore::target::TargetError;
use postgres_protocol::escape::escape_literal;

/// The table that they wait in.
pub(super) const STAGED: &str = "pg_temp.icecore_restored";

/// What is done with rows that wait.
pub(super) struct Staged {
    /// Whether they wait until all are there: positions are dealt anew in the order of the old ones.
    pub(super) are_held: bool,
    insert: String,
    spread: Spread,
    /// A query of an event whose id another one in the store has.
    taken: Option<String>,
}

impl Staged {
    /// Makes the table, if rows have to wait.
    pub(super) async fn prepare(
        session: &Session,
        store: &Store,
    ) -> Result<Option<Self>, TargetError> {
        let (table, columns) = (&store.layout.events, &store.columns);
        let spread = Spread::of(&store.layout, store.is_beside, store.is_fresh);
        if !columns.needs_staging() && !spread.is_needed() && !store.is_beside {
            return Ok(None);
        }
        let query = columns.query();
        let sql = format!(
            "CREATE TEMPORARY TABLE icecore_restored ON COMMIT DROP AS {query} WITH NO DATA"
        );
        session.execute(&sql, "make a table for rows on their way").await?;
        if let Some(prepare) = &spread.prepare {
            session.execute(prepare, "prepare for events").await?;
        }
        Ok(Some(Self {
            are_held: store.is_beside,
            insert: columns.insert(&table.to_string(), STAGED, store.is_beside),
            spread,
            taken: if store.is_beside { taken(session, store).await? } else { None },
        }))
    }

    /// Puts the rows that wait where they belong.
    pub(super) async fn put(&self, session: &Session) -> Result<(), TargetError> {
        if let Some(taken) = &self.taken
            && let [row, ..] = session.rows(taken, "look for ids of events").await?.as_slice()
        {
            return Err(of_another_stream(session.name(), row.get(0), row.get(1)));
        }
        if let Some(before) = &self.spread.before {
            session.execute(before, "prepare for events").await?;
        }
        session.execute(&self.insert, "put events into their table").await?;
        if let Some(after) = &self.spread.after {
            session.execute(after, "put events into their streams").await?;
        }
        let sql = format!("TRUNCATE {STAGED}");
        Ok(session.execute(&sql, "make room for more rows").await?)
    }
}

/// A query of an event on its way whose id an event in the store has, and that one's stream, where an
/// id can be there only once.
async fn taken(session: &Session, store: &Store) -> Result<Option<String>, TargetError> {
    let Some(id) = store.columns.id().map(|column| &column.identifier) else { return Ok(None) };
    let (events, all) = (store.layout.events.literal(), store.layout.all_events());
    let Some(stream) = store.layout.stream_expression() else {
        return Err(unsuitable("events are in no streams"));
    };
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_index JOIN pg_attribute a \
             ON a.attrelid = indrelid AND a.attnum = indkey[0] \
         WHERE indrelid = {events}::regclass AND indisunique AND indnkeyatts = 1 \
           AND a.attname = (parse_ident({literal}))[1])",
        literal = escape_literal(id)
    );
    let is_unique: bool = session.row(&sql, "look at the index of ids").await?.get(0);
    Ok(is_unique.then(|| {
        format!(
            "SELECT e.{id}::text, {stream} FROM {all} \
             WHERE e.{id} IN (SELECT {id} FROM {STAGED}) LIMIT 1"
        )
    }))
}
