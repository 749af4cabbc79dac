//! Event stores in PostgreSQL databases.
//!
//! A schema's file in `schemas/` says where a store keeps its events (`layout`); everything else is
//! the same for all of them. A source is read at one moment, on connections that share a snapshot.

mod catalog;
mod census;
pub mod connect;
mod copy;
mod dump;
mod follow;
mod kept;
mod layout;
mod merge;
mod moment;
mod plan;
mod query;
mod reader;
mod remembered;
mod rows;
mod schemas;
mod source;
mod statements;
mod target;
mod ties;
mod token;
mod value;

pub use schemas::TableMapping;
pub use source::{KIND, PostgresSource, SchemaChoice};
pub use target::PostgresTarget;
pub use ties::ties;

#[cfg(test)]
mod tests;
