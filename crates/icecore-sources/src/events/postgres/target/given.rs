//! What a snapshot says of the store that it was made of.

use super::failure::unsuitable;
use super::sqlite;
use crate::events::postgres::kept::{POST_DATA_FILE, PRE_DATA_FILE, STORE_FILE, TABLE_SUFFIX};
use crate::events::postgres::layout::Name;
use crate::events::postgres::source::KIND;
use icecore::target::{TargetError, TargetRequest};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The schema that events of other kinds of stores go into.
const USUAL_SCHEMA: &str = "eventcore";

/// A store as its snapshot describes it.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// What the store was; `None` of another kind of store.
    pub(super) store: Option<Store>,
    /// The tables beside the events.
    pub(super) tables: Vec<Table>,
    pub(super) pre_data: Option<String>,
    pub(super) post_data: Option<String>,
    /// Files that are not ours.
    pub(super) unknown: Vec<String>,
}

/// What `store.json` says. Of what it does not have, it says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    pub(super) schema: String,
    pub(super) namespace: String,
    pub(super) table: String,
    /// The columns of the events and their types.
    pub(super) columns: BTreeMap<String, String>,
    /// Those that are members of events.
    pub(super) members: Vec<String>,
    tables: Vec<Columns>,
    pub(super) sequences: Vec<Sequence>,
    /// Why there are no statements that make the tables.
    pub(super) ddl: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Columns {
    table: String,
    columns: Vec<String>,
}

/// Where a sequence stands.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sequence {
    pub(super) namespace: String,
    #[serde(rename = "sequence")]
    pub(super) name: String,
    pub(super) last_value: i64,
    pub(super) is_called: bool,
}

/// A table beside the events.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) relation: String,
    pub(super) columns: Vec<String>,
    /// Its rows, as `COPY` prints them.
    pub(super) rows: Vec<u8>,
    /// Whether PostgreSQL itself printed them.
    pub(super) is_verbatim: bool,
}

impl Given {
    pub(super) fn of(request: &TargetRequest) -> Result<Self, TargetError> {
        let mut given = Self::default();
        if request.source_kind != KIND {
            for file in &request.files {
                match (request.source_kind.as_str(), file.name.as_str()) {
                    (sqlite::KIND, sqlite::CHECKPOINTS_FILE) => {
                        given.tables.push(sqlite::checkpoints(&file.content)?);
                    }
                    (sqlite::KIND, name) if sqlite::OF_SQLITE.contains(&name) => {}
                    _ if file.content.is_empty() => {}
                    (_, name) => given.unknown.push(name.to_owned()),
                }
            }
            return Ok(given);
        }
        let file = |name: &str| request.files.iter().find(|file| file.name == name);
        let malformed = || unsuitable(format!("the snapshot's '{STORE_FILE}' is not understood"));
        let Some(store) = file(STORE_FILE) else {
            return Err(unsuitable(format!("the snapshot has no '{STORE_FILE}'")));
        };
        let store: Store =
            serde_json::from_slice(&store.content).map_err(|error| malformed().because(error))?;
        let statements = |name: &str| match file(name) {
            Some(file) => match String::from_utf8(file.content.clone()) {
                Ok(text) => Ok(Some(text)),
                Err(error) => {
                    Err(unsuitable(format!("the snapshot's '{name}' is no text")).because(error))
                }
            },
            None => Ok(None),
        };
        given.pre_data = statements(PRE_DATA_FILE)?;
        given.post_data = statements(POST_DATA_FILE)?;
        for file in &request.files {
            let name = file.name.as_str();
            match name.strip_suffix(TABLE_SUFFIX) {
                Some(relation) => {
                    let columns = store.tables.iter().find(|table| table.table == relation);
                    let columns = columns.ok_or_else(malformed)?.columns.clone();
                    let (relation, rows) = (relation.to_owned(), file.content.clone());
                    given.tables.push(Table { relation, columns, rows, is_verbatim: true });
                }
                None if [STORE_FILE, PRE_DATA_FILE, POST_DATA_FILE].contains(&name) => {}
                None => given.unknown.push(name.to_owned()),
            }
        }
        given.store = Some(store);
        Ok(given)
    }

    /// The schema of the store that takes the events.
    pub(super) fn schema(&self) -> &str {
        self.store.as_ref().map_or(USUAL_SCHEMA, |store| &store.schema)
    }

    /// Whether a column of the events has JSON as PostgreSQL itself prints it.
    pub(super) fn is_canonical(&self, column: &str) -> bool {
        let of_column = |store: &Store| store.columns.get(column).is_some_and(|it| it == "jsonb");
        self.store.as_ref().is_some_and(of_column)
    }

    /// The tables that the snapshot knows of, in a namespace.
    pub(super) fn names(&self, namespace: &str) -> Vec<Name> {
        let Some(store) = &self.store else { return Vec::new() };
        let kept = self.tables.iter().map(|table| table.relation.as_str());
        let relations = [store.table.as_str()].into_iter().chain(kept);
        relations.map(|relation| Name::new(namespace, relation)).collect()
    }
}
