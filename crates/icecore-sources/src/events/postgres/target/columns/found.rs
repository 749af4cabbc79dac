//! Finds the columns of a store in the target database.

use super::{
    Columns, Dealt, POSITION, PayloadPlace, Place, Positions, STREAM, TRANSACTION, TargetColumn,
    VERSION,
};
use crate::events::postgres::layout::{self, Layout, Order, Part};
use crate::events::postgres::query::Session;
use crate::events::postgres::target::failure::unsuitable;
use crate::events::postgres::target::given::Given;
use crate::events::postgres::target::spread::LINK_ID;
use crate::events::postgres::value::Encoding;
use icecore::target::TargetError;
use postgres_protocol::escape::{escape_identifier, escape_literal};

/// What the database says of a column.
struct Described {
    name: String,
    sql_type: String,
    is_nullable: bool,
    has_default: bool,
    is_generated: bool,
    /// The sequence that is its own, whether or not it takes its default from there.
    sequence: Option<String>,
}

impl Columns {
    /// The columns of a store in the target database.
    pub(in crate::events::postgres::target) async fn of(
        session: &Session,
        layout: &Layout,
        given: &Given,
        is_beside: bool,
    ) -> Result<Self, TargetError> {
        let described = describe(session, layout).await?;
        let mut columns: Vec<TargetColumn> = Vec::new();
        // Positions are dealt anew in their order, so they have to be at hand.
        let is_joined = !layout.joined.is_empty()
            || (is_beside && matches!(layout.order, Order::Position { .. }));
        for column in &layout.columns {
            let has_own_table = matches!(layout.order, Order::Position { .. }) && !is_joined;
            let is_taken =
                columns.iter().any(|it| Some(it.identifier.as_str()) == column.identifier());
            let follows = !column.joined_of.is_empty()
                || (column.part == Part::Stream && layout.has_one_stream())
                || is_of_payload(layout, &column.part, column.identifier());
            if (column.part == Part::Position && has_own_table) || is_taken || follows {
                continue;
            }
            let Some(identifier) = column.identifier() else {
                columns.push(elsewhere(layout, column, is_joined)?);
                continue;
            };
            let found = described.iter().find(|it| escape_identifier(&it.name) == identifier);
            let found = found.ok_or_else(|| {
                unsuitable(format!("{} has no column {identifier}", layout.events))
            })?;
            if found.is_generated || found.is_unknown_to(given, &column.part) {
                continue;
            }
            columns.push(TargetColumn {
                part: column.part.clone(),
                identifier: identifier.to_owned(),
                expression: format!("e.{identifier}"),
                place: Place::Events,
                is_position: layout
                    .columns
                    .iter()
                    .any(|it| it.part == Part::Position && it.identifier() == Some(identifier)),
                encoding: Encoding::Text,
                cast: Some(found.sql_type.clone()),
                is_nullable: found.is_nullable,
                is_canonical: given.is_canonical(&found.name),
                payload: PayloadPlace::Always,
                dealt: found.dealt(layout),
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
        let from = if is_joined { layout.all_events() } else { format!("{} e", layout.events) };
        let expressions: Vec<&str> = columns.iter().map(|it| it.expression.as_str()).collect();
        let sql = format!("SELECT {} FROM {from}", expressions.join(", "));
        let statement = session.describe(&sql, "look at the columns").await?;
        for (column, described) in columns.iter_mut().zip(statement.columns()) {
            if let Some(encoding) = Encoding::of(described.type_()) {
                (column.encoding, column.cast) = (encoding, None);
            }
        }
        place_payloads(layout, &mut columns);
        let positions = if is_joined { None } else { positions(session, layout, &columns).await? };
        let stream_parts = layout.stream_parts().to_vec();
        let has_one_stream = layout.has_one_stream();
        Ok(Self { all: columns, positions, stream_parts, has_one_stream, from })
    }
}

impl Described {
    /// Whether it is a member that events do not have, so that its default is taken.
    fn is_unknown_to(&self, given: &Given, part: &Part) -> bool {
        let Part::Member(name) = part else { return false };
        match &given.store {
            Some(store) => !store.members.contains(name),
            None => self.has_default,
        }
    }

    /// What deals values of this column where they order all events of a store, or are numbers of
    /// its cluster.
    fn dealt(&self, layout: &Layout) -> Option<Dealt> {
        let identifier = escape_identifier(&self.name);
        let of_column = layout.columns.iter().filter(|it| it.identifier() == Some(&identifier));
        let is_position = of_column.into_iter().any(|column| column.part == Part::Position);
        match &self.sequence {
            _ if self.sql_type == TRANSACTION => {
                Some(Dealt::Expression("pg_catalog.pg_current_xact_id()".to_owned()))
            }
            _ if is_position && self.has_default => Some(Dealt::Default),
            Some(sequence) if is_position => {
                let next = format!("pg_catalog.nextval({}::regclass)", escape_literal(sequence));
                Some(Dealt::Expression(next))
            }
            _ => None,
        }
    }
}

/// A column for what is not in the table of events.
fn elsewhere(
    layout: &Layout,
    column: &layout::Column,
    is_joined: bool,
) -> Result<TargetColumn, TargetError> {
    let (schema, part) = (layout.schema, &column.part);
    let (name, is_dealt) = match part {
        Part::Stream => (STREAM, false),
        // Where it is computed, it follows from what is dealt.
        Part::Version => (VERSION, !column.expression.starts_with("d.")),
        Part::Position => (POSITION, true),
        Part::Member(name) => (name.as_str(), name == LINK_ID),
        _ => ("", false),
    };
    if !is_joined || name.is_empty() {
        return Err(unsuitable(format!(
            "{schema}: {part} is in no column of its own to restore it to"
        )));
    }
    Ok(TargetColumn {
        part: part.clone(),
        identifier: escape_identifier(name),
        expression: column.expression.clone(),
        place: Place::Staged,
        is_position: *part == Part::Position,
        encoding: Encoding::Text,
        cast: Some("text".to_owned()),
        is_nullable: true,
        is_canonical: true,
        payload: PayloadPlace::Always,
        dealt: is_dealt.then_some(Dealt::Default),
    })
}

/// Whether a member is what a column of payloads has while the payload is in another.
fn is_of_payload(layout: &Layout, part: &Part, identifier: Option<&str>) -> bool {
    let Part::Member(name) = part else { return false };
    let is_its_column = |column: &layout::Column| {
        column.part == Part::Payload && column.identifier() == Some(&escape_identifier(name))
    };
    identifier.is_none() && layout.columns.iter().any(is_its_column)
}

/// Says which payloads go where, if there are several columns of them.
fn place_payloads(layout: &Layout, columns: &mut [TargetColumn]) {
    let members: Vec<&str> = layout
        .columns
        .iter()
        .filter_map(|column| match &column.part {
            Part::Member(name) if is_of_payload(layout, &column.part, column.identifier()) => {
                Some(name.as_str())
            }
            _ => None,
        })
        .collect();
    let [member] = members.as_slice() else { return };
    for column in columns.iter_mut().filter(|column| column.part == Part::Payload) {
        column.payload = if column.identifier == escape_identifier(member) {
            PayloadPlace::Unless((*member).to_owned())
        } else {
            PayloadPlace::If((*member).to_owned())
        };
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
        let part = Part::Member((*member).clone());
        is_of_payload(layout, &part, None) || columns.iter().any(|column| column.part == part)
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
    let table = layout.events.literal();
    let sql = format!(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, \
                atthasdef OR attidentity <> '', attgenerated <> '', \
                pg_get_serial_sequence({table}, attname) \
         FROM pg_attribute \
         WHERE attrelid = {table}::regclass AND attnum > 0 AND NOT attisdropped"
    );
    let rows = session.rows(&sql, "look at the columns").await?;
    let described = rows.iter().map(|row| Described {
        name: row.get(0),
        sql_type: row.get(1),
        is_nullable: !row.get::<_, bool>(2),
        has_default: row.get(3),
        is_generated: row.get(4),
        sequence: row.get(5),
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
    let mut numbered = columns.iter().enumerate();
    let found = numbered.find(|(_, it)| it.identifier == shared && it.cast.is_none());
    match (encoding, found) {
        (Some(encoding), Some((index, TargetColumn { encoding: shared_encoding, .. }))) => {
            let (table, shared_encoding) = (table.to_string(), *shared_encoding);
            Ok(Some(Positions { table, column, shared, encoding, index, shared_encoding }))
        }
        _ => Err(unsuitable(format!("{table} does not keep positions as icecore knows them"))),
    }
}
