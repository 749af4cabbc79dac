//! What a store keeps beside its events, as files of a snapshot: what it is, its other tables, and
//! its sequences.

use super::layout::{Layout, Role};
use super::moment::Moment;
use super::query::QueryError;
use futures::TryStreamExt;
use icecore::source::SourceFile;
use serde_json::json;

/// What the store is.
pub(super) const STORE_FILE: &str = "store.json";
/// The other tables, each with the text of a copy: `<table>.copy`.
pub(super) const TABLE_SUFFIX: &str = ".copy";

/// Types whose values, and arrays of them, have no order.
const WITHOUT_ORDER: [&str; 10] =
    ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "xid"];

const STEP: &str = "copy out a table beside the events";

/// The files of a store at this moment.
pub(super) async fn files(
    moment: &Moment,
    layout: &Layout,
    with_state: bool,
) -> Result<Vec<SourceFile>, QueryError> {
    let session = &moment.session;
    let mut files = Vec::new();
    let mut tables = Vec::new();
    for table in &layout.tables {
        if table.role == Role::States && !with_state {
            continue;
        }
        let sql = format!(
            "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = {}::regclass \
             AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            table.name.literal()
        );
        let rows = session.rows(&sql, "list the columns").await?;
        let columns: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let list: Vec<String> = columns
            .iter()
            .map(|column| postgres_protocol::escape::escape_identifier(column))
            .collect();
        // Sorted, so that the same rows are the same bytes.
        let order = rows.iter().zip(&list).map(|(row, column)| {
            let sql_type: &str = row.get(1);
            let is_ordered = !WITHOUT_ORDER.contains(&sql_type.trim_end_matches("[]"));
            format!("k.{column}{}", if is_ordered { "" } else { "::text" })
        });
        let condition = table.condition.iter().map(|condition| format!(" WHERE {condition}"));
        let sql = format!(
            "COPY (SELECT {list} FROM {} k{condition} ORDER BY {order}) \
             TO STDOUT (ENCODING 'UTF8')",
            table.name,
            condition = condition.collect::<String>(),
            order = order.collect::<Vec<_>>().join(", "),
            list = list.join(", "),
        );
        let stream = session.copy_out(&sql, STEP).await?;
        let content = stream
            .try_fold(Vec::new(), |mut content, bytes| async move {
                content.extend_from_slice(&bytes);
                Ok(content)
            })
            .await
            .map_err(|error| session.failed(STEP, error))?;
        let is_whole = table.condition.is_none();
        tables.push(json!({
            "table": table.name.relation,
            "columns": columns,
            "is_whole": is_whole,
        }));
        files.push(SourceFile { name: format!("{}{TABLE_SUFFIX}", table.name.relation), content });
    }
    let store = json!({
        "schema": layout.schema,
        "namespace": layout.events.namespace,
        "table": layout.events.relation,
        "server_version": moment.major_version,
        "tables": tables,
    });
    let content = format!("{store:#}\n").into_bytes();
    files.push(SourceFile { name: STORE_FILE.to_owned(), content });
    Ok(files)
}
