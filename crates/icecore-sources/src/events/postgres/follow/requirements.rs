//! What a server and a table of events must have so that what is new can be decoded. Without it a
//! source is opened again and again instead, which is as exact.

use super::super::layout::Layout;
use super::super::query::{QueryError, Session};

/// Why a source is not followed by a slot, as the end of "... is followed by being read again and
/// again, since ...".
pub(super) type WhyNot = String;

/// A table whose rows are told apart by a key, and whose changes the server can tell.
#[derive(Clone, Debug)]
pub(super) struct KeyedTable {
    pub(super) number: u32,
    /// All its columns that are stored, in its order, and the numbers of their types.
    pub(super) columns: Vec<(String, u32)>,
    /// The columns of its primary key.
    pub(super) key: Vec<String>,
    /// Their types, as SQL takes them.
    pub(super) key_types: Vec<String>,
}

/// The table of events, if all that is needed is there.
pub(super) async fn require(
    session: &Session,
    layout: &Layout,
) -> Result<Result<KeyedTable, WhyNot>, QueryError> {
    let name = &layout.events;
    let literal = name.literal();
    let sql = format!(
        "SELECT current_setting('wal_level'), pg_is_in_recovery(), \
                (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user), \
                (SELECT relkind = 'p' FROM pg_class WHERE oid = {literal}::regclass), \
                EXISTS (SELECT FROM pg_inherits WHERE inhparent = {literal}::regclass), \
                {literal}::regclass::oid"
    );
    let row = session.row(&sql, "ask whether the server can decode what is new").await?;
    let (level, is_standby, may_replicate): (&str, bool, Option<bool>) =
        (row.get(0), row.get(1), row.get(2));
    let (is_partitioned, has_children): (Option<bool>, bool) = (row.get(3), row.get(4));
    let is_partitioned = is_partitioned.unwrap_or_default();
    if is_standby {
        return Ok(why_not("the server is a standby"));
    }
    if level != "logical" {
        return Ok(why_not(&format!("wal_level of the server is {level}, not logical")));
    }
    if may_replicate != Some(true) {
        return Ok(why_not("the user may not replicate (ALTER ROLE ... REPLICATION)"));
    }
    if has_children && !is_partitioned {
        return Ok(why_not(&format!("other tables inherit from {name}")));
    }
    let table: u32 = row.get(5);
    let sql = format!(
        "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) \
         FROM pg_index i \
         CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
         WHERE i.indrelid = {table} AND i.indisprimary AND i.indisvalid ORDER BY k.place"
    );
    let rows = session.rows(&sql, "look for the primary key").await?;
    if rows.is_empty() {
        return Ok(why_not(&format!("{name} has no primary key")));
    }
    // An update of a table that is published and has none of these fails.
    let sql = format!(
        "WITH RECURSIVE below(oid) AS ( \
             SELECT {table}::oid UNION SELECT inhrelid FROM pg_inherits JOIN below ON inhparent = oid) \
         SELECT count(*) FROM below JOIN pg_class c USING (oid) \
         WHERE relkind = 'r' AND relreplident = 'n'"
    );
    let row = session.row(&sql, "ask how changes are told").await?;
    if row.get::<_, i64>(0) > 0 {
        return Ok(why_not(&format!("{name} has no replica identity, so changes are not told")));
    }
    let sql = format!(
        "SELECT attname::text, atttypid FROM pg_attribute WHERE attrelid = {table} AND attnum > 0 \
         AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
    );
    let columns = session.rows(&sql, "list the columns of the events").await?;
    Ok(Ok(KeyedTable {
        number: table,
        columns: columns.iter().map(|row| (row.get(0), row.get(1))).collect(),
        key: rows.iter().map(|row| row.get(0)).collect(),
        key_types: rows.iter().map(|row| row.get(1)).collect(),
    }))
}

fn why_not<T>(reason: &str) -> Result<T, WhyNot> {
    Err(reason.to_owned())
}
