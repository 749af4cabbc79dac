//! The tables that a database has, as far as the user may see them.

use super::layout::{Column, Name, Part};
use super::query::{QueryError, Session};
use std::collections::BTreeMap;

/// Tables with their columns and keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    tables: BTreeMap<Name, Table>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    /// In the order of the table.
    columns: Vec<FoundColumn>,
}

#[derive(Clone, Debug)]
struct FoundColumn {
    name: String,
    is_generated: bool,
    is_in_primary_key: bool,
}

impl Table {
    fn column(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Catalog {
    /// Reads the tables of all namespaces but those of the system.
    pub(super) async fn read(session: &Session) -> Result<Self, QueryError> {
        let rows = session
            .rows(
                "SELECT n.nspname::text, c.relname::text, a.attname::text, \
                        a.attgenerated <> '', \
                        EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid \
                                AND i.indisprimary AND a.attnum = ANY (i.indkey)) \
                 FROM pg_attribute a \
                 JOIN pg_class c ON c.oid = a.attrelid \
                 JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition \
                   AND a.attnum > 0 AND NOT a.attisdropped \
                   AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
                   AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%' \
                 ORDER BY a.attrelid, a.attnum",
                "list the tables",
            )
            .await?;
        let mut catalog = Self::default();
        for row in rows {
            let name = Name { namespace: row.get(0), relation: row.get(1) };
            let column = FoundColumn {
                name: row.get(2),
                is_generated: row.get(3),
                is_in_primary_key: row.get(4),
            };
            catalog.tables.entry(name).or_default().columns.push(column);
        }
        Ok(catalog)
    }

    /// The namespaces that have a table of this name with all these columns.
    pub(super) fn namespaces_with(&self, relation: &str, columns: &[&str]) -> Vec<String> {
        self.tables
            .iter()
            .filter(|(name, found)| {
                name.relation == relation
                    && columns.iter().all(|column| found.column(column).is_some())
            })
            .map(|(name, _)| name.namespace.clone())
            .collect()
    }

    /// The names of all tables, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.tables.keys()
    }

    /// The names of a table's columns, in its order.
    pub(super) fn column_names(&self, name: &Name) -> impl Iterator<Item = &str> {
        let columns = self.tables.get(name).map_or(&[][..], |table| &table.columns);
        columns.iter().map(|column| column.name.as_str())
    }

    /// Whether there is such a table.
    pub(super) fn has(&self, name: &Name) -> bool {
        self.tables.contains_key(name)
    }

    /// Whether it has such a column.
    pub(super) fn has_column(&self, name: &Name, column: &str) -> bool {
        self.tables.get(name).is_some_and(|table| table.column(column).is_some())
    }

    /// Whether a column is part of the table's primary key.
    pub(super) fn is_in_primary_key(&self, name: &Name, column: &str) -> bool {
        let column = self.tables.get(name).and_then(|table| table.column(column));
        column.is_some_and(|column| column.is_in_primary_key)
    }

    /// The columns beyond those that are known, as members of events. Generated ones follow from
    /// others, and are none.
    pub(super) fn members(&self, name: &Name, known: &[&str]) -> Vec<Column> {
        let columns = self.tables.get(name).map_or(&[][..], |table| &table.columns);
        let members = columns
            .iter()
            .filter(|column| !column.is_generated && !known.contains(&column.name.as_str()))
            .map(|column| Column::of_events(&column.name, Part::Member(column.name.clone())));
        members.collect()
    }
}
