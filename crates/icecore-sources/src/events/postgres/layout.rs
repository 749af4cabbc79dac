//! Where a store keeps its events: what the file of each schema says, and all that reading needs.

use super::catalog::Catalog;
use postgres_protocol::escape::{escape_identifier, escape_literal};
use std::fmt::{self, Display, Formatter};

/// A table's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) namespace: String,
    pub(super) relation: String,
}

impl Name {
    pub(super) fn new(namespace: &str, relation: &str) -> Self {
        Self { namespace: namespace.to_owned(), relation: relation.to_owned() }
    }

    /// As a literal that can be cast to `regclass`.
    pub(super) fn literal(&self) -> String {
        escape_literal(&self.to_string())
    }
}

impl Display for Name {
    /// As SQL takes it, with its namespace.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (namespace, relation) = (&self.namespace, &self.relation);
        write!(formatter, "{}.{}", escape_identifier(namespace), escape_identifier(relation))
    }
}

/// A store, as its schema describes it.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The schema's name, as `--schema` takes it.
    pub(super) schema: &'static str,
    /// What it was recognised as, in words.
    pub(super) description: String,
    /// The table of events. In expressions it is called `e`.
    pub(super) events: Name,
    /// What has parts of events in other tables, as SQL joins it to `e` (and `d`, see [`Order`])
    /// with exactly one row for each event; empty if there is none.
    pub(super) joined: String,
    /// Where the parts of an event are, in the order of the table.
    pub(super) columns: Vec<Column>,
    /// The expressions that tell an event from all others, each with a function that hashes it.
    pub(super) identity: Vec<(String, IdentityHash)>,
    pub(super) order: Order,
    /// By which expressions new events are sorted where the order is that of the table.
    pub(super) sorted_by: Vec<String>,
    /// Tables that belong to the store and have no events.
    pub(super) tables: Vec<KeptTable>,
}

/// What makes a text of a value.
const AS_TEXT: &str = "::text";

/// The stream of all events, where no column says which.
pub(super) const ONE_STREAM: &str = "'all'::text";

/// An expression, and which part of an event it is.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) expression: String,
    pub(super) part: Part,
    /// The columns of the table of events whose values are joined here; empty if it is none of
    /// several.
    pub(super) joined_of: Vec<String>,
}

impl Column {
    /// A column of the table of events.
    pub(super) fn of_events(column: &str, part: Part) -> Self {
        Self::new(format!("e.{}", escape_identifier(column)), part)
    }

    /// The text of a column of the table of events.
    pub(super) fn text_of_events(column: &str, part: Part) -> Self {
        Self::new(format!("e.{}{AS_TEXT}", escape_identifier(column)), part)
    }

    /// A stream that is several columns of the table of events, each of which is a member, too.
    pub(super) fn joined_stream(columns: &[&str]) -> Self {
        let expressions: Vec<String> =
            columns.iter().map(|column| format!("e.{}", escape_identifier(column))).collect();
        let expressions: Vec<&str> = expressions.iter().map(String::as_str).collect();
        Self {
            expression: joined_parts(&expressions),
            part: Part::Stream,
            joined_of: columns.iter().map(|&column| column.to_owned()).collect(),
        }
    }

    /// Any expression.
    pub(super) fn new(expression: impl Into<String>, part: Part) -> Self {
        Self { expression: expression.into(), part, joined_of: Vec::new() }
    }

    /// The column of the table of events that this is, or is the text of, as SQL takes it; `None` if
    /// it is computed.
    pub(super) fn identifier(&self) -> Option<&str> {
        let name = self.expression.strip_prefix("e.")?;
        let name = name.strip_suffix(AS_TEXT).unwrap_or(name);
        let inner = name.strip_prefix('"')?.strip_suffix('"')?;
        (!inner.replace("\"\"", "").contains('"')).then_some(name)
    }
}

/// An expression that joins parts of a stream's id by `/` so that they can be told apart again:
/// in all but the last, a backslash stands before `/` and before a backslash.
pub(super) fn joined_parts(parts: &[&str]) -> String {
    let Some((last, before)) = parts.split_last() else { return "''".to_owned() };
    let before = before.iter().map(|part| {
        let escaped = format!(r"replace(replace({part}::text, E'\\', E'\\\\'), '/', E'\\/')");
        format!("{escaped} || '/' || ")
    });
    before.chain([format!("{last}::text")]).collect()
}

