//! The schemas of event stores, one file each, and which of them a database has.

mod commanded;
mod disintegrate;
mod emmett;
mod eventcore;
mod mapping;
mod marten;
mod message_db;
mod postgres_es;
mod rails_event_store;

pub use mapping::TableMapping;

use super::catalog::Catalog;
use super::layout::Layout;
use super::source::SchemaChoice;
use mapping::MappingError;

/// A schema: its name, and how its stores are recognised.
type Schema = (&'static str, fn(&Catalog) -> Vec<Layout>);

const SCHEMAS: [Schema; 8] = [
    (eventcore::SCHEMA, eventcore::recognise),
    (message_db::SCHEMA, message_db::recognise),
    (postgres_es::SCHEMA, postgres_es::recognise),
    (emmett::SCHEMA, emmett::recognise),
    (disintegrate::SCHEMA, disintegrate::recognise),
    (marten::SCHEMA, marten::recognise),
    (commanded::SCHEMA, commanded::recognise),
    (rails_event_store::SCHEMA, rails_event_store::recognise),
];

/// No store, or not one alone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChoiceError {
    #[error(
        "there is no schema '{schema}' of event stores; there are: {known}, and mapping for any \
         other table"
    )]
    UnknownSchema { schema: String, known: String },
    #[error("the database has no event store that this user may see, of: {looked_for}")]
    None { looked_for: String },
    #[error(
        "the database has several event stores: {found}; choose one with --schema or --namespace"
    )]
    Several { found: String },
    #[error(transparent)]
    Mapping(MappingError),
}

/// The store that is meant.
pub(super) fn choose(catalog: &Catalog, choice: &SchemaChoice) -> Result<Layout, ChoiceError> {
    let names = || SCHEMAS.map(|(name, _)| name).join(", ");
    if let Some(schema) = &choice.schema
        && !SCHEMAS.iter().any(|(name, _)| name == schema)
    {
        return Err(ChoiceError::UnknownSchema { schema: schema.clone(), known: names() });
    }
    let is_meant = |name: &str| choice.schema.as_deref().is_none_or(|schema| schema == name);
    let candidates = match &choice.mapping {
        Some(mapping) => mapping::layouts(catalog, mapping).map_err(ChoiceError::Mapping)?,
        None => SCHEMAS
            .iter()
            .filter(|(name, _)| is_meant(name))
            .flat_map(|(_, recognise)| recognise(catalog))
            .collect(),
    };
    let mut found: Vec<Layout> = candidates
        .into_iter()
        .filter(|layout| {
            choice.namespace.as_ref().is_none_or(|namespace| *namespace == layout.events.namespace)
        })
        .collect();
    match (found.pop(), found.as_slice()) {
        (None, _) => {
            let looked_for = match (&choice.mapping, &choice.schema) {
                (Some(mapping), _) => mapping.table.clone(),
                (None, schema) => schema.clone().unwrap_or_else(names),
            };
            Err(ChoiceError::None { looked_for })
        }
        (Some(layout), []) => Ok(layout),
        (Some(last), others) => {
            let found: Vec<&str> =
                others.iter().chain([&last]).map(|layout| layout.description.as_str()).collect();
            Err(ChoiceError::Several { found: found.join("; ") })
        }
    }
}
