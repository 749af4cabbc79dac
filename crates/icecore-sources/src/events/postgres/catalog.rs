//! The tables that a database has, as far as the user may see them.

use super::layout::Name;
use super::query::{QueryError, Session};
use std::collections::BTreeMap;

/// Tables, their columns, and the types of these.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    tables: BTreeMap<Name, BTreeMap<String, String>>,
}

impl Catalog {
    /// Reads the tables of all namespaces but those of the system.
    pub(super) async fn read(session: &Session) -> Result<Self, QueryError> {
        let rows = session
            .rows(
                "SELECT n.nspname::text, c.relname::text, a.attname::text, \
                        format_type(a.atttypid, NULL) \
                 FROM pg_attribute a \
                 JOIN pg_class c ON c.oid = a.attrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
                   AND a.attnum > 0 AND NOT a.attisdropped \
                   AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                   AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'",
                "list the tables",
            )
            .await?;
        let mut catalog = Self::default();
        for row in rows {
            let name = Name { namespace: row.get(0), relation: row.get(1) };
            catalog.tables.entry(name).or_default().insert(row.get(2), row.get(3));
        }
        Ok(catalog)
    }

    /// The namespaces that have a table of this name with all these columns.
    pub(super) fn namespaces_with(&self, relation: &str, columns: &[&str]) -> Vec<String> {
        self.tables
            .iter()
            .filter(|(name, found)| {
                name.relation == relation
                    && columns.iter().all(|column| found.contains_key(*column))
            })
            .map(|(name, _)| name.namespace.clone())
            .collect()
    }

    /// Whether there is such a table.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.tables.contains_key(name)
    }
}
