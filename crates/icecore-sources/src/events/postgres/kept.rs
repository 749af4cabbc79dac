//! What a store keeps beside its events, as files of a snapshot: what it is, its other tables, its
//! sequences, and the statements that make all of these.

use super::dump::{self, Dump};
use super::layout::{Layout, Name, Part, Role};
use super::moment::Moment;
use super::query::QueryError;
use futures::TryStreamExt;
use icecore::source::SourceFile;
use serde_json::{Map, Value, json};

/// What the store is.
pub(super) const STORE_FILE: &str = "store.json";
/// The other tables, each with the text of a copy: `<table>.copy`.
pub(super) const TABLE_SUFFIX: &str = ".copy";
/// The statements that make the tables before rows are loaded, and what is made after.
pub(super) const PRE_DATA_FILE: &str = "schema-pre-data.sql";
pub(super) const POST_DATA_FILE: &str = "schema-post-data.sql";

/// Types whose values, and arrays of them, have no order.
const WITHOUT_ORDER: [&str; 10] =
    ["json", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "xid"];

const STEP: &str = "copy out a table beside the events";

/// The files of a store at this moment, and what makes its tables: `known`, if that is still so.
pub(super) async fn files(
    moment: &Moment,
    layout: &Layout,
    with_state: bool,
    known: Option<Dump>,
) -> Result<(Vec<SourceFile>, Option<Dump>), QueryError> {
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
    let (names, sequences) = sequences(moment, layout).await?;
    let members = layout.columns.iter().filter_map(|column| match &column.part {
        Part::Member(name) => Some(name.as_str()),
        _ => None,
    });
    let mut store = json!({
        "schema": layout.schema,
        "namespace": layout.events.namespace,
        "table": layout.events.relation,
        "server_version": moment.major_version,
        "columns": columns(moment, layout).await?,
        "members": members.collect::<Vec<_>>(),
        "tables": tables,
        "sequences": sequences,
    });
    let dump = match dump::dump(moment, layout, &names, known).await? {
        Ok(dump) => {
            let statements = [(PRE_DATA_FILE, &dump.pre_data), (POST_DATA_FILE, &dump.post_data)];
            files.extend(statements.map(|(name, text)| SourceFile {
                name: name.to_owned(),
                content: text.clone().into_bytes(),
            }));
            Some(dump)
        }
        Err(error) => {
            store["ddl"] = Value::String(format!("left out: {error}"));
            None
        }
    };
    let content = format!("{store:#}\n").into_bytes();
    files.push(SourceFile { name: STORE_FILE.to_owned(), content });
    Ok((files, dump))
}

/// The columns of the table of events, and their types.
async fn columns(moment: &Moment, layout: &Layout) -> Result<Map<String, Value>, QueryError> {
    let sql = format!(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute \
         WHERE attrelid = {}::regclass AND attnum > 0 AND NOT attisdropped",
        layout.events.literal()
    );
    let rows = moment.session.rows(&sql, "list the columns of the events").await?;
    Ok(rows.iter().map(|row| (row.get(0), Value::String(row.get(1)))).collect())
}

/// The sequences that the tables own or take numbers from: their names as SQL takes them, and where
/// they stand.
async fn sequences(
    moment: &Moment,
    layout: &Layout,
) -> Result<(Vec<String>, Vec<Value>), QueryError> {
    let sql = format!(
        "WITH stores(oid) AS (SELECT unnest({})), used(oid) AS ( \
             SELECT objid FROM pg_depend JOIN stores ON refobjid = stores.oid \
             WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass \
               AND deptype IN ('a', 'i') \
             UNION SELECT refobjid FROM pg_depend d JOIN pg_attrdef a ON a.oid = objid \
             JOIN stores ON adrelid = stores.oid \
             WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass) \
         SELECT nspname::text, relname::text \
         FROM pg_class c JOIN used USING (oid) JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE relkind = 'S' ORDER BY 1, 2",
        dump::array(layout)
    );
    let (mut names, mut sequences) = (Vec::new(), Vec::new());
    for row in moment.session.rows(&sql, "list the sequences").await? {
        let name = Name { namespace: row.get(0), relation: row.get(1) };
        let sql = format!("SELECT last_value, is_called FROM {name}");
        let row = moment.session.row(&sql, "read a sequence").await?;
        sequences.push(json!({
            "namespace": name.namespace,
            "sequence": name.relation,
            "last_value": row.get::<_, i64>(0),
            "is_called": row.get::<_, bool>(1),
        }));
        names.push(name.to_string());
    }
    Ok((names, sequences))
}