/// The parts that an id was joined of; `None` if it was not joined of so many.
pub(super) fn divided(joined: &str, parts: usize) -> Option<Vec<String>> {
    let mut divided = vec![String::new()];
    let mut characters = joined.chars();
    while let Some(character) = characters.next() {
        let is_last = divided.len() == parts;
        let part = divided.last_mut()?;
        match character {
            '\\' if !is_last => match characters.next()? {
                escaped @ ('/' | '\\') => part.push(escaped),
                _ => return None,
            },
            '/' if !is_last => divided.push(String::new()),
            character => part.push(character),
        }
    }
    (divided.len() == parts).then_some(divided)
}

/// By which expressions events are sorted that have a value which grows with them, as far as that
/// goes: clocks go backwards, and numbers of a sequence are dealt before they are used. So that an
/// event never comes before those of its stream with lower versions, each has the largest value up
/// to it.
pub(super) fn in_order_of_streams(values: &[&str], stream: &str, version: &str) -> Vec<String> {
    let largest =
        |value: &&str| format!("max({value}) OVER (PARTITION BY {stream} ORDER BY {version})");
    values.iter().map(largest).chain([version.to_owned()]).collect()
}

/// A part of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Stream,
    Version,
    Type,
    Id,
    Time,
    /// Of several payloads, the last that is not null.
    Payload,
    Metadata,
    /// Its place among all events, which stands beside the record.
    Position,
    /// A member beyond those that every store has.
    Member(String),
}

impl Display for Part {
    /// In words, for messages.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Stream => "its stream",
            Self::Version => "its version",
            Self::Type => "its type",
            Self::Id => "its id",
            Self::Time => "its time",
            Self::Payload => "its payload",
            Self::Metadata => "its metadata",
            Self::Position => "its position",
            Self::Member(name) => return write!(formatter, "its column {name}"),
        })
    }
}

/// A function that PostgreSQL hashes a value with, from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdentityHash {
    Text,
    Uuid,
    Integer,
}

/// In which order events are read, and how what is new is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As they lie in the table. What is new is known by the transactions that wrote it.
    Table,
    /// By a position without gaps that is dealt in the order of commits.
    Position(Positions),
}

/// Where positions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Positions {
    /// The table that has them, once for each event. In expressions it is called `d`.
    pub(super) table: Name,
    /// Which of its rows have positions of events; all of them if empty.
    pub(super) condition: Option<String>,
    /// The column of the position.
    pub(super) column: String,
    /// The column that has the same value in both tables.
    pub(super) shared: String,
}

impl Positions {
    /// The column, as SQL takes it.
    pub(super) fn column(&self) -> String {
        format!("d.{}", escape_identifier(&self.column))
    }

    /// All rows with positions, and those alone that fulfil a condition.
    pub(super) fn rows(&self, condition: Option<&str>) -> String {
        let conditions: Vec<&str> =
            self.condition.as_deref().into_iter().chain(condition).collect();
        match conditions.as_slice() {
            [] => format!("{} d", self.table),
            conditions => format!("{} d WHERE {}", self.table, conditions.join(" AND ")),
        }
    }

    /// What says that both rows are of one event.
    fn is_of_event(&self) -> String {
        let shared = escape_identifier(&self.shared);
        let condition = self.condition.iter().map(|condition| format!(" AND {condition}"));
        format!("d.{shared} = e.{shared}{}", condition.collect::<String>())
    }
}

/// A table that is kept beside the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptTable {
    pub(super) name: Name,
    pub(super) role: Role,
    /// Which of its rows are kept: all, or those that say what events do not. In the condition it
    /// is called `k`.
    pub(super) condition: Option<String>,
    /// Which of its rows a store has from its beginning; they are called `k`, too.
    pub(super) preset: Option<&'static str>,
    /// The columns whose values, joined as those of events are, name a stream: such rows go with
    /// their streams. Empty if its rows are of no stream.
    pub(super) stream: &'static [&'static str],
}

impl KeptTable {
    /// All of a table.
    pub(super) fn new(name: Name, role: Role) -> Self {
        Self { name, role, condition: None, preset: None, stream: &[] }
    }

