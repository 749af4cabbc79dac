//! In which order tables are loaded: what others refer to comes first.

use super::store::Load;
use crate::events::postgres::dump::array;
use crate::events::postgres::layout::{KeptTable, Layout, Name, Role};
use crate::events::postgres::query::{QueryError, Session};
use std::collections::BTreeSet;

/// A table, and one that it refers to.
type Reference = (Name, Name);

/// Divides loads into those before the events and those after them, each in its order.
pub(super) async fn in_order(
    session: &Session,
    layout: &Layout,
    loads: Vec<Load>,
) -> Result<(Vec<Load>, Vec<Load>), QueryError> {
    let sql = format!(
        "WITH stores(oid) AS (SELECT unnest({})) \
         SELECT DISTINCT a.nspname::text, c.relname::text, b.nspname::text, d.relname::text \
         FROM pg_constraint k \
         JOIN pg_class c ON c.oid = conrelid JOIN pg_namespace a ON a.oid = c.relnamespace \
         JOIN pg_class d ON d.oid = confrelid JOIN pg_namespace b ON b.oid = d.relnamespace \
         WHERE contype = 'f' AND conrelid <> confrelid \
           AND conrelid IN (SELECT oid FROM stores) AND confrelid IN (SELECT oid FROM stores)",
        array(layout)
    );
    let rows = session.rows(&sql, "look for references").await?;
    let references: Vec<Reference> = rows
        .iter()
        .map(|row| {
            let name = |at: usize| Name { namespace: row.get(at), relation: row.get(at + 1) };
            (name(0), name(2))
        })
        .collect();
    Ok(divide(&references, &layout.events, loads))
}

fn divide(references: &[Reference], events: &Name, loads: Vec<Load>) -> (Vec<Load>, Vec<Load>) {
    let mut first = BTreeSet::from([events]);
    loop {
        let found =
            references.iter().filter(|(from, to)| first.contains(from) && !first.contains(to));
        let found: Vec<&Name> = found.map(|(_, to)| to).collect();
        if found.is_empty() {
            break;
        }
        first.extend(found);
    }
    // Events are put into their streams where these have tables of their own, and behind what counts
    // their positions.
    let is_first = |load: &Load| {
        let KeptTable { name, role, stream, .. } = &load.table;
        first.contains(name) || !stream.is_empty() || *role == Role::Preset
    };
    let (before, after) = loads.into_iter().partition(is_first);
    (sorted(references, before), sorted(references, after))
}

fn sorted(references: &[Reference], mut loads: Vec<Load>) -> Vec<Load> {
    let mut sorted = Vec::new();
    while !loads.is_empty() {
        let waits = |load: &Load| {
            references.iter().any(|(from, to)| {
                *from == load.table.name && loads.iter().any(|other| other.table.name == *to)
            })
        };
        // Where tables refer to each other, no order does, and the server says so.
        let next = loads.iter().position(|load| !waits(load)).unwrap_or(0);
        sorted.push(loads.remove(next));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_is_loaded_first() {
        let name = |relation: &str| Name::new("public", relation);
        let load = |relation: &str| Load {
            table: KeptTable::new(name(relation), Role::Other),
            columns: Vec::new(),
            rows: Vec::new(),
            is_verbatim: true,
        };
        let references = [
            (name("events"), name("streams")),
            (name("streams"), name("tenants")),
            (name("progress"), name("events")),
            (name("notes"), name("progress")),
        ];
        let loads = ["notes", "progress", "streams", "tenants"].map(load).into();
        let (before, after) = divide(&references, &name("events"), loads);
        let names = |loads: &[Load]| {
            loads.iter().map(|load| load.table.name.relation.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&before), ["tenants", "streams"]);
        assert_eq!(names(&after), ["progress", "notes"]);
    }
}
