//! Which column takes which part of an event.
//!
//! A part that is in another table, such as the stream in one of streams, has a column in the table
//! of rows on their way alone (`spread` says where it goes from there). A part that follows from
//! others, such as a stream that is joined of members, has none.

mod found;

use crate::events::postgres::layout::Part;
use crate::events::postgres::value::Encoding;

/// The columns of parts that are in no column of the table of events.
pub(super) const STREAM: &str = "icecore_stream";
pub(super) const VERSION: &str = "icecore_version";
pub(super) const POSITION: &str = "icecore_position";

/// The type of numbers of transactions.
const TRANSACTION: &str = "xid8";

/// How events become rows.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) all: Vec<TargetColumn>,
    /// The table of positions, if there is one of its own.
    pub(super) positions: Option<Positions>,
    /// The columns that a stream's id is divided over: they are members, and get the parts of
    /// another id.
    pub(super) stream_parts: Vec<String>,
    /// Whether the id of a stream is in no column at all.
    pub(super) has_one_stream: bool,
    /// What rows are read back from.
    from: String,
}

/// A column for a part of events.
#[derive(Clone, Debug)]
pub(super) struct TargetColumn {
    pub(super) part: Part,
    /// Its name, as SQL takes it.
    pub(super) identifier: String,
    /// What reads it back.
    expression: String,
    place: Place,
    /// Whether it has positions, whatever else these are.
    is_position: bool,
    /// How its values are sent.
    pub(super) encoding: Encoding,
    /// The type that texts are cast to, if it has no encoding of ours.
    pub(super) cast: Option<String>,
    pub(super) is_nullable: bool,
    /// Whether what is sent is JSON as PostgreSQL prints it.
    pub(super) is_canonical: bool,
    /// Of a payload: which member tells that it is in another column, and is what this one has; or
    /// that it is in this one.
    pub(super) payload: PayloadPlace,
    /// What gives a value to events that go beside others, instead of theirs.
    dealt: Option<Dealt>,
}

/// Where a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the table of events.
    Events,
    /// In that of rows on their way alone.
    Staged,
}

/// Which of several columns a payload is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum PayloadPlace {
    #[default]
    Always,
    /// Unless there is this member, whose value takes its place.
    Unless(String),
    /// Only if there is this member.
    If(String),
}

/// What deals the values of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Dealt {
    /// Its default, or whoever fills the table that it is in.
    Default,
    Expression(String),
}

/// The columns of a table of positions: the position, and that which it shares with the events.
#[derive(Clone, Debug)]
pub(super) struct Positions {
    pub(super) table: String,
    pub(super) column: String,
    pub(super) shared: String,
    pub(super) encoding: Encoding,
    /// Which of the columns of the events is shared, and how its values are sent.
    pub(super) index: usize,
    pub(super) shared_encoding: Encoding,
}

impl Columns {
    /// The columns of rows on their way, as a list.
    pub(super) fn list(&self) -> String {
        let columns: Vec<&str> = self.all.iter().map(|it| it.identifier.as_str()).collect();
        columns.join(", ")
    }

    /// A query of all rows, in types whose encodings are ours.
    pub(super) fn query(&self) -> String {
        let expressions: Vec<String> = self.all.iter().map(TargetColumn::named).collect();
        format!("SELECT {} FROM {}", expressions.join(", "), self.from)
    }

    /// The same of events that went beside others, and of what was not dealt to them anew.
    pub(super) fn query_beside(&self, condition: &str) -> String {
        let expressions: Vec<String> = self.compared(true).map(TargetColumn::named).collect();
        format!("SELECT {} FROM {} WHERE {condition}", expressions.join(", "), self.from)
    }

    /// The columns whose values are compared with what was sent: all, and beside others those that
    /// are not dealt anew.
    pub(super) fn compared(&self, is_beside: bool) -> impl Iterator<Item = &TargetColumn> {
        self.all.iter().filter(move |column| !is_beside || column.dealt.is_none())
    }

    /// Which columns are compared after events went beside others.
    pub(super) fn is_compared_beside(&self) -> Vec<bool> {
        self.all.iter().map(|column| column.dealt.is_none()).collect()
    }

    /// What sorts rows on their way by the positions that they had.
    fn order_of_positions(&self) -> String {
        let number = |column: &&TargetColumn| column.cast.as_deref() == Some(TRANSACTION);
        let numbers = self.all.iter().filter(number);
        let numbers = numbers.map(|column| format!("{}::{TRANSACTION}, ", column.identifier));
        let positions = self.all.iter().filter(|column| column.is_position);
        let positions = positions.map(|column| format!("{}, ", column.identifier));
        numbers.chain(positions).chain(["ctid".to_owned()]).collect()
    }

    /// The statement that puts rows on their way into the table of events, in their order; beside
    /// others, they get values of their own where values are dealt.
    pub(super) fn insert(&self, table: &str, staged: &str, is_beside: bool) -> String {
        let of_events = self.all.iter().filter(|column| column.place == Place::Events);
        let (mut list, mut values) = (Vec::new(), Vec::new());
        for column in of_events {
            let value = match (&column.dealt, &column.cast) {
                (Some(Dealt::Default), _) if is_beside => continue,
                (Some(Dealt::Expression(dealt)), _) if is_beside => dealt.clone(),
                (_, None) => format!("r.{}", column.identifier),
                (_, Some(sql_type)) => format!("r.{}::{sql_type}", column.identifier),
            };
            list.push(column.identifier.as_str());
            values.push(value);
        }
        let order = if is_beside { self.order_of_positions() } else { "ctid".to_owned() };
        let rows = format!("SELECT * FROM {staged} ORDER BY {order}");
        format!(
            "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM ({rows}) r",
            list.join(", "),
            values.join(", ")
        )
    }

    /// Whether rows cannot be copied into the table directly.
    pub(super) fn needs_staging(&self) -> bool {
        self.all.iter().any(|column| column.cast.is_some() || column.place == Place::Staged)
    }

    /// Whether values of some columns are dealt anew to events that go beside others.
    pub(super) fn deals(&self) -> bool {
        let is_dealt =
            |column: &TargetColumn| column.place == Place::Events && column.dealt.is_some();
        self.all.iter().any(is_dealt)
    }

    /// The column of events' ids, if it is one of the table of events.
    pub(super) fn id(&self) -> Option<&TargetColumn> {
        let mut columns = self.all.iter();
        columns.find(|column| {
            column.part == Part::Id && column.place == Place::Events && column.dealt.is_none()
        })
    }

    /// Whether there is a place for a member.
    pub(super) fn has_place(&self, member: &str) -> bool {
        self.all.iter().any(|column| {
            let is_of_payload =
                matches!(&column.payload, PayloadPlace::Unless(name) if name == member);
            is_of_payload || matches!(&column.part, Part::Member(name) if name == member)
        })
    }
}

impl TargetColumn {
    /// Whether its values are JSON, of which null is one.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.encoding, Encoding::Json | Encoding::Jsonb)
    }

    /// What reads it back, under its name.
    fn named(&self) -> String {
        match self.cast {
            None => format!("{} AS {}", self.expression, self.identifier),
            Some(_) => format!("({})::text AS {}", self.expression, self.identifier),
        }
    }
}
