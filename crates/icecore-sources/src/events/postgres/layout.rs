//! Where a store keeps its events: what the file of each schema says, and all that reading needs.

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
    /// Where the parts of an event are, in the order of the table.
    pub(super) columns: Vec<Column>,
    /// The columns that tell an event from all others, each with a function that hashes it.
    pub(super) identity: Vec<(String, IdentityHash)>,
    pub(super) order: Order,
    /// By which expressions new events are sorted where the order is that of the table.
    pub(super) sorted_by: Vec<String>,
    /// Tables that belong to the store and have no events.
    pub(super) tables: Vec<KeptTable>,
}

/// An expression, and which part of an event it is.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) expression: String,
    pub(super) part: Part,
}

impl Column {
    /// A column of the table of events.
    pub(super) fn of_events(column: &str, part: Part) -> Self {
        Self { expression: format!("e.{}", escape_identifier(column)), part }
    }
}

/// A part of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Stream,
    Version,
    Type,
    Id,
    Time,
    Payload,
    Metadata,
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
    /// By a position without gaps that is dealt in the order of commits, in this table. In
    /// expressions it is called `d`.
    Position {
        table: Name,
        /// The column of the position.
        column: String,
        /// The column that has the same value in both tables.
        shared: String,
    },
}

/// A table that is kept beside the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeptTable {
    pub(super) name: Name,
    pub(super) role: Role,
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
    /// Anything else that the store needs.
    Other,
}

impl Layout {
    /// An expression that hashes an event's identity to a `bigint`.
    pub(super) fn identity_expression(&self) -> String {
        let mut seed = "0::bigint".to_owned();
        for (column, hash) in &self.identity {
            let column = format!("e.{}", escape_identifier(column));
            let hashed = match hash {
                IdentityHash::Text => format!("pg_catalog.hashtextextended({column}, {seed})"),
                IdentityHash::Uuid => format!("pg_catalog.uuid_hash_extended({column}, {seed})"),
                IdentityHash::Integer => {
                    format!("pg_catalog.hashint8extended({column}::bigint, {seed})")
                }
            };
            seed = format!("coalesce({hashed}, 1)");
        }
        seed
    }

    /// The expression that is an event's stream.
    pub(super) fn stream_expression(&self) -> Option<&str> {
        let column = self.columns.iter().find(|column| column.part == Part::Stream);
        column.map(|column| column.expression.as_str())
    }

    /// All events, with their positions if they have any.
    pub(super) fn all_events(&self) -> String {
        match &self.order {
            Order::Table => format!("{} e", self.events),
            Order::Position { table, shared, .. } => {
                let shared = escape_identifier(shared);
                format!("{} e LEFT JOIN {table} d USING ({shared})", self.events)
            }
        }
    }

    /// What is selected of each event.
    pub(super) fn expressions(&self) -> String {
        let columns: Vec<&str> =
            self.columns.iter().map(|column| column.expression.as_str()).collect();
        columns.join(", ")
    }
}