    /// Says of the table of this name, if it is among these, which columns name a stream.
    pub(super) fn name_streams(
        tables: &mut [Self],
        relation: &str,
        columns: &'static [&'static str],
    ) {
        for table in tables.iter_mut().filter(|table| table.name.relation == relation) {
            table.stream = columns;
        }
    }

    /// An expression of the stream that a row is of, which is called by this name.
    pub(super) fn stream_expression(&self, row: &str) -> Option<String> {
        let columns: Vec<String> = self
            .stream
            .iter()
            .map(|column| format!("{row}.{}", escape_identifier(column)))
            .collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        (!columns.is_empty()).then(|| joined_parts(&columns))
    }

    /// All of those of these tables that are there.
    pub(super) fn present(
        catalog: &Catalog,
        namespace: &str,
        tables: &[(&str, Role)],
    ) -> Vec<Self> {
        let tables =
            tables.iter().map(|(table, role)| Self::new(Name::new(namespace, table), *role));
        tables.filter(|table| catalog.has(&table.name)).collect()
    }
}

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// How far consumers have come.
    Checkpoints,
    /// States of aggregates or commands, which can be computed anew: kept on request.
    States,
    /// Which migrations were applied.
    Migrations,
    /// What a store has from its beginning, and changes: it takes the place of what is there.
    Preset,
    /// Anything else that the store needs.
    #[allow(dead_code, reason = "not every schema has such a table")]
    Other,
}

impl Layout {
    /// An expression that hashes an event's identity to a `bigint`.
    pub(super) fn identity_expression(&self) -> String {
        let mut seed = "0::bigint".to_owned();
        for (column, hash) in &self.identity {
            let hashed = match hash {
                IdentityHash::Text => format!("pg_catalog.hashtextextended({column}, {seed})"),
                IdentityHash::Uuid => format!("pg_catalog.uuid_hash_extended({column}, {seed})"),
                IdentityHash::Integer => {
                    format!("pg_catalog.hashint8extended(({column})::bigint, {seed})")
                }
            };
            seed = format!("coalesce({hashed}, 1)");
        }
        seed
    }

    /// All tables of the store, that of its events first.
    pub(super) fn all_tables(&self) -> Vec<&Name> {
        let positions = match &self.order {
            Order::Table => None,
            Order::Position(positions) => Some(&positions.table),
        };
        let kept = self.tables.iter().map(|table| &table.name);
        [&self.events].into_iter().chain(positions).chain(kept).collect()
    }

    /// Whether the namespace is the store's alone, with everything that is in it: its functions are
    /// what applications call.
    pub(super) fn owns_namespace(&self) -> bool {
        self.schema == "message-db"
    }

    /// The columns of the table of events that a stream is joined of; none if it is one alone.
    pub(super) fn stream_parts(&self) -> &[String] {
        let column = self.columns.iter().find(|column| column.part == Part::Stream);
        column.map_or(&[], |column| column.joined_of.as_slice())
    }

    /// Whether all events are in one stream, which is stored nowhere.
    pub(super) fn has_one_stream(&self) -> bool {
        self.stream_expression() == Some(ONE_STREAM)
    }

    /// The expression that is an event's stream.
    pub(super) fn stream_expression(&self) -> Option<&str> {
        let column = self.columns.iter().find(|column| column.part == Part::Stream);
        column.map(|column| column.expression.as_str())
    }

    /// What is joined to events: their positions, if they have any, and what is in other tables.
    pub(super) fn joins(&self) -> String {
        match &self.order {
            Order::Table => self.joined.clone(),
            Order::Position(positions) => {
                let (table, is_of_event) = (&positions.table, positions.is_of_event());
                format!(" LEFT JOIN {table} d ON {is_of_event}{}", self.joined)
            }
        }
    }

    /// All events, with their positions if they have any.
    pub(super) fn all_events(&self) -> String {
        format!("{} e{}", self.events, self.joins())
    }

    /// The events that have positions.
    pub(super) fn events_at(&self, positions: &Positions) -> String {
        let (table, is_of_event) = (&positions.table, positions.is_of_event());
        format!("{table} d JOIN {} e ON {is_of_event}{}", self.events, self.joined)
    }

    /// What is selected of each event.
    pub(super) fn expressions(&self) -> String {
        let columns: Vec<&str> =
            self.columns.iter().map(|column| column.expression.as_str()).collect();
        columns.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_divided_as_it_was_joined() {
        let parts = |id: &str, count| divided(id, count);
        let some = |parts: &[&str]| Some(parts.iter().map(|&part| part.to_owned()).collect());
        assert_eq!(parts("account/ACC-1", 2), some(&["account", "ACC-1"]));
        assert_eq!(parts(r"a\/b\\/c/d\e", 2), some(&[r"a/b\", r"c/d\e"]));
        assert_eq!(parts("ledger/", 2), some(&["ledger", ""]));
        assert_eq!(parts("a/b/c", 3), some(&["a", "b", "c"]));
        assert_eq!(parts("whole/as/it is", 1), some(&["whole/as/it is"]));
        for none in ["account", r"a\b/c", r"a\"] {
            assert_eq!(parts(none, 2), None, "{none}");
        }
    }
}
