//! Which column takes which part of an event.

use super::failure::unsuitable;
use super::given::Given;
use crate::events::postgres::layout::{self, Layout, Order, Part};
use crate::events::postgres::query::Session;
use crate::events::postgres::value::Encoding;
use icecore::target::TargetError;
use postgres_protocol::escape::escape_identifier;

/// How events become rows.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) columns: Vec<TargetColumn>,
    /// The table of positions, if there is one of its own.
    pub(super) positions: Option<Positions>,
}

/// A column of the table of events.
#[derive(Clone, Debug)]
pub(super) struct TargetColumn {
    pub(super) part: Part,
    /// As SQL takes it.
    pub(super) identifier: String,
    /// How its values are sent.
    pub(super) encoding: Encoding,
    /// The type that texts are cast to, if it has no encoding of ours.
    pub(super) cast: Option<String>,
    pub(super) is_nullable: bool,
    /// Whether what is sent is JSON as PostgreSQL prints it.
    pub(super) is_canonical: bool,
}

/// The columns of a table of positions: the position, and that which it shares with the events.
#[derive(Clone, Debug)]
pub(super) struct Positions {
    pub(super) table: String,
    pub(super) column: String,
    pub(super) shared: String,
    pub(super) encoding: Encoding,
    /// Which of the columns of the events is shared.
    pub(super) index: usize,
}

/// What the database says of a column.
struct Described {
    name: String,
    sql_type: String,
    is_nullable: bool,
    has_default: bool,
    is_generated: bool,
}

impl Columns {
    /// The columns of a store in the target database.
    pub(super) async fn of(
        session: &Session,
        layout: &Layout,
        given: &Given,
    ) -> Result<Self, TargetError> {
        let described = describe(session, layout).await?;
        let mut columns = Vec::new();
        for column in &layout.columns {
            let has_own_table = matches!(layout.order, Order::Position { .. });
            if column.part == Part::Position && has_own_table {
                continue;
            }
            let identifier = column.identifier().ok_or_else(|| {
                let (schema, part) = (layout.schema, &column.part);
                unsuitable(format!("{schema}: {part} is in no column of its own to restore it to"))
            })?;
            let found = described.iter().find(|it| escape_identifier(&it.name) == identifier);
            let found = found.ok_or_else(|| {
                unsuitable(format!("{} has no column {identifier}", layout.events))
            })?;
            if found.is_generated {
                continue;
            }
            columns.push(TargetColumn {
                part: column.part.clone(),
                identifier: identifier.to_owned(),
                encoding: Encoding::Text,
                cast: Some(found.sql_type.clone()),
                is_nullable: found.is_nullable,
                is_canonical: given.is_canonical(&found.name),
            });
        }
        require_place_for_members(layout, given, &columns)?;
        let is_taken = |it: &Described| {
            let identifier = escape_identifier(&it.name);
            it.is_nullable
                || it.has_default
                || it.is_generated
                || columns.iter().any(|column| column.identifier == identifier)
        };
        if let Some(needed) = described.iter().find(|it| !is_taken(it)) {
            let (table, column) = (&layout.events, &needed.name);
            return Err(unsuitable(format!(
                "{table} requires a value in its column {column}, and the snapshot has none"
            )));
        }
        let identifiers: Vec<&str> = columns.iter().map(|it| it.identifier.as_str()).collect();
        let sql = format!("SELECT {} FROM {}", identifiers.join(", "), layout.events);
        let statement = session.describe(&sql, "look at the columns").await?;
        for (column, described) in columns.iter_mut().zip(statement.columns()) {
            if let Some(encoding) = Encoding::of(described.type_()) {
                (column.encoding, column.cast) = (encoding, None);
            }
        }
        let positions = positions(session, layout, &columns).await?;
        Ok(Self { columns, positions })
    }

    /// The columns of the events, as a list.
    pub(super) fn list(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|it| it.identifier.as_str()).collect();
        columns.join(", ")
    }

    /// The same, in types whose encodings are ours.
    pub(super) fn expressions(&self) -> String {
        let expression = |column: &TargetColumn| match column.cast {
            None => column.identifier.clone(),
            Some(_) => format!("{}::text AS {0}", column.identifier),
        };
        let expressions: Vec<String> = self.columns.iter().map(expression).collect();
        expressions.join(", ")
    }

    /// From the types whose encodings are ours, to those of the table.
    pub(super) fn casts(&self) -> String {
        let cast = |column: &TargetColumn| match &column.cast {
            None => column.identifier.clone(),
            Some(sql_type) => format!("{}::{sql_type}", column.identifier),
        };
        let casts: Vec<String> = self.columns.iter().map(cast).collect();
        casts.join(", ")
    }

    /// Whether some values cannot be copied into the table directly.
    pub(super) fn needs_casts(&self) -> bool {
        self.columns.iter().any(|column| column.cast.is_some())
    }
}

/// Refuses a table without a column for members that events of the snapshot have.
fn require_place_for_members(
    layout: &Layout,
    given: &Given,
    columns: &[TargetColumn],
) -> Result<(), TargetError> {
    let members = given.store.iter().flat_map(|store| &store.members);
    let has_place = |member: &&String| {
        columns.iter().any(|column| matches!(&column.part, Part::Member(name) if name == *member))
    };
    let missing: Vec<&str> =
        members.filter(|member| !has_place(member)).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (table, missing) = (&layout.events, missing.join(", "));
    Err(unsuitable(format!("{table} has no column for what the snapshot's events have: {missing}")))
}

async fn describe(session: &Session, layout: &Layout) -> Result<Vec<Described>, TargetError> {
    let sql = format!(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, \
                atthasdef OR attidentity <> '', attgenerated <> '' \
         FROM pg_attribute \
         WHERE attrelid = {}::regclass AND attnum > 0 AND NOT attisdropped",
        layout.events.literal()
    );
    let rows = session.rows(&sql, "look at the columns").await?;
    let described = rows.iter().map(|row| Described {
        name: row.get(0),
        sql_type: row.get(1),
        is_nullable: !row.get::<_, bool>(2),
        has_default: row.get(3),
        is_generated: row.get(4),
    });
    Ok(described.collect())
}

async fn positions(
    session: &Session,
    layout: &Layout,
    columns: &[TargetColumn],
) -> Result<Option<Positions>, TargetError> {
    let Order::Position(layout::Positions { table, column, shared, .. }) = &layout.order else {
        return Ok(None);
    };
    let (column, shared) = (escape_identifier(column), escape_identifier(shared));
    let sql = format!("SELECT {column} FROM {table}");
    let statement = session.describe(&sql, "look at the positions").await?;
    let encoding = statement.columns().first().and_then(|it| Encoding::of(it.type_()));
    let index = columns.iter().position(|it| it.identifier == shared && it.cast.is_none());
    match (encoding, index) {
        (Some(encoding), Some(index)) => {
            Ok(Some(Positions { table: table.to_string(), column, shared, encoding, index }))
        }
        _ => Err(unsuitable(format!("{table} does not keep positions as icecore knows them"))),
    }
}
