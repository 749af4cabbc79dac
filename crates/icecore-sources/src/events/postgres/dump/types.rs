//! Definitions of the types that columns of a store have: enums, domains and composite types, which
//! `pg_dump` leaves out when it dumps tables. Those of extensions come with these.

use super::array;
use crate::events::postgres::layout::Layout;
use crate::events::postgres::moment::Moment;
use crate::events::postgres::query::QueryError;
use postgres_protocol::escape::escape_literal;
use tokio_postgres::Row;

/// What makes a type, in the words of the catalog; null if it is of another kind.
const DEFINITION: &str = "\
    CASE t.typtype \
    WHEN 'e' THEN (SELECT format('TYPE %s AS ENUM (%s)', name, \
            string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)) \
        FROM pg_enum WHERE enumtypid = t.oid) \
    WHEN 'd' THEN format('DOMAIN %s AS %s', name, format_type(t.typbasetype, t.typtypmod)) \
        || coalesce((SELECT format(' COLLATE %I.%I', cn.nspname, collname) \
            FROM pg_collation c JOIN pg_namespace cn ON cn.oid = collnamespace \
            JOIN pg_type b ON b.oid = t.typbasetype \
            WHERE c.oid = t.typcollation AND b.typcollation <> t.typcollation), '') \
        || coalesce(' DEFAULT ' || t.typdefault, '') \
        || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END \
        || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', conname, \
                pg_get_constraintdef(k.oid)), '' ORDER BY conname) \
            FROM pg_constraint k WHERE contypid = t.oid AND contype = 'c'), '') \
    WHEN 'c' THEN (SELECT format('TYPE %s AS (%s)', name, \
            string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' \
                ORDER BY attnum)) \
        FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) END";

/// Statements that make those of the types that are not there, what others are made of first.
pub(super) async fn types(moment: &Moment, layout: &Layout) -> Result<String, QueryError> {
    let sql = format!(
        "WITH RECURSIVE stores(oid) AS (SELECT unnest({})), used(oid) AS ( \
             SELECT atttypid FROM pg_attribute JOIN stores ON attrelid = stores.oid \
             WHERE attnum > 0 AND NOT attisdropped \
             UNION SELECT unnest(ARRAY[t.typelem, t.typbasetype] || ARRAY( \
                 SELECT atttypid FROM pg_attribute \
                 WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped)) \
             FROM used JOIN pg_type t ON t.oid = used.oid) \
         SELECT name, {DEFINITION} \
         FROM used JOIN pg_type t ON t.oid = used.oid JOIN pg_namespace n ON n.oid = typnamespace \
         CROSS JOIN LATERAL (SELECT format('%I.%I', nspname, typname) AS name) i \
         LEFT JOIN pg_class r ON r.oid = t.typrelid \
         WHERE typtype IN ('e', 'd', 'c') AND (typrelid = 0 OR relkind = 'c') \
           AND nspname NOT IN ('pg_catalog', 'information_schema') \
           AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass \
                           AND e.objid = t.oid AND e.deptype = 'e') \
         ORDER BY t.oid",
        array(layout)
    );
    let rows = moment.session.rows(&sql, "read the types of columns").await?;
    let definition = |row: &Row| {
        let (name, definition): (&str, &str) = (row.get(0), row.get(1));
        let literal = escape_literal(name);
        let body = format!(
            "BEGIN IF to_regtype({literal}) IS NULL THEN\nCREATE {definition};\nEND IF; END"
        );
        format!("DO {};\n\n", escape_literal(&body).trim_start())
    };
    Ok(rows.iter().map(definition).collect::<Vec<_>>().concat())
}
