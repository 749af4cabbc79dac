//! The publication that says what is decoded: all that happens to the table of events.
//!
//! An operator may have made it before, under the slot's name; then following needs no more than the
//! right to replicate.

use super::super::layout::Layout;
use super::super::query::{QueryError, Session};
use postgres_protocol::escape::escape_literal;

/// The version from which publications can leave out rows and columns.
const FILTERS_FROM: u32 = 15;

/// What a publication of some name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Published {
    /// It is not there.
    No,
    /// It tells all that happens to the table.
    All,
    /// It tells something else.
    Otherwise,
}

/// Looks for a publication.
pub(super) async fn look(
    session: &Session,
    name: &str,
    layout: &Layout,
    major_version: u32,
) -> Result<Published, QueryError> {
    let events = &layout.events;
    let is_filtered = if major_version >= FILTERS_FROM {
        format!(
            "EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid \
               AND r.prrelid = {}::regclass AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))",
            events.literal()
        )
    } else {
        "false".to_owned()
    };
    let sql = format!(
        "SELECT pubinsert AND pubupdate AND pubdelete AND pubtruncate AND NOT {is_filtered} \
            AND EXISTS (SELECT FROM pg_publication_tables t WHERE t.pubname = p.pubname \
                        AND t.schemaname = {} AND t.tablename = {}) \
         FROM pg_publication p WHERE pubname = '{name}'",
        escape_literal(&events.namespace),
        escape_literal(&events.relation),
    );
    let rows = session.rows(&sql, "look for the publication").await?;
    Ok(match rows.first().map(|row| row.get(0)) {
        None => Published::No,
        Some(true) => Published::All,
        Some(false) => Published::Otherwise,
    })
}

/// What changes when the publication, its table, or that this is in it does; `None` if there is no
/// publication.
pub(super) async fn state(
    session: &Session,
    name: &str,
    layout: &Layout,
) -> Result<Option<String>, QueryError> {
    let table = layout.events.literal();
    let sql = format!(
        "SELECT concat_ws(' ', p.oid, p.xmin, to_regclass({table})::oid, \
            (SELECT string_agg(concat_ws(' ', r.oid, r.xmin), ' ' ORDER BY r.oid) \
             FROM pg_publication_rel r \
             WHERE r.prpubid = p.oid AND r.prrelid = to_regclass({table})::oid)) \
         FROM pg_publication p WHERE pubname = '{name}'"
    );
    let rows = session.rows(&sql, "look whether the publication is what it was").await?;
    Ok(rows.first().map(|row| row.get(0)))
}

/// The statement that makes it. What happens to partitions is told as of their table.
pub(super) fn statement(name: &str, layout: &Layout) -> String {
    format!(
        "CREATE PUBLICATION {name} FOR TABLE {} WITH (publish = 'insert, update, delete, truncate', \
         publish_via_partition_root = true)",
        layout.events
    )
}
