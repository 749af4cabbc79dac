//! Whether what makes a store's tables has changed, without printing it.
//!
//! Every row of a system catalog says which transaction wrote it (`xmin`), and is written anew by
//! whoever changes a table, an index, a function or a type. So the rows that say how tables are made,
//! each with its transaction, tell a database's definitions from all that it had before. `VACUUM` and
//! `ANALYZE` write what they found into these rows where they stand, and change no transaction.
//!
//! Source: <https://www.postgresql.org/docs/18/catalogs.html>; `heap_inplace_update` in PostgreSQL's
//! `heapam.c`.

use crate::events::postgres::moment::Moment;
use crate::events::postgres::query::QueryError;

/// The first number of what is not PostgreSQL's own: `FirstNormalObjectId`.
const FIRST_OF_USERS: u32 = 16_384;

/// The catalogs that say how tables are made, each with what a row of it is about, and with which of
/// its rows are looked at. Types that go with tables are known by these.
const CATALOGS: [(&str, &str, &str); 19] = [
    ("pg_attrdef", "adrelid", "true"),
    ("pg_attribute", "attrelid", "true"),
    ("pg_class", "oid", "true"),
    ("pg_collation", "oid", "true"),
    ("pg_constraint", "greatest(conrelid, contypid)", "true"),
    ("pg_depend", "objid", "classid = 'pg_class'::regclass AND deptype IN ('a', 'i')"),
    ("pg_description", "objoid", "true"),
    ("pg_enum", "enumtypid", "true"),
    ("pg_extension", "oid", "true"),
    ("pg_index", "indrelid", "true"),
    ("pg_inherits", "inhrelid", "true"),
    ("pg_namespace", "oid", "nspname NOT LIKE 'pg\\_%'"),
    ("pg_partitioned_table", "partrelid", "true"),
    ("pg_policy", "polrelid", "true"),
    ("pg_proc", "oid", "true"),
    ("pg_rewrite", "ev_class", "true"),
    ("pg_statistic_ext", "stxrelid", "true"),
    ("pg_trigger", "tgrelid", "true"),
    ("pg_type", "oid", "typtype IN ('d', 'e', 'r', 'm')"),
];

/// Tells what the database's definitions are now from what they were at another time.
pub(super) async fn definitions(moment: &Moment) -> Result<String, QueryError> {
    let rows = CATALOGS.map(|(catalog, about, condition)| {
        format!(
            "SELECT '{catalog}' AS catalog, {about} AS about, xmin AS written_by \
             FROM pg_catalog.{catalog} WHERE {condition}"
        )
    });
    let sql = format!(
        "SELECT concat_ws(' ', current_setting('server_version_num'), \
             (SELECT system_identifier FROM pg_control_system()), \
             (SELECT oid FROM pg_database WHERE datname = current_database()), \
             count(*), sum(hashtextextended(concat_ws(' ', catalog, about, written_by), 0))) \
         FROM ({}) found \
         WHERE about >= {FIRST_OF_USERS} \
           AND about NOT IN (SELECT oid FROM pg_class WHERE relpersistence = 't')",
        rows.join(" UNION ALL ")
    );
    Ok(moment.session.row(&sql, "ask whether the tables have changed").await?.get(0))
}
